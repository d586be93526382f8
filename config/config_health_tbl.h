/* config_health_tbl: the keys of checks, rows of config_tbl.h in a file of their own. What a check says is
 * upstreams[].health.tcp and its like, one of them; when it says it is the same four keys in each. */
#ifndef CONFIG_CONFIG_HEALTH_TBL_H
#define CONFIG_CONFIG_HEALTH_TBL_H

#include "config/units.h"

/* How often, how long, and how many of a kind decide; path ends with its dot. */
#define CONFIG_CHECK_ROWS(X, path)                                                                                \
	X(DURATION, path "interval", every.interval, "2s", 100 * UNITS_MS, 1 * UNITS_H, 0, none, LIVE,            \
	  "time from the begin of one check of a server to that of its next",                                     \
	  "Less up to a tenth of it, by lot, so that many proxies do not ask together. While a verdict is in "    \
	  "doubt, after the first result that contradicts it, checks follow each other four times as fast.",      \
	  "5s")                                                                                                   \
	X(DURATION, path "timeout", every.timeout, "2s", 100 * UNITS_MS, 10 * UNITS_M, 0, none, LIVE,              \
	  "time one check may take, from its connect to its end",                                                 \
	  "It is absolute: no byte that comes meanwhile moves it.",                                               \
	  "500ms")                                                                                                \
	X(COUNT, path "rise", every.rise, "2", 1, 100, 0, none, LIVE,                                             \
	  "good checks in a row that bring a server up again",                                                    \
	  "The first result of all decides alone.",                                                               \
	  "1")                                                                                                    \
	X(COUNT, path "fall", every.fall, "3", 1, 100, 0, none, LIVE,                                             \
	  "bad checks in a row that take a server down",                                                          \
	  "A check that this machine could not make, or was late with, is neither good nor bad.",                 \
	  "2")

/* Of struct config_upstream: what a verdict does beside picks. */
#define CONFIG_ON_DOWN_ROW(X)                                                                                     \
	X(ENUM, "upstreams[].on_down", on_down, "keep", 0, 0, 0, on_down, LIVE,                                   \
	  "what becomes of connections of a server that its check takes down",                                    \
	  "For pairs of servers of which one takes over, where clients have to move: close. A server that comes " \
	  "back meanwhile keeps those that are left.",                                                            \
	  "close")

/* Of struct config_upstream: a program beside each server that says how much it can take. The port is the first row,
 * for off in place of the map is its off. */
#define CONFIG_AGENT_ROWS(X)                                                                                      \
	X(MAP, "upstreams[].health.agent", health.agent, NULL, 0, 0, OFF, none, LIVE,                             \
	  "ask a program beside each server for its weight, limit and state; or off", NULL, NULL)                 \
	X(COUNT, "upstreams[].health.agent.port", health.agent.port, "off", 1, 65535, OFF, none, LIVE,            \
	  "the port of each server's address at which its agent answers",                                         \
	  "It answers one line as HAProxy's agent-check has it: 75%, maxconn:30, drain, maint, ready, down#why, " \
	  "up. What it does not say stays; more than 100% is 100%. It never makes a server good whose check is "  \
	  "bad. What it said is forgotten after three contacts in a row that failed. It is asked in plain, "      \
	  "without a PROXY header.",                                                                              \
	  "9999")                                                                                                 \
	X(BYTES, "upstreams[].health.agent.send", health.agent.send, NULL, 0, 0, 0, none, LIVE,                   \
	  "what is said to the agent first",                                                                      \
	  "With the escapes of health.send.send; without it, the agent speaks first.",                            \
	  "\"app\\\\n\"")                                                                                          \
	X(DURATION, "upstreams[].health.agent.interval", health.agent.interval, "2s", 100 * UNITS_MS,             \
	  1 * UNITS_H, 0, none, LIVE,                                                                             \
	  "time from the begin of one contact with an agent to that of its next",                                 \
	  "After one that failed, four times as often, until it is forgotten or answers.",                        \
	  "5s")                                                                                                   \
	X(DURATION, "upstreams[].health.agent.timeout", health.agent.timeout, "2s", 100 * UNITS_MS,               \
	  10 * UNITS_M, 0, none, LIVE,                                                                            \
	  "time one contact may take, from its connect to the end of the line",                                   \
	  "It is absolute: no byte that comes meanwhile moves it.",                                               \
	  "500ms")

/* What a check that speaks TLS says of it in place of the upstream's tls; path ends with its dot. */
#define CONFIG_CHECK_OWN_ROWS(X, path)                                                                            \
	X(HOST, path "sni", own.sni, NULL, 0, 0, 0, none, LIVE,                                                   \
	  "the name the check asks for by TLS, instead of that of the upstream's tls",                            \
	  "The certificate must have it, unless tls.name says another. Without it the check asks as the tls "     \
	  "says. Without a tls, or if its sni is client and it has no name, it is the host of http, or the one "  \
	  "host of the servers; else none is sent, and the certificate must have the server's address.",          \
	  "app.internal")                                                                                         \
	X(PATH, path "ca", own.ca, NULL, 0, 0, 0, none, LIVE,                                                     \
	  "PEM file of the authorities the check believes, instead of those of the tls",                          \
	  "Without both, those of the system.",                                                                   \
	  "\"ca.pem\"")                                                                                           \
	X(BOOL, path "verify", own.verify, "true", 0, 0, 0, none, LIVE,                                           \
	  "require a valid certificate with the right name of a server that is well",                             \
	  "Where it is not written, as the upstream's tls says, and true where there is none.",                   \
	  "false")

