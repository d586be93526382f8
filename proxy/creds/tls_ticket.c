#include "proxy/creds/tls_ticket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "netpoll/err.h"
#include "proxy/tls/tls_priv.h"

#define WORDS (sizeof(struct tls_keys) / sizeof(uint64_t))
_Static_assert(sizeof(struct tls_keys) % sizeof(uint64_t) == 0, "the keys are copied by words");

struct tls_ticket_keys {
	char *path;        /* const; NULL: none */
	int64_t rotate;    /* control thread */
	struct stat seen;  /* control thread: the file as it was read or written last */
	cache_aligned uint32_t turn; /* atomic: odd while the words change */
	uint64_t words[WORDS];       /* atomic, each */
};

/* ---- the words ------------------------------------------------------------------------------- */

static void publish(struct tls_ticket_keys *r, const struct tls_keys *k)
{
	uint64_t words[WORDS];

	memcpy(words, k, sizeof(words));
	/* Each word's release puts the odd turn before it, the even one comes behind them all. */
	__atomic_store_n(&r->turn, r->turn + 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < WORDS; i++)
		__atomic_store_n(&r->words[i], words[i], __ATOMIC_RELEASE);
	__atomic_store_n(&r->turn, r->turn + 1, __ATOMIC_RELEASE);
	OPENSSL_cleanse(words, sizeof(words));
}

void tls_ticket_keys_read(const struct tls_ticket_keys *r, struct tls_keys *out)
{
	uint64_t words[WORDS];
	uint32_t before, after;

	do {
		before = __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);
		for (size_t i = 0; i < WORDS; i++)
			words[i] = __atomic_load_n(&r->words[i], __ATOMIC_ACQUIRE);
		after = __atomic_load_n(&r->turn, __ATOMIC_RELAXED);
	} while (before != after || before % 2 != 0);
	memcpy(out, words, sizeof(*out));
	OPENSSL_cleanse(words, sizeof(words));
}

/* ---- life of the keys ------------------------------------------------------------------------ */

static bool key_make(struct tls_key *k)
{
	return RAND_priv_bytes((unsigned char *)k, sizeof(*k)) == 1;
}

static int make(struct tls_keys *k, int64_t now)
{
	for (int i = 0; i < TLS_KEY_COUNT; i++)
		if (!key_make(&k->key[i]))
			return -NP_ENOMEM;
	k->rotated = now;
	return 0;
}

