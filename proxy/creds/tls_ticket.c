/* Holds ticket keys: made, rotated and published by the control thread, read by the workers. */
#include "proxy/creds/tls_ticket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_ticket_file.h"

#define WORDS (sizeof(struct tls_keys) / sizeof(uint64_t))
_Static_assert(sizeof(struct tls_keys) % sizeof(uint64_t) == 0, "the keys are copied by words");

struct tls_ticket_keys {
	char *path;       /* owned, const; NULL: keys in memory alone */
	int64_t rotate;   /* control thread: seconds that a key seals */
	struct stat seen; /* control thread: the file when it was read last */
	cache_aligned uint32_t turn; /* atomic: odd while the words change */
	uint64_t words[WORDS];       /* atomic, each */
};

/* ---- the words ---- */

static void publish_keys(struct tls_ticket_keys *r, const struct tls_keys *k)
{
	uint64_t words[WORDS];

	memcpy(words, k, sizeof(words));
	/* The release of each word orders the odd turn before it; the even turn comes after all
	 * words. A reader that sees the same even turn twice therefore saw no half of a change. */
	DCHECK(r->turn % 2 == 0, "the control thread alone changes the keys");
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

/* ---- life of the keys ---- */

static bool key_make(struct tls_key *k)
{
	return RAND_priv_bytes((unsigned char *)k, sizeof(*k)) == 1;
}

static int make_keys(struct tls_keys *k, int64_t now)
{
	for (int i = 0; i < TLS_KEY_COUNT; i++)
		if (!key_make(&k->key[i]))
			return -NP_ENOMEM;
	k->rotated = now;
	return 0;
}

/* Rotates as many times as the age asks for: after a long stop, keys that are too old open nothing.
 * */
static int rotate_keys(struct tls_keys *k, int64_t every, int64_t now)
{
	int64_t steps = (now - k->rotated) / every;

	DCHECK(every > 0 && steps >= 0, "keys rotate forward, once they are due");
	for (int i = 0; i < TLS_KEY_COUNT && i < steps; i++) {
		k->key[TLS_KEY_PREVIOUS] = k->key[TLS_KEY_CURRENT];
		k->key[TLS_KEY_CURRENT] = k->key[TLS_KEY_NEXT];
		if (!key_make(&k->key[TLS_KEY_NEXT]))
			return -NP_ENOMEM;
	}
	k->rotated += steps * every; /* not `now`: the machines of a fleet keep step */
	return 0;
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads the file if it changed since it was read last. Returns 1 if it did, 0 if not, or an
 * error. */
static int reread_file(struct tls_ticket_keys *r, struct tls_keys *k, struct text *err)
{
	struct stat now;
	int code;

	/* stat comes before the reading: a file that is written in between is read again next time.
	 * */
	if (stat(r->path, &now) == 0 && is_same_state(&now, &r->seen))
		return 0;
	code = tls_keys_load(r->path, k, err);
	if (code != 0)
		return code;
	r->seen = now;
	return 1;
}

int tls_ticket_keys_refresh(struct tls_ticket_keys *r, int64_t now, struct text *err)
{
	struct tls_keys k, in_force;
	int changed = 0, code = 0;

	tls_ticket_keys_read(r, &in_force);
	k = in_force;
	if (r->path != NULL)
		code = reread_file(r, &k, err);
	if (code < 0)
		return code;
	/* A file that was written again with the same keys is no change. */
	changed = memcmp(&k, &in_force, sizeof(k)) != 0;
	OPENSSL_cleanse(&in_force, sizeof(in_force));
	code = 0;
	if (now - k.rotated >= r->rotate) {
		struct tls_keys rotated = k;

		code = rotate_keys(&rotated, r->rotate, now);
		if (code == 0 && r->path != NULL)
			code = tls_keys_save(r->path, &rotated, false, err);
		if (code == 0) {
			k = rotated;
			changed = 1;
			/* Read it again next time: another process may have written it a moment
			 * later. */
			r->seen = (struct stat){.st_size = 0};
		}
		OPENSSL_cleanse(&rotated, sizeof(rotated));
	}
	if (changed)
		publish_keys(r, &k);
	OPENSSL_cleanse(&k, sizeof(k));
	return code != 0 ? code : changed;
}

/* Keys without memory for new ones stay: the next refresh says so. */
void tls_ticket_keys_rotate(struct tls_ticket_keys *r, int64_t now)
{
	struct tls_keys k;

	tls_ticket_keys_read(r, &k);
	if (now - k.rotated >= r->rotate && rotate_keys(&k, r->rotate, now) == 0) {
		publish_keys(r, &k);
		r->seen = (struct stat){.st_size = 0}; /* the file has other keys now */
	}
	OPENSSL_cleanse(&k, sizeof(k));
}

/* The first keys: the file's, else new ones, written to the file. The first attempt to read is
 * silent, because a file that does not exist is no error; any other failure is met again, to be
 * told. */
static int first_keys(struct tls_ticket_keys *r, int64_t now, struct tls_keys *k, struct text *err)
{
	char scratch[1];
	struct text silent;
	int code;

	text_init(&silent, scratch, 0);
	code = r->path != NULL ? tls_keys_load(r->path, k, &silent) : -NP_ENOENT;
	if (code == -NP_ENOENT) {
		code = make_keys(k, now);
		if (code != 0)
			return text_problem(err, "session_tickets",
					    "no random bytes for the keys: allow getrandom, or give it more memory",
					    -EIO);
		if (r->path == NULL)
			return 0;
		code = tls_keys_save(r->path, k, true, err);
		return code == -EEXIST ? tls_keys_load(r->path, k, err) : code;
	}
	return code == 0 ? 0 : tls_keys_load(r->path, k, err);
}

int tls_ticket_keys_new(struct tls_ticket_keys **out, const char *path, int64_t every, int64_t now,
			struct text *err)
{
	struct tls_ticket_keys *r = aligned_alloc(_Alignof(struct tls_ticket_keys), sizeof(*r));
	struct tls_keys k;
	int code;

	if (r == NULL)
		return -NP_ENOMEM;
	*r = (struct tls_ticket_keys){.rotate = every, .path = path != NULL ? strdup(path) : NULL};
	code = path != NULL && r->path == NULL ? -NP_ENOMEM : first_keys(r, now, &k, err);
	if (code != 0) {
		tls_ticket_keys_free(r);
		return code;
	}
	publish_keys(r, &k);
	OPENSSL_cleanse(&k, sizeof(k));
	*out = r;
	return 0;
}

void tls_ticket_keys_put(struct tls_ticket_keys *r, const struct tls_keys *k)
{
	DCHECK(r->path == NULL, "a file's keys are the file's");
	publish_keys(r, k);
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
