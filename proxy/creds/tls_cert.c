/* Reads certificates, revocation lists and private keys from PEM files, and names from a
 * certificate. */
#include "proxy/creds/tls_cert.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

#define PASSWORD_MOST 1024
#define NAME_ROOM     256 /* a host name has at most 253 bytes */
#define DAY           (24 * 3600)

int tls_cert_days_left(int64_t expires)
{
	int64_t left = expires - (int64_t)time(NULL);

	return left < 0 ? -1 : (int)(left / DAY);
}

static BIO *open_pem(const char *path, struct text *err, int *code)
{
	BIO *b = BIO_new_file(path, "r");

	*code = b != NULL ? 0 : err_from_errno();
	if (b == NULL)
		text_problem(err, path, np_err_text(*code), *code);
	return b;
}

/* PEM_read_* fails alike at the end of a file and at a broken object; only OpenSSL's error queue
 * tells them apart. Clears the queue, since the next reader would take our entry for its own. */
static bool at_end_of_pem(void)
{
	unsigned long e = ERR_peek_last_error();
	bool no_more = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return e == 0 || no_more;
}

/* OpenSSL reads by the C library, and takes a failed read for the end of the file. */
static bool was_unreadable(BIO *b)
{
	FILE *f = NULL;

	return BIO_get_fp(b, &f) > 0 && f != NULL && ferror(f) != 0;
}

#define UNREADABLE "cannot be read to its end: an error of the disk or the file system"

/* ---- lists ---- */

/* NULL at the end of the file and at a broken certificate. The certificate belongs to lib, so that
 * its public key is used with the worker's own algorithms and takes no lock of another worker. */
static X509 *next_cert(BIO *b, OSSL_LIB_CTX *lib)
{
	X509 *x = X509_new_ex(lib, NULL);

	if (x == NULL || PEM_read_bio_X509(b, &x, NULL, NULL) != NULL)
		return x;
	X509_free(x);
	return NULL;
}

int tls_cert_list(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509 **out, struct text *err)
{
	struct stack_st_X509 *list;
	int code, n;
	BIO *b = open_pem(path, err, &code);
	bool unreadable;
	X509 *x;

	ERR_clear_error();
	if (b == NULL)
		return code;
	list = sk_X509_new_null();
	while (list != NULL && (x = next_cert(b, lib)) != NULL)
		if (sk_X509_push(list, x) == 0)
			X509_free(x);
	unreadable = was_unreadable(b);
	BIO_free(b);
	n = sk_X509_num(list);
	if (unreadable)
		code = text_problem(err, path, UNREADABLE, -EIO);
	else if (!at_end_of_pem())
		code = text_problem(err, path, "a certificate in it is broken", -NP_EINVAL);
	else if (n <= 0)
		code = text_problem(err, path, "holds no certificate in PEM form", -NP_EINVAL);
	if (code == 0)
		*out = list;
	else
		sk_X509_pop_free(list, X509_free);
	return code;
}

static X509_CRL *next_crl(BIO *b, OSSL_LIB_CTX *lib)
{
	X509_CRL *x = X509_CRL_new_ex(lib, NULL);

	if (x == NULL || PEM_read_bio_X509_CRL(b, &x, NULL, NULL) != NULL)
		return x;
	X509_CRL_free(x);
	return NULL;
}

int tls_cert_crls(OSSL_LIB_CTX *lib, const char *path, struct stack_st_X509_CRL **out,
		  struct text *err)
{
	struct stack_st_X509_CRL *list;
	int code, n;
	BIO *b = open_pem(path, err, &code);
	bool unreadable;
	X509_CRL *x;

	ERR_clear_error();
	if (b == NULL)
		return code;
	list = sk_X509_CRL_new_null();
	while (list != NULL && (x = next_crl(b, lib)) != NULL)
		if (sk_X509_CRL_push(list, x) == 0)
			X509_CRL_free(x);
	unreadable = was_unreadable(b);
	BIO_free(b);
	n = sk_X509_CRL_num(list);
	if (unreadable)
		code = text_problem(err, path, UNREADABLE, -EIO);
	else if (!at_end_of_pem())
		code = text_problem(err, path, "a revocation list in it is broken", -NP_EINVAL);
	else if (n <= 0)
		code = text_problem(err, path, "holds no revocation list in PEM form", -NP_EINVAL);
	if (code == 0)
		*out = list;
	else
		sk_X509_CRL_pop_free(list, X509_CRL_free);
	return code;
}

/* ---- the key ---- */

