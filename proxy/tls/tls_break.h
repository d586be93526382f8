/* tls_break: why a TLS end broke after its handshake, in static words for the log: the rule and the
 * alert we sent for it, or the alert that the peer sent. The rows are tls_break_tbl.h's. Nothing
 * here parks; any thread. */
#ifndef PROXY_TLS_TLS_BREAK_H
#define PROXY_TLS_TLS_BREAK_H

#include "netpoll/base.h"
#include "proxy/tls/tls_break_tbl.h"

#define X(code, number, word) TLS_ALERT_##code = (number),
enum tls_alert { TLS_ALERT_TBL(X) };
#undef X

#define X(code, alert, word, rule) TLS_BREAK_##code,
enum tls_break { TLS_BREAK_TBL(X) TLS_BREAKS };
#undef X

/* The alert for a broken rule. */
enum tls_alert tls_break_alert(enum tls_break rule);
/* "sent unexpected_message: a record of padding alone (RFC 8446, 5.4)". Never NULL. */
const char *tls_break_text(enum tls_break rule);
/* "received handshake_failure"; of an alert without a name "received an unknown alert". Never NULL.
 */
const char *tls_break_received(uint8_t alert);

#endif
