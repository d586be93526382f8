/* Loads what a listener asks of its clients, and sets it in the contexts. */
#include "proxy/tls/tls_ctx_auth.h"

#include <openssl/x509_vfy.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/tls/tls_ctx_allow.h"
#include "proxy/tls/tls_ctx_rules.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

void tls_auth_fini(struct tls_auth *a)
{
	X509_STORE_free(a->store);
	sk_X509_pop_free(a->ca, X509_free);
	sk_X509_pop_free(a->names, X509_free);
	sk_X509_CRL_pop_free(a->crls, X509_CRL_free);
	*a = (struct tls_auth){.store = NULL};
}

static struct stack_st_X509 *told_names(const struct tls_auth *a)
{
	return a->names != NULL ? a->names : a->ca;
}

int tls_auth_load(struct tls_worker *w, const struct config_client_auth *c, struct tls_auth *a,
		  struct text *err)
{
	int code;

	DCHECK(a->store == NULL, "the rules of clients are loaded once");
	if (c->mode == CONFIG_CLIENT_AUTH_OFF)
		return 0;
	if (c->ca == NULL)
		return text_problem(err, "client_auth", "needs a ca to verify with", -NP_EINVAL);
	a->store = X509_STORE_new();
	code = a->store == NULL ? -NP_ENOMEM
				: tls_cert_list(w->lib, c->ca, &a->ca, err);
	if (code == 0 && c->crl != NULL)
		code = tls_cert_crls(w->lib, c->crl, &a->crls, err);
	for (int i = 0; code == 0 && i < sk_X509_num(a->ca); i++)
		if (!X509_STORE_add_cert(a->store, sk_X509_value(a->ca, i)))
			code = -NP_ENOMEM;
	for (int i = 0; code == 0 && a->crls != NULL && i < sk_X509_CRL_num(a->crls); i++)
		if (!X509_STORE_add_crl(a->store, sk_X509_CRL_value(a->crls, i)))
			code = -NP_ENOMEM;
	if (code == 0 && c->names != NULL)
		code = tls_cert_list(w->lib, c->names, &a->names, err);
	a->told = code == 0 && tls_size_names_fit(told_names(a));
	/* CRL_CHECK_ALL: each authority of a chain needs its list, and a missing list refuses the
	 * client. */
	if (code == 0 && a->crls != NULL)
		X509_STORE_set_flags(a->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return code;
}

/* The CertificateRequest names the authorities, so that a client can choose its certificate
 * (RFC 8446, 4.2.4). */
static bool send_ca_names(SSL_CTX *ssl, const struct stack_st_X509 *ca)
{
	for (int i = 0; i < sk_X509_num(ca); i++)
		if (!SSL_CTX_add_client_CA(ssl, sk_X509_value(ca, i)))
			return false;
	return true;
}

/* A ticket holds the client's certificate, in a field of 16 bits, with some hundred bytes more. */
#define CERT_MOST 65000

/* A client whose certificate is too large for a ticket gets none in TLS 1.3. In TLS 1.2 OpenSSL has
 * already promised one by then and would fail the handshake: it is refused with the reason. */
static bool fits_ticket(struct tls *t, const X509 *leaf)
{
	if (t->ctx->keys == NULL || i2d_X509(leaf, NULL) <= CERT_MOST)
		return true;
	if (SSL_version(t->ssl) >= TLS1_3_VERSION)
		return SSL_set_num_tickets(t->ssl, 0) == 1;
	tls_said_words(t, "the client's certificate is too large for a session ticket of TLS 1.2");
	return false;
}

/* After OpenSSL's verdict on each certificate; the client's own comes last. OpenSSL turns this
 * refusal into the alert handshake_failure: it has no verification error that means access_denied.
 */
static int judge_client(int ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = OBJ_CAST(SSL_get_app_data(ssl), tls, TLS_MAGIC);
	const struct tls_rules *r = tls_rules_of(ssl);
	const X509 *leaf = X509_STORE_CTX_get_current_cert(ctx);

	if (!ok || X509_STORE_CTX_get_error_depth(ctx) != 0)
		return ok;
	if (r->allow != NULL && !tls_allow_has(r->allow, leaf))
		t->why = TLS_WHY_CERT_DENIED;
	else if (fits_ticket(t, leaf))
		return 1;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

int tls_auth_apply(SSL_CTX *ssl, const struct config_client_auth *c, const struct tls_auth *a)
{
	int mode = SSL_VERIFY_PEER;

	if (a->store == NULL)
		return 0;
	if (c->mode == CONFIG_CLIENT_AUTH_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ssl, mode, judge_client);
	SSL_CTX_set_verify_depth(ssl, (int)c->depth);
	SSL_CTX_set1_cert_store(ssl, a->store);
	return !a->told || send_ca_names(ssl, told_names(a)) ? 0 : -NP_ENOMEM;
}
