/* config_part: what all parts of the model are made of: the words of a value, places, and the elements of lists that
 * are plain texts, words or networks. A part of config.h, whose head has the contract.
 *
 * In every struct of the model `at` is the place of the element or block, origin[] that of each value, by the row's
 * number in its table; both are for messages alone. Texts and arrays belong to the config's arena. */
#ifndef CONFIG_CONFIG_PART_H
#define CONFIG_CONFIG_PART_H

#include "config/cidr.h"
#include "config/config_check.h"
#include "config/config_enum.h"
#include "config/config_tbl.h"
#include "config/text/pos.h"

/* Values that no duration or count has: OFF is larger than any bound, so `n > limit` and
 * `deadline past?` need no special case for it; AUTO is below every minimum. */
#define CONFIG_OFF  INT64_MAX
#define CONFIG_AUTO INT64_C(0)
#define CONFIG_UNREAD INT64_MIN /* a number that was refused and has no default: never in a config that loaded */

#define CONFIG_NAME_MAX 63 /* bytes of the name of a listener or an upstream: it becomes a metric label */

/* How many rows each table has: each struct notes for each of its keys where it was written. */
#define X(...) +1
enum {
	CONFIG_TOP_KEYS = 0 CONFIG_TOP_TBL(X),
	CONFIG_LISTENER_KEYS = 0 CONFIG_LISTENER_TBL(X),
	CONFIG_BIND_AT_KEYS = 0 CONFIG_BIND_TBL(X),
	CONFIG_BIND_PROXY_KEYS = 0 CONFIG_BIND_PROXY_TBL(X),
	CONFIG_TLS_IN_KEYS = 0 CONFIG_TLS_IN_TBL(X),
	CONFIG_CLIENT_ALLOW_KEYS = 0 CONFIG_CLIENT_ALLOW_TBL(X),
	CONFIG_CERT_KEYS = 0 CONFIG_CERT_TBL(X),
	CONFIG_NAME_AUTH_KEYS = 0 CONFIG_NAME_AUTH_TBL(X),
	CONFIG_NAME_ALLOW_KEYS = 0 CONFIG_NAME_ALLOW_TBL(X),
	CONFIG_ROUTE_KEYS = 0 CONFIG_ROUTE_TBL(X),
	CONFIG_UPSTREAM_KEYS = 0 CONFIG_UPSTREAM_TBL(X),
	CONFIG_CUSTOM_TLV_KEYS = 0 CONFIG_CUSTOM_TLV_TBL(X),
	CONFIG_TLS_OUT_KEYS = 0 CONFIG_TLS_OUT_TBL(X),
	CONFIG_SERVER_KEYS = 0 CONFIG_SERVER_TBL(X),
};
#undef X
_Static_assert((int)CONFIG_NAME_ALLOW_KEYS == (int)CONFIG_CLIENT_ALLOW_KEYS, "one struct serves both tables");

enum config_sink_kind { CONFIG_SINK_OFF, CONFIG_SINK_STDOUT, CONFIG_SINK_STDERR, CONFIG_SINK_FILE };

/* Where a log goes. */
struct config_sink {
	enum config_sink_kind kind;
	const char           *path; /* absolute; NULL unless CONFIG_SINK_FILE */
};

/* ---- elements of lists: each begins with its text and its place ---- */

/* A text of a list, as it was written. */
struct config_text {
	const char       *text;
	struct config_pos at;
};

/* A word of a list, beside its constant of the enumeration. */
struct config_word {
	struct config_text written;
	unsigned           word;
};

/* A network, or a file of them. */
struct config_cidr {
	struct config_text written;
	struct cidr        net;
	const char        *file; /* absolute, where a directory is known; NULL: it is net */
};

#endif
