/* admin_tbl: what can be asked, once: the path, the methods, whether it answers beyond loopback without a token, the
 * handler, and what it is for. A handler appends its body to the reply, and calls reply_room where it may be long; it may
 * park. */
#ifndef PROXY_ADMIN_ADMIN_TBL_H
#define PROXY_ADMIN_ADMIN_TBL_H

/*   X(path, methods, open, handler, help)     help: a sentence of staunch-api(7) */
#define ADMIN_TBL(X)                                                  \
	X("/livez", HTTP_GET | HTTP_HEAD, true, admin_livez, \
	  "200 while every worker turns, else 503; one line of text.") \
	X("/readyz", HTTP_GET | HTTP_HEAD, true, admin_readyz, \
	  "200 while all addresses are listened on and nothing drains, else 503; one line of text.") \
	X("/metrics", HTTP_GET | HTTP_HEAD, true, admin_metrics, \
	  "The numbers, for Prometheus: staunch-metrics(7).") \
	X("/", HTTP_GET | HTTP_HEAD, false, admin_dashboard, "The dashboard, as a page.") \
	X("/assets/", HTTP_GET | HTTP_HEAD, false, admin_dashboard, "What the page loads.") \
	X("/v1/status", HTTP_GET | HTTP_HEAD, false, admin_status, \
	  "What to ask first: state, configuration, rates, warnings, limits, workers.") \
	X("/v1/listeners", HTTP_GET | HTTP_HEAD, false, admin_listeners, \
	  "Each listener: its connections, and how they ended.") \
	X("/v1/upstreams", HTTP_GET | HTTP_HEAD, false, admin_upstreams, \
	  "Each upstream: the sums of its servers, its tiers and its queue.") \
	X("/v1/servers", HTTP_GET | HTTP_HEAD, false, admin_servers, \
	  "Each server: whether it is usable, why, and its numbers. ?upstream=NAME: those of one.") \
	X("/v1/certificates", HTTP_GET | HTTP_HEAD, false, admin_certificates, \
	  "The certificates in force, and until when.") \
	X("/v1/config", HTTP_GET | HTTP_HEAD, false, admin_config, \
	  "The configuration in force, each value with its origin, and all overrides of servers.") \
	X("/v1/history", HTTP_GET | HTTP_HEAD, false, admin_history, \
	  "Sixteen numbers of each of the last 600 seconds.") \
	X("/v1/events", HTTP_GET | HTTP_HEAD, false, admin_events, \
	  "What happened, a line each: ?since=SEQ, ?follow=0.") \
	X("/v1/explain", HTTP_GET | HTTP_HEAD, false, admin_explain, \
	  "Where a connection would go, and why: ?listener, src, sni, alpn, tls.") \
	X("/v1/plan", HTTP_POST, false, admin_plan, \
	  "The body is a configuration: what a reload of it would change.") \
	X("/v1/conns", HTTP_GET | HTTP_HEAD, false, admin_conns, \
	  "The live connections, a line each: ?listener, upstream, server, src, sni, older, idle, reason_pending, limit, " \
	  "fields, tcp.") \
	X("/v1/conns/kill", HTTP_POST, false, admin_kill, \
	  "End connections: the same filter in the body, and all, dry_run, rate, patience.") \
	X("/v1/trace", HTTP_GET | HTTP_HEAD, false, admin_trace, \
	  "The stages of the next connections, a line each: the same filter, limit, for.") \
	X("/v1/reload", HTTP_POST, false, admin_reload, "Load the file again; 422 with its mistakes.") \
	X("/v1/servers/", HTTP_POST, false, admin_override, \
	  "/v1/servers/UPSTREAM/SERVER: state, weight, max_connections, for, close_over, forget.") \
	X("/v1/drain", HTTP_POST, false, admin_drain, "Stop, once connections have ended: delay, timeout.") \
	X("/v1/upgrade", HTTP_POST, false, admin_upgrade, \
	  "Hand over to the program that now stands at our path: binary.") \
	X("/v1/logs/reopen", HTTP_POST, false, admin_logs, "Open the logs anew.") \
	X("/v1/log", HTTP_GET | HTTP_HEAD | HTTP_POST, false, admin_log, \
	  "The level of the process log; POST changes it for a time: level, for.")

#endif
