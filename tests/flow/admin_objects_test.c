/* /v1/listeners, /v1/upstreams, /v1/servers, /v1/certificates and /v1/history, and what the status says of all: over
 * the control socket of the real process, read by jq. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

/* What jq makes of an answer, without the newline at its end. */
static const char *asked(const char *path, const char *filter)
{
	static char got[4096];

	snprintf(got, sizeof(got), "%s", control_shell_ok(
		textf("curl -sS --unix-socket $S 'http://localhost%s' | jq -c '%s'", path, filter)));
	got[strcspn(got, "\n")] = '\0';
	return got;
}

struct wanted {
	const char *path, *filter, *answer;
};

static bool says(void *arg)
{
	const struct wanted *w = arg;

	return strcmp(asked(w->path, w->filter), w->answer) == 0;
}

static void wait_for(const char *path, const char *filter, const char *answer)
{
	struct wanted w = {path, filter, answer};

	if (!kit_wait(says, &w, KIT_MS))
		kit_fail("%s, %s: %s and not %s", path, filter, asked(path, filter), answer);
}

static void expect(const char *path, const char *filter, const char *answer)
{
	const char *got = asked(path, filter);

	if (strcmp(got, answer) != 0)
		kit_fail("%s, %s: %s and not %s", path, filter, got, answer);
}

/* Two servers, of which the first refuses, a third that takes none, and a backup. */
static const char *four_servers(int port, int good, const char *end)
{
	int refuser = kit_refuser(kit_ip(1));

	return textf(TWO_WORKERS
		"control: {socket: \"%s\"}\n"
		     "listeners: [{name: web, bind: \"%s:%d\", upstream: app, max_connections: 100}]\n"
		     "upstreams: [{name: app, balance: round_robin, servers: [\n"
		     "  {address: \"%s:%d\"}, {address: \"%s:%d\", weight: 3}, {address: \"%s:9\", weight: 0},\n"
		     "  {address: \"%s:10\", backup: true, max_connections: 7}]}]\n%s",
		     control_socket(), kit_ip(0), port, kit_ip(1), refuser, kit_ip(0), good, kit_ip(2), kit_ip(2),
		     end);
}

