/* explain: what an answer of /v1/explain has, what it says of wrong questions, and the verb. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/tls_edge.h"

/* ---- the answer ---- */

#define ASK "curl -sS --unix-socket $S 'http://localhost/v1/explain"

/* Two listeners, a server that takes one connection, and rules on lines that the test knows. */
static const char *small_config(int port, int server)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
		     "  - name: web\n    bind: \"%s:%d\"\n    max_connections: 1\n    routes:\n"
		     "      - {source: [192.0.2.0/24, 127.0.0.0/8], "
		     "upstream: app}\n"
		     "      - {sni: a.test, upstream: app}\n"
		     "  - {name: tls, bind: \"%s:%d\", upstream: app, tls: {strict_sni: true, "
		     "certificates: [{cert: \"%s\", key: \"%s\"}], session_tickets: {keys: \"@DIR@/tickets\"},\n"
		     "     client_auth: {mode: required, ca: \"%s\", allow: {cn: me}}}}\n"
		     "upstreams:\n  - {name: app, queue: off, servers: [{address: \"%s:%d\", max_connections: 1}]}\n",
		     control_socket(), kit_ip(0), port, kit_ip(0), kit_port(kit_ip(0)), pki.cert, pki.key,
		     pki.ca, kit_ip(0), server);
}

static void expect_answer(const char *query, const char *filter, const char *wanted)
{
	const char *got = control_shell_ok(textf(ASK "%s' | jq -c '%s'", query, filter));

	if (strcmp(got, textf("%s\n", wanted)) != 0)
		kit_fail("%s, %s: %snot %s", query, filter, got, wanted);
}

struct answer_row {
	const char *query, *filter, *wanted;
};

static const struct answer_row answers[] = {
	{"?listener=web&src=192.0.2.9", "[.rule.index,.rule.line,.upstream,.close]", "[0,9,\"app\",null]"},
	{"?listener=web&sni=A.test", "[.rule.index,.rule.line,.asked.sni,.asked.tls]", "[1,10,\"a.test\",\"1.3\"]"},
	{"?listener=web&src=192.0.3.9&tls=none", "[.rule,.upstream,.close.reason,.candidates]",
	 "[null,null,\"no_route\",[]]"},
	{"?listener=web&src=::ffff:192.0.2.9", "[.asked.src,.rule.index]", "[\"192.0.2.9\",0]"},
	{"?listener=web&src=unix", "[.asked.src,.close.reason]", "[\"unix\",\"no_route\"]"},
	{"?listener=tls&sni=a.test&tls=1.2&alpn=h2",
	 "[.tls.version,.tls.alpn,.tls.client_auth,.tls.client_allow,.close]",
	 "[\"1.2\",null,\"required\",true,null]"},
	{"?listener=tls&sni=c.test", "[.close.reason,.close.why]",
	 "[\"tls_failed\",\"the client asked for a name that no certificate has (SNI)\"]"},
	{"?listener=tls&sni=a.test&tls=1.0", "[.close.reason,.close.why]",
	 "[\"tls_failed\",\"no protocol version in common\"]"},
	{"?listener=tls&tls=none", "[.close.reason,.asked.tls]", "[\"tls_failed\",null]"},
	{"?listener=tls&sni=a.test", "[.limits[]|[.name,.acts]]",
	 "[[\"limits.max_connections\",false],[\"listeners[].max_connections\",false],"
	 "[\"listeners[].tls.max_handshakes\",false]]"},
	{"?sni=a.test", "[.error.code,.error.message]", "[\"E404\",\"listeners are: web, tls\"]"},
	{"?listener=wbe", "[.error.message]", "[\"there is no listener \\\"wbe\\\"; listeners are: web, tls\"]"},
	{"?listener=web&src=10.0.0.1:80", "[.error.code,.error.message]",
	 "[\"E400\",\"src is an IP address without a port, or unix\"]"},
	{"?listener=web&tls=2", "[.error.message]",
	 "[\"tls is none, or the newest version that the client speaks: 1.0, 1.1, 1.2, 1.3\"]"},
	{"?listener=0123456789012345678901234567890123456789012345678901234567890123", "[.error.message]",
	 "[\"a listener has a name of 63 bytes at most\"]"},
	{"?listener=tls&sni='$(printf a%.0s $(seq 256))'", "[.error.message]", "[\"sni has at most 255 bytes\"]"},
	{"?listener=tls&sni=a.test", "[.limits[].effect]", "[\"waits\",\"closed\",\"one yields\"]"},
	{"?listener=tls&tls=none&src=unix", "[.close.why]",
	 "[\"TLS ends here, and this client does not speak it\"]"},
	{"?listener=web&alpn=,", "[.error.code]", "[\"E400\"]"},
	{"?listener=web&tls=none&sni=a.test", "[.error.message]",
	 "[\"a client without TLS has neither sni nor alpn\"]"},
};

static bool is_full(void *arg)
{
	(void)arg;
	return strcmp(control_shell_ok(ASK "?listener=tls&sni=a.test' | jq -r '.close.reason,.close.why,"
				       ".candidates[0].usable,.candidates[0].why,.candidates[0].active'"),
		      "max_connections\nevery server of the upstream has max_connections\nyes\n"
		      "full: it has max_connections\n1\n") == 0;
}

