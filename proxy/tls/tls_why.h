/* tls_why: the cause of a failed handshake: a row of tls_why_tbl.h, and OpenSSL's own words.
 * Nothing here parks. */
#ifndef PROXY_TLS_TLS_WHY_H
#define PROXY_TLS_TLS_WHY_H

#include "netpoll/base.h"
#include "proxy/tls/tls_why_tbl.h"

#define X(code, word, sentence) TLS_WHY_##code,
enum tls_failure { TLS_WHY_NONE, TLS_WHY_TBL(X) };
#undef X

/* Holds no memory: the texts are static. */
struct tls_why {
	enum tls_failure code;
	unsigned long reason; /* the first entry of OpenSSL's error queue; 0: none */
	int verify;           /* X509_V_ERR_...; 0: the certificate was not the reason */
};

const char *tls_why_word(enum tls_failure code);     /* "tls_timeout"; never NULL */
const char *tls_why_sentence(enum tls_failure code); /* never NULL */
/* OpenSSL's own words: of the verification if that failed, else of the error; "" when there are
 * none. */
const char *tls_why_detail(const struct tls_why *w);

/* Reads the thread's error queue and empties it. verify: SSL_get_verify_result's.
 *   Calls  right after the call that failed, before anything else that may touch the queue. */
struct tls_why tls_why_take(int verify);

#endif
