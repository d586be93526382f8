/* cert: certificates, keys and authorities for the tests, made with OpenSSL when a test asks for them. */
#include "tests/kit/cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY 86400L

struct kit_cert {
	struct kit_cert *next; /* all there are */
	const struct kit_cert *issuer; /* itself: a root */
	X509 *x;
	EVP_PKEY *key;
};

static struct kit_cert *certs; /* never freed: reachable to the end */

/* What libcrypto cannot do here, it can nowhere. */
static void must(bool ok, const char *what)
{
	if (!ok)
		kit_fail("certificate: %s failed", what);
}

static const char *const curves[] = {"P-224", "P-521", "secp256k1", "brainpoolP256r1", "brainpoolP384r1",
				     "brainpoolP512r1"};
static const char *const pss_hashes[] = {NULL, "SHA256", "SHA384", "SHA512"};

static EVP_PKEY *make_pss(const char *hash)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	must(c != NULL && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048) == 1, "RSA-PSS");
	if (hash != NULL)
		must(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(c, hash, NULL) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(c, hash) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(c, EVP_MD_get_size(EVP_get_digestbyname(hash))) == 1,
		     hash);
	must(EVP_PKEY_generate(c, &key) == 1, "RSA-PSS");
	EVP_PKEY_CTX_free(c);
	return key;
}

static EVP_PKEY *make_dsa(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL), *k;
	EVP_PKEY *params = NULL, *key = NULL;

	must(c != NULL && EVP_PKEY_paramgen_init(c) == 1 && EVP_PKEY_CTX_set_dsa_paramgen_bits(c, 2048) == 1 &&
	     EVP_PKEY_paramgen(c, &params) == 1, "DSA parameters");
	k = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
	must(k != NULL && EVP_PKEY_keygen_init(k) == 1 && EVP_PKEY_generate(k, &key) == 1, "DSA");
	EVP_PKEY_CTX_free(k);
	EVP_PKEY_free(params);
	EVP_PKEY_CTX_free(c);
	return key;
}

static EVP_PKEY *make_key(enum kit_key kind)
{
	switch (kind) {
	case KIT_P256:
		return EVP_EC_gen("P-256");
	case KIT_P384:
		return EVP_EC_gen("P-384");
	case KIT_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case KIT_RSA2048:
		return EVP_RSA_gen(2048);
	case KIT_RSA4096:
		return EVP_RSA_gen(4096);
	case KIT_RSA1024:
		return EVP_RSA_gen(1024);
	case KIT_ED448:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	case KIT_DSA:
		return make_dsa();
	case KIT_PSS:
	case KIT_PSS_SHA256:
	case KIT_PSS_SHA384:
	case KIT_PSS_SHA512:
		return make_pss(pss_hashes[kind - KIT_PSS]);
	case KIT_P224:
	case KIT_P521:
	case KIT_SECP256K1:
	case KIT_BRAINPOOL256:
	case KIT_BRAINPOOL384:
	case KIT_BRAINPOOL512:
		return EVP_EC_gen(curves[kind - KIT_P224]);
	}
	return NULL;
}

/* ---- extensions ------------------------------------------------------------------------------ */

static void add_text(struct kit_cert *c, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(e != NULL && X509_add_ext(c->x, e, -1), value);
	X509_EXTENSION_free(e);
}

static void add_name(GENERAL_NAMES *names, int type, const void *p, size_t n)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *s = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	must(name != NULL && s != NULL && ASN1_STRING_set(s, p, (int)n), "a name");
	GENERAL_NAME_set0_value(name, type, s);
	must(sk_GENERAL_NAME_push(names, name) > 0, "a name");
}

static void add_ip(GENERAL_NAMES *names, const char *ip)
{
	unsigned char a[16];
	bool six = strchr(ip, ':') != NULL;

	must(inet_pton(six ? AF_INET6 : AF_INET, ip, a) == 1, ip);
	add_name(names, GEN_IPADD, a, six ? 16 : 4);
}

