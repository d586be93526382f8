/* One connection that has come from another process: its place here is found by names, and it is built, frozen.
 *
 *   find_moved_place   listener, rule, target, server, and a slot of it; or a sentence why it stays where it is
 *   build_at     the struct, its descriptors, its bytes, its TLS ends; then the places and the snapshot
 *
 * What fails in between undoes what was done, closes both descriptors and says nothing to a peer: the other process has
 * the connection still. */
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_source.h"
#include "proxy/conn/hand_over.h"
#include "proxy/conn/relay_paced.h"
#include "proxy/conn/stages.h"
#include "proxy/conn/tally.h"

/* Where it belongs in this process. */
struct hand_over_place {
	struct listener *listener;
	uint16_t rule;
	const struct target *target;
	struct server *server;
	const int *sysfds;
	unsigned nfds;
	const char *why; /* static: it cannot be built */
};

/* Another process holds them, too: no peer hears of it. */
static void close_passed(const int *sysfds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		np_sock_close(sysfds[i]);
}

/* Bytes of a message against a text of ours. */
static bool field_is(const struct handover_field *f, const char *text)
{
	return strlen(text) == f->n && memcmp(text, f->p, f->n) == 0;
}

/* ---- its place ---- */

/* Few, and asked once a connection: no table is worth it. */
static struct listener *listener_named(const struct snapshot *snap, const struct handover_field *name)
{
	for (unsigned i = 0; i < snap->nlisteners; i++)
		if (field_is(name, snap->listeners[i].name))
			return &snap->listeners[i];
	return NULL;
}

/* The last of the targets is the default's, and may be none. */
static bool leads_to(const struct listener *l, unsigned rule, const struct handover_field *upstream)
{
	return rule <= l->nrules && l->targets[rule] != NULL && field_is(upstream, l->targets[rule]->upstream->name);
}

/* The rule it fell under, if that is where it was; else any that leads to the upstream: it is asked only for that.
 *   Returns  false: none does. */
static bool find_rule(struct hand_over_place *p, const struct hand_over *h)
{
	unsigned rule = h->rule;

	if (!leads_to(p->listener, rule, &h->upstream))
		for (rule = 0; rule <= p->listener->nrules && !leads_to(p->listener, rule, &h->upstream); rule++)
			;
	if (rule > p->listener->nrules || rule > 0x7fff)
		return false;
	p->rule = (uint16_t)rule;
	p->target = p->listener->targets[rule];
	return true;
}

/* For upstream_each. */
struct server_wanted {
	const struct handover_field *text;
	struct server *found;
};

/* Its slot is taken under the upstream's lock, while the list still holds the server. */
static void match_moved_server(void *arg, struct server *s, uint32_t weight)
{
	struct server_wanted *wanted = arg;

	(void)weight;
	if (wanted->found != NULL || !field_is(wanted->text, s->text))
		return;
	wanted->found = s;
	server_take_moved(s);
}

static struct server *find_server(const struct target *t, const struct hand_over *h)
{
	struct server_wanted wanted = {.text = &h->server};
	uint64_t round = 0;

	(void)upstream_each(t->upstream, &round, match_moved_server, &wanted);
	return wanted.found;
}

/* Returns  NULL: found, and the server's slot is ours; else why not. */
static const char *find_moved_place(struct hand_over_place *p, const struct hand_over_into *into,
				    const struct hand_over *h)
{
	p->listener = listener_named(into->snap, &h->listener);
	if (p->listener == NULL)
		return "its listener is not in the configuration here";
	if (h->waits == HANDOVER_WAITS_PLACE) {
		p->rule = (uint16_t)(p->listener->nrules & 0x7fff);
		return NULL;
	}
	if (!find_rule(p, h))
		return "its listener does not lead to its upstream here";
	if (h->has_tls[0] && p->listener->tls == NULL)
		return "its listener ends no TLS here";
	if (h->has_tls[1] && p->target->tls == NULL)
		return "its upstream speaks no TLS here";
	if (h->waits == HANDOVER_WAITS_QUEUE)
		return NULL; /* which server is asked here */
	p->server = find_server(p->target, h);
	return p->server != NULL ? NULL : "its server is not in the upstream here";
}

/* ---- the connection ---- */

/* What is not set here is derived by hand_over_thaw. */
static bool build_dir(struct relay_dir *d, const struct hand_over_dir *from)
{
	d->bytes = from->bytes;
	d->active = from->active;
	d->undelivered = from->undelivered;
	d->eof = (from->flags & HANDOVER_DIR_EOF) != 0;
	d->reset = (from->flags & HANDOVER_DIR_RESET) != 0;
	d->discard = (from->flags & HANDOVER_DIR_DISCARD) != 0;
	d->done = (from->flags & HANDOVER_DIR_DONE) != 0;
	d->unclean = (from->flags & HANDOVER_DIR_UNCLEAN) != 0;
	d->unspliceable = (from->flags & HANDOVER_DIR_UNSPLICEABLE) != 0;
	d->cut = (from->flags & HANDOVER_DIR_CUT) != 0;
	if (from->rest.n > 0)
		d->rest = chunk_of(from->rest.p, from->rest.n);
	return from->rest.n == 0 || d->rest != NULL;
}

