/* A connection's line in the access log, while its streams can still be asked what was agreed. */
#include "proxy/conn/stages.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_tcp.h"
#include "proxy/conn/replay.h"

/* Who is sent the client's bytes anew (replay.h) has taken fewer of them, for a moment, than were told last. */
static uint64_t since_update(uint64_t bytes, uint64_t told)
{
	return bytes > told ? bytes - told : 0;
}

/* What only some connections have. The texts stay in facts, which must live as long as x. */
static void gather_extra(const struct conn *c, struct access_extra *x, struct tls_facts *facts)
{
	const struct conn_extra *from = c->extra;

	if (from != NULL) {
		x->detail = from->detail;
		x->sni = from->sni;
		x->tried = from->tried;
		x->queued = from->queued;
		if (from->client.sa.sa_family != AF_UNSPEC)
			x->connected = c->peer;
	}
	if (from != NULL && from->update != NULL) {
		x->updated = true;
		x->interval = np_now() - from->update->at;
		x->new_in = since_update(c->dir[0].bytes, from->update->bytes[0]);
		x->new_out = since_update(c->dir[1].bytes, from->update->bytes[1]);
	}
	x->unclean = (uint8_t)(c->dir[0].unclean | c->dir[1].unclean << 1);
	if (c->client.tls == NULL)
		return;
	tls_facts(c->client.tls, facts);
	x->tls = true;
	x->resumed = facts->resumed;
	x->version = facts->version;
	x->cipher = facts->cipher;
	x->sni = facts->sni;
	x->alpn = facts->alpn;
	x->subject = facts->subject;
}

/* The handshake's own words tell more than a static detail does. The server's count first: a
 * client's connection is the older one, and has mostly just been told the outcome. */
static const char *tls_words(const struct conn *c)
{
	const char *words = tls_said(c->upstream.tls);

	return words != NULL ? words : tls_said(c->client.tls);
}

/* A function of its own, so that a second struct tls_facts (1 KiB) is not on the stack beside the
 * first. */
static no_inline const char *upstream_version(const struct conn *c)
{
	struct tls_facts facts;

	if (c->upstream.tls == NULL)
		return NULL;
	tls_facts(c->upstream.tls, &facts);
	return facts.version;
}

/* ---- what the kernel knows ---- */

#define TCP_INFO_AGE (1 * NP_S)

/* Two more system calls are dear for a short connection of a healthy client, and tell little of it. */
static bool wants_tcp(const struct conn *c, const struct access_record *rec)
{
	if (!c->listener->log_tcp || rec->event != ACCESS_END)
		return false;
	return c->listener->log_tcp_all || rec->duration >= TCP_INFO_AGE ||
	       (rec->why != CLOSE_CLIENT_FIN && rec->why != CLOSE_SERVER_FIN);
}

/* Its numbers of both legs are not on the stack beside the facts of TLS. */
static no_inline void gather_tcp(const struct conn *c, struct access_extra *x)
{
	struct conn_tcp t;
	const char *who;

	conn_tcp_ask(c, &t);
	for (int i = 0; i < 2; i++) {
		if (!t.has[i])
			continue;
		x->tcp |= (uint8_t)(1 << i);
		x->rtt[i] = t.leg[i].rtt;
		x->retrans[i] = t.leg[i].retrans;
	}
	who = conn_bottleneck(&t);
	x->bottleneck = strcmp(who, "none") != 0 ? who : NULL;
}

/* A full ring drops the line and counts it: the log never holds up a worker. */
static void hand_over(struct conn *c, const struct access_record *rec)
{
	if (!log_access(c->shard->log, rec))
		STAT_ADD(&c->shard->stats, log_dropped, 1);
}

static no_inline void log_with_extra(struct conn *c, const struct access_record *rec)
{
	struct access_extra x = {.upstream_version = upstream_version(c)};
	struct access_record whole = *rec;
	struct tls_facts facts;

	if (wants_tcp(c, rec))
		gather_tcp(c, &x);
	gather_extra(c, &x, &facts);
	if (tls_words(c) != NULL)
		x.detail = tls_words(c);
	whole.extra = &x;
	hand_over(c, &whole);
}

/* ---- our own addresses ---- */

/* Asked at the end, and only for the log: a connection that has none pays nothing. */
static void ask_own_address(const struct np_fd *fd, union np_inet *own)
{
	struct np_addr a;

	if (fd->sysfd > 0 && np_fd_addr(fd, &a) == 0) /* 0: it was never made */
		memcpy(own, &a.u, sizeof(*own));
}

/* A Unix socket has none that says anything. */
static void note_own_addresses(const struct conn *c, struct access_record *rec)
{
	if (c->peer.sa.sa_family != AF_UNIX) {
		const struct np_addr *only = c->listener->only_at;

		if (only != NULL)
			memcpy(&rec->accepted, &only->u, sizeof(rec->accepted));
		else
			ask_own_address(&c->client.fd, &rec->accepted);
	}
	if (c->server != NULL && !np_addr_is_unix(&c->server->addr))
		ask_own_address(&c->upstream.fd, &rec->local);
}

