/* Targets: http_url_read, http_reply_read, tls_ocsp_until, tls_ocsp_judge. The input is a URL, a reply, and an answer
 * about the certificate of tests/fuzz/ocsp_chain.pem. In pieces a reply must read as in one; no byte behind it may be
 * looked at; what is believed must be good now; and a URL must stay on its line of the request. */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "netpoll/check.h"
#include "proxy/proto/http.h"
#include "proxy/creds/tls_ocsp.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TYPE "application/ocsp-response"
#define SECOND "\r\nHost: " /* line */
#define NOW  INT64_C(1800000000) /* the seeds are good from 2026 for a hundred years */

static struct tls_ocsp *question;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char room[256];
	struct tls_cert c = {.leaf = NULL};
	struct text err;
	const char *why;

	(void)argc;
	(void)argv;
	text_init(&err, room, sizeof(room));
	CHECK(tls_cert_list(NULL, "tests/fuzz/ocsp_chain.pem", &c.chain, &err) == 0, "run it from the top directory");
	c.leaf = sk_X509_shift(c.chain);
	CHECK(tls_ocsp_new(&c, NULL, &question, &why) == 0, "the chain can be asked about");
	tls_cert_fini(&c);
	return 0;
}

static void *block_of(const void *data, size_t n)
{
	void *block = malloc(n > 0 ? n : 1);

	CHECK(block != NULL, "out of memory");
	memcpy(block, data, n);
	return block;
}

static void try_answer(const uint8_t *data, size_t n)
{
	struct tls_ocsp_verdict v = {.why = NULL};
	uint8_t *der = block_of(data, n);
	int64_t until = 0;
	int parsed = tls_ocsp_until(der, n, &until), err = tls_ocsp_judge(question, der, n, NOW, &v);

	CHECK(err == 0 || v.why != NULL, "refused without a reason");
	CHECK(err != 0 || (parsed == 0 && v.until > NOW && v.from <= NOW + TLS_OCSP_SKEW), "believed, but not good");
	CHECK(err != 0 || until <= v.until || v.until == NOW + TLS_OCSP_HOLD, "it ends at two times");
	free(der);
}

static enum http_verdict read_exactly(const uint8_t *data, size_t n, bool ended, struct http_reply *r)
{
	char *block = block_of(data, n);
	enum http_verdict v = http_reply_read(block, n, ended, TYPE, r);

	CHECK(v != HTTP_WRONG || r->why != NULL, "wrong without a reason");
	CHECK(v != HTTP_MORE || !ended, "more is wanted after the end");
	CHECK(v != HTTP_OK || (r->status == 200 && r->n > 0 && r->body >= block && r->body + r->n <= block + n),
	      "a body outside of its reply");
	if (v == HTTP_OK)
		try_answer((const uint8_t *)r->body, r->n);
	r->body = NULL;
	free(block);
	return v;
}

static void try_reply(const uint8_t *data, size_t n)
{
	enum http_verdict v = HTTP_MORE;
	struct http_reply whole, part;
	size_t at = 0, step = 1 + n / 64;
	enum http_verdict all = read_exactly(data, n, true, &whole);

	for (; v == HTTP_MORE && at <= n; at += step)
		v = read_exactly(data, at, false, &part);
	if (v == HTTP_MORE)
		return;
	CHECK(v == all, "in pieces it reads as something else");
	CHECK(v != HTTP_OK || part.n == whole.n, "in pieces it is longer or shorter");
}

static void try_url(const uint8_t *data, size_t n)
{
	char *url = malloc(n + 1), head[8192];
	struct http_url u;
	struct text t;

	CHECK(url != NULL, "out of memory");
	memcpy(url, data, n);
	url[n] = '\0';
	if (http_url_read(url, &u) == 0) {
		CHECK(u.port != 0 && u.host[0] != '\0', "a URL without a host or a port");
		text_init(&t, head, sizeof(head));
		http_post_head(&t, &u, "x", 1);
		CHECK(t.cut || memchr(head, '\r', t.n) == (char *)memmem(head, t.n, SECOND, sizeof(SECOND) - 1),
		      "the URL has left its line");
	}
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	try_url(data, n);
	try_answer(data, n);
	try_reply(data, n);
	return 0;
}