/* O12: places, TLS as far as it is known, mistakes; and a server that is full. */
static void o12_what_an_answer_has(void **state)
{
	int at = 0, port = kit_port(kit_ip(0)), listener = kit_listen(kit_ip(0), &at, 8), fd;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	pki_write();
	s = kit_staunch_start(small_config(port, at));
	for (size_t i = 0; i < array_len(answers); i++)
		expect_answer(answers[i].query, answers[i].filter, answers[i].wanted);
	fd = kit_connect(kit_ip(0), port);
	if (!kit_wait(is_full, NULL, KIT_MS))
		kit_fail("the server is not full");
	expect_answer("?listener=web&src=192.0.2.9", "[.close.why,.limits[1].acts]",
		      "[\"the listener has max_connections\",true]");
	close(fd);
	close(listener); /* what waits in it is reset */
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* ---- the verb ---- */

static const char *verb(int status, const char *words)
{
	return control_verb(status, textf("explain %s", words));
}

static void expect_80_columns(const char *text)
{
	for (const char *end; *text != '\0'; text = end + (*end == '\n')) {
		end = strchrnul(text, '\n');
		if (end - text > 80)
			kit_fail("a line of %d columns: %.*s", (int)(end - text), (int)(end - text), text);
	}
}

/* O12: asked of the running process and of the file, the answer is the same; a file that is only asked leaves nothing
 * behind. */
static void o12_the_verb(void **state)
{
	int at = 0, listener = kit_listen(kit_ip(0), &at, 8);
	char file[KIT_PATH], same[512], tickets[KIT_PATH];
	struct kit_staunch *s;
	const char *out;

	(void)state;
	if (!kit_have("jq"))
		skip();
	pki_write();
	kit_file_write("asked.yaml", small_config(kit_port(kit_ip(0)), at), file);
	snprintf(tickets, sizeof(tickets), "%s/tickets", kit_dir());
	out = verb(0, textf("route -c %s --listener tls --sni a.test --alpn h2 --src 10.0.0.1", file));
	assert_int_equal(access(tickets, F_OK), -1);
	expect_part(out, "listener    tls\nclient      10.0.0.1, sni a.test, alpn h2, TLS 1.3\n");
	expect_part(out, "tls         ends here: TLS 1.3\n"
			 "            client certificate required, one that client_auth.allow names\n"
			 "rule        none matches: the listener's upstream\nupstream    app\n");
	expect_part(out, "        yes          0       1   100.0%  100.0%\n");
	expect_80_columns(out);
	out = verb(0, textf("route -c %s --listener web --tls none --src 10.0.0.1", file));
	expect_part(out, "client      10.0.0.1, no TLS\n");
	expect_part(out, "closed      no_route: no route matched, and there is no default\n");
	expect_part(verb(1, textf("route -c %s", file)), "listeners are: web, tls\n");
	snprintf(same, sizeof(same), "%s", verb(0, textf("route -c %s --json --listener web --src 192.0.2.9 | jq -c "
							 "'[.rule,.upstream,.close,.candidates]'", file)));

	s = kit_staunch_start(small_config(kit_port(kit_ip(0)), at));
	out = verb(0, "route --socket $S --json --listener web --src 192.0.2.9 | jq -c '[.rule,.upstream,.close,"
		      ".candidates]'");
	expect_part(same, textf("/asked.yaml\",\"line\":9},\"app\",null,"));
	assert_string_equal(strstr(same, ",\"line\""), strstr(out, ",\"line\""));
	expect_part(verb(0, "route --socket $S --listener web --sni A.TEST"), "sni a.test, TLS 1.3\nrule        ");
	expect_part(verb(1, "route --socket $S"), "staunch: the instance refuses (404): listeners are: web, tls\n");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	close(listener);
}

/* Codes of problems, and options that only a route has. */
static void other_words_of_explain(void **state)
{
	(void)state;
	assert_string_equal(verb(0, "E203"), "E203: outside the bounds of its key\n"
					     "An error: a file with one is not loaded.\n");
	assert_string_equal(verb(0, "w301"), "W301: an upstream that no listener uses\n"
					     "A warning: the file is loaded all the same.\n");
	expect_part(verb(2, "E999"), "\"E999\" is not a code of a problem");
	expect_part(verb(2, "linger --sni a.test"), "--sni belongs to: staunch explain route");
	expect_part(verb(2, "route --src a.test"), "src is an IP address without a port, or unix");
	expect_part(verb(0, "linger"), "listeners[].timeouts.linger");
}

/* Words of logs, metrics and answers have their meaning, each of its table. */
static void words_that_machines_write(void **state)
{
	static const struct {
		const char *word, *meaning;
	} rows[] = {
		{"client_rst",
		 "client_rst, why a connection ended: the client reset the connection. Who ended it: the client."},
		{"check_down",
		 "check_down, why a server is held out: its check fails. It is back when its check passes."},
		{"silent",
		 "silent, what connections tell against a server: it sends no byte in the time that an answer takes."},
		{"econnrefused",
		 "ECONNREFUSED, an error of a call: connection refused; the other side, or the way to it, caused it."},
		{"ETIMEDOUT",
		 "ETIMEDOUT, an error of a call: timed out; a time that the configuration allows was over."},
		{"EMFILE",
		 "EMFILE, an error of a call: too many open descriptors in the process; this machine caused it. "
		 "What helps: raise ulimit -n or LimitNOFILE"},
		{"EINVAL",
		 "EINVAL, an error of a call: invalid argument; a correct program does not see it; please report it."},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		expect_part(control_verb(0, textf("explain %s", rows[i].word)), rows[i].meaning);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o12_what_an_answer_has, kit_end),
		cmocka_unit_test_teardown(o12_the_verb, kit_end),
		cmocka_unit_test_teardown(other_words_of_explain, kit_end),
		cmocka_unit_test_teardown(words_that_machines_write, kit_end),
	};

	return cmocka_run_group_tests_name("cli_explain", tests, NULL, NULL);
}