/* ---- what is left out ---- */

/* A record that tells of a begin is followed by one that tells of the end. */
static bool has_records(const struct conn *c)
{
	if ((conn_relays(c) || replay_under_way(c)) && c->listener->log_start)
		return true;
	return c->extra != NULL && c->extra->update != NULL;
}

/* The client went, and no byte came or went before. A handshake, and a hello that rules have seen, are bytes; a
 * PROXY header is not: a balancer writes it for its own probes, too. */
static bool passed_nothing(const struct conn *c, enum close_reason why)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;

	if ((why != CLOSE_CLIENT_FIN && why != CLOSE_CLIENT_RST) || has_records(c))
		return false;
	if (c->dir[0].bytes + c->dir[1].bytes > 0 || c->client.tls != NULL)
		return false;
	return o == NULL || chunk_held(o->rest) == 0;
}

/* ---- the record ---- */

/* The one that it is connected to, or else the last one that it tried. */
static void note_log_server(const struct conn *c, struct access_record *rec)
{
	if (c->server != NULL) {
		rec->server_name = c->server->text;
		memcpy(&rec->server, &c->server->addr.u, sizeof(rec->server));
	} else if (c->extra != NULL && c->extra->last_tried != NULL) {
		rec->server_name = c->extra->last_tried;
		rec->server = c->extra->last_addr;
	}
}

static void conn_record(struct conn *c, enum access_event event, enum close_reason why)
{
	const struct target *t = conn_target(c);
	struct access_record rec = {
		.id = conn_id(c),
		.start = shard_wall(c->shard, c->accepted),
		.duration = np_nanotime() - c->accepted,
		.connect = since_ns(c->connected),
		.first_byte = since_ns(c->first_byte),
		.bytes_in = c->dir[0].bytes,
		.bytes_out = c->dir[1].bytes,
		.client = *conn_client(c),
		.why = why,
		.err = c->err,
		.retries = c->retries,
		.event = event,
		.listener = c->listener->name,
		.upstream = t != NULL ? t->upstream->name : NULL,
	};

	note_log_server(c, &rec);
	note_own_addresses(c, &rec);
	if (unlikely(c->extra != NULL || c->client.tls != NULL || c->upstream.tls != NULL || wants_tcp(c, &rec)))
		log_with_extra(c, &rec);
	else
		hand_over(c, &rec);
}

void conn_log(struct conn *c, enum close_reason why)
{
	DCHECK_CONN(c);
	DCHECK(c->shard->log != NULL, "conn_end asks first whether there is a log");
	if (c->listener->skip_empty && passed_nothing(c, why))
		STAT_ADD(&c->shard->stats, log_skipped, 1);
	else
		conn_record(c, ACCESS_END, why);
}

/* Its server is connected and has had its preamble, so this record knows already what that of the end will say of both
 * sides. No byte has been relayed yet. */
void conn_log_start(struct conn *c)
{
	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_CONNECTING, "before the relay begins");
	if (c->shard->log != NULL)
		conn_record(c, ACCESS_START, CLOSE_NONE);
}

/* ---- updates ---- */

/* The first time after its last update, and after updates were switched on, at which its age is a multiple of their
 * interval. */
static int64_t update_due(const struct conn *c)
{
	const struct conn_update *last = c->extra != NULL ? c->extra->update : NULL;
	int64_t every = c->shard->log_every, from = c->shard->log_every_since;

	if (from < c->accepted)
		from = c->accepted;
	if (last != NULL && from < last->at)
		from = last->at;
	return c->accepted + ((from - c->accepted) / every + 1) * every;
}

/* The block with what the last update said. The first one counts from the accept. */
static struct conn_update *last_update(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	if (x != NULL && x->update == NULL) {
		x->update = calloc(1, sizeof(*x->update));
		if (x->update != NULL)
			x->update->at = c->accepted;
	}
	return x != NULL ? x->update : NULL;
}

/* The tally asks of each connection, each second: who is not due yet costs two loads and a division where there was an
 * update before. Without memory for the block the record is lost, and counted as one that the ring had no room for. */
bool conn_log_update(struct conn *c)
{
	struct conn_update *last;

	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_RELAYING, "a record of the begin, or of the end, is another's");
	if (c->shard->log == NULL || np_now() < update_due(c))
		return false;
	last = last_update(c);
	if (last == NULL) {
		STAT_ADD(&c->shard->stats, log_dropped, 1);
		return true;
	}
	conn_record(c, ACCESS_UPDATE, CLOSE_NONE);
	*last = (struct conn_update){np_now(), {c->dir[0].bytes, c->dir[1].bytes}};
	return true;
}
