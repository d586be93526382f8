/* The writer thread of the access log, from log_start to log_stop. writer_main is its whole
 * life. */
#include "proxy/log/access_log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/thread.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_ring.h"

#define BATCH_BYTES 65536 /* a write is due when this much is formatted, */
#define BATCH_MS    100   /* or after this time */
#define CALM_MS     1000  /* without a drop: the episode is over */

struct log {
	struct log_bell bell;
	bool            stop, reopen; /* atomic; set by any thread, then the bell */
	int64_t         stop_by;      /* monotonic ns; written before stop is set */
	pthread_t       thread;       /* const after start, as the next two */
	bool            json;
	unsigned        nrings;

	struct log_sink sink;  /* the writer's own, as all below */
	struct text     batch; /* lines not yet written; empty outside of drain_rings */
	bool            dropping;
	int64_t         dropped_at;              /* when the last drop was seen */
	uint64_t        dropped_seen, dropped_0; /* over all rings: now, before this episode */
	uint64_t        lost;                    /* given up at the stop */
	struct log_site refused;

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

static void end_episode(struct log *l)
{
	if (!l->dropping)
		return;
	l->dropping = false;
	log_msg(LVL_WARNING, "access_log_recovered", "%llu access records were dropped",
		(unsigned long long)(l->dropped_seen - l->dropped_0));
}

/* One line when drops begin, one with their number when they have ended: never one per record. */
static void watch_drops(struct log *l)
{
	int64_t now = log_clock(CLOCK_MONOTONIC);
	uint64_t dropped = 0;

	for (unsigned i = 0; i < l->nrings; i++)
		dropped += log_ring_dropped(&l->rings[i]);
	if (dropped != l->dropped_seen) {
		if (!l->dropping) {
			l->dropped_0 = l->dropped_seen;
			log_msg(LVL_WARNING, "access_log_dropping",
				"access records are dropped: the access log takes them too slowly");
		}
		l->dropping = true;
		l->dropped_at = now;
		l->dropped_seen = dropped;
	} else if (now - l->dropped_at >= CALM_MS * INT64_C(1000000)) {
		end_episode(l);
	}
}

/* Returns true if there is a new descriptor. */
static bool reopen_if_asked(struct log *l)
{
	int rc;

	if (!__atomic_exchange_n(&l->reopen, false, __ATOMIC_SEQ_CST) || l->sink.path == NULL)
		return false;
	rc = log_sink_reopen(&l->sink);
	if (rc < 0)
		log_msg(LVL_ERROR, "access_log_reopen_failed",
			"cannot reopen the access log: %s; going on with the old file",
			np_err_text(rc));
	return rc == 0;
}

/* While stopping, a sink that refuses is given up at once and one that is slow when the time is
 * over. */
static bool too_late(const struct log *l, ssize_t rc)
{
	return is_set(&l->stop) && (rc < 0 || log_clock(CLOCK_MONOTONIC) >= l->stop_by);
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

/* Writes the batch out and stays with it for as long as the sink is stuck: the rings fill up
 * meanwhile, which is what they are for. A line that was half written when the file was reopened is
 * written whole to the new one. */
static void flush(struct log *l)
{
	const char *p = l->batch.p;
	size_t n = l->batch.n, done = 0;

	while (done < n) {
		ssize_t rc = log_sink_write(&l->sink, p + done, n - done, BATCH_MS);

		if (rc > 0)
			done += (size_t)rc;
		if (done == n || too_late(l, rc))
			break;
		if (rc < 0) {
			log_limited(&l->refused, LVL_ERROR, "access_log_failed",
				    "cannot write the access log: %s", np_err_text((int)rc));
			writer_wait(l, BELL_PAUSE, BATCH_MS);
		}
		if (reopen_if_asked(l))
			done = line_start(p, done);
		watch_drops(l);
	}
	l->lost += count_lines(p + done, n - done);
	l->batch.n = 0;
}

/* One turn: what is in the rings now. Every ring is looked at once, so that a busy one cannot keep
 * the others out. */
static void drain_rings(struct log *l)
{
	struct access_record rec;
	struct access_extra extra;
	const void *p;
	size_t n;

	for (unsigned i = 0; i < l->nrings; i++) {
		log_ring_look(&l->rings[i]);
		while ((p = log_ring_peek(&l->rings[i], &n)) != NULL) {
			log_record_unpack(&rec, &extra, p, n);
			log_line(&l->batch, &rec, l->json);
			log_ring_release(&l->rings[i]);
			if (l->batch.n >= BATCH_BYTES)
				flush(l);
		}
	}
	flush(l);
	DCHECK(!l->batch.cut, "the batch has room for one line more than makes it due");
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
	watch_drops(l);
	end_episode(l);
	if (l->lost > 0)
		log_msg(LVL_WARNING, "access_log_lost",
			"%llu access records could not be written before the stop",
			(unsigned long long)l->lost);
	return NULL;
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

int log_start(struct log **out, const struct log_options *o, unsigned nrings)
{
	struct log *l;
	int rc;

	if (o->kind == LOG_SINK_OFF) {
		*out = NULL;
		return 0;
	}
	l = log_new(nrings, o->ring_size != 0 ? o->ring_size : LOG_RING_SIZE);
	if (l == NULL)
		return -NP_ENOMEM;
	rc = log_sink_open(&l->sink, o->kind, o->path);
	if (rc < 0)
		goto no_sink;
	l->json = log_is_json(o->format, l->sink.fd);
	rc = thread_start(&l->thread, "log", writer_main, l);
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

struct log *log_stop(struct log *l, int ms)
{
	if (l == NULL)
		return NULL;
	l->stop_by = log_clock(CLOCK_MONOTONIC) + ms * INT64_C(1000000);
	__atomic_store_n(&l->stop, true, __ATOMIC_SEQ_CST);
	log_bell_ring(&l->bell, BELL_PAUSE);
	pthread_join(l->thread, NULL);
	log_sink_close(&l->sink);
	return log_free(l);
}
