/* Finds or builds the contexts of one block of TLS settings for all workers. */
#include "proxy/policy/snapshot_contexts.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/key_paths.h"
#include "proxy/creds/tls_digest.h"
#include "proxy/creds/tls_trust.h"
#include "proxy/log/log.h"
#include "proxy/policy/registry.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_memory.h"

/* A context for each worker, or one for the health thread, all of the same bytes. */
struct contexts {
	struct list link;           /* registry.contexts; of no list: nobody else finds it */
	uint8_t digest[TLS_DIGEST]; /* of all that they are made of */
	unsigned users;             /* listeners and targets of all snapshots, and inventories */
	unsigned first, n;          /* of these workers; the health thread is the one behind the last */
	struct tls_ctx *of[];       /* owned; by worker, from the first on */
};

/* What contexts are made of: the block of a listener, or that of an upstream. */
struct recipe {
	const struct config_tls_in *in;
	const struct config_tls_out *out;
	struct tls_ticket_keys *keys; /* in */
	bool check;                   /* out: for the health thread alone */
};

/* ---- the digest ---- */

static void digest_file(void *arg, const char *path, struct config_pos at)
{
	(void)at;
	tls_digest_file(arg, path);
}

/* The settings as their text, which names every key that is set. */
static int digest_settings(struct tls_digest *d, const struct recipe *p)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	bool whole;

	if (f == NULL)
		return -NP_ENOMEM;
	if (p->in != NULL)
		config_dump_tls_in(f, p->in);
	else
		config_dump_tls_out(f, p->out);
	whole = ferror(f) == 0;
	whole &= fclose(f) == 0 && text != NULL; /* glibc's fclose tells of no memory by NULL alone */
	if (whole)
		tls_digest_add(d, text, n);
	free(text);
	return whole ? 0 : -NP_ENOMEM;
}

static bool trusts_system(const struct recipe *p)
{
	return p->out != NULL && p->out->verify && p->out->ca == NULL;
}

/* Ticket keys are not in it: their path is a setting, and the registry has one set per path. */
static int digest_of(const struct registry *r, const struct recipe *p, uint8_t out[TLS_DIGEST])
{
	struct tls_digest *d = tls_digest_begin();
	int err = d != NULL ? 0 : -NP_ENOMEM, sum;

	if (err != 0)
		return err;
	tls_digest_add(d, p->in != NULL ? "in" : "out", p->in != NULL ? 2 : 3);
	if (p->check)
		tls_digest_add(d, "check", 5);
	err = digest_settings(d, p);
	if (p->in != NULL)
		key_each_path_tls_in(p->in, digest_file, d);
	else
		key_each_path_tls_out(p->out, digest_file, d);
	if (trusts_system(p))
		tls_digest_add(d, tls_roots_digest(r->tls[0]->roots), TLS_DIGEST);
	sum = tls_digest_end(d, out);
	return err != 0 ? err : sum;
}

/* ---- building ---- */

/* Workers, and the health thread once a configuration has checked servers over TLS. */
static unsigned tls_users(const struct registry *r)
{
	return r->nworkers + (r->health_tls ? 1 : 0);
}

