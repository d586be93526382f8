/* Keeps the staples of a process, shared by all listeners and generations. */
#include "proxy/creds/tls_staple.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_file.h"

struct tls_answer *tls_answer_new(const void *der, size_t n, int64_t until)
{
	struct tls_answer *a = malloc(sizeof(*a) + n);

	if (a == NULL)
		return NULL;
	a->until = until;
	a->n = n;
	memcpy(a->der, der, n);
	return a;
}

static struct tls_staple *staple_find(const struct list *all, const uint8_t key[TLS_DIGEST])
{
	list_for_each(it, all) {
		struct tls_staple *s = list_entry(it, struct tls_staple, link);

		if (memcmp(s->key, key, sizeof(s->key)) == 0)
			return s;
	}
	return NULL;
}

static void staple_free(struct tls_staple *s)
{
	DCHECK(s->users == 0 && !s->asking, "a staple that is freed is used by nothing");
	tls_ocsp_free(s->question);
	free(s->current);
	free(s->name);
	free(s->cache);
	free(s);
}

/* Stapled from the start if it is a response to this staple's question. No worker knows the staple
 * yet, so the control thread may set their pointers. */
static int begin_with(struct tls_staple *s, const void *der, size_t n)
{
	struct tls_ocsp_verdict v;

	if (tls_ocsp_judge(s->question, der, n, time(NULL), &v) != 0)
		return 0;
	s->current = tls_answer_new(der, n, v.until);
	__atomic_store_n(&s->until, s->current != NULL ? s->current->until : 0, __ATOMIC_RELAXED);
	if (s->current == NULL)
		return -NP_ENOMEM;
	s->due = v.from + (v.until - v.from) / 2;
	for (unsigned i = 0; i < s->nworkers; i++)
		s->now[i] = s->current;
	return 0;
}

/* A response that an earlier process kept: stapled from the start if it is still good. It is judged
 * as a fetched one is, so it does not matter who wrote the file. A file that is missing or of no
 * use is not worth a word: the responder is asked, and its response replaces the file. */
static int load_kept(struct tls_staple *s)
{
	BIO *b = BIO_new_file(s->cache, "rb");
	unsigned char *der = b != NULL ? malloc(HTTP_REPLY_MOST) : NULL;
	int n = der != NULL ? BIO_read(b, der, HTTP_REPLY_MOST) : 0;
	int err = n > 0 ? begin_with(s, der, (size_t)n) : 0;

	BIO_free(b);
	free(der);
	ERR_clear_error();
	return err;
}

/* The settings changed, the certificate did not: what it has is stapled without a gap if the new
 * issuer vouches for it. The responder is asked at once all the same, and its response goes to the
 * new cache. */
static int begin_with_sibling(struct tls_staple *s, const struct list *all)
{
	int err = 0;

	list_for_each(it, all) {
		const struct tls_staple *other = list_entry(it, struct tls_staple, link);

		if (err == 0 && s->current == NULL && other->current != NULL &&
		    memcmp(other->cert, s->cert, sizeof(s->cert)) == 0) {
			err = begin_with(s, other->current->der, other->current->n);
			s->due = 0;
		}
	}
	return err;
}

int tls_staple_keep(struct tls_staple *s)
{
	if (!s->unkept)
		return 0;
	s->unkept = false;
	if (s->cache == NULL || s->current == NULL)
		return 0;
	return tls_file_replace(s->cache, s->current->der, s->current->n, false);
}

static int staple_new(const struct tls_staple_wanted *w, const uint8_t cert[TLS_OCSP_KEY],
		      struct tls_staple **out, const char **why)
{
	struct tls_staple *s = calloc(1, sizeof(*s) + w->nworkers * sizeof(s->now[0]));
	int err;

	if (s == NULL)
		return -NP_ENOMEM;
	s->nworkers = w->nworkers;
	memcpy(s->cert, cert, sizeof(s->cert));
	s->name = strdup(w->name);
	err = s->name != NULL ? tls_ocsp_new(w->cert, w->issuer, &s->question, why) : -NP_ENOMEM;
	if (err == 0 && w->cache != NULL) {
		s->cache = strdup(w->cache);
		err = s->cache != NULL ? load_kept(s) : -NP_ENOMEM;
	}
	if (err == 0)
		err = begin_with_sibling(s, w->all);
	if (err == 0)
		*out = s;
	else
		staple_free(s);
	return err;
}

static int key_of(const struct tls_staple_wanted *w, const uint8_t cert[TLS_OCSP_KEY],
		  uint8_t key[TLS_DIGEST])
{
	struct tls_digest *d = tls_digest_begin();

	if (d == NULL)
		return -NP_ENOMEM;
	tls_digest_add(d, cert, TLS_OCSP_KEY);
	if (w->cache != NULL)
		tls_digest_add(d, w->cache, strlen(w->cache));
	if (w->issuer != NULL)
		tls_digest_file(d, w->issuer);
	return tls_digest_end(d, key);
}

int tls_staple_get(const struct tls_staple_wanted *w, struct tls_staple **out, const char **why)
{
	uint8_t cert[TLS_OCSP_KEY], key[TLS_DIGEST];
	struct tls_staple *s;
	int err = 0;

	if (!tls_ocsp_key(w->cert, cert) || key_of(w, cert, key) != 0)
		return -NP_ENOMEM;
	s = staple_find(w->all, key);
	if (s == NULL) {
		err = staple_new(w, cert, &s, why);
		if (err != 0)
			return err;
		memcpy(s->key, key, sizeof(key));
		list_push_back(w->all, &s->link);
	}
	/* The workers of a process are fixed at its start: now[] fits every generation. */
	DCHECK(s->nworkers == w->nworkers, "the number of workers changes");
	tls_staple_use(s);
	*out = s;
	return 0;
}

void tls_staple_use(struct tls_staple *s)
{
	s->users++;
}

void tls_staple_put(struct tls_staple *s)
{
	if (s == NULL)
		return;
	CHECK(s->users > 0, "a staple is given back more often than it was got");
	if (--s->users > 0)
		return;
	list_remove(&s->link);
	staple_free(s);
}
