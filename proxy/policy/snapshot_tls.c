/* TLS contexts: one per worker for each listener that ends TLS and each upstream that speaks it, so
 * that workers share no lock. And what outlives a generation: the workers' own part of TLS, the
 * ticket keys, one set per file, so that a reload keeps every session, and the OCSP responses that
 * are stapled to certificates that stay in use. */
#include "proxy/policy/snapshot_tls.h"

#include <stdlib.h>
#include <time.h>

#include "config/config.h"
#include "proxy/creds/tls_trust.h"
#include "proxy/log/log.h"
#include "proxy/policy/snapshot.h"
#include "proxy/tls/tls_ctx.h"

/* ---- ticket keys ---- */

/* The keys of one file, or those without a file. Control thread. */
struct ticket_entry {
	struct list link; /* registry.tickets */
	struct tls_ticket_keys *keys; /* owned */
	bool in_force; /* an enacted generation uses them; else they go with their snapshot */
};

/* By path; NULL finds the keys in memory, which all listeners without a file share. */
static struct ticket_entry *ticket_find(const struct registry *r, const char *path)
{
	list_for_each(it, &r->tickets) {
		struct ticket_entry *entry = list_entry(it, struct ticket_entry, link);

		if (text_same(tls_ticket_keys_path(entry->keys), path))
			return entry;
	}
	return NULL;
}

static void ticket_free(struct ticket_entry *entry)
{
	list_remove(&entry->link);
	tls_ticket_keys_free(entry->keys);
	free(entry);
}

/* Keys in force stay as they are: the snapshot may yet be refused. */
static int ticket_get(struct registry *r, const struct config_tls_in *c,
		      struct tls_ticket_keys **out, struct text *why)
{
	int64_t rotate = c->session_tickets.rotate / NP_S;
	struct ticket_entry *entry;
	int err;

	*out = NULL;
	if (!c->session_tickets.enabled)
		return 0;
	entry = ticket_find(r, c->session_tickets.keys);
	if (entry != NULL) {
		*out = entry->keys;
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return -NP_ENOMEM;
	err = tls_ticket_keys_new(&entry->keys, c->session_tickets.keys, rotate,
				  (int64_t)time(NULL), why);
	if (err != 0) {
		free(entry);
		return err;
	}
	list_push_back(&r->tickets, &entry->link);
	*out = entry->keys;
	return 0;
}

/* The keys in the file may be long due. An error here is not lost: the next refresh logs it. */
static void ticket_enact(struct ticket_entry *entry)
{
	char room[1];
	struct text silent;

	DCHECK(entry != NULL, "a snapshot is enacted without its ticket keys");
	if (entry->in_force)
		return;
	entry->in_force = true;
	text_init(&silent, room, 0);
	(void)!tls_ticket_keys_refresh(entry->keys, (int64_t)time(NULL), &silent);
}

/* Several listeners may name one file; the last one's pace counts. */
void tickets_enact(const struct snapshot *s)
{
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct config_tls_in *c = s->config->listeners[i].tls;

		if (c != NULL && c->session_tickets.enabled)
			tls_ticket_keys_set_rotate(s->listeners[i].tls[0]->keys,
						   c->session_tickets.rotate / NP_S);
	}
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct config_tls_in *c = s->config->listeners[i].tls;

		if (c != NULL && c->session_tickets.enabled)
			ticket_enact(ticket_find(s->registry, c->session_tickets.keys));
	}
}

/* A file that was written for such keys stays: other instances of a fleet may have read it by now.
 */
void registry_forget_tickets(struct registry *r)
{
	list_for_each_safe(it, &r->tickets) {
		struct ticket_entry *entry = list_entry(it, struct ticket_entry, link);

		if (!entry->in_force)
			ticket_free(entry);
	}
}

void registry_refresh_tickets(struct registry *r, void (*log)(const char *path, const char *why))
{
	list_for_each(it, &r->tickets) {
		struct tls_ticket_keys *keys = list_entry(it, struct ticket_entry, link)->keys;
		char room[512] = "";
		struct text why;
		int changed;

		text_init(&why, room, sizeof(room) - 1);
		changed = tls_ticket_keys_refresh(keys, (int64_t)time(NULL), &why);
		if (changed != 0)
			log(tls_ticket_keys_path(keys), changed < 0 ? room : "");
	}
}

/* ---- workers ---- */

/* Made on first use and kept to the end: a process without TLS pays nothing. */
static int tls_workers_get(struct registry *r)
{
	int err = 0;

	if (r->tls == NULL)
		r->tls = calloc(r->nworkers, sizeof(struct tls_worker *));
	if (r->tls == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < r->nworkers && err == 0; i++) {
		if (r->tls[i] != NULL)
			continue;
		err = tls_worker_new(&r->tls[i]);
		if (err == 0)
			r->tls[i]->proves = i == 0; /* all get the same settings: one trial is enough */
	}
	return err;
}

