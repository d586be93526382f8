/* Facts of a handshake: asked of OpenSSL's connection object while there is one; before it goes,
 * packed into one block of their size. */
#include "proxy/tls/tls_facts.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "proxy/tls/tls_priv.h"

/* The texts of struct tls_facts stand in its order, each with its NUL. */
struct tls_known {
	const char *version, *cipher; /* static */
	uint16_t protocol;
	bool resumed, verified;
	char text[];
};

static void copy_fact(char to[TLS_FACT], const void *p, size_t n)
{
	if (n >= TLS_FACT)
		n = TLS_FACT - 1;
	memcpy(to, p, n);
	to[n] = '\0';
}

static void ask_subject(X509_NAME *name, struct tls_facts *f)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (b == NULL)
		return;
	X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	n = BIO_get_mem_data(b, &text);
	if (n > 0)
		copy_fact(f->subject, text, (size_t)n);
	BIO_free(b);
	/* A common name with a NUL in it would be read as another one: leave it out. */
	n = X509_NAME_get_text_by_NID(name, NID_commonName, f->cn, TLS_FACT);
	if (n < 0 || strlen(f->cn) != (size_t)n)
		f->cn[0] = '\0';
}

static void ask_openssl(const struct tls *t, struct tls_facts *f)
{
	const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	X509 *peer = SSL_get0_peer_certificate(t->ssl);
	const unsigned char *alpn;
	unsigned n;

	if (cipher != NULL) {
		f->version = SSL_get_version(t->ssl);
		f->protocol = (uint16_t)SSL_version(t->ssl);
		f->cipher = SSL_CIPHER_get_name(cipher);
	}
	if (sni == NULL)
		sni = t->refused;
	if (sni != NULL)
		copy_fact(f->sni, sni, strlen(sni));
	SSL_get0_alpn_selected(t->ssl, &alpn, &n);
	if (n > 0)
		copy_fact(f->alpn, alpn, n);
	f->resumed = SSL_session_reused(t->ssl);
	f->verified = peer != NULL && SSL_get_verify_result(t->ssl) == X509_V_OK;
	if (peer != NULL)
		ask_subject(X509_get_subject_name(peer), f);
}

/* ---- packed ---- */

static struct tls_known *pack_facts(const struct tls_facts *f)
{
	const char *const texts[] = {f->sni, f->alpn, f->subject, f->cn};
	struct tls_known *k;
	size_t n = 0;

	for (size_t i = 0; i < array_len(texts); i++)
		n += strlen(texts[i]) + 1;
	k = malloc(sizeof(*k) + n);
	if (k == NULL)
		return NULL;
	*k = (struct tls_known){f->version, f->cipher, f->protocol, f->resumed, f->verified};
	n = 0;
	for (size_t i = 0; i < array_len(texts); i++) {
		memcpy(k->text + n, texts[i], strlen(texts[i]) + 1);
		n += strlen(texts[i]) + 1;
	}
	return k;
}

struct tls_known *tls_known_new(const struct tls *t)
{
	struct tls_facts f = {.version = NULL};

	DCHECK(t->ssl != NULL, "facts are packed before OpenSSL's object goes");
	ask_openssl(t, &f);
	return pack_facts(&f);
}

void tls_known_facts(const struct tls_known *k, struct tls_facts *f)
{
	char *const texts[] = {f->sni, f->alpn, f->subject, f->cn};
	const char *p = k->text;

	f->version = k->version;
	f->cipher = k->cipher;
	f->protocol = k->protocol;
	f->resumed = k->resumed;
	f->verified = k->verified;
	for (size_t i = 0; i < array_len(texts); i++) {
		memcpy(texts[i], p, strlen(p) + 1);
		p += strlen(p) + 1;
	}
}

uint16_t tls_session(const struct tls *t, bool *resumed)
{
	DCHECK_TLS(t);
	*resumed = t->known != NULL ? t->known->resumed : SSL_session_reused(t->ssl);
	return t->known != NULL ? t->known->protocol : (uint16_t)SSL_version(t->ssl);
}

