/* tls_bio: the bytes under the records: one BIO per worker. */
#ifndef PROXY_TLS_TLS_BIO_H
#define PROXY_TLS_TLS_BIO_H

#include <openssl/bio.h>

/* A new method, the caller's to free; NULL: no memory. */
BIO_METHOD *tls_bio_method(void);

#endif