static void listeners_and_servers(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int web = kit_port(kit_ip(0)), fd;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	s = kit_staunch_start(four_servers(web, kit_peer_port(server), ""));
	for (int i = 0; i < 7; i++)
		end_orderly(served(kit_ip(0), web));
	fd = served(kit_ip(0), web);
	wait_for("/v1/listeners", ".listeners[0].closed", "{\"client_fin\":7}");
	expect("/v1/listeners", "[.schema, .generation, (.listeners | length)]", "[1,1,1]");
	expect("/v1/listeners", ".listeners[0] | [.name, .upstream, .tls, .active, .max_connections, .connections]",
	       "[\"web\",\"app\",false,1,100,8]");
	expect("/v1/listeners", ".listeners[0].addresses", textf("[\"%s:%d\"]", kit_ip(0), web));
	expect("/v1/listeners", ".listeners[0].duration_ms.count", "7");
	expect("/v1/upstreams", ".upstreams[0] | [.name, .balance, .servers, .usable, .spare, .active]",
	       "[\"app\",\"round_robin\",4,3,0,1]");
	expect("/v1/upstreams", ".upstreams[0].connects.ok", "8");
	expect("/v1/servers", "[.servers[] | [.usable, .why, .backup, .weight, .effective_weight, .active, "
	       ".max_connections]]",
	       "[[\"yes\",null,false,1,1,0,null],[\"yes\",null,false,3,3,1,null],"
	       "[\"no\",\"weight\",false,0,0,0,null],[\"yes\",null,true,1,1,0,7]]");
	expect("/v1/servers", ".servers[0] | [.connects.refused > 0, .last_connect_error.reason, "
	       ".last_connect_error.errno, .last_connect_error.ago_ms >= 0]",
	       "[true,\"connect_failed\",\"ECONNREFUSED\",true]");
	expect("/v1/servers", ".servers[1] | [.last_connect_error, .connects.ok, .connect_ms.p99 > 0]",
	       "[null,8,true]");
	expect("/v1/servers?upstream=none", ".servers | length", "0");
	expect("/v1/servers?upstream=app", ".servers | length", "4");
	wait_for("/v1/servers", ".servers[1].rates.connects > 0", "true");
	wait_for("/v1/status", "[.rates.connections > 0, .upstreams]",
		 "[true,{\"n\":1,\"servers\":4,\"usable\":3,\"spare\":0}]");
	end_orderly(fd);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* The hash is that of the text alone, and what went wrong stands in a sentence. */
static void the_status_says_what_to_look_at(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int web = kit_port(kit_ip(0)), port = kit_peer_port(server);
	const char *config = four_servers(web, port, "");
	char first[64];
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	s = kit_staunch_start(config);
	snprintf(first, sizeof(first), "%s", asked("/v1/status", ".config.hash"));
	assert_int_equal(strlen(first), 18);
	expect("/v1/status", "[.warnings[].code]", "[\"servers_unusable\"]");
	expect("/v1/status", ".warnings[0].text",
	       textf("\"upstream app: 3 of 4 servers usable (%s:9: its weight is 0: it gets no new clients; "
		     "back when its weight is more than 0: staunch server weight)\"", kit_ip(2)));
	kit_staunch_rewrite(s, textf("%s# a word more\n", config));
	kill(s->child->pid, SIGHUP);
	wait_generation(s, 2);
	assert_string_not_equal(asked("/v1/status", ".config.hash"), first);
	kit_staunch_rewrite(s, config);
	kill(s->child->pid, SIGHUP);
	wait_generation(s, 3);
	assert_string_equal(asked("/v1/status", ".config.hash"), first);
	kit_staunch_rewrite(s, "nonsense: 1\n");
	kill(s->child->pid, SIGHUP);
	wait_for("/v1/status", "[.warnings[].code]", "[\"reload_refused\",\"servers_unusable\"]");
	kit_staunch_rewrite(s, one_server(web, 9, "", textf("control: {socket: \"%s\"}\n", control_socket())));
	kill(s->child->pid, SIGHUP);
	wait_generation(s, 4);
	expect("/v1/status", "[.warnings[].code]", "[]");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void certificates_by_file(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq") || !kit_have("openssl"))
		skip();
	control_shell_ok(textf("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			       "-keyout k.pem -out c.pem -days 20 -set_serial 0xABC123 -subj /CN=a.test "
			       "-addext subjectAltName=DNS:a.test,DNS:*.b.test 2>&1", kit_dir()));
	s = kit_staunch_start(one_server(kit_port(kit_ip(0)), kit_peer_port(server),
					 ", tls: {certificates: [{cert: \"@DIR@/c.pem\", key: \"@DIR@/k.pem\"}]}",
					 textf("control: {socket: \"%s\"}\n", control_socket())));
	expect("/v1/certificates", ".certificates | map([.listener, .names, .serial, .days_left >= 19, .ocsp])",
	       "[[\"web\",[\"a.test\",\"*.b.test\"],\"ABC123\",true,null]]");
	expect("/v1/certificates", ".certificates[0] | [(.file | endswith(\"/c.pem\")), (.not_after | length)]",
	       "[true,27]");
	expect("/v1/status", "[.warnings[].code]", "[\"certificate_expires\"]");
	expect("/v1/listeners", ".listeners[0] | [.tls, .handshakes, .handshake_ms.p50]",
	       "[true,{\"ok\":0,\"failed\":0},null]");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* Sixteen series, as long as the times beside them. */
static void the_last_minutes(void **state)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int web = kit_port(kit_ip(0)), fd;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	s = kit_staunch_start(controlled(web, kit_peer_port(server), "", ""));
	fd = served(kit_ip(0), web);
	wait_for("/v1/history", ".series[] | select(.name == \"active\") | .values[-1]", "1");
	wait_for("/v1/history", "[.series[] | select(.name == \"connects\") | .values[]] | add", "1");
	expect("/v1/history", "[(.series | length), .every_ms, (.at_ms | length) as $n | .series | "
	       "all(.values | length == $n)]", "[16,1000,true]");
	expect("/v1/history", "[.series[] | select(.name | startswith(\"connect_p\")) | .values | any(. != null)]",
	       "[true,true]");
	end_orderly(fd);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(listeners_and_servers, kit_end),
		cmocka_unit_test_teardown(the_status_says_what_to_look_at, kit_end),
		cmocka_unit_test_teardown(certificates_by_file, kit_end),
		cmocka_unit_test_teardown(the_last_minutes, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_objects", tests, NULL, NULL);
}
