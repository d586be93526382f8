/* config_tbl: every key once. Reader, defaults, bounds, dump, explain, JSON Schema, manual page and completion all
 * come from these rows; a new key is a new row and a member of config.h.
 *
 *   X(kind, path, member, default, min, max, flags, words, reload, help, more, example)
 *
 *   kind     MAP, LIST and BLOCK are sections; a BLOCK is a pointer to a struct of its own table, NULL when it is
 *            not written. DURATION, COUNT, SIZE, SHARE (percent) and RATE (in a minute) are int64_t, ENUM an enum, BOOL a bool; NAME, REF, TEXT,
 *            BYTES (escape.h), HOST and PATH a const char *; SINK a struct config_sink, ADDRESS a server's and BIND a listener's. WORDS, PATTERNS,
 *            PROTOCOLS, CIDRS, PINS and TEXTS take one value or a list of them. (config/value.h)
 *   path     as people write it; [] stands for any element
 *   member   of the struct its table names
 *   default  as text; NULL where there is none. A key without default, if flagged NEEDED, must be written
 *   min max  of the value, in its own unit; of the number of elements for what is a list
 *   flags    OFF: the word `off` is allowed (CONFIG_OFF; of a PATH, NULL; of a MAP that of its first key). AUTO: the word
 *            `auto` is (CONFIG_AUTO). NEEDED.
 *            OTHERWISE: needed unless the row before it is written. HEX: a number shown as 0xE0. IP: a HOST that
 *            may be an IP address. SAME: the word `same` is (CONFIG_AUTO). ALONE: a LIST that may be written as its one element. OURS: a PATH that this program writes, so nobody
 *            watches it (config/key_paths.h). STAR: PATTERNS of which one may be * alone. FILES: CIDRS of which each may be
 *            the path of a file of them, behind an @. PER_S: a SIZE a second, with /s behind it. FOLDED: about the
 *            text: what it says is in the model, so a dump has no line for it and a comparison passes over it
 *   words    of an ENUM or WORDS: the table in config_enum_tbl.h
 *   reload   LIVE: holds at once, for what is running too. NEW: for connections accepted afterwards. REOPEN: the
 *            listening socket is opened anew, accepted connections stay. RESTART: only a restart changes it
 *   help     one line; more: why one would change it; example: a value
 * Rows stand in the order in which people should meet them: dump and manual keep it. */
#ifndef CONFIG_CONFIG_TBL_H
#define CONFIG_CONFIG_TBL_H

#include "config/config_dns_tbl.h"
#include "config/config_server_tbl.h"
#include "config/config_source_tbl.h"
#include "config/config_tls_tbl.h"
#include "config/config_upstream_tbl.h"

