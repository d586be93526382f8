/* migrate_remark_tbl: what works otherwise than in the other program, whatever stands in its file. Each output says it. */
#ifndef PROXY_MIGRATE_MIGRATE_REMARK_TBL_H
#define PROXY_MIGRATE_MIGRATE_REMARK_TBL_H

#define NGINX_REMARK_TBL(X) \
	X("A side that ends its direction leaves the other one open (on_fin: pass); nginx closes both, unless proxy_half_close is on.") \
	X("A reset is passed on as a reset; nginx makes it a plain end.") \
	X("Certificates of servers are verified (upstreams[].tls.verify); nginx verifies none, unless proxy_ssl_verify is on.") \
	X("timeouts.idle runs from the last byte of either side, whichever it was.") \
	X("Connections for servers that are all at max_connections wait in a bounded queue (queue.max, timeouts.queue); nginx refuses them.") \
	X("A server is connected to for 5s (timeouts.connect), and up to two others are tried (retries); nginx waits 60s and tries all.") \
	X("Names of servers are looked up again when their TTL is over; nginx does so where resolve is set.")

#define HAPROXY_REMARK_TBL(X) \
	X("A side that ends its direction leaves the other one open (on_fin: pass), for timeouts.half_close.") \
	X("A reset is passed on as a reset; HAProxy makes it a plain end.") \
	X("Certificates of servers are verified (upstreams[].tls.verify), as HAProxy does unless a server says verify none.") \
	X("timeouts.idle runs from the last byte of either side: it is the shorter one of timeout client and timeout server, or timeout tunnel.") \
	X("Connections for servers that are all at max_connections wait in a bounded queue (queue.max, timeouts.queue); HAProxy's has no bound.") \
	X("A server that fails several connections in a row is left out for a time (health.passive), beside the checks.") \
	X("Names of servers are looked up again when their TTL is over; HAProxy does so where resolvers are set.")

#endif
