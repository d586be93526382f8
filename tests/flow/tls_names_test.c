/* TE3, TE4, TE5: names of a listener with settings of their own, and names that are refused, with clients that ask for
 * them (OpenSSL, s_client, curl). */
#include <string.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* A client of the authority that is believed, and one of another. */
static struct kit_cert *strange_root;
static char me[KIT_PATH], me_key[KIT_PATH], strange[KIT_PATH], strange_key[KIT_PATH], strange_ca[KIT_PATH];

static void clients_write(void)
{
	struct kit_cert *c;

	pki_write();
	if (strange_root == NULL)
		strange_root = kit_cert_make(&(struct kit_cert_opts){.cn = "strange", .ca = true});
	kit_cert_write(strange_root, "strange-ca.pem", strange_ca);
	c = kit_cert_make(&(struct kit_cert_opts){.cn = "me", .issuer = pki.root});
	kit_cert_write(c, "me.pem", me);
	kit_cert_write_key(c, "me.key", NULL, me_key);
	c = kit_cert_make(&(struct kit_cert_opts){.cn = "stranger", .issuer = strange_root});
	kit_cert_write(c, "strange.pem", strange);
	kit_cert_write_key(c, "strange.key", NULL, strange_key);
}

/* One certificate serves all: a.test and the names below it. Each entry has these keys more. */
static const char *entries_keys(const char *const *entries, const char *more)
{
	const char *list = textf("{cert: \"%s\", key: \"%s\"}", pki.cert, pki.key);

	for (; *entries != NULL; entries++)
		list = textf("%s, {cert: \"%s\", key: \"%s\", %s}", list, pki.cert, pki.key, *entries);
	return textf("tls: {certificates: [%s]%s}, upstream: back", list, more);
}

static struct edge names_edge(const char *const *entries, const char *more)
{
	return edge_start(entries_keys(entries, more), edge_upstream("back", kit_peer_port(echo_start()), ""));
}

#define ENTRIES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refused(const struct edge *e, const struct tls_peer_opts *o, int alert)
{
	struct tls_peer p;

	if (tls_peer_dial(&p, edge_connect(e), o))
		assert_int_equal(tls_peer_next(&p), -1);
	assert_int_equal(p.alert, alert);
	assert_false(SSL_session_reused(p.ssl));
	tls_peer_close(&p);
}

/* To a client that shows no certificate. */
static int missing_alert(int version)
{
	return version == TLS1_2_VERSION ? SSL_AD_HANDSHAKE_FAILURE : SSL_AD_CERTIFICATE_REQUIRED;
}

static void served_version(const struct edge *e, const char *sni, int max, int got)
{
	struct tls_peer p;

	assert_true(tls_peer_dial(&p, edge_connect(e), &(struct tls_peer_opts){.sni = sni, .max = max}));
	assert_int_equal(SSL_version(p.ssl), got);
	exchange_tls(&p);
	end_orderly_tls(&p);
}

/* ---- versions and protocols ------------------------------------------------------------------ */

static void te3_versions(void **state)
{
	struct edge e;

	(void)state;
	pki_write();
	e = names_edge(ENTRIES("names: [old.a.test], max_version: \"1.2\"",
			       "names: [new.a.test], min_version: \"1.3\""), "");
	served_version(&e, "old.a.test", 0, TLS1_2_VERSION);
	served_version(&e, "old.a.test", TLS1_2_VERSION, TLS1_2_VERSION);
	served_version(&e, "new.a.test", 0, TLS1_3_VERSION);
	served_version(&e, "any.a.test", 0, TLS1_3_VERSION);
	served_version(&e, "any.a.test", TLS1_2_VERSION, TLS1_2_VERSION);
	served_version(&e, NULL, TLS1_2_VERSION, TLS1_2_VERSION);
	refused(&e, &(struct tls_peer_opts){.sni = "new.a.test", .max = TLS1_2_VERSION}, SSL_AD_PROTOCOL_VERSION);
	edge_ended(&e, "client_fin", 6);
	edge_ended(&e, "tls_failed", 1);
	edge_end(&e);
}

