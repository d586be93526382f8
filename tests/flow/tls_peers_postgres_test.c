/* PostgreSQL behind the edge. Its own TLS begins inside of its protocol: the client sends an
 * SSLRequest of eight bytes, the server agrees with one, and then comes the ClientHello. For the edge
 * that is a client that speaks no TLS: it goes to the default, untouched, whatever the routes are.
 *
 * Direct TLS, where the ClientHello comes first, is what sslnegotiation=direct of newer clients
 * means. PostgreSQL 15 has neither such a client nor such a server. So the edge ends TLS in the
 * server's place, and the client is OpenSSL with the protocol's bytes, or psql behind a listener that
 * starts TLS. Towards a PostgreSQL 15 the edge cannot start TLS: that one wants the SSLRequest first,
 * which is the client's to send. */
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES = 524288, WIDTH = 10 }; /* 5 MiB without their ends */

static const char big_text[] = "SELECT string_agg(lpad(i::text, 10, '0'), '' ORDER BY i)"
			       " FROM generate_series(1, 524288) i";

/* ---- the server ------------------------------------------------------------------------------ */

struct postgres {
	struct kit_child *server;
	int port;
};

/* The directory of its programs, the newest version's; they are not in PATH. */
static const char *postgres_bin(void)
{
	static char bin[KIT_PATH];
	glob_t g;

	if (bin[0] == '\0' && glob("/usr/lib/postgresql/*/bin", 0, NULL, &g) == 0) {
		snprintf(bin, sizeof(bin), "%s", g.gl_pathv[g.gl_pathc - 1]);
		globfree(&g);
	}
	return bin;
}

static void postgres_need(void)
{
	program_need("psql");
	program_need("setpriv");
	if (access(textf("%s/initdb", postgres_bin()), X_OK) == 0)
		return;
	print_message("[  SKIPPED ] postgresql is not installed\n");
	skip();
}

/* What starts its programs: it refuses to run as root and then is its package's user, who may enter
 * the test's directory and owns a part of it, and the key. */
static const char *postgres_user(void)
{
	const struct passwd *user = getpwnam("postgres");
	const char *home = textf("%s/pg", kit_dir());

	assert_int_equal(mkdir(home, 0700), 0);
	if (geteuid() != 0)
		return "";
	assert_non_null(user);
	assert_int_equal(chmod(kit_dir(), 0711), 0);
	assert_int_equal(chmod(pki.cert, 0644), 0);
	assert_int_equal(chown(home, user->pw_uid, user->pw_gid), 0);
	assert_int_equal(chown(pki.key, user->pw_uid, user->pw_gid), 0);
	return "setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig=KILL ";
}

/* One of its programs with these arguments, for sh. */
static const char *postgres_command(const char *as, const char *program, const char *arguments)
{
	return textf("cd / && exec %s%s/%s -D %s/pg/data %s", as, postgres_bin(), program, kit_dir(),
		     arguments);
}

/* With the certificate of a.test; who comes without TLS is let in as well. */
static struct postgres postgres_start(void)
{
	static const char form[] = "-h %s -p %d -F -c unix_socket_directories= "
				   "-c dynamic_shared_memory_type=mmap -c hba_file=%s "
				   "-c ssl=on -c ssl_cert_file=%s -c ssl_key_file=%s";
	struct postgres p = {.port = kit_port(kit_ip(0))};
	char hba[KIT_PATH];
	const char *as, *how;

	pki_write();
	as = postgres_user();
	kit_file_write("hba", "host all all 127.0.0.0/8 trust\n", hba);
	assert_int_equal(chmod(hba, 0644), 0);
	how = postgres_command(as, "initdb", "-U tester -A trust -E UTF8 --locale=C --no-sync");
	program_run("initdb", KIT_ARGV("sh", "-c", how));
	how = postgres_command(as, "postgres", textf(form, kit_ip(0), p.port, hba, pki.cert, pki.key));
	p.server = kit_child_start("postgres", KIT_ARGV("sh", "-c", how));
	kit_file_wait(p.server->err, "ready to accept connections", 1); /* it listens before */
	return p;
}

/* At once, its other processes with it. */
static void postgres_end(const struct postgres *p)
{
	program_stop(p->server, SIGQUIT);
}

/* ---- psql ------------------------------------------------------------------------------------ */

