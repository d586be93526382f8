#include "proxy/creds/tls_trust.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "netpoll/err.h"
#include "proxy/tls/tls_worker.h"

struct anchor {
	unsigned long name;  /* hash of its subject's */
	long n;
	unsigned char *der;  /* owned; with OpenSSL's words about what it is trusted for, if the file had some */
};

struct tls_trust {
	unsigned users;
	size_t n, room;
	struct anchor *anchors;
};

struct tls_roots {
	unsigned users;
	struct tls_trust *trust; /* used */
	OSSL_LIB_CTX *lib;       /* borrowed */
	X509_STORE *store;       /* owned */
	bool brought[];          /* owner worker: this one is in the store */
};

/* ---- the table ------------------------------------------------------------------------------- */

static X509 *parse(const struct anchor *a, OSSL_LIB_CTX *lib)
{
	const unsigned char *at = a->der;
	X509 *x = X509_new_ex(lib, NULL);

	/* What fails frees x, and says NULL. */
	return x != NULL ? d2i_X509_AUX(&x, &at, a->n) : NULL;
}

/* The bundle and the directories mostly hold the same. */
static bool is_known(const struct tls_trust *t, const unsigned char *der, long n)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->anchors[i].n == n && memcmp(t->anchors[i].der, der, (size_t)n) == 0)
			return true;
	return false;
}

static int grow(struct tls_trust *t)
{
	size_t room = t->room > 0 ? t->room * 2 : 64;
	struct anchor *more = t->n == t->room ? realloc(t->anchors, room * sizeof(*more)) : t->anchors;

	if (more == NULL)
		return -NP_ENOMEM;
	if (t->n == t->room)
		t->room = room;
	t->anchors = more;
	return 0;
}

/* Takes der, with success. One that is no certificate is passed over, as OpenSSL does. */
static int add(struct tls_trust *t, unsigned char *der, long n)
{
	struct anchor a = {.der = der, .n = n};
	X509 *x = is_known(t, der, n) ? NULL : parse(&a, NULL);
	int err = x != NULL ? grow(t) : 0;

	if (x == NULL || err != 0) {
		X509_free(x);
		OPENSSL_free(der);
		return err;
	}
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

/* A file that cannot be read holds nothing. */
static int add_file(struct tls_trust *t, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned char *der;
	char *name, *head;
	int err = 0;
	long n;

	while (f != NULL && err == 0 && PEM_read(f, &name, &head, &der, &n) == 1) {
		if (is_certificate(name))
			err = add(t, der, n);
		else
			OPENSSL_free(der);
		OPENSSL_free(name);
		OPENSSL_free(head);
	}
	if (f != NULL)
		fclose(f);
	return err;
}

/* Names are hashes of subjects, and a number: c01eb047.0. Others, the same certificates under names for people, and
 * revocation lists, are none that OpenSSL would look at. */
static bool is_hashed(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits == 8 && name[8] == '.' && name[9] != '\0' && name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static int add_dir(struct tls_trust *t, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char *file;
	int err = 0;

	while (d != NULL && err == 0 && (e = readdir(d)) != NULL) {
		if (!is_hashed(e->d_name))
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

static const char *named(const char *variable, const char *otherwise)
{
	const char *value = secure_getenv(variable);

	return value != NULL ? value : otherwise;
}

int tls_trust_load(struct tls_trust **out, struct text *err)
{
	struct tls_trust *t = calloc(1, sizeof(*t));
	int code;

	if (t == NULL)
		return -NP_ENOMEM;
	t->users = 1;
	code = add_file(t, named(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
	if (code == 0)
		code = add_dirs(t, named(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
	ERR_clear_error();
	if (code == 0 && t->n == 0) {
		text_str(err, "ca: the system has no trusted certificates: name a file");
		code = -NP_EINVAL;
	}
	if (code == 0)
		*out = t;
	else
		tls_trust_put(t);
	return code;
}

void tls_trust_put(struct tls_trust *t)
{
	if (t == NULL || --t->users > 0)
		return;
	for (size_t i = 0; i < t->n; i++)
		OPENSSL_free(t->anchors[i].der);
	free(t->anchors);
	free(t);
}

/* ---- one worker's ---------------------------------------------------------------------------- */

static bool bring_one(struct tls_roots *r, const struct anchor *a)
{
	X509 *x = parse(a, r->lib);
	bool in = x != NULL && X509_STORE_add_cert(r->store, x) == 1;

	X509_free(x);
	return in;
}

/* Those with this name are in the store from now on. What fails (memory) is missing in this handshake alone. */
static void bring(struct tls_roots *r, const X509_NAME *name)
{
	unsigned long hash = X509_NAME_hash_ex(name, r->lib, NULL, NULL);

	ERR_set_mark();
	for (size_t i = 0; i < r->trust->n; i++)
		if (r->trust->anchors[i].name == hash && !r->brought[i])
			r->brought[i] = bring_one(r, &r->trust->anchors[i]);
	ERR_pop_to_mark();
}

/* X509_STORE_set_get_issuer's: who may have signed x? What signs itself is asked for in this way, too. */
static int issuer(X509 **out, X509_STORE_CTX *ctx, X509 *x)
{
	bring(tls_roots_of(ctx), X509_get_issuer_name(x));
	return X509_STORE_CTX_get1_issuer(out, ctx, x);
}

struct tls_roots *tls_roots_new(struct tls_trust *t, OSSL_LIB_CTX *lib)
{
	struct tls_roots *r = calloc(1, sizeof(*r) + t->n * sizeof(r->brought[0]));

	if (r == NULL)
		return NULL;
	r->store = X509_STORE_new();
	if (r->store == NULL) {
		free(r);
		return NULL;
	}
	r->users = 1;
	r->lib = lib;
	r->trust = t;
	t->users++;
	X509_STORE_set_get_issuer(r->store, issuer);
	return r;
}

struct tls_roots *tls_roots_get(struct tls_roots *r)
{
	r->users++;
	return r;
}

void tls_roots_put(struct tls_roots *r)
{
	if (r == NULL || --r->users > 0)
		return;
	X509_STORE_free(r->store);
	tls_trust_put(r->trust);
	free(r);
}

X509_STORE *tls_roots_store(const struct tls_roots *r)
{
	return r->store;
}

/* ---- all of a generation's ------------------------------------------------------------------- */

void tls_trust_end(struct tls_worker **workers, unsigned n)
{
	for (unsigned i = 0; i < n && workers[i] != NULL; i++) {
		tls_roots_put(workers[i]->roots);
		workers[i]->roots = NULL;
	}
}

int tls_trust_share(struct tls_worker **workers, unsigned n, struct text *err)
{
	struct tls_trust *t;
	int code = tls_trust_load(&t, err);

	if (code != 0)
		return code;
	for (unsigned i = 0; i < n && code == 0; i++) {
		workers[i]->roots = tls_roots_new(t, workers[i]->lib);
		if (workers[i]->roots == NULL)
			code = -NP_ENOMEM;
	}
	tls_trust_put(t);
	if (code != 0)
		tls_trust_end(workers, n);
	return code;
}
