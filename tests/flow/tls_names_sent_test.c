/* TE2: trust apart from the names sent to clients (client_auth.names), with its clients (OpenSSL, s_client). */
#include <string.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

static struct kit_cert *shown; /* the authority that is named; pki.root is trusted */
static char names[KIT_PATH], me[KIT_PATH], me_key[KIT_PATH];

static void make_client(struct kit_cert *issuer)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = "me", .issuer = issuer});

	kit_cert_write(c, "me.pem", me);
	kit_cert_write_key(c, "me.key", NULL, me_key);
}

static void make_files(void)
{
	pki_write();
	if (shown == NULL)
		shown = kit_cert_make(&(struct kit_cert_opts){.cn = "shown", .ca = true});
	kit_cert_write(shown, "names.pem", names);
	make_client(pki.root);
}

/* The only authority that the edge names, or "". */
static const char *name_sent(const struct edge *e, int max)
{
	static char cn[64];
	const struct stack_st_X509_NAME *list;
	struct tls_peer p;

	cn[0] = '\0';
	if (!tls_peer_dial(&p, edge_connect(e), &(struct tls_peer_opts){.cert = me, .key = me_key, .max = max}))
		kit_fail("no handshake");
	list = SSL_get0_peer_CA_list(p.ssl);
	if (sk_X509_NAME_num(list) == 1)
		X509_NAME_get_text_by_NID(sk_X509_NAME_value(list, 0), NID_commonName, cn, sizeof(cn));
	exchange_tls(&p);
	end_orderly_tls(&p);
	return cn;
}

static void one_is_trusted_another_is_named(void **state)
{
	struct tls_peer_opts o = {.max = TLS1_2_VERSION};
	struct tls_peer p;
	struct edge e;

	(void)state;
	make_files();
	e = tls_edge(textf(", client_auth: {mode: required, ca: \"%s\", names: \"%s\"}", pki.ca, names));
	assert_string_equal(name_sent(&e, TLS1_2_VERSION), "shown");
	assert_string_equal(name_sent(&e, TLS1_3_VERSION), "shown");
	edge_ended(&e, "client_fin", 2);
	make_client(shown); /* named, and not trusted */
	o.cert = me;
	o.key = me_key;
	assert_false(tls_peer_dial(&p, edge_connect(&e), &o));
	assert_int_equal(p.alert, SSL_AD_UNKNOWN_CA);
	tls_peer_close(&p);
	edge_ended(&e, "tls_client_cert", 1);
	edge_end(&e);
}

static void without_the_key_those_of_ca_are_named(void **state)
{
	struct edge e;

	(void)state;
	make_files();
	e = tls_edge(textf(", client_auth: {mode: required, ca: \"%s\"}", pki.ca));
	assert_string_equal(name_sent(&e, 0), "root");
	edge_end(&e);
}

struct named {
	const struct edge *e;
	const char *cn;
};

static bool is_named(void *arg)
{
	const struct named *w = arg;

	return strcmp(name_sent(w->e, 0), w->cn) == 0;
}

static void a_changed_file_is_taken_over(void **state)
{
	struct kit_cert *next = kit_cert_make(&(struct kit_cert_opts){.cn = "next", .ca = true});
	struct named w = {.cn = "next"};
	struct edge e;

	(void)state;
	make_files();
	e = tls_edge(textf(", client_auth: {mode: optional, ca: \"%s\", names: \"%s\"}", pki.ca, names));
	assert_string_equal(name_sent(&e, 0), "shown");
	w.e = &e;
	kit_cert_write(next, "names.pem", names);
	assert_true(kit_wait(is_named, &w, KIT_MS));
	kit_file_write("names.pem", "no certificate at all\n", names);
	kit_staunch_wait_err(e.s, "names.pem: holds no certificate in PEM form", 1);
	kit_staunch_wait_err(e.s, "running generation 2 unchanged", 1);
	assert_string_equal(name_sent(&e, 0), "next");
	kit_proc_wait_fds(e.s->child->pid, e.fds);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

static void s_client_prints_the_name(void **state)
{
	struct kit_peer *peer = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_SOURCE, .bytes = 4});
	struct kit_child *c;
	struct edge e;

	(void)state;
	program_need("openssl");
	make_files();
	e = edge_start(tls_edge_keys(textf(", client_auth: {mode: required, ca: \"%s\", names: \"%s\"}", pki.ca,
					   names)),
		       edge_upstream("back", kit_peer_port(peer), ""));
	c = kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-connect", textf("%s:%d", kit_ip(1), e.port),
						 "-cert", me, "-key", me_key, "-ign_eof"));
	assert_int_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->out, "Acceptable client certificate CA names"), 1);
	assert_int_equal(kit_file_count(c->out, "CN = shown"), 1); /* nowhere but among the names */
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(one_is_trusted_another_is_named),
		TLS_ROW(without_the_key_those_of_ca_are_named),
		TLS_ROW(a_changed_file_is_taken_over),
		TLS_ROW(s_client_prints_the_name),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