/* struct config */
#define CONFIG_TOP_TBL(X)                                                                                         \
	X(COUNT, "workers", workers, "auto", 1, 512, AUTO, none, RESTART,                                         \
	  "worker threads; auto is one for each processor of the affinity mask",                                 \
	  "Each worker has its own poller and keeps a connection from accept to close, so more workers than "     \
	  "processors only compete with each other.",                                                             \
	  "8")                                                                                                    \
	X(NAME, "zone", zone, NULL, 0, 0, 0, none, NEW,                                                           \
	  "where this process runs: servers of the same zone are used before others",                             \
	  "A server's zone is upstreams[].servers[].zone. Within a priority those of this zone are a tier of "    \
	  "their own before all others, those without a zone among the others. Without this key zones count "     \
	  "for nothing.",                                                                                         \
	  "eu-1a")                                                                                                \
	X(MAP, "log", log, NULL, 0, 0, 0, none, LIVE,                                                             \
	  "the process log and the access log", NULL, NULL)                                                       \
	X(ENUM, "log.level", log.level, "info", 0, 0, 0, level, LIVE,                                             \
	  "the least severe message of the process log that is written",                                          \
	  "The access log is not affected: it has one line for each connection or is off.",                       \
	  "notice")                                                                                               \
	X(SINK, "log.access", log.access, "stdout", 0, 0, OFF, none, LIVE,                                        \
	  "where the line of each ended connection goes: stdout, stderr, off, or a path",               \
	  "A file is opened again on SIGHUP or SIGUSR1, so a rotated one is let go. Writing never holds up "      \
	  "a connection: a full queue drops lines and counts them.",                                              \
	  "\"/var/log/staunch/access.log\"")                                                                      \
	X(ENUM, "log.format", log.format, "auto", 0, 0, 0, format, LIVE,                                          \
	  "the form of the lines of both logs",                                                                   \
	  "Each log asks for itself where its lines go; text is for the access log, since messages are text on a " \
	  "terminal and JSON elsewhere anyway. Under systemd (JOURNAL_STREAM names the descriptor) a "   \
	  "line of any form begins with <N>, which the journal takes off: 3 error, 4 warning, 5 notice, 6 info "  \
	  "and each access record, 7 debug. A file of log.access never has it. "                                  \
	  "What runs before the file is read takes auto.",                                                        \
	  "text")                                                                                                 \
	X(BOOL, "log.skip_empty", log.skip_empty, "false", 0, 0, 0, none, NEW,                                    \
	  "leave clients that went without a byte (port probes) out of the access log",               \
	  "Left out is a connection that the client ended, or reset, before a byte came or went, and staunch_"    \
	  "log_skipped_total counts it. A PROXY header is no byte of it. What failed is never left out: a refused " \
	  "server, a timer or a TLS handshake has its line, and so has who had one before (log.start, log.periodic).", \
	  "true")                                                                                                 \
	X(BOOL, "log.start", log.start, "false", 0, 0, 0, none, NEW,                                              \
	  "a record in the access log when a connection's relay begins, too", \
	  "Its event is connection_start, and it has the fields and the id of the record of the end, which "      \
	  "follows. A connection that reaches no server has that of its end alone.",                              \
	  "true")                                                                                                 \
	X(DURATION, "log.periodic", log.periodic, "off", 1 * UNITS_S, 1 * UNITS_D, OFF, none, LIVE,                 \
	  "a record in the access log of each connection that lives, so often",                             \
	  "Its event is connection_update. Each connection has it at its own age, within a second or two: one of "   \
	  "12 minutes had two with 5m. The bytes are those since the accept, as in each record; "                 \
	  "staunch.bytes_in_delta and staunch.bytes_out_delta are those since the record before, also in the one "   \
	  "of the end, if there were updates.",                                                                   \
	  "5m")                                                                                                   \
	X(ENUM, "log.tcp_info", log.tcp_info, "auto", 0, 0, 0, tcp_info, NEW,                                     \
	  "which records of an end have what the kernel knows of both legs",                    \
	  "Its round trip and the segments that were sent again, of each leg, and who held it up last "           \
	  "(staunch.client_rtt_us and the four behind it). A clean end is one by client_fin or server_fin. The "  \
	  "kernel is asked once a leg, about 1.2 us each; a Unix socket has no such numbers.",                    \
	  "always")                                                                                               \
	X(MAP, "log.syslog", log.syslog, NULL, 0, 0, 0, none, LIVE,                                               \
	  "the process log once more, as datagrams of RFC 5424 to a syslog daemon", NULL, NULL)                   \
	X(TEXT, "log.syslog.address", log.syslog.address, "off", 0, 0, 0, none, LIVE,                             \
	  "the daemon's Unix datagram socket, or its address and port for UDP; off",                              \
	  "Each message that goes to stderr goes there, too, with its event as MSGID and a sequenceId that shows " \
	  "what was lost. A daemon that is gone is tried again once a second; what it missed is counted, and told " \
	  "on stderr when it is back. UDP tells of a loss only where the other machine says that nobody listens. " \
	  "The access log does not go there. Under systemd the journal has stderr, with levels: it needs none of " \
	  "this, and takes the header of RFC 5424 for a part of the message.",                                    \
	  "\"unix:/dev/log\"")                                                                                    \
	X(ENUM, "log.syslog.facility", log.syslog.facility, "daemon", 0, 0, 0, facility, LIVE,                    \
	  "the facility of these messages, by which daemons sort them",                                           \
	  "The severity comes from the message's level: 3 error, 4 warning, 5 notice, 6 info, 7 debug.",          \
	  "local3")                                                                                               \
	X(MAP, "limits", limits, NULL, 0, 0, 0, none, LIVE,                                                       \
	  "bounds on the process as a whole", NULL, NULL)                                                         \
	X(COUNT, "limits.max_connections", limits.max_connections, "auto", 1, 10000000, AUTO, none, LIVE,         \
	  "connections of all listeners together; auto comes from the descriptor limit",                          \
	  "Each connection takes two descriptors, one for the client and one for the server; auto is half of "    \
	  "what the limit leaves after a small reserve, and is printed at start.",                                \
	  "100000")                                                                                               \
	X(COUNT, "limits.sources", limits.sources, "65536", 1024, 16777216, 0, none, RESTART,                     \
	  "sources that per_source can tell apart at the same time",                                  \
	  "64 bytes each at most, and only once it is needed. When all of them have connections, new sources pass " \
	  "uncounted, and the log has source_table_full.",                                                        \
	  "262144")                                                                                               \
	X(MAP, "metrics", metrics, NULL, 0, 0, 0, none, LIVE,                                                     \
	  "the numbers that Prometheus fetches at /metrics of the control plane", NULL, NULL)                                                      \
	X(COUNT, "metrics.series", metrics.series, "10000", 100, 1000000, 0, none, LIVE,                          \
	  "the most time series of a page of metrics",                                                             \
	  "A server has ten series, a listener some hundred. Beyond it, families of servers are left out, one by "    \
	  "one, connects, active connections and whether it is up last; staunch_metrics_left_out says which.",      \
	  "50000")                                                                                                \
	X(TEXTS, "include", include, NULL, 1, 64, FOLDED, none, LIVE,                                             \
	  "files that are read as parts of this one: names, or patterns (conf.d/*.yaml)",               \
	  "Paths are relative to this file's directory and stay below it, links too; those in an included file "  \
	  "start there as well. Files of a pattern are read in byte order of their names, each once. Lists are "  \
	  "joined and maps merged; anything else that is defined twice is an error that shows both places. The "  \
	  "bounds of a file (1 MiB, 10000 keys and values, 64 aliases) are those of all together. A pattern may " \
	  "match nothing, * matches no hidden file, and an included file includes no others.",                    \
	  "conf.d/*.yaml")                                                                                        \
	CONFIG_DNS_ROWS(X)                                                                         \
	X(LIST, "listeners", listeners, NULL, 1, 1000, NEEDED, none, LIVE,                                        \
	  "where clients connect", NULL, NULL)                                                                    \
	X(LIST, "upstreams", upstreams, NULL, 1, 1000, NEEDED, none, LIVE,                                        \
	  "named sets of servers to which connections go", NULL, NULL)                                            \
	X(MAP, "shutdown", shutdown, NULL, 0, 0, 0, none, LIVE,                                                   \
	  "how the process ends when it is asked to", NULL, NULL)                                                 \
	X(DURATION, "shutdown.delay", shutdown.delay, "0s", 0, 1 * UNITS_H, 0, none, LIVE,                        \
	  "time between failing the readiness check and closing the listeners",                                   \
	  "Gives a load balancer in front time to look elsewhere before connections are refused; 5s is usual "    \
	  "under Kubernetes, 0s elsewhere.",                                                                      \
	  "5s")                                                                                                   \
	X(DURATION, "shutdown.timeout", shutdown.timeout, "30s", 0, 7 * UNITS_D, OFF, none, LIVE,                 \
	  "time live connections get to end by themselves; off waits as long as they last",                       \
	  "What is left at the end is closed. Counted from the closing of the listeners.",                        \
	  "2m")                                                                                                   \
	X(MAP, "control", control, NULL, 0, 0, 0, none, RESTART,                                                  \
	  "how the running process is asked and steered", NULL, NULL)                                             \
	X(TEXT, "control.socket", control.socket, "auto", 0, 0, 0, none, RESTART,                                 \
	  "Unix socket of the control plane: auto, off or a path that starts with /",                             \
	  "auto is what STAUNCH_CONTROL says; without it /run/staunch/control.sock where that directory is ours " \
	  "to write, else $XDG_RUNTIME_DIR/staunch.sock, else off. Root, the user that runs staunch and the "      \
	  "members of the file's group may use it. It takes at most 107 bytes.",                                  \
	  "\"/run/staunch/control.sock\"")                                                                        \
	X(TEXT, "control.http", control.http, "off", 0, 0, 0, none, RESTART,                                      \
	  "TCP address of the same control plane, quoted, or off",                                                \
	  "/ is a page for a browser (staunch dashboard shows it without this key). "                              \
	  "GET answers at /metrics for Prometheus, /livez and /readyz for probes, /v1/status, /v1/listeners, "    \
	  "/v1/upstreams, /v1/servers, /v1/certificates, /v1/config, /v1/history, /v1/explain, /v1/conns, /v1/trace, " \
	  "/v1/log and /v1/events. POST "                                                                         \
	  "/v1/reload, /v1/drain, /v1/logs/reopen, /v1/log (another level for a while: {\"level\": \"debug\", " \
	  "\"for\": \"10m\"}), /v1/conns/kill and /v1/servers/UPSTREAM/ADDRESS, with the header " \
	  "X-Staunch: 1, change something; POST /v1/plan only "                                                                       \
	  "tells what a reload would change. With If-Match: and a generation a POST is refused (409) once another "  \
	  "one is in force. "                                                                                      \
	  "Everybody who can connect may read there, and change things with a token. Beyond loopback only "       \
	  "/livez, /readyz and /metrics answer without a token.",                                                 \
	  "\"127.0.0.1:9180\"")                                                                                   \
	X(PATH, "control.token_file", control.token_file, NULL, 0, 0, OFF, none, LIVE,                            \
	  "file of the tokens that allow changes over TCP, one a line, or off",                                   \
	  "At least 32 bytes each, readable by staunch's user alone. Several lines let a token be changed "       \
	  "without a gap; a reload reads it anew.",                                                               \
	  "\"/etc/staunch/control.token\"")                                                                              \
	X(TEXTS, "control.hosts", control.hosts, NULL, 1, 64, 0, none, RESTART,                                   \
	  "names that a request over TCP may use as its Host, beside localhost",                   \
	  "Addresses are taken as well. A page in a browser reaches this address under a name of its own (DNS "   \
	  "rebinding): other names are refused.",                                                                                             \
	  "[\"proxy1.example\"]")                                                                                 \
	X(TEXT, "control.state", control.state, "auto", 0, 0, 0, none, RESTART,                                  \
	  "file that keeps what was said of servers over a restart: auto, off or a path",                          \
	  "auto is what STAUNCH_STATE says; without it /var/lib/staunch/state.yaml where that directory is ours "  \
	  "to write, else $XDG_STATE_HOME/staunch/state.yaml (~/.local/state where that is not set), else off. "   \
	  "Its mode is 0600, one process uses it, and it is only for servers that the configuration has. What is "  \
	  "known of their names stands in it, too. "                                                               \
	  "A damaged one is moved aside, to state.yaml.bad. Without a control plane there is none.",               \
	  "\"/var/lib/staunch/state.yaml\"")                                                                           \
	X(BOOL, "control.watch", control.watch, "false", 0, 0, 0, none, LIVE,                                     \
	  "whether this file is loaded again by itself when it changes",                                          \
	  "This file, those that it includes and their directories are looked at four times a second; once they "  \
	  "have stayed the same for that long, and say something else, they are loaded as by staunch reload. For a " \
	  "Kubernetes ConfigMap, which is changed by another link. A mistake in them changes nothing, and "         \
	  "staunch_config_last_reload_successful becomes 0. Without it a change waits for an order.",              \
	  "true")                                                                                                 \
	X(MAP, "sandbox", sandbox, NULL, 0, 0, 0, none, RESTART,                                                  \
	  "what the kernel is asked to deny this process, from its start on", NULL, NULL)                         \
	X(BOOL, "sandbox.landlock", sandbox.landlock, "true", 0, 0, 0, none, RESTART,                             \
	  "whether no other files can be used than those below known directories",                                \
	  "Read: the directories of this file and of all files that it names, /etc, /proc, the system's "         \
	  "libraries and data. Written: those of the logs, the state file, Unix sockets, ticket keys and OCSP "   \
	  "responses, and /run/staunch, /var/lib/staunch and /var/log/staunch. Started: the program's own. Where a path " \
	  "is a link, the directories on its way count, too. A reload that names a path elsewhere is refused, "   \
	  "and so is an upgrade, which inherits all this: it takes a restart. A kernel without it (before 5.13, or " \
	  "where it is off) changes nothing but a line of the log. The network is not concerned.",                \
	  "false")                                                                                                \
	X(BOOL, "sandbox.seccomp", sandbox.seccomp, "false", 0, 0, 0, none, RESTART,                              \
	  "whether only the system calls that staunch is known to make are possible",                             \
	  "The list was made by running its tests; a call that is not on it fails as if the kernel had none "     \
	  "(ENOSYS), a dangerous one with EPERM. No program can be started any more, so staunch upgrade and "     \
	  "SIGUSR2 are refused: a new release takes a restart. Other libraries than those of Debian 12 may make " \
	  "other calls: try it first.",                                                                           \
	  "true")