/* Or the next record of log.periodic would tell all bytes once more. */
static bool build_update(struct conn_extra *x, const struct hand_over *h)
{
	x->update = malloc(sizeof(*x->update));
	if (x->update != NULL)
		*x->update = (struct conn_update){h->update_at, {h->update_bytes[0], h->update_bytes[1]}};
	return x->update != NULL;
}

/* Of a field that may be missing; without memory *ok is false. */
static char *text_copy(const struct handover_field *f, bool *ok)
{
	char *text = f->n > 0 ? strndup((const char *)f->p, f->n) : NULL;

	*ok = *ok && (text != NULL || f->n == 0);
	return text;
}

static bool has_extra(const struct hand_over *h)
{
	return h->waits == HANDOVER_WAITS_QUEUE || h->has_client || h->has_update || h->queued != 0 || h->sni.n > 0 ||
	       h->detail.n > 0;
}

/* Only if it has any of it: an idle connection needs no such block. The id is the same without one where both processes
 * have the same seed and the worker the same number. */
static bool build_extra(struct conn *c, const struct hand_over *h)
{
	struct ulid id = conn_id(c);
	bool other_id = h->has_id && memcmp(&id, &h->id, sizeof(id)) != 0, ok = true;
	struct conn_extra *x;

	if (!other_id && !has_extra(h))
		return true;
	x = conn_extra(c);
	if (x == NULL)
		return false;
	x->has_id = other_id;
	if (other_id)
		x->id = h->id;
	if (h->has_client)
		x->client = h->client;
	x->queued = h->queued;
	x->waits_since = h->waits_since;
	x->waits_until = h->waits_until;
	x->sni = text_copy(&h->sni, &ok);
	x->words = text_copy(&h->detail, &ok);
	x->detail = x->words;
	return ok && (!h->has_update || build_update(x, h));
}

/* As note_first_byte and the connect pack it. */
static uint32_t packed_since(int64_t ns)
{
	return ns >= 0 ? since_pack(ns) : SINCE_NEVER;
}

/* The other process has told the whole units among its bytes (tally.h). */
static void count_from_here(struct conn *c)
{
	c->tallied = true;
	for (unsigned i = 0; i < 2; i++)
		c->counted[i] = (uint32_t)(c->dir[i].bytes >> TALLY_UNIT_BITS);
}

/* Values that were judged by hand_over_read: the masks only say so to the compiler. */
static void build_head(struct conn *c, const struct hand_over_place *p, const struct hand_over *h)
{
	c->listener = p->listener;
	c->rule = p->rule & 0x7fff;
	c->server = p->server;
	c->phase = CONN_FROZEN;
	c->setup = h->waits == HANDOVER_WAITS_PLACE ? SETUP_HELD : SETUP_QUEUE; /* or, of a relay, first_end */
	c->peer = h->peer;
	c->accepted = h->accepted;
	c->connected = packed_since(h->connected);
	c->first_byte = packed_since(h->first_byte);
	c->hard_deadline = h->hard_deadline;
	c->retries = h->retries & 0x7f;
	c->err = (int16_t)h->err;
	if (h->waits == HANDOVER_WAITS_NOT)
		c->first_end = (uint8_t)h->first_end;
	c->nodelay_due = (h->flags & HANDOVER_CONN_NODELAY_DUE) != 0;
	c->keepalive_due = (h->flags & HANDOVER_CONN_KEEPALIVE_DUE) != 0;
	c->judged = (h->flags & HANDOVER_CONN_JUDGED) != 0;
}

/* In no list yet, and with nothing but its shard. */
static struct conn *new_conn(struct shard *s)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->magic = CONN_MAGIC;
		c->shard = s;
	}
	return c;
}

/* ---- its sides ---- */

/* Contexts are those of this worker and of the configuration in force; the records need only the worker's ciphers. */
static int build_tls(struct conn *c, struct hand_over_place *p, const struct hand_over *h)
{
	unsigned worker = c->shard->id;
	int err = 0;

	if (h->has_tls[0])
		err = tls_import(&c->client.tls, &c->client.fd, p->listener->tls[worker], &h->tls[0], &p->why);
	if (err == 0 && h->has_tls[1])
		err = tls_import(&c->upstream.tls, &c->upstream.fd, p->target->tls[worker], &h->tls[1], &p->why);
	c->secure = h->has_tls[0] || h->has_tls[1];
	if (c->secure)
		c->dir[0].unspliceable = c->dir[1].unspliceable = true;
	return err;
}