void tls_facts(const struct tls *t, struct tls_facts *f)
{
	DCHECK_TLS(t);
	*f = (struct tls_facts){.version = NULL};
	if (t->known != NULL)
		tls_known_facts(t->known, f);
	else
		ask_openssl(t, f);
}

/* ---- to another process ---- */

/* The ciphers that tls_record.c knows, as OpenSSL names them: names are static, and there is no connection of OpenSSL's
 * to ask. */
static const char *const own_ciphers[] = {
	"TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256",
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"AES128-GCM-SHA256",
	"DHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
	"AES256-GCM-SHA384",
	"DHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305",
	"DHE-RSA-CHACHA20-POLY1305",
};

void tls_known_export(const struct tls_known *k, struct handover_writer *w)
{
	static const enum handover_tag tags[] = {
		HANDOVER_TAG_KNOWN_SNI, HANDOVER_TAG_KNOWN_ALPN, HANDOVER_TAG_KNOWN_SUBJECT, HANDOVER_TAG_KNOWN_CN};
	uint32_t at = handover_group(w, HANDOVER_TAG_TLS_KNOWN);
	const char *p = k->text;

	handover_put_number(w, HANDOVER_TAG_KNOWN_PROTOCOL, k->protocol);
	handover_put_text(w, HANDOVER_TAG_KNOWN_CIPHER, k->cipher);
	handover_put_number(w, HANDOVER_TAG_KNOWN_FLAGS, (k->resumed ? HANDOVER_KNOWN_RESUMED : 0u) |
								 (k->verified ? HANDOVER_KNOWN_VERIFIED : 0u));
	for (size_t i = 0; i < array_len(tags); i++) {
		if (p[0] != '\0')
			handover_put_text(w, tags[i], p);
		p += strlen(p) + 1;
	}
	handover_group_end(w, at);
}

static void import_cipher(struct handover_reader *r, const struct handover_field *field, struct tls_facts *f)
{
	char text[TLS_FACT] = "";

	(void)handover_text(r, field, text, sizeof(text));
	for (size_t i = 0; i < array_len(own_ciphers); i++)
		if (strcmp(own_ciphers[i], text) == 0)
			f->cipher = own_ciphers[i];
}

/* The words that OpenSSL has for them. */
static void import_protocol(struct handover_reader *r, const struct handover_field *field, struct tls_facts *f)
{
	f->protocol = (uint16_t)handover_number(r, field);
	f->version = f->protocol == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2";
}

/* What is not sound in one fact spoils none of the others: facts are for the log alone. */
static void import_fact(struct handover_reader *r, const struct handover_field *field, struct tls_facts *f)
{
	uint64_t flags;

	switch (field->tag) {
	case HANDOVER_TAG_KNOWN_PROTOCOL:
		import_protocol(r, field, f);
		break;
	case HANDOVER_TAG_KNOWN_CIPHER:
		import_cipher(r, field, f);
		break;
	case HANDOVER_TAG_KNOWN_FLAGS:
		flags = handover_number(r, field);
		f->resumed = (flags & HANDOVER_KNOWN_RESUMED) != 0;
		f->verified = (flags & HANDOVER_KNOWN_VERIFIED) != 0;
		break;
	case HANDOVER_TAG_KNOWN_SNI:
		(void)handover_text(r, field, f->sni, sizeof(f->sni));
		break;
	case HANDOVER_TAG_KNOWN_ALPN:
		(void)handover_text(r, field, f->alpn, sizeof(f->alpn));
		break;
	case HANDOVER_TAG_KNOWN_SUBJECT:
		(void)handover_text(r, field, f->subject, sizeof(f->subject));
		break;
	case HANDOVER_TAG_KNOWN_CN:
		(void)handover_text(r, field, f->cn, sizeof(f->cn));
		break;
	default:
		break;
	}
}

struct tls_known *tls_known_import(const struct handover_field *group)
{
	struct tls_facts f = {.version = NULL};
	struct handover_reader r;
	struct handover_field field;

	handover_read_group(&r, group);
	while (handover_next(&r, &field))
		import_fact(&r, &field, &f);
	return pack_facts(&f);
}
