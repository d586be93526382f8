/* config_upstream_tbl: the keys of an upstream. A part of config_tbl.h, whose head explains the columns; its checks, its
 * servers and its TLS have tables of their own beside this one. */
#ifndef CONFIG_CONFIG_UPSTREAM_TBL_H
#define CONFIG_CONFIG_UPSTREAM_TBL_H

#include "config/config_health_tbl.h"
#include "config/units.h"

/* struct config_upstream */
#define CONFIG_UPSTREAM_TBL(X)                                                                                    \
	X(NAME, "upstreams[].name", name, NULL, 0, 0, NEEDED, none, LIVE,                                         \
	  "the name listeners refer to, also used in logs and metrics",                                           \
	  "Lower-case letters, digits, and _ . - inside; at most 63, because it becomes a metric label.",         \
	  "app")                                                                                                  \
	X(ENUM, "upstreams[].balance", balance, "round_robin", 0, 0, 0, balance, NEW,                             \
	  "how a server is chosen for a new connection",                                                          \
	  "Weights count in each: round_robin is the smooth weighted form; least_conn takes the server with "     \
	  "the fewest connections for its weight; random_two the better of two drawn by lot, which avoids "       \
	  "herds when many proxies share servers; source_hash the same server for the same client address; "      \
	  "maglev too, by a table of 128 KiB in place of a look at each server: for a hundred servers and more. " \
	  "It has the configured weights; of others it knows 0 alone.",                                           \
	  "least_conn")                                                                                           \
	X(TEXT, "upstreams[].hash_on", hash_on, "source", 0, 0, 0, none, NEW,                                     \
	  "what a balance by hash goes by: source, sni, or a TLV, as in tlv:0xE0",                                \
	  "source is the client's address; sni the name it asks for, where TLS ends here or a route looks at it; "\
	  "tlv:0xE0 to tlv:0xEF a value in its PROXY header. A client that does not say it is served in turn.",   \
	  "sni")                                                                                                  \
	X(SHARE, "upstreams[].max_load", max_load, "off", 101, 1000, OFF, none, NEW,                              \
	  "connections a server may have beside the mean of all, with a balance by hash",                         \
	  "With 125% a server that has a quarter more than its share is passed over, for the next in each key's " \
	  "own order. So one key with half of the traffic does not bury its server.",                             \
	  "125%")                                                                                                 \
	X(LIST, "upstreams[].servers", servers, NULL, 1, 1000, NEEDED, none, NEW,                                 \
	  "the servers: an address each, or a map of address and options", NULL, NULL)                            \
	X(ENUM, "upstreams[].proxy_protocol", proxy_protocol, "off", 0, 0, 0, proxy_out, NEW,                     \
	  "the PROXY header written to servers in front of everything else",                                      \
	  "The server must expect it. It comes in one piece with nothing before it, TLS included.",               \
	  "v2")                                                                                                   \
	X(WORDS, "upstreams[].tlvs", tlvs, NULL, 1, 6, 0, tlv, NEW,                                               \
	  "what a v2 header says beside the addresses",                                                           \
	  "Each is left out where nothing is known: ssl on a connection without TLS, for one. A server that "     \
	  "gets client_cert must take long headers (staunch reads 4KiB unless max_bytes says more). A client "    \
	  "whose certificate does not fit, with the rest, into the 64 KiB of a header is closed.",                \
	  "[authority, alpn, unique_id, ssl, crc32c]")                                                            \
	X(LIST, "upstreams[].custom_tlvs", custom_tlvs, NULL, 1, 16, 0, none, NEW,                                \
	  "TLVs of types of one's own in a v2 header", NULL, NULL)                                                \
	X(BLOCK, "upstreams[].tls", tls, NULL, 0, 0, 0, none, NEW,                                                \
	  "TLS towards its servers; without it bytes pass as they come", NULL, NULL)                              \
	X(MAP, "upstreams[].timeouts", timeouts, NULL, 0, 0, 0, none, NEW,                                        \
	  "how long its servers are waited for", NULL, NULL)                                                      \
	X(DURATION, "upstreams[].timeouts.connect", timeouts.connect, "5s", 1 * UNITS_MS, 10 * UNITS_M, 0, none,  \
	  NEW,                                                                                                    \
	  "time one attempt to connect to a server may take",                                                     \
	  "Five seconds survive two lost SYN packets.",                                                           \
	  "2s")                                                                                                   \
	X(DURATION, "upstreams[].timeouts.queue", timeouts.queue, "5s", 1 * UNITS_MS, 10 * UNITS_M, 0, none, NEW, \
	  "time a connection may wait for a server that is not full",                                             \
	  "It counts neither as a connect nor against retry_budget. Clients that give up sooner leave the queue." ,\
	  "1s")                                                                                                   \
	X(MAP, "upstreams[].queue", queue, NULL, 0, 0, OFF, none, NEW,                                            \
	  "connections that wait while every server has max_connections; or off",                                 \
	  NULL, NULL)                                                                                             \
	X(COUNT, "upstreams[].queue.max", queue.max, "1024", 1, 1000000, OFF, none, NEW,                          \
	  "so many may wait, of all workers together; beyond it they are closed at once",                         \
	  "First come, first served, over all workers. Each takes about 12KiB. off closes a connection where every " \
	  "server is full, as off in place of the map does.",                                                     \
	  "100")                                                                                                  \
	X(COUNT, "upstreams[].retries", retries, "2", 0, 100, 0, none, NEW,                                       \
	  "other servers tried when a connect fails",                                                             \
	  "Each retry goes to a server not tried before; nothing was sent yet, so nothing is sent twice.",        \
	  "1")                                                                                                    \
	X(DURATION, "upstreams[].hedge", hedge, "auto", 10 * UNITS_MS, 1 * UNITS_M, AUTO | OFF, none, NEW,        \
	  "a second server is dialled when the first has not answered in this time",                              \
	  "The first to answer has the connection. It counts as a retry; for one in ten connects at most, never where " \
	  "no other server is free. auto is four times what 99 of 100 connects to the server take, 250ms at "     \
	  "least, with source_hash 1s. Switch it off where servers block hosts after connections that end at once.", \
	  "100ms")                                                                                                \
	X(SIZE, "upstreams[].replay", replay, "off", 1024, 65536, OFF, none, NEW,                                 \
	  "bytes of a client kept to try another server when one ends without a byte",                            \
	  "While a server has said nothing, the next gets all of them if it closes or resets. It counts as a "    \
	  "retry, the client's wait since its last byte against retry_budget. Servers may see the same bytes "    \
	  "twice: leave it off where that does harm, or where a server never answers.",                           \
	  "16KiB")                                                                                                \
	X(DURATION, "upstreams[].retry_budget", retry_budget, "10s", 1 * UNITS_MS, 10 * UNITS_M, 0, none, NEW,    \
	  "time all attempts for one connection may take together",                                               \
	  "Without it three attempts of five seconds keep a client waiting for fifteen.",                         \
	  "6s")                                                                                                   \
	X(SHARE, "upstreams[].failover_below", failover_below, "0%", 0, 100, 0, none, NEW,                        \
	  "usable weight of a tier under which the next tier is used beside it",                                  \
	  "Servers of one priority, in this zone or not, are a tier, used only where those before it have no "    \
	  "server for a connection. With 50% the next tier joins, by weight, while less than half of a tier's "   \
	  "weight is usable.",                                                                                    \
	  "50%")                                                                                                  \
	X(SHARE, "upstreams[].panic", panic, "off", 1, 100, OFF, none, NEW,                                       \
	  "usable weight under which servers that seem dead are used again",                                      \
	  "Of the weight that operators, names and agents allow. Below it checks and failed connections hold "    \
	  "nobody out. Set it where checks are weaker than the service; with off clients are then closed.",       \
	  "50%")                                                                                                  \
	X(DURATION, "upstreams[].slow_start", slow_start, "off", 1 * UNITS_S, 1 * UNITS_H, OFF, none, NEW,        \
	  "time in which a server that comes back gets from a tenth to its whole share",                          \
	  "Back from a failed check, from failed connections or from maint, or new of a name, beside warm ones. " \
	  "max_connections grows likewise. Not at a start or a reload, and not with a balance by hash.",          \
	  "30s")                                                                                                  \
	X(MAP, "upstreams[].warm", warm, NULL, 0, 0, OFF, none, LIVE,                                             \
	  "connections to servers that are made before clients ask for them; or off", NULL, NULL)                 \
	X(COUNT, "upstreams[].warm.connections", warm.connections, "off", 1, 64, OFF, none, LIVE,                 \
	  "so many are kept ready to each usable server, by each worker",                                         \
	  "Connected, and with TLS where neither a PROXY header nor a name of the client's comes first; nothing " \
	  "is sent. A client that takes one saves the way there and back, and another is made at once. They are " \
	  "in no count of connections, so max_connections cannot stand beside it. Servers that greet first take " \
	  "each for a client, and some block hosts after many that end unused.",                                  \
	  "2")                                                                                                    \
	X(DURATION, "upstreams[].warm.max_age", warm.max_age, "5s", 1 * UNITS_S, 1 * UNITS_H, 0, none, LIVE,      \
	  "age at which a connection that is kept ready is replaced by another",                                  \
	  "Less up to a tenth, by lot. Keep it below the time after which the servers close what says nothing.",  \
	  "30s")                                                                                                  \
	CONFIG_ON_DOWN_ROW(X)                                                                                     \
	X(MAP, "upstreams[].health", health, NULL, 0, 0, 0, none, NEW,                                            \
	  "how it is found out whether its servers are well", NULL, NULL)                                         \
	X(BLOCK, "upstreams[].health.tcp", health.tcp, NULL, 0, 0, 0, none, LIVE,                                 \
	  "check each server: does its port take connections?", NULL, NULL)                                       \
	X(BLOCK, "upstreams[].health.send", health.send, NULL, 0, 0, 0, none, LIVE,                               \
	  "check each server: does it answer what it should?", NULL, NULL)                                        \
	X(BLOCK, "upstreams[].health.http", health.http, NULL, 0, 0, 0, none, LIVE,                               \
	  "check each server: does it answer a request with a good status?", NULL, NULL)                         \
	X(BLOCK, "upstreams[].health.tls", health.tls, NULL, 0, 0, 0, none, LIVE,                                 \
	  "check each server: does a TLS handshake work, its certificate included?", NULL, NULL)                  \
	X(COUNT, "upstreams[].health.port", health.port, "same", 1, 65535, SAME, none, LIVE,                      \
	  "the port that checks connect to",                                                                      \
	  "For servers that say at another port how they are. same is the port of each server; a Unix socket "    \
	  "has none.",                                                                                            \
	  "8081")                                                                                                 \
	CONFIG_AGENT_ROWS(X)                                                                                      \
	X(MAP, "upstreams[].health.passive", health.passive, NULL, 0, 0, OFF, none, NEW,                          \
	  "leave a server out that fails several in a row, for a time; or off",                       \
	  NULL, NULL)                                                                                             \
	X(COUNT, "upstreams[].health.passive.failures", health.passive.failures, "3", 1, 1000, OFF, none, NEW,    \
	  "so many failures in a row eject a server",                                                             \
	  "A failure is a connect that is refused, reset, timed out or fails its handshake, an early end and a "  \
	  "missing answer. Too few servers are never left: beyond half of them a server that takes no connection is " \
	  "used only where no other is left, and one that takes them stays in. A server that is alone is never "  \
	  "judged. off ends all of it, as off in place of the map does.",                                         \
	  "5")                                                                                                    \
	X(DURATION, "upstreams[].health.passive.within", health.passive.within, "10s", 100 * UNITS_MS,            \
	  1 * UNITS_H, 0, none, NEW,                                                                              \
	  "the time within which those failures come",                                                            \
	  "A row that takes longer begins anew.",                                                                 \
	  "30s")                                                                                                  \
	X(DURATION, "upstreams[].health.passive.out", health.passive.out, "10s", 100 * UNITS_MS, 1 * UNITS_H, 0,  \
	  none, NEW,                                                                                              \
	  "how long a server is left out for the first time",                                                     \
	  "Each further ejection doubles it, give or take a tenth; each such time served without a failure takes " \
	  "one back. Then one connection, the trial, decides whether it is in again. A good check ends it at once: " \
	  "one that speaks any, one of the port alone that for failed connects. A speaking check that does not see " \
	  "what clients see so lets a server come and go: have it ask what they ask.", \
	  "5s")                                                                                                   \
	X(DURATION, "upstreams[].health.passive.max_out", health.passive.max_out, "5m", 100 * UNITS_MS,           \
	  1 * UNITS_D, 0, none, NEW,                                                                              \
	  "the longest time that a server is left out at once",                                                   \
	  "It bounds the doubling.",                                                                              \
	  "1m")                                                                                                   \
	X(BOOL, "upstreams[].health.passive.early_end", health.passive.early_end, "true", 0, 0, 0, none, NEW,     \
	  "whether it is a failure that a server ends before its first byte",                                     \
	  "It counts only while the other servers answer almost all of their connections, so a protocol without " \
	  "answers, and clients that send rubbish to all servers alike, judge nobody. Switch it off where servers " \
	  "of one upstream run different programs.",                                                              \
	  "false")                                                                                                \
	X(DURATION, "upstreams[].health.passive.answer", health.passive.answer, "auto", 100 * UNITS_MS,           \
	  1 * UNITS_H, AUTO | OFF, none, NEW,                                                                     \
	  "a server that is silent for so long after the client's last byte has failed",                          \
	  "auto learns it: ten times what 99 of 100 answers of the other servers take, a second at least. It needs " \
	  "100 answers a minute, and that another server has answered a connection that came later. The "         \
	  "connection itself goes on.",                                                                           \
	  "5s")                                                                                                   \
	X(BOOL, "upstreams[].health.passive.probe", health.passive.probe, "true", 0, 0, 0, none, NEW,             \
	  "whether a server that is left out is connected to, to bring it back early",                            \
	  "Once a second for a minute, then every five seconds. Nothing is sent. Where it works, the next "       \
	  "connection is the trial. Switch it off where servers log each such connection loudly.",                \
	  "false")

#endif
