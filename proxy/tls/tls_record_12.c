/* The records of TLS 1.2 with AEAD suites: RFC 5288 (GCM: the second half of the nonce is sent with
 * the record), RFC 7905 (ChaCha20: the nonce is made as in 1.3). They differ from 1.3 in three
 * points: the type stands in the head, there is no padding, and the signed length is the content's.
 */
#include "proxy/tls/tls_record_12.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

#define RANDOM       32
#define MASTER       48
#define IV_MOST      12
#define EXPLICIT     8 /* GCM's nonce: 4 bytes of the keys, then these */
#define AAD          13

/* Ciphers of TLS 1.2 that seal as a suite of 1.3 does: the key exchange, which the name begins
 * with, is over. Those with CBC or CCM are missing on purpose: OpenSSL keeps such connections. */
static const struct {
	uint16_t cipher;
	uint8_t suite;
} ciphers[] = {
	{0xc02b, TLS_SUITE_AES_128}, {0xc02f, TLS_SUITE_AES_128},
	{0x009c, TLS_SUITE_AES_128}, {0x009e, TLS_SUITE_AES_128},
	{0xc02c, TLS_SUITE_AES_256}, {0xc030, TLS_SUITE_AES_256},
	{0x009d, TLS_SUITE_AES_256}, {0x009f, TLS_SUITE_AES_256},
	{0xcca9, TLS_SUITE_CHACHA20}, {0xcca8, TLS_SUITE_CHACHA20}, {0xccaa, TLS_SUITE_CHACHA20},
};

int tls12_suite_of(uint16_t cipher)
{
	for (size_t i = 0; i < array_len(ciphers); i++)
		if (ciphers[i].cipher == cipher)
			return ciphers[i].suite;
	return -1;
}

/* ---- keys ---- */

size_t tls12_key_size(enum tls_suite s)
{
	return s == TLS_SUITE_AES_128 ? 16 : TLS12_KEY_MOST;
}

size_t tls12_iv_size(enum tls_suite s)
{
	return s == TLS_SUITE_CHACHA20 ? IV_MOST : IV_MOST - EXPLICIT;
}

/* RFC 5246, 6.3: the key block. Both sides' keys come in one piece, the client's first. */
static bool expand_key_block(const struct tls_crypto *c, enum tls_suite s,
			     const struct tls12_secret *k, uint8_t *out)
{
	char label[] = "key expansion", sha256[] = "SHA256", sha384[] = "SHA384";
	char *digest = s == TLS_SUITE_AES_256 ? sha384 : sha256;
	/* Params are not written to; the type has no const. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
						  (uint8_t *)(uintptr_t)k->master, MASTER),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, strlen(label)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
						  (uint8_t *)(uintptr_t)k->server, RANDOM),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
						  (uint8_t *)(uintptr_t)k->client, RANDOM),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *prf = EVP_KDF_CTX_new(c->prf);
	bool ok = prf != NULL &&
		  EVP_KDF_derive(prf, out, 2 * (tls12_key_size(s) + tls12_iv_size(s)), params) == 1;

	EVP_KDF_CTX_free(prf);
	return ok;
}

int tls12_record_key_again(struct tls_record_key *k, const struct tls_crypto *c, enum tls_suite s,
			   const struct tls12_parts *p, bool seals)
{
	*k = (struct tls_record_key){
		.suite = (uint8_t)s, .tls12 = true, .ctx = EVP_CIPHER_CTX_new()};
	k->added = (uint8_t)(TLS_HEAD + TLS_TAG + (s == TLS_SUITE_CHACHA20 ? 0 : EXPLICIT));
	memcpy(k->key, p->key, tls12_key_size(s));
	memcpy(k->iv, p->iv, tls12_iv_size(s));
	if (k->ctx != NULL && EVP_CipherInit_ex(k->ctx, c->aead[s], NULL, k->key, NULL, seals) == 1)
		return 0;
	return -NP_ENOMEM;
}

int tls12_record_key_init(struct tls_record_key *k, const struct tls_crypto *c, enum tls_suite s,
			  const struct tls12_secret *secret, bool seals)
{
	uint8_t block[2 * (TLS12_KEY_MOST + IV_MOST)] = {0};
	size_t key = tls12_key_size(s), iv = tls12_iv_size(s);
	/* The keys of both sides stand in front of the two ivs. */
	const struct tls12_parts ours = {
		.key = block + (secret->servers ? key : 0), .iv = block + 2 * key + (secret->servers ? iv : 0)};
	int err;

	*k = (struct tls_record_key){.tls12 = true};
	err = expand_key_block(c, s, secret, block) ? 0 : -NP_ENOMEM;
	if (err == 0)
		err = tls12_record_key_again(k, c, s, &ours, seals);
	OPENSSL_cleanse(block, sizeof(block));
	return err;
}