static void add_names(struct kit_cert *c, const struct kit_cert_opts *o)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	size_t n;

	must(names != NULL, "a list of names");
	for (const char *p = o->dns; p != NULL && *p != '\0'; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		add_name(names, GEN_DNS, p, n);
	}
	if (o->raw != NULL)
		add_name(names, GEN_DNS, o->raw, o->raw_n);
	if (o->uri != NULL)
		add_name(names, GEN_URI, o->uri, strlen(o->uri));
	if (o->ip != NULL)
		add_ip(names, o->ip);
	if (sk_GENERAL_NAME_num(names) > 0)
		must(X509_add1_ext_i2d(c->x, NID_subject_alt_name, names, 0, 0) == 1, "names");
	GENERAL_NAMES_free(names);
}

static void add_ocsp(struct kit_cert *c, const struct kit_cert_opts *o)
{
	char value[512];

	if (o->ocsp != NULL) {
		snprintf(value, sizeof(value), "OCSP;URI:%s", o->ocsp);
		add_text(c, NID_info_access, value);
	}
	if (o->answers)
		add_text(c, NID_ext_key_usage, "OCSPSigning");
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void set_fields(struct kit_cert *c, const struct kit_cert_opts *o)
{
	static long serial = 1000;
	X509_NAME *subject = X509_get_subject_name(c->x);
	long from = o->from_days != 0 ? o->from_days * DAY : -3600;
	long days = o->to_days != 0 ? o->to_days * DAY + o->to_hours * 3600 : 30 * DAY;
	long to = o->to_seconds != 0 ? o->to_seconds : days;

	must(X509_set_version(c->x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(c->x), ++serial) &&
		     X509_gmtime_adj(X509_getm_notBefore(c->x), from) != NULL &&
		     X509_gmtime_adj(X509_getm_notAfter(c->x), to) != NULL && X509_set_pubkey(c->x, c->key),
	     "the fields");
	if (o->ou != NULL)
		must(X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_UTF8, (const unsigned char *)o->ou, -1, -1, 0),
		     o->ou);
	if (o->cn != NULL)
		must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)o->cn, -1, -1, 0),
		     o->cn);
	must(X509_set_issuer_name(c->x, X509_get_subject_name(c->issuer->x)), "the issuer");
}

/* EdDSA signs the bytes themselves; an RSA-PSS key may be bound to its hash. */
static const EVP_MD *digest_for(EVP_PKEY *key)
{
	char name[32] = "SHA256";
	int must_be = EVP_PKEY_get_default_digest_name(key, name, sizeof(name));

	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return NULL;
	return must_be == 2 && EVP_get_digestbyname(name) != NULL ? EVP_get_digestbyname(name) : EVP_sha256();
}

struct kit_cert *kit_cert_make(const struct kit_cert_opts *o)
{
	struct kit_cert *c = calloc(1, sizeof(*c));

