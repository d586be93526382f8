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

struct tls_known *tls_known_new(const struct tls *t)
{
	struct tls_facts f = {.version = NULL};
	const char *const texts[] = {f.sni, f.alpn, f.subject, f.cn};
	struct tls_known *k;
	size_t n = 0;

	DCHECK(t->ssl != NULL, "facts are packed before OpenSSL's object goes");
	ask_openssl(t, &f);
	for (size_t i = 0; i < array_len(texts); i++)
		n += strlen(texts[i]) + 1;
	k = malloc(sizeof(*k) + n);
	if (k == NULL)
		return NULL;
	*k = (struct tls_known){f.version, f.cipher, f.protocol, f.resumed, f.verified};
	n = 0;
	for (size_t i = 0; i < array_len(texts); i++) {
		memcpy(k->text + n, texts[i], strlen(texts[i]) + 1);
		n += strlen(texts[i]) + 1;
	}
	return k;
}

static void unpack_facts(const struct tls_known *k, struct tls_facts *f)
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
		unpack_facts(t->known, f);
	else
		ask_openssl(t, f);
}
