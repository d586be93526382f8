/* migrate_haproxy_tbl: each directive of HAProxy and what becomes of it, as migrate_nginx_tbl.h has nginx's.
 *
 * X(word, sections, action, argument). Sections: G global, D defaults, F frontend, B backend, L listen, R resolvers. A word
 * of two ("option tcplog", "timeout client") is one row; the longer row is looked for first. Parameters of bind and of
 * server have tables of their own: X(word, values behind it, action, argument). Keys are those of the listener (l.), the
 * upstream (u.), the file (r.), one server (s.); k. is TLS of the binds that have it, and t. a timer that is settled when
 * both sides are known. */
#ifndef PROXY_MIGRATE_MIGRATE_HAPROXY_TBL_H
#define PROXY_MIGRATE_MIGRATE_HAPROXY_TBL_H

#define HAPROXY_HTTP  "nothing in mode tcp: it is of HTTP"
#define HAPROXY_LUA   "no code runs in staunch: connections are relayed without it"
#define HAPROXY_UNIT  "the service unit says it"
#define HAPROXY_TUNE  "buffers, tables and threads size themselves"
#define HAPROXY_STICK "the client's address chooses the server by a hash (source_hash), without a table"

#define HAPROXY_DIRECTIVE_TBL(X)                                                                                  \
	X("acl", "FBL", none, "it counts where a rule uses it")                                                   \
	X("backlog", "DFL", text, "l.backlog")                                                                    \
	X("balance", "DBL", balance, "u.balance")                                                                 \
	X("bind", "FL", bind, "")                                                                                 \
	X("bind-process", "DFBL", none, HAPROXY_TUNE)                                                             \
	X("busy-polling", "G", none, HAPROXY_TUNE)                                                                \
	X("ca-base", "G", base, "ca")                                                                             \
	X("capture", "DFL", none, HAPROXY_HTTP)                                                                   \
	X("chroot", "G", none, HAPROXY_UNIT)                                                                      \
	X("clitcpka-cnt", "DFL", none, "connections have keepalive, by the system's settings")                    \
	X("clitcpka-idle", "DFL", none, "connections have keepalive, by the system's settings")                   \
	X("clitcpka-intvl", "DFL", none, "connections have keepalive, by the system's settings")                  \
	X("compression", "DFBL", none, HAPROXY_HTTP)                                                              \
	X("cookie", "DBL", none, HAPROXY_HTTP)                                                                    \
	X("cpu-map", "G", none, HAPROXY_TUNE)                                                                     \
	X("crt-base", "G", base, "crt")                                                                           \
	X("daemon", "G", none, "staunch stays in the foreground, as service managers want it")                    \
	X("default-server", "DBL", default_server, "")                                                            \
	X("default_backend", "DFL", default_backend, "")                                                          \
	X("description", "GFBL", none, "a remark")                                                                \
	X("disabled", "DFBL", disabled, "")                                                                       \
	X("dispatch", "BL", dispatch, "")                                                                         \
	X("email-alert", "DFBL", lose, "alerts are made of metrics: see the rules for Prometheus")                \
	X("enabled", "DFBL", none, "it is")                                                                       \
	X("errorfile", "DFBL", none, HAPROXY_HTTP)                                                                \
	X("errorfiles", "DFBL", none, HAPROXY_HTTP)                                                               \
	X("errorloc", "DFBL", none, HAPROXY_HTTP)                                                                 \
	X("external-check", "G", lose, "no program runs for a check")                                             \
	X("external-check command", "BL", lose, "no program runs for a check")                                    \
	X("external-check path", "BL", lose, "no program runs for a check")                                       \
	X("filter", "FBL", refuse, "no filter looks at the bytes (SPOE, compression, trace)")                     \
	X("fullconn", "DBL", none, "limits of servers do not move with the load")                                 \
	X("gid", "G", none, HAPROXY_UNIT)                                                                         \
	X("grace", "GDFBL", none, "shutdown.delay says it")                                                       \
	X("group", "G", none, HAPROXY_UNIT)                                                                       \
	X("guid", "FBL", none, "a remark")                                                                        \
	X("hard-stop-after", "G", time, "r.shutdown.timeout")                                                     \
	X("hash-balance-factor", "DBL", factor, "u.max_load")                                                     \
	X("hash-type", "DBL", hash_type, "u.balance")                                                             \
	X("http-after-response", "DFBL", none, HAPROXY_HTTP)                                                      \
	X("http-check", "DBL", http_check, "")                                                                    \
	X("http-error", "DFBL", none, HAPROXY_HTTP)                                                               \
	X("http-errors", "G", none, HAPROXY_HTTP)                                                                 \
	X("http-request", "DFBL", none, HAPROXY_HTTP)                                                             \
	X("http-response", "DFBL", none, HAPROXY_HTTP)                                                            \
	X("http-reuse", "DBL", none, HAPROXY_HTTP)                                                                \
	X("id", "FBL", none, "a remark")                                                                          \
	X("insecure-fork-wanted", "G", none, HAPROXY_UNIT)                                                        \
	X("load-server-state-from-file", "DBL", none, "what was said of servers is kept by control.state")        \
	X("localpeer", "G", none, "there are no peers")                                                           \
	X("log", "GDFBL", log, "")                                                                                \
	X("log-format", "DFL", lose, "records of the access log are JSON and have all that is known of a connection") \
	X("log-format-sd", "DFL", lose, "records of the access log are JSON and have all that is known of a connection") \
	X("log-send-hostname", "G", none, "the log's reader knows the host")                                      \
	X("log-tag", "GDFBL", none, "the tag is staunch")                                                         \
	X("lua-load", "G", refuse, HAPROXY_LUA)                                                                   \
	X("lua-load-per-thread", "G", refuse, HAPROXY_LUA)                                                        \
	X("lua-prepend-path", "G", refuse, HAPROXY_LUA)                                                           \
	X("master-worker", "G", none, "there is one process")                                                     \
	X("max-spread-checks", "G", none, "checks are spread")                                                    \
	X("maxcompcpuusage", "G", none, HAPROXY_HTTP)                                                             \
	X("maxcomprate", "G", none, HAPROXY_HTTP)                                                                 \
	X("maxconn", "G", text, "r.limits.max_connections")                                                       \
	X("maxconn", "DFL", maxconn, "l.max_connections")                                                         \
	X("maxconnrate", "G", lose, "connections are accepted as fast as they come")                              \
	X("maxpipes", "G", none, HAPROXY_TUNE)                                                                    \
	X("maxsessrate", "G", lose, "connections are accepted as fast as they come")                              \
	X("maxsslconn", "G", none, "limits.max_connections bounds all of them")                                   \
	X("maxsslrate", "G", none, "tls.max_handshakes bounds handshakes")                                        \
	X("mode", "DFBL", none, "known before")                                                                   \
	X("monitor", "DFL", none, HAPROXY_HTTP)                                                                   \
	X("monitor-uri", "DFL", none, HAPROXY_HTTP)                                                               \
	X("nbproc", "G", none, "there is one process")                                                            \
	X("nbthread", "G", text, "r.workers")                                                                     \
	X("no", "DFBL", none, "off unless it is switched on")                                                     \
	X("node", "G", none, "a remark")                                                                          \
	X("numa-cpu-mapping", "G", none, HAPROXY_TUNE)                                                            \
	X("option abortonclose", "DBL", none, "a client that goes leaves the queue")                              \
	X("option accept-invalid-http-request", "DFL", none, HAPROXY_HTTP)                                        \
	X("option allbackups", "DBL", none, "all backup servers are used together")                               \
	X("option checkcache", "DBL", none, HAPROXY_HTTP)                                                         \
	X("option clitcpka", "DFL", none, "connections have keepalive")                                           \
	X("option contstats", "DFL", none, "bytes are counted as they pass")                                      \
	X("option dontlog-normal", "DFL", lose, "every connection has its record in the access log")              \
	X("option dontlognull", "DFL", set_true, "r.log.skip_empty")                                              \
	X("option external-check", "DBL", lose, "a server is well when a connect to it works: no program runs")   \
	X("option forwardfor", "DFBL", none, HAPROXY_HTTP)                                                        \
	X("option h1-case-adjust-bogus-client", "DFL", none, HAPROXY_HTTP)                                        \
	X("option http-buffer-request", "DFBL", none, HAPROXY_HTTP)                                               \
	X("option http-ignore-probes", "DFL", none, HAPROXY_HTTP)                                                 \
	X("option http-keep-alive", "DFBL", none, HAPROXY_HTTP)                                                   \
	X("option http-no-delay", "DFBL", none, HAPROXY_HTTP)                                                     \
	X("option http-server-close", "DFBL", none, HAPROXY_HTTP)                                                 \
	X("option http-use-htx", "DFBL", none, HAPROXY_HTTP)                                                      \
	X("option http-use-proxy-header", "DFL", none, HAPROXY_HTTP)                                              \
	X("option httpchk", "DBL", httpchk, "u.health.http")                                                      \
	X("option httpclose", "DFBL", none, HAPROXY_HTTP)                                                         \
	X("option httplog", "DFBL", none, HAPROXY_HTTP)                                                           \
	X("option idle-close-on-response", "DFL", none, HAPROXY_HTTP)                                             \
	X("option independent-streams", "DFBL", none, "timeouts.idle runs from the last byte of either side")     \
	X("option ldap-check", "DBL", known_check, "ldap")                                                        \
	X("option log-health-checks", "DBL", none, "each change of a server's health is logged")                  \
	X("option log-separate-errors", "DFL", none, "records have the reason of the end")                        \
	X("option logasap", "DFL", set_true, "r.log.start")                                                       \
	X("option mysql-check", "DBL", known_check, "mysql")                                                      \
	X("option nolinger", "DFBL", set_off, "l.timeouts.linger")                                                \
	X("option originalto", "DFBL", none, HAPROXY_HTTP)                                                        \
	X("option persist", "DBL", none, HAPROXY_HTTP)                                                            \
	X("option pgsql-check", "DBL", known_check, "pgsql")                                                      \
	X("option prefer-last-server", "DBL", none, HAPROXY_HTTP)                                                 \
	X("option redis-check", "DBL", known_check, "redis")                                                      \
	X("option redispatch", "DBL", none, "a connect that fails is tried at another server")                    \
	X("option smtpchk", "DBL", known_check, "smtp")                                                           \
	X("option socket-stats", "DFL", none, "each address has its metrics")                                     \
	X("option splice-auto", "DFBL", none, "bytes of plain connections are spliced")                           \
	X("option splice-request", "DFBL", none, "bytes of plain connections are spliced")                        \
	X("option splice-response", "DFBL", none, "bytes of plain connections are spliced")                       \
	X("option spop-check", "BL", refuse, "no filter looks at the bytes (SPOE)")                               \
	X("option srvtcpka", "DBL", none, "connections have keepalive")                                           \
	X("option ssl-hello-chk", "DBL", known_check, "tls")                                                      \
	X("option tcp-check", "DBL", known_check, "tcp")                                                          \
	X("option tcp-smart-accept", "DFL", none, "the kernel's defaults are kept")                               \
	X("option tcp-smart-connect", "DBL", none, "the kernel's defaults are kept")                              \
	X("option tcpka", "DFBL", none, "connections have keepalive")                                             \
	X("option tcplog", "DFBL", none, "the access log has all that is known of a connection")                  \
	X("option transparent", "DBL", lose, "connections go to the servers of the upstream alone")               \
	X("persist", "DBL", none, "nothing in mode tcp but for RDP")                                              \
	X("pidfile", "G", none, "there is no PID file: service managers know their process")                      \
	X("presetenv", "G", none, "variables are replaced when the file is translated")                           \
	X("profiling.tasks", "G", none, HAPROXY_TUNE)                                                             \
	X("quiet", "G", none, "it is")                                                                            \
	X("rate-limit sessions", "DFL", rate, "l.rate")                                                           \
	X("resetenv", "G", none, "variables are replaced when the file is translated")                            \
	X("retries", "DBL", text, "u.retries")                                                                    \
	X("retry-on", "DBL", none, "a connect that fails is tried at another server")                             \
	X("server", "BL", server, "")                                                                             \
	X("server-state-base", "G", none, "what was said of servers is kept by control.state")                    \
	X("server-state-file", "G", none, "what was said of servers is kept by control.state")                    \
	X("server-state-file-name", "DBL", none, "what was said of servers is kept by control.state")             \
	X("server-template", "BL", server_template, "")                                                           \
	X("set-dumpable", "G", none, HAPROXY_UNIT)                                                                \
	X("setenv", "G", none, "variables are replaced when the file is translated")                              \
	X("source", "DBL", lose, "the kernel chooses the address towards servers")                                \
	X("spread-checks", "G", none, "checks are spread")                                                        \
	X("srvtcpka-cnt", "DBL", none, "connections have keepalive, by the system's settings")                    \
	X("srvtcpka-idle", "DBL", none, "connections have keepalive, by the system's settings")                   \
	X("srvtcpka-intvl", "DBL", none, "connections have keepalive, by the system's settings")                  \
	X("ssl-default-bind-ciphers", "G", default_tls, "k.ciphers")                                              \
	X("ssl-default-bind-ciphersuites", "G", default_tls, "k.ciphersuites")                                    \
	X("ssl-default-bind-curves", "G", default_tls, "k.groups")                                                \
	X("ssl-default-bind-options", "G", default_bind, "")                                                      \
	X("ssl-default-server-ciphers", "G", default_tls, "u.tls.ciphers")                                        \
	X("ssl-default-server-ciphersuites", "G", default_tls, "u.tls.ciphersuites")                              \
	X("ssl-default-server-options", "G", default_options, "")                                                 \
	X("ssl-dh-param-file", "G", none, "OpenSSL chooses parameters for DHE by itself")                         \
	X("ssl-engine", "G", lose, "no engine of OpenSSL is loaded")                                              \
	X("ssl-load-extra-files", "G", none, "files are named one by one")                                        \
	X("ssl-mode-async", "G", none, HAPROXY_TUNE)                                                              \
	X("ssl-server-verify", "G", server_verify, "")                                                            \
	X("ssl-skip-self-issued-ca", "G", none, "the chain is sent as it stands in the file")                     \
	X("stats", "GDFBL", none, "staunch status, staunch top and /metrics show it")                             \
	X("stick", "BL", stick, "")                                                                               \
	X("stick-table", "FBL", none, "it counts where a rule uses it")                                           \
	X("strict-limits", "G", none, "a limit that cannot be had is told at the start")                          \
	X("tcp-check", "DBL", tcp_check, "")                                                                      \
	X("tcp-request inspect-delay", "DFBL", inspect_delay, "l.preread.timeout")                                \
	X("tcp-request connection", "DFL", tcp_request, "")                                                       \
	X("tcp-request session", "DFL", tcp_request, "")                                                          \
	X("tcp-request content", "DFBL", tcp_request, "")                                                         \
	X("tcp-response", "DBL", lose, "answers of servers are not looked at")                                    \
	X("thread-groups", "G", none, HAPROXY_TUNE)                                                               \
	X("timeout check", "DBL", timer, "t.check")                                                               \
	X("timeout client", "DFL", timer, "t.client")                                                             \
	X("timeout client-fin", "DFL", timer, "t.client_fin")                                                     \
	X("timeout clitimeout", "DFL", timer, "t.client")                                                         \
	X("timeout connect", "DBL", time, "u.timeouts.connect")                                                   \
	X("timeout http-keep-alive", "DFBL", none, HAPROXY_HTTP)                                                  \
	X("timeout http-request", "DFBL", none, HAPROXY_HTTP)                                                     \
	X("timeout queue", "DBL", time, "u.timeouts.queue")                                                       \
	X("timeout server", "DBL", timer, "t.server")                                                             \
	X("timeout server-fin", "DBL", timer, "t.server_fin")                                                     \
	X("timeout tarpit", "DFBL", none, HAPROXY_HTTP)                                                           \
	X("timeout tunnel", "DBL", timer, "t.tunnel")                                                             \
	X("uid", "G", none, HAPROXY_UNIT)                                                                         \
	X("ulimit-n", "G", none, "the limit is raised as far as the service unit allows")                         \
	X("unique-id-format", "DFL", none, "each connection has an id of its own")                                \
	X("unique-id-header", "DFL", none, HAPROXY_HTTP)                                                          \
	X("unix-bind", "G", none, "each socket says its mode and owner")                                          \
	X("unsetenv", "G", none, "variables are replaced when the file is translated")                            \
	X("use-server", "BL", lose, "balance alone chooses the server")                                           \
	X("use_backend", "FL", use_backend, "")                                                                   \
	X("user", "G", none, HAPROXY_UNIT)                                                                        \
	X("wurfl-data-file", "G", none, HAPROXY_HTTP)                                                             \
	X("zero-warning", "G", none, "staunch check --strict does it")                                            \
	X("accepted_payload_size", "R", none, "answers of any size are read")                                     \
	X("hold", "R", hold, "r.dns")                                                                             \
	X("nameserver", "R", nameserver, "r.dns.servers")                                                         \
	X("parse-resolv-conf", "R", none, "that is what is done without dns.servers")                             \
	X("resolve_retries", "R", text, "r.dns.tries")                                                            \
	X("timeout resolve", "R", time, "r.dns.min_ttl")                                                          \
	X("timeout retry", "R", time, "r.dns.timeout")

