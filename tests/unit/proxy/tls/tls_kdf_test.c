/* The key schedule beside OpenSSL's own: whatever is asked, the answers are the same. */
#include "proxy/tls/tls_kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "proxy/tls/tls_worker.h"

static struct tls_worker *worker;

static int setup(void **state)
{
	(void)state;
	return tls_worker_new(&worker);
}

static int teardown(void **state)
{
	(void)state;
	worker = tls_worker_free(worker);
	return 0;
}

struct question {
	const char *digest, *label;
	int mode;
	size_t key, salt, data; /* bytes; 0: none given */
	size_t n;               /* wanted */
	const char *prefix;     /* NULL: "tls13 " */
};

static uint8_t stuff[256];

static OSSL_PARAM octets(const char *name, size_t from, size_t n)
{
	return OSSL_PARAM_construct_octet_string(name, stuff + from, n);
}

/* The answer of the algorithm with these properties. */
static int ask(const struct question *q, const char *properties, uint8_t *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(worker->lib, "TLS13-KDF", properties);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	int mode = q->mode, ok;
	char digest[16], prefix[16], label[64];
	OSSL_PARAM p[8], *end = p;

	assert_non_null(ctx);
	strncpy(digest, q->digest, sizeof(digest) - 1);
	digest[sizeof(digest) - 1] = '\0';
	strncpy(label, q->label, sizeof(label) - 1);
	snprintf(prefix, sizeof(prefix), "%s", q->prefix != NULL ? q->prefix : "tls13 ");
	*end++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*end++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	if (q->key > 0)
		*end++ = octets(OSSL_KDF_PARAM_KEY, 0, q->key);
	if (q->salt > 0)
		*end++ = octets(OSSL_KDF_PARAM_SALT, 64, q->salt);
	*end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, strlen(prefix));
	*end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label, strlen(q->label));
	if (q->data > 0)
		*end++ = octets(OSSL_KDF_PARAM_DATA, 128, q->data);
	*end = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, q->n, p);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static void it_answers_as_openssl_does(void **state)
{
	static const struct question questions[] = {
		{"SHA256", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 0, 0, 32, NULL},   /* early, without a PSK */
		{"SHA256", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 0, 0, 32, NULL},  /* with one */
		{"SHA256", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 32, 0, 32, NULL}, /* handshake */
		{"SHA256", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 32, 0, 32, NULL},  /* master */
		{"SHA384", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 0, 0, 48, NULL},
		{"SHA384", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 48, 0, 48, NULL},
		{"SHA384", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 48, 0, 48, NULL},
		{"SHA256", "c ap traffic", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 32, 32, NULL},
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, NULL},
		{"SHA256", "iv", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 12, NULL},
		{"SHA256", "resumption", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 8, 32, NULL},
		{"SHA384", "s hs traffic", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 48, 48, NULL},
		{"SHA384", "finished", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 0, 48, NULL},
		{"SHA2-384", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 0, 32, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(stuff); i++)
		stuff[i] = (uint8_t)(i * 31 + 5);
	for (size_t i = 0; i < array_len(questions); i++) {
		uint8_t want[TLS_SECRET] = {0}, got[TLS_SECRET] = {1};

		assert_int_equal(ask(&questions[i], "provider=default", want), 1);
		assert_int_equal(ask(&questions[i], TLS_KDF_PROPERTIES, got), 1);
		assert_memory_equal(got, want, questions[i].n);
	}
}

static void what_tls_does_not_ask_is_refused(void **state)
{
	static const struct question questions[] = {
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 0, 0, 0, 16, NULL},             /* no secret */
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 16, 0, 0, 16, NULL},            /* half of one */
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 33, NULL},            /* two rounds */
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, 32, 0, 0, 16, NULL},
		{"SHA256", "derived", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 0, 0, 16, NULL},       /* half a secret */
		{"SHA256", "a label that is far longer than any", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, NULL},
		{"SHA256", "quic key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, NULL},   /* an unknown label */
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 32, 0, 32, NULL},      /* not extract's label */
		{"SHA256", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, "dtls13"},    /* another protocol */
		{"SHA512", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, NULL},        /* no suite's digest */
		{"SHA3-384", "key", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 0, 16, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(questions); i++) {
		uint8_t got[64];

		assert_true(ask(&questions[i], "provider=staunch", got) <= 0);
	}
}

#define ROW(ids, f) {ids " " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D20", it_answers_as_openssl_does),
		ROW("V32 D20", what_tls_does_not_ask_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
