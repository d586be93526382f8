/* Resumption: what a session is good for, on either side (D15, D23 to D25, D30). */
#include "proxy/tls/tls_session.h"
#include "tests/unit/proxy/tls/tls_hands.h"

static struct pair shake_with(struct tls_ctx *client, struct tls_ctx *server)
{
	struct pair p = {.script = exchange, .client.ctx = client, .server.ctx = server};

	pair_run(&p);
	return p;
}

static void both_versions(void (*fn)(struct tls_ctx *client))
{
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		struct tls_ctx *client;

		out.max_version = (enum config_tls_version)v;
		out.session_reuse = true;
		client = pair_client(&out);
		fn(client);
		tls_ctx_free(client);
	}
}

/* Handshakes with a server made of `in` anew, as after a reload or on another worker. */
static struct pair meet(struct tls_ctx *client)
{
	struct tls_ctx *server = pair_server(&in, ring);
	struct pair p = shake_with(client, server);

	tls_ctx_free(server);
	return p;
}

static int64_t ring_now;

static void rotate_ring(void)
{
	struct text err = pair_text();

	ring_now += 3600;
	assert_int_equal(tls_ticket_keys_refresh(ring, ring_now, &err), 1);
}

static void resumes(struct tls_ctx *client)
{
	struct pair p = meet(client);

	assert_int_equal(p.server.err, 0);
	assert_false(p.server.facts.resumed);
	for (int i = 0; i < 3; i++) {
		p = meet(client);
		assert_true(p.server.facts.resumed);
		assert_true(p.client.facts.resumed);
		assert_string_equal(p.server.facts.sni, "a.test");
	}
	rotate_ring();
	p = meet(client);
	assert_true(p.server.facts.resumed);
	rotate_ring();
	rotate_ring(); /* the ticket was renewed at the first one: two more */
	p = meet(client);
	assert_int_equal(p.server.err, 0);
	assert_false(p.server.facts.resumed);
}

static void sessions_live_over_contexts_until_their_key_is_gone(void **state)
{
	(void)state;
	ring_now = 1000;
	both_versions(resumes);
}

static void changes_of_policy(struct tls_ctx *client)
{
	char crl[KIT_PATH];
	struct config_tls_in before = in;
	struct pair p;

	meet(client);
	p = meet(client);
	assert_true(p.server.facts.resumed);
	/* a ticket that was given without asking for a certificate is no pass */
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	p = meet(client);
	assert_false(p.server.facts.resumed);
	assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_missing");
	in = before;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OPTIONAL;
	in.client_auth.ca = ca;
	meet(client);
	p = meet(client);
	assert_true(p.server.facts.resumed);
	kit_cert_write_crl(root, NULL, 0, "crl.pem", crl);
	in.client_auth.crl = crl; /* another list: judged anew */
	p = meet(client);
	assert_int_equal(p.server.err, 0);
	assert_false(p.server.facts.resumed);
	in = before;
	in.session_tickets.enabled = false;
	meet(client);
	p = meet(client);
	assert_false(p.server.facts.resumed);
	in = before;
}

static void a_session_is_for_the_rules_it_was_made_under(void **state)
{
	(void)state;
	both_versions(changes_of_policy);
}

static void with_certificate(struct tls_ctx *client)
{
	struct pair p;

	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	meet(client);
	p = meet(client);
	assert_true(p.server.facts.resumed);
	assert_true(p.server.facts.verified); /* known in the resumed session too */
	assert_string_equal(p.server.facts.subject, "CN=Alice");
}

static void a_resumed_client_is_still_known(void **state)
{
	(void)state;
	out.cert = client_files.cert;
	out.key = client_files.key;
	both_versions(with_certificate);
}

static void short_life(struct tls_ctx *client)
{
	struct pair p;

	in.session_tickets.lifetime = 0; /* over at once */
	meet(client);
	p = meet(client);
	assert_int_equal(p.server.err, 0);
	assert_false(p.server.facts.resumed);
}

static void a_session_ends_with_its_lifetime(void **state)
{
	(void)state;
	both_versions(short_life);
}

