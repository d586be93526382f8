/* Reads the system's CA certificates into a table, and gives each worker a store that takes from
 * the table the few that its servers' chains need. */
#include "proxy/creds/tls_trust.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_digest.h"

struct anchor {
	unsigned long name; /* X509_NAME_hash_ex of its subject */
	long n;
	unsigned char *der; /* owned; followed by OpenSSL's trust settings if the file has some */
};

struct tls_trust {
	unsigned users; /* the loader, and each tls_roots */
	size_t n, room;
	struct anchor *anchors; /* owned; n of room are set */
	uint8_t digest[TLS_DIGEST]; /* of all of them in their order */
};

struct tls_roots {
	struct list link; /* the worker's: tls_worker.all_roots */
	unsigned users; /* contexts of the worker, and the worker while contexts are made */
	struct tls_trust *trust; /* one use of it */
	OSSL_LIB_CTX *lib;       /* borrowed: the worker's */
	X509_STORE *store;       /* owned; points back here by extra data */
	bool in_store[];         /* owner worker: which anchors the store has */
};

/* ---- the table ---- */

static X509 *parse_anchor(const struct anchor *a, OSSL_LIB_CTX *lib)
{
	const unsigned char *at = a->der;
	X509 *x = X509_new_ex(lib, NULL);

	/* d2i_X509_AUX frees x itself when it fails, and returns NULL. */
	return x != NULL ? d2i_X509_AUX(&x, &at, a->n) : NULL;
}

/* The bundle and the directories mostly hold the same certificates. */
static bool has_anchor(const struct tls_trust *t, const unsigned char *der, long n)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->anchors[i].n == n && memcmp(t->anchors[i].der, der, (size_t)n) == 0)
			return true;
	return false;
}

static int reserve_anchor(struct tls_trust *t)
{
	size_t room = t->room > 0 ? t->room * 2 : 64;
	struct anchor *more =
		t->n == t->room ? realloc(t->anchors, room * sizeof(*more)) : t->anchors;

	if (more == NULL)
		return -NP_ENOMEM;
	if (t->n == t->room)
		t->room = room;
	t->anchors = more;
	return 0;
}

/* Takes der over in any case. Bytes that are no certificate are passed over, as OpenSSL does: one
 * broken file of the system should not take all upstreams down. */
static int add_anchor(struct tls_trust *t, unsigned char *der, long n)
{
	struct anchor a = {.der = der, .n = n};
	X509 *x = has_anchor(t, der, n) ? NULL : parse_anchor(&a, NULL);
	int err = x != NULL ? reserve_anchor(t) : 0;

	if (x == NULL || err != 0) {
		X509_free(x);
		OPENSSL_free(der);
		return err;
	}
	DCHECK(t->n < t->room, "reserve_anchor made room");
	a.name = X509_NAME_hash_ex(X509_get_subject_name(x), NULL, NULL, NULL);
	X509_free(x);
	t->anchors[t->n++] = a;
	return 0;
}

