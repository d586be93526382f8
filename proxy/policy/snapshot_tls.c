/* Contexts: one per worker for each listener that ends TLS and each upstream that speaks it, so that workers share no
 * lock. And what outlives a generation: the workers' own part of TLS, the rings of ticket keys, one per file, so
 * that a reload keeps every session, and what is stapled to certificates that go on. */
#include <stdlib.h>
#include <time.h>

#include "config/config.h"
#include "proxy/log/log.h"
#include "proxy/policy/snapshot.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/creds/tls_trust.h"

/* The keys of one file, or of none: those in memory alone. */
struct ring_live {
	struct list link;
	struct tls_ticket_keys *ring;
	bool in_force; /* a generation has used it; until then it goes with the snapshot it was made for */
};

/* ---- rings ----------------------------------------------------------------------------------- */

static struct ring_live *ring_find(const struct registry *b, const char *path)
{
	list_for_each(it, &b->rings) {
		struct ring_live *counts = list_entry(it, struct ring_live, link);

		if (text_same(tls_ticket_keys_path(counts->ring), path))
			return counts;
	}
	return NULL;
}

static void ring_free(struct ring_live *counts)
{
	list_remove(&counts->link);
	tls_ticket_keys_free(counts->ring);
	free(counts);
}

/* One that is in force stays as it is: the snapshot may yet be refused. */
static int ring_get(struct registry *b, const struct config_tls_in *c, struct tls_ticket_keys **out, struct text *why)
{
	int64_t rotate = c->session_tickets.rotate / NP_S;
	struct ring_live *counts;
	int err;

	*out = NULL;
	if (!c->session_tickets.enabled)
		return 0;
	counts = ring_find(b, c->session_tickets.keys);
	if (counts != NULL) {
		*out = counts->ring;
		return 0;
	}
	counts = calloc(1, sizeof(*counts));
	if (counts == NULL)
		return -NP_ENOMEM;
	err = tls_ticket_keys_new(&counts->ring, c->session_tickets.keys, rotate, (int64_t)time(NULL), why);
	if (err != 0) {
		free(counts);
		return err;
	}
	list_push_back(&b->rings, &counts->link);
	*out = counts->ring;
	return 0;
}

/* What lay in its file may be long due. Whatever is wrong with that, the next look at it says. */
static void ring_enact(struct ring_live *counts)
{
	char room[1];
	struct text silent;

	if (counts->in_force)
		return;
	counts->in_force = true;
	text_init(&silent, room, 0);
	(void)!tls_ticket_keys_refresh(counts->ring, (int64_t)time(NULL), &silent);
}

/* Several listeners may name one file; the last one's pace counts. */
void tickets_enact(const struct snapshot *s)
{
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct config_tls_in *c = s->config->listeners[i].tls;

		if (c != NULL && c->session_tickets.enabled)
			tls_ticket_keys_set_rotate(s->listeners[i].tls[0]->keys, c->session_tickets.rotate / NP_S);
	}
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct config_tls_in *c = s->config->listeners[i].tls;

		if (c != NULL && c->session_tickets.enabled)
			ring_enact(ring_find(s->registry, c->session_tickets.keys));
	}
}

/* A file that was made for one of them stays: others of a fleet may have read it by now. */
void registry_forget_tickets(struct registry *b)
{
	list_for_each_safe(it, &b->rings) {
		struct ring_live *counts = list_entry(it, struct ring_live, link);

		if (!counts->in_force)
			ring_free(counts);
	}
}

void registry_refresh_tickets(struct registry *b, void (*say)(const char *path, const char *why))
{
	list_for_each(it, &b->rings) {
		struct tls_ticket_keys *ring = list_entry(it, struct ring_live, link)->ring;
		char room[512] = "";
		struct text why;
		int changed;

		text_init(&why, room, sizeof(room) - 1);
		changed = tls_ticket_keys_refresh(ring, (int64_t)time(NULL), &why);
		if (changed != 0)
			say(tls_ticket_keys_path(ring), changed < 0 ? room : "");
	}
}

/* ---- workers --------------------------------------------------------------------------------- */

