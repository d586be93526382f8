#include "proxy/tls/tls_ctx.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/tls/tls_session.h"
#include "proxy/creds/tls_trust.h"

/* ECDSA before RSA: signing takes a tenth of the time. SHA-1 and DSA are left out. */
#define SIGALGS "ECDSA+SHA256:ECDSA+SHA384:ed25519:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:" \
		"RSA+SHA256:RSA+SHA384:RSA+SHA512"

static int refused(struct text *err, const char *key, const char *value)
{
	ERR_clear_error();
	text_str(err, key);
	text_str(err, ": OpenSSL refuses \"");
	text_str(err, value);
	text_str(err, "\"");
	return -NP_EINVAL;
}

static int version_of(enum config_tls_version v)
{
	return v == CONFIG_TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

int tls_ctx_limit(SSL_CTX *ssl, const struct tls_ctx_limits *l, struct text *err)
{
	/* What the macros take has no const; it is read. */
	char sigalgs[] = SIGALGS, *groups = (char *)(uintptr_t)l->groups;

	/* A FIN without close_notify ends one direction, no more: the other may go on. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* tls.c counts what OpenSSL would go on over. The chain is what the file holds: OpenSSL would otherwise look
	 * for the rest of it in every handshake. */
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (!SSL_CTX_set_min_proto_version(ssl, version_of(l->min)) ||
	    !SSL_CTX_set_max_proto_version(ssl, version_of(l->max)) || !SSL_CTX_set1_sigalgs_list(ssl, sigalgs))
		return -NP_ENOMEM;
	if (l->ciphers != NULL && !SSL_CTX_set_cipher_list(ssl, l->ciphers))
		return refused(err, "ciphers", l->ciphers);
	if (l->suites != NULL && !SSL_CTX_set_ciphersuites(ssl, l->suites))
		return refused(err, "ciphersuites", l->suites);
	if (groups != NULL && !SSL_CTX_set1_groups_list(ssl, groups))
		return refused(err, "groups", l->groups);
	return 0;
}

int tls_ctx_alpn(struct tls_ctx *x, const struct config_text *alpn, size_t n, struct text *err)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(alpn[i].text);

		if (len == 0 || len > 255 || x->nalpn + 1 + len > sizeof(x->alpn))
			return refused(err, "alpn", alpn[i].text);
		x->alpn[x->nalpn++] = (unsigned char)len;
		memcpy(x->alpn + x->nalpn, alpn[i].text, len);
		x->nalpn += (unsigned)len;
	}
	return 0;
}

SSL *tls_ctx_ssl(struct tls_ctx *x)
{
	BIO *bio = x->worker->bio;
	SSL *ssl = SSL_new(x->server ? x->groups[0].ssl : x->ssl);

	if (ssl == NULL)
		return NULL;
	BIO_up_ref(bio);
	SSL_set0_rbio(ssl, bio);
	BIO_up_ref(bio);
	SSL_set0_wbio(ssl, bio);
	return ssl;
}

struct tls_ctx *tls_ctx_free(struct tls_ctx *x)
{
	if (x == NULL)
		return NULL;
	OBJ_CHECK(x, TLS_CTX_MAGIC);
	for (unsigned i = 0; i < x->ngroups; i++)
		SSL_CTX_free(x->groups[i].ssl);
	for (unsigned i = 0; i < x->ncerts; i++) {
		tls_cert_fini(&x->certs[i]);
		free(x->staples[i].file);
		tls_staple_put(x->staples[i].fetched);
	}
	tls_sessions_free(x->sessions);
	SSL_CTX_free(x->ssl);
	tls_roots_put(x->roots);
	name_set_fini(&x->names);
	free(x->certs);
	free(x->staples);
	free(x->groups);
	free(x->group_of);
	free(x->pins);
	x->magic = 0;
	free(x);
	return NULL;
}
