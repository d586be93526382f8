/* probe_tbl: the USDT probes, each once: name, number of arguments, the arguments, when it fires. staunch-probes(7) is
 * made of these rows, and a test compares them with what readelf -n lists.
 *
 * An argument is a value that the code has at hand in that place: with nobody attached a probe is one nop. "conn" is the
 * connection's address, the same in all probes of one connection; names are C strings, for str(). */
#ifndef PROXY_BASE_PROBE_TBL_H
#define PROXY_BASE_PROBE_TBL_H

/*        name          n  arguments                             fires */
#define PROBE_TBL(X)                                                                                                  \
	X(conn_accept,  3, "conn, listener name, worker",        "a connection was accepted and has its place")       \
	X(conn_route,   3, "conn, rule index, listener name",    "the rules were asked; the index of the default is " \
							         "the number of rules")                               \
	X(pick,         4, "conn, upstream name, server name, error",                                                 \
						                 "a server was chosen; EAGAIN: all are full, "        \
							         "ENOENT: there is none, and no server name then")   \
	X(dial,         2, "conn, server name",                  "a connect to this server begins")                   \
	X(connected,    3, "conn, server name, error",           "it is over, TLS and PROXY header included; 0: it "  \
							         "worked")                                            \
	X(first_byte,   2, "conn, ns since the accept",          "the client was sent the first byte of the server's") \
	X(splice_on,    2, "conn, direction",                    "bulk goes through a pipe from here on; 0: to the "  \
							         "server, 1: to the client")                          \
	X(conn_end,     4, "conn, reason, bytes to the server, bytes to the client",                                  \
						                 "the connection ended; the reasons stand below")     \
	X(server_state, 2, "server name, state",                 "the state of a server changed: \"listed\" by a "    \
							         "configuration, \"leaving\" it, \"gone\"")           \
	X(reload,       3, "generation, error, step",            "a reload is over; error 0: the generation is in "   \
							         "force; step 0 load, 1 bind, 2 log")

#endif
