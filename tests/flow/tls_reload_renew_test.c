/* TLS over time: certificates that change; keys of every kind; real clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/kit/tls_edge.h"

/* ---- certificates over time ------------------------------------------------------------------ */

struct served_name {
	const struct edge *e;
	const char *cn;
};

static bool serves(void *arg)
{
	const struct served_name *w = arg;
	struct tls_peer p;
	bool same;

	if (!tls_peer_dial(&p, edge_connect(w->e), &(struct tls_peer_opts){.sni = "none"}))
		kit_fail("a handshake failed while certificates changed");
	same = strcmp(tls_peer_cn(&p), w->cn) == 0;
	exchange_tls(&p);
	end_orderly_tls(&p);
	return same;
}

/* D26: taken over by themselves, both workers; a broken one is told and changes nothing. */
static void d26_certificates_change(void **state)
{
	struct edge e = tls_edge("");
	struct kit_cert *next = kit_cert_make(
		&(struct kit_cert_opts){.cn = "next.test", .issuer = pki.root, .to_days = 3});
	struct served_name w = {&e, "next.test"};
	struct tls_peer old;
	char path[KIT_PATH];

	(void)state;
	assert_true(tls_peer_dial(&old, edge_connect(&e), &(struct tls_peer_opts){.sni = "none"}));
	kit_cert_write_key(next, "a.key", NULL, path);
	kit_cert_write(next, "a.pem", path);
	assert_true(kit_wait(serves, &w, KIT_MS));
	kit_staunch_wait_err(e.s, "a.pem expires in ", 1);
	exchange_tls(&old); /* keeps what it has */
	kit_file_write("a.pem", "no certificate at all\n", path);
	kit_staunch_wait_err(e.s, "E405: ", 1);
	kit_staunch_wait_err(e.s, "running generation 2 unchanged", 1);
	for (int i = 0; i < 4; i++)
		assert_true(serves(&w));
	end_orderly_tls(&old);
	kit_proc_wait_fds(e.s->child->pid, e.fds);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

/* What an operator has edited but not yet asked for is not taken over with them, good or bad. */
static void d26_certificates_change_and_nothing_else(void **state)
{
	const char *edited[] = {"this: is no configuration", NULL};
	struct edge e = tls_edge("");

	(void)state;
	edited[1] = edge_config(kit_port(kit_ip(1)), tls_edge_keys(""), edge_upstream("back", 1, ""));
	for (int i = 0; i < 2; i++) {
		const char *cn = i == 0 ? "one.test" : "two.test";
		struct kit_cert *next = kit_cert_make(&(struct kit_cert_opts){.cn = cn, .issuer = pki.root});
		struct served_name w = {&e, cn};
		char path[KIT_PATH];

		kit_staunch_rewrite(e.s, edited[i]);
		kit_cert_write_key(next, "a.key", NULL, path);
		kit_cert_write(next, "a.pem", path);
		assert_true(kit_wait(serves, &w, KIT_MS)); /* through the same address, and to the same server */
		kit_staunch_wait_err(e.s, textf("generation %d is in force", i + 2), 1);
	}
	kit_child_signal(e.s->child, SIGHUP);
	wait_generation(e.s, 4);
	assert_true(kit_try_connect(kit_ip(1), e.port) < 0);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

static void d26_check_and_start_say_which_file(void **state)
{
	char config[KIT_PATH];
	struct kit_child *c;
	struct kit_staunch *s;

	(void)state;
	pki_write();
	kit_file_write("bad.yaml", edge_config(kit_port(kit_ip(1)),
			textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, upstream: back", pki.cert, pki.key2),
			edge_upstream("back", 1, "")), config);
	c = kit_child_start("check", KIT_ARGV(kit_binary(),
					       "check", config));
	assert_int_equal(kit_child_wait(c), 78);
	assert_int_equal(kit_file_count(c->err, "E405"), 1);
	assert_int_equal(kit_file_count(c->err, "b.key"), 2); /* the sentence, and the line it is about */
	s = kit_staunch_spawn(edge_config(kit_port(kit_ip(1)),
			textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, upstream: back", pki.cert, pki.key2),
			edge_upstream("back", 1, "")));
	assert_int_equal(kit_child_wait(s->child), 78);
	assert_int_equal(kit_file_count(s->child->err, "E405: "), 1);
}

/* ---- keys and real clients ------------------------------------------------------------------- */

static void d26_every_kind_of_key(void **state)
{
	static const enum kit_key kinds[] = {KIT_P256, KIT_P384, KIT_ED25519, KIT_RSA2048, KIT_RSA4096};
	struct kit_peer *peer = echo_start();
	struct edge e;

	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		char c[KIT_PATH], k[KIT_PATH], password[KIT_PATH];
		const char *port = edge_upstream("back", kit_peer_port(peer), "");

		pki.root = NULL;
		pki_write();
		pki.leaf = kit_cert_make(&(struct kit_cert_opts){
			.cn = "k.test", .dns = "k.test", .key = kinds[i], .issuer = pki.root});
		kit_cert_write(pki.leaf, "k.pem", c);
		kit_cert_write_key(pki.leaf, "k.key", "secret", k);
		kit_file_write("pass", "secret\n", password);
		e = edge_start(textf("tls: {certificates: [{cert: \"%s\", key: \"%s\", password_file: \"%s\"}]}, "
				     "upstream: back", c, k, password), port);
		served_tls(&e, &(struct tls_peer_opts){.sni = "k.test", .ca = pki.ca}, "k.test", NULL);
		edge_end(&e);
	}
	pki.root = NULL; /* the next test wants its own leaf */
}

static void curl_and_s_client(void **state)
{
	struct edge e;
	struct kit_child *c;
	char url[128], resolve[128];
	int port;

	(void)state;
	if (!kit_have("curl") || !kit_have("nginx") || !kit_have("openssl"))
		skip();
	kit_nginx_start(kit_ip(2), &port);
	pki_write();
	e = edge_start(tls_edge_keys(", alpn: [http/1.1]"),
		       textf("  - {name: back, servers: [\"%s:%d\"]}\n", kit_ip(2), port));
	snprintf(url, sizeof(url), "https://a.test:%d/hello", e.port);
	snprintf(resolve, sizeof(resolve), "a.test:%d:%s", e.port, kit_ip(1));
	c = kit_child_start("curl", KIT_ARGV("curl", "-sS", "--cacert", pki.ca, "--resolve", resolve, url));
	assert_int_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->out, "hello"), 1);
	c = kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-connect", textf("%s:%d", kit_ip(1), e.port),
						  "-servername", "b.test", "-CAfile", pki.ca, "-verify_return_error",
						  "-alpn", "http/1.1"));
	assert_int_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->out, "ALPN protocol: http/1.1"), 1);
	kit_staunch_wait_log(e.s, " listener=edge ", 2);
	edge_said(&e, " sni=b.test ");
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d26_certificates_change),
		TLS_ROW(d26_certificates_change_and_nothing_else),
		TLS_ROW(d26_check_and_start_say_which_file),
		TLS_ROW(d26_every_kind_of_key),
		TLS_ROW(curl_and_s_client),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