/* A connection string for who takes the edge to be this host. */
static const char *as_host(const char *host, int port, const char *more)
{
	return textf("host=%s hostaddr=%s port=%d user=tester dbname=postgres %s", host, kit_ip(1), port,
		     more);
}

static const char *verified(void)
{
	return textf("sslmode=verify-full sslrootcert=%s", pki.ca);
}

#define PSQL(where, command) \
	KIT_ARGV("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", where, "-c", command)

static struct kit_child *psql(const char *where, const char *command)
{
	return program_run("psql", PSQL(where, command));
}

static void expect_big(const struct kit_child *c)
{
	FILE *f = fopen(c->out, "re");
	char got[WIDTH + 1], want[WIDTH + 2];

	assert_non_null(f);
	for (int i = 1; i <= LINES; i++) {
		snprintf(want, sizeof(want), "%0*d", WIDTH, i);
		assert_int_equal(fread(got, 1, WIDTH, f), WIDTH);
		assert_memory_equal(got, want, WIDTH);
	}
	assert_int_equal(fgetc(f), '\n');
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
}

/* The same numbers to the server, as lines, and what it made of them. */
static void copies_in(const char *where)
{
	char path[KIT_PATH];
	FILE *f;

	kit_file_write("lines", "", path);
	f = fopen(path, "we");
	assert_non_null(f);
	for (int i = 1; i <= LINES; i++)
		fprintf(f, "%0*d\n", WIDTH, i);
	assert_int_equal(fclose(f), 0);
	psql(where, "CREATE TABLE t (line text)");
	psql(where, textf("\\copy t from '%s'", path));
	program_said(psql(where, "SELECT count(*), min(line), max(line), sum(line::int) FROM t"),
		     "524288|0000000001|0000524288|137439215616\n");
}

