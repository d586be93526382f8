/* admin_tbl: what can be asked, once: the path, the methods, whether it answers beyond loopback without a token, and the
 * handler. A handler appends its body to the reply, and calls reply_room where it may be long; it may park. */
#ifndef PROXY_ADMIN_ADMIN_TBL_H
#define PROXY_ADMIN_ADMIN_TBL_H

/*        path               methods                open   handler */
#define ADMIN_TBL(X)                                                  \
	X("/livez",           HTTP_GET | HTTP_HEAD,  true,  admin_livez)  \
	X("/readyz",          HTTP_GET | HTTP_HEAD,  true,  admin_readyz) \
	X("/metrics",         HTTP_GET | HTTP_HEAD,  true,  admin_metrics) \
	X("/",                HTTP_GET | HTTP_HEAD,  false, admin_dashboard) \
	X("/assets/",         HTTP_GET | HTTP_HEAD,  false, admin_dashboard) \
	X("/v1/status",       HTTP_GET | HTTP_HEAD,  false, admin_status) \
	X("/v1/listeners",    HTTP_GET | HTTP_HEAD,  false, admin_listeners) \
	X("/v1/upstreams",    HTTP_GET | HTTP_HEAD,  false, admin_upstreams) \
	X("/v1/servers",      HTTP_GET | HTTP_HEAD,  false, admin_servers) \
	X("/v1/certificates", HTTP_GET | HTTP_HEAD,  false, admin_certificates) \
	X("/v1/config",       HTTP_GET | HTTP_HEAD,  false, admin_config) \
	X("/v1/history",      HTTP_GET | HTTP_HEAD,  false, admin_history) \
	X("/v1/events",       HTTP_GET | HTTP_HEAD,  false, admin_events) \
	X("/v1/explain",      HTTP_GET | HTTP_HEAD,  false, admin_explain) \
	X("/v1/plan",         HTTP_POST,             false, admin_plan)   \
	X("/v1/conns",        HTTP_GET | HTTP_HEAD,  false, admin_conns)  \
	X("/v1/conns/kill",   HTTP_POST,             false, admin_kill)   \
	X("/v1/trace",        HTTP_GET | HTTP_HEAD,  false, admin_trace)  \
	X("/v1/reload",       HTTP_POST,             false, admin_reload) \
	X("/v1/servers/",     HTTP_POST,             false, admin_override) \
	X("/v1/drain",        HTTP_POST,             false, admin_drain)  \
	X("/v1/logs/reopen",  HTTP_POST,             false, admin_logs)   \
	X("/v1/log",          HTTP_GET | HTTP_HEAD | HTTP_POST, false, admin_log)

#endif
