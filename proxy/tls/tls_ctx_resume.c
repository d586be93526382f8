/* Binds sessions to certificates and rules, bounds their age, and has tickets sealed by the shared
 * keys. */
#include "proxy/tls/tls_ctx_resume.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/tls/tls_ticket_seal.h"

/* ---- the scope of a session ---- */

static bool hash_cert(EVP_MD_CTX *h, const X509 *x)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_digest(x, EVP_sha256(), d, &n) && EVP_DigestUpdate(h, d, n);
}

static bool hash_crl(EVP_MD_CTX *h, const X509_CRL *x)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_CRL_digest(x, EVP_sha256(), d, &n) && EVP_DigestUpdate(h, d, n);
}

/* NULL: OpenSSL's own list. The NUL is hashed too, so that two settings do not run together. */
static bool hash_setting(EVP_MD_CTX *h, const char *text)
{
	return EVP_DigestUpdate(h, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static bool hash_texts(EVP_MD_CTX *h, const struct config_text *list, size_t n)
{
	bool ok = EVP_DigestUpdate(h, &n, sizeof(n));

	for (size_t i = 0; ok && i < n; i++)
		ok = hash_setting(h, list[i].text);
	return ok;
}

/* A session was judged by these lists when it began, and resumes under the same ones only. */
static bool hash_allow(EVP_MD_CTX *h, const struct config_client_allow *a)
{
	bool ok = hash_texts(h, a->cn, a->ncn) && hash_texts(h, a->ou, a->nou) &&
		  hash_texts(h, a->dns, a->ndns) && hash_texts(h, a->uri, a->nuri) &&
		  hash_texts(h, a->spki, a->nspki) && EVP_DigestUpdate(h, &a->nip, sizeof(a->nip));

	for (size_t i = 0; ok && i < a->nip; i++)
		ok = hash_setting(h, a->ip[i].written.text);
	return ok;
}

static bool hash_rules(EVP_MD_CTX *h, const struct config_tls_in *c, const struct tls_terms *says)
{
	const struct config_client_auth *client = says->client;
	const struct tls_auth *a = &says->auth;
	const int64_t policy[] = {
		says->min,
		says->max,
		client->mode,
		client->depth,
		a->store != NULL ? sk_X509_num(a->ca) : 0,
		a->crls != NULL ? sk_X509_CRL_num(a->crls) : 0,
	};

	if (!EVP_DigestUpdate(h, policy, sizeof(policy)) || !hash_setting(h, c->ciphers) ||
	    !hash_setting(h, c->ciphersuites) || !hash_setting(h, c->groups))
		return false;
	if (a->store == NULL)
		return true;
	if (client->allow != NULL && !hash_allow(h, client->allow))
		return false;
	for (int i = 0; i < sk_X509_num(a->ca); i++)
		if (!hash_cert(h, sk_X509_value(a->ca, i)))
			return false;
	for (int i = 0; a->crls != NULL && i < sk_X509_CRL_num(a->crls); i++)
		if (!hash_crl(h, sk_X509_CRL_value(a->crls, i)))
			return false;
	return true;
}

int tls_resume_scope(const struct tls_ctx *x, const struct tls_group *g,
		     const struct config_tls_in *c, const struct tls_terms *says)
{
	EVP_MD_CTX *h = EVP_MD_CTX_new();
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool ok = h != NULL && EVP_DigestInit_ex(h, EVP_sha256(), NULL) && hash_rules(h, c, says);

	for (int i = 0; ok && i < TLS_CERT_KINDS; i++)
		ok = g->cert[i] < 0 || hash_cert(h, x->certs[g->cert[i]].leaf);
	ok = ok && EVP_DigestFinal_ex(h, d, &n) && SSL_CTX_set_session_id_context(g->ssl, d, n);
	EVP_MD_CTX_free(h);
	return ok ? 0 : -NP_ENOMEM;
}

/* ---- tickets ---- */

/* A ticket carries the time of its full handshake, which resumption inherits: renewing a ticket
 * does not make the session younger. */
static int ticket_made(SSL *ssl, void *arg)
{
	SSL_SESSION *s = SSL_get_session(ssl);
	int64_t now = time(NULL);
	void *data;
	size_t n;

	(void)arg;
	DCHECK(s != NULL, "OpenSSL asks for the data of the session it seals");
	if (SSL_SESSION_get0_ticket_appdata(s, &data, &n) && n == sizeof(now))
		return 1;
	return SSL_SESSION_set1_ticket_appdata(s, &now, sizeof(now));
}

/* A ticket that is ignored costs a full handshake and is replaced. Refused are tickets without a
 * time, those older than the lifetime, those from the future (a clock was set back), and those of
 * another name. */
static SSL_TICKET_RETURN ticket_shown(SSL *ssl, SSL_SESSION *s, const unsigned char *name,
				      size_t nname, SSL_TICKET_STATUS status, void *arg)
{
	const struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
	int64_t first, now = time(NULL);
	void *data;
	size_t n;

	(void)name;
	(void)nname;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!SSL_SESSION_get0_ticket_appdata(s, &data, &n) || n != sizeof(first))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	memcpy(&first, data, sizeof(first));
	if (now < first || now - first >= x->lifetime || tls_ctx_other_name(ssl, s))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_resume_tickets(struct tls_ctx *x, SSL_CTX *ssl)
{
	if (x->keys == NULL) {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ssl, 0);
		return;
	}
	/* As many as OpenSSL gives by default, and after a resumption one: a client that opens
	 * connections at once needs one for each (RFC 8446, C.4). They leave in one send with the
	 * first data. */
	SSL_CTX_set_num_tickets(ssl, 2);
	SSL_CTX_set_timeout(ssl, (long)x->lifetime);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, tls_ticket_key);
	SSL_CTX_set_session_ticket_cb(ssl, ticket_made, ticket_shown, x);
}