/* A ticket goes with the server's first bytes; when there are none, with the first look for the client's. */
static void look(struct pair *p)
{
	char byte;

	if (stream_try_read(&p->server.s, &byte, 1) != -NP_EAGAIN || stream_backlog(&p->server.s) != 0)
		p->server.err = -1;
	np_fd_set_read_deadline(&p->client.s.fd, np_deadline_after(PAIR_NS));
	if (np_fd_wait(&p->client.s.fd, NP_READ) != 0 ||
	    stream_try_read(&p->client.s, &byte, 1) != -NP_EAGAIN)
		p->client.err = -1;
}

static void a_ticket_does_not_wait_for_ever(void **state)
{
	struct tls_ctx *client, *server = pair_server(&in, ring);
	struct pair p = {.script = look};

	(void)state;
	out.session_reuse = true;
	p.client.ctx = client = pair_client(&out);
	p.server.ctx = server;
	pair_run(&p);
	assert_int_equal(p.server.err, 0);
	assert_int_equal(p.client.err, 0);
	p = shake_with(client, server);
	assert_true(p.server.facts.resumed);
	tls_ctx_free(client);
	tls_ctx_free(server);
}

/* Some of these share a place with the one that is known. */
static void expect_no_other(const struct tls_ctx *client, struct np_addr at)
{
	const struct tls_session_of known = {&at, "a.test"}, nameless = {&at, NULL};
	SSL_SESSION *s = tls_sessions_take(client->sessions, &known);
	char name[32];

	assert_non_null(s);
	tls_sessions_keep(client->sessions, &known, s);
	SSL_SESSION_free(s);
	assert_null(tls_sessions_take(client->sessions, &nameless));
	for (int i = 1000; i < 3000; i++) {
		const struct tls_session_of other = {&at, name};

		snprintf(name, sizeof(name), "a%d.test", i);
		assert_null(tls_sessions_take(client->sessions, &other));
	}
	for (int port = 1000; port < 3000; port++) {
		at.u.in4.sin_port = htons((uint16_t)port);
		assert_null(tls_sessions_take(client->sessions, &known));
	}
}

static void a_session_is_for_one_server(void **state)
{
	struct tls_ctx *client, *server = pair_server(&in, ring);
	struct pair p;

	(void)state;
	out.session_reuse = true;
	client = pair_client(&out);
	shake_with(client, server);
	p = (struct pair){.script = exchange, .client.ctx = client, .server.ctx = server};
	p.at.len = sizeof(struct sockaddr_in);
	p.at.u.in4.sin_family = AF_INET;
	p.at.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p.at.u.in4.sin_port = htons(444);
	pair_run(&p);
	assert_int_equal(p.client.err, 0);
	assert_false(p.client.facts.resumed);
	p = shake_with(client, server);
	assert_true(p.client.facts.resumed);
	expect_no_other(client, p.at);
	tls_ctx_free(client);
	tls_ctx_free(server);
}

static struct pair shake_as(struct tls_ctx *client, struct tls_ctx *server, const char *sni)
{
	struct pair p = {.script = exchange, .client.ctx = client, .server.ctx = server, .sni = sni};

	pair_run(&p);
	return p;
}

/* What was verified for one client's name is no word about another's: a resumed handshake would not ask
 * for a certificate. */
static void one_clients_name(struct tls_ctx *client)
{
	static const char *const again[] = {"x.w.test", NULL, "a.test"};
	struct tls_ctx *server = pair_server(&in, ring);
	struct pair p;

	assert_false(shake_as(client, server, "a.test").client.facts.resumed);
	p = shake_as(client, server, "b.test");
	assert_false(p.client.facts.resumed);
	assert_string_equal(tls_why_word(p.client.why.code), "tls_cert_name");
	for (int i = 0; i < 2; i++) {
		p = shake_as(client, server, again[i]);
		assert_int_equal(p.client.err, 0);
		assert_false(p.client.facts.resumed);
	}
	for (int i = 0; i < 3; i++) {
		p = shake_as(client, server, again[i]);
		assert_true(p.client.facts.resumed);
		assert_string_equal(p.server.facts.sni, again[i] != NULL ? again[i] : "");
	}
	tls_ctx_free(server);
}

static void a_session_is_for_one_clients_name(void **state)
{
	(void)state;
	out.name = NULL;
	out.sni = CONFIG_CLIENT;
	both_versions(one_clients_name);
}

/* ---- shared by workers ---- */