static void te3_alpn(void **state)
{
	struct edge e;

	(void)state;
	pki_write();
	e = names_edge(ENTRIES("names: [web.a.test], alpn: [http/1.1]", "names: [\"*.a.test\"]"),
		       ", alpn: [h2, http/1.1]");
	served_tls(&e, &(struct tls_peer_opts){.sni = "web.a.test", .alpn = "\2h2\10http/1.1"}, "a.test", "http/1.1");
	served_tls(&e, &(struct tls_peer_opts){.sni = "other.a.test", .alpn = "\10http/1.1\2h2"}, "a.test", "h2");
	served_tls(&e, &(struct tls_peer_opts){.sni = "web.a.test"}, "a.test", NULL);
	refused(&e, &(struct tls_peer_opts){.sni = "web.a.test", .alpn = "\2h2"}, SSL_AD_NO_APPLICATION_PROTOCOL);
	edge_ended(&e, "tls_no_alpn", 1);
	edge_end(&e);
}

static struct kit_child *s_client(const struct edge *e, const char *name, const char *version)
{
	const char *at = textf("%s:%d", kit_ip(1), e->port);

	return kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-connect", at, "-servername", name, version,
						    "-ign_eof"));
}

/* Clients of another make, each of which speaks one version alone. The server sends four bytes and ends. */
static void te3_s_client(void **state)
{
	static const struct {
		const char *name, *version, *says;
	} rows[] = {
		{"old.a.test", "-tls1_2", "Protocol  : TLSv1.2"}, {"old.a.test", "-tls1_3", NULL},
		{"new.a.test", "-tls1_2", NULL},                  {"new.a.test", "-tls1_3", "TLSv1.3, Cipher is"},
		{"any.a.test", "-tls1_2", "Protocol  : TLSv1.2"}, {"any.a.test", "-tls1_3", "TLSv1.3, Cipher is"},
	};
	struct kit_peer *peer = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SOURCE, .bytes = 4});
	struct edge e;

	(void)state;
	program_need("openssl");
	pki_write();
	e = edge_start(entries_keys(ENTRIES("names: [old.a.test], max_version: \"1.2\"",
					    "names: [new.a.test], min_version: \"1.3\""),
				    ""),
		       edge_upstream("back", kit_peer_port(peer), ""));
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_child *c = s_client(&e, rows[i].name, rows[i].version);
		int ended = kit_child_wait(c);

		if ((ended == 0) != (rows[i].says != NULL))
			kit_fail("row %zu ends with %d", i, ended);
		if (rows[i].says != NULL)
			assert_true(kit_file_count(c->out, rows[i].says) > 0);
		else
			assert_int_equal(kit_file_count(c->err, "alert number 70"), 1);
	}
	edge_ended(&e, "tls_failed", 2);
	assert_int_equal(kit_peer_accepted(peer), 4);
	edge_end(&e);
}

/* ---- clients' certificates ------------------------------------------------------------------- */

static const char *asks(const char *name, const char *mode, const char *ca, const char *more)
{
	return textf("names: [%s], client_auth: {mode: %s, ca: \"%s\"%s}", name, mode, ca, more);
}

static void te3_client_certificates(void **state)
{
	struct tls_peer_opts nobody = {.sni = NULL}, mine, theirs;
	struct edge e;

	(void)state;
	clients_write();
	e = names_edge(ENTRIES(asks("mine.a.test", "required", pki.ca, ""),
			       asks("theirs.a.test", "optional", strange_ca, ""),
			       asks("few.a.test", "required", pki.ca, ", allow: {cn: other}")), "");
	for (size_t v = 0; v < array_len(versions); v++) {
		nobody.max = versions[v];
		mine = theirs = nobody;
		mine.cert = me;
		mine.key = me_key;
		theirs.cert = strange;
		theirs.key = strange_key;
		nobody.sni = mine.sni = theirs.sni = "any.a.test";
		served_tls(&e, &nobody, "a.test", NULL);
		served_tls(&e, &theirs, "a.test", NULL); /* not asked for */
		nobody.sni = mine.sni = theirs.sni = "mine.a.test";
		served_tls(&e, &mine, "a.test", NULL);
		refused(&e, &nobody, missing_alert(versions[v]));
		refused(&e, &theirs, SSL_AD_UNKNOWN_CA);
		nobody.sni = mine.sni = theirs.sni = "theirs.a.test";
		served_tls(&e, &nobody, "a.test", NULL);
		served_tls(&e, &theirs, "a.test", NULL);
		refused(&e, &mine, SSL_AD_UNKNOWN_CA);
		nobody.sni = mine.sni = "few.a.test";
		refused(&e, &mine, SSL_AD_HANDSHAKE_FAILURE);
		nobody.sni = NULL;
	}
	edge_ended(&e, "client_fin", 10);
	edge_ended(&e, "tls_client_cert", 6);
	edge_ended(&e, "denied", 2);
	edge_end(&e);
}

