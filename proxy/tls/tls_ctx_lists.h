/* tls_ctx_lists: are the words of `ciphers`, `ciphersuites` and `groups` known? OpenSSL passes over
 * a word that it does not know as long as another one selects something, so a misspelt cipher would
 * only be missed by a client. */
#ifndef PROXY_TLS_TLS_CTX_LISTS_H
#define PROXY_TLS_TLS_CTX_LISTS_H

#include <openssl/types.h>

#include "proxy/base/text.h"
#include "proxy/tls/tls_ctx.h"

/* tls_lists_check: look at each word of each list that is set.
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: err names the key, the word, and the remedy.
 *   Calls    control thread. */
must_use int tls_lists_check(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l, struct text *err);

#endif