/* struct config_check_tcp */
#define CONFIG_CHECK_TCP_TBL(X) CONFIG_CHECK_ROWS(X, "upstreams[].health.tcp.")

/* struct config_check_send */
#define CONFIG_CHECK_SEND_TBL(X)                                                                                  \
	CONFIG_CHECK_ROWS(X, "upstreams[].health.send.")                                                          \
	X(BYTES, "upstreams[].health.send.send", send, NULL, 0, 0, 0, none, LIVE,                                 \
	  "what the check says to a server; without it, the server speaks first",                     \
	  "With \\r, \\n, \\t, \\\\ and \\x00 to \\xff for what cannot be written as it is; 256 bytes at most.",           \
	  "\"PING\\\\r\\\\n\"")                                                                                       \
	X(BYTES, "upstreams[].health.send.expect", expect, NULL, 0, 0, 0, none, LIVE,                             \
	  "what a server that is well answers, anywhere in its first 8 KiB",                                      \
	  "What comes first decides, expect or reject. Without it, min_bytes of anything but reject are good.",  \
	  "\"+PONG\"")                                                                                            \
	X(BYTES, "upstreams[].health.send.reject", reject, NULL, 0, 0, 0, none, LIVE,                             \
	  "what only a server that is not well answers",                                                         \
	  "It is looked for once min_bytes have come.",                                                           \
	  "\"-ERR\"")                                                                                             \
	X(COUNT, "upstreams[].health.send.min_bytes", min_bytes, "1", 1, 8192, 0, none, LIVE,                     \
	  "so many bytes of an answer are waited for before its lack of expect counts",                          \
	  "At least as many as reject has are waited for anyway.",                                                \
	  "5")                                                                                                    \
	X(ENUM, "upstreams[].health.send.tls", tls, "inherit", 0, 0, 0, check_tls, LIVE,                          \
	  "whether the check speaks TLS",                                                                         \
	  "Sessions are never resumed with those of connections.",                                                \
	  "off")                                                                                                  \
	CONFIG_CHECK_OWN_ROWS(X, "upstreams[].health.send.")

/* struct config_check_http */
#define CONFIG_CHECK_HTTP_TBL(X)                                                                                  \
	CONFIG_CHECK_ROWS(X, "upstreams[].health.http.")                                                          \
	X(TEXT, "upstreams[].health.http.path", path, "/", 0, 0, 0, none, LIVE,                                   \
	  "what is asked for, by GET over HTTP/1.1",                                                              \
	  "It begins with a slash and has no space.",                                                             \
	  "\"/health\"")                                                                                          \
	X(TEXT, "upstreams[].health.http.host", host, "auto", 0, 0, 0, none, LIVE,                                \
	  "the Host header; auto: the server's address, or the name of its TLS",                   \
	  "For servers that answer by name.",                                                                     \
	  "\"app.internal\"")                                                                                     \
	X(TEXT, "upstreams[].health.http.status", status, "200-399", 0, 0, 0, none, LIVE,                         \
	  "the status, or the first and the last one, of a server that is well",                                 \
	  "Only an answer of HTTP/1.0 or HTTP/1.1 is believed; statuses of 1xx are passed over.",                 \
	  "\"200\"")                                                                                              \
	X(BYTES, "upstreams[].health.http.body", body, NULL, 0, 0, 0, none, LIVE,                                 \
	  "what stands in the first 8 KiB behind the header as well",                                             \
	  "It is looked for in the bytes as they come, chunks and compression included.",                         \
	  "\"ready\"")                                                                                            \
	X(ENUM, "upstreams[].health.http.tls", tls, "inherit", 0, 0, 0, check_tls, LIVE,                          \
	  "whether the check speaks TLS",                                                                         \
	  "As that of send.",                                                                                     \
	  "off")                                                                                                  \
	CONFIG_CHECK_OWN_ROWS(X, "upstreams[].health.http.")

/* struct config_check_tls */
#define CONFIG_CHECK_TLS_TBL(X)                                                                                   \
	CONFIG_CHECK_ROWS(X, "upstreams[].health.tls.")                                                           \
	CONFIG_CHECK_OWN_ROWS(X, "upstreams[].health.tls.")                                                       \
	X(PROTOCOLS, "upstreams[].health.tls.alpn", alpn, NULL, 1, 32, 0, none, LIVE,                             \
	  "protocols the check offers by ALPN, instead of those of the upstream's tls",                           \
	  "For servers that serve a protocol of their own to checks.",                                            \
	  "[http/1.1]")

#endif