static void te3_a_name_may_be_open(void **state)
{
	struct edge e;

	(void)state;
	clients_write();
	e = names_edge(ENTRIES("names: [open.a.test], client_auth: {mode: off}"),
		       textf(", client_auth: {mode: required, ca: \"%s\"}", pki.ca));
	for (size_t v = 0; v < array_len(versions); v++) {
		struct tls_peer_opts o = {.sni = "open.a.test", .max = versions[v]};

		served_tls(&e, &o, "a.test", NULL);
		o.sni = "shut.a.test";
		refused(&e, &o, missing_alert(versions[v]));
	}
	edge_ended(&e, "tls_client_cert", 2);
	edge_end(&e);
}

/* A route takes a star at any depth, so the rules of the star hold there, too. */
static void te3_rules_hold_further_below_a_star(void **state)
{
	const char *back;
	struct edge e;

	(void)state;
	clients_write();
	back = edge_upstream("back", kit_peer_port(echo_start()), "");
	e = edge_start(textf("%s, routes: [{sni: [\"*.in.a.test\"], upstream: back}]",
			     entries_keys(ENTRIES(asks("\"*.in.a.test\"", "required", pki.ca, "")), "")),
		       back);
	for (size_t v = 0; v < array_len(versions); v++) {
		struct tls_peer_opts o = {.sni = "x.in.a.test", .max = versions[v]};

		refused(&e, &o, missing_alert(versions[v]));
		o.sni = "y.X.in.a.test.";
		refused(&e, &o, missing_alert(versions[v]));
		o.cert = me;
		o.key = me_key;
		served_tls(&e, &o, "a.test", NULL);
	}
	edge_ended(&e, "tls_client_cert", 4);
	edge_end(&e);
}

/* ---- a second hello -------------------------------------------------------------------------- */

static const char *second_name;

/* After a ServerHello the name is changed: the next hello, if one was asked for, has the other. */
static void change_name(const SSL *ssl, int where, int value)
{
	struct tls_peer *p = SSL_get_app_data(ssl);

	if ((where & SSL_CB_LOOP) && SSL_get_state(ssl) == TLS_ST_CR_SRVR_HELLO)
		SSL_set_tlsext_host_name(p->ssl, second_name);
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		p->alert = value & 0xff;
}

/* A client that asks for one name, is told to try another group, and then asks for `then`. */
static int second_hello(const struct edge *e, const char *first, const char *then)
{
	struct tls_peer p;
	int alert;

	tls_peer_make(&p, edge_connect(e), TLS_client_method(), &(struct tls_peer_opts){.sni = first});
	SSL_set_tlsext_host_name(p.ssl, first);
	SSL_set1_groups_list(p.ssl, "X25519:P-256");
	SSL_set_info_callback(p.ssl, change_name);
	second_name = then;
	if (SSL_connect(p.ssl) == 1) {
		p.up = true;
		exchange_tls(&p);
		end_orderly_tls(&p);
		return -1;
	}
	alert = p.alert;
	tls_peer_close(&p);
	return alert;
}

static void te3_a_second_hello_keeps_the_name(void **state)
{
	static const char *const names[] = {"open.a.test", "shut.a.test", "few.a.test"};
	struct edge e;

	(void)state;
	clients_write();
	e = names_edge(ENTRIES("names: [open.a.test], client_auth: {mode: off}",
			       asks("few.a.test", "required", pki.ca, ", allow: {cn: other}")),
		       textf(", groups: P-256, client_auth: {mode: required, ca: \"%s\"}", pki.ca));
	assert_int_equal(second_hello(&e, "open.a.test", "OPEN.a.test"), -1);
	for (size_t i = 0; i < array_len(names); i++)
		for (size_t j = 0; j < array_len(names); j++)
			if (i != j)
				assert_int_equal(second_hello(&e, names[i], names[j]), SSL_AD_ILLEGAL_PARAMETER);
	edge_ended(&e, "tls_failed", 6);
	edge_said(&e, "the client asked for another name in its second hello");
	edge_end(&e);
}

