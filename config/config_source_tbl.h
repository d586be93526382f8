/* config_source_tbl: what one source of clients may take of a listener. A part of config_tbl.h, whose head says what the
 * columns are. */
#ifndef CONFIG_CONFIG_SOURCE_TBL_H
#define CONFIG_CONFIG_SOURCE_TBL_H

/* A struct config_source. */
#define CONFIG_SOURCE_ROWS(X)                                                                                     \
	X(MAP, "listeners[].per_source", per_source, NULL, 0, 0, 0, none, NEW,                                    \
	  "what one source of clients may take of this listener", NULL, NULL)                                     \
	X(COUNT, "listeners[].per_source.connections", per_source.connections, "off", 1, 10000000, OFF, none, NEW, \
	  "connections that a source has at the same time",                                                       \
	  "A source is who connects or, where a PROXY header is required, whom that names; of a header without "  \
	  "addresses, who connects. It is counted over all workers, before a server is dialled and before TLS. "  \
	  "Clients of a Unix socket are not counted, unless a header says who they are. With a lower limit after a " \
	  "reload those that are there stay.",                                                                    \
	  "100")                                                                                                  \
	X(RATE, "listeners[].per_source.rate", per_source.rate, "off", 1, 60000000, OFF, none, NEW,               \
	  "new connections of a source in a time, as 20/s or 30/m",                                               \
	  "By a bucket of burst tokens that fills evenly: 20/s gives back one each 50 ms. A connection that is "  \
	  "refused takes none.",                                                                                  \
	  "20/s")                                                                                                 \
	X(COUNT, "listeners[].per_source.burst", per_source.burst, "auto", 1, 1000000, AUTO, none, NEW,           \
	  "connections of a source that may come at once, after a pause",                                         \
	  "auto is as many as rate gives in a second, and one at least.",                                         \
	  "40")                                                                                                   \
	X(MAP, "listeners[].per_source.prefix", per_source.prefix, NULL, 0, 0, 0, none, NEW,                      \
	  "how many bits of an address make a source", NULL, NULL)                                                \
	X(COUNT, "listeners[].per_source.prefix.v4", per_source.prefix.v4, "32", 1, 32, 0, none, NEW,             \
	  "bits of an IPv4 address",                                                                              \
	  "24 makes one source of 256 neighbours. A v4-mapped address is the IPv4 source. After a reload with "   \
	  "another length the connections that are there are counted anew.",                                      \
	  "24")                                                                                                   \
	X(COUNT, "listeners[].per_source.prefix.v6", per_source.prefix.v6, "64", 1, 128, 0, none, NEW,            \
	  "bits of an IPv6 address",                                                                              \
	  "64, because each customer has that many addresses at least, and may take another for each connection.", \
	  "56")                                                                                                   \
	X(CIDRS, "listeners[].per_source.exempt", per_source.exempt, NULL, 1, 1000, 0, none, NEW,                 \
	  "networks that are not counted and not limited",                                                        \
	  "For load balancers, monitoring, and offices behind one address.",                                      \
	  "[\"10.0.0.0/8\"]")                                                                                     \
	X(ENUM, "listeners[].per_source.action", per_source.action, "reset", 0, 0, 0, source_action, NEW,         \
	  "what happens to a connection beyond a limit",                                                          \
	  "reset costs least: nothing of the connection is left on this machine. Who waits does so before TLS, in " \
	  "the order of coming, within preread.timeout; at most 64 of a source and an eighth of the listener's "  \
	  "places, and who comes beyond that is reset. Each one refused has the reason rate_limited in the access " \
	  "log, and its limit as detail.",                                                                        \
	  "wait")                                                                                                 \
	X(BOOL, "listeners[].per_source.dry_run", per_source.dry_run, "false", 0, 0, 0, none, NEW,                \
	  "only count and tell what the limits would refuse",                                                     \
	  "Who is beyond a limit is admitted, staunch_source_limited_total counts it with the action dry_run, and " \
	  "the log has would_deny with the source.",                                                              \
	  "true")

#endif
