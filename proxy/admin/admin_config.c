/* admin_config: /v1/config: the configuration in force, as text that loads to the same values. Behind each stands its
 * origin: a place in a file, default, or what an operator said of the server since. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/control/override_text.h"
#include "proxy/control/overrides.h"
#include "proxy/upstream/upstream_live.h"

#define OVERRIDE_ROOM 8192 /* of one in the list: an upstream's name and an address, escaped */
#define NOTE_ROOM     256
#define GONE_PATIENCE (2 * NP_S) /* for the control thread */
#define PATH_MOST     1024 /* bytes of the file's name that are shown */

_Static_assert(OVERRIDE_ROOM > (OVERRIDE_UPSTREAM + NP_ADDR_TEXT) * 6 + 400, "an override fits into its room");

/* A server of which an operator has said something, and whose it is. */
struct steered {
	const struct config_upstream *of;
	const struct server *server;
};

struct overridden {
	struct steered *list; /* owned */
	size_t n;
};

/* ---- overrides ---- */

/* One list for the text and for the member beside it, so that both name the same servers. It is short or empty, while
 * a file may have thousands of servers. */
static bool find_overridden(const struct inventory *inv, struct overridden *o)
{
	o->list = malloc(OVERRIDES_MOST * sizeof(*o->list));
	o->n = 0;
	if (o->list == NULL)
		return false;
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];

		for (unsigned k = u->first; k < u->first + u->n && u->listed && o->n < OVERRIDES_MOST; k++)
			if (inv->servers[k].listed && server_is_set(inv->servers[k].server))
				o->list[o->n++] = (struct steered){u->config, inv->servers[k].server};
	}
	return true;
}

/* One word of a control thread that may write meanwhile: each setting is read once. */
static struct server_inputs settings_of(const struct server *s, int64_t ends[SERVER_SETS])
{
	for (int i = 0; i < SERVER_SETS; i++)
		ends[i] = server_set_ends(s, (enum server_set)i);
	return server_inputs(server_now(s));
}

static void put_ends_at(struct text *t, int64_t ends)
{
	if (ends == 0)
		return;
	text_str(t, " until ");
	text_time(t, ends);
}

/* "; runtime: drain until 2026-01-02T03:04:05.000006Z, weight 5". */
static void write_note(FILE *out, const struct server *s)
{
	int64_t ends[SERVER_SETS];
	const struct server_inputs in = settings_of(s, ends);
	const char *comma = "";
	char room[NOTE_ROOM];
	struct text t;

	text_init(&t, room, sizeof(room));
	if (in.admin != SERVER_READY) {
		text_str(&t, server_admin_text(in.admin));
		put_ends_at(&t, ends[SERVER_SET_STATE]);
		comma = ", ";
	}
	if (in.admin_weight >= 0) {
		text_str(&t, comma);
		text_str(&t, "weight ");
		text_i64(&t, in.admin_weight);
		put_ends_at(&t, ends[SERVER_SET_WEIGHT]);
		comma = ", ";
	}
	if (in.admin_most != 0) {
		text_str(&t, comma);
		text_str(&t, "max_connections ");
		if (in.admin_most == SERVER_NO_LIMIT)
			text_str(&t, "off");
		else
			text_u64(&t, in.admin_most);
		put_ends_at(&t, ends[SERVER_SET_MOST]);
	}
	if (t.n > 0)
		fprintf(out, "; runtime: %.*s", (int)t.n, t.p);
}

/* The server of the model is one of its upstream's array, so its place says whose it is. */
static void note_of_server(void *arg, FILE *out, const struct config_server *s)
{
	const struct overridden *o = arg;

	for (size_t i = 0; i < o->n; i++) {
		const struct config_upstream *u = o->list[i].of;

		if (s >= u->servers && s < u->servers + u->nservers &&
		    np_addr_equal(&s->addr, &o->list[i].server->addr))
			write_note(out, o->list[i].server);
	}
}

