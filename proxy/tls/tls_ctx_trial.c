/* Shakes hands in memory with a peer that accepts everything, to see whether settings can work. */
#include "proxy/tls/tls_ctx_trial.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

/* The worker's own key schedule notes secrets of a connection, and a trial has none. */
#define PROPERTIES "provider=default"

#define PEER_CIPHERS "ALL:!aNULL:@SECLEVEL=0"
#define PEER_SUITES                                                                                \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"              \
	"TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"
#define PEER_GROUPS                                                                                \
	"X25519:P-256:X448:P-521:P-384:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1:secp256k1:" \
	"P-224:ffdhe2048:ffdhe3072:ffdhe4096"
#define TURNS 32 /* more than any handshake takes: two flights each way, in pieces of 17 KiB */

/* ---- keys ---- */

void tls_trial_key(struct text *t, const EVP_PKEY *key)
{
	char curve[64];
	size_t n;

	text_str(t, EVP_PKEY_get0_type_name(key));
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) == 1) {
		text_str(t, ", ");
		text_str(t, curve);
	} else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
		   EVP_PKEY_is_a(key, "DSA")) {
		text_str(t, ", ");
		text_u64(t, (uint64_t)EVP_PKEY_get_bits(key));
		text_str(t, " bits");
	}
}

/* A certificate that signs itself: nobody verifies it. */
static X509 *certify(EVP_PKEY *key)
{
	X509 *x = X509_new();

	if (x != NULL && X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL && X509_set_pubkey(x, key) == 1 &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static bool add_own_cert(SSL_CTX *ctx, EVP_PKEY *key)
{
	X509 *x = key != NULL ? certify(key) : NULL;
	bool ok = x != NULL && SSL_CTX_use_cert_and_key(ctx, x, key, NULL, 0) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

/* Do TLS 1.2 ciphers of our client need a server with an RSA key? Making one takes a tenth of a
 * second, so it is made only where an EC key cannot do. */
static bool needs_rsa(SSL_CTX *ours)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ours);

	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);

		if (SSL_CIPHER_get_auth_nid(c) == NID_auth_ecdsa)
			return false;
	}
	return true;
}

/* ---- the peer ---- */

static int accept_any_cert(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static SSL_CTX *new_peer(OSSL_LIB_CTX *lib, const SSL_METHOD *method)
{
	char groups[] = PEER_GROUPS, sigalgs[] = TLS_CTX_SIGALGS ":ECDSA+SHA224:RSA+SHA224";
	SSL_CTX *ctx = SSL_CTX_new_ex(lib, PROPERTIES, method);

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* No tickets: a large certificate of ours would not fit into one of the peer's
	 * (tls_ctx_auth.c). */
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	(void)!SSL_CTX_set_num_tickets(ctx, 0);
	if (SSL_CTX_set_cipher_list(ctx, PEER_CIPHERS) == 1 &&
	    SSL_CTX_set_ciphersuites(ctx, PEER_SUITES) == 1 &&
	    SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	    SSL_CTX_set1_sigalgs_list(ctx, sigalgs) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* ---- one handshake ---- */

static bool step(SSL *ssl, bool *done)
{
	int r = SSL_do_handshake(ssl), e = r == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, r);

	*done = r == 1;
	return e == SSL_ERROR_NONE || e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static bool run_trial(SSL *client, SSL *server)
{
	bool client_done = false, server_done = false;

	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < TURNS && !(client_done && server_done); i++)
		if (!step(client, &client_done) || !step(server, &server_done))
			return false;
	return client_done && server_done;
}

/* Returns 1, 0 and *why, or -NP_ENOMEM. */
static int try_once(SSL_CTX *client_ctx, SSL_CTX *server_ctx, int most, char why[120])
{
	SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
	BIO *one = NULL, *other = NULL;
	int ok = -NP_ENOMEM;

	ERR_clear_error();
	if (client != NULL && server != NULL && BIO_new_bio_pair(&one, 0, &other, 0) == 1) {
		SSL_set_bio(client, one, one);
		SSL_set_bio(server, other, other);
		if (most != 0)
			(void)!SSL_set_max_proto_version(client, most);
		ok = run_trial(client, server);
	}
	if (ok == 0 && why[0] == '\0') {
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		snprintf(why, 120, "%s", reason != NULL ? reason : "no handshake");
	}
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	return ok;
}

static int try_both(SSL_CTX *client, SSL_CTX *server, const struct tls_ctx_limits *l,
		    struct tls_trial *out)
{
	int any, old = 1;

	*out = (struct tls_trial){.why = ""};
	any = try_once(client, server, 0, out->why);
	if (any >= 0 && l->min == CONFIG_TLS_VERSION_1_2)
		old = try_once(client, server, TLS1_2_VERSION, out->why);
	out->any = any > 0;
	out->old = old > 0;
	return any < 0 || old < 0 ? -NP_ENOMEM : 0;
}

/* ---- both sides ---- */

/* Our side, as a context of the configuration would be. err: l has been used before, so nothing is
 * wrong with it. */
static SSL_CTX *new_ours(OSSL_LIB_CTX *lib, const SSL_METHOD *method,
			 const struct tls_ctx_limits *l, const struct tls_cert *c)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(lib, PROPERTIES, method);
	char room[1];
	struct text err;

	text_init(&err, room, 0);
	if (ctx != NULL && tls_ctx_limit(ctx, l, &err) == 0 &&
	    (c == NULL || SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, NULL, 1) == 1))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

int tls_trial_server(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l, const struct tls_cert *c,
		     struct tls_trial *out)
{
	SSL_CTX *ours = new_ours(lib, TLS_server_method(), l, c);
	SSL_CTX *peer = new_peer(lib, TLS_client_method());
	int err = ours != NULL && peer != NULL ? try_both(peer, ours, l, out) : -NP_ENOMEM;

	SSL_CTX_free(ours);
	SSL_CTX_free(peer);
	return err;
}

int tls_trial_client(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l, const struct tls_cert *c,
		     struct tls_trial *out)
{
	SSL_CTX *ours = new_ours(lib, TLS_client_method(), l, c);
	SSL_CTX *peer = new_peer(lib, TLS_server_method());
	int err = -NP_ENOMEM;

	if (ours != NULL && peer != NULL && add_own_cert(peer, EVP_EC_gen("P-256")) &&
	    (!needs_rsa(ours) || add_own_cert(peer, EVP_RSA_gen(2048)))) {
		SSL_CTX_set_verify(ours, SSL_VERIFY_NONE, NULL);
		if (c != NULL)
			SSL_CTX_set_verify(peer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
					   accept_any_cert);
		err = try_both(ours, peer, l, out);
	}
	SSL_CTX_free(ours);
	SSL_CTX_free(peer);
	return err;
}
