/* ocsp: decides when a response is asked for, and hands what came to the workers. */
#include "proxy/control/ocsp.h"

#include <stdlib.h>
#include <time.h>

#include "proxy/control/ocsp_ask.h"
#include "proxy/log/log.h"
#include "proxy/metrics/stats.h"

#define LENT_POLL (20 * NP_MS)

/* ---- due times ---- */

int64_t ocsp_retry_after(unsigned failures)
{
	int64_t after = 1;

	while (failures-- > 1 && after < OCSP_RETRY_MOST)
		after *= 2;
	return after < OCSP_RETRY_MOST ? after : OCSP_RETRY_MOST;
}

int64_t ocsp_refresh_at(const struct tls_ocsp_verdict *v, int64_t now)
{
	/* Half of the validity leaves as long again for failures of the responder. */
	int64_t half = v->from + (v->until - v->from) / 2, later = now + (v->until - now) / 2;
	int64_t at = half > now ? half : later;

	return at > now ? at : now + 1;
}

/* ---- stapling ---- */

/* The argument of use_answer; answer NULL: staple nothing. */
struct change {
	struct tls_staple *staple;
	struct tls_answer *answer;
};

static void use_answer(struct shard *s, void *arg)
{
	const struct change *c = arg;

	DCHECK_SHARD(s);
	c->staple->now[s->id] = c->answer;
}

/* After shard_call a worker does not read the old response any more, so it can be freed. */
static void staple_everywhere(const struct ocsp *o, struct tls_staple *s, struct tls_answer *a)
{
	struct change c = {s, a};

	for (unsigned i = 0; i < o->nshards; i++)
		shard_call(&o->shards[i], use_answer, &c);
	free(s->current);
	s->current = a;
}

/* ---- outcomes ---- */

static void log_stapled(const struct tls_staple *s)
{
	char until[32];
	struct text t;

	text_init(&t, until, sizeof(until) - 1);
	text_time(&t, s->current->until * NP_S);
	until[t.n] = '\0';
	log_msg(s->told ? LVL_DEBUG : LVL_NOTICE, "ocsp_stapled",
		"%s: the answer of %s is stapled, good until %s", s->name,
		tls_ocsp_text(s->question), until);
}

/* The first success after a failure is worth a notice; later ones are routine. */
static void attempt_succeeded(const struct ocsp *o, struct tls_staple *s,
			      const struct ocsp_reply *r)
{
	STAT_ADD(o->stats, ocsp_ok, 1);
	s->failures = 0;
	s->due = ocsp_refresh_at(&r->verdict, time(NULL));
	staple_everywhere(o, s, r->answer);
	log_stapled(s);
	s->told = true;
}

static const char *what_remains(const struct tls_staple *s)
{
	if (s->current == NULL)
		return "nothing is stapled";
	return s->current->until > time(NULL) ? "the last answer stays" :
						"the last answer has expired";
}

/* What is stapled stays until it expires, but for a revocation, which must be seen at once. */
static void attempt_failed(const struct ocsp *o, struct tls_staple *s, const struct ocsp_ask *ask,
		 bool revoked)
{
	int64_t after;

	STAT_ADD(o->stats, ocsp_failed, 1);
	s->failures++;
	after = ocsp_retry_after(s->failures);
	s->due = time(NULL) + after;
	s->told = false;
	if (revoked && s->current != NULL)
		staple_everywhere(o, s, NULL);
	if (revoked)
		log_msg(LVL_ERROR, "ocsp_revoked",
			"%s: %s says that the certificate is REVOKED; nothing is stapled; "
			"asked again in %lld s",
			s->name, tls_ocsp_text(s->question), (long long)after);
	else
		log_msg(LVL_WARNING, "ocsp_failed", "%s: %s: %s; %s; asked again in %lld s",
			s->name, tls_ocsp_text(s->question), ask->why, what_remains(s),
			(long long)after);
}

/* ---- coroutines ---- */

static struct tls_staple *next_due_staple(const struct ocsp *o)
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

/* One attempt for s. The ask stands on this coroutine's stack, and ocsp_stop finds it by o->asking.
 */
static void ask_one(struct ocsp *o, struct tls_staple *s)
{
	struct ocsp_ask ask = {.question = s->question};
	struct ocsp_reply r;
	int err;

	tls_staple_use(s); /* a reload may drop the certificate meanwhile */
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
		attempt_succeeded(o, s, &r);
	else if (!ask.canceled)
		attempt_failed(o, s, &ask, err == -NP_EACCES);
	s->asking = false;
	tls_staple_put(s);
}

/* A coroutine: one due response after the other, until none is due. */
static void ocsp_run(void *arg)
{
	struct ocsp *o = arg;
	struct tls_staple *s;

	while (!o->stopping && !o->registry->lent && (s = next_due_staple(o)) != NULL)
		ask_one(o, s);
	if (--o->running == 0 && o->stopping)
		np_event_set(&o->ended);
}

void ocsp_init(struct ocsp *o, const struct registry *registry, struct shard *shards,
	       unsigned nshards, struct stats *stats)
{
	*o = (struct ocsp){
		.registry = registry,
		.shards = shards,
		.nshards = nshards,
		.stats = stats,
	};
	list_init(&o->asking);
}

/* One coroutine for each response that is due, up to the bound. Those beyond it are asked for by
 * the coroutine that is done first. */
void ocsp_poll(struct ocsp *o)
{
	int64_t now = time(NULL);

	list_for_each(it, &o->registry->staples) {
		const struct tls_staple *s = list_entry(it, struct tls_staple, link);

		if (s->asking || s->due > now)
			continue;
		if (o->running == OCSP_AT_ONCE || np_go("ocsp", ocsp_run, o) != 0)
			return; /* the next poll tries again */
		o->running++;
	}
}

void ocsp_stop(struct ocsp *o)
{
	o->stopping = true;
	DCHECK(np_current() != NULL, "ocsp_stop waits, so it needs a coroutine");
	list_for_each(it, &o->asking)
		ocsp_ask_cancel(list_entry(it, struct ocsp_ask, link));
	if (o->running > 0)
		np_event_wait(&o->ended);
}
