/* conn_row: live connections as rows, for another thread that shows them. The asker has a slice: a cursor of
 * each worker in turn, and a block that the worker fills in one turn of its loop and gives back. A worker
 * does nothing until it is asked again, so a slow reader costs nothing but the cursor.
 *
 *   asker    slice -> conn_slice_fill, ... until over -> the next worker       conn_slice_end, always
 *   worker            WALK_TURN looks at most, or a full block */
#ifndef PROXY_CONN_CONN_ROW_H
#define PROXY_CONN_CONN_ROW_H

#include "proxy/conn/conn_filter.h"
#include "proxy/conn/conn_row_tbl.h"
#include "proxy/conn/conn_tcp.h"
#include "proxy/conn/walk.h"

#include "proxy/base/ulid.h"

enum conn_stage {
#define X(code, word) STAGE_CONN_##code,
	CONN_STAGE_TBL(X)
#undef X
};

enum conn_blocked {
#define X(code, word) BLOCKED_##code,
	CONN_BLOCKED_TBL(X)
#undef X
};

/* Static words. Any thread. */
const char *conn_stage_word(enum conn_stage stage);
const char *conn_blocked_word(enum conn_blocked blocked);

/* What costs a system call or a look into TLS is found out only where it is asked for. */
enum conn_want {
	CONN_WANT_LOCAL = 1,   /* our address where the client connected */
	CONN_WANT_PENDING = 2, /* bytes on their way */
	CONN_WANT_TLS = 4,     /* version, cipher, and the names agreed on */
	CONN_WANT_TCP = 8,     /* TCP_INFO of both legs */
};

/* One connection, at one moment. The texts stand behind it in the block; NULL: none, or not known. */
struct conn_row {
	size_t size; /* bytes, texts included */
	struct ulid id;
	union np_inet client, local; /* AF_UNIX: a Unix socket; local AF_UNSPEC: not known */
	int64_t age, idle;           /* ns */
	uint64_t bytes_in, bytes_out;
	const char *listener, *upstream, *server, *sni, *alpn;
	const char *tls_version, *tls_cipher; /* static; NULL: no TLS of ours with the client */
	uint32_t pending_client, pending_server; /* bytes that are here and that side has not acknowledged */
	uint8_t stage, blocked; /* enum conn_stage, enum conn_blocked */
	uint8_t pending;        /* enum close_reason: conn_pending */
	bool spliced;
	struct conn_tcp tcp;
};

#define CONN_SLICE (64 * 1024)

/* Zero but for filter and wants. The asker's while no worker has it. */
struct conn_slice {
	const struct conn_filter *filter; /* const */
	unsigned wants;                   /* const: of enum conn_want */
	struct walk walk;
	bool walking; /* the cursor stands in a worker's list */
	bool over;    /* all of this worker were met */
	size_t n;     /* bytes of block in use */
	char block[CONN_SLICE] __attribute__((aligned(8)));
};

/* conn_slice_fill: look at some connections more of this worker; those that match are rows in the block,
 * which may stay empty although it is not over.   Calls  shard_call; slice is a struct conn_slice. */
void conn_slice_fill(struct shard *s, void *slice);
/* conn_slice_end: the cursor leaves this worker's list, if it stands there.   Calls  as above. */
void conn_slice_end(struct shard *s, void *slice);

/* conn_slice_next: the row at *at, which is 0 at first; NULL: there is none. Any thread that has it. */
const struct conn_row *conn_slice_next(const struct conn_slice *slice, size_t *at);

#endif