/* A struct config_proxy_in, for all addresses of a listener or for one of them. */
#define CONFIG_PROXY_IN_ROWS(X, path, member)                                                                     \
	X(ENUM, path ".accept", member.accept, "off", 0, 0, 0, proxy_in, NEW,        \
	  "whether each connection begins with a PROXY header",                                                   \
	  "Never guessed from the bytes, since a client could write a header itself.",                            \
	  "required")                                                                                             \
	X(CIDRS, path ".trusted", member.trusted, NULL, 1, 1000, 0, none, NEW,       \
	  "networks whose headers are believed",                                                                  \
	  "Must be written where a header is required. The word unix stands for clients of a Unix socket.",       \
	  "[\"10.0.0.0/8\", \"127.0.0.0/8\"]")                                                                    \
	X(ENUM, path ".untrusted", member.untrusted, "close", 0, 0, 0, untrusted, NEW, \
	  "what happens to a connection from any other network",                                                  \
	  "With ignore a header must still come, and says nothing: logs, rules and servers see the address that " \
	  "connected. For health checks and test clients that send a header out of habit.",                       \
	  "ignore")                                                                                               \
	X(DURATION, path ".timeout", member.timeout, "10s", 1 * UNITS_MS,            \
	  10 * UNITS_M, 0, none, NEW,                                                                             \
	  "time in which the whole header must arrive, from accept on",                                           \
	  "The protocol asks for three seconds or more, so that a lost packet can be sent again.",                \
	  "5s")                                                                                                   \
	X(SIZE, path ".max_bytes", member.max_bytes, "4KiB", 512, 65535, 0, none,    \
	  NEW,                                                                                                    \
	  "the longest header that is read",                                                                      \
	  "What a version 2 header may state as its length, which grows with its TLVs. One of version 1 has "     \
	  "at most 107 bytes.",                                                                                   \
	  "1KiB")