/* curl asks by name, with and without a certificate. */
static void te3_curl(void **state)
{
	struct kit_child *nginx, *c;
	struct edge e;
	int port;

	(void)state;
	program_need("curl");
	program_need("nginx");
	clients_write();
	nginx = kit_nginx_start(kit_ip(0), &port);
	e = edge_start(entries_keys(ENTRIES(asks("mine.a.test", "required", pki.ca, "")), ""),
		       edge_upstream("back", port, ""));
	c = program_run("curl", KIT_ARGV("curl", "-sSf", "--cacert", pki.ca, "--resolve",
					 textf("mine.a.test:%d:%s", e.port, kit_ip(1)), "--cert", me, "--key", me_key,
					 textf("https://mine.a.test:%d/hello", e.port)));
	assert_int_equal(kit_file_count(c->out, "hello"), 1);
	c = program_run("curl", KIT_ARGV("curl", "-sSf", "--cacert", pki.ca, "--resolve",
					 textf("any.a.test:%d:%s", e.port, kit_ip(1)),
					 textf("https://any.a.test:%d/hello", e.port)));
	assert_int_equal(kit_file_count(c->out, "hello"), 1);
	c = kit_child_start("curl", KIT_ARGV("curl", "-sSf", "--cacert", pki.ca, "--resolve",
					     textf("mine.a.test:%d:%s", e.port, kit_ip(1)),
					     textf("https://mine.a.test:%d/hello", e.port)));
	assert_int_not_equal(kit_child_wait(c), 0);
	edge_ended(&e, "tls_client_cert", 1);
	edge_end(&e);
	kit_child_signal(nginx, SIGKILL);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static SSL_SESSION *session_of(const struct edge *e, const struct tls_peer_opts *o)
{
	SSL_SESSION *session;
	struct tls_peer p;

	assert_true(tls_peer_dial(&p, edge_connect(e), o));
	exchange_tls(&p); /* the tickets of TLS 1.3 come with it */
	session = SSL_get1_session(p.ssl);
	end_orderly_tls(&p);
	return session;
}

/* Whether the session is resumed; the connection is served either way. */
static bool resumes(const struct edge *e, const struct tls_peer_opts *o)
{
	struct tls_peer p;
	bool reused;

	assert_true(tls_peer_dial(&p, edge_connect(e), o));
	reused = SSL_session_reused(p.ssl) == 1;
	exchange_tls(&p);
	end_orderly_tls(&p);
	return reused;
}

static void te4_a_ticket_of_one_name_is_none_under_another(void **state)
{
	struct edge e;

	(void)state;
	clients_write();
	e = names_edge(ENTRIES(asks("mine.a.test", "required", pki.ca, ""),
			       asks("theirs.a.test", "required", strange_ca, "")), "");
	for (size_t v = 0; v < array_len(versions); v++) {
		struct tls_peer_opts open = {.sni = "any.a.test", .max = versions[v]}, mine = open, theirs = open;

		mine.sni = "mine.a.test";
		mine.cert = me;
		mine.key = me_key;
		theirs.sni = "theirs.a.test";
		theirs.cert = strange;
		theirs.key = strange_key;

		open.session = session_of(&e, &open);
		theirs.session = session_of(&e, &theirs);
		assert_true(resumes(&e, &open)); /* each under its own name */
		assert_true(resumes(&e, &theirs));

		/* without a certificate, and with one that other rules judged */
		open.sni = theirs.sni = "mine.a.test";
		refused(&e, &open, missing_alert(versions[v]));
		refused(&e, &theirs, SSL_AD_UNKNOWN_CA);

		mine.session = theirs.session; /* a full handshake with the right certificate */
		assert_false(resumes(&e, &mine));
		theirs.sni = open.sni = "any.a.test";
		assert_false(resumes(&e, &theirs));
		SSL_SESSION_free(open.session);
		SSL_SESSION_free(theirs.session);
	}
	edge_ended(&e, "tls_client_cert", 4);
	edge_end(&e);
}

static void reload_asking(const struct edge *e, const char *back, const char *mode, const char *ca)
{
	const char *keys = entries_keys(ENTRIES(asks("mine.a.test", mode, ca, "")), "");

	kit_staunch_rewrite(e->s, edge_config(e->port, keys, back));
	kit_child_signal(e->s->child, SIGHUP);
}

/* The name alone is not what binds a session: the same name with stricter rules is another one. */
static void te4_a_session_ends_with_the_rules_of_its_name(void **state)
{
	const char *back;
	SSL_SESSION *session[array_len(versions)];
	struct tls_peer_opts o = {.sni = "mine.a.test"};
	struct edge e;

	(void)state;
	clients_write();
	back = edge_upstream("back", kit_peer_port(echo_start()), "");
	e = edge_start(entries_keys(ENTRIES(asks("mine.a.test", "optional", pki.ca, "")), ""), back);
	for (size_t v = 0; v < array_len(versions); v++) {
		o.max = versions[v];
		o.session = NULL;
		session[v] = session_of(&e, &o);
		o.session = session[v];
		assert_true(resumes(&e, &o));
	}
	reload_asking(&e, back, "optional", strange_ca);
	kit_staunch_wait_err(e.s, "generation 2 is in force", 1);
	for (size_t v = 0; v < array_len(versions); v++) {
		o.max = versions[v];
		o.session = session[v];
		assert_false(resumes(&e, &o));
	}
	reload_asking(&e, back, "required", pki.ca);
	kit_staunch_wait_err(e.s, "generation 3 is in force", 1);
	for (size_t v = 0; v < array_len(versions); v++) {
		o.max = versions[v];
		o.session = session[v];
		refused(&e, &o, missing_alert(versions[v]));
		SSL_SESSION_free(session[v]);
	}
	edge_ended(&e, "tls_client_cert", 2);
	edge_end(&e);
}

/* ---- names that are refused ------------------------------------------------------------------ */

static void te5_refused_names(void **state)
{
	struct kit_child *c;
	struct edge e;

	(void)state;
	program_need("openssl");
	pki_write();
	e = names_edge(ENTRIES("names: [\"*.a.test\"]"), ", refuse_sni: [no.a.test, \"*.gone.test\"]");
	served_tls(&e, &(struct tls_peer_opts){.sni = "yes.a.test"}, "a.test", NULL);
	served_tls(&e, &(struct tls_peer_opts){.sni = "unknown.test"}, "a.test", NULL);
	served_tls(&e, &(struct tls_peer_opts){.sni = NULL}, "a.test", NULL);
	for (size_t v = 0; v < array_len(versions); v++)
		refused(&e, &(struct tls_peer_opts){.sni = "NO.a.test", .max = versions[v]}, SSL_AD_UNRECOGNIZED_NAME);
	refused(&e, &(struct tls_peer_opts){.sni = "w.w.gone.test"}, SSL_AD_UNRECOGNIZED_NAME);
	edge_ended(&e, "tls_failed", 3);
	edge_said(&e, " sni=no.a.test ");
	edge_said(&e, "the client asked for a name that refuse_sni refuses");
	c = s_client(&e, "no.a.test", "-tls1_3");
	assert_int_not_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->err, "alert number 112"), 1);
	edge_ended(&e, "tls_failed", 4);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(te3_versions),
		TLS_ROW(te3_alpn),
		TLS_ROW(te3_s_client),
		TLS_ROW(te3_client_certificates),
		TLS_ROW(te3_a_name_may_be_open),
		TLS_ROW(te3_rules_hold_further_below_a_star),
		TLS_ROW(te3_a_second_hello_keeps_the_name),
		TLS_ROW(te3_curl),
		TLS_ROW(te4_a_ticket_of_one_name_is_none_under_another),
		TLS_ROW(te4_a_session_ends_with_the_rules_of_its_name),
		TLS_ROW(te5_refused_names),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