/* Is the row's server one of the list? A server's name is "upstream/address". */
static bool override_is_shown(const struct overridden *o, const struct override_row *row)
{
	size_t n = strlen(row->upstream);

	for (size_t i = 0; i < o->n; i++) {
		const char *name = o->list[i].server->name;

		if (strncmp(name, row->upstream, n) == 0 && name[n] == '/' && strcmp(name + n + 1, row->address) == 0)
			return true;
	}
	return false;
}

/* What was said of servers that a reload or DNS has taken away: it counts again when they are back. */
static void put_gone(struct json *j, struct reply *r, const struct overridden *o, const struct order *said)
{
	for (unsigned i = 0; i < said->nrows && reply_room(r, OVERRIDE_ROOM); i++) {
		const struct override_row *row = &said->rows[i];

		if (override_is_shown(o, row))
			continue;
		json_enter(j, NULL, '{');
		json_str(j, "upstream", row->upstream);
		json_str(j, "server", row->address);
		json_bool(j, "present", false);
		override_put(j, &row->said, row->ends);
		json_leave(j, '}');
	}
}

static void put_overrides(struct json *j, struct reply *r, const struct overridden *o, const struct order *said)
{
	json_enter(j, "overrides", '[');
	for (size_t i = 0; i < o->n && reply_room(r, OVERRIDE_ROOM); i++) {
		int64_t ends[SERVER_SETS];
		const struct server_inputs in = settings_of(o->list[i].server, ends);

		json_enter(j, NULL, '{');
		json_str(j, "upstream", o->list[i].server->live->name);
		json_str(j, "server", o->list[i].server->text);
		json_bool(j, "present", true);
		override_put(j, &in, ends);
		json_leave(j, '}');
	}
	if (said != NULL)
		put_gone(j, r, o, said);
	json_leave(j, ']');
}

/* ---- the answer ---- */

/* The whole text at once, before the first byte goes out: a client that reads slowly holds memory, and no lock of a
 * stream.   Returns  NULL: no memory. */
static char *text_in_force(const struct inventory *inv, struct overridden *o)
{
	const struct config_notes notes = {note_of_server, o};
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	bool whole;

	if (f == NULL)
		return NULL;
	config_dump_noted(f, inv->config, &notes);
	whole = ferror(f) == 0;
	if (fclose(f) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

/* A value of any length: it goes out as it fills blocks. */
static void put_long_text(struct reply *r, const char *name, const char *text)
{
	size_t n = strlen(text);

	text_str(&r->body, ",\"");
	text_str(&r->body, name);
	text_str(&r->body, "\":\"");
	while (n > 0 && reply_room(r, JSON_ESCAPE)) {
		size_t len = json_character(&r->body, text, n);

		text += len;
		n -= len;
	}
	if (reply_room(r, 8))
		text_char(&r->body, '"');
}

/* said: what the control thread knows; NULL: it does not answer. */
static void put_config(struct reply *r, const struct inventory *inv, const struct overridden *o,
		       const struct order *said, const char *text)
{
	const char *path = inv->config->file;
	struct json j;

	reply_object(r, &j, inv->generation);
	json_bytes(&j, "path", path, strnlen(path, PATH_MOST));
	put_overrides(&j, r, o, said);
	if (reply_room(r, 64))
		put_long_text(r, "config", text);
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

/* The publication has the model, and the servers have what was said of them. Only of those that are gone the control
 * thread is asked, and where it does not answer they are left out: who looks for the cause of that needs the rest. */
void admin_config(struct client *c, struct reply *r)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	struct overridden o = {0};
	struct order *said;
	char *text = NULL;

	if (inv == NULL) {
		reply_error(r, 503, "no configuration is in force yet", NULL);
		return;
	}
	said = admin_order(c, &(struct order){.kind = ORDER_OVERRIDES}, GONE_PATIENCE);
	if (find_overridden(inv, &o))
		text = text_in_force(inv, &o);
	if (text != NULL)
		put_config(r, inv, &o, said, text);
	else
		reply_error(r, 503, "there is no memory for it", NULL);
	free(text);
	free(o.list);
	admin_order_free(said);
	inventory_drop(inv);
}