/* What a worker learnt, all have; a TLS 1.3 ticket is shown once, a TLS 1.2 session again and again. */
static void workers_share_sessions(void **state)
{
	struct tls_worker *first = pair_worker, *second;
	struct tls_ctx *here, *there, *server;

	(void)state;
	assert_int_equal(tls_worker_new(&second), 0);
	out.session_reuse = true;
	for (int v = 0; v < 2; v++) {
		out.max_version = v == 0 ? CONFIG_TLS_VERSION_1_2 : CONFIG_TLS_VERSION_1_3;
		server = pair_server(&in, ring);
		here = pair_client(&out);
		pair_worker = second;
		there = pair_client(&out);
		pair_worker = first;
		tls_ctx_share_sessions(there, here);
		assert_false(shake_with(here, server).client.facts.resumed);
		for (int i = 0; i < 4; i++)
			assert_true(shake_with(i % 2 == 0 ? there : here, server).client.facts.resumed);
		tls_ctx_free(here);
		assert_true(shake_with(there, server).client.facts.resumed);
		tls_ctx_free(there);
		tls_ctx_free(server);
	}
	tls_worker_free(second);
}

static SSL_SESSION *take_and_pack(struct tls_ctx *c, const struct np_addr *at, unsigned char **der, int *n)
{
	SSL_SESSION *s = tls_sessions_take(c->sessions, &(struct tls_session_of){at, "a.test"});

	*n = s != NULL ? i2d_SSL_SESSION(s, der) : 0;
	return s;
}

static void a_tls_1_3_ticket_is_used_once(void **state)
{
	struct tls_ctx *server, *client;
	struct pair p;
	unsigned char *one = NULL, *two = NULL;
	int none, other;
	SSL_SESSION *a, *b;

	(void)state;
	out.session_reuse = true;
	server = pair_server(&in, ring);
	client = pair_client(&out);
	p = shake_with(client, server); /* two tickets came with it: connections at once have one each */
	a = take_and_pack(client, &p.at, &one, &none);
	b = take_and_pack(client, &p.at, &two, &other);
	assert_non_null(a);
	assert_non_null(b);
	assert_false(none == other && memcmp(one, two, (size_t)none) == 0);
	assert_null(tls_sessions_take(client->sessions, &(struct tls_session_of){&p.at, "a.test"}));
	SSL_SESSION_free(a);
	SSL_SESSION_free(b);
	OPENSSL_free(one);
	OPENSSL_free(two);
	tls_ctx_free(client);
	tls_ctx_free(server);
}

/* A ticket holds the client's certificate in 64 KiB. What does not fit gets no ticket; the client is served. */
static void a_certificate_too_large_for_a_ticket_gets_none(void **state)
{
	static char name[70000];
	struct kit_cert *large;
	struct config_cert f;
	struct tls_ctx *server, *client;
	struct pair p;

	(void)state;
	memset(name, 'x', sizeof(name));
	large = kit_cert_make(&(struct kit_cert_opts){.cn = "big", .raw = name, .raw_n = sizeof(name), .issuer = root});
	f = pair_cert(large, "large");
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	out.cert = f.cert;
	out.key = f.key;
	out.session_reuse = true;
	server = pair_server(&in, ring);
	client = pair_client(&out);
	for (int i = 0; i < 2; i++) {
		p = shake_with(client, server);
		assert_int_equal(p.server.err, 0);
		assert_int_equal(p.client.err, 0);
		assert_string_equal(p.server.facts.cn, "big");
		assert_false(p.server.facts.resumed);
	}
	tls_ctx_free(client);
	out.max_version = CONFIG_TLS_VERSION_1_2;
	client = pair_client(&out);
	p = shake_with(client, server);
	assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_untrusted");
	assert_non_null(strstr(p.server.said, "too large"));
	tls_ctx_free(client);
	tls_ctx_free(server);
	pair_cert_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D24 D25", sessions_live_over_contexts_until_their_key_is_gone),
		ROW("D23 F30", a_session_is_for_the_rules_it_was_made_under),
		ROW("D15", a_resumed_client_is_still_known),
		ROW("D23", a_session_ends_with_its_lifetime),
		ROW("D24", a_ticket_does_not_wait_for_ever),
		ROW("V28", workers_share_sessions),
		ROW("V28 V45", a_tls_1_3_ticket_is_used_once),
		ROW("V45", a_certificate_too_large_for_a_ticket_gets_none),
		ROW("D30", a_session_is_for_one_server),
		ROW("D30 D43", a_session_is_for_one_clients_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
