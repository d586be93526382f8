/* The authority and its certificates, the client that asks for a staple, the responder. */
#include "tests/flow/kit/ocsp_responder.h"

#include <openssl/ocsp.h>
#include <time.h>

struct authority authority;

static void authority_make(void)
{
	if (authority.root != NULL)
		return;
	authority.root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	authority.sub = kit_cert_make(&(struct kit_cert_opts){.cn = "sub", .ca = true, .issuer = authority.root});
}

struct asked asked_make(const char *name, const char *url)
{
	struct asked a = {.name = name};
	char path[KIT_PATH];

	authority_make();
	a.x = kit_cert_make(&(struct kit_cert_opts){.cn = name, .dns = name, .issuer = authority.sub, .ocsp = url});
	kit_cert_write(a.x, textf("%s.pem", name), path);
	kit_cert_write_key(a.x, textf("%s.key", name), NULL, path);
	return a;
}

const char *asked_keys(const struct asked *a, size_t n)
{
	const char *all = "";

	for (size_t i = 0; i < n; i++)
		all = textf("%s%s{cert: @DIR@/%s.pem, key: @DIR@/%s.key, ocsp_fetch: true}", all, i > 0 ? ", " : "",
			    a[i].name, a[i].name);
	return textf("tls: {certificates: [%s]}, upstream: back", all);
}

struct edge asked_edge(const struct asked *a, size_t n)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	return edge_start(asked_keys(a, n), edge_upstream("back", kit_peer_port(echo), ""));
}

long staple_get(const struct edge *e, const char *name, uint8_t *out, size_t cap)
{
	struct tls_peer p;
	const unsigned char *der;
	long n;

	tls_peer_make(&p, edge_connect(e), TLS_client_method(), &(struct tls_peer_opts){.sni = name});
	SSL_set_tlsext_host_name(p.ssl, name);
	SSL_set_tlsext_status_type(p.ssl, TLSEXT_STATUSTYPE_ocsp);
	if (SSL_connect(p.ssl) != 1)
		kit_fail("no handshake for %s", name);
	assert_string_equal(tls_peer_cn(&p), name);
	n = SSL_get_tlsext_status_ocsp_resp(p.ssl, &der);
	assert_true(n <= (long)cap);
	if (n > 0)
		memcpy(out, der, (size_t)n);
	tls_peer_send(&p, "hello", 5);
	tls_peer_expect(&p, "hello", 5);
	tls_peer_half_close(&p);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	return n;
}

struct wanted_staple {
	const struct edge *e;
	const char *name;
	const uint8_t *der; /* NULL: none is wanted */
	size_t n;
};

/* By every worker: connections are spread over the two by chance, so that one alone would hardly get all of them. */
static bool is_stapled(void *arg)
{
	const struct wanted_staple *w = arg;
	uint8_t got[8192];

	for (int i = 0; i < 16; i++) {
		long n = staple_get(w->e, w->name, got, sizeof(got));

		if (w->der == NULL ? n >= 0 : n != (long)w->n || memcmp(got, w->der, w->n) != 0)
			return false;
	}
	return true;
}

void staple_wait(const struct edge *e, const char *name, const uint8_t *der, size_t n)
{
	struct wanted_staple w = {e, name, der, n};

	if (!kit_wait(is_stapled, &w, KIT_MS))
		kit_fail("%s: %s", name, der != NULL ? "the answer is not stapled" : "there is a staple still");
}

bool responder_by_get;

int responder_take(int listener, char path[64])
{
	int fd = kit_accept(listener);
	char got[2048], *body = NULL;
	const char *length;
	size_t have = 0;

	do {
		ssize_t n = kit_io_read(fd, got + have, sizeof(got) - 1 - have);

		if (n <= 0)
			kit_fail("the request ends early");
		have += (size_t)n;
		got[have] = '\0';
		body = strstr(got, "\r\n\r\n");
		length = strstr(got, "\r\nContent-Length: ");
	} while (body == NULL || (length != NULL && have < (size_t)(body + 4 - got) + strtoul(length + 18, NULL, 10)));
	assert_non_null(strstr(got, " HTTP/1.0\r\nHost: "));
	responder_by_get = false;
	if (strncmp(got, "GET ", 4) == 0) {
		responder_by_get = true;
		assert_int_equal(sscanf(got, "GET /%63[^/ ]", path), 1);
		return fd;
	}
	assert_non_null(strstr(got, "\r\nContent-Type: application/ocsp-request\r\n"));
	assert_int_equal(sscanf(got, "POST /%63s ", path), 1);
	return fd;
}

void responder_reply(int fd, const char *head, const void *body, size_t n)
{
	kit_send(fd, head, strlen(head));
	if (n > 0)
		kit_send(fd, body, n);
	close(fd);
}

void responder_answer(int listener, const void *der, size_t n)
{
	char path[64];
	int fd = responder_take(listener, path);

	responder_reply(fd, textf("HTTP/1.1 200 OK\r\nServer: none\r\n" RESPONSE_TYPE
				  "Content-Length: %zu\r\n\r\n", n), der, n);
}
