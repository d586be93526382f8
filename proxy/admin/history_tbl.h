/* history_tbl: the series that admin keeps of the last ten minutes, one number a second each: word, unit, and what it
 * is. A gauge is the number at that second; of the others it is how much was added within it, as a rate a second. */
#ifndef PROXY_ADMIN_HISTORY_TBL_H
#define PROXY_ADMIN_HISTORY_TBL_H

/*        series          word             unit           gauge */
#define HISTORY_TBL(X)                                                                             \
	X(ACTIVE,         active,          connections,   true)  /* of clients, open */            \
	X(ACCEPTED,       accepted,        per_second,    false)                                   \
	X(REJECTED,       rejected,        per_second,    false) /* by a rule, a limit, a bad opening */ \
	X(FAILED,         failed,          per_second,    false) /* for a server, or for us */     \
	X(BYTES_IN,       bytes_in,        bytes_per_second, false) /* from clients */             \
	X(BYTES_OUT,      bytes_out,       bytes_per_second, false)                                \
	X(CONNECTS,       connects,        per_second,    false) /* to servers, that worked */     \
	X(CONNECT_ERRORS, connect_errors,  per_second,    false)                                   \
	X(RETRIES,        retries,         per_second,    false)                                   \
	X(HANDSHAKES,     handshakes,      per_second,    false) /* of TLS with clients, that worked */ \
	X(CONNECT_P50,    connect_p50_us,  microseconds,  true)  /* of the connects of that second */ \
	X(CONNECT_P99,    connect_p99_us,  microseconds,  true)                                    \
	X(BYTE_P50,       first_byte_p50_us, microseconds, true)                                   \
	X(BYTE_P99,       first_byte_p99_us, microseconds, true)                                   \
	X(USABLE,         servers_usable,  servers,       true)                                    \
	X(CPU,            cpu_permille,    per_mille,     true)  /* of one CPU, all threads */

#endif
