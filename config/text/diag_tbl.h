/* diag_tbl: every problem a configuration can have. The letter and number are what people search for, so a number is
 * never given to another meaning. 1xx syntax and keys, 2xx values, 3xx references, 4xx environment.
 * Columns: name, letter (E refuses the load, W does not), number, meaning. */
#ifndef CONFIG_TEXT_DIAG_TBL_H
#define CONFIG_TEXT_DIAG_TBL_H

#define DIAG_TBL(X)                                                                           \
	X(SYNTAX,      E, 101, "not YAML; nothing behind this place was read")                \
	X(UNKNOWN_KEY, E, 102, "a key that does not exist here")                              \
	X(KEY_TWICE,   E, 103, "a key written twice in one map")                              \
	X(REFUSED,     E, 104, "YAML that is refused here: tags, merge keys, second documents, tabs") \
	X(TOO_LARGE,   E, 105, "larger, deeper or more aliased than a config file may be")    \
	X(MISSING,     E, 106, "a key that must be written is not")                           \
	X(SHAPE,       E, 107, "a map, a list or a plain value where another is wanted")      \
	X(CHARACTERS,  E, 108, "bytes that are not UTF-8, or invisible characters")           \
	X(DURATION,    E, 201, "not a duration")                                              \
	X(NUMBER,      E, 202, "not a number")                                                \
	X(RANGE,       E, 203, "outside the bounds of its key")                               \
	X(WORD,        E, 204, "not one of the words of its key")                             \
	X(ADDRESS,     E, 205, "not an address")                                              \
	X(NAME,        E, 206, "not a name")                                                  \
	X(TEXT,        E, 207, "not a text its key can take")                                 \
	X(NOT_YET,     E, 208, "understood, but this version cannot do it")                   \
	X(SIZE,        E, 209, "not a size")                                                  \
	X(NETWORK,     E, 210, "neither an address nor a network")                            \
	X(UNDEFINED,   E, 301, "the name is not defined")                                     \
	X(NAME_TWICE,  E, 302, "a name defined twice")                                        \
	X(BOUND_TWICE, E, 303, "an address bound twice")                                      \
	X(SERVER_TWICE, E, 304, "a server listed twice in one upstream")                      \
	X(LOOP,        E, 305, "a listener whose connections come back to it")                \
	X(TWICE,       E, 306, "a value listed twice")                                        \
	X(CONFLICT,    E, 307, "settings that exclude each other")                            \
	X(UNREADABLE,  E, 401, "the file cannot be read")                                     \
	X(LISTEN,      E, 402, "an address that cannot be listened on")                       \
	X(LIMIT,       E, 403, "a limit that this machine does not allow")                    \
	X(LOG,         E, 404, "a log that cannot be written")                                \
	X(TLS,         E, 405, "a file that TLS cannot use, or a setting that OpenSSL refuses")        \
	X(TOKENS,      E, 406, "a file of tokens that cannot be used")                        \
	X(CONFINED,    E, 407, "a path that the sandbox keeps from this process until a restart") \
	X(ANY_PORT,    W, 201, "port 0: the kernel chooses, anew at each start")              \
	X(HOST_BITS,   W, 202, "a network written with bits of one address in it")            \
	X(UNUSED,      W, 301, "an upstream that no listener uses")                           \
	X(NO_SERVER,   W, 302, "an upstream none of whose servers takes connections")         \
	X(NO_EFFECT,   W, 303, "a setting that has no effect beside the others")              \
	X(SHORT_TIMER, W, 304, "a timer that another one cuts short")                         \
	X(UNVERIFIED,  W, 305, "a peer whose identity is not checked")                        \
	X(UNREACHABLE, W, 306, "a route that no connection can match")                        \
	X(HASTY,       W, 307, "a timer shorter than its protocol asks for")                  \
	X(LOOP_MAYBE,  W, 308, "connections that may come back to their listener")            \
	X(SERIES,      W, 309, "more time series than metrics.series allows")                 \
	X(BARE_SECRET, W, 310, "a secret that crosses the network in the clear")              \
	X(WAITS,       W, 311, "a server that speaks first, behind a listener that waits for the client") \
	X(LONG_CHECK,  W, 312, "a check that may last longer than its interval, which then is not kept") \
	X(EXPIRES,     W, 401, "a certificate that has expired, or soon will have")           \
	X(TLS_PART,    W, 402, "a file or setting of TLS that works with some peers only")    \
	X(NOT_FOUND,   W, 403, "a name of a server that is not found now")

#endif
