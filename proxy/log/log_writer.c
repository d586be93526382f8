/* The writer thread of the access log, from log_start to log_stop. writer_main is its whole
 * life. */
#include "proxy/log/access_log.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/event.h"
#include "proxy/log/log_bell.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_ring.h"
#include "proxy/log/log_thread.h"

#define BATCH_BYTES 65536 /* a write is due when this much is formatted, */
#define BATCH_MS    100   /* or after this time */
#define CALM_MS     1000  /* without a drop: the episode is over */
#define GRACE_MS    50    /* for the writer to see that its time is over, and end */
#define NS_PER_MS   INT64_C(1000000)

struct log {
	struct log_thread thread;
	struct log_bell bell;
	bool stop, reopen; /* atomic; any thread sets them and rings the bell */
	int64_t stop_by;   /* monotonic ns; stored before stop is */
	struct log_form form; /* const after start, as nrings */
	unsigned nrings;

	uint64_t written;      /* atomic; records that the sink has taken; the writer's */
	uint64_t dropped_said; /* atomic; drops that the process log told of; likewise */

	struct log_sink sink;  /* the writer's own, as all below */
	struct text batch;     /* lines not yet written; empty outside of drain_rings */
	int refused;           /* the sink's last error; 0: it took the last write */
	bool dropping;         /* an episode of drops is going on */
	int64_t dropped_at;    /* when the last drop was seen */
	uint64_t dropped_seen; /* over all rings */

	struct log_ring rings[];
};

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

/* Is there a reason not to sleep that deep? What counts as one is the bell's table. */
static bool has_work(const struct log *l, enum bell depth)
{
	if (is_set(&l->stop) || is_set(&l->reopen))
		return true;
	for (unsigned i = 0; i < l->nrings; i++) {
		if (depth == BELL_SLEEP && log_ring_pending(&l->rings[i]))
			return true;
		if (depth == BELL_DOZE && log_ring_crowded(&l->rings[i]))
			return true;
	}
	return false;
}

static void writer_wait(struct log *l, enum bell depth, int ms)
{
	log_bell_lie_down(&l->bell, depth);
	if (has_work(l, depth))
		log_bell_get_up(&l->bell);
	else
		log_bell_sleep(&l->bell, ms);
}

static uint64_t count_dropped(const struct log *l)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < l->nrings; i++)
		n += log_ring_dropped(&l->rings[i]);
	return n;
}

/* Tells how many records were dropped since the last time. */
static void say_dropped(struct log *l, uint64_t dropped)
{
	uint64_t n = dropped - __atomic_load_n(&l->dropped_said, __ATOMIC_RELAXED);
	struct event *e;

	if (n == 0)
		return;
	__atomic_store_n(&l->dropped_said, dropped, __ATOMIC_RELAXED);
	e = event_begin();
	event_number(e, "dropped", (int64_t)n);
	event_log(e, LVL_WARNING, "access_log_recovered", "%llu access %s dropped", (unsigned long long)n,
		  n == 1 ? "record was" : "records were");
}

/* An episode is one line when drops begin, and one with their number when none has come for a
 * while. Never a line per record: a log that cannot keep up must not make the other log longer. */
static void watch_drops(struct log *l)
{
	int64_t now = log_clock(CLOCK_MONOTONIC);
	uint64_t dropped = count_dropped(l);

	if (dropped != l->dropped_seen) {
		if (!l->dropping)
			event_log(event_begin(), LVL_WARNING, "access_log_dropping",
				  "access records are dropped: the access log takes them too slowly");
		l->dropping = true;
		l->dropped_at = now;
		l->dropped_seen = dropped;
	} else if (l->dropping && now - l->dropped_at >= CALM_MS * NS_PER_MS) {
		l->dropping = false;
		say_dropped(l, dropped);
	}
}

/* Returns true if the lines go to another file from here on. */
static bool reopen_if_asked(struct log *l)
{
	int rc;

	if (!__atomic_exchange_n(&l->reopen, false, __ATOMIC_SEQ_CST) || l->sink.path == NULL)
		return false;
	rc = log_sink_reopen(&l->sink);
	if (rc < 0)
		log_msg(LVL_ERROR, "access_log_reopen_failed",
			"cannot reopen the access log %s: %s (%s); the old file stays in use",
			l->sink.path, np_err_text(rc), np_err_name(rc));
	return rc > 0;
}

