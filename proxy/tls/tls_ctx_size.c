/* Counts the bytes of handshake messages before any is sent, and keeps the warnings of a context. */
#include "proxy/tls/tls_ctx_size.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "netpoll/err.h"

/* RFC 8446, 4: the length of a handshake message has three bytes. */
#define MESSAGE_MOST 0xffffff
/* OpenSSL takes no more of a peer's certificates (SSL_CTX_set_max_cert_list). */
#define CHAIN_USUAL SSL_MAX_CERT_LIST_DEFAULT
/* A list has two bytes of length (RFC 8446, 4.2.4), and Go's clients take no message above 64 KiB:
 * what stands beside the names needs some room. */
#define NAMES_MOST 65000

int tls_ctx_warn(struct tls_ctx *x, const char *place, const char *fmt, ...)
{
	char **more, *words = NULL, *sentence = NULL;
	va_list ap;
	int n;

	if (!x->worker->proves)
		return 0;
	va_start(ap, fmt);
	n = vasprintf(&words, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -NP_ENOMEM;
	n = asprintf(&sentence, "%s: %s", place, words);
	free(words);
	more = n < 0 ? NULL : realloc(x->warnings, (x->nwarnings + 1) * sizeof(*more));
	if (more == NULL) {
		if (n >= 0)
			free(sentence);
		return -NP_ENOMEM;
	}
	x->warnings = more;
	x->warnings[x->nwarnings++] = sentence;
	return 0;
}

/* Of TLS 1.3, which says the most: three bytes of length and two of extensions for each
 * certificate. */
static size_t chain_bytes(const struct tls_cert *c)
{
	size_t n = 4 + (size_t)i2d_X509(c->leaf, NULL) + 5;

	for (int i = 0; i < sk_X509_num(c->chain); i++)
		n += (size_t)i2d_X509(sk_X509_value(c->chain, i), NULL) + 5;
	return n;
}

int tls_size_chain(struct tls_ctx *x, const char *path, const struct tls_cert *c, size_t nstaple,
		   struct text *err)
{
	size_t n = chain_bytes(c) + (nstaple > 0 ? nstaple + 8 : 0);

	if (n > MESSAGE_MOST)
		return text_problem(err, path, "its chain has more than the 16 MiB of a handshake "
					       "message: leave out what is no issuer of the first",
				    -NP_EINVAL);
	if (n <= CHAIN_USUAL)
		return 0;
	return tls_ctx_warn(x, path,
			    "its chain takes %zu bytes of a handshake, and most peers refuse more than "
			    "%d: leave out what is no issuer of the first",
			    n, CHAIN_USUAL);
}

bool tls_size_names_fit(const struct stack_st_X509 *ca)
{
	size_t n = 0;

	for (int i = 0; i < sk_X509_num(ca); i++)
		n += 2 + (size_t)i2d_X509_NAME(X509_get_subject_name(sk_X509_value(ca, i)), NULL);
	return n <= NAMES_MOST;
}
