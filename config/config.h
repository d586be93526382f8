/* config: the typed model of one configuration, and the way to it: text -> nodes -> model -> validated model. Plain
 * structs, frozen once config_load returns; every reader may keep pointers into it until config_free.
 *
 * Durations are nanoseconds, counts are int64_t. CONFIG_OFF means that the timer or bound is switched off, CONFIG_AUTO
 * that the process works the value out. Keys, defaults and bounds stand in config_tbl.h and nowhere else. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdio.h>

#include "config/arena.h"
#include "config/config_tbl.h"
#include "config/pos.h"
#include "netpoll/addr.h"

#define CONFIG_OFF  INT64_MAX
#define CONFIG_AUTO INT64_C(0)

#define CONFIG_NAME_MAX 63

/* The words of each enumeration: constant, word, meaning. The first severity is the least. */
#define CONFIG_LEVEL_TBL(X)                                                       \
	X(DEBUG, "debug", "everything, for people who read the source beside it") \
	X(INFO, "info", "what an operator may want to look up later")             \
	X(NOTICE, "notice", "rare events of a healthy process: start, reload, stop") \
	X(WARNING, "warning", "something is degraded and goes on")                \
	X(ERROR, "error", "something did not work")

#define CONFIG_FORMAT_TBL(X)                               \
	X(JSON, "json", "one JSON object to a line")       \
	X(TEXT, "text", "key=value pairs, for eyes and grep")

#define CONFIG_AT_LIMIT_TBL(X)                                                \
	X(REFUSE, "refuse", "close it at once, so the client can go elsewhere") \
	X(WAIT, "wait", "leave it in the kernel's backlog until another ends")

#define CONFIG_BALANCE_TBL(X)                                                               \
	X(ROUND_ROBIN, "round_robin", "in turn, by weight, evenly spread")                  \
	X(LEAST_CONN, "least_conn", "the fewest connections for its weight")                \
	X(RANDOM_TWO, "random_two", "the better of two drawn by lot")                       \
	X(SOURCE_HASH, "source_hash", "the same server for the same client address")

#define X(name, word, meaning) CONFIG_LEVEL_##name,
enum config_level { CONFIG_LEVEL_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_FORMAT_##name,
enum config_format { CONFIG_FORMAT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_AT_LIMIT_##name,
enum config_at_limit { CONFIG_AT_LIMIT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_BALANCE_##name,
enum config_balance { CONFIG_BALANCE_TBL(X) };
#undef X

/* How many rows each table has: each struct notes for each of its keys where it was written. */
#define X(...) +1
enum {
	CONFIG_TOP_KEYS = 0 CONFIG_TOP_TBL(X),
	CONFIG_LISTENER_KEYS = 0 CONFIG_LISTENER_TBL(X),
	CONFIG_UPSTREAM_KEYS = 0 CONFIG_UPSTREAM_TBL(X),
	CONFIG_SERVER_KEYS = 0 CONFIG_SERVER_TBL(X),
};
#undef X

enum config_sink_kind { CONFIG_SINK_OFF, CONFIG_SINK_STDOUT, CONFIG_SINK_STDERR, CONFIG_SINK_FILE };

struct config_sink {
	enum config_sink_kind kind;
	const char           *path; /* absolute; NULL unless CONFIG_SINK_FILE */
};

/* A bind address as it was written. */
struct config_bind_text {
	const char       *text;
	struct config_pos at;
};

struct config_server {
	struct np_addr    addr;
	const char       *text;            /* the address as written; "upstream/text" names the server */
	int64_t           weight;          /* 0: takes no new connections */
	int64_t           max_connections; /* or CONFIG_OFF */
	bool              backup;
	struct config_pos at;
	struct config_pos origin[CONFIG_SERVER_KEYS];
};

struct config_upstream {
	const char           *name;
	enum config_balance   balance;
	struct config_server *servers;
	size_t                nservers;
	struct {
		int64_t connect;
	} timeouts;
	int64_t               retries;      /* other servers to try; 0: none */
	int64_t               retry_budget; /* over all attempts of one connection */
	struct config_pos     at;
	struct config_pos     origin[CONFIG_UPSTREAM_KEYS];
};

struct config_listener {
	const char              *name;
	struct np_addr          *bind;
	size_t                   nbind;
	struct config_bind_text *bind_text; /* nbind of them, beside bind */
	const char              *upstream_name;
	size_t                   upstream; /* index into config.upstreams: the upstream of that name */
	int64_t                  max_connections; /* or CONFIG_OFF */
	enum config_at_limit     at_limit;
	int64_t                  backlog;
	struct {
		int64_t idle, half_close, lifetime; /* or CONFIG_OFF: never */
		int64_t linger;                     /* or CONFIG_OFF: close at once, do not linger */
	} timeouts;
	struct config_pos        at;
	struct config_pos        origin[CONFIG_LISTENER_KEYS];
};

struct config {
	int64_t workers; /* or CONFIG_AUTO */
	struct {
		enum config_level  level;
		struct config_sink access;
		enum config_format format;
	} log;
	struct {
		int64_t max_connections; /* or CONFIG_AUTO */
	} limits;
	struct config_listener *listeners;
	size_t                  nlisteners;
	struct config_upstream *upstreams;
	size_t                  nupstreams;
	struct {
		int64_t delay;
		int64_t timeout; /* or CONFIG_OFF: as long as connections last */
	} shutdown;
	const char       *file; /* the name given to config_load or config_parse */
	struct config_pos origin[CONFIG_TOP_KEYS];
	struct arena      arena; /* owns everything above */
};

struct diag;

/* config_load: the file at path, read, decoded and validated. config_parse: the same from memory, `name` for messages.
 *   Returns  0; -NP_EINVAL when d holds errors (all of them, not the first); -NP_ENOMEM. Warnings alone are success.
 *   Calls    any thread that owns d; one load per diag.
 *   Owns     *out, written on success only: config_free. d keeps a copy of the text for its excerpts. */
must_use int config_load(const char *path, struct config **out, struct diag *d);
must_use int config_parse(const char *name, const char *text, size_t n, struct config **out, struct diag *d);

/* Takes NULL, returns NULL. */
struct config *config_free(struct config *c);

/* config_dump: the effective configuration as YAML that loads to the same model. Behind each value stands where it
 * comes from: file:line or "default". config_dump_help says what each key is for instead. */
void config_dump(FILE *out, const struct config *c);
void config_dump_help(FILE *out, const struct config *c);

#endif
