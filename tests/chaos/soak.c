/* soak SECONDS [STREAMS]: the real binary under hundreds of streams and all the disturbances at once, for so long.
 *
 *   plan --> streams <--> [ staunch ] <--> servers        disturbances --> staunch, servers, files
 *               '---------> ledger <---------------------------'
 *
 * One thread over one epoll: so nothing here races, and a seed gives the same plans and disturbances in the same order.
 * The ledger judges each stream when it is over; what must hold of the process is checked at the end. The last line
 * counts both: "N passed, N failed". */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/exit_tbl.h"
#include "tests/chaos/accounts.h"
#include "tests/chaos/report.h"

/* KiB that private memory may grow over the second half; 0: not judged, for the tool's own memory grows. */
#if defined(NP_TSAN)
enum { GROWTH_KIB = 0, STREAMS = 60 };
#elif defined(NP_ASAN)
enum { GROWTH_KIB = 24 * 1024, STREAMS = 100 };
#else
enum { GROWTH_KIB = 4 * 1024, STREAMS = 200 };
#endif
/* EXIT_MS: sanitizers look at all memory before the end. ANSWER_MS, of a reload: it waits 2 s for a
 * log whose reader is stuck; the rest is for a busy machine. */
#if defined(NP_TSAN) || defined(NP_ASAN)
enum { EXIT_MS = 10000, ANSWER_MS = 30000, SLACK_MS = 3000 };
#else
enum { EXIT_MS = 0, ANSWER_MS = 5000, SLACK_MS = 500 };
#endif

enum {
	TURN_MS = 5,
	CLEAN = 10,         /* connections at each listener at the end */
	BUSY_MS = 2000,     /* of streams and disturbances before TERM */
	BEHIND_MS = 300,    /* and of streams that begin behind it */
	TIMEOUT_MS = 3000,  /* shutdown.timeout of every configuration */
	STOP_MS = TIMEOUT_MS + SLACK_MS, /* until the process says that it has stopped */
	EVENTS = 256,
};

struct soak {
	struct setup        setup;
	struct streams      streams;
	struct servers      servers;
	struct ledger       ledger;
	struct accounts     accounts;
	struct disturbances disturbances;
	struct report       report;
	struct dice         dice;
	struct kit_staunch *staunch;
	unsigned            most;    /* streams at a time */
	uint64_t            next_id;
	int64_t             next_turn; /* ms */
	int                 fds;     /* of the process at the start */
};

/* ---- the loop ---- */

static void start_stream(struct soak *k)
{
	struct plan p = plan_make(&k->dice, k->next_id++);

	streams_start(&k->streams, &p);
}

static void poll_events(struct soak *k)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(k->streams.epoll, ev, EVENTS, TURN_MS);

	k->streams.now = kit_now_ms();
	for (int i = 0; i < n; i++) {
		if (*(enum watched *)ev[i].data.ptr == WATCHED_LISTENER)
			servers_accept(&k->servers, ev[i].data.ptr);
		else
			streams_event(&k->streams, ev[i].data.ptr);
	}
}

/* True when it was time for a turn. */
static bool turn(struct soak *k)
{
	poll_events(k);
	if (k->streams.now < k->next_turn)
		return false;
	k->next_turn = k->streams.now + TURN_MS;
	streams_turn(&k->streams, ledger_judge, &k->ledger);
	if (kit_child_alive(k->staunch->child))
		report_turn(&k->report, k->streams.now);
	return true;
}

static void check_alive(struct soak *k)
{
	char text[4096];

	if (kit_child_alive(k->staunch->child))
		return;
	kit_file_read(k->staunch->child->err, text, sizeof(text));
	printf("FAILED: staunch ended with status %d (SEED=%" PRIu64 ")\n%s\n",
	       k->staunch->child->status, k->ledger.seed,
	       text);
	process_log_follow(&k->disturbances.log);
	printf("%s\n%" PRIu64 " passed, %" PRIu64 " failed\n", k->disturbances.log.alarm, k->ledger.passed,
	       k->ledger.failed + 1);
	exit(1);
}

static void start_streams(struct soak *k)
{
	for (int i = 0; i < 10 && k->streams.nlive < k->most; i++)
		start_stream(k);
}

static void run(struct soak *k, int64_t ms)
{
	int64_t ends = k->streams.now + ms;

	while (k->streams.now < ends) {
		if (!turn(k))
			continue;
		check_alive(k);
		disturbances_turn(&k->disturbances, k->streams.now);
		start_streams(k);
	}
}

static void go_on_until(struct soak *k, bool (*cond)(const struct soak *k), int ms)
{
	int64_t end = kit_now_ms() + ms;

	while (!cond(k) && kit_now_ms() < end)
		if (turn(k)) {
			check_alive(k);
			disturbances_listen(&k->disturbances, k->streams.now);
		}
}

static bool no_reload(const struct soak *k)
{
	return !k->disturbances.asking;
}

static bool no_stream(const struct soak *k)
{
	return k->streams.nlive == 0 && k->streams.nends == 0;
}