/* ---- records ---- */

/* In network order. */
static void store_u64(uint8_t *to, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> (56 - 8 * i));
}

/* RFC 5246, 6.2.3.3: signed beside the content are number, type, version and length. */
static void aad_of(const struct tls_record_key *k, const uint8_t *head, size_t content,
		   uint8_t aad[AAD])
{
	store_u64(aad, k->seq);
	memcpy(aad + 8, head, 3);
	aad[11] = (uint8_t)(content >> 8);
	aad[12] = (uint8_t)content;
}

/* explicit: the half of the nonce that is sent with the record; ChaCha20 has none. */
static void nonce_of(const struct tls_record_key *k, const uint8_t *explicit,
		     uint8_t nonce[IV_MOST])
{
	uint8_t seq[8];

	memcpy(nonce, k->iv, IV_MOST);
	if (k->suite != TLS_SUITE_CHACHA20) {
		memcpy(nonce + IV_MOST - EXPLICIT, explicit, EXPLICIT);
		return;
	}
	store_u64(seq, k->seq);
	for (int i = 0; i < 8; i++)
		nonce[IV_MOST - 8 + i] ^= seq[i];
}

ssize_t tls12_record_seal(struct tls_record_key *k, enum tls_type type, const void *p, size_t n,
			  uint8_t *out)
{
	size_t body = n + k->added - TLS_HEAD;
	const uint8_t head[TLS_HEAD] = {(uint8_t)type, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
	uint8_t nonce[IV_MOST], aad[AAD], *to = out + k->added - TLS_TAG;
	int len;

	DCHECK(k->tls12 && n <= UINT16_MAX - TLS_ADD_MOST, "a length of two bytes");
	if (k->seq == UINT64_MAX) /* RFC 5246, 6.1: numbers do not wrap */
		return -NP_EPROTONOSUPPORT;
	memcpy(out, head, TLS_HEAD);
	aad_of(k, head, n, aad);
	if (k->suite != TLS_SUITE_CHACHA20)
		store_u64(out + TLS_HEAD, k->next_explicit++);
	nonce_of(k, out + TLS_HEAD, nonce);
	k->seq++;
	if (EVP_EncryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(k->ctx, NULL, &len, aad, AAD) != 1 ||
	    (n > 0 && EVP_EncryptUpdate(k->ctx, to, &len, p, (int)n) != 1) ||
	    EVP_EncryptFinal_ex(k->ctx, to + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG, to + n) != 1)
		return -NP_EPROTONOSUPPORT;
	return (ssize_t)(TLS_HEAD + body);
}

ssize_t tls12_record_open(struct tls_record_key *k, const uint8_t *rec, size_t n, uint8_t *out,
			  uint8_t *type)
{
	size_t content = n - k->added;
	const uint8_t *body = rec + k->added - TLS_TAG;
	uint8_t nonce[IV_MOST], aad[AAD], tag[TLS_TAG];
	int len;

	DCHECK(k->tls12 && n >= k->added,
	       "the caller refuses records that are too short for a tag");
	memcpy(tag, rec + n - TLS_TAG, TLS_TAG);
	aad_of(k, rec, content, aad);
	nonce_of(k, rec + TLS_HEAD, nonce);
	k->seq++;
	if (EVP_DecryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG, tag) != 1 ||
	    EVP_DecryptUpdate(k->ctx, NULL, &len, aad, AAD) != 1 ||
	    (content > 0 && EVP_DecryptUpdate(k->ctx, out, &len, body, (int)content) != 1))
		return -NP_EPROTONOSUPPORT;
	if (EVP_DecryptFinal_ex(k->ctx, tag, &len) != 1)
		return -NP_EPROTO;
	*type = rec[0];
	return (ssize_t)content;
}