struct password {
	const char *path; /* NULL: the config names none */
	BIO *lines;       /* owned; NULL: not opened yet */
	bool asked;       /* OpenSSL wanted one, so the key is encrypted */
	unsigned tried;   /* lines given so far */
	int err;          /* of opening the file */
};

/* The next line that is not empty, without its end.   Returns  its length, 0 at the end. */
static int next_password(BIO *lines, char *buf, int size)
{
	int n, m;

	do {
		n = m = BIO_gets(lines, buf, size);
		while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
			n--;
	} while (m > 0 && n == 0);
	return n > 0 ? n : 0;
}

/* A pem_password_cb: gives one line of the password file, and the next one when OpenSSL tries again.
 * The file is opened once, since it may be a FIFO. The copy on the stack is cleansed, because a core
 * file would show it. */
static int give_password(char *buf, int size, int writing, void *arg)
{
	struct password *p = arg;
	char line[PASSWORD_MOST];
	int n;

	DCHECK(!writing, "no key is ever written");
	(void)writing;
	p->asked = true;
	if (p->lines == NULL && p->path != NULL) {
		p->lines = BIO_new_file(p->path, "r");
		p->err = p->lines == NULL ? err_from_errno() : 0;
	}
	if (p->lines == NULL)
		return -1;
	n = next_password(p->lines, line, sizeof(line));
	if (n > 0 && n <= size)
		memcpy(buf, line, (size_t)n);
	OPENSSL_cleanse(line, sizeof(line));
	if (n == 0 || n > size)
		return -1;
	p->tried++;
	return n;
}

static int key_problem(const struct tls_cert_files *f, const struct password *p, struct text *err)
{
	if (!p->asked)
		return text_problem(err, f->key, "holds no private key in PEM form", -NP_EINVAL);
	if (p->path == NULL)
		return text_problem(err, f->key, "is encrypted: name a password_file", -NP_EACCES);
	if (p->err != 0)
		return text_problem(err, p->path, np_err_text(p->err), p->err);
	if (p->tried == 0)
		return text_problem(err, p->path, "holds no password: write one to a line", -NP_EINVAL);
	return text_problem(err, f->key, "no line of its password_file opens it", -NP_EACCES);
}

/* As often as the password file has lines: a wrong password and a broken key look alike. */
static int load_key(OSSL_LIB_CTX *lib, const struct tls_cert_files *f, EVP_PKEY **key,
		    struct text *err)
{
	struct password p = {.path = f->password};
	unsigned before;
	int code;
	BIO *b = open_pem(f->key, err, &code);

	if (b == NULL)
		return code;
	do {
		before = p.tried;
		*key = PEM_read_bio_PrivateKey_ex(b, NULL, give_password, &p, lib, NULL);
	} while (*key == NULL && p.tried > before && BIO_reset(b) == 0);
	if (*key == NULL)
		code = was_unreadable(b) ? text_problem(err, f->key, UNREADABLE, -EIO) :
					   key_problem(f, &p, err);
	BIO_free(b);
	BIO_free(p.lines);
	return code;
}

/* ---- the pair ---- */

/* The kinds of key that sign in TLS 1.2 or 1.3 (RFC 8446, 4.2.3). SM2 is an EC key to
 * EVP_PKEY_is_a, but has its own name. */
static const struct {
	const char *name;
	enum tls_cert_kind kind;
} kinds[] = {
	{"RSA", TLS_CERT_RSA},         {"RSA-PSS", TLS_CERT_RSA_PSS}, {"EC", TLS_CERT_EC},
	{"ED25519", TLS_CERT_ED25519}, {"ED448", TLS_CERT_ED448},
};

/* TLS 1.3 names a curve with each ECDSA signature, and only these three. */
static bool signs_in_tls13(const EVP_PKEY *key)
{
	static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
	char name[64];
	size_t n;

	if (!EVP_PKEY_is_a(key, "EC"))
		return true;
	if (EVP_PKEY_get_group_name(key, name, sizeof(name), &n) != 1)
		return false;
	for (size_t i = 0; i < array_len(curves); i++)
		if (strcmp(name, curves[i]) == 0)
			return true;
	return false;
}

static int find_kind(struct tls_cert *c, const char *path, struct text *err)
{
	for (size_t i = 0; i < array_len(kinds); i++)
		if (EVP_PKEY_is_a(c->key, kinds[i].name)) {
			c->kind = kinds[i].kind;
			c->tls13 = signs_in_tls13(c->key);
			return 0;
		}
	text_problem(err, path, "TLS cannot sign with a key of the kind ", -NP_EINVAL);
	text_str(err, EVP_PKEY_get0_type_name(c->key));
	text_str(err, ": use RSA, EC or Ed25519");
	return -NP_EINVAL;
}