/* Each descriptor is closed by the stream that has it, or here. */
static int build_sides(struct conn *c, struct hand_over_place *p)
{
	int err = np_fd_adopt(&c->client.fd, p->sysfds[0]);

	p->why = "its descriptors are of no use";
	if (err != 0)
		close_passed(p->sysfds, p->nfds);
	if (err != 0 || p->nfds == 1)
		return err;
	err = np_fd_adopt(&c->upstream.fd, p->sysfds[1]);
	if (err != 0)
		np_sock_close(p->sysfds[1]);
	return err;
}

/* What the client has sent before it has a server. A foreign process may have said anything of it. */
static int build_read(struct conn *c, struct hand_over_place *p, const struct hand_over *h)
{
	const struct preread_moved m = {
		.p = h->read.p,
		.n = h->read.n,
		.from = h->read_from,
		.header = (h->read_flags & HANDOVER_READ_HEADER) != 0,
		.hello = (h->read_flags & HANDOVER_READ_HELLO) != 0,
	};
	int err = h->read.n > 0 ? preread_again(c, &m) : 0;
	struct preread *o = err == 0 && h->cert.n > 0 ? conn_preread(c) : NULL;

	if (err == -NP_EPROTO)
		p->why = "what was read of it is no header or hello";
	if (err != 0 || h->cert.n == 0)
		return err;
	if (o == NULL || (o->cert = malloc(h->cert.n)) == NULL)
		return -NP_ENOMEM;
	memcpy(o->cert, h->cert.p, h->cert.n);
	o->ncert = h->cert.n;
	return 0;
}

/* Of one that is in no list yet. */
static void unbuild(struct conn *c)
{
	c->client.tls = tls_forget(c->client.tls);
	c->upstream.tls = tls_forget(c->upstream.tls);
	chunk_drop(&c->dir[0].rest);
	chunk_drop(&c->dir[1].rest);
	np_fd_close(&c->client.fd);
	np_fd_close(&c->upstream.fd);
	conn_extra_free(c);
	c->magic = 0;
	free(c);
}

static int build_conn(struct conn *c, struct hand_over_place *p, const struct hand_over *h)
{
	int err;

	p->why = "out of memory";
	if ((c->listener->download != 0 || c->listener->upload != 0) && paced_want(c) != CLOSE_NONE)
		return -NP_ENOMEM;
	if (!build_dir(&c->dir[0], &h->dir[0]) || !build_dir(&c->dir[1], &h->dir[1]) || !build_extra(c, h))
		return -NP_ENOMEM;
	err = build_read(c, p, h);
	if (err == 0)
		err = build_tls(c, p, h);
	count_from_here(c);
	return err;
}

/* From here on it is as good as accepted here. */
static void join_shard(struct conn *c, const struct hand_over_into *into, const struct hand_over *h)
{
	struct shard *s = into->shard;

	if (h->waits != HANDOVER_WAITS_PLACE) {
		limit_take_moved(s->limit);
		limit_take_moved(&c->listener->counts->limit);
	}
	list_push_back(&s->conns, &c->link);
	snapshot_hold(c->listener->snap, s->id);
	__atomic_add_fetch(&s->nconns, 1, __ATOMIC_RELAXED);
	if (h->waits != HANDOVER_WAITS_PLACE)
		conn_count_source(c, c->listener, true);
}

static int build_at(struct hand_over_place *p, const struct hand_over_into *into, const struct hand_over *h,
		    struct conn **out)
{
	struct conn *c = new_conn(into->shard);
	int err;

	if (c == NULL) {
		p->why = "out of memory";
		close_passed(p->sysfds, p->nfds);
		return -NP_ENOMEM;
	}
	build_head(c, p, h);
	err = build_sides(c, p);
	if (err == 0)
		err = build_conn(c, p, h);
	if (err != 0) {
		unbuild(c);
		return err;
	}
	join_shard(c, into, h);
	*out = c;
	return 0;
}

int hand_over_build(const struct hand_over_into *into, const struct hand_over *h, const int sysfds[HAND_OVER_FDS],
		    struct conn **out, const char **why)
{
	struct hand_over_place p = {.sysfds = sysfds, .nfds = h->nfds};
	int err;

	DCHECK_SHARD(into->shard);
	*why = find_moved_place(&p, into, h);
	if (*why != NULL) {
		close_passed(sysfds, h->nfds);
		return -NP_EINVAL;
	}
	err = build_at(&p, into, h, out);
	if (err != 0 && p.server != NULL)
		server_pass(p.server);
	*why = err != 0 ? p.why : NULL;
	return err;
}
