/* Decides when responders are asked, and hands their responses to the workers. */
#include "proxy/control/ocsp.h"

#include <stdlib.h>
#include <time.h>

#include "netpoll/check.h"
#include "proxy/control/ocsp_ask.h"
#include "proxy/log/log.h"
#include "proxy/metrics/stats.h"

#define LENT_POLL (20 * NP_MS)

/* ---- when ---- */

int64_t ocsp_retry_after(unsigned failures)
{
	int64_t after = 1;

	while (failures-- > 1 && after < OCSP_RETRY_MOST)
		after *= 2;
	return after < OCSP_RETRY_MOST ? after : OCSP_RETRY_MOST;
}

int64_t ocsp_refresh_at(const struct tls_ocsp_verdict *v, int64_t now)
{
	int64_t half = v->from + (v->until - v->from) / 2, later = now + (v->until - now) / 2;
	int64_t at = half > now ? half : later;

	return at > now ? at : now + 1;
}

/* ---- the workers ---- */

/* What a worker is told: its pointer in the staple becomes this response. */
struct staple_change {
	struct tls_staple *staple;
	struct tls_answer *answer;
};

/* On the worker, outside any handshake. */
static void set_worker_staple(struct shard *s, void *arg)
{
	const struct staple_change *c = arg;

	DCHECK(s->id < c->staple->nworkers, "a staple has a pointer for each worker");
	c->staple->now[s->id] = c->answer;
}

/* shard_call returns once the worker has changed its pointer, so after the loop no worker reads the
 * old response. Parks. */
static void set_staple(const struct ocsp *o, struct tls_staple *s, struct tls_answer *a)
{
	struct staple_change c = {s, a};

	for (unsigned i = 0; i < o->nshards; i++)
		shard_call(&o->shards[i], set_worker_staple, &c);
	free(s->current);
	s->current = a;
	__atomic_store_n(&s->until, a != NULL ? a->until : 0, __ATOMIC_RELAXED);
}

/* ---- the outcome of an attempt ---- */

static void log_stapled(const struct tls_staple *s)
{
	char until[32];
	struct text t;

	text_init(&t, until, sizeof(until) - 1);
	text_time(&t, s->current->until * NP_S);
	until[t.n] = '\0';
	log_msg(s->told ? LVL_DEBUG : LVL_NOTICE, "ocsp_stapled",
		"%s: the response of %s is stapled until %s", s->name, tls_ocsp_text(s->question),
		until);
}

static void ask_succeeded(const struct ocsp *o, struct tls_staple *s, const struct ocsp_reply *r)
{
	STAT_ADD(o->stats, ocsp_ok, 1);
	s->failures = 0;
	s->due = ocsp_refresh_at(&r->verdict, time(NULL));
	set_staple(o, s, r->answer);
	log_stapled(s);
	s->unkept = true; /* renewal writes it, on its thread */
	s->told = true;
}

static const char *what_is_stapled(const struct tls_staple *s)
{
	if (s->current == NULL)
		return "nothing is stapled";
	return s->current->until > time(NULL) ? "the last response stays stapled"
					      : "the last response has expired";
}

static void ask_failed(const struct ocsp *o, struct tls_staple *s, const struct ocsp_ask *ask,
		       bool revoked)
{
	int64_t after;

	STAT_ADD(o->stats, ocsp_failed, 1);
	s->failures++;
	after = ocsp_retry_after(s->failures);
	s->due = time(NULL) + after;
	s->told = false;
	if (revoked && s->current != NULL)
		set_staple(o, s, NULL);
	if (revoked)
		log_msg(LVL_ERROR, "ocsp_revoked",
			"%s: %s says that the certificate is REVOKED; nothing is stapled; "
			"the next attempt is in %lld s",
			s->name, tls_ocsp_text(s->question), (long long)after);
	else
		log_msg(LVL_WARNING, "ocsp_failed", "%s: %s: %s; %s; the next attempt is in %lld s",
			s->name, tls_ocsp_text(s->question), ask->why, what_is_stapled(s),
			(long long)after);
}

/* ---- coroutines ---- */

static struct tls_staple *next_due(const struct ocsp *o)
{
	int64_t now = time(NULL);

	list_for_each(it, &o->registry->staples) {
		struct tls_staple *s = list_entry(it, struct tls_staple, link);

		if (!s->asking && s->due <= now)
			return s;
	}
	return NULL;
}

/* A load has the registry for a moment, or, when a disk hangs, for good. False: stopping, and it is
 * still lent. */
static bool wait_for_registry(const struct ocsp *o)
{
	while (o->registry->lent && !o->stopping)
		np_sleep(LENT_POLL);
	return !o->registry->lent;
}

static void ask_one(struct ocsp *o, struct tls_staple *s)
{
	struct ocsp_ask ask = {.question = s->question, .names = o->names};
	struct ocsp_reply r;
	int err;

	tls_staple_use(s); /* a reload may drop the certificate while this parks */
	DCHECK(!s->asking, "one attempt at a time asks about a certificate");
	s->asking = true;
	list_push_back(&o->asking, &ask.link);
	err = ocsp_ask(&ask, &r);
	list_remove(&ask.link);
	if (!wait_for_registry(o)) {
		if (err == 0)
			free(r.answer);
		return; /* the process leaves without the registry */
	}
	if (err == 0)
		ask_succeeded(o, s, &r);
	else if (!ask.canceled)
		ask_failed(o, s, &ask, err == -NP_EACCES);
	s->asking = false;
	tls_staple_put(s);
}

/* An attempt after the other, while any is due. The last coroutine to end tells ocsp_stop. */
static void ask_all_due(void *arg)
{
	struct ocsp *o = arg;
	struct tls_staple *s;

	while (!o->stopping && !o->registry->lent && (s = next_due(o)) != NULL)
		ask_one(o, s);
	DCHECK(o->running > 0, "a coroutine that ends was counted");
	if (--o->running == 0 && o->stopping)
		np_event_set(&o->ended);
}

void ocsp_init(struct ocsp *o, const struct registry *registry, struct shard *shards, struct names *names,
	       struct stats *stats)
{
	*o = (struct ocsp){
		.registry = registry,
		.shards = shards,
		.nshards = shards->nall,
		.names = names,
		.stats = stats,
	};
	list_init(&o->asking);
}

/* One coroutine for each response that is due, up to OCSP_AT_ONCE. The coroutines take up the rest
 * when they are done with their first. */
void ocsp_poll(struct ocsp *o)
{
	int64_t now = time(NULL);

	DCHECK(!o->stopping, "nothing is polled while the process stops");
	list_for_each(it, &o->registry->staples) {
		const struct tls_staple *s = list_entry(it, struct tls_staple, link);

		if (s->asking || s->due > now)
			continue;
		if (o->running == OCSP_AT_ONCE || np_go("ocsp", ask_all_due, o) != 0)
			return; /* the next poll comes in a moment */
		o->running++;
	}
}

void ocsp_stop(struct ocsp *o)
{
	o->stopping = true;
	list_for_each(it, &o->asking)
		ocsp_ask_cancel(list_entry(it, struct ocsp_ask, link));
	if (o->running > 0)
		np_event_wait(&o->ended);
}
