/* Keeps the staples of a process: one per certificate, shared by all listeners and generations. */
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

static struct tls_staple *staple_find(const struct list *all, const uint8_t key[TLS_OCSP_KEY])
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

/* A response that an earlier process kept: stapled from the start if it is still good. It is judged
 * as a fetched one is, so it does not matter who wrote the file. A file that is missing or of no
 * use is not worth a word: the responder is asked, and its response replaces the file. */
static int load_kept(struct tls_staple *s)
{
	BIO *b = BIO_new_file(s->cache, "rb");
	unsigned char *der = b != NULL ? malloc(HTTP_REPLY_MOST) : NULL;
	int n = der != NULL ? BIO_read(b, der, HTTP_REPLY_MOST) : 0;
	struct tls_ocsp_verdict v;
	int err = 0;

	if (n > 0 && tls_ocsp_judge(s->question, der, (size_t)n, time(NULL), &v) == 0) {
		s->current = tls_answer_new(der, (size_t)n, v.until);
		err = s->current != NULL ? 0 : -NP_ENOMEM;
		s->due = v.from + (v.until - v.from) / 2;
	}
	/* No worker knows this staple yet, so the control thread may set their pointers. */
	for (unsigned i = 0; i < s->nworkers; i++)
		s->now[i] = s->current;
	BIO_free(b);
	free(der);
	ERR_clear_error();
	return err;
}

int tls_staple_keep(const struct tls_staple *s)
{
	if (s->cache == NULL || s->current == NULL)
		return 0;
	return tls_file_replace(s->cache, s->current->der, s->current->n, false);
}

static int staple_new(const struct tls_staple_wanted *w, struct tls_staple **out, const char **why)
{
	struct tls_staple *s = calloc(1, sizeof(*s) + w->nworkers * sizeof(s->now[0]));
	int err;

	if (s == NULL)
		return -NP_ENOMEM;
	s->nworkers = w->nworkers;
	s->name = strdup(w->name);
	err = s->name != NULL ? tls_ocsp_new(w->cert, w->issuer, &s->question, why) : -NP_ENOMEM;
	if (err == 0 && w->cache != NULL) {
		s->cache = strdup(w->cache);
		err = s->cache != NULL ? load_kept(s) : -NP_ENOMEM;
	}
	if (err == 0)
		*out = s;
	else
		staple_free(s);
	return err;
}

int tls_staple_get(const struct tls_staple_wanted *w, struct tls_staple **out, const char **why)
{
	uint8_t key[TLS_OCSP_KEY];
	struct tls_staple *s;
	int err = 0;

	if (!tls_ocsp_key(w->cert, key))
		return -NP_ENOMEM;
	s = staple_find(w->all, key);
	if (s == NULL) {
		err = staple_new(w, &s, why);
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
