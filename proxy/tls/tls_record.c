/* Records of TLS 1.3, and the two functions of HKDF that their keys are made with. What is secret
 * is wiped where it goes out of use: keys and secrets never stay on a stack. */
#include "proxy/tls/tls_record.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/tls/tls_record_12.h"

#define LABEL_MOST 128 /* of an HkdfLabel with its counter: 2 + 1 + 6 + 32 + 1 + 64 + 1 at most */

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

uint16_t tls_suite_cipher(enum tls_suite s)
{
	return suites[s].cipher;
}

size_t tls_suite_secret(enum tls_suite s)
{
	return suites[s].hash;
}

/* ---- algorithms ---- */

static EVP_MAC_CTX *hmac_of(EVP_MAC *mac, const char *digest)
{
	/* Params are not written to; the type has no const. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* A cipher that the providers do not have (ChaCha20 under FIPS) stays NULL: connections with it are
 * OpenSSL's. Without a digest nothing works. */
int tls_crypto_init(struct tls_crypto *c, OSSL_LIB_CTX *lib)
{
	EVP_MAC *mac = EVP_MAC_fetch(lib, "HMAC", NULL);
	bool ok = mac != NULL;

	for (int i = 0; i < TLS_SUITES; i++) {
		c->aead[i] = EVP_CIPHER_fetch(lib, suites[i].aead, NULL);
		c->hmac[i] = hmac_of(mac, suites[i].digest);
		ok = ok && c->hmac[i] != NULL &&
		     EVP_Q_digest(lib, suites[i].digest, NULL, "", 0, c->empty[i], NULL) == 1;
	}
	EVP_MAC_free(mac);
	c->prf = EVP_KDF_fetch(lib, "TLS1-PRF", NULL);
	if (!ok)
		tls_crypto_fini(c);
	ERR_clear_error();
	return ok ? 0 : -NP_EPROTONOSUPPORT;
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

/* A keyed HMAC keeps its key until the next one: zeros take its place. */
void tls_crypto_wipe(struct tls_crypto *c)
{
	static const uint8_t zeros[TLS_SECRET];

	for (int i = 0; i < TLS_SUITES; i++)
		if (c->hmac[i] != NULL)
			(void)EVP_MAC_init(c->hmac[i], zeros, suites[i].hash, NULL);
}

/* ---- keys ---- */

int tls_hmac(struct tls_crypto *c, enum tls_suite s, const uint8_t *key,
	     const struct tls_bytes *data, uint8_t *out)
{
	EVP_MAC_CTX *mac = c->hmac[s];
	size_t made;

	DCHECK(mac != NULL, "crypto is not made");
	if (EVP_MAC_init(mac, key, suites[s].hash, NULL) == 1 &&
	    EVP_MAC_update(mac, data->p, data->n) == 1 &&
	    EVP_MAC_final(mac, out, &made, suites[s].hash) == 1)
		return 0;
	return -NP_ENOMEM;
}

/* TLS never asks for more than one digest, so one round of HMAC is the whole of HKDF-Expand. */
int tls_expand(struct tls_crypto *c, enum tls_suite s, const struct tls_label *l, uint8_t *out,
	       size_t n)
{
	uint8_t info[LABEL_MOST] = {0,   (uint8_t)n, (uint8_t)(6 + l->text.n), 't', 'l', 's', '1',
				    '3', ' '};
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

/* RFC 8446, 7.3: what a direction's secret is expanded to. */
static bool expand_label(struct tls_crypto *c, const struct tls_record_key *k, const char *label,
			 uint8_t *out, size_t n)
{
	const struct tls_label l = {k->secret, .text = {label, strlen(label)}};

	return tls_expand(c, k->suite, &l, out, n) == 0;
}

/* Key and nonce from the secret as it is now. seals: 1 or 0; -1 leaves the direction that the
 * context has. */
static int set_keys(struct tls_record_key *k, struct tls_crypto *c, EVP_CIPHER *aead, int seals)
{
	uint8_t key[32];
	bool ok = expand_label(c, k, "key", key, suites[k->suite].key) &&
		  expand_label(c, k, "iv", k->iv, sizeof(k->iv)) &&
		  EVP_CipherInit_ex(k->ctx, aead, NULL, key, NULL, seals) == 1;

	OPENSSL_cleanse(key, sizeof(key));
	k->seq = 0;
	return ok ? 0 : -NP_ENOMEM;
}

int tls_record_key_init(struct tls_record_key *k, struct tls_crypto *c, enum tls_suite s,
			const uint8_t *secret, bool seals)
{
	*k = (struct tls_record_key){
		.suite = (uint8_t)s, .added = TLS_SEALED_ADD, .ctx = EVP_CIPHER_CTX_new()};
	memcpy(k->secret, secret, suites[s].hash);
	return k->ctx != NULL ? set_keys(k, c, c->aead[s], seals) : -NP_ENOMEM;
}

void tls_record_key_fini(struct tls_record_key *k)
{
	EVP_CIPHER_CTX_free(k->ctx);
	OPENSSL_cleanse(k, sizeof(*k));
}

int tls_record_key_update(struct tls_record_key *k, struct tls_crypto *c)
{
	uint8_t next[TLS_SECRET];
	int err;
	bool ok = !k->tls12 && expand_label(c, k, "traffic upd", next, suites[k->suite].hash);

	if (ok)
		memcpy(k->secret, next, suites[k->suite].hash);
	OPENSSL_cleanse(next, sizeof(next));
	err = ok ? set_keys(k, c, NULL, -1) : -NP_ENOMEM;
	tls_crypto_wipe(c);
	return err;
}

/* ---- records ---- */

/* RFC 8446, 5.3: the sequence number, xored into the end of the iv. The number moves on in the same
 * step, so that no error path can use a nonce twice. */
static void next_nonce(struct tls_record_key *k, uint8_t nonce[12])
{
	memcpy(nonce, k->iv, 12);
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(k->seq >> (8 * i));
	k->seq++;
}

ssize_t tls_record_seal(struct tls_record_key *k, enum tls_type type, const void *p, size_t n,
			uint8_t *out)
{
	size_t body = n + 1 + TLS_TAG;
	const uint8_t head[TLS_HEAD] = {TLS_TYPE_DATA, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
	uint8_t nonce[12], inner = (uint8_t)type;
	int len;

	DCHECK(n <= UINT16_MAX - TLS_ADD_MOST, "a length of two bytes");
	if (k->tls12)
		return tls12_record_seal(k, type, p, n, out);
	/* RFC 8446, 5.3: numbers do not wrap. Keys are changed long before, so that no connection
	 * meets this. */
	if (k->seq == UINT64_MAX)
		return -NP_EPROTONOSUPPORT;
	memcpy(out, head, TLS_HEAD);
	next_nonce(k, nonce);
	if (EVP_EncryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(k->ctx, NULL, &len, head, TLS_HEAD) != 1 ||
	    (n > 0 && EVP_EncryptUpdate(k->ctx, out + TLS_HEAD, &len, p, (int)n) != 1) ||
	    EVP_EncryptUpdate(k->ctx, out + TLS_HEAD + n, &len, &inner, 1) != 1 ||
	    EVP_EncryptFinal_ex(k->ctx, out + TLS_HEAD + n + 1, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG, out + TLS_HEAD + n + 1) !=
		    1)
		return -NP_EPROTONOSUPPORT;
	return (ssize_t)(TLS_HEAD + body);
}

ssize_t tls_record_open(struct tls_record_key *k, const uint8_t *rec, size_t n, uint8_t *out,
			uint8_t *type)
{
	size_t content = n - TLS_SEALED_ADD;
	const uint8_t *body = rec + TLS_HEAD;
	uint8_t nonce[12], tag[TLS_TAG], last;
	int len;

	DCHECK(n >= k->added, "the caller refuses records that are too short for a tag");
	if (k->tls12)
		return tls12_record_open(k, rec, n, out, type);
	memcpy(tag, rec + n - TLS_TAG, TLS_TAG);
	next_nonce(k, nonce);
	/* The last byte is opened by itself: out has room for the content alone, and this byte is
	 * the type, unless there is padding. */
	if (EVP_DecryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG, tag) != 1 ||
	    EVP_DecryptUpdate(k->ctx, NULL, &len, rec, TLS_HEAD) != 1 ||
	    (content > 0 && EVP_DecryptUpdate(k->ctx, out, &len, body, (int)content) != 1) ||
	    EVP_DecryptUpdate(k->ctx, &last, &len, body + content, 1) != 1)
		return -NP_EPROTONOSUPPORT;
	if (EVP_DecryptFinal_ex(k->ctx, tag, &len) != 1)
		return -NP_EPROTO;
	/* RFC 8446, 5.4: the type stands in front of the padding, which is all zeros. */
	while (last == 0 && content > 0)
		last = out[--content];
	*type = last;
	return (ssize_t)content;
}
