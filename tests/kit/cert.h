/* cert: keys, certificates and revocation lists, made when a test asks for them and written as PEM files into
 * kit_dir(). A chain is made from its root: each certificate names its issuer.
 *
 *   struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
 *   struct kit_cert *leaf = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test,*.a.test", .issuer = root});
 *   kit_cert_write(leaf, "a.pem", path); kit_cert_write_key(leaf, "a.key", NULL, path);
 *
 * For the test's own thread. What cannot be made fails the running test. Certificates live until the program ends, so
 * tests of one program may share those that are dear to make. Apart from kit.h: not every test wants libcrypto. */
#ifndef TESTS_KIT_CERT_H
#define TESTS_KIT_CERT_H

#include "tests/kit/kit.h"

enum kit_key {
	KIT_P256, KIT_P384, KIT_ED25519, KIT_RSA2048, KIT_RSA4096,
	/* Kinds that few have. An RSA-PSS key may be bound to one hash. */
	KIT_P224, KIT_P521, KIT_SECP256K1, KIT_BRAINPOOL256, KIT_BRAINPOOL384, KIT_BRAINPOOL512, KIT_ED448,
	KIT_PSS, KIT_PSS_SHA256, KIT_PSS_SHA384, KIT_PSS_SHA512, KIT_DSA, KIT_RSA1024,
};

struct kit_cert; /* a certificate and its private key */

struct kit_cert_opts {
	const char      *cn;       /* NULL: the subject is empty */
	const char      *ou;       /* an organizational unit of it; NULL: none */
	const char      *uri;      /* one URI among its names; NULL: none */
	const char      *dns;      /* subject alternative names, separated by commas; NULL: none */
	const char      *ip;       /* one address among them; NULL: none */
	const char      *raw;      /* one more name of raw_n bytes, whatever they are */
	size_t           raw_n;
	enum kit_key     key;
	bool             ca;
	const char      *ocsp;     /* URL of the responder it names; NULL: none */
	bool             answers;  /* may sign OCSP answers for its issuer */
	int              from_days; /* valid from so many days from now; 0: since an hour ago */
	int              to_days;   /* until so many days from now; 0: 30 */
	int              to_hours;  /* and so many hours longer */
	int              to_seconds; /* until so many seconds from now, and no days count; 0: they do */
	struct kit_cert *issuer;    /* NULL: signs itself */
};

struct kit_cert *kit_cert_make(const struct kit_cert_opts *o);
/* The certificate, then its issuers but for the root, into kit_dir()/name; path gets the full name. A root: itself. */
void kit_cert_write(const struct kit_cert *c, const char *name, char path[KIT_PATH]);
/* The private key, encrypted if there is a password, readable by its owner alone. */
void kit_cert_write_key(const struct kit_cert *c, const char *name, const char *password, char path[KIT_PATH]);
/* The list of what ca revoked: n of its certificates. */
void kit_cert_write_crl(const struct kit_cert *ca, struct kit_cert *const revoked[], size_t n, const char *name,
			char path[KIT_PATH]);
/* An OCSP answer, signed by hand. */
struct kit_ocsp_opts {
	const struct kit_cert *about;
	const struct kit_cert *signer; /* NULL: the issuer of `about` */
	int                    status; /* 0 good, 1 revoked, 2 unknown */
	int                    from, until; /* seconds from now; until 0: it does not say */
};
/* Into out, in DER; returns the length. */
size_t kit_cert_ocsp(const struct kit_ocsp_opts *o, uint8_t *out, size_t cap);
/* The database of an authority, as `openssl ca` keeps it: n certificates, the first `revoked` of them revoked. */
void kit_cert_write_index(struct kit_cert *const issued[], size_t n, size_t revoked, const char *name,
			  char path[KIT_PATH]);
/* Base64 of the SHA-256 of its public key, as pins are written. */
void kit_cert_pin(const struct kit_cert *c, char pin[64]);

#endif