static bool fds_are_back(const struct soak *k)
{
	return kit_proc_fds(k->staunch->child->pid) == k->fds;
}

/* ---- at the end ---- */

/* Small ones, each way round. */
static void ten_clean_ones(struct soak *k, enum place at)
{
	for (unsigned i = 0; i < CLEAN; i++) {
		struct plan p = {.id = k->next_id++, .place = at, .ending = (enum ending)(i % 3)};

		p.up = PREAMBLE + i * 700;
		p.down = i * 900;

		streams_start(&k->streams, &p);
	}
}

static void check_rest(struct soak *k)
{
	uint64_t wrong;

	go_on_until(k, no_reload, 30000);
	ledger_check(&k->ledger, no_reload(k), "the last reload of the disturbances is answered");
	go_on_until(k, no_stream, 90000);
	ledger_check(&k->ledger, no_stream(k), "every stream and every server's end is over: %u and %u are left",
		     k->streams.nlive, k->streams.nends);
	for (enum place at = 0; at < PLACES; at++)
		if (!place_facts[at].comes)
			ten_clean_ones(k, at);
	wrong = k->ledger.wrong;
	go_on_until(k, no_stream, 30000);
	ledger_check(&k->ledger, no_stream(k) && k->ledger.wrong == wrong,
		     "ten clean connections at each listener: %" PRIu64 " failed", k->ledger.wrong - wrong);
}

static void check_process(struct soak *k)
{
	const struct disturbances *d = &k->disturbances;
	double growth = report_growth(&k->report);
	int fds;

	go_on_until(k, fds_are_back, 20000);
	fds = kit_proc_fds(k->staunch->child->pid);
	ledger_check(&k->ledger, fds == k->fds, "descriptors are back at %d: %d", k->fds, fds);
	if (GROWTH_KIB > 0)
		ledger_check(&k->ledger, growth < GROWTH_KIB,
			     "private memory grew by %.0f KiB over the second half (less than %d)", growth, GROWTH_KIB);
	ledger_check(&k->ledger, d->wrong == 0, "every reload had the answer that it deserved: %" PRIu64 " had not %s",
		     d->wrong, d->wrong_text);
	ledger_check(&k->ledger, d->slowest <= ANSWER_MS, "the slowest reload was answered in %lld ms (at most %d)",
		     (long long)d->slowest, ANSWER_MS);
}

/* Out of the busy state, whatever disturbance is under way. Some streams end within the drain, some are cut at its end,
 * and some connect while the listeners go. */
static void check_term(struct soak *k)
{
	const struct process_log *log = &k->disturbances.log;
	int64_t began, stopped = 0;
	int status;

	run(k, BUSY_MS);
	go_on_until(k, no_reload, 30000); /* one that stops a log whose reader is stuck holds TERM up for its 2 s */
	began = kit_now_ms();
	ledger_open(&k->ledger, DISTURBANCE_DRAIN, -1, began);
	kit_child_signal(k->staunch->child, SIGTERM);
	while (kit_child_alive(k->staunch->child) && kit_now_ms() - began < STOP_MS + EXIT_MS + 10000) {
		if (!turn(k))
			continue;
		disturbances_listen(&k->disturbances, k->streams.now);
		if (stopped == 0 && log->stopped)
			stopped = kit_now_ms() - began;
		if (kit_now_ms() - began < BEHIND_MS)
			start_streams(k);
	}
	status = kit_child_alive(k->staunch->child) ? -1 : k->staunch->child->status;
	k->disturbances.until[DISTURBANCE_READER] = 0;
	disturbances_listen(&k->disturbances, k->streams.now);
	if (stopped == 0 && log->stopped)
		stopped = kit_now_ms() - began;
	ledger_check(&k->ledger, status == (log->cut ? EXIT_CUT : EXIT_OK), "TERM: exit status %d%s", status,
		     log->cut ? ", for connections were cut" : "");
	ledger_check(&k->ledger, stopped != 0 && stopped <= STOP_MS, "TERM: stopped after %lld ms (at most %d)",
		     (long long)stopped, STOP_MS);
	ledger_check(&k->ledger, kit_now_ms() - began <= STOP_MS + EXIT_MS, "TERM: ended after %lld ms (at most %d)",
		     (long long)(kit_now_ms() - began), STOP_MS + EXIT_MS);
}

/* What is left is in the kernel's buffers, and nobody has to be slow any more. */
static void finish_streams(struct soak *k)
{
	int64_t end = kit_now_ms() + 30000;

	for (struct stream *st = k->streams.live; st != NULL; st = st->next)
		st->plan.slow = 0;
	while (!no_stream(k) && kit_now_ms() < end)
		turn(k);
	ledger_check(&k->ledger, no_stream(k), "TERM: every stream is over: %u and %u are left", k->streams.nlive,
		     k->streams.nends);
}

static void check_whole(struct soak *k, const struct access_log *log)
{
	uint64_t may = k->disturbances.log.losses;

	ledger_check(&k->ledger, log->torn == 0 && log->halves <= may,
		     "access log: %zu lines in %u files are whole: %" PRIu64 " torn, %" PRIu64
		" halves (at most %" PRIu64 ") %s",
		     log->n, log->files, log->torn, log->halves, may, log->sample);
}