void registry_tls_fini(struct registry *r)
{
	DCHECK(r->snapshots == 0, "contexts use the workers' part of TLS");
	for (unsigned i = 0; r->tls != NULL && i < r->nworkers; i++)
		tls_worker_free(r->tls[i]);
	free(r->tls);
	r->tls = NULL;
	list_for_each_safe(it, &r->tickets)
		ticket_free(list_entry(it, struct ticket_entry, link));
}

/* ---- contexts ---- */

/* The array is zeroed, so contexts_free takes it at any point. */
static int contexts_begin(struct registry *r, struct tls_ctx ***out)
{
	int err = tls_workers_get(r);

	if (err != 0)
		return err;
	*out = calloc(r->nworkers, sizeof(struct tls_ctx *));
	return *out != NULL ? 0 : -NP_ENOMEM;
}

/* A file or key that cannot be used is an error of the configuration, whatever call found it. */
static int refused_as_config(int err)
{
	return err == 0 || err == -NP_ENOMEM ? err : -NP_EINVAL;
}

/* Worker i staples what is fetched for certificate j. */
static int staple_fetched(struct registry *r, const struct config_cert *c, struct tls_ctx *x,
			  unsigned i, size_t j)
{
	const struct tls_staple_wanted w = {&r->staples,    &x->certs[j],  c->cert,
					    c->ocsp_issuer, c->ocsp_cache, r->nworkers};
	struct tls_stapled *s = &x->staples[j];
	const char *why;
	int err = tls_staple_get(&w, &s->fetched, &why); /* checked by tls_ctx_server */

	if (err == 0)
		s->now = &s->fetched->now[i];
	return err;
}

static int staples_server(struct registry *r, const struct config_tls_in *c, struct tls_ctx *x,
			  unsigned i)
{
	int err = 0;

	for (size_t j = 0; j < c->ncertificates && err == 0; j++)
		if (c->certificates[j].ocsp_fetch)
			err = staple_fetched(r, &c->certificates[j], x, i, j);
	return err;
}

int contexts_server(struct registry *r, const struct config_tls_in *c, struct tls_ctx ***out,
		    struct text *why)
{
	struct tls_ticket_keys *keys;
	int err = ticket_get(r, c, &keys, why);

	if (err == 0)
		err = contexts_begin(r, out);
	for (unsigned i = 0; i < r->nworkers && err == 0; i++) {
		err = tls_ctx_server(r->tls[i], c, keys, &(*out)[i], why);
		if (err == 0)
			err = staples_server(r, c, (*out)[i], i);
	}
	for (unsigned i = 0; err == 0 && i < (*out)[0]->nwarnings; i++)
		log_msg(LVL_WARNING, "tls_setting", "%s", (*out)[0]->warnings[i]);
	return refused_as_config(err);
}

int contexts_client(struct registry *r, const struct config_tls_out *c, struct tls_ctx ***out,
		    struct text *why)
{
	int err = contexts_begin(r, out);

	/* The system's CA certificates are parsed once per generation and shared by all workers. */
	if (err == 0 && c->verify && c->ca == NULL && r->tls[0]->roots == NULL)
		err = tls_trust_share(r->tls, r->nworkers, why);
	for (unsigned i = 0; i < r->nworkers && err == 0; i++)
		err = tls_ctx_client(r->tls[i], c, &(*out)[i], why);
	for (unsigned i = 1; i < r->nworkers && err == 0; i++)
		tls_ctx_share_sessions((*out)[i], (*out)[0]);
	for (unsigned i = 0; err == 0 && i < (*out)[0]->nwarnings; i++)
		log_msg(LVL_WARNING, "tls_setting", "%s", (*out)[0]->warnings[i]);
	return refused_as_config(err);
}

void contexts_end(struct registry *r)
{
	if (r->tls != NULL)
		tls_trust_end(r->tls, r->nworkers);
}

struct tls_ctx **contexts_free(const struct registry *r, struct tls_ctx **contexts)
{
	for (unsigned i = 0; contexts != NULL && i < r->nworkers; i++)
		tls_ctx_free(contexts[i]);
	free(contexts);
	return NULL;
}

void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const char *listener, const char *file,
				      int64_t expires),
			   void *arg)
{
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct listener *l = &s->listeners[i];

		for (unsigned j = 0; l->tls != NULL && j < l->tls[0]->ncerts; j++)
			fn(arg, l->name, l->config->tls->certificates[j].cert,
			   l->tls[0]->certs[j].expires);
	}
}
