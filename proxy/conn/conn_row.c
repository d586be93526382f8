/* A connection becomes a row, on its worker. */
#include "proxy/conn/conn_row.h"

#include <string.h>

#include "proxy/conn/conn_extra.h"

#define COST_LOOK 1
#define COST_ROW  2 /* up to three system calls */
#define COST_TCP  4 /* two of the dearer kind */
#define ROW_MOST  (sizeof(struct conn_row) + 2 * CONN_FILTER_NAME + CONN_FILTER_SERVER + CONN_SNI + TLS_FACT + 64)

const char *conn_stage_word(enum conn_stage stage)
{
	static const char *const words[] = {
#define X(code, word) [STAGE_CONN_##code] = #word,
		CONN_STAGE_TBL(X)
#undef X
	};

	CHECK((size_t)stage < array_len(words), "a stage of the table");
	return words[stage];
}

const char *conn_blocked_word(enum conn_blocked blocked)
{
	static const char *const words[] = {
#define X(code, word) [BLOCKED_##code] = #word,
		CONN_BLOCKED_TBL(X)
#undef X
	};

	CHECK((size_t)blocked < array_len(words), "a side of the table");
	return words[blocked];
}

/* ---- what it is doing ---- */

/* Before its first step a connection is in the stage that its listener begins with. */
static enum conn_stage first_stage(const struct listener *l)
{
	if (l->wants_header)
		return STAGE_CONN_HEADER;
	if (l->wants_hello || l->wants_byte)
		return STAGE_CONN_HELLO;
	return l->tls != NULL ? STAGE_CONN_TLS : STAGE_CONN_CONNECT;
}

/* From what the connection has anyway: nothing is written on the data path for the table. */
static enum conn_stage stage_of(const struct conn *c)
{
	static const enum conn_stage by_setup[] = {
		[SETUP_HEADER] = STAGE_CONN_HEADER,
		[SETUP_HELLO] = STAGE_CONN_HELLO,
		[SETUP_TLS] = STAGE_CONN_TLS,
		[SETUP_CONNECT] = STAGE_CONN_CONNECT,
		[SETUP_QUEUE] = STAGE_CONN_QUEUE,
		[SETUP_ASIDE] = STAGE_CONN_QUEUE,
	};

	if (!conn_relays(c))
		return c->setup <= SETUP_BEGUN ? first_stage(c->listener) : by_setup[c->setup];
	if (c->dir[0].discard || c->dir[1].discard)
		return STAGE_CONN_LINGER;
	if (c->first_end == CLOSE_NONE)
		return STAGE_CONN_RELAY;
	return c->first_end == CLOSE_SERVER_FIN ? STAGE_CONN_SERVER_ENDED : STAGE_CONN_CLIENT_ENDED;
}

/* One that waits to pass on a reset is blocked, too: its dst must acknowledge what it has. */
static enum conn_blocked blocked_of(const struct conn *c)
{
	if (!conn_relays(c))
		return BLOCKED_NONE;
	if (c->dir[1].blocked)
		return BLOCKED_CLIENT;
	return c->dir[0].blocked ? BLOCKED_SERVER : BLOCKED_NONE;
}