static bool is_certificate(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

/* A file that cannot be read counts as empty, as it does for OpenSSL. */
static int add_file(struct tls_trust *t, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned char *der;
	char *name, *head;
	int err = 0;
	long n;

	while (f != NULL && err == 0 && PEM_read(f, &name, &head, &der, &n) == 1) {
		if (is_certificate(name))
			err = add_anchor(t, der, n);
		else
			OPENSSL_free(der);
		OPENSSL_free(name);
		OPENSSL_free(head);
	}
	if (f != NULL)
		fclose(f);
	return err;
}

/* OpenSSL looks only at files named by `openssl rehash`: the subject's hash and a number,
 * c01eb047.0. The others are the same certificates under names for people, and revocation lists
 * (.r0). */
static bool is_hash_name(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits == 8 && name[8] == '.' && name[9] != '\0' &&
	       name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static int add_dir(struct tls_trust *t, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char *file;
	int err = 0;

	while (d != NULL && err == 0 && (e = readdir(d)) != NULL) {
		if (!is_hash_name(e->d_name))
			continue;
		if (asprintf(&file, "%s/%s", path, e->d_name) < 0) {
			err = -NP_ENOMEM;
			break;
		}
		err = add_file(t, file);
		free(file);
	}
	if (d != NULL)
		closedir(d);
	return err;
}

static int add_dirs(struct tls_trust *t, const char *list)
{
	char *dirs = strdup(list), *rest = dirs;
	int err = dirs != NULL ? 0 : -NP_ENOMEM;

	while (err == 0 && rest != NULL)
		err = add_dir(t, strsep(&rest, ":"));
	free(dirs);
	return err;
}

/* secure_getenv: in a set-user-ID process the environment is the caller's and decides no trust. */
static const char *env_or(const char *variable, const char *otherwise)
{
	const char *value = secure_getenv(variable);

	return value != NULL ? value : otherwise;
}

static int digest_anchors(struct tls_trust *t)
{
	struct tls_digest *d = tls_digest_begin();

	for (size_t i = 0; d != NULL && i < t->n; i++)
		tls_digest_add(d, t->anchors[i].der, (size_t)t->anchors[i].n);
	return tls_digest_end(d, t->digest);
}

int tls_trust_load(struct tls_trust **out, struct text *err)
{
	struct tls_trust *t = calloc(1, sizeof(*t));
	int code;

	if (t == NULL)
		return -NP_ENOMEM;
	t->users = 1;
	code = add_file(t, env_or(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
	if (code == 0)
		code = add_dirs(
			t, env_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
	ERR_clear_error();
	if (code == 0 && t->n == 0) {
		text_str(err, "ca: the system has no trusted certificates: name a file");
		code = -NP_EINVAL;
	}
	if (code == 0)
		code = digest_anchors(t);
	if (code == 0)
		*out = t;
	else
		tls_trust_put(t);
	return code;
}

void tls_trust_put(struct tls_trust *t)
{
	if (t == NULL)
		return;
	CHECK(t->users > 0, "a table is given back more often than it was got");
	if (--t->users > 0)
		return;
	for (size_t i = 0; i < t->n; i++)
		OPENSSL_free(t->anchors[i].der);
	free(t->anchors);
	free(t);
}

/* ---- one worker's store ---- */

static bool put_in_store(struct tls_roots *r, const struct anchor *a)
{
	X509 *x = parse_anchor(a, r->lib);
	bool in = x != NULL && X509_STORE_add_cert(r->store, x) == 1;

	X509_free(x);
	return in;
}

/* Puts the anchors with this subject into the store, once. When memory is short, one is missing in
 * this handshake alone: the next handshake tries again. The marks keep OpenSSL's error queue, which
 * belongs to the handshake, as it is. */
static void bring_anchors(struct tls_roots *r, const X509_NAME *name)
{
	unsigned long hash = X509_NAME_hash_ex(name, r->lib, NULL, NULL);

	ERR_set_mark();
	for (size_t i = 0; i < r->trust->n; i++)
		if (r->trust->anchors[i].name == hash && !r->in_store[i])
			r->in_store[i] = put_in_store(r, &r->trust->anchors[i]);
	ERR_pop_to_mark();
}

/* Where a store's extra data points to its roots. Process-wide, as all of OpenSSL's indices. */
static int roots_index = -1;
static pthread_once_t roots_once = PTHREAD_ONCE_INIT;

static void make_roots_index(void)
{
	roots_index = X509_STORE_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* Called by X509_verify_cert to find the issuer of x. Also called for self-signed certificates. On
 * the worker, inside a handshake: it must not block, and it does not, because the table is in
 * memory. */
static int find_issuer(X509 **out, X509_STORE_CTX *ctx, X509 *x)
{
	struct tls_roots *r = X509_STORE_get_ex_data(X509_STORE_CTX_get0_store(ctx), roots_index);

	CHECK(r != NULL, "a store with this callback belongs to a tls_roots");
	bring_anchors(r, X509_get_issuer_name(x));
	return X509_STORE_CTX_get1_issuer(out, ctx, x);
}

static struct tls_roots *roots_find(const struct list *all, const struct tls_trust *t)
{
	list_for_each(it, all) {
		struct tls_roots *r = list_entry(it, struct tls_roots, link);

		if (memcmp(r->trust->digest, t->digest, sizeof(t->digest)) == 0)
			return r;
	}
	return NULL;
}

static struct tls_roots *roots_make(struct tls_trust *t, OSSL_LIB_CTX *lib)
{
	struct tls_roots *r = calloc(1, sizeof(*r) + t->n * sizeof(r->in_store[0]));

	if (r == NULL)
		return NULL;
	pthread_once(&roots_once, make_roots_index);
	r->store = X509_STORE_new();
	if (r->store == NULL || !X509_STORE_set_ex_data(r->store, roots_index, r)) {
		X509_STORE_free(r->store);
		free(r);
		return NULL;
	}
	r->users = 1;
	r->lib = lib;
	r->trust = t;
	t->users++;
	X509_STORE_set_get_issuer(r->store, find_issuer);
	return r;
}

struct tls_roots *tls_roots_new(struct list *all, struct tls_trust *t, OSSL_LIB_CTX *lib)
{
	struct tls_roots *r = roots_find(all, t);

	if (r != NULL)
		return tls_roots_get(r);
	r = roots_make(t, lib);
	if (r != NULL)
		list_push_back(all, &r->link);
	return r;
}

struct tls_roots *tls_roots_get(struct tls_roots *r)
{
	DCHECK(r->users > 0, "roots that are shared are in use");
	r->users++;
	return r;
}

void tls_roots_put(struct tls_roots *r)
{
	if (r == NULL)
		return;
	CHECK(r->users > 0, "roots are given back more often than they were got");
	if (--r->users > 0)
		return;
	list_remove(&r->link);
	X509_STORE_free(r->store);
	tls_trust_put(r->trust);
	free(r);
}

const uint8_t *tls_roots_digest(const struct tls_roots *r)
{
	return r->trust->digest;
}

X509_STORE *tls_roots_store(const struct tls_roots *r)
{
	return r->store;
}
