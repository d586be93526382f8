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
	assert_non_null(tls_sessions_find(client->sessions, &at));
	for (int port = 1000; port < 3000; port++) {
		at.u.in4.sin_port = htons((uint16_t)port);
		assert_null(tls_sessions_find(client->sessions, &at));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D24 D25", sessions_live_over_contexts_until_their_key_is_gone),
		ROW("D23 F30", a_session_is_for_the_rules_it_was_made_under),
		ROW("D15", a_resumed_client_is_still_known),
		ROW("D23", a_session_ends_with_its_lifetime),
		ROW("D24", a_ticket_does_not_wait_for_ever),
		ROW("D30", a_session_is_for_one_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