/* Parameters of bind behind its addresses. */
#define HAPROXY_BIND_TBL(X)                                                                                       \
	X("accept-netscaler-cip", 1, lose, "no such header is read: connections begin with it")                   \
	X("accept-proxy", 0, accept_proxy, "")                                                                    \
	X("allow-0rtt", 0, none, "no early data is taken")                                                        \
	X("alpn", 1, alpn, "k.alpn")                                                                              \
	X("backlog", 1, text, "l.backlog")                                                                        \
	X("ca-file", 1, ca_file, "k.client_auth.ca")                                                              \
	X("ca-ignore-err", 1, lose, "a certificate that a client shows must be valid")                            \
	X("ca-verify-file", 1, lose, "all authorities of ca-file are named to clients")                           \
	X("ciphers", 1, text, "k.ciphers")                                                                        \
	X("ciphersuites", 1, text, "k.ciphersuites")                                                              \
	X("crl-file", 1, ca_file, "k.client_auth.crl")                                                            \
	X("crt", 1, crt, "")                                                                                      \
	X("crt-ignore-err", 1, lose, "a certificate that a client shows must be valid")                           \
	X("crt-list", 1, crt_list, "")                                                                            \
	X("curves", 1, text, "k.groups")                                                                          \
	X("defer-accept", 0, lose, "a connection is accepted before its first byte")                              \
	X("ecdhe", 1, text, "k.groups")                                                                           \
	X("expose-fd", 1, none, "")                                                                               \
	X("force-tlsv12", 0, force, "1.2")                                                                        \
	X("force-tlsv13", 0, force, "1.3")                                                                        \
	X("generate-certificates", 0, lose, "no certificate is made on the way")                                  \
	X("gid", 1, group, "")                                                                                    \
	X("group", 1, group, "")                                                                                  \
	X("id", 1, none, "")                                                                                      \
	X("interface", 1, lose, "the address is open at all interfaces that have it")                             \
	X("level", 1, none, "")                                                                                   \
	X("maxconn", 1, lose, "max_connections is one for all addresses of a listener")                           \
	X("mode", 1, mode, "")                                                                                    \
	X("mss", 1, lose, "the kernel chooses the size of segments")                                              \
	X("name", 1, none, "")                                                                                    \
	X("namespace", 1, lose, "the address is open in the process's own namespace")                             \
	X("nice", 1, none, "")                                                                                    \
	X("no-alpn", 0, none, "")                                                                                 \
	X("no-ca-names", 0, lose, "the authorities of ca-file are named to clients")                              \
	X("no-sslv3", 0, none, "")                                                                                \
	X("no-tls-tickets", 0, no_tickets, "k.session_tickets.enabled")                                           \
	X("no-tlsv10", 0, none, "")                                                                               \
	X("no-tlsv11", 0, none, "")                                                                               \
	X("no-tlsv12", 0, oldest_13, "k")                                                                         \
	X("no-tlsv13", 0, newest_12, "k")                                                                         \
	X("npn", 1, none, "")                                                                                     \
	X("prefer-client-ciphers", 0, lose, "the order of the listener's own list counts")                        \
	X("process", 1, none, "")                                                                                 \
	X("proto", 1, none, "")                                                                                   \
	X("shards", 1, none, "")                                                                                  \
	X("ssl", 0, ssl, "")                                                                                      \
	X("ssl-max-ver", 1, version, "k.max_version")                                                             \
	X("ssl-min-ver", 1, version, "k.min_version")                                                             \
	X("strict-sni", 0, set_true, "k.strict_sni")                                                              \
	X("tcp-ut", 1, lose, "the kernel says how long data may wait for its acknowledgement")                    \
	X("tfo", 0, lose, "handshakes carry no data")                                                             \
	X("thread", 1, none, "")                                                                                  \
	X("tls-ticket-keys", 1, lose, "keys of tickets are made and rotated by itself: see session_tickets.keys") \
	X("transparent", 0, lose, "the address must be one of this machine")                                      \
	X("uid", 1, owner, "")                                                                                    \
	X("user", 1, owner, "")                                                                                   \
	X("v4v6", 0, none, "")                                                                                    \
	X("v6only", 0, none, "")                                                                                  \
	X("verify", 1, verify_client, "k.client_auth.mode")

