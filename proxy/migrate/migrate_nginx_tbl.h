/* migrate_nginx_tbl: each directive of nginx, where it may stand, and what becomes of it.
 *
 * X(directive, contexts, action, argument). Contexts: M main, E events, S stream, V server, U upstream. The actions are
 * the functions nginx_ACTION: of `none` the argument says why nothing is to be done, of `lose` what happens instead; of
 * the others it is the key that the value goes to: of the listener (l.), of the upstream (u.) or of the file (r.). A key
 * that staunch does not have yet is a loss, with the check's own sentence, until it has it. */
#ifndef PROXY_MIGRATE_MIGRATE_NGINX_TBL_H
#define PROXY_MIGRATE_MIGRATE_NGINX_TBL_H

#define NGINX_UDP  "datagrams are not relayed: nothing is to be limited"
#define NGINX_CODE "no code runs in staunch: connections are relayed without it"
#define NGINX_HTTP "left out with all that is in it: staunch relays bytes and does not look into HTTP or mail"

#define NGINX_DIRECTIVE_TBL(X)                                                                                    \
	X("accept_mutex", "E", none, "workers share the work by themselves")                                      \
	X("accept_mutex_delay", "E", none, "workers share the work by themselves")                                \
	X("access_log", "SV", access_log, "r.log.access")                                                         \
	X("allow", "SV", acl, "l.allow")                                                                          \
	X("daemon", "M", none, "staunch stays in the foreground, as service managers want it")                    \
	X("debug_connection", "E", lose, "staunch trace --src shows the connections of an address, at any time")  \
	X("debug_points", "M", none, "for developers of nginx")                                                   \
	X("deny", "SV", acl, "l.deny")                                                                            \
	X("env", "M", none, "no variable is looked at")                                                           \
	X("error_log", "M", error_log, "r.log.level")                                                             \
	X("error_log", "SV", none, "there is one log of the process")                                             \
	X("events", "M", block, "")                                                                               \
	X("geo", "S", map, "")                                                                                    \
	X("google_perftools_profiles", "M", none, "for developers of nginx")                                      \
	X("hash", "U", hash, "u.balance")                                                                         \
	X("health_check", "SV", health_check, "u.health.tcp")                                                     \
	X("health_check_timeout", "SV", time, "u.health.tcp.timeout")                                             \
	X("http", "M", refuse, NGINX_HTTP)                                                                        \
	X("include", "MESVU", none, "what it names stands in its place")                                          \
	X("js_access", "SV", refuse, NGINX_CODE)                                                                  \
	X("js_filter", "SV", refuse, NGINX_CODE)                                                                  \
	X("js_import", "SV", refuse, NGINX_CODE)                                                                  \
	X("js_include", "S", refuse, NGINX_CODE)                                                                  \
	X("js_path", "SV", refuse, NGINX_CODE)                                                                    \
	X("js_preread", "SV", refuse, NGINX_CODE)                                                                 \
	X("js_set", "SV", refuse, NGINX_CODE)                                                                     \
	X("js_var", "SV", refuse, NGINX_CODE)                                                                     \
	X("least_conn", "U", word, "u.balance=least_conn")                                                        \
	X("least_time", "U", approximate, "u.balance=least_conn")                                                 \
	X("limit_conn", "SV", limit_conn, "l.per_source.connections")                                             \
	X("limit_conn_dry_run", "SV", on_off, "l.per_source.dry_run")                                             \
	X("limit_conn_log_level", "SV", none, "refused connections are in the access log and in metrics")         \
	X("limit_conn_zone", "S", zone, "")                                                                       \
	X("listen", "V", listen, "l.bind")                                                                        \
	X("load_module", "M", load_module, "")                                                                    \
	X("lock_file", "M", none, "nothing is locked")                                                            \
	X("log_format", "S", lose, "records of the access log are JSON and have all that is known of a connection") \
	X("mail", "M", refuse, NGINX_HTTP)                                                                        \
	X("map", "S", map, "")                                                                                    \
	X("map_hash_bucket_size", "S", none, "tables size themselves")                                            \
	X("map_hash_max_size", "S", none, "tables size themselves")                                               \
	X("master_process", "M", none, "there is one process")                                                    \
	X("multi_accept", "E", none, "workers share the work by themselves")                                      \
	X("open_log_file_cache", "SV", none, "a log is opened once")                                              \
	X("pass", "V", lose, "the server is left out: staunch has no second stage of servers")                    \
	X("pcre_jit", "M", none, "no expression is compiled")                                                     \
	X("pid", "M", none, "there is no PID file: service managers know their process")                          \
	X("preread_buffer_size", "SV", size, "l.preread.max_bytes")                                               \
	X("preread_timeout", "SV", time, "l.preread.timeout")                                                     \
	X("proxy_bind", "SV", lose, "the kernel chooses the address towards servers")                             \
	X("proxy_buffer_size", "SV", none, "buffers size themselves")                                             \
	X("proxy_connect_timeout", "SV", time, "u.timeouts.connect")                                              \
	X("proxy_download_rate", "SV", rate, "l.download")                                                        \
	X("proxy_downstream_buffer", "SV", none, "buffers size themselves")                                       \
	X("proxy_half_close", "SV", half_close, "l.on_fin")                                                       \
	X("proxy_next_upstream", "SV", next_upstream, "u.retries")                                                \
	X("proxy_next_upstream_timeout", "SV", time_or_none, "u.retry_budget")                                    \
	X("proxy_next_upstream_tries", "SV", tries, "u.retries")                                                  \
	X("proxy_pass", "V", proxy_pass, "")                                                                      \
	X("proxy_protocol", "SV", on_word, "u.proxy_protocol=v1")                                                 \
	X("proxy_protocol_timeout", "SV", time, "l.proxy_protocol.timeout")                                       \
	X("proxy_requests", "SV", none, NGINX_UDP)                                                                \
	X("proxy_responses", "SV", none, NGINX_UDP)                                                               \
	X("proxy_session_drop", "SV", on_word, "u.on_down=close")                                                 \
	X("proxy_socket_keepalive", "SV", none, "connections to servers have keepalive")                          \
	X("proxy_ssl", "SV", on_off, "u.ssl")                                                                     \
	X("proxy_ssl_certificate", "SV", file, "u.tls.cert")                                                      \
	X("proxy_ssl_certificate_key", "SV", file, "u.tls.key")                                                   \
	X("proxy_ssl_ciphers", "SV", text, "u.tls.ciphers")                                                       \
	X("proxy_ssl_conf_command", "SV", lose, "OpenSSL is set by the keys of upstreams[].tls alone")            \
	X("proxy_ssl_crl", "SV", lose, "certificates of servers are not looked for in revocation lists")          \
	X("proxy_ssl_name", "SV", ssl_name, "u.tls.name")                                                         \
	X("proxy_ssl_password_file", "SV", file, "u.tls.password_file")                                           \
	X("proxy_ssl_protocols", "SV", protocols, "u.tls")                                                        \
	X("proxy_ssl_server_name", "SV", none, "the name of a server is always sent")                             \
	X("proxy_ssl_session_reuse", "SV", on_off, "u.tls.session_reuse")                                         \
	X("proxy_ssl_trusted_certificate", "SV", file, "u.tls.ca")                                                \
	X("proxy_ssl_verify", "SV", on_off, "u.tls.verify")                                                       \
	X("proxy_ssl_verify_depth", "SV", none, "chains of servers are verified to the depth OpenSSL allows")     \
	X("proxy_timeout", "SV", time, "l.timeouts.idle")                                                         \
	X("proxy_upload_rate", "SV", rate, "l.upload")                                                            \
	X("proxy_upstream_buffer", "SV", none, "buffers size themselves")                                         \
	X("random", "U", random, "u.balance")                                                                     \
	X("resolver", "SVU", resolver, "r.dns.servers")                                                           \
	X("resolver_timeout", "SVU", time, "r.dns.timeout")                                                       \
	X("return", "V", lose, "the server is left out: staunch answers nothing by itself")                       \
	X("server", "S", block, "")                                                                               \
	X("server", "U", upstream_server, "")                                                                     \
	X("server_name", "V", server_name, "")                                                                    \
	X("server_names_hash_bucket_size", "S", none, "tables size themselves")                                   \
	X("server_names_hash_max_size", "S", none, "tables size themselves")                                      \
	X("set", "V", map, "")                                                                                    \
	X("set_real_ip_from", "SV", real_ip, "l.proxy_protocol.trusted")                                          \
	X("split_clients", "S", map, "")                                                                          \
	X("ssl_alpn", "SV", list, "l.tls.alpn")                                                                   \
	X("ssl_certificate", "SV", certificate, "cert")                                                           \
	X("ssl_certificate_key", "SV", certificate, "key")                                                        \
	X("ssl_ciphers", "SV", text, "l.tls.ciphers")                                                             \
	X("ssl_client_certificate", "SV", file, "l.tls.client_auth.ca")                                           \
	X("ssl_conf_command", "SV", conf_command, "l.tls.ciphersuites")                                           \
	X("ssl_crl", "SV", file, "l.tls.client_auth.crl")                                                         \
	X("ssl_dhparam", "SV", lose, "OpenSSL chooses parameters for DHE by itself")                              \
	X("ssl_ecdh_curve", "SV", curve, "l.tls.groups")                                                          \
	X("ssl_engine", "M", lose, "no engine of OpenSSL is loaded")                                              \
	X("ssl_handshake_timeout", "SV", time, "l.tls.handshake_timeout")                                         \
	X("ssl_password_file", "SV", file, "l.tls.password_file")                                                 \
	X("ssl_prefer_server_ciphers", "SV", none, "the order here counts in any case")                           \
	X("ssl_preread", "SV", none, "a ClientHello is read where routes need it")                                \
	X("ssl_protocols", "SV", protocols, "l.tls")                                                              \
	X("ssl_reject_handshake", "SV", on_off, "l.tls.strict_sni")                                               \
	X("ssl_session_cache", "SV", none, "sessions are resumed by tickets")                                     \
	X("ssl_session_ticket_key", "SV", lose, "keys of tickets are made and rotated by itself: see tls.session_tickets.keys") \
	X("ssl_session_tickets", "SV", on_off, "l.tls.session_tickets.enabled")                                   \
	X("ssl_session_timeout", "SV", time, "l.tls.session_tickets.lifetime")                                    \
	X("ssl_stapling", "SV", on_off, "l.tls.ocsp_fetch")                                                       \
	X("ssl_stapling_file", "SV", file, "l.tls.ocsp")                                                          \
	X("ssl_stapling_verify", "SV", none, "answers of responders are always verified")                         \
	X("ssl_trusted_certificate", "SV", trusted, "l.tls.client_auth.ca")                                       \
	X("ssl_verify_client", "SV", verify_client, "l.tls.client_auth.mode")                                     \
	X("ssl_verify_depth", "SV", depth, "l.tls.client_auth.depth")                                             \
	X("state", "U", lose, "servers that are set at run time are kept by control.state")                       \
	X("status_zone", "SV", none, "each listener has its metrics")                                             \
	X("stream", "M", block, "")                                                                               \
	X("tcp_nodelay", "SV", none, "it is on")                                                                  \
	X("thread_pool", "M", none, "no thread waits for a disk")                                                 \
	X("timer_resolution", "M", none, "timers are exact")                                                      \
	X("upstream", "S", block, "")                                                                             \
	X("use", "E", none, "epoll is used")                                                                      \
	X("user", "M", none, "the service unit names the user")                                                   \
	X("variables_hash_bucket_size", "S", none, "tables size themselves")                                      \
	X("variables_hash_max_size", "S", none, "tables size themselves")                                         \
	X("worker_aio_requests", "E", none, "no file is read for connections")                                    \
	X("worker_connections", "E", none, "limits.max_connections follows the limit of descriptors")             \
	X("worker_cpu_affinity", "M", none, "workers run where the service unit lets them")                       \
	X("worker_priority", "M", none, "the service unit says it: Nice=")                                        \
	X("worker_processes", "M", workers, "r.workers")                                                          \
	X("worker_rlimit_core", "M", none, "the service unit says it: LimitCORE=")                                \
	X("worker_rlimit_nofile", "M", none, "the limit is raised as far as the service unit allows")             \
	X("worker_shutdown_timeout", "M", time, "r.shutdown.timeout")                                             \
	X("working_directory", "M", none, "the service unit says it: WorkingDirectory=")                          \
	X("zone", "U", none, "workers know the same of servers")

#endif