/* Bytes of d that are here, and that dst has not acknowledged. */
static uint32_t pending_of(const struct relay_dir *d, const struct stream *dst)
{
	ssize_t unsent = stream_unsent(dst);
	size_t n = unsent > 0 ? (size_t)unsent : 0;

	n += d->spliced ? np_pipe_held(d->pipe) : chunk_held(d->rest);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- texts ---- */

/* Its place in the block, or NULL. There is room: ROW_MOST. */
static const char *put_row_text(struct conn_row *row, const char *text, size_t most)
{
	char *to = (char *)row + row->size;
	size_t n = text != NULL ? strnlen(text, most - 1) : 0;

	if (n == 0)
		return NULL;
	memcpy(to, text, n);
	to[n] = '\0';
	row->size += n + 1;
	return to;
}

static void put_row_names(struct conn_row *row, const struct conn *c)
{
	const struct target *t = conn_is_routed(c) ? conn_target(c) : NULL;

	row->listener = put_row_text(row, c->listener->name, CONN_FILTER_NAME);
	if (t != NULL)
		row->upstream = put_row_text(row, t->upstream->name, CONN_FILTER_NAME);
	if (c->server != NULL)
		row->server = put_row_text(row, c->server->text, CONN_FILTER_SERVER);
}

/* struct tls_facts has 1 KiB: not beside other frames. */
static no_inline void put_row_tls(struct conn_row *row, const struct conn *c)
{
	struct tls_facts facts;

	tls_facts(c->client.tls, &facts);
	row->tls_version = facts.version;
	row->tls_cipher = facts.cipher;
	row->sni = put_row_text(row, facts.sni, CONN_SNI);
	row->alpn = put_row_text(row, facts.alpn, TLS_FACT);
}

/* ---- what the kernel knows ---- */

/* A listener on one address answers without a system call. */
static void put_row_local(struct conn_row *row, const struct conn *c)
{
	const struct np_addr *only = c->listener->only_at;
	struct np_addr a;

	if (c->peer.sa.sa_family == AF_UNIX)
		row->local.sa.sa_family = AF_UNIX;
	else if (only != NULL)
		memcpy(&row->local, &only->u, sizeof(row->local));
	else if (c->client.fd.sysfd > 0 && np_fd_addr(&c->client.fd, &a) == 0)
		memcpy(&row->local, &a.u, sizeof(row->local));
}

/* ---- rows ---- */

/* Dear members are filled only where the request wants them. */
static void put_row(struct conn_row *row, const struct conn *c, unsigned wants, int64_t now)
{
	*row = (struct conn_row){
		.size = sizeof(*row),
		.id = conn_id(c),
		.client = *conn_client(c),
		.age = now - c->accepted,
		.idle = conn_silence(c, now),
		.stage = (uint8_t)stage_of(c),
		.blocked = (uint8_t)blocked_of(c),
		.pending = (uint8_t)conn_pending(c),
		.spliced = c->dir[0].spliced || c->dir[1].spliced,
		.bytes_in = c->dir[0].bytes,
		.bytes_out = c->dir[1].bytes,
	};
	put_row_names(row, c);
	if (c->client.tls == NULL && c->extra != NULL)
		row->sni = put_row_text(row, c->extra->sni, CONN_SNI);
	if (c->client.tls != NULL && (wants & CONN_WANT_TLS) != 0)
		put_row_tls(row, c);
	if ((wants & CONN_WANT_LOCAL) != 0)
		put_row_local(row, c);
	if ((wants & CONN_WANT_PENDING) != 0 && conn_relays(c)) {
		row->pending_client = pending_of(&c->dir[1], &c->client);
		row->pending_server = pending_of(&c->dir[0], &c->upstream);
	}
	if ((wants & CONN_WANT_TCP) != 0)
		conn_tcp_ask(c, &row->tcp);
}

/* Fills the block once, within what walk_pay allows of this turn of the scheduler; the admin thread comes again for
 * the rest. Rows stand on 8 bytes. */
void conn_slice_fill(struct shard *s, void *arg)
{
	struct conn_slice *slice = arg;
	unsigned dear = (slice->wants & CONN_WANT_TCP) != 0 ? COST_TCP : COST_ROW;
	int64_t now = np_now();

	DCHECK_SHARD(s);
	slice->n = 0;
	if (!slice->walking)
		walk_begin(&slice->walk, s);
	slice->walking = true;
	while (slice->n + ROW_MOST <= CONN_SLICE && walk_pay(s, COST_LOOK)) {
		struct conn_row *row = (struct conn_row *)(void *)(slice->block + slice->n);
		const struct conn *c = walk_next(&slice->walk);

		if (c == NULL) {
			slice->over = true;
			break;
		}
		if (conn_filter_match(slice->filter, c, now) != CONN_MATCH)
			continue;
		put_row(row, c, slice->wants, now);
		slice->n += (row->size + 7) & ~(size_t)7;
		(void)walk_pay(s, dear - COST_LOOK);
	}
	if (slice->over)
		conn_slice_end(s, slice);
}

/* Also for a reader that has gone in the middle: the walk must not stay linked. */
void conn_slice_end(struct shard *s, void *arg)
{
	struct conn_slice *slice = arg;

	DCHECK_SHARD(s);
	if (slice->walking)
		walk_end(&slice->walk);
	slice->walking = false;
	(void)s;
}

const struct conn_row *conn_slice_next(const struct conn_slice *slice, size_t *at)
{
	const struct conn_row *row = (const struct conn_row *)(const void *)(slice->block + *at);

	if (*at >= slice->n)
		return NULL;
	*at += (row->size + 7) & ~(size_t)7;
	return row;
}
