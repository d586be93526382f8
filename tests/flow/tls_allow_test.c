/* D15: who may connect by certificate (client_auth.allow), with its clients (OpenSSL, s_client). */
#include <string.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

struct client {
	struct kit_cert *cert;
	char pem[KIT_PATH], key[KIT_PATH];
};

static struct client client_make(const char *name, struct kit_cert_opts o)
{
	struct client c;

	o.issuer = pki.root;
	c.cert = kit_cert_make(&o);
	kit_cert_write(c.cert, textf("%s.pem", name), c.pem);
	kit_cert_write_key(c.cert, textf("%s.key", name), NULL, c.key);
	return c;
}

static struct edge allowing(const char *mode, const char *rules)
{
	return tls_edge(textf(", client_auth: {mode: %s, ca: \"%s\", allow: {%s}}", mode, pki.ca, rules));
}

static void let_in(const struct edge *e, const struct client *c, int max)
{
	served_tls(e, &(struct tls_peer_opts){.cert = c->pem, .key = c->key, .max = max}, "a.test", NULL);
}

/* The client has an alert, and no server has heard of it. */
static void turned_away_with(const struct edge *e, const struct tls_peer_opts *o)
{
	struct tls_peer p;

	if (tls_peer_dial(&p, edge_connect(e), o))
		assert_int_equal(tls_peer_next(&p), -1);
	assert_int_equal(p.alert, SSL_AD_HANDSHAKE_FAILURE);
	assert_false(SSL_session_reused(p.ssl));
	tls_peer_close(&p);
}

static void turned_away(const struct edge *e, const struct client *c, int max)
{
	turned_away_with(e, &(struct tls_peer_opts){.cert = c->pem, .key = c->key, .max = max});
}

static void one_match_is_enough(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static const struct kit_cert_opts near_miss = {
		.cn = "clients.test",
		.ou = "Payments",
		.dns = "clients.test",
		.ip = "127.0.0.1",
		.uri = "spiffe://example.com/billing/x",
	};
	struct client by[6], other;
	char pin[64];
	struct edge e;

	(void)state;
	pki_write();
	by[0] = client_make("cn", (struct kit_cert_opts){.cn = "Ann Smith"});
	by[1] = client_make("ou", (struct kit_cert_opts){.cn = "x", .ou = "payments"});
	by[2] = client_make("dns", (struct kit_cert_opts){.dns = "other.test,x.y.clients.test"});
	by[3] = client_make("uri", (struct kit_cert_opts){.uri = "spiffe://example.com/billing"});
	by[4] = client_make("ip", (struct kit_cert_opts){.ip = "192.0.2.77"});
	by[5] = client_make("spki", (struct kit_cert_opts){.cn = "y"});
	other = client_make("other", near_miss);
	kit_cert_pin(by[5].cert, pin);
	e = allowing("required", textf("cn: [\"Ann Smith\"], ou: payments, dns: \"*.clients.test\", "
				       "uri: \"spiffe://example.com/billing\", ip: 192.0.2.0/24, spki: \"%s\"", pin));
	for (size_t v = 0; v < array_len(versions); v++) {
		for (size_t i = 0; i < array_len(by); i++)
			let_in(&e, &by[i], versions[v]);
		edge_ended(&e, "client_fin", ((int)v + 1) * (int)array_len(by));
		turned_away(&e, &other, versions[v]);
		edge_ended(&e, "denied", (int)v + 1);
	}
	edge_said(&e, "client_auth.allow does not name the client's certificate; it is for "
		      "CN=clients.test,OU=Payments, issued by CN=root\" ");
	edge_end(&e);
}