/* Is the time of log_stop over? Before a stop it never is. */
static bool is_late(const struct log *l)
{
	return is_set(&l->stop) && log_clock(CLOCK_MONOTONIC) >= l->stop_by;
}

/* How long one attempt to write may wait: not past the end of log_stop's time. */
static int patience(const struct log *l)
{
	int64_t left;

	if (!is_set(&l->stop))
		return BATCH_MS;
	left = (l->stop_by - log_clock(CLOCK_MONOTONIC)) / NS_PER_MS;
	if (left <= 0)
		return 0;
	return left < BATCH_MS ? (int)left : BATCH_MS;
}

/* Once, until the sink takes something again or refuses for another reason: it would say the same
 * ten times a second. */
static void say_refused(struct log *l, int err)
{
	if (err != l->refused)
		log_msg(LVL_ERROR, "access_log_failed", "cannot write the access log: %s (%s)",
			np_err_text(err), np_err_name(err));
	l->refused = err;
}

static size_t line_start(const char *p, size_t at)
{
	while (at > 0 && p[at - 1] != '\n')
		at--;
	return at;
}

static uint64_t count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

/* The sink has taken n bytes: the lines that end in them are written. */
static void count_written(struct log *l, const char *p, size_t n)
{
	__atomic_store_n(&l->written, l->written + count_lines(p, n), __ATOMIC_RELAXED);
	l->refused = 0;
}

/* Writes the batch, and stays with it for as long as the sink is stuck: meanwhile the rings fill
 * up, which is their purpose. If another file takes its place behind half a line, that one gets
 * the line whole; the same file opened once more gets the other half. While log_stop waits, a sink
 * that refuses is given up at once, and one that is slow when the time is over. */
static void flush(struct log *l)
{
	const char *p = l->batch.p;
	size_t n = l->batch.n, done = 0;

	while (done < n && !is_late(l)) {
		ssize_t rc = log_sink_write(&l->sink, p + done, n - done, patience(l));

		if (rc > 0) {
			count_written(l, p + done, (size_t)rc);
			done += (size_t)rc;
		}
		if (rc < 0) {
			say_refused(l, (int)rc);
			if (is_set(&l->stop))
				break;
			writer_wait(l, BELL_PAUSE, BATCH_MS);
		}
		if (reopen_if_asked(l))
			done = line_start(p, done);
		if (!is_late(l)) /* else log_stop tells of the drops, and may have given us up */
			watch_drops(l);
	}
	l->batch.n = 0;
}

static void drain_ring(struct log *l, struct log_ring *r)
{
	struct access_record rec;
	struct log_record_room room;
	const void *p;
	size_t n;

	log_ring_look(r);
	while (!is_late(l) && (p = log_ring_peek(r, &n)) != NULL) {
		log_record_unpack(&rec, &room, p, n);
		if (l->form.level)
			log_put_level(&l->batch, LVL_INFO);
		log_line(&l->batch, &rec, l->form.json);
		log_ring_release(r);
		if (l->batch.n >= BATCH_BYTES)
			flush(l);
	}
}

/* One turn: writes the records that are in the rings now. Each ring is looked at once, so that a
 * busy one cannot keep the others out. When the time of log_stop is over, the rest stays where it
 * is, and log_stop counts it. */
static void drain_rings(struct log *l)
{
	for (unsigned i = 0; i < l->nrings; i++)
		drain_ring(l, &l->rings[i]);
	flush(l);
	DCHECK(!l->batch.cut, "the batch has room for one line more than makes it due");
}

static struct log *log_free(struct log *l)
{
	for (unsigned i = 0; i < l->nrings; i++)
		log_ring_fini(&l->rings[i]);
	log_bell_fini(&l->bell);
	free(l->batch.p);
	free(l);
	return NULL;
}

static void *writer_main(void *arg)
{
	struct log *l = arg;

	while (!is_set(&l->stop)) {
		writer_wait(l, BELL_SLEEP, l->dropping ? CALM_MS : -1);
		writer_wait(l, BELL_DOZE, BATCH_MS);
		reopen_if_asked(l);
		drain_rings(l);
		watch_drops(l);
	}
	drain_rings(l);
	if (log_thread_end(&l->thread)) {
		log_sink_close(&l->sink);
		log_free(l);
	}
	return NULL;
}

