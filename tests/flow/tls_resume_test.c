/* Sessions that are resumed: by every worker and over reloads, until their key was rotated away twice, and never past
 * what another listener asks of its clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/flow/kit/tls_edge.h"

enum { TRIES = 30, ROTATE_S = 3600 };

/* Returns the session to resume, which in TLS 1.3 comes behind the handshake. */
static SSL_SESSION *again(const struct edge *e, struct tls_peer_opts *o, bool resumed)
{
	struct tls_peer p;
	SSL_SESSION *s;

	assert_true(tls_peer_dial(&p, edge_connect(e), o));
	exchange_tls(&p);
	assert_int_equal(SSL_session_reused(p.ssl), resumed);
	s = SSL_get1_session(p.ssl);
	end_orderly_tls(&p);
	SSL_SESSION_free(o->session);
	o->session = s;
	return s;
}

static void d24_resumed_over_reloads(void **state)
{
	struct edge e = tls_edge("");

	(void)state;
	for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
		struct tls_peer_opts o = {.sni = "a.test", .max = max};

		again(&e, &o, false);
		for (int i = 0; i < 20; i++)
			again(&e, &o, true);
		kit_child_signal(e.s->child, SIGHUP);
		wait_generation(e.s, max == TLS1_2_VERSION ? 2 : 3);
		for (int i = 0; i < 20; i++)
			again(&e, &o, true);
		o.sni = "b.test"; /* another certificate's session is none */
		again(&e, &o, false);
		SSL_SESSION_free(o.session);
	}
	kit_staunch_wait_log(e.s, " resumed=true ", 80);
	edge_end(&e);
}

static void d25_tickets_off(void **state)
{
	struct edge e = tls_edge(", session_tickets: {enabled: false}");
	struct tls_peer_opts o = {.sni = "a.test"};

	(void)state;
	again(&e, &o, false);
	again(&e, &o, false);
	SSL_SESSION_free(o.session);
	edge_end(&e);
}

/* Of TRIES connections that offer the session, how many are resumed; all are served. */
static int resumed(const struct edge *e, const struct tls_peer_opts *o)
{
	struct tls_peer p;
	int n = 0;

	for (int i = 0; i < TRIES; i++) {
		if (!tls_peer_dial(&p, edge_connect(e), o))
			kit_fail("no handshake with a session to resume:\n%s", edge_log(e));
		n += SSL_session_reused(p.ssl);
		exchange_tls(&p);
		end_orderly_tls(&p);
	}
	return n;
}

/* ---- workers --------------------------------------------------------------------------------- */

/* Pollers of a process that watch at least so many descriptors. */
static int pollers(pid_t pid, int least)
{
	int n = 0;

	for (int fd = 0; fd < 100; fd++) {
		const char *path = textf("/proc/%d/fdinfo/%d", (int)pid, fd);

		n += kit_file_count(path, "tfd:") >= least;
	}
	return n;
}

static void d24_by_every_worker(void **state)
{
	struct edge e = tls_edge("");
	struct tls_peer p[TRIES];

	(void)state;
	for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
		struct tls_peer_opts o = {.sni = "a.test", .max = max};

		again(&e, &o, false);
		for (int i = 0; i < TRIES; i++) {
			assert_true(tls_peer_dial(&p[i], edge_connect(&e), &o));
			assert_true(SSL_session_reused(p[i].ssl));
			exchange_tls(&p[i]);
		}
		assert_int_equal(pollers(e.s->child->pid, TRIES / 2), 2); /* both have their share of them */
		for (int i = 0; i < TRIES; i++)
			end_orderly_tls(&p[i]);
		kit_proc_wait_fds(e.s->child->pid, e.fds);
		SSL_SESSION_free(o.session);
	}
	edge_end(&e);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* What a fleet's tools may do: puts the keys in place again, as if they had sealed for as long as a key may. */
static void keys_age(const char *path)
{
	static const char word[] = "rotated ";
	char text[2048], next[KIT_PATH], *at, *end;
	long long rotated;

	kit_file_read(path, text, sizeof(text));
	at = strstr(text, word);
	assert_non_null(at);
	rotated = strtoll(at + strlen(word), &end, 10);
	*at = '\0';
	kit_file_write("tickets.next", textf("%s%s%lld%s", text, word, rotated - ROTATE_S, end), next);
	assert_int_equal(chmod(next, 0600), 0);
	assert_int_equal(rename(next, path), 0);
}

static void rotated(const struct edge *e, int times)
{
	keys_age(textf("%s/tickets", kit_dir()));
	kit_staunch_wait_err(e->s, "\"ticket_keys\"", times);
}

static struct edge edge_with_keys(void)
{
	return tls_edge(textf(", session_tickets: {keys: \"@DIR@/tickets\", rotate: %ds}", ROTATE_S));
}

/* All after one rotation, none after two; who came between the two has a ticket of the second key. */
static void d24_until_two_rotations(void **state)
{
	struct edge e = edge_with_keys();
	struct tls_peer_opts first[2], second[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		first[i] = (struct tls_peer_opts){.sni = "a.test", .max = i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION};
		again(&e, &first[i], false);
	}
	rotated(&e, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(resumed(&e, &first[i]), TRIES);
		second[i] = first[i];
		SSL_SESSION_up_ref(first[i].session);
		again(&e, &second[i], true);
	}
	rotated(&e, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(resumed(&e, &first[i]), 0);
		assert_int_equal(resumed(&e, &second[i]), TRIES);
		SSL_SESSION_free(first[i].session);
		SSL_SESSION_free(second[i].session);
	}
	edge_end(&e);
}