/* optional: who shows none is let in, who shows another one is not. */
static void only_what_is_shown_is_judged(void **state)
{
	struct client me, other;
	struct edge e;

	(void)state;
	pki_write();
	me = client_make("me", (struct kit_cert_opts){.cn = "me"});
	other = client_make("other", (struct kit_cert_opts){.cn = "other"});
	e = allowing("optional", "cn: me");
	served_tls(&e, &(struct tls_peer_opts){.sni = "a.test"}, "a.test", NULL);
	let_in(&e, &me, 0);
	turned_away(&e, &other, 0);
	edge_ended(&e, "denied", 1);
	edge_end(&e);
}

/* A name that ends early for C and not for the certificate is another name. */
static void a_name_with_a_nul_is_no_match(void **state)
{
	struct client evil;
	struct edge e;

	(void)state;
	pki_write();
	evil = client_make("evil", (struct kit_cert_opts){.cn = "evil", .raw = "me.test\0.evil.test", .raw_n = 18});
	e = allowing("required", "dns: me.test");
	turned_away(&e, &evil, 0);
	edge_ended(&e, "denied", 1);
	edge_end(&e);
}

/* Its server sends four bytes and ends. */
static struct kit_child *s_client(const struct edge *e, const struct client *c)
{
	return kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-connect",
						    textf("%s:%d", kit_ip(1), e->port), "-cert", c->pem, "-key",
						    c->key, "-ign_eof"));
}

static void s_client_learns_it(void **state)
{
	struct kit_peer *peer = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SOURCE, .bytes = 4});
	struct client me, other;
	struct kit_child *c;
	struct edge e;

	(void)state;
	program_need("openssl");
	pki_write();
	me = client_make("me", (struct kit_cert_opts){.cn = "me", .dns = "me.test"});
	other = client_make("other", (struct kit_cert_opts){.cn = "me.test", .dns = "other.test"});
	e = edge_start(tls_edge_keys(textf(", client_auth: {mode: required, ca: \"%s\", allow: {dns: \"me.*\"}}",
					   pki.ca)),
		       edge_upstream("back", kit_peer_port(peer), ""));
	c = s_client(&e, &me);
	assert_int_equal(kit_child_wait(c), 0);
	c = s_client(&e, &other);
	assert_int_not_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->err, "alert number 40"), 1);
	edge_ended(&e, "denied", 1);
	assert_int_equal(kit_peer_accepted(peer), 1);
	edge_end(&e);
}

/* A session that began under other rules is none under these: a reload shuts out who is no longer named. */
static void a_session_does_not_outlive_its_rule(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	const char *back, *keys = ", client_auth: {mode: required, ca: \"%s\", allow: {cn: %s}}";
	struct tls_peer_opts o = {.cert = NULL};
	SSL_SESSION *session[2];
	struct client me;
	struct tls_peer p;
	struct edge e;

	(void)state;
	pki_write();
	me = client_make("me", (struct kit_cert_opts){.cn = "me"});
	o.cert = me.pem;
	o.key = me.key;
	back = edge_upstream("back", kit_peer_port(echo_start()), "");
	e = edge_start(tls_edge_keys(textf(keys, pki.ca, "me")), back);
	for (int i = 0; i < 2; i++) {
		o.max = versions[i];
		assert_true(tls_peer_dial(&p, edge_connect(&e), &o));
		exchange_tls(&p);
		session[i] = SSL_get1_session(p.ssl);
		end_orderly_tls(&p);
	}
	kit_staunch_rewrite(e.s, edge_config(e.port, tls_edge_keys(textf(keys, pki.ca, "you")), back));
	kit_child_signal(e.s->child, SIGHUP);
	kit_staunch_wait_err(e.s, "generation 2 is in force", 1);
	for (int i = 0; i < 2; i++) {
		o.max = versions[i];
		o.session = session[i];
		turned_away_with(&e, &o);
		SSL_SESSION_free(session[i]);
	}
	edge_ended(&e, "denied", 2);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(one_match_is_enough),
		TLS_ROW(only_what_is_shown_is_judged),
		TLS_ROW(a_name_with_a_nul_is_no_match),
		TLS_ROW(s_client_learns_it),
		TLS_ROW(a_session_does_not_outlive_its_rule),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