/* What clients of every sort do, with this connection string: five connections. */
static void serves(const char *where, const char *seen)
{
	program_said(psql(where, "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
		     seen);
	expect_big(psql(where, big_text));
	copies_in(where);
}

/* At psql's good-bye the server closes, and psql does too: who is first, and whether what the other one
 * still said makes a reset of that, is between the two. What must not be is an end by the edge. */
static void ended_by_the_two(const struct edge *e, int n)
{
	assert_int_equal(kit_staunch_log(e->s, " reason="), n);
	assert_int_equal(kit_staunch_log(e->s, " by=client ") + kit_staunch_log(e->s, " by=server "), n);
}

static void psql_verifies_postgres_through_routes(void **state)
{
	struct postgres pg;
	struct edge e;

	(void)state;
	postgres_need();
	pg = postgres_start();
	e = edge_start("routes: [{sni: [a.test], upstream: nobody}, {alpn: [postgresql], upstream: nobody}], "
		       "upstream: db",
		       textf("%s%s", edge_upstream("db", pg.port, ""),
			     edge_upstream("nobody", kit_refuser(kit_ip(0)), "")));
	serves(as_host("a.test", e.port, verified()), "t|TLSv1.3\n");
	program_said(psql(as_host("a.test", e.port, "sslmode=disable"), "SELECT 6 * 7"), "42\n");
	edge_end(&e);
	ended_by_the_two(&e, 6);
	assert_int_equal(kit_staunch_log(e.s, " sni="), 0); /* it went by as bytes */
	postgres_end(&pg);
}

/* What psql believes is the server's own certificate: with another name it does not. */
static void psql_refuses_another_name(void **state)
{
	struct postgres pg;
	struct kit_child *c;
	struct edge e;

	(void)state;
	postgres_need();
	pg = postgres_start();
	e = edge_start("upstream: db", edge_upstream("db", pg.port, ""));
	c = kit_child_start("psql", PSQL(as_host("b.test", e.port, verified()), "SELECT 1"));
	assert_int_equal(kit_child_wait(c), 2);
	assert_int_equal(kit_file_count(c->err, "does not match host name \"b.test\""), 1);
	edge_end(&e);
	assert_int_equal(kit_staunch_log(e.s, " listener=edge "), 1);
	postgres_end(&pg);
}

/* ---- direct TLS ------------------------------------------------------------------------------ */

/* The edge ends TLS in front of the server. A second listener starts TLS towards the edge, as a direct
 * client would that verifies: who speaks in the clear to that one goes over direct TLS. */
static struct edge direct_start(int server, int *plain)
{
	static const char form[] = "  - {name: edge, servers: [\"%s:%d\"], "
				   "tls: {ca: \"%s\", name: a.test, sni: a.test, alpn: [postgresql]}}\n";
	struct edge e = {.port = kit_port(kit_ip(1))};
	const char *listeners, *upstreams;

	*plain = kit_port(kit_ip(1));
	listeners = textf("%s}\n  - {name: plain, bind: \"%s:%d\", upstream: edge",
			  tls_edge_keys(", alpn: [postgresql]"), kit_ip(1), *plain);
	upstreams = textf("%s%s", edge_upstream("back", server, ""), textf(form, kit_ip(1), e.port, pki.ca));
	e.s = kit_staunch_start(edge_config(e.port, listeners, upstreams));
	e.fds = kit_proc_fds(e.s->child->pid);
	return e;
}

static void psql_over_direct_tls(void **state)
{
	struct postgres pg;
	struct edge e;
	int plain;

	(void)state;
	postgres_need();
	pg = postgres_start();
	e = direct_start(pg.port, &plain);
	serves(as_host("a.test", plain, "sslmode=disable"), "f|\n");
	edge_end(&e);
	ended_by_the_two(&e, 10);
	assert_int_equal(kit_staunch_log(e.s, " sni=a.test alpn=postgresql tls=TLSv1.3 "), 5);
	postgres_end(&pg);
}

/* The first message of the protocol's version 3, one question, and good-bye. */
static const char dialogue[] = "\0\0\0\x27\0\3\0\0" "user\0tester\0" "database\0postgres\0\0"
			       "Q\0\0\0\x23" "SELECT 'the answer is ' || 6*7\0" "X\0\0\0\4";

/* No code of the proxy's at the client's end. */
static void openssl_over_direct_tls(void **state)
{
	static char got[4096];
	const struct tls_peer_opts o = {.sni = "a.test", .ca = pki.ca, .alpn = "\12postgresql"};
	struct postgres pg;
	struct tls_peer p;
	struct edge e;
	size_t n = 0, some;

	(void)state;
	postgres_need();
	pg = postgres_start();
	e = edge_start(tls_edge_keys(", alpn: [postgresql]"), edge_upstream("back", pg.port, ""));
	assert_true(tls_peer_dial(&p, edge_connect(&e), &o));
	tls_peer_send(&p, dialogue, sizeof(dialogue) - 1);
	while (n < sizeof(got) && SSL_read_ex(p.ssl, got + n, sizeof(got) - n, &some) == 1)
		n += some;
	assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_non_null(memmem(got, n, "the answer is 42", 16));
	tls_peer_close(&p);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " sni=a.test alpn=postgresql tls=TLSv1.3 ");
	edge_end(&e);
	postgres_end(&pg);
}

/* E26: what a check says to it first is an SSLRequest, and one letter is the answer: S, or N where it has no TLS. One
 * whose postmaster stands still is down. */
static void e26_postgres_answers_an_ssl_request(void **state)
{
	struct postgres p;
	struct kit_staunch *s;

	(void)state;
	postgres_need();
	p = postgres_start();
	s = kit_staunch_start(textf(
		TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: db}\n"
			    "upstreams:\n  - name: db\n    servers: [\"%s:%d\"]\n"
			    "    health: {send: {send: '\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f', reject: E, "
			    "interval: 200ms, timeout: 2s}}\n",
		kit_ip(1), kit_port(kit_ip(1)), kit_ip(0), p.port));
	assert_int_equal(kit_file_count(s->child->err, "is not up"), 0);
	kit_child_signal(p.server, SIGSTOP);
	kit_file_wait(s->child->err, "is down: no answer in time", 1);
	kit_child_signal(p.server, SIGCONT);
	kit_file_wait(s->child->err, "is up: its check is good", 1);
	kit_staunch_stop(s, SIGTERM);
	postgres_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(psql_verifies_postgres_through_routes, kit_end),
		cmocka_unit_test_teardown(psql_refuses_another_name, kit_end),
		cmocka_unit_test_teardown(psql_over_direct_tls, kit_end),
		cmocka_unit_test_teardown(openssl_over_direct_tls, kit_end),
		cmocka_unit_test_teardown(e26_postgres_answers_an_ssl_request, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
