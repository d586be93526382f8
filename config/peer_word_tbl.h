/* peer_word_tbl: keys of other programs, and of ours at a wrong place, and the key of ours that does the same. People
 * copy settings over; a hint is shorter than a search. Columns: the word, the program (NULL: none in particular), the
 * section in which it means that ("": everywhere; of two rows of a word the one of the narrower section counts), our
 * path. Sorted by word, then by section. */
#ifndef CONFIG_PEER_WORD_TBL_H
#define CONFIG_PEER_WORD_TBL_H

#define PEER_WORD_TBL(X) \
	X("accept-proxy", "haproxy", "", "listeners[].proxy_protocol.accept") \
	X("access_log", "nginx", "", "log.access") \
	X("agent-check", "haproxy", "upstreams[]", "upstreams[].health.agent") \
	X("agent-port", "haproxy", "upstreams[]", "upstreams[].health.agent.port") \
	X("backend", "haproxy", "", "upstreams") \
	X("backends", "haproxy", "", "upstreams") \
	X("ca-file", "haproxy", "", "listeners[].tls.client_auth.ca") \
	X("ca-verify-file", "haproxy", "", "listeners[].tls.client_auth.ca") \
	X("check", "haproxy", "upstreams[]", "upstreams[].health") \
	X("crl-file", "haproxy", "", "listeners[].tls.client_auth.crl") \
	X("crt", "haproxy", "", "listeners[].tls.certificates[].cert") \
	X("crt-list", "haproxy", "", "listeners[].tls.certificates[].names") \
	X("default_backend", "haproxy", "", "listeners[].upstream") \
	X("downinter", "haproxy", "upstreams[]", "upstreams[].health.tcp.interval") \
	X("error-limit", "haproxy", "upstreams[]", "upstreams[].health.passive.failures") \
	X("fail_timeout", "nginx", "upstreams[]", "upstreams[].health.passive.out") \
	X("fall", "haproxy", "upstreams[].servers[]", "upstreams[].health.tcp.fall") \
	X("fastinter", "haproxy", "upstreams[]", "upstreams[].health.tcp.interval") \
	X("frontend", "haproxy", "", "listeners") \
	X("frontends", "haproxy", "", "listeners") \
	X("hard-stop-after", "haproxy", "", "shutdown.timeout") \
	X("health_check", "nginx", "upstreams[]", "upstreams[].health") \
	X("health_checks", "envoy", "upstreams[]", "upstreams[].health") \
	X("healthcheck", NULL, "upstreams[]", "upstreams[].health") \
	X("healthy_threshold", "envoy", "upstreams[]", "upstreams[].health.tcp.rise") \
	X("httpchk", "haproxy", "upstreams[]", "upstreams[].health.http") \
	X("inter", "haproxy", "upstreams[]", "upstreams[].health.tcp.interval") \
	X("interval", NULL, "upstreams[].health", "upstreams[].health.tcp.interval") \
	X("keepalive", "nginx", "upstreams[]", "upstreams[].warm") \
	X("lb_policy", "envoy", "upstreams[]", "upstreams[].balance") \
	X("listen", "nginx", "", "listeners[].bind") \
	X("max_conns", "nginx", "", "upstreams[].servers[].max_connections") \
	X("max_fails", "nginx", "upstreams[]", "upstreams[].health.passive.failures") \
	X("max_pending_requests", "envoy", "upstreams[]", "upstreams[].queue.max") \
	X("maxconn", "haproxy", "", "limits.max_connections") \
	X("maxconn", "haproxy", "upstreams[]", "upstreams[].servers[].max_connections") \
	X("maxqueue", "haproxy", "upstreams[]", "upstreams[].queue.max") \
	X("nbthread", "haproxy", "", "workers") \
	X("observe", "haproxy", "upstreams[]", "upstreams[].health.passive") \
	X("on-marked-down", "haproxy", "upstreams[]", "upstreams[].on_down") \
	X("outlier_detection", "envoy", "upstreams[]", "upstreams[].health.passive") \
	X("panic_threshold", "envoy", "upstreams[]", "upstreams[].panic") \
	X("proxy_connect_timeout", "nginx", "", "upstreams[].timeouts.connect") \
	X("proxy_next_upstream", "nginx", "upstreams[]", "upstreams[].retries") \
	X("proxy_next_upstream_timeout", "nginx", "upstreams[]", "upstreams[].retry_budget") \
	X("proxy_next_upstream_tries", "nginx", "", "upstreams[].retries") \
	X("proxy_pass", "nginx", "", "listeners[].upstream") \
	X("proxy_ssl_name", "nginx", "", "upstreams[].tls.name") \
	X("proxy_ssl_trusted_certificate", "nginx", "", "upstreams[].tls.ca") \
	X("proxy_ssl_verify", "nginx", "", "upstreams[].tls.verify") \
	X("proxy_timeout", "nginx", "", "listeners[].timeouts.idle") \
	X("redispatch", "haproxy", "upstreams[]", "upstreams[].retries") \
	X("retry", NULL, "upstreams[]", "upstreams[].retries") \
	X("rise", "haproxy", "upstreams[].servers[]", "upstreams[].health.tcp.rise") \
	X("send-proxy", "haproxy", "", "upstreams[].proxy_protocol") \
	X("send-proxy-v2", "haproxy", "", "upstreams[].proxy_protocol") \
	X("server", "nginx", "", "upstreams[].servers") \
	X("set_real_ip_from", "nginx", "", "listeners[].proxy_protocol.trusted") \
	X("slowstart", "haproxy", "upstreams[]", "upstreams[].slow_start") \
	X("ssl_certificate", "nginx", "", "listeners[].tls.certificates[].cert") \
	X("ssl_certificate_key", "nginx", "", "listeners[].tls.certificates[].key") \
	X("ssl_ciphers", "nginx", "", "listeners[].tls.ciphers") \
	X("ssl_client_certificate", "nginx", "", "listeners[].tls.client_auth.ca") \
	X("ssl_crl", "nginx", "", "listeners[].tls.client_auth.crl") \
	X("ssl_handshake_timeout", "nginx", "", "listeners[].tls.handshake_timeout") \
	X("ssl_password_file", "nginx", "", "listeners[].tls.certificates[].password_file") \
	X("ssl_preread", "nginx", "", "listeners[].routes") \
	X("ssl_protocols", "nginx", "", "listeners[].tls.min_version") \
	X("ssl_reject_handshake", "nginx", "", "listeners[].tls.refuse_sni") \
	X("ssl_trusted_certificate", "nginx", "", "listeners[].tls.client_auth.ca") \
	X("ssl_verify_client", "nginx", "", "listeners[].tls.client_auth.mode") \
	X("timeout", NULL, "upstreams[].health", "upstreams[].health.tcp.timeout") \
	X("timeout", NULL, "upstreams[].queue", "upstreams[].timeouts.queue") \
	X("unhealthy_threshold", "envoy", "upstreams[]", "upstreams[].health.tcp.fall") \
	X("uri", NULL, "upstreams[].health", "upstreams[].health.http.path") \
	X("url", NULL, "upstreams[].health", "upstreams[].health.http.path") \
	X("use_backend", "haproxy", "", "listeners[].routes") \
	X("worker_connections", "nginx", "", "limits.max_connections") \
	X("worker_processes", "nginx", "", "workers") \
	X("worker_shutdown_timeout", "nginx", "", "shutdown.timeout")

#endif
