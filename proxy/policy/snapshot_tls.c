/* What of TLS outlives a generation: the workers' own part, and the ticket keys, one set per file, so
 * that a reload keeps every session. */
#include "proxy/policy/snapshot_tls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "proxy/policy/snapshot.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_memory.h"

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

struct tls_ticket_keys *tickets_in_memory(const struct registry *r)
{
	const struct ticket_entry *entry = ticket_find(r, NULL);

	return entry != NULL ? entry->keys : NULL;
}

static void ticket_free(struct ticket_entry *entry)
{
	list_remove(&entry->link);
	tls_ticket_keys_free(entry->keys);
	free(entry);
}

/* Keys in force stay as they are: the snapshot may yet be refused. */
int tickets_get(struct registry *r, const struct config_tls_in *c, struct tls_ticket_keys **out,
		struct text *why)
{
	int64_t rotate = c->session_tickets.rotate / NP_S;
	struct ticket_entry *entry;
	int err;

	*out = NULL;
	if (!c->session_tickets.enabled || r->looks_only)
		return 0;
	entry = ticket_find(r, c->session_tickets.keys);
	if (entry != NULL) {
		*out = entry->keys;
		return 0;
	}
	entry = tls_memory_ready() ? calloc(1, sizeof(*entry)) : NULL;
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

/* The keys of a file may be long due. They are rotated without it: publishing waits for no disk, and
 * the next refresh settles with the file. */
static void ticket_enact(struct ticket_entry *entry)
{
	DCHECK(entry != NULL, "a snapshot is enacted without its ticket keys");
	if (!entry->in_force)
		tls_ticket_keys_rotate(entry->keys, (int64_t)time(NULL));
	entry->in_force = true;
}

/* Several listeners may name one file; the last one's pace counts. */
void tickets_enact(const struct snapshot *s)
{
	if (s->registry->looks_only)
		return;
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

/* ---- responses ---- */

void registry_keep_responses(struct registry *r, void (*log)(const char *path, int err))
{
	list_for_each(it, &r->staples) {
		struct tls_staple *s = list_entry(it, struct tls_staple, link);
		int err = tls_staple_keep(s);

		if (err != 0)
			log(s->cache, err);
	}
}

/* ---- the end ---- */

void registry_tls_fini(struct registry *r)
{
	DCHECK(list_empty(&r->contexts), "contexts use the workers' part of TLS");
	for (unsigned i = 0; r->tls != NULL && i <= r->nworkers; i++)
		tls_worker_free(r->tls[i]);
	free(r->tls);
	r->tls = NULL;
	list_for_each_safe(it, &r->tickets)
		ticket_free(list_entry(it, struct ticket_entry, link));
}

/* ---- certificates ---- */

/* Entries for other names may show one file again. */
static bool is_listed_before(const struct config_tls_in *c, unsigned j)
{
	for (unsigned i = 0; i < j; i++)
		if (strcmp(c->certificates[i].cert, c->certificates[j].cert) == 0)
			return true;
	return false;
}

void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const struct snapshot_certificate *c), void *arg)
{
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct listener *l = &s->listeners[i];

		for (unsigned j = 0; l->tls != NULL && j < l->tls[0]->ncerts; j++) {
			const struct snapshot_certificate c = {l->name, l->config->tls->certificates[j].cert,
							       &l->tls[0]->certs[j], &l->tls[0]->staples[j]};

			if (!is_listed_before(l->config->tls, j))
				fn(arg, &c);
		}
	}
}
