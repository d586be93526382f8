/* access_log: one record per connection, more if asked for, written to the sink of the configuration (`log.access`).
 *
 * A worker packs a record into its own ring: no lock, no formatting, and no system call unless the
 * writer is asleep. One writer thread empties the rings, formats the records and writes them:
 *
 *     worker 0  log_access -> ring 0 --.
 *     worker 1  log_access -> ring 1 --+-> writer: record -> line -> batch -> sink
 *     worker 2  log_access -> ring 2 --'
 *
 * A sink that takes nothing stops the writer alone. The rings fill up, further records are dropped
 * and counted, and two lines of the process log mark the episode. */
#ifndef PROXY_LOG_ACCESS_LOG_H
#define PROXY_LOG_ACCESS_LOG_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/base/close.h"
#include "proxy/base/ulid.h"
#include "proxy/log/access_tbl.h"
#include "proxy/log/log.h"

/* One server that a connection tried. */
struct access_try {
	const char *server;
	int64_t took;          /* ns */
	int err;               /* NP_E code of either sign; 0: no error */
	enum close_reason why; /* CLOSE_NONE: it connected */
	const char *result;    /* static, instead of why: another one was faster; NULL: why says it */
};
#define ACCESS_TRIES 8

/* The servers that a connection tried, in order. */
struct access_tried {
	unsigned n, more; /* how many are in tries; how many followed those */
	struct access_try tries[ACCESS_TRIES];
};

/* What a record tells of. All have the same fields and the connection's one id. A begin is always followed by an end;
 * how many updates stand between depends on the connection's age and on log.periodic meanwhile. */
enum access_event { ACCESS_END, ACCESS_START, ACCESS_UPDATE };

/* The fields that only some connections have. */
struct access_extra {
	/* The address of the peer that connected, if access_record.client is the one of a PROXY
	 * header; else AF_UNSPEC. */
	union np_inet connected;
	bool tls;     /* this proxy ends the client's TLS; the handshake may have failed */
	bool resumed; /* with tls: a TLS session was resumed */
	/* What the kernel knew at the end: bits of 1 the client's leg, 2 the server's; 0: it was not asked. */
	uint8_t tcp;
	uint32_t rtt[2], retrans[2]; /* us; segments */
	const char *bottleneck; /* with tcp: a static word, good on the other side of a ring, too; NULL: nobody */
	int64_t queued;  /* ns in its upstream's queue; 0: it did not wait */
	uint8_t unclean; /* ended TLS without close_notify: 1 the client, 2 the server, 3 both */
	bool updated;     /* this record, or one before it, is an update */
	int64_t interval; /* with updated: ns since the update before, or the accept */
	uint64_t new_in, new_out; /* with updated: bytes of the interval */
#define X(field, ...) const char *field;
	ACCESS_TEXT_TBL(X) /* NULL or "" if there is none */
#undef X
	const struct access_tried *tried; /* NULL: the first server that was tried connected, or none was */
};

/* One connection. log_access copies all of it, texts included. */
struct access_record {
	struct ulid id;
	int64_t start;      /* the accept, by the wall clock: ns since 1970 */
	int64_t duration;   /* ns since the accept by the monotonic clock, as the next two */
	int64_t connect;    /* until a server accepted; -1 if none did */
	int64_t first_byte; /* until the first byte of the server; -1 if none came */
	uint64_t bytes_in, bytes_out; /* from the client, to the client */
	union np_inet client; /* as seen at accept, or as a trusted PROXY header says */
	union np_inet accepted; /* our address where the client connected; AF_UNSPEC: a Unix socket */
	union np_inet local;  /* our address towards the server; AF_UNSPEC if none connected by TCP */
	union np_inet server; /* the last one tried; family AF_UNSPEC if none was */
	enum close_reason why; /* CLOSE_NONE where it goes on */
	int err;          /* NP_E code of either sign; 0: no error */
	uint32_t retries; /* servers tried after the first */
	enum access_event event;
	const char *listener, *upstream, *server_name; /* NULL or "" if there is none */
	const struct access_extra *extra; /* NULL: a plain connection */
};

enum log_sink_kind { LOG_SINK_OFF, LOG_SINK_PATH, LOG_SINK_STDOUT, LOG_SINK_STDERR };

enum log_part { LOG_PART_MEMORY, LOG_PART_SINK, LOG_PART_THREAD };

struct log_options {
	enum log_sink_kind kind;
	const char *path; /* for LOG_SINK_PATH: appended to, created with mode 0640; copied */
	enum log_format format;
	size_t ring_size; /* bytes, a power of two; 0 for LOG_RING_SIZE */
	enum log_part *making; /* out, or NULL: after an error the part that could not be had */
};
#define LOG_RING_SIZE (1u << 20) /* bytes per worker: some 5,000 records */
#define LOG_STOP_MS   2000       /* what the end of the process and a reload wait for a sink */

struct log;
struct log_ring;

/* log_start: open the sink, make one ring per worker, start the writer.
 *   Returns  0 and *out; or -NP_Exxx of the path, of memory or of the thread. For LOG_SINK_OFF *out
 *            is NULL: every call below takes NULL and does nothing.
 *   Calls    any one thread.
 *   Owns     the caller owns *out, until log_stop. */
must_use int log_start(struct log **out, const struct log_options *o, unsigned nrings);

/* log_ring_of: the ring of worker i, valid until log_stop; NULL if the access log is off. */
struct log_ring *log_ring_of(struct log *l, unsigned i);

/* log_access: hand over one record.
 *   Returns  false if the ring is full and the record is lost; the caller counts it in log_dropped
 *            of the worker's stats.
 *   Calls    only the worker whose ring it is. Never blocks. */
must_use bool log_access(struct log_ring *r, const struct access_record *rec);

/* log_reopen: have the writer open the path again soon, because the file was renamed. Each record
 * goes to the old file or to the new one, whole and once. If the path cannot be opened, the process
 * log says so, and the old file stays in use.
 *   Calls    any thread. */
void log_reopen(struct log *l);

/* log_stop: write what is in the rings, within ms milliseconds (LOG_STOP_MS) even if the sink takes
 * nothing; what could not be written is counted in one line of the process log. Bounded by the
 * kernel's patience only where a regular file's disk hangs.
 *   Returns  NULL.
 *   Calls    any one thread; no producer may be left. */
struct log *log_stop(struct log *l, int ms);

/* log_stop_begin, log_stop_poll: log_stop for a thread that must not wait: the first begins it, the
 * second ends it once the writer has ended or its time is over, or at once with give_up.
 *   Returns  NULL: stopped and freed; l: ask again.
 *   Calls    as log_stop; poll until it has returned NULL. */
void log_stop_begin(struct log *l, int ms);
must_use struct log *log_stop_poll(struct log *l, bool give_up);

#endif
