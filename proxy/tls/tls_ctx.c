/* The part of contexts that servers and clients share: limits, ALPN lists, freeing. */
#include "proxy/tls/tls_ctx.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/creds/tls_trust.h"
#include "proxy/tls/tls_ctx_rules.h"
#include "proxy/tls/tls_session.h"

static int list_refused(struct text *err, const char *key, const char *value)
{
	ERR_clear_error();
	text_str(err, key);
	text_str(err, ": OpenSSL refuses \"");
	text_str(err, value);
	text_str(err, "\"");
	return -NP_EINVAL;
}

static int openssl_version(enum config_tls_version v)
{
	return v == CONFIG_TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

int tls_ctx_limit(SSL_CTX *ssl, const struct tls_ctx_limits *l, struct text *err)
{
	/* OpenSSL's macros take no const, but only read. */
	char sigalgs[] = TLS_CTX_SIGALGS, *groups = (char *)(uintptr_t)l->groups;

	/* A FIN without close_notify ends one direction only (B4): OpenSSL must not fail the
	 * connection. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Without AUTO_RETRY OpenSSL returns after each record without payload, so that tls.c can
	 * count them. With NO_AUTO_CHAIN it sends the file's chain: else it would search the store
	 * in every handshake. */
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (!SSL_CTX_set_min_proto_version(ssl, openssl_version(l->min)) ||
	    !SSL_CTX_set_max_proto_version(ssl, openssl_version(l->max)) ||
	    !SSL_CTX_set1_sigalgs_list(ssl, sigalgs))
		return -NP_ENOMEM;
	if (l->ciphers != NULL && !SSL_CTX_set_cipher_list(ssl, l->ciphers))
		return list_refused(err, "ciphers", l->ciphers);
	if (l->suites != NULL && !SSL_CTX_set_ciphersuites(ssl, l->suites))
		return list_refused(err, "ciphersuites", l->suites);
	if (groups != NULL && !SSL_CTX_set1_groups_list(ssl, groups))
		return list_refused(err, "groups", l->groups);
	return 0;
}

/* What is too weak for the library's security level has a reason that only its authors understand. */
static const char *weakness(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_EE_KEY_TOO_SMALL: return ": its key is too short, make one of EC or of RSA with 2048 bits";
	case SSL_R_CA_KEY_TOO_SMALL: return ": the key of an issuer in it is too short";
	case SSL_R_CA_MD_TOO_WEAK:   return ": a signature in it uses a broken hash, such as SHA-1";
	default:                     return "";
	}
}

int tls_ctx_cert_refused(struct text *err, const char *path)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	text_problem(err, path, "OpenSSL refuses it: ", -NP_EINVAL);
	text_str(err, reason != NULL ? reason : "no reason given");
	text_str(err, weakness(code));
	ERR_clear_error();
	return -NP_EINVAL;
}

int tls_ctx_alpn(struct tls_alpn *a, const struct config_text *alpn, size_t n, struct text *err)
{
	DCHECK(a->n == 0, "a context gets its protocols once");
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(alpn[i].text);

		/* RFC 7301, 3.1: a length in one byte. */
		if (len == 0 || len > 255 || a->n + 1 + len > sizeof(a->list))
			return list_refused(err, "alpn", alpn[i].text);
		a->list[a->n++] = (unsigned char)len;
		memcpy(a->list + a->n, alpn[i].text, len);
		a->n += (unsigned)len;
	}
	return 0;
}

SSL *tls_ctx_ssl(struct tls_ctx *x)
{
	BIO *bio = OBJ_CAST(x, tls_ctx, TLS_CTX_MAGIC)->worker->bio;
	SSL *ssl = SSL_new(x->server ? x->groups[0].ssl : x->ssl);

	if (ssl == NULL)
		return NULL;
	/* All connections of the worker share one BIO, in both roles: SSL_set0_* take a reference
	 * each. */
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
	name_set_fini(&x->below);
	name_set_fini(&x->refused);
	free(x->certs);
	free(x->staples);
	free(x->groups);
	free(x->group_of);
	free(x->star);
	tls_pins_fini(&x->pins);
	tls_rules_free(x->rules, x->nrules);
	free(x->name);
	free(x->sni);
	while (x->nwarnings > 0)
		free(x->warnings[--x->nwarnings]);
	free(x->warnings);
	x->magic = 0;
	free(x);
	return NULL;
}
