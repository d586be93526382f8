/* Compares a verified certificate with the lists of client_auth.allow: subject, alternative names,
 * public key. The first match is enough, and lists of names that the certificate lacks cost
 * nothing. */
#include "proxy/tls/tls_ctx_allow.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/cidr_set.h"
#include "proxy/base/name_set.h"
#include "proxy/tls/tls_ctx.h"

/* Texts that are compared letter by letter. */
struct exact {
	char **text; /* owned, and what they point to */
	size_t n;
};

struct tls_allow {
	struct exact cn, ou, uri;
	struct name_set dns;
	struct cidr_set ip;
	struct tls_pins spki;
};

/* ---- building ---- */

static int exact_init(struct exact *e, const struct config_text *list, size_t n)
{
	e->text = calloc(n + 1, sizeof(*e->text)); /* + 1: calloc(0) may return NULL */
	if (e->text == NULL)
		return -NP_ENOMEM;
	for (; e->n < n; e->n++) {
		e->text[e->n] = strdup(list[e->n].text);
		if (e->text[e->n] == NULL)
			return -NP_ENOMEM;
	}
	return 0;
}

static void exact_fini(struct exact *e)
{
	while (e->n > 0)
		free(e->text[--e->n]);
	free(e->text);
}

static int add_patterns(struct name_set *s, const struct config_client_allow *c)
{
	int err = name_set_init(s, c->ndns, NAME_ANY_DEPTH);

	for (size_t i = 0; err == 0 && i < c->ndns; i++) {
		int id = name_set_add(s, c->dns[i].text);

		err = id < 0 ? id : 0;
	}
	return err;
}

static int add_networks(struct cidr_set *s, const struct config_client_allow *c)
{
	struct cidr *nets = calloc(c->nip + 1, sizeof(*nets));
	int err = nets != NULL ? 0 : -NP_ENOMEM;

	for (size_t i = 0; err == 0 && i < c->nip; i++)
		nets[i] = c->ip[i].net;
	if (err == 0)
		err = cidr_set_init(s, nets, c->nip);
	free(nets);
	return err;
}

int tls_allow_new(const struct config_client_allow *c, struct tls_allow **out, struct text *err)
{
	struct tls_allow *a = calloc(1, sizeof(*a));
	int code = a != NULL ? exact_init(&a->cn, c->cn, c->ncn) : -NP_ENOMEM;

	if (code == 0)
		code = exact_init(&a->ou, c->ou, c->nou);
	if (code == 0)
		code = exact_init(&a->uri, c->uri, c->nuri);
	if (code == 0)
		code = add_patterns(&a->dns, c);
	if (code == 0)
		code = add_networks(&a->ip, c);
	if (code == 0)
		code = tls_pins_init(&a->spki, c->spki, c->nspki, "spki", err);
	if (code == 0)
		*out = a;
	else
		tls_allow_free(a);
	return code;
}

struct tls_allow *tls_allow_free(struct tls_allow *a)
{
	if (a == NULL)
		return NULL;
	exact_fini(&a->cn);
	exact_fini(&a->ou);
	exact_fini(&a->uri);
	name_set_fini(&a->dns);
	cidr_set_fini(&a->ip);
	tls_pins_fini(&a->spki);
	free(a);
	return NULL;
}

/* ---- asking ---- */

/* Lengths count: a NUL inside the certificate's text does not end it. */
static bool exact_has(const struct exact *e, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < e->n; i++)
		if (strlen(e->text[i]) == n && memcmp(e->text[i], p, n) == 0)
			return true;
	return false;
}

/* One of the subject's entries of this kind; it may have several. */
static bool subject_has(const X509 *cert, int nid, const struct exact *e)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	bool found = false;

	for (int i = -1; e->n > 0 && !found &&
			 (i = X509_NAME_get_index_by_NID((X509_NAME *)(uintptr_t)subject, nid, i)) >= 0;) {
		unsigned char *utf8 = NULL;
		int n = ASN1_STRING_to_UTF8(
			&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));

		found = n >= 0 && exact_has(e, utf8, (size_t)n);
		OPENSSL_free(utf8);
	}
	return found;
}

static bool networks_have(const struct cidr_set *s, const unsigned char *p, size_t n)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (n == sizeof(in.sin_addr)) {
		memcpy(&in.sin_addr, p, n);
		return cidr_set_has(s, (struct sockaddr *)&in, sizeof(in));
	}
	if (n != sizeof(in6.sin6_addr))
		return false;
	memcpy(&in6.sin6_addr, p, n);
	return cidr_set_has(s, (struct sockaddr *)&in6, sizeof(in6));
}

static bool names_have(const struct tls_allow *a, const GENERAL_NAME *name)
{
	const ASN1_STRING *s;

	switch (name->type) {
	case GEN_DNS:
		s = name->d.dNSName;
		return name_set_find(&a->dns, (const char *)ASN1_STRING_get0_data(s),
				     (size_t)ASN1_STRING_length(s)) >= 0;
	case GEN_URI:
		s = name->d.uniformResourceIdentifier;
		return exact_has(&a->uri, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	case GEN_IPADD:
		s = name->d.iPAddress;
		return networks_have(&a->ip, ASN1_STRING_get0_data(s),
				     (size_t)ASN1_STRING_length(s));
	default:
		return false;
	}
}

static bool alternatives_have(const struct tls_allow *a, const X509 *cert)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (a->dns.n == 0 && a->uri.n == 0 && a->ip.n == 0)
		return false;
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !found && names != NULL && i < sk_GENERAL_NAME_num(names); i++)
		found = names_have(a, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	return found;
}

bool tls_allow_has(const struct tls_allow *a, const X509 *cert)
{
	return subject_has(cert, NID_commonName, &a->cn) ||
	       subject_has(cert, NID_organizationalUnitName, &a->ou) ||
	       alternatives_have(a, cert) || tls_pins_have(&a->spki, cert);
}