static struct log *log_new(unsigned nrings, size_t ring_size)
{
	size_t size = sizeof(struct log) + nrings * sizeof(struct log_ring);
	struct log *l = aligned_alloc(_Alignof(struct log), size);

	if (l == NULL)
		return NULL;
	memset(l, 0, sizeof(*l));
	log_bell_init(&l->bell);
	text_init(&l->batch, malloc(BATCH_BYTES + LOG_LINE_MAX), BATCH_BYTES + LOG_LINE_MAX);
	if (l->batch.p == NULL)
		return log_free(l);
	for (; l->nrings < nrings; l->nrings++)
		if (log_ring_init(&l->rings[l->nrings], ring_size, &l->bell) < 0)
			return log_free(l);
	return l;
}

static void log_making(const struct log_options *o, enum log_part part)
{
	if (o->making != NULL)
		*o->making = part;
}

int log_start(struct log **out, const struct log_options *o, unsigned nrings)
{
	struct log *l;
	int rc;

	if (o->kind == LOG_SINK_OFF) {
		*out = NULL;
		return 0;
	}
	log_making(o, LOG_PART_MEMORY);
	l = log_new(nrings, o->ring_size != 0 ? o->ring_size : LOG_RING_SIZE);
	if (l == NULL)
		return -NP_ENOMEM;
	log_making(o, LOG_PART_SINK);
	rc = log_sink_open(&l->sink, o->kind, o->path);
	if (rc < 0)
		goto no_sink;
	l->form = log_form_of(o->format, l->sink.fd);
	l->form.level &= o->kind != LOG_SINK_PATH; /* nobody takes it off there */
	log_making(o, LOG_PART_THREAD);
	rc = log_thread_start(&l->thread, "access log", writer_main, l);
	if (rc < 0)
		goto no_thread;
	*out = l;
	return 0;

no_thread:
	log_sink_close(&l->sink);
no_sink:
	log_free(l);
	return rc;
}

struct log_ring *log_ring_of(struct log *l, unsigned i)
{
	if (l == NULL)
		return NULL;
	CHECK(i < l->nrings, "a worker has a ring");
	return &l->rings[i];
}

void log_reopen(struct log *l)
{
	if (l == NULL)
		return;
	__atomic_store_n(&l->reopen, true, __ATOMIC_SEQ_CST);
	log_bell_ring(&l->bell, BELL_PAUSE);
}

/* Tells what the writer could not. Producers have ended, so their counts stand still. A writer that
 * hangs may still add to `written` if its write ever returns; that is not waited for. */
static void say_rest(struct log *l)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < l->nrings; i++)
		lost += log_ring_committed(&l->rings[i]);
	lost -= __atomic_load_n(&l->written, __ATOMIC_RELAXED);
	say_dropped(l, count_dropped(l));
	if (lost > 0)
		log_msg(LVL_WARNING, "access_log_lost",
			"%llu access %s not be written before the stop",
			(unsigned long long)lost, lost == 1 ? "record could" : "records could");
}

void log_stop_begin(struct log *l, int ms)
{
	if (l == NULL)
		return;
	DCHECK(!is_set(&l->stop), "a log is stopped once");
	l->stop_by = log_clock(CLOCK_MONOTONIC) + ms * NS_PER_MS;
	__atomic_store_n(&l->stop, true, __ATOMIC_SEQ_CST);
	log_bell_ring(&l->bell, BELL_PAUSE);
}

/* The bound holds because it counts instead of writing: after stop_by the writer starts no further
 * write, and one that hangs in a write is given up together with its memory. */
static void stop_end(struct log *l)
{
	say_rest(l);
	if (log_thread_release(&l->thread)) {
		log_sink_close(&l->sink);
		log_free(l);
	}
}

struct log *log_stop_poll(struct log *l, bool give_up)
{
	if (l == NULL)
		return NULL;
	if (!log_thread_wait(&l->thread, 0) && !give_up &&
	    log_clock(CLOCK_MONOTONIC) < l->stop_by + GRACE_MS * NS_PER_MS)
		return l;
	stop_end(l);
	return NULL;
}

struct log *log_stop(struct log *l, int ms)
{
	if (l == NULL)
		return NULL;
	log_stop_begin(l, ms);
	log_thread_wait(&l->thread, l->stop_by + GRACE_MS * NS_PER_MS);
	stop_end(l);
	return NULL;
}