/* As often as time has passed for: what was kept too long opens nothing any more. */
static int rotate(struct tls_keys *k, int64_t every, int64_t now)
{
	int64_t steps = (now - k->rotated) / every;

	for (int i = 0; i < TLS_KEY_COUNT && i < steps; i++) {
		k->key[TLS_KEY_PREVIOUS] = k->key[TLS_KEY_CURRENT];
		k->key[TLS_KEY_CURRENT] = k->key[TLS_KEY_NEXT];
		if (!key_make(&k->key[TLS_KEY_NEXT]))
			return -NP_ENOMEM;
	}
	k->rotated += steps * every; /* not now: a fleet keeps step */
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads the file if it is not the one that was seen last. Returns 1 if so, 0, or what is wrong with it. */
static int reread(struct tls_ticket_keys *r, struct tls_keys *k, struct text *err)
{
	struct stat now;
	int code;

	/* Before reading: what is written meanwhile is seen next time. */
	if (stat(r->path, &now) == 0 && same_file(&now, &r->seen))
		return 0;
	code = tls_keys_load(r->path, k, err);
	if (code != 0)
		return code;
	r->seen = now;
	return 1;
}

int tls_ticket_keys_refresh(struct tls_ticket_keys *r, int64_t now, struct text *err)
{
	struct tls_keys k;
	int changed = 0, code = 0;

	tls_ticket_keys_read(r, &k);
	if (r->path != NULL)
		changed = reread(r, &k, err);
	if (changed < 0)
		return changed;
	if (now - k.rotated >= r->rotate) {
		struct tls_keys rotated = k;

		code = rotate(&rotated, r->rotate, now);
		if (code == 0 && r->path != NULL)
			code = tls_keys_save(r->path, &rotated, false, err);
		if (code == 0) {
			k = rotated;
			changed = 1;
			/* Read again next time: another process may have been a moment later. */
			r->seen = (struct stat){.st_size = 0};
		}
		OPENSSL_cleanse(&rotated, sizeof(rotated));
	}
	if (changed)
		publish(r, &k);
	OPENSSL_cleanse(&k, sizeof(k));
	return code != 0 ? code : changed;
}

/* The keys a ring begins with. */
static int begin(struct tls_ticket_keys *r, int64_t now, struct tls_keys *k, struct text *err)
{
	char scratch[1];
	struct text silent;
	int code;

	text_init(&silent, scratch, 0);
	code = r->path != NULL ? tls_keys_load(r->path, k, &silent) : -NP_ENOENT;
	if (code == -NP_ENOENT) {
		code = make(k, now);
		if (code != 0 || r->path == NULL)
			return code;
		code = tls_keys_save(r->path, k, true, err);
		return code == -EEXIST ? tls_keys_load(r->path, k, err) : code;
	}
	return code == 0 ? 0 : tls_keys_load(r->path, k, err);
}

int tls_ticket_keys_new(struct tls_ticket_keys **out, const char *path, int64_t every, int64_t now, struct text *err)
{
	struct tls_ticket_keys *r = aligned_alloc(_Alignof(struct tls_ticket_keys), sizeof(*r));
	struct tls_keys k;
	int code;

	if (r == NULL)
		return -NP_ENOMEM;
	*r = (struct tls_ticket_keys){.rotate = every, .path = path != NULL ? strdup(path) : NULL};
	code = path != NULL && r->path == NULL ? -NP_ENOMEM : begin(r, now, &k, err);
	if (code != 0) {
		tls_ticket_keys_free(r);
		return code;
	}
	publish(r, &k);
	OPENSSL_cleanse(&k, sizeof(k));
	*out = r;
	return 0;
}

struct tls_ticket_keys *tls_ticket_keys_free(struct tls_ticket_keys *r)
{
	if (r == NULL)
		return NULL;
	free(r->path);
	OPENSSL_cleanse(r, sizeof(*r));
	free(r);
	return NULL;
}

void tls_ticket_keys_set_rotate(struct tls_ticket_keys *r, int64_t every)
{
	r->rotate = every;
}

const char *tls_ticket_keys_path(const struct tls_ticket_keys *r)
{
	return r->path;
}

/* ---- the callback ---------------------------------------------------------------------------- */

static bool use_mac(EVP_MAC_CTX *mac, struct tls_key *k)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->hmac, sizeof(k->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal_with(struct tls_worker *w, struct tls_key *k, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher)
{
	memcpy(name, k->name, sizeof(k->name));
	return RAND_bytes_ex(w->lib, iv, 16, 0) == 1 &&
	       EVP_EncryptInit_ex2(cipher, w->ticket_cipher, k->aes, iv, NULL) == 1;
}

int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		   int seal)
{
	const struct tls *t = SSL_get_app_data(ssl);
	struct tls_worker *w = t->ctx->worker;
	struct tls_keys keys;
	int which = seal ? TLS_KEY_CURRENT : 0, answer;
	bool ok;

	tls_ticket_keys_read(t->ctx->ring, &keys);
	while (!seal && which < TLS_KEY_COUNT && memcmp(keys.key[which].name, name, 16) != 0)
		which++;
	if (which == TLS_KEY_COUNT) {
		OPENSSL_cleanse(&keys, sizeof(keys));
		return 0; /* sealed too long ago, or not by us */
	}
	if (seal)
		ok = seal_with(w, &keys.key[which], name, iv, cipher);
	else
		ok = EVP_DecryptInit_ex2(cipher, w->ticket_cipher, keys.key[which].aes, iv, NULL) == 1;
	ok = ok && use_mac(mac, &keys.key[which]);
	OPENSSL_cleanse(&keys, sizeof(keys));
	/* 2: and give the client a new one. In TLS 1.3 it shows each only once. */
	answer = which == TLS_KEY_PREVIOUS || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
	return ok ? seal ? 1 : answer : -1;
}