	must(c != NULL, "memory");
	c->next = certs;
	certs = c;
	c->issuer = o->issuer != NULL ? o->issuer : c;
	c->x = X509_new();
	c->key = make_key(o->key);
	must(c->x != NULL && c->key != NULL, "a key");
	set_fields(c, o);
	add_text(c, NID_basic_constraints, o->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_text(c, NID_key_usage,
		 o->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,keyEncipherment");
	add_names(c, o);
	add_ocsp(c, o);
	must(X509_sign(c->x, c->issuer->key, digest_for(c->issuer->key)) > 0, "signing");
	return c;
}

/* ---- files ----------------------------------------------------------------------------------- */

static FILE *open_file(const char *name, char path[KIT_PATH])
{
	FILE *f;

	kit_file_write(name, "", path);
	must(chmod(path, 0600) == 0, path);
	f = fopen(path, "we");
	must(f != NULL, path);
	return f;
}

static void close_file(FILE *f, const char *path)
{
	must(fclose(f) == 0, path);
}

void kit_cert_write(const struct kit_cert *c, const char *name, char path[KIT_PATH])
{
	FILE *f = open_file(name, path);

	do {
		must(PEM_write_X509(f, c->x), path);
		c = c->issuer;
	} while (c->issuer != c);
	close_file(f, path);
}

void kit_cert_write_key(const struct kit_cert *c, const char *name, const char *password, char path[KIT_PATH])
{
	FILE *f = open_file(name, path);
	const EVP_CIPHER *cipher = password != NULL ? EVP_aes_128_cbc() : NULL;
	const unsigned char *pw = (const unsigned char *)password;

	must(PEM_write_PrivateKey(f, c->key, cipher, pw, password != NULL ? (int)strlen(password) : 0, NULL, NULL),
	     path);
	close_file(f, path);
}

static void add_revoked(X509_CRL *crl, const struct kit_cert *c, ASN1_TIME *when)
{
	X509_REVOKED *r = X509_REVOKED_new();

	must(r != NULL && X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(c->x)) &&
		     X509_REVOKED_set_revocationDate(r, when) && X509_CRL_add0_revoked(crl, r),
	     "revoking");
}

void kit_cert_write_crl(const struct kit_cert *ca, struct kit_cert *const revoked[], size_t n, const char *name,
			char path[KIT_PATH])
{
	FILE *f = open_file(name, path);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *next = X509_gmtime_adj(NULL, 30 * DAY);

	must(crl != NULL && now != NULL && next != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		     X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x)) &&
		     X509_CRL_set1_lastUpdate(crl, now) && X509_CRL_set1_nextUpdate(crl, next),
	     "a list");
	for (size_t i = 0; i < n; i++)
		add_revoked(crl, revoked[i], now);
	must(X509_CRL_sort(crl) && X509_CRL_sign(crl, ca->key, digest_for(ca->key)) > 0, "signing");
	must(PEM_write_X509_CRL(f, crl), path);
	X509_CRL_free(crl);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	close_file(f, path);
}

/* ---- OCSP ------------------------------------------------------------------------------------ */

size_t kit_cert_ocsp(const struct kit_ocsp_opts *o, uint8_t *out, size_t cap)
{
	const struct kit_cert *signer = o->signer != NULL ? o->signer : o->about->issuer;
	ASN1_TIME *from = X509_gmtime_adj(NULL, o->from);
	ASN1_TIME *until = o->until != 0 ? X509_gmtime_adj(NULL, o->until) : NULL;
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, o->about->x, o->about->issuer->x);
	OCSP_RESPONSE *r;
	uint8_t *at = out;
	int n;

	/* When it was revoked is looked at in this case alone. */
	must(from != NULL && b != NULL && id != NULL &&
		     OCSP_basic_add1_status(b, id, o->status, OCSP_REVOKED_STATUS_NOSTATUS, from, from, until) &&
		     OCSP_basic_sign(b, signer->x, signer->key, digest_for(signer->key), NULL, 0),
	     "an OCSP answer");
	r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	n = r != NULL ? i2d_OCSP_RESPONSE(r, NULL) : -1;
	must(n > 0 && (size_t)n <= cap && i2d_OCSP_RESPONSE(r, &at) == n, "an OCSP answer");
	OCSP_RESPONSE_free(r);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(b);
	ASN1_TIME_free(until);
	ASN1_TIME_free(from);
	return (size_t)n;
}

void kit_cert_write_index(struct kit_cert *const issued[], size_t n, size_t revoked, const char *name,
			  char path[KIT_PATH])
{
	char text[4096] = "";
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		bool gone = i < revoked;

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\t491231235959Z\t%s\t%04lX\tunknown\t/CN=any\n",
				       gone ? "R" : "V", gone ? "260101000000Z" : "",
				       ASN1_INTEGER_get(X509_get0_serialNumber(issued[i]->x)));
		must(at < sizeof(text), "an index");
	}
	kit_file_write(name, text, path);
}

void kit_cert_pin(const struct kit_cert *c, char pin[64])
{
	unsigned char *der = NULL, hash[32];
	int n = i2d_PUBKEY(c->key, &der);

	must(n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL), "a pin");
	OPENSSL_free(der);
	EVP_EncodeBlock((unsigned char *)pin, hash, sizeof(hash));
}