/* A line for each stream, and a stream for each line. */
static void check_lines(struct soak *k)
{
	const struct process_log *p = &k->disturbances.log;
	const struct accounts *a = &k->accounts;
	struct access_log log;
	bool balanced;

	access_read(&log, &k->setup);
	check_whole(k, &log);
	accounts_settle(&k->accounts, &k->ledger, &log);
	balanced = a->without == p->dropped + p->lost;
	if (k->setup.living) /* a line that was dropped may be that of a begin or an update */
		balanced = a->without <= p->dropped + p->lost;
	ledger_check(&k->ledger, a->strangers == 0,
		     "access log: each line fits one of %zu streams: %" PRIu64 " fit none", a->n, a->strangers);
	ledger_check(&k->ledger, balanced,
		     "access log: %" PRIu64 " streams have no line; counted as dropped %" PRIu64 ", as lost %" PRIu64,
		     a->without, p->dropped, p->lost);
	if (a->strangers > 0 || !balanced)
		accounts_show(a, &k->ledger, &log);
	if (k->setup.living)
		ledger_check(&k->ledger, log.nliving > 0 && log.endless <= a->without,
			     "access log: %zu lines of begins and updates; those without one of an end: %" PRIu64,
			     log.nliving, log.endless);
	ledger_check(&k->ledger, p->alarms == 0, "process log: %" PRIu64 " errors that nobody expects %s", p->alarms,
		     p->alarm);
	access_free(&log);
}

static void check_streams(struct soak *k)
{
	const struct ledger *l = &k->ledger;

	ledger_check(&k->ledger, l->wrong == 0,
		     "streams: each ended as planned or by what touched it: %" PRIu64 " of %" PRIu64 " did not",
		     l->wrong, l->planned + l->cut + l->wrong);
}

/* ---- set-up ---- */

static void soak_init(struct soak *k, uint64_t seed)
{
	struct shape first = shape_first();
	char *text;

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without asking that there be none */
	setenv("ASAN_OPTIONS", "quarantine_size_mb=8:detect_leaks=1", 0);
	content_init(seed);
	dice_init(&k->dice, seed);
	setup_init(&k->setup);
	k->setup.living = seed % 2 == 1;
	streams_init(&k->streams, &k->setup);
	servers_init(&k->servers, &k->streams);
	text = setup_text(&k->setup, &first);
	k->staunch = kit_staunch_start(text);
	free(text);
	k->fds = kit_proc_fds(k->staunch->child->pid);
	accounts_init(&k->accounts);
	ledger_init(&k->ledger, &k->accounts, seed, kit_now_ms());
	k->disturbances.ledger = &k->ledger;
	k->disturbances.setup = &k->setup;
	k->disturbances.servers = &k->servers;
	k->disturbances.staunch = k->staunch;
	disturbances_init(&k->disturbances, seed);
	k->report.streams = &k->streams;
	k->report.disturbances = &k->disturbances;
	k->report.pid = k->staunch->child->pid;
	k->report.began = kit_now_ms();
	k->next_id = 1;
}

/* Exits nowhere else but here once the process runs: the directory goes, and the disk in it. */
static void clean_up(void)
{
	char path[KIT_PATH];

	if (getenv("KEEP") != NULL) {
		printf("kept: %s\n", kit_dir());
		return;
	}
	snprintf(path, sizeof(path), "%s/small", kit_dir());
	umount2(path, MNT_DETACH);
	kit_end(NULL);
}

int main(int argc, char **argv)
{
	static struct soak k;
	const char *given = getenv("SEED");
	uint64_t seed = given != NULL && given[0] != '\0' ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;

	if (seconds <= 0) {
		fprintf(stderr, "usage: soak SECONDS [STREAMS]; SEED=n for the plans of another run\n");
		return 2;
	}
	k.most = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : STREAMS;
	printf("soak of %d s, %u streams at a time: SEED=%" PRIu64 "\n", seconds, k.most, seed);
	atexit(clean_up);
	soak_init(&k, seed);
	run(&k, seconds * INT64_C(1000));
	disturbances_end(&k.disturbances, k.streams.now);
	go_on_until(&k, no_reload, 30000);
	disturbances_restore(&k.disturbances, k.streams.now);
	check_rest(&k);
	check_process(&k);
	check_term(&k);
	finish_streams(&k);
	disturbances_end(&k.disturbances, k.streams.now);
	servers_close(&k.servers);
	check_streams(&k);
	check_lines(&k);
	report_summary(&k.report);
	if (k.ledger.failed > 0)
		printf("\nthe same plans again: make soak SECONDS=%d STREAMS=%u SEED=%" PRIu64
		       " (KEEP=1 keeps its files)\n", seconds, k.most, seed);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", k.ledger.passed, k.ledger.failed);
	return k.ledger.failed == 0 ? 0 : 1;
}
