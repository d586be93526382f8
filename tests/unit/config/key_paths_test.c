/* key_paths: every file that the key table knows as a PATH is found in a model, in the table's
 * order, but for files that this program writes itself. */
#include "config/key_paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/key.h"
#include "config/text/diag.h"

static char seen[1024];

static void note(void *arg, const char *path, struct config_pos at)
{
	unsigned *n = arg;
	const char *slash = strrchr(path, '/');

	assert_true(pos_known(at));
	(*n)++;
	strncat(seen, slash != NULL ? slash + 1 : path, sizeof(seen) - strlen(seen) - 1);
	strncat(seen, " ", sizeof(seen) - strlen(seen) - 1);
}

static void expect(const char *text, const char *paths, unsigned count)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	unsigned n = 0;

	assert_non_null(d);
	assert_int_equal(config_parse("test", text, strlen(text), &c, d), 0);
	seen[0] = '\0';
	key_each_path(c, note, &n);
	assert_string_equal(seen, paths);
	assert_int_equal(n, count);
	config_free(c);
	diag_free(d);
}

static void count_path(void *arg, const char *path, struct config_pos at)
{
	(void)path;
	(void)at;
	++*(unsigned *)arg;
}

static void no_files(void **state)
{
	(void)state;
	expect("log: {access: /tmp/access.log}\n"
	       "listeners: [{name: l, bind: \":80\", upstream: u}]\n"
	       "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n", "", 0);
}

static void every_file_but_our_own(void **state)
{
	(void)state;
	expect("listeners:\n"
	       "  - {name: plain, bind: \":80\", upstream: u}\n"
	       "  - name: tls\n"
	       "    bind: \":443\"\n"
	       "    upstream: u\n"
	       "    tls:\n"
	       "      certificates:\n"
	       "        - {cert: /a.pem, key: /a.key, password_file: /a.pass, ocsp: /a.der}\n"
	       "        - {cert: /b.pem, key: /b.key, ocsp_fetch: true, ocsp_issuer: /b.issuer, ocsp_cache: /b.ocsp,\n"
	       "           names: [b.test],\n"
	       "           client_auth: {mode: optional, ca: /bca.pem, crl: /bcrl.pem, names: /bnames.pem}}\n"
	       "      client_auth: {mode: required, ca: /ca.pem, crl: /crl.pem, names: /names.pem}\n"
	       "      session_tickets: {keys: /tickets}\n"
	       "upstreams:\n"
	       "  - name: u\n"
	       "    servers: [\"10.0.0.1:80\"]\n"
	       "    tls: {ca: /uca.pem, cert: /u.pem, key: /u.key, password_file: /u.pass}\n"
	       "    health: {tls: {ca: /tca.pem}}\n"
	       "  - {name: v, servers: [\"10.0.0.1:80\"], health: {http: {tls: on, ca: /hca.pem}}}\n"
	       "  - {name: w, servers: [\"10.0.0.1:80\"], health: {send: {tls: on, expect: a, ca: /sca.pem}}}\n"
	       "control: {http: \"127.0.0.1:1\", token_file: /tokens}\n",
	       "a.pem a.key a.pass a.der b.pem b.key b.issuer bca.pem bnames.pem bcrl.pem ca.pem names.pem crl.pem "
	       "uca.pem u.pem u.key u.pass tca.pem hca.pem sca.pem tokens ", 21);
}

/* Of one block alone, and not what the program writes itself. */
static void the_files_of_one_block(void **state)
{
	static const char text[] =
		"listeners: [{name: l, bind: \":80\", upstream: u, tls: {certificates: [{cert: /a.pem, key: /a.key}],\n"
		"  session_tickets: {keys: /tickets}}}]\n"
		"upstreams: [{name: u, servers: [\"10.0.0.1:80\"], tls: {ca: /uca.pem}}]\n";
	struct config *c;
	struct diag *d;
	unsigned in = 0, out = 0;

	(void)state;
	d = diag_new();
	assert_int_equal(config_parse("t.yaml", text, strlen(text), &c, d), 0);
	key_each_path_tls_in(c->listeners[0].tls, count_path, &in);
	key_each_path_tls_out(c->upstreams[0].tls, count_path, &out);
	assert_int_equal(in, 2);
	assert_int_equal(out, 1);
	config_free(c);
	diag_free(d);
}

/* A new PATH key is reached without another line: the table has no PATH row in a scope that the
 * walk does not enter. */
static void no_path_is_out_of_reach(void **state)
{
	unsigned rows = 0;

	(void)state;
	for (size_t i = 0; i < key_count; i++)
		rows += key_rows[i].kind == KEY_PATH && (key_rows[i].flags & KEY_OURS) == 0;
	assert_int_equal(rows, 19); /* as many as every_file_but_our_own names: add a new key there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_files),
		cmocka_unit_test(every_file_but_our_own),
		cmocka_unit_test(the_files_of_one_block),
		cmocka_unit_test(no_path_is_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