static int workers_get(struct registry *b)
{
	int err = 0;

	if (b->tls == NULL)
		b->tls = calloc(b->nworkers, sizeof(struct tls_worker *));
	if (b->tls == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < b->nworkers && err == 0; i++)
		if (b->tls[i] == NULL) {
			err = tls_worker_new(&b->tls[i]);
			if (err == 0)
				b->tls[i]->proves = i == 0; /* all get the same settings: one trial is enough */
		}
	return err;
}

void registry_tls_fini(struct registry *b)
{
	for (unsigned i = 0; b->tls != NULL && i < b->nworkers; i++)
		tls_worker_free(b->tls[i]);
	free(b->tls);
	b->tls = NULL;
	list_for_each_safe(it, &b->rings)
		ring_free(list_entry(it, struct ring_live, link));
}

/* ---- contexts -------------------------------------------------------------------------------- */

static int contexts_begin(struct registry *b, struct tls_ctx ***out)
{
	int err = workers_get(b);

	if (err != 0)
		return err;
	*out = calloc(b->nworkers, sizeof(struct tls_ctx *));
	return *out != NULL ? 0 : -NP_ENOMEM;
}

/* What the files or keys lack is the configuration's fault. */
static int refused(int err)
{
	return err == 0 || err == -NP_ENOMEM ? err : -NP_EINVAL;
}

/* Worker i staples what is fetched for certificate j. */
static int staple_fetched(struct registry *b, const struct config_cert *c, struct tls_ctx *x, unsigned i, size_t j)
{
	const struct tls_staple_wanted w = {
		&b->staples, &x->certs[j], c->cert, c->ocsp_issuer, c->ocsp_cache, b->nworkers};
	struct tls_stapled *s = &x->staples[j];
	const char *why;
	int err = tls_staple_get(&w, &s->fetched, &why); /* tls_ctx_server has found that it can be asked for */

	if (err == 0)
		s->now = &s->fetched->now[i];
	return err;
}

static int staples_server(struct registry *b, const struct config_tls_in *c, struct tls_ctx *x, unsigned i)
{
	int err = 0;

	for (size_t j = 0; j < c->ncertificates && err == 0; j++)
		if (c->certificates[j].ocsp_fetch)
			err = staple_fetched(b, &c->certificates[j], x, i, j);
	return err;
}

int contexts_server(struct registry *b, const struct config_tls_in *c, struct tls_ctx ***out, struct text *why)
{
	struct tls_ticket_keys *ring;
	int err = ring_get(b, c, &ring, why);

	if (err == 0)
		err = contexts_begin(b, out);
	for (unsigned i = 0; i < b->nworkers && err == 0; i++) {
		err = tls_ctx_server(b->tls[i], c, ring, &(*out)[i], why);
		if (err == 0)
			err = staples_server(b, c, (*out)[i], i);
	}
	return refused(err);
}

int contexts_client(struct registry *b, const struct config_tls_out *c, struct tls_ctx ***out, struct text *why)
{
	int err = contexts_begin(b, out);

	if (err == 0 && c->verify && c->ca == NULL && b->tls[0]->roots == NULL)
		err = tls_trust_share(b->tls, b->nworkers, why);
	for (unsigned i = 0; i < b->nworkers && err == 0; i++)
		err = tls_ctx_client(b->tls[i], c, &(*out)[i], why);
	for (unsigned i = 1; i < b->nworkers && err == 0; i++)
		tls_ctx_share_sessions((*out)[i], (*out)[0]);
	if (err == 0 && (*out)[0]->warning != NULL)
		log_msg(LVL_WARNING, "tls_setting", "%s", (*out)[0]->warning);
	return refused(err);
}

void contexts_end(struct registry *b)
{
	if (b->tls != NULL)
		tls_trust_end(b->tls, b->nworkers);
}

struct tls_ctx **contexts_free(const struct registry *b, struct tls_ctx **x)
{
	for (unsigned i = 0; x != NULL && i < b->nworkers; i++)
		tls_ctx_free(x[i]);
	free(x);
	return NULL;
}

void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const char *listener, const char *file, int64_t expires), void *arg)
{
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct listener *f = &s->listeners[i];

		for (unsigned j = 0; f->tls != NULL && j < f->tls[0]->ncerts; j++)
			fn(arg, f->name, f->config->tls->certificates[j].cert, f->tls[0]->certs[j].expires);
	}
}