/* struct config_listener */
#define CONFIG_LISTENER_TBL(X)                                                                                    \
	X(NAME, "listeners[].name", name, NULL, 0, 0, NEEDED, none, LIVE,                                         \
	  "its name in logs and metrics",                                                                         \
	  "Lower-case letters, digits, and _ . - inside; at most 63, because it becomes a metric label.",         \
	  "web")                                                                                                  \
	X(LIST, "listeners[].bind", bind, NULL, 1, 64, NEEDED | ALONE, none, REOPEN,                              \
	  "where to listen: an address, or a list of addresses or of maps", NULL, NULL)                           \
	X(MAP, "listeners[].proxy_protocol", proxy_protocol, NULL, 0, 0, 0, none, NEW,                            \
	  "the PROXY header with which a proxy in front says who the client is", NULL, NULL)                      \
	CONFIG_PROXY_IN_ROWS(X, "listeners[].proxy_protocol", proxy_protocol)                                     \
	X(CIDRS, "listeners[].allow", allow, NULL, 1, 1000, FILES, none, NEW,                                     \
	  "networks whose clients may connect; with it, all others are kept out",                                 \
	  "The client is who connects or, where a PROXY header is required, whom that names. The longest "        \
	  "network of allow and deny that holds it decides, deny at equal length. Who is kept out is reset "      \
	  "before anything is read of it, or dialled for it, with the reason denied. \"@/etc/staunch/allow.txt\" " \
	  "is a file of networks, one in each line, # begins a remark; a change of it is taken over at once, or " \
	  "not at all where a line is wrong. unix is every client of a Unix socket.",                             \
	  "[\"10.0.0.0/8\", \"fd00::/8\"]")                                                                      \
	X(CIDRS, "listeners[].deny", deny, NULL, 1, 1000, FILES, none, NEW,                                       \
	  "networks whose clients are kept out",                                                                  \
	  "As allow: of the two the longer network decides, so an address of an allowed network can be denied, " \
	  "and one of a denied network allowed. A file may have 100,000 networks and more.",                      \
	  "[\"192.0.2.0/24\", \"@/etc/staunch/deny.txt\"]")                                                      \
	CONFIG_SOURCE_ROWS(X)                                                                                     \
	X(BLOCK, "listeners[].tls", tls, NULL, 0, 0, 0, none, NEW,                                                \
	  "TLS that ends here; without it bytes pass as they come", NULL, NULL)                                   \
	X(MAP, "listeners[].preread", preread, NULL, 0, 0, 0, none, NEW,                                          \
	  "how long and how far a ClientHello is read when routes need it", NULL, NULL)                           \
	X(DURATION, "listeners[].preread.timeout", preread.timeout, "10s", 1 * UNITS_MS, 10 * UNITS_M, 0,         \
	  none, NEW,                                                                                              \
	  "time in which the whole ClientHello must arrive",                                                      \
	  "An absolute deadline: a client that sends a byte now and then does not move it.",                      \
	  "5s")                                                                                                   \
	X(ENUM, "listeners[].preread.on_timeout", preread.on_timeout, "auto", 0, 0, 0, on_timeout, NEW,           \
	  "what becomes of a client that has sent no byte when the timeout has passed",                           \
	  "Such a client may wait for the server to speak first. default routes it as a client without TLS: "     \
	  "to a route with tls: none, or to upstream. A client that has sent a part of a ClientHello is closed "  \
	  "either way.",                                                                                          \
	  "default")                                                                                              \
	X(DURATION, "listeners[].preread.silence", preread.silence, "off", 1 * UNITS_MS, 10 * UNITS_M, OFF, none, \
	  NEW,                                                                                                    \
	  "time without any byte after which a client is routed as one without TLS",                              \
	  "Makes protocols usable in which the server speaks first. Too short a time sends a ClientHello whose "  \
	  "first packet was lost to the wrong server: resending takes a second.",                                 \
	  "3s")                                                                                                   \
	X(SIZE, "listeners[].preread.max_bytes", preread.max_bytes, "16KiB", 1024, 65536, 0, none, NEW,           \
	  "the longest ClientHello that is read",                                                                 \
	  "Post-quantum key shares make 2KiB usual. Every byte read is passed on.",                               \
	  "32KiB")                                                                                                \
	X(LIST, "listeners[].routes", routes, NULL, 1, 1000, 0, none, NEW,                                        \
	  "which connections go elsewhere than to upstream; the first that matches counts", NULL, NULL)           \
	X(REF, "listeners[].upstream", upstream_name, NULL, 0, 0, OTHERWISE, none, NEW,                           \
	  "the name of the upstream its connections go to, unless a route matches",                               \
	  "Any name of the upstreams section, before or after this place. May be left out beside routes: "        \
	  "a connection that none of them matches is then closed.",                                               \
	  "app")                                                                                                  \
	X(COUNT, "listeners[].max_connections", max_connections, "off", 1, 10000000, OFF, none, LIVE,             \
	  "connections it holds at the same time",                                                                \
	  "Keeps one busy listener from taking all of limits.max_connections. What happens at the limit is "      \
	  "at_limit's choice.",                                                                                   \
	  "10000")                                                                                                \
	X(RATE, "listeners[].rate", rate, "off", 1, 60000000, OFF, none, NEW,                                     \
	  "new connections of all its clients in a time, as 1000/s or 30/m",                                      \
	  "A second's worth may come at once. What happens beyond is at_limit's choice: refuse closes a client "  \
	  "with the reason rate_limited, wait leaves him in the kernel's backlog until it is his turn.",          \
	  "1000/s")                                                                                               \
	X(ENUM, "listeners[].at_limit", at_limit, "refuse", 0, 0, 0, at_limit, NEW,                               \
	  "what happens to a client beyond max_connections, rate or tls.max_handshakes",                                \
	  "refuse closes it at once, so the client can go elsewhere; wait leaves it in the kernel's backlog, "    \
	  "or before its handshake, until another one ends.",                                                     \
	  "wait")                                                                                                 \
	X(SIZE, "listeners[].download", download, "off", 4096, 1 << 30, OFF | PER_S, none, NEW,                    \
	  "the most bytes a second that a connection's client is sent",                                           \
	  "Of each connection by itself. The server is read no faster, so it waits and nothing is thrown away. "  \
	  "Counted are the bytes that are relayed, without those of TLS; a connection that was silent may be "    \
	  "ahead by a twentieth of a second. Bulk at less than 40MiB/s is copied, not spliced.",                  \
	  "50MiB/s")                                                                                              \
	X(SIZE, "listeners[].upload", upload, "off", 4096, 1 << 30, OFF | PER_S, none, NEW,                        \
	  "the most bytes a second that are taken from a connection's client",                                    \
	  "As download, in the other direction.",                                                                 \
	  "10MiB/s")                                                                                              \
	X(ENUM, "listeners[].on_fin", on_fin, "pass", 0, 0, 0, on_fin, NEW,                                       \
	  "what the first end of a side does to the other side",                                                  \
	  "pass lets the other side go on: it may still have an answer to give. end is for servers or clients "   \
	  "that never end by themselves: what has arrived is delivered, both sides get their end at once, and "   \
	  "one that does not end either is let go after timeouts.linger.",                                        \
	  "end")                                                                                                  \
	X(ENUM, "listeners[].connect", connect, "accept", 0, 0, 0, connect, NEW,                                  \
	  "when a server is dialled for a client",                                                                \
	  "With first_byte a client that says nothing, such as a probe of the port, costs no server a connection; " \
	  "it may be silent for timeouts.idle. Not for servers that speak first (SMTP, SSH, MySQL): their clients " \
	  "wait for them, in vain. A PROXY header is no byte of the client's, a ClientHello is some.",            \
	  "first_byte")                                                                                           \
	X(COUNT, "listeners[].backlog", backlog, "4096", 1, 65535, 0, none, RESTART,                              \
	  "connections the kernel holds ready before they are accepted",                                          \
	  "The kernel cuts it to net.core.somaxconn without a word; start warns when it does.",                   \
	  "8192")                                                                                                 \
	X(MAP, "listeners[].timeouts", timeouts, NULL, 0, 0, 0, none, NEW,                                        \
	  "when a connection is ended for its silence or age", NULL, NULL)                                        \
	X(DURATION, "listeners[].timeouts.idle", timeouts.idle, "1h", 1 * UNITS_MS, 365 * UNITS_D, OFF, none, NEW, \
	  "time without a byte in either direction after which a connection is closed",                           \
	  "An hour, because the ten minutes others use cut the idle connections of database pools.",              \
	  "10m")                                                                                                  \
	X(ENUM, "listeners[].timeouts.idle_policy", timeouts.idle_policy, "strict", 0, 0, 0, idle_policy, NEW,    \
	  "what becomes of a connection that was silent for timeouts.idle",                                       \
	  "alive asks the kernel: a connection is kept while both sides have acknowledged something, a keepalive " \
	  "probe too, within 195 seconds. One whose peer is gone is closed so long after timeouts.idle at the "     \
	  "latest. A Unix socket counts as alive.",                                                               \
	  "alive")                                                                                                \
	X(DURATION, "listeners[].timeouts.half_close", timeouts.half_close, "60s", 1 * UNITS_MS, 365 * UNITS_D,   \
	  OFF, none, NEW,                                                                                         \
	  "time without a byte in the open direction once the other one has ended",                               \
	  "One side may say that it is done and still wait for an answer. Values far below a minute cut "         \
	  "protocols that rely on it.",                                                                           \
	  "5m")                                                                                                   \
	X(DURATION, "listeners[].timeouts.lifetime", timeouts.lifetime, "off", 1 * UNITS_S, 365 * UNITS_D, OFF,   \
	  none, NEW,                                                                                              \
	  "age at which a connection is closed, busy or not",                                                     \
	  "Useful to move load to new servers; idle already ends what is dead.",                                  \
	  "12h")                                                                                                  \
	X(SHARE, "listeners[].timeouts.lifetime_jitter", timeouts.lifetime_jitter, "0%", 0, 50, 0, none, NEW,     \
	  "share of timeouts.lifetime by which a connection may end earlier, by lot",                             \
	  "With 1h and 10% connections end after 54 to 60 minutes, so those that came together do not all come "  \
	  "back together. It is drawn once for each connection, and an upgrade keeps it.",                        \
	  "10%")                                                                                                  \
	X(DURATION, "listeners[].timeouts.linger", timeouts.linger, "5s", 1 * UNITS_MS, 10 * UNITS_M, OFF, none,  \
	  NEW,                                                                                                    \
	  "time in which unread input is drained before close; off closes at once",                               \
	  "A socket closed with input unread resets the connection, and the reset destroys the tail of what "     \
	  "was sent and not yet received.",                                                                       \
	  "2s")

