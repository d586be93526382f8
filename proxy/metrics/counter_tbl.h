/* counter_tbl: every number that a thread counts, each once: the field of struct stats, its
 * Prometheus family, the fixed label that tells it apart within the family, the kind, and the help
 * text. Rows of one family stand together; the output takes kind and help from the first of them.
 * What is counted by listener or by server is not here: listener_stats.h, server_stats.h. */
#ifndef PROXY_METRICS_COUNTER_TBL_H
#define PROXY_METRICS_COUNTER_TBL_H

/*        field            family                              label                kind     help */
#define COUNTER_TBL(X) \
	X(records_own,     "staunch_tls_records_total", "layer=\"own\"", counter, \
	  "TLS connections by who makes their records, and why OpenSSL does.") \
	X(records_configured, "staunch_tls_records_total", "layer=\"openssl\",reason=\"configured\"", counter, "") \
	X(records_ticket, "staunch_tls_records_total", "layer=\"openssl\",reason=\"ticket\"", counter, "") \
	X(records_cipher, "staunch_tls_records_total", "layer=\"openssl\",reason=\"cipher\"", counter, "") \
	X(records_fragment, "staunch_tls_records_total", "layer=\"openssl\",reason=\"fragment\"", counter, "") \
	X(records_extension, "staunch_tls_records_total", "layer=\"openssl\",reason=\"extension\"", counter, "") \
	X(records_unread, "staunch_tls_records_total", "layer=\"openssl\",reason=\"unread\"", counter, "") \
	X(records_count, "staunch_tls_records_total", "layer=\"openssl\",reason=\"count\"", counter, "") \
	X(records_secret, "staunch_tls_records_total", "layer=\"openssl\",reason=\"secret\"", counter, "") \
	X(records_check, "staunch_tls_records_total", "layer=\"openssl\",reason=\"check\"", counter, "") \
	X(records_suite, "staunch_tls_records_total", "layer=\"openssl\",reason=\"suite\"", counter, "") \
	X(records_memory, "staunch_tls_records_total", "layer=\"openssl\",reason=\"memory\"", counter, "") \
	X(truncated,       "staunch_tls_truncated_total",      "",                  counter, \
	  "Ends of TLS by FIN without close_notify, passed on or reset.") \
	X(ocsp_ok,         "staunch_ocsp_fetches_total",       "result=\"ok\"",     counter, \
	  "Attempts to fetch an OCSP response for stapling, by result.") \
	X(ocsp_failed,     "staunch_ocsp_fetches_total",       "result=\"failed\"", counter, "") \
	X(accept_errors,   "staunch_accept_errors_total",      "",                  counter, \
	  "Failed accepts, including those retried at once.") \
	X(accept_pauses,   "staunch_accept_pauses_total",      "",                  counter, \
	  "Times a listener paused because descriptors or memory ran out.") \
	X(log_dropped,     "staunch_log_dropped_total",        "",                  counter, \
	  "Access records dropped because the log could not take them.") \
	X(log_skipped,     "staunch_log_skipped_total",        "",                  counter, \
	  "Connections without a byte that log.skip_empty left out of the access log.") \
	X(paced_admin,     "staunch_paced_closes_total",       "why=\"admin\"",   counter, \
	  "Connections that the paced closer told to end, by reason.") \
	X(paced_drain,     "staunch_paced_closes_total",       "why=\"drain\"",   counter, "") \
	X(paced_down,      "staunch_paced_closes_total",       "why=\"server_down\"", counter, "") \
	X(reloads_ok,      "staunch_config_reloads_total",     "result=\"ok\"",     counter, \
	  "Reloads of the configuration, by result.") \
	X(reloads_failed,  "staunch_config_reloads_total",     "result=\"failed\"", counter, "") \
	X(upgrade_lost,    "staunch_upgrade_lost_total",       "",                  counter, \
	  "Connections that were lost because a new program ended just after they had moved to it.")

#endif
