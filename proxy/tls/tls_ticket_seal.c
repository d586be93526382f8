/* Seals and opens session tickets: OpenSSL asks for a key, and gets one of the keys that all
 * workers share. */
#include "proxy/tls/tls_ticket_seal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "proxy/creds/tls_ticket.h"
#include "proxy/tls/tls_priv.h"

static bool set_mac_key(EVP_MAC_CTX *mac, struct tls_key *k)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->hmac, sizeof(k->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static bool start_sealing(struct tls_worker *w, struct tls_key *k, unsigned char *iv,
			  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	return RAND_bytes_ex(w->lib, iv, sizeof(k->name), 0) == 1 &&
	       EVP_EncryptInit_ex2(cipher, w->ticket_cipher, k->aes, iv, NULL) == 1 &&
	       set_mac_key(mac, k);
}

static bool start_opening(struct tls_worker *w, struct tls_key *k, unsigned char *iv,
			  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	return EVP_DecryptInit_ex2(cipher, w->ticket_cipher, k->aes, iv, NULL) == 1 &&
	       set_mac_key(mac, k);
}

/* TLS_KEY_COUNT: none, so the ticket was sealed too long ago, or not by us. */
static int key_named(const struct tls_keys *keys, const unsigned char *name)
{
	int which = 0;

	while (which < TLS_KEY_COUNT &&
	       memcmp(keys->key[which].name, name, sizeof(keys->key[which].name)) != 0)
		which++;
	return which;
}

int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		   EVP_MAC_CTX *mac, int seal)
{
	const struct tls *t = SSL_get_app_data(ssl);
	struct tls_worker *w = t->ctx->worker;
	struct tls_keys keys;
	int which, answer;

	DCHECK(w->active == t, "a ticket is sealed or opened within this connection's handshake");
	tls_ticket_keys_read(t->ctx->keys, &keys);
	which = seal ? TLS_KEY_CURRENT : key_named(&keys, name);
	if (which == TLS_KEY_COUNT) {
		answer = 0;
	} else if (seal) {
		memcpy(name, keys.key[which].name, sizeof(keys.key[which].name));
		answer = start_sealing(w, &keys.key[which], iv, cipher, mac) ? 1 : -1;
	} else if (!start_opening(w, &keys.key[which], iv, cipher, mac)) {
		answer = -1;
	} else if (which == TLS_KEY_PREVIOUS || SSL_version(ssl) == TLS1_3_VERSION) {
		/* In TLS 1.3 a client shows each ticket once (RFC 8446, C.4): it needs another. */
		answer = 2;
	} else {
		answer = 1;
	}
	OPENSSL_cleanse(&keys, sizeof(keys));
	return answer;
}