/* Made on first use and kept to the end: a process without TLS pays nothing. */
static int tls_workers_get(struct registry *r)
{
	int err = 0;

	if (r->tls == NULL)
		r->tls = calloc(r->nworkers + 1, sizeof(struct tls_worker *));
	if (r->tls == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < tls_users(r) && err == 0; i++) {
		if (r->tls[i] != NULL)
			continue;
		err = tls_worker_new(&r->tls[i]);
		if (err == 0)
			r->tls[i]->proves = i == 0; /* all get the same settings: one trial is enough */
	}
	return err;
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

static int listener_context(struct registry *r, const struct recipe *p, unsigned i,
			    struct tls_ctx **out, struct text *why)
{
	const struct config_tls_in *c = p->in;
	int err = tls_ctx_server(r->tls[i], c, p->keys, out, why);

	for (size_t j = 0; err == 0 && j < c->ncertificates; j++)
		if (c->certificates[j].ocsp_fetch)
			err = staple_fetched(r, &c->certificates[j], *out, i, j);
	return err;
}

static void contexts_free(struct contexts *set)
{
	for (unsigned i = 0; i < set->n; i++)
		tls_ctx_free(set->of[i]);
	list_remove(&set->link);
	free(set);
}

static int contexts_new(struct registry *r, const struct recipe *p, struct contexts **out,
			struct text *why)
{
	unsigned first = p->check ? r->nworkers : 0, n = p->check ? 1 : r->nworkers;
	struct contexts *set = calloc(1, sizeof(*set) + n * sizeof(set->of[0]));
	int err = 0;

	if (set == NULL)
		return -NP_ENOMEM;
	list_init(&set->link);
	set->first = first;
	set->n = n;
	for (unsigned i = 0; i < n && err == 0; i++)
		err = p->in != NULL ? listener_context(r, p, i, &set->of[i], why)
				    : tls_ctx_client(r->tls[first + i], p->out, &set->of[i], why);
	for (unsigned i = 1; i < n && err == 0; i++)
		tls_ctx_share_sessions(set->of[i], set->of[0]);
	if (err == 0)
		*out = set;
	else
		contexts_free(set);
	return err;
}

/* ---- sharing ---- */

static struct contexts *contexts_find(const struct registry *r, const uint8_t digest[TLS_DIGEST])
{
	list_for_each(it, &r->contexts) {
		struct contexts *set = list_entry(it, struct contexts, link);

		if (memcmp(set->digest, digest, TLS_DIGEST) == 0)
			return set;
	}
	return NULL;
}

/* A file that changed while it was read leaves a set that nobody finds: its digest would promise
 * other bytes than it was made of. */
static int contexts_share(struct registry *r, const struct recipe *p, struct contexts *set,
			  const uint8_t before[TLS_DIGEST])
{
	int err = digest_of(r, p, set->digest);

	if (err == 0 && memcmp(set->digest, before, TLS_DIGEST) == 0)
		list_push_back(&r->contexts, &set->link);
	return err;
}

static int contexts_get(struct registry *r, const struct recipe *p, struct contexts **out,
			struct text *why)
{
	uint8_t digest[TLS_DIGEST];
	struct contexts *set;
	int err = tls_workers_get(r);

	/* The system's CA certificates are parsed once per generation and shared by all workers. */
	if (err == 0 && trusts_system(p) && r->tls[0]->roots == NULL)
		err = tls_trust_share(r->tls, tls_users(r), why);
	if (err == 0)
		err = digest_of(r, p, digest);
	if (err != 0)
		return err;
	set = contexts_find(r, digest);
	if (set == NULL) {
		err = contexts_new(r, p, &set, why);
		if (err == 0 && contexts_share(r, p, set, digest) != 0) {
			contexts_free(set);
			err = -NP_ENOMEM;
		}
	}
	if (err == 0) {
		set->users++;
		*out = set;
	}
	return err;
}

/* Also for contexts that were there before: what is in force works in part, and this reload says
 * so again. A file or key that cannot be used is an error of the configuration, whatever call found
 * it. */
static int contexts_of(struct registry *r, const struct recipe *p, struct tls_ctx ***out,
		       struct text *why)
{
	unsigned before = tls_memory_failures();
	struct contexts *set;
	int err = tls_memory_ready() ? contexts_get(r, p, &set, why) : -NP_ENOMEM;

	if (err != 0)
		return tls_memory_failures() != before || err == -NP_ENOMEM ? -NP_ENOMEM : -NP_EINVAL;
	for (unsigned i = 0; i < set->of[0]->nwarnings && !r->looks_only; i++)
		log_msg(LVL_WARNING, "tls_setting", "%s", set->of[0]->warnings[i]);
	*out = set->of;
	return 0;
}

int contexts_server(struct registry *r, const struct config_tls_in *c, struct tls_ticket_keys *keys,
		    struct tls_ctx ***out, struct text *why)
{
	return contexts_of(r, &(struct recipe){.in = c, .keys = keys}, out, why);
}

int contexts_client(struct registry *r, const struct config_tls_out *c, struct tls_ctx ***out,
		    struct text *why)
{
	return contexts_of(r, &(struct recipe){.out = c}, out, why);
}

int contexts_check(struct registry *r, const struct config_tls_out *c, struct tls_ctx ***out,
		   struct text *why)
{
	struct config_tls_out own = *c;

	own.session_reuse = false;
	r->health_tls = true;
	return contexts_of(r, &(struct recipe){.out = &own, .check = true}, out, why);
}

struct tls_ctx **contexts_hold(struct tls_ctx **contexts)
{
	if (contexts != NULL)
		container_of(contexts, struct contexts, of)->users++;
	return contexts;
}

struct tls_ctx **contexts_put(struct tls_ctx **contexts)
{
	struct contexts *set;

	if (contexts == NULL)
		return NULL;
	set = container_of(contexts, struct contexts, of);
	CHECK(set->users > 0, "contexts are given back more often than they were got");
	if (--set->users == 0)
		contexts_free(set);
	return NULL;
}

void contexts_end(struct registry *r)
{
	if (r->tls != NULL)
		tls_trust_end(r->tls, tls_users(r));
}
