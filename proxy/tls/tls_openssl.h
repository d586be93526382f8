/* tls_openssl: a connection's records through OpenSSL's connection object: clients, and what
 * tls_takeover.c leaves with it. Owner worker; nothing here parks. All but idle stand between
 * tls_bio_begin and tls_bio_end. */
#ifndef PROXY_TLS_TLS_OPENSSL_H
#define PROXY_TLS_TLS_OPENSSL_H

#include "netpoll/base.h"

struct tls;

/* Returns  the bytes moved; t->err and t->eof say why there are no more. */
must_use size_t tls_openssl_read(struct tls *t, char *buf, size_t n);
must_use size_t tls_openssl_write(struct tls *t, const char *p, size_t n);
/* Seals our close_notify. */
void tls_openssl_notify(struct tls *t);
/* Between two operations OpenSSL's record buffers go back; it keeps them while a record is half
 * read. Of a connection without OpenSSL's object, too: then it does nothing. */
void tls_openssl_idle(struct tls *t);

#endif