/* ---- a real client --------------------------------------------------------------------------- */

/* Its server ends each connection, so that it has read its ticket by then. */
static void s_client(const struct edge *e, const char *how, const char *file, const char *expected)
{
	struct kit_child *c = kit_child_start(
		"s_client", KIT_ARGV("openssl", "s_client", "-connect", textf("%s:%d", kit_ip(1), e->port), "-CAfile",
				     pki.ca, "-servername", "a.test", "-verify_return_error", "-ign_eof", how, file));

	assert_int_equal(kit_child_wait(c), 0);
	if (kit_file_count(c->out, expected) == 0)
		kit_fail("s_client %s %s: not \"%s\"", how, file, expected);
}

static void d24_s_client(void **state)
{
	struct kit_peer *peer = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SOURCE, .bytes = 4});
	const char *file;
	struct edge e;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	pki_write();
	e = edge_start(tls_edge_keys(textf(", session_tickets: {keys: \"@DIR@/tickets\", rotate: %ds}", ROTATE_S)),
		       edge_upstream("back", kit_peer_port(peer), ""));
	file = textf("%s/session.pem", kit_dir());
	s_client(&e, "-sess_out", file, "New, TLSv1.3");
	s_client(&e, "-sess_in", file, "Reused, TLSv1.3");
	kit_child_signal(e.s->child, SIGHUP);
	wait_generation(e.s, 2);
	s_client(&e, "-sess_in", file, "Reused, TLSv1.3");
	rotated(&e, 1);
	s_client(&e, "-sess_in", file, "Reused, TLSv1.3");
	rotated(&e, 2);
	s_client(&e, "-sess_in", file, "New, TLSv1.3");
	edge_end(&e);
}

/* ---- policies -------------------------------------------------------------------------------- */

struct policies {
	struct edge open, strict; /* one process */
	char cert[KIT_PATH], key[KIT_PATH]; /* of a client */
};

/* One certificate, one file of keys, and two opinions on clients. */
static struct policies policies_start(void)
{
	struct kit_cert *me;
	struct policies b = {.open.port = kit_port(kit_ip(1)), .strict.port = 0};
	const char *tls = "certificates: [{cert: \"@DIR@/a.pem\", key: \"@DIR@/a.key\"}], "
			  "session_tickets: {keys: \"@DIR@/tickets\"}";

	pki_write();
	me = kit_cert_make(&(struct kit_cert_opts){.cn = "me", .issuer = pki.root});
	kit_cert_write(me, "me.pem", b.cert);
	kit_cert_write_key(me, "me.key", NULL, b.key);
	do {
		b.strict.port = kit_port(kit_ip(1));
	} while (b.strict.port == b.open.port);
	b.open.s = kit_staunch_start(edge_config(
		b.open.port,
		textf("tls: {%s}, upstream: back}\n  - {name: strict, bind: \"%s:%d\", "
		      "tls: {%s, client_auth: {mode: required, ca: \"%s\"}}, upstream: back",
		      tls, kit_ip(1), b.strict.port, tls, pki.ca),
		edge_upstream("back", kit_peer_port(echo_start()), "")));
	b.strict.s = b.open.s;
	b.open.fds = b.strict.fds = kit_proc_fds(b.open.s->child->pid);
	return b;
}

/* Who shows no certificate is turned away, whatever session it brings. */
static void turned_away(const struct edge *e, const struct tls_peer_opts *o)
{
	struct tls_peer p;

	for (int i = 0; i < TRIES; i++) {
		if (tls_peer_dial(&p, edge_connect(e), o))
			assert_int_equal(tls_peer_next(&p), -1);
		assert_int_equal(p.alert, o->max == TLS1_2_VERSION ? SSL_AD_HANDSHAKE_FAILURE :
								     SSL_AD_CERTIFICATE_REQUIRED);
		assert_false(SSL_session_reused(p.ssl));
		tls_peer_close(&p);
	}
}

static void d23_open_session_at_a_strict_listener(void **state)
{
	struct policies b = policies_start();
	int served;

	(void)state;
	for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
		struct tls_peer_opts o = {.sni = "a.test", .max = max}, s;

		again(&b.open, &o, false);
		assert_int_equal(resumed(&b.open, &o), TRIES); /* it is good, where it is from */
		turned_away(&b.strict, &o);
		edge_ended(&b.strict, "tls_client_cert", (max - TLS1_2_VERSION + 1) * TRIES);
		s = (struct tls_peer_opts){.sni = "a.test", .max = max, .cert = b.cert, .key = b.key};
		s.session = o.session;
		assert_int_equal(resumed(&b.strict, &s), 0);
		SSL_SESSION_up_ref(o.session);
		again(&b.strict, &s, false);
		assert_int_equal(resumed(&b.strict, &s), TRIES);
		assert_int_equal(resumed(&b.open, &s), 0);
		SSL_SESSION_free(o.session);
		SSL_SESSION_free(s.session);
	}
	edge_end(&b.open);
	/* Whoever was served there has shown it: in this handshake, or in the one its session began with. */
	served = kit_staunch_log(b.strict.s, " listener=strict ") - 2 * TRIES;
	assert_int_equal(kit_staunch_log(b.strict.s, " subject=CN=me "), served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d24_resumed_over_reloads),
		TLS_ROW(d25_tickets_off),
		TLS_ROW(d24_by_every_worker),
		TLS_ROW(d24_until_two_rotations),
		TLS_ROW(d24_s_client),
		TLS_ROW(d23_open_session_at_a_strict_listener),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
