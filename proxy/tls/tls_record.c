#include "proxy/tls/tls_record.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "netpoll/err.h"

#define LABEL_MOST 128

static const struct {
	uint16_t cipher;
	const char *aead, *digest;
	uint8_t key, hash; /* bytes */
} suites[TLS_SUITES] = {
	[TLS_SUITE_AES_128] = {0x1301, "AES-128-GCM", "SHA256", 16, 32},
	[TLS_SUITE_AES_256] = {0x1302, "AES-256-GCM", "SHA384", 32, 48},
	[TLS_SUITE_CHACHA20] = {0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32},
};

int tls_suite_of(uint16_t cipher)
{
	for (int i = 0; i < TLS_SUITES; i++)
		if (suites[i].cipher == cipher)
			return i;
	return -1;
}

size_t tls_suite_secret(enum tls_suite s)
{
	return suites[s].hash;
}

/* ---- algorithms ------------------------------------------------------------------------------ */

static EVP_MAC_CTX *hmac_of(EVP_MAC *mac, const char *digest)
{
	/* Params are not written to; the type has no const. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

int tls_crypto_init(struct tls_crypto *c, OSSL_LIB_CTX *lib)
{
	EVP_MAC *mac = EVP_MAC_fetch(lib, "HMAC", NULL);
	bool ok = true;

	for (int i = 0; i < TLS_SUITES; i++) {
		c->aead[i] = EVP_CIPHER_fetch(lib, suites[i].aead, NULL);
		c->hmac[i] = hmac_of(mac, suites[i].digest);
		ok = ok && c->aead[i] != NULL && c->hmac[i] != NULL &&
		     EVP_Q_digest(lib, suites[i].digest, NULL, "", 0, c->empty[i], NULL) == 1;
	}
	EVP_MAC_free(mac);
	c->prf = EVP_KDF_fetch(lib, "TLS1-PRF", NULL);
	if (!ok || c->prf == NULL)
		tls_crypto_fini(c);
	return c->prf != NULL ? 0 : -NP_ENOMEM;
}

void tls_crypto_fini(struct tls_crypto *c)
{
	for (int i = 0; i < TLS_SUITES; i++) {
		EVP_CIPHER_free(c->aead[i]);
		EVP_MAC_CTX_free(c->hmac[i]);
	}
	EVP_KDF_free(c->prf);
	*c = (struct tls_crypto){.aead = {NULL}};
}

/* ---- keys ------------------------------------------------------------------------------------ */

int tls_hmac(struct tls_crypto *c, enum tls_suite s, const uint8_t *key, const struct tls_bytes *data, uint8_t *out)
{
	EVP_MAC_CTX *mac = c->hmac[s];
	size_t made;

	if (EVP_MAC_init(mac, key, suites[s].hash, NULL) == 1 && EVP_MAC_update(mac, data->p, data->n) == 1 &&
	    EVP_MAC_final(mac, out, &made, suites[s].hash) == 1)
		return 0;
	return -NP_ENOMEM;
}

/* What is asked for is never longer than the digest, so one round of HMAC is all of it. */
int tls_expand(struct tls_crypto *c, enum tls_suite s, const struct tls_label *l, uint8_t *out, size_t n)
{
	uint8_t info[LABEL_MOST] = {0, (uint8_t)n, (uint8_t)(6 + l->text.n), 't', 'l', 's', '1', '3', ' '};
	struct tls_bytes all = {info, 9 + l->text.n};
	uint8_t hash[TLS_SECRET];
	int err;

	if (n > suites[s].hash || l->text.n > 32 || l->data.n > 64)
		return -NP_EINVAL;
	memcpy(info + 9, l->text.p, l->text.n);
	info[all.n++] = (uint8_t)l->data.n;
	if (l->data.n > 0)
		memcpy(info + all.n, l->data.p, l->data.n);
	all.n += l->data.n;
	info[all.n++] = 1; /* the first round */
	err = tls_hmac(c, s, l->secret, &all, hash);
	if (err == 0)
		memcpy(out, hash, n);
	OPENSSL_cleanse(hash, sizeof(hash));
	return err;
}

static bool expand(struct tls_crypto *c, const struct tls_record_key *w, const char *label, uint8_t *out, size_t n)
{
	const struct tls_label l = {w->secret, .text = {label, strlen(label)}};

	return tls_expand(c, w->suite, &l, out, n) == 0;
}

/* Key and nonce of the secret as it is now. seals: -1 leaves the direction. */
static int set_keys(struct tls_record_key *w, struct tls_crypto *c, EVP_CIPHER *aead, int seals)
{
	uint8_t key[32];
	bool ok = expand(c, w, "key", key, suites[w->suite].key) && expand(c, w, "iv", w->iv, sizeof(w->iv)) &&
		  EVP_CipherInit_ex(w->ctx, aead, NULL, key, NULL, seals) == 1;

	OPENSSL_cleanse(key, sizeof(key));
	w->seq = 0;
	return ok ? 0 : -NP_ENOMEM;
}

int tls_record_key_init(struct tls_record_key *w, struct tls_crypto *c, enum tls_suite s, const uint8_t *secret,
			bool seals)
{
	*w = (struct tls_record_key){.suite = (uint8_t)s, .added = TLS_SEALED_ADD, .ctx = EVP_CIPHER_CTX_new()};
	memcpy(w->secret, secret, suites[s].hash);
	return w->ctx != NULL ? set_keys(w, c, c->aead[s], seals) : -NP_ENOMEM;
}

void tls_record_key_fini(struct tls_record_key *w)
{
	EVP_CIPHER_CTX_free(w->ctx);
	OPENSSL_cleanse(w, sizeof(*w));
}

int tls_record_key_update(struct tls_record_key *w, struct tls_crypto *c)
{
	uint8_t next[TLS_SECRET];
	bool ok = expand(c, w, "traffic upd", next, suites[w->suite].hash);

	if (ok)
		memcpy(w->secret, next, suites[w->suite].hash);
	OPENSSL_cleanse(next, sizeof(next));
	return ok ? set_keys(w, c, NULL, -1) : -NP_ENOMEM;
}

/* ---- records --------------------------------------------------------------------------------- */

/* RFC 8446, 5.3: the sequence number, xored into the end of the iv. */
static void next_nonce(struct tls_record_key *w, uint8_t nonce[12])
{
	memcpy(nonce, w->iv, 12);
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(w->seq >> (8 * i));
	w->seq++;
}

ssize_t tls_record_seal(struct tls_record_key *w, enum tls_type type, const void *p, size_t n, uint8_t *out)
{
	size_t body = n + 1 + TLS_TAG;
	const uint8_t head[TLS_HEAD] = {TLS_TYPE_DATA, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
	uint8_t nonce[12], inner = (uint8_t)type;
	int len;

	if (w->old)
		return tls12_record_seal(w, type, p, n, out);
	memcpy(out, head, TLS_HEAD);
	next_nonce(w, nonce);
	if (EVP_EncryptInit_ex(w->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(w->ctx, NULL, &len, head, TLS_HEAD) != 1 ||
	    (n > 0 && EVP_EncryptUpdate(w->ctx, out + TLS_HEAD, &len, p, (int)n) != 1) ||
	    EVP_EncryptUpdate(w->ctx, out + TLS_HEAD + n, &len, &inner, 1) != 1 ||
	    EVP_EncryptFinal_ex(w->ctx, out + TLS_HEAD + n + 1, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(w->ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG, out + TLS_HEAD + n + 1) != 1)
		return -NP_ENOMEM;
	return (ssize_t)(TLS_HEAD + body);
}

ssize_t tls_record_open(struct tls_record_key *w, const uint8_t *rec, size_t n, uint8_t *out, uint8_t *type)
{
	size_t content = n - TLS_SEALED_ADD;
	const uint8_t *body = rec + TLS_HEAD;
	uint8_t nonce[12], tag[TLS_TAG], last;
	int len;

	if (w->old)
		return tls12_record_open(w, rec, n, out, type);
	memcpy(tag, rec + n - TLS_TAG, TLS_TAG);
	next_nonce(w, nonce);
	/* The last byte by itself: it is the type, unless there is padding, and no content has room in out for it. */
	if (EVP_DecryptInit_ex(w->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(w->ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG, tag) != 1 ||
	    EVP_DecryptUpdate(w->ctx, NULL, &len, rec, TLS_HEAD) != 1 ||
	    (content > 0 && EVP_DecryptUpdate(w->ctx, out, &len, body, (int)content) != 1) ||
	    EVP_DecryptUpdate(w->ctx, &last, &len, body + content, 1) != 1 ||
	    EVP_DecryptFinal_ex(w->ctx, tag, &len) != 1)
		return -NP_EPROTO;
	while (last == 0 && content > 0)
		last = out[--content];
	*type = last;
	return last != 0 ? (ssize_t)content : -NP_EPROTO;
}
