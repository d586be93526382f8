/* Checks over TLS of servers whose connections are passed on unopened: E16, E17, and a certificate that expires while
 * it is checked. OpenSSL's server stands behind; clients speak TLS with it through staunch. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_peer.h"
#include "tests/kit/cert.h"

struct world {
	struct kit_staunch *s;
	int port, server;
	char ca[KIT_PATH];
};

/* Its certificate is for a.test, and was made long ago or ends within so many seconds. */
static void serve_tls(struct world *w, int to_days, int to_seconds)
{
	struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	struct kit_cert *leaf = kit_cert_make(&(struct kit_cert_opts){
		.dns = "a.test", .issuer = root, .from_days = -30, .to_days = to_days, .to_seconds = to_seconds});
	char cert[KIT_PATH], key[KIT_PATH];
	const char *at;

	program_need("openssl");
	w->server = kit_port(kit_ip(0));
	w->port = kit_port(kit_ip(0));
	at = textf("%s:%d", kit_ip(0), w->server);
	kit_cert_write(root, "ca.pem", w->ca);
	kit_cert_write(leaf, "leaf.pem", cert);
	kit_cert_write_key(leaf, "leaf.key", NULL, key);
	(void)program_serve("tls", KIT_ARGV("openssl", "s_server", "-quiet", "-www", "-accept", at, "-cert", cert,
					    "-key", key), kit_ip(0), w->server);
}

static const char *config_of(const struct world *w, const char *check)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n"
				 "  - {name: app, servers: [\"%s:%d\"], health: {%s}}\n",
		     kit_ip(0), w->port, kit_ip(0), w->server, check);
}

static void start(struct world *w, const char *check)
{
	w->s = kit_staunch_start(config_of(w, check));
}

static bool said(const struct world *w, const char *text)
{
	return kit_file_count(w->s->child->err, text) > 0;
}

/* A client's own handshake, with the server behind. */
static bool is_served(const struct world *w)
{
	struct tls_peer p;
	bool well = tls_peer_dial(&p, kit_connect(kit_ip(0), w->port),
				  &(struct tls_peer_opts){.sni = "a.test", .ca = w->ca});

	if (well) {
		tls_peer_send(&p, "GET / HTTP/1.0\r\n\r\n", 18);
		well = tls_peer_next(&p) == 1;
	}
	tls_peer_close(&p);
	return well;
}

/* E17: the check has a handshake of its own, and what it believes is its own, too. */
static void e17_tls_that_is_passed_on(void **state)
{
	static const struct {
		const char *check, *said; /* NULL: it is well */
	} rows[] = {
		{"tls: {sni: a.test, ca: \"%s\", timeout: 10s}", NULL},
		{"tls: {verify: false, timeout: 10s}", NULL},
		{"http: {tls: on, host: a.test, ca: \"%s\", timeout: 10s}", NULL},
		{"http: {tls: on, sni: a.test, ca: \"%s\", status: \"404\", timeout: 10s}",
		 "is not up: its first check: the answer is not the wanted one: status 200"},
		{"send: {tls: on, sni: a.test, ca: \"%s\", send: \"GET / HTTP/1.0\\r\\n\\r\\n\", expect: \"200 ok\", "
		 "timeout: 10s}", NULL},
		{"tls: {sni: b.test, ca: \"%s\", timeout: 10s}",
		 "is not up: its first check: the TLS handshake fails: hostname mismatch"},
		{"tls: {ca: \"%s\", timeout: 10s}",
		 "is not up: its first check: the TLS handshake fails: IP address mismatch"},
		{"tls: {sni: a.test, timeout: 10s}",
		 "is not up: its first check: the TLS handshake fails: unable to get local issuer certificate"},
		{"http: {timeout: 2s}", "is not up: its first check: the server ends too early"}, /* in plain */
	};
	struct world w = {0};

	(void)state;
	serve_tls(&w, 30, 0);
	for (size_t i = 0; i < array_len(rows); i++) {
		/* each form has room for the path, or for nothing */
		char check[512];
		const char *at = strstr(rows[i].check, "%s");

		snprintf(check, sizeof(check), "%.*s%s%s", at != NULL ? (int)(at - rows[i].check) : 511, rows[i].check,
			 at != NULL ? w.ca : "", at != NULL ? at + 2 : "");
		start(&w, check);
		if (said(&w, "is not up") != (rows[i].said != NULL) ||
		    (rows[i].said != NULL && !said(&w, rows[i].said)))
			kit_fail("%s: see %s", rows[i].check, w.s->child->err);
		if (rows[i].said == NULL)
			assert_true(is_served(&w));
		kit_staunch_stop(w.s, SIGTERM);
	}
}

/* Without a ca the system's authorities are believed, as for connections. */
static void e17_the_systems_authorities(void **state)
{
	struct world w = {0};

	(void)state;
	serve_tls(&w, 30, 0);
	setenv("SSL_CERT_FILE", w.ca, 1);
	start(&w, "tls: {sni: a.test, timeout: 10s}");
	unsetenv("SSL_CERT_FILE");
	assert_false(said(&w, "is not up"));
	assert_true(is_served(&w));
	kit_staunch_stop(w.s, SIGTERM);
}

/* The time until it expires is doubled where the machine is too slow for it. */
static void e16_a_certificate_that_expires(void **state)
{
	struct world w = {0};
	int lives = 4;

	(void)state;
	for (;; lives *= 2) {
		assert_true(lives <= 64);
		serve_tls(&w, 0, lives);
		start(&w, textf("tls: {sni: a.test, ca: \"%s\", interval: 500ms, timeout: 10s}", w.ca));
		if (!said(&w, "is not up"))
			break;
		kit_staunch_stop(w.s, SIGTERM);
	}
	kit_file_wait(w.s->child->err, "is down: the TLS handshake fails: certificate has expired", 1);
	kit_file_wait(w.s->child->err, "it was up for", 1);
	kit_staunch_stop(w.s, SIGTERM);
}

/* E30: other authorities are another check: the verdict stays until its first result, which decides alone. */
static void e30_other_authorities(void **state)
{
	struct world w = {0};
	const char *other;

	(void)state;
	serve_tls(&w, 30, 0);
	start(&w, textf("tls: {sni: a.test, ca: \"%s\", interval: 1h, timeout: 10s}", w.ca));
	assert_false(said(&w, "is not up"));
	other = textf("tls: {sni: a.test, interval: 1h, timeout: 10s}");
	(void)generation_from(w.s, 2, config_of(&w, other));
	kit_file_wait(w.s->child->err, "is down: the TLS handshake fails: unable to get local issuer", 1);
	kit_staunch_stop(w.s, SIGTERM);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e17_tls_that_is_passed_on),
		TEST(e17_the_systems_authorities),
		TEST(e16_a_certificate_that_expires),
		TEST(e30_other_authorities),
	};

	return cmocka_run_group_tests_name("upstream tls check", tests, NULL, NULL);
}
