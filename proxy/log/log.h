/* log: what staunch tells the outside. Two streams that share nothing but their manner:
 *
 *   process log   one line per event of the process, to one descriptor (stderr). Any thread, also a
 *                 worker: a line is escaped, bounded and written only if that cannot block; else it
 *                 is counted as missed.
 *   access log    one record per connection. A worker packs the record into its own ring: no lock,
 *                 no formatting, and no system call unless the writer is asleep. One writer thread
 *                 drains the rings, formats and writes in batches:
 *
 *       worker 0  log_access -> ring 0 --.
 *       worker 1  log_access -> ring 1 --+-> writer: record -> line -> batch -> sink
 *       worker 2  log_access -> ring 2 --'
 *
 *                 A sink that takes nothing blocks the writer alone: the rings fill, more records
 *                 are dropped and counted, and two process log lines bracket the episode. */
#ifndef PROXY_LOG_LOG_H
#define PROXY_LOG_LOG_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/base/close.h"
#include "proxy/base/ulid.h"

/*        level    word */
#define LOG_LEVEL_TBL(X) \
	X(ERROR,   error)   \
	X(WARNING, warning) \
	X(NOTICE,  notice)  \
	X(INFO,    info)    \
	X(DEBUG,   debug)

/* LVL_, because syslog.h owns LOG_. */
enum log_level {
#define X(level, word) LVL_##level,
	LOG_LEVEL_TBL(X)
#undef X
	LVL_LEVELS
};

enum log_format {
	LOG_FORMAT_AUTO, /* text on a terminal, JSON lines elsewhere */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* The call sites or causes that must not flood the log each have one; zero is its initial value. */
struct log_site {
	int64_t  next;       /* atomic; monotonic ns before which nothing is written */
	uint64_t suppressed; /* atomic; events since the last line */
};
#define LOG_SITE_PERIOD 1000000000 /* ns: one line per site and second */

/* log_init: say where the process log goes. Without it: text, notices and worse, stderr.
 *   Calls    once, before there is a second thread.
 *   Owns     nothing; fd stays the caller's and open. */
void log_init(enum log_level level, enum log_format format, int fd);

void log_set_level(enum log_level level); /* any thread */

/* log_msg: one line about one event. `event` is a word that never changes ("accept_paused"), the
 * message is for people: at most 512 bytes of it are shown.
 *   Calls    any thread; never blocks on the descriptor. Not from a signal handler. */
void log_msg(enum log_level level, const char *event, const char *fmt, ...) printf_like(3, 4);

/* log_limited: the same, at most once per LOG_SITE_PERIOD and site; the next line tells how many it
 * stands for. */
void log_limited(struct log_site *site, enum log_level level, const char *event, const char *fmt,
		 ...) printf_like(4, 5);

/* log_site_admit: the rule behind log_limited, for a time of the caller's choice.
 *   Returns  true if an event may be written now; *suppressed is then how many were held back since
 *            the last one. */
must_use bool log_site_admit(struct log_site *site, int64_t now, uint64_t *suppressed);

/* The texts that only some connections have: field; its name in JSON; its short one. All may be hostile. */
#define ACCESS_TEXT_TBL(X) \
	X(detail,           "staunch.detail",             "detail") \
	X(sni,              "tls.client.server_name",     "sni") \
	X(alpn,             "tls.next_protocol",          "alpn") \
	X(version,          "tls.protocol.version",       "tls") \
	X(cipher,           "tls.cipher",                 "cipher") \
	X(subject,          "tls.client.subject",         "subject") \
	X(upstream_version, "staunch.upstream_tls",       "upstream_tls")

/* What only some connections have. */
struct access_extra {
	union np_inet connected; /* who connected, where record.client is whom a PROXY header named; else AF_UNSPEC */
	bool          tls;       /* the client's TLS ended here, or was to */
	bool          resumed;
	uint8_t       unclean;   /* who ended TLS without saying so: 1 the client, 2 the server, 3 both */
#define X(field, full, brief) const char *field;
	ACCESS_TEXT_TBL(X)       /* NULL or "" if there is none */
#undef X
};

/* One connection, for its line. Everything is copied by log_access. */
struct access_record {
	struct ulid   id;
	int64_t       start;      /* wall clock, ns since 1970 */
	int64_t       duration;   /* ns, monotonic, as the next two: from start */
	int64_t       connect;    /* until a server accepted; -1 if none did */
	int64_t       first_byte; /* until the server's first byte; -1 if none came */
	uint64_t      bytes_in, bytes_out;
	union np_inet client; /* as seen at accept, or as a trusted PROXY header says */
	union np_inet server; /* family AF_UNSPEC if none was chosen */
	enum close_reason why;
	int           err;     /* NP_E code of either sign; 0 if no error was involved */
	uint32_t      retries; /* servers tried after the first */
	const char   *listener, *upstream, *server_name; /* NULL or "" if there is none */
	const struct access_extra *extra; /* NULL: a plain connection */
};

enum log_sink_kind { LOG_SINK_OFF, LOG_SINK_PATH, LOG_SINK_STDOUT, LOG_SINK_STDERR };

struct log_options {
	enum log_sink_kind kind;
	const char        *path; /* for LOG_SINK_PATH: appended to, created 0640; copied */
	enum log_format    format;
	size_t             ring_size; /* a power of two; 0 for LOG_RING_SIZE */
};
#define LOG_RING_SIZE (1u << 20)
#define LOG_STOP_MS   2000

struct log;
struct log_ring;

/* log_start: open the sink, make one ring per worker, start the writer.
 *   Returns  0 and *out, which is NULL for LOG_SINK_OFF: all calls below take that NULL and do
 *            nothing; or -NP_Exxx of the path, of memory or of the thread.
 *   Calls    any one thread, before the workers start. */
must_use int log_start(struct log **out, const struct log_options *o, unsigned nrings);

/* log_ring_of: the ring of worker i, for its lifetime; NULL if the access log is off. */
struct log_ring *log_ring_of(struct log *l, unsigned i);

/* log_access: hand over one record.
 *   Returns  false if the ring was full and the record is lost: count it in log_dropped of the
 *            worker's stats.
 *   Calls    the one thread that produces into this ring. */
must_use bool log_access(struct log_ring *r, const struct access_record *rec);

/* log_reopen: open the path again, after a rotation. Soon, by the writer: what it already took goes
 * to the old file or the new one, whole and once. A path that cannot be opened is reported, and the
 * old file stays in use.
 *   Calls    any thread. */
void log_reopen(struct log *l);

/* log_stop: write what is in the rings, within ms milliseconds (LOG_STOP_MS) even if the sink takes
 * nothing; what could not be written is counted in one line of the process log. Bounded by the
 * kernel's patience only where a regular file's disk hangs.
 *   Returns  NULL.
 *   Calls    any one thread; no producer may be left. */
struct log *log_stop(struct log *l, int ms);

#endif