/* Parameters of server and default-server. Keys: s. of the server itself, u. of the upstream; what begins with ? is looked
 * at when all parameters are known. */
#define HAPROXY_SERVER_TBL(X)                                                                                     \
	X("addr", 1, lose, "checks connect to the server's own address")                                          \
	X("agent-addr", 1, lose, "the agent is asked at the server's own address")                                \
	X("agent-check", 0, set_true, "?agent")                                                                   \
	X("agent-inter", 1, time, "?agent_inter")                                                                 \
	X("agent-port", 1, text, "?agent_port")                                                                   \
	X("agent-send", 1, text, "?agent_send")                                                                   \
	X("allow-0rtt", 0, none, "")                                                                              \
	X("alpn", 1, alpn, "u.tls.alpn")                                                                          \
	X("backup", 0, set_true, "s.backup")                                                                      \
	X("ca-file", 1, ca_file, "u.tls.ca")                                                                      \
	X("check", 0, set_true, "?check")                                                                         \
	X("check-alpn", 1, lose, "checks speak as connections do")                                                \
	X("check-send-proxy", 0, none, "")                                                                        \
	X("check-sni", 1, text, "?check_sni")                                                                     \
	X("check-ssl", 0, set_true, "?check_ssl")                                                                 \
	X("check-via-socks4", 0, lose, "no other proxy is used")                                                  \
	X("ciphers", 1, text, "u.tls.ciphers")                                                                    \
	X("ciphersuites", 1, text, "u.tls.ciphersuites")                                                          \
	X("cookie", 1, none, "")                                                                                  \
	X("crl-file", 1, lose, "certificates of servers are not looked for in revocation lists")                  \
	X("crt", 1, crt, "u.tls")                                                                                 \
	X("curves", 1, text, "u.tls.groups")                                                                      \
	X("disabled", 0, down, "s.weight")                                                                        \
	X("downinter", 1, none, "")                                                                               \
	X("enabled", 0, none, "")                                                                                 \
	X("error-limit", 1, text, "u.health.passive.failures")                                                    \
	X("fall", 1, text, "?fall")                                                                               \
	X("fastinter", 1, none, "")                                                                               \
	X("force-tlsv12", 0, force, "1.2")                                                                        \
	X("force-tlsv13", 0, force, "1.3")                                                                        \
	X("id", 1, none, "")                                                                                      \
	X("init-addr", 1, none, "")                                                                               \
	X("inter", 1, time, "?inter")                                                                             \
	X("interface", 1, lose, "the kernel chooses the way to the server")                                       \
	X("log-proto", 1, none, "")                                                                               \
	X("max-reuse", 1, none, "")                                                                               \
	X("maxconn", 1, limit, "s.max_connections")                                                               \
	X("maxqueue", 1, limit, "u.queue.max")                                                                    \
	X("minconn", 1, lose, "max_connections does not move with the load")                                      \
	X("namespace", 1, lose, "the server is connected to from the process's own namespace")                    \
	X("no-agent-check", 0, set_false, "?agent")                                                               \
	X("no-backup", 0, set_false, "s.backup")                                                                  \
	X("no-check", 0, set_false, "?check")                                                                     \
	X("no-check-ssl", 0, set_false, "?check_ssl")                                                             \
	X("no-send-proxy", 0, set_off, "u.proxy_protocol")                                                        \
	X("no-ssl", 0, set_false, "?ssl")                                                                         \
	X("no-ssl-reuse", 0, set_false, "u.tls.session_reuse")                                                    \
	X("no-sslv3", 0, none, "")                                                                                \
	X("no-tls-tickets", 0, set_false, "u.tls.session_reuse")                                                  \
	X("no-tlsv10", 0, none, "")                                                                               \
	X("no-tlsv11", 0, none, "")                                                                               \
	X("no-tlsv12", 0, oldest_13, "u.tls")                                                                     \
	X("no-tlsv13", 0, newest_12, "u.tls")                                                                     \
	X("no-verifyhost", 0, none, "")                                                                           \
	X("non-stick", 0, none, "")                                                                               \
	X("npn", 1, none, "")                                                                                     \
	X("observe", 1, observe, "")                                                                              \
	X("on-error", 1, none, "")                                                                                \
	X("on-marked-down", 1, marked_down, "u.on_down")                                                          \
	X("on-marked-up", 1, lose, "connections of backup servers run on when another server is back")            \
	X("pool-low-conn", 1, none, "")                                                                           \
	X("pool-max-conn", 1, none, "")                                                                           \
	X("pool-purge-delay", 1, none, "")                                                                        \
	X("port", 1, text, "?port")                                                                               \
	X("proto", 1, none, "")                                                                                   \
	X("proxy-v2-options", 1, tlvs, "u.tlvs")                                                                  \
	X("redir", 1, none, "")                                                                                   \
	X("resolve-net", 1, lose, "all addresses of a name are used")                                             \
	X("resolve-opts", 1, none, "")                                                                            \
	X("resolve-prefer", 1, prefer, "r.dns.family")                                                            \
	X("resolvers", 1, none, "")                                                                               \
	X("rise", 1, text, "?rise")                                                                               \
	X("send-proxy", 0, proxy_v1, "u.proxy_protocol")                                                          \
	X("send-proxy-v2", 0, proxy_v2, "u.proxy_protocol")                                                       \
	X("send-proxy-v2-ssl", 0, proxy_v2_ssl, "u.proxy_protocol")                                               \
	X("send-proxy-v2-ssl-cn", 0, proxy_v2_ssl, "u.proxy_protocol")                                            \
	X("shard", 1, none, "")                                                                                   \
	X("slowstart", 1, time, "u.slow_start")                                                                   \
	X("sni", 1, sni, "u.tls.sni")                                                                             \
	X("socks4", 1, lose, "no other proxy is used")                                                            \
	X("source", 1, lose, "the kernel chooses the address towards servers")                                    \
	X("ssl", 0, set_true, "?ssl")                                                                             \
	X("ssl-max-ver", 1, version, "u.tls.max_version")                                                         \
	X("ssl-min-ver", 1, version, "u.tls.min_version")                                                         \
	X("ssl-reuse", 0, set_true, "u.tls.session_reuse")                                                        \
	X("stick", 0, none, "")                                                                                   \
	X("tcp-ut", 1, lose, "the kernel says how long data may wait for its acknowledgement")                    \
	X("tfo", 0, lose, "handshakes carry no data")                                                             \
	X("tls-tickets", 0, none, "")                                                                             \
	X("track", 1, lose, "the server is checked itself")                                                       \
	X("usesrc", 1, lose, "the kernel chooses the address towards servers")                                    \
	X("verify", 1, verify_server, "u.tls.verify")                                                             \
	X("verifyhost", 1, text, "u.tls.name")                                                                    \
	X("weight", 1, text, "s.weight")                                                                          \
	X("ws", 1, none, "")

#endif
