/* Puts into words what a peer offered or showed when TLS with it failed. */
#include "proxy/tls/tls_said.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/x509.h>

#define SAID_ROOM  480
#define NAME_SHOWN 80 /* bytes of a name, which escaped are four times as many */
#define NAMED     6 /* ciphers and groups of a list that are named */

/* ---- keeping ---- */

/* The first words stay: they are the nearest to the cause. Without memory there are none. */
static void keep_words(struct tls *t, const struct text *words)
{
	if (t->said == NULL)
		t->said = strndup(words->p, words->n);
}

static void begin_said(struct text *words, char room[SAID_ROOM], enum tls_failure code)
{
	text_init(words, room, SAID_ROOM);
	text_str(words, tls_why_sentence(code));
}

const char *tls_said(const struct tls *t)
{
	return t != NULL ? t->said : NULL;
}

/* ---- a callback refuses ---- */

void tls_said_name(struct tls *t, enum tls_failure code, const char *name, size_t n)
{
	char room[SAID_ROOM];
	struct text words;

	begin_said(&words, room, code);
	text_str(&words, n > 0 ? ": it asks for " : ": it asks for none");
	text_escape(&words, name, n < NAME_SHOWN ? n : NAME_SHOWN, TEXT_PLAIN);
	keep_words(t, &words);
}

void tls_said_words(struct tls *t, const char *sentence)
{
	struct text words = {.p = (char *)(uintptr_t)sentence, .n = strlen(sentence)};

	keep_words(t, &words);
}

/* As on the wire: a byte of length, then the protocol. */
static void say_protocols(struct text *words, const unsigned char *list, size_t n)
{
	for (size_t at = 0; at < n && list[at] < n - at; at += 1u + list[at]) {
		text_str(words, at > 0 ? ", " : "");
		text_escape(words, list + at + 1, list[at], TEXT_PLAIN);
	}
}

void tls_said_alpn(struct tls *t, const unsigned char *list, size_t n)
{
	char room[SAID_ROOM];
	struct text words;

	begin_said(&words, room, TLS_WHY_NO_ALPN);
	text_str(&words, ": the client offers ");
	say_protocols(&words, list, n);
	keep_words(t, &words);
}

/* ---- a handshake fails ---- */

static const char *version_word(int v)
{
	switch (v) {
	case 0x0300:
		return "SSL 3.0";
	case TLS1_VERSION:
		return "TLS 1.0";
	case TLS1_1_VERSION:
		return "TLS 1.1";
	case TLS1_2_VERSION:
		return "TLS 1.2";
	case TLS1_3_VERSION:
		return "TLS 1.3";
	default:
		return "an unknown version";
	}
}

static void say_ciphers(struct text *words, const SSL *ssl)
{
	STACK_OF(SSL_CIPHER) *list = SSL_get_client_ciphers(ssl);
	int n = list != NULL ? sk_SSL_CIPHER_num(list) : 0;

	for (int i = 0; i < n && i < NAMED; i++) {
		text_str(words, i > 0 ? ", " : "; it offers the ciphers ");
		text_str(words, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)));
	}
	if (n > NAMED) {
		text_str(words, " and ");
		text_u64(words, (uint64_t)(n - NAMED));
		text_str(words, " more");
	}
}

static void say_groups(struct text *words, SSL *ssl)
{
	int ids[64], n = (int)SSL_get1_groups(ssl, NULL);

	if (n <= 0 || n > (int)array_len(ids))
		return;
	n = (int)SSL_get1_groups(ssl, ids);
	for (int i = 0; i < n && i < NAMED; i++) {
		const char *name = OBJ_nid2sn(ids[i]);

		text_str(words, i > 0 ? ", " : "; the groups ");
		text_str(words, name != NULL && ids[i] < TLSEXT_nid_unknown ? name : "unknown");
	}
}

static void say_name(struct text *words, const char *lead, const X509_NAME *name)
{
	char line[160] = "";
	BIO *b = BIO_new(BIO_s_mem());
	int n = -1;

	if (b != NULL && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(b, line, sizeof(line) - 1);
	BIO_free(b);
	text_str(words, lead);
	if (n > 0)
		text_escape(words, line, (size_t)n, TEXT_PLAIN);
	else
		text_str(words, "(no name)");
}

/* The chain as far as it was built. The session has no certificate while its verification failed.
 * */
static void say_certificate(struct text *words, const SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const X509 *leaf = SSL_get0_peer_certificate(ssl);

	if (leaf == NULL && chain != NULL && sk_X509_num(chain) > 0)
		leaf = sk_X509_value(chain, 0);
	if (leaf == NULL)
		return;
	say_name(words, "; it is for ", X509_get_subject_name(leaf));
	say_name(words, ", issued by ", X509_get_issuer_name(leaf));
}

/* A server that sends an alert does not say what it missed: what we offered is all there is to
 * tell. */
static void say_our_offer(struct text *words, const struct tls *t, const char *alpn)
{
	const char *name = tls_asked_name(t);
	int most = (int)SSL_get_max_proto_version(t->ssl);

	text_str(words, "; offered ");
	text_str(words, version_word((int)SSL_get_min_proto_version(t->ssl)));
	text_str(words, " to ");
	text_str(words, version_word(most != 0 ? most : TLS1_3_VERSION));
	if (name != NULL) {
		text_str(words, ", the name ");
		text_str(words, name);
	}
	if (alpn != NULL) {
		text_str(words, ", the protocol ");
		text_escape(words, alpn, strlen(alpn), TEXT_PLAIN);
	} else if (t->ctx->alpn.n > 0) {
		text_str(words, ", the protocols ");
		say_protocols(words, t->ctx->alpn.list, t->ctx->alpn.n);
	}
	text_str(words,
		 SSL_get_certificate(t->ssl) != NULL ? ", a certificate" : ", no certificate");
}

static void say_more(struct text *words, const struct tls *t, const struct tls_why *w,
		     const char *alpn)
{
	switch (w->code) {
	case TLS_WHY_NO_PROTOCOL:
		if (t->ctx->server && t->offered != 0) {
			text_str(words, "; the client speaks at most ");
			text_str(words, version_word(t->offered));
		}
		break;
	case TLS_WHY_NO_CIPHER:
		say_ciphers(words, t->ssl);
		say_groups(words, t->ssl);
		break;
	case TLS_WHY_CERT_UNTRUSTED:
	case TLS_WHY_CERT_EXPIRED:
	case TLS_WHY_CERT_REVOKED:
	case TLS_WHY_CERT_NAME:
	case TLS_WHY_CERT_PIN:
	case TLS_WHY_CERT_DENIED:
		say_certificate(words, t->ssl);
		break;
	default:
		break;
	}
	if (!t->ctx->server && (w->code == TLS_WHY_ALERT || w->code == TLS_WHY_NO_PROTOCOL))
		say_our_offer(words, t, alpn);
}

void tls_said_failure(struct tls *t, const struct tls_why *w, const char *alpn)
{
	const char *detail = tls_why_detail(w);
	char room[SAID_ROOM];
	struct text words;

	if (t->ssl == NULL || w->code == TLS_WHY_NONE || w->code == TLS_WHY_MEMORY)
		return;
	begin_said(&words, room, w->code);
	/* A callback of ours refused: OpenSSL would only say that one did. */
	if (detail[0] != '\0' && t->why == TLS_WHY_NONE) {
		text_str(&words, ": ");
		text_str(&words, detail);
	}
	say_more(&words, t, w, alpn);
	keep_words(t, &words);
}
