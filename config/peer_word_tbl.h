/* peer_word_tbl: keys of other programs, and the key of ours that does the same. People copy settings over; a hint is
 * shorter than a search. Columns: their word, the program, our path. Sorted by word. */
#ifndef CONFIG_PEER_WORD_TBL_H
#define CONFIG_PEER_WORD_TBL_H

#define PEER_WORD_TBL(X)                                                                    \
	X("accept-proxy",            "haproxy", "listeners[].proxy_protocol.accept")        \
	X("access_log",              "nginx",   "log.access")                               \
	X("backend",                 "haproxy", "upstreams")                                \
	X("backends",                "haproxy", "upstreams")                                \
	X("ca-file",                 "haproxy", "listeners[].tls.client_auth.ca")           \
	X("ca-verify-file",          "haproxy", "listeners[].tls.client_auth.ca")           \
	X("crl-file",                "haproxy", "listeners[].tls.client_auth.crl")          \
	X("crt",                     "haproxy", "listeners[].tls.certificates[].cert")      \
	X("crt-list",                "haproxy", "listeners[].tls.certificates[].names")     \
	X("default_backend",         "haproxy", "listeners[].upstream")                     \
	X("frontend",                "haproxy", "listeners")                                \
	X("frontends",               "haproxy", "listeners")                                \
	X("hard-stop-after",         "haproxy", "shutdown.timeout")                         \
	X("listen",                  "nginx",   "listeners[].bind")                         \
	X("max_conns",               "nginx",   "upstreams[].servers[].max_connections")    \
	X("maxconn",                 "haproxy", "limits.max_connections")                   \
	X("nbthread",                "haproxy", "workers")                                  \
	X("proxy_connect_timeout",   "nginx",   "upstreams[].timeouts.connect")             \
	X("proxy_next_upstream_tries", "nginx", "upstreams[].retries")                      \
	X("proxy_pass",              "nginx",   "listeners[].upstream")                     \
	X("proxy_ssl_name",          "nginx",   "upstreams[].tls.name")                     \
	X("proxy_ssl_trusted_certificate", "nginx", "upstreams[].tls.ca")                   \
	X("proxy_ssl_verify",        "nginx",   "upstreams[].tls.verify")                   \
	X("proxy_timeout",           "nginx",   "listeners[].timeouts.idle")                \
	X("send-proxy",              "haproxy", "upstreams[].proxy_protocol")               \
	X("send-proxy-v2",           "haproxy", "upstreams[].proxy_protocol")               \
	X("server",                  "nginx",   "upstreams[].servers")                      \
	X("set_real_ip_from",        "nginx",   "listeners[].proxy_protocol.trusted")       \
	X("ssl_certificate",         "nginx",   "listeners[].tls.certificates[].cert")      \
	X("ssl_certificate_key",     "nginx",   "listeners[].tls.certificates[].key")       \
	X("ssl_ciphers",             "nginx",   "listeners[].tls.ciphers")                  \
	X("ssl_client_certificate",  "nginx",   "listeners[].tls.client_auth.ca")           \
	X("ssl_crl",                 "nginx",   "listeners[].tls.client_auth.crl")          \
	X("ssl_handshake_timeout",   "nginx",   "listeners[].tls.handshake_timeout")        \
	X("ssl_password_file",       "nginx",   "listeners[].tls.certificates[].password_file") \
	X("ssl_preread",             "nginx",   "listeners[].routes")                       \
	X("ssl_protocols",           "nginx",   "listeners[].tls.min_version")              \
	X("ssl_reject_handshake",    "nginx",   "listeners[].tls.refuse_sni")               \
	X("ssl_trusted_certificate", "nginx",   "listeners[].tls.client_auth.ca")           \
	X("ssl_verify_client",       "nginx",   "listeners[].tls.client_auth.mode")         \
	X("use_backend",             "haproxy", "listeners[].routes")                       \
	X("worker_connections",      "nginx",   "limits.max_connections")                   \
	X("worker_processes",        "nginx",   "workers")                                  \
	X("worker_shutdown_timeout", "nginx",   "shutdown.timeout")

#endif
