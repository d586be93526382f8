/* tls_selfcheck: before a worker serves, it shakes hands with itself and compares its own record
 * layer with OpenSSL's. */
#ifndef PROXY_TLS_TLS_SELFCHECK_H
#define PROXY_TLS_TLS_SELFCHECK_H

struct tls_worker;

/* For TLS 1.2 and 1.3 and each suite of the own layer: one handshake in memory, then a record each
 * way in each role. A suite whose records differ goes into w->suites_off, and into the log;
 * connections with it stay with OpenSSL. Cannot fail: what cannot be compared is off.
 *   Calls  the thread that makes the worker, once, when w->crypto is ready. */
void tls_selfcheck(struct tls_worker *w);

#endif