/* struct config_bind */
#define CONFIG_BIND_TBL(X)                                                                                        \
	X(BIND, "listeners[].bind[].address", addr, NULL, 0, 0, NEEDED, none, REOPEN,                             \
	  "the address to listen on, quoted; it may stand in the map's place",                                    \
	  "\"127.0.0.1:8080\", \"[::1]:8080\", \":8080\" for every address of both families; \"[::]:8080\" is the " \
	  "same, and IPv6 alone where the file binds \"0.0.0.0:8080\" too. Or a path: "                           \
	  "\"unix:/run/staunch/web.sock\". Or \"systemd:web\": the sockets that systemd opens for us under "     \
	  "FileDescriptorName=web, all of that name. Quotes keep other YAML readers from making numbers of 22:22.", \
	  "\"127.0.0.1:8080\"")                                                                                   \
	X(TEXT, "listeners[].bind[].mode", mode, NULL, 0, 0, 0, none, LIVE,                                       \
	  "permissions of a Unix socket's file: who may write to it may connect",                       \
	  "In octal. Set before anybody can connect, and changed by a reload. Without it the umask decides: "      \
	  "UMask= in the unit.",                                                                                                \
	  "\"0660\"")                                                                                             \
	X(TEXT, "listeners[].bind[].owner", owner, NULL, 0, 0, 0, none, LIVE,                                     \
	  "user, user:group or :group that a Unix socket's file is given to",                                     \
	  "Names or numbers. A process that is not root may only choose among its own groups: add user staunch "  \
	  "to the group of those who connect.",                                                                   \
	  "\":www-data\"")                                                                                        \
	X(BLOCK, "listeners[].bind[].proxy_protocol", proxy_protocol, NULL, 0, 0, 0, none, NEW,                   \
	  "the PROXY header at this address alone, instead of the listener's", NULL, NULL)

/* struct config_bind_proxy */
#define CONFIG_BIND_PROXY_TBL(X) CONFIG_PROXY_IN_ROWS(X, "listeners[].bind[].proxy_protocol", in)

#endif
