/* innocent SECONDS: nobody is blamed who has done nothing. The real binary judges and checks the servers of sixteen
 * upstreams for so long, while their clients do all that looks like a failure (guests.h), and every processor is kept
 * busy by threads that only turn: E23, E74. At the end no server may have been ejected, made spare or taken down, and
 * everybody who wanted an answer must have one.
 *
 *   guests: clients --> [ staunch ] --> servers        hogs: a thread for each processor
 *
 * Long polls and uploads take 20 s and 60 s, or a third and a half of SECONDS where that is less. HOGS=n: so many
 * threads that turn. KEEP=1 keeps the directory with configuration and logs. The last line counts:
 * "N passed, N failed". */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/innocent/guests.h"

enum { REPORT_MS = 10000, FDS = 16000, GO_MS = 90000 };

static struct {
	struct kit_staunch *staunch;
	int                 failed, passed;
	bool                stop; /* atomic */
} run;

static void *turn_only(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&run.stop, __ATOMIC_RELAXED))
		;
	return NULL;
}

/* Every second upstream is checked by its port, the others by a question. Tight bounds: where the machine is late, it
 * is late by more than that. */
static const char *check_of(int kind)
{
	return kind % 2 == 0 ? "tcp: {interval: 500ms, timeout: 500ms}"
			     : "send: {send: Q, expect: Answer, interval: 500ms, timeout: 500ms}";
}

static char *config_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort();
	fprintf(f, "log: {access: off}\nshutdown: {timeout: 1s}\nlisteners:\n");
	for (int k = 0; k < n_guest_kinds; k++) {
		int port = kit_port(kit_ip(0));

		guests_come(k, port);
		fprintf(f, "  - {name: %s, bind: \"%s:%d\", upstream: %s}\n", guest_kinds[k].name, kit_ip(0), port,
			guest_kinds[k].name);
	}
	fprintf(f, "upstreams:\n");
	for (int k = 0; k < n_guest_kinds; k++)
		fprintf(f, "  - {name: %s, health: {%s}, servers: [\"%s:%d\", \"%s:%d\", \"%s:%d\"]}\n",
			guest_kinds[k].name, check_of(k), kit_ip(0), guests_server_port(k, 0), kit_ip(0),
			guests_server_port(k, 1), kit_ip(0), guests_server_port(k, 2));
	fclose(f);
	return text;
}

static int events(const char *event)
{
	char text[64];

	snprintf(text, sizeof(text), "\"event\":\"%s\"", event);
	return kit_file_count(run.staunch->child->err, text);
}

static void must_be(bool well, const char *what)
{
	run.passed += well;
	run.failed += !well;
	printf("%s  %s\n", well ? "ok    " : "FAILED", what);
}

static void report(int64_t began)
{
	struct guests_count c = guests_counted();

	printf("%4lld s  %ld clients, %d there; %ld answered, %ld not; out %d, spare %d, capped %d, down %d\n",
	       (long long)(kit_now_ms() - began) / 1000, c.clients, guests_open(), c.answered, c.unanswered,
	       events("server_out"), events("server_spare"), events("ejection_capped"), events("server_down"));
	fflush(stdout);
}

static void go(int seconds)
{
	int64_t began = kit_now_ms(), end = began + seconds * INT64_C(1000), next = began + REPORT_MS;

	while (kit_now_ms() < end && kit_child_alive(run.staunch->child)) {
		guests_turn(true);
		if (kit_now_ms() >= next) {
			report(began);
			next += REPORT_MS;
		}
	}
	end = kit_now_ms() + GO_MS;
	while (guests_open() > 0 && kit_now_ms() < end)
		guests_turn(false);
	report(began);
}

static void start(void)
{
	char *text = config_text();

	run.staunch = kit_staunch_spawn(text);
	free(text);
	while (events("ready") == 0 && kit_child_alive(run.staunch->child))
		guests_turn(false);
	if (!kit_child_alive(run.staunch->child))
		kit_fail("staunch did not start: see %s", run.staunch->child->err);
}

static void judge(void)
{
	struct guests_count c = guests_counted();

	must_be(kit_child_alive(run.staunch->child), "the process lives");
	must_be(events("server_out") == 0 && events("server_spare") == 0, "no server was left out, or made spare");
	must_be(events("ejection_capped") == 0, "none was to be");
	must_be(events("server_down") == 0 && events("server_not_up") == 0, "no check took one down");
	must_be(c.unanswered == 0, "everybody who asked was answered");
	must_be(c.answered > 0 && guests_open() == 0, "all have come to an end");
}

static void clean_up(void)
{
	if (getenv("KEEP") != NULL)
		printf("kept: %s\n", kit_dir());
	else
		kit_end(NULL);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
	const char *given = getenv("HOGS");
	long nhogs = given != NULL && given[0] != '\0' ? strtol(given, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t hogs[64];

	if (seconds <= 0 || nhogs < 0 || nhogs > (long)array_len(hogs)) {
		fprintf(stderr, "usage: innocent SECONDS; HOGS=n threads that keep processors busy\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	atexit(clean_up);
	guests_init(seconds < 60 ? seconds * 333 : 20000, seconds < 120 ? seconds * 500 : 60000);
	start();
	printf("innocent of %d s, %ld threads that only turn\n", seconds, nhogs);
	for (long i = 0; i < nhogs; i++)
		if (pthread_create(&hogs[i], NULL, turn_only, NULL) != 0)
			abort();
	go(seconds);
	__atomic_store_n(&run.stop, true, __ATOMIC_RELAXED);
	for (long i = 0; i < nhogs; i++)
		pthread_join(hogs[i], NULL);
	judge();
	kit_child_signal(run.staunch->child, SIGTERM);
	while (kit_child_alive(run.staunch->child))
		guests_turn(false);
	must_be(run.staunch->child->status == 0, "and it ends well");
	guests_end();
	printf("%d passed, %d failed\n", run.passed, run.failed);
	return run.failed == 0 ? 0 : 1;
}