/* By way of a difference: OpenSSL 3.0 converts an ASN1_TIME to a struct tm only, and timegm would
 * not be told of the range that X.509 allows. */
bool tls_cert_time(const ASN1_TIME *t, int64_t *seconds)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, secs = 0;
	bool ok = epoch != NULL && ASN1_TIME_diff(&days, &secs, epoch, t);

	ASN1_TIME_free(epoch);
	*seconds = (int64_t)days * DAY + secs;
	return ok;
}

int tls_cert_load(OSSL_LIB_CTX *lib, const struct tls_cert_files *f, struct tls_cert *out,
		  struct text *err)
{
	struct tls_cert c = {.leaf = NULL};
	int code = tls_cert_list(lib, f->cert, &c.chain, err);

	if (code != 0)
		return code;
	DCHECK(sk_X509_num(c.chain) > 0, "tls_cert_list succeeds with at least one certificate");
	c.leaf = sk_X509_shift(c.chain);
	code = load_key(lib, f, &c.key, err);
	if (code == 0 && X509_check_private_key(c.leaf, c.key) != 1)
		code = text_problem(err, f->key, "is not the key of the first certificate",
				    -NP_EINVAL);
	if (code == 0)
		code = find_kind(&c, f->key, err);
	ERR_clear_error();
	if (code != 0) {
		tls_cert_fini(&c);
		return code;
	}
	/* A time that cannot be read counts as expired: 0 is 1970. */
	(void)!tls_cert_time(X509_get0_notAfter(c.leaf), &c.expires);
	*out = c;
	return 0;
}

int tls_cert_first_end(const char *path, int64_t *expires, struct text *err)
{
	struct stack_st_X509 *list;
	int code = tls_cert_list(NULL, path, &list, err);

	if (code != 0)
		return code;
	*expires = INT64_MAX;
	for (int i = 0; i < sk_X509_num(list); i++) {
		int64_t end;

		if (tls_cert_time(X509_get0_notAfter(sk_X509_value(list, i)), &end) && end < *expires)
			*expires = end;
	}
	sk_X509_pop_free(list, X509_free);
	return 0;
}

void tls_cert_fini(struct tls_cert *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	*c = (struct tls_cert){.leaf = NULL};
}

/* ---- names ---- */

/* A name with a NUL inside would be a shorter name to whoever reads it as a C string
 * (CVE-2009-2408), so it is passed over. */
static int give_name(const ASN1_STRING *s, int (*fn)(void *arg, const char *name), void *arg)
{
	char name[NAME_ROOM];
	int n = ASN1_STRING_length(s);
	const unsigned char *p = ASN1_STRING_get0_data(s);

	if (n <= 0 || (size_t)n >= sizeof(name) || memchr(p, '\0', (size_t)n) != NULL)
		return 0;
	memcpy(name, p, (size_t)n);
	name[n] = '\0';
	return fn(arg, name);
}

static int common_name(const struct tls_cert *c, int (*fn)(void *arg, const char *name), void *arg)
{
	X509_NAME *subject = X509_get_subject_name(c->leaf);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (i < 0)
		return 0;
	return give_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), fn, arg);
}

/* The names of the extension; NULL without one, or with one that is malformed.   Returns  0 or
 * -NP_ENOMEM: with fewer names than it has, a certificate would serve the wrong clients. */
static int alt_names(const struct tls_cert *c, GENERAL_NAMES **out)
{
	int critical, reason;

	ERR_clear_error();
	*out = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, &critical, NULL);
	reason = ERR_GET_REASON(ERR_peek_last_error());
	ERR_clear_error();
	return *out == NULL && critical >= 0 && reason == ERR_R_MALLOC_FAILURE ? -NP_ENOMEM : 0;
}

int tls_cert_names(const struct tls_cert *c, int (*fn)(void *arg, const char *name), void *arg)
{
	GENERAL_NAMES *names;
	int n, err;
	bool any = false;

	DCHECK(c->leaf != NULL, "names are asked of a certificate that is loaded");
	err = alt_names(c, &names);
	if (err != 0)
		return err;
	n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	for (int i = 0; i < n && err == 0; i++) {
		GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		any = true;
		err = give_name(name->d.dNSName, fn, arg);
	}
	GENERAL_NAMES_free(names);
	return any ? err : common_name(c, fn, arg);
}

char *tls_cert_serial(const struct tls_cert *c)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c->leaf), NULL);
	char *hex = n != NULL ? BN_bn2hex(n) : NULL, *copy = hex != NULL ? strdup(hex) : NULL;

	OPENSSL_free(hex);
	BN_free(n);
	return copy;
}
