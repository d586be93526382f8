/* tls_why_tbl: every way a handshake fails, once: the word for the log and the metric, the sentence for people.
 * A row is added together with the code that can produce it. */
#ifndef PROXY_TLS_TLS_WHY_TBL_H
#define PROXY_TLS_TLS_WHY_TBL_H

/*  code            word                  sentence */
#define TLS_WHY_TBL(X) \
	X(TIMEOUT,        tls_timeout,          "the handshake was not complete in time") \
	X(CLOSED,         tls_closed,           "the peer left before the handshake was complete") \
	X(NOT_TLS,        tls_not_tls,          "the peer's bytes are not TLS") \
	X(EARLY_BYTES,    tls_early_bytes,      "the server sent bytes before the handshake began") \
	X(NO_PROTOCOL,    tls_no_protocol,      "no protocol version in common") \
	X(NO_CIPHER,      tls_no_cipher,        "no cipher, group or signature algorithm in common") \
	X(NO_ALPN,        tls_no_alpn,          "no application protocol in common (ALPN)") \
	X(UNKNOWN_NAME,   tls_unknown_name,     "the client asked for a name that no certificate has (SNI)") \
	X(NAME_REFUSED,   tls_name_refused,     "the client asked for a name that refuse_sni refuses") \
	X(CERT_MISSING,   tls_cert_missing,     "the client sent no certificate") \
	X(CERT_UNTRUSTED, tls_cert_untrusted,   "the peer's certificate does not lead to a trusted one") \
	X(CERT_EXPIRED,   tls_cert_expired,     "the peer's certificate is expired or not yet valid") \
	X(CERT_REVOKED,   tls_cert_revoked,     "the peer's certificate is revoked") \
	X(CERT_DENIED,    tls_cert_denied,      "client_auth.allow does not name the client's certificate") \
	X(CERT_NAME,      tls_cert_name,        "the server's certificate is for another name") \
	X(CERT_PIN,       tls_cert_pin,         "the server's public key is none of the pinned ones") \
	X(ALERT,          tls_alert,            "the peer ended the handshake with an alert") \
	X(BROKEN,         tls_broken,           "the peer broke the protocol") \
	X(PROVIDER,       tls_provider,         "OpenSSL lacks an algorithm: its providers and properties (openssl.cnf)") \
	X(MEMORY,         tls_memory,           "out of memory")

#endif
