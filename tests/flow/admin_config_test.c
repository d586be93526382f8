/* /v1/config: the configuration in force is what `config show` prints of its file, with what an operator said
 * since, and without a byte of a secret. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/flow/kit/control.h"

enum { UPSTREAMS = 30 }; /* so many that the answer is several blocks long */

struct world {
	struct kit_staunch *s;
	int web, server;
};

/* more: servers of app behind the first. */
static const char *config_with(const struct world *w, const char *balance, const char *more)
{
	const char *spare = "";

	for (int i = 0; i < UPSTREAMS; i++)
		spare = textf("%s  - {name: s%d, servers: [\"%s:9\"]}\n", spare, i, kit_ip(1));
	return textf(TWO_WORKERS "control: {socket: \"%s\", token_file: \"@DIR@/token\"}\n"
				 "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "upstreams:\n  - {name: app, balance: %s, servers: [\"%s:%d\"%s]}\n%s",
		     control_socket(), kit_ip(0), w->web, balance, kit_ip(0), w->server, more, spare);
}

static const char *config_of(const struct world *w, const char *balance)
{
	return config_with(w, balance, textf(", \"%s:9\"", kit_ip(1)));
}

static struct world world_start(void)
{
	struct world w = {.web = kit_port(kit_ip(0)),
			  .server = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}))};
	char file[KIT_PATH];

	kit_file_write("token", "0123456789abcdef-a-secret-of-32-bytes\n", file);
	assert_int_equal(chmod(file, 0600), 0);
	w.s = kit_staunch_start(config_of(&w, "round_robin"));
	return w;
}

/* "same" when the text in force is what the verb prints of the file. */
static const char *compared_with_file(const struct world *w)
{
	return control_shell_ok(textf("cd %s && curl -sS --unix-socket $S http://localhost/v1/config | jq -j .config > "
				      "in_force && \"$OLDPWD/\"%s config show -c %s > of_file && "
				      "cmp in_force of_file && echo same",
				      kit_dir(), kit_binary(), w->s->config));
}

static const char *asked(const char *filter)
{
	return control_shell_ok(textf("curl -sS --unix-socket $S http://localhost/v1/config | jq -c '%s'", filter));
}

static void o11_config_in_force(void **state)
{
	struct world w;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = world_start();
	assert_string_equal(compared_with_file(&w), "same\n");
	assert_string_equal(asked("[.schema,.generation,.overrides,(.config|length>18000)]"), "[1,1,[],true]\n");
	assert_string_equal(asked(".path"), textf("\"%s\"\n", w.s->config));
	assert_string_equal(asked(".config|[contains(\"/token\"),contains(\"a-secret\")]"), "[true,false]\n");
	/* What is in the file and not loaded is not in force. */
	kit_staunch_rewrite(w.s, config_of(&w, "least_conn"));
	assert_string_equal(asked(".config|[contains(\"round_robin\"),contains(\"least_conn\")]"), "[true,false]\n");
	assert_int_equal(generation_from(w.s, 2, config_of(&w, "least_conn")), 2);
	assert_string_equal(asked("[.generation,(.config|contains(\"balance: least_conn\"))]"), "[2,true]\n");
	assert_string_equal(compared_with_file(&w), "same\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static void say(const char *server, const char *body)
{
	expect_part(control_raw(textf("POST /v1/servers/%s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      server, strlen(body), body)),
		    "HTTP/1.1 200 ");
}

/* O11: of two servers of one address the remark stands behind the one that is meant. */
static void o11_config_marks_overrides(void **state)
{
	struct world w;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = world_start();
	say(textf("app/%s:9", kit_ip(1)), "{\"weight\":5,\"max_connections\":\"off\"}");
	say(textf("app/%s:%d", kit_ip(0), w.server), "{\"state\":\"drain\",\"for\":\"10m\"}");
	assert_string_equal(asked("[.config|splits(\"\\n\")|select(contains(\"runtime\"))|sub(\".*; \";\"\")|"
				  "sub(\"2[0-9T:.-]*Z\";\"TIME\")]"),
			    "[\"runtime: drain until TIME\",\"runtime: weight 5, max_connections off\"]\n");
	assert_string_equal(asked(".config|test(\"address: \\\"[0-9.]*:9\\\" [^\\n]*; runtime: weight 5\")"),
			    "true\n");
	assert_string_equal(asked(".overrides|map([.upstream,.state,.weight,.max_connections,"
				  "(.state_until|length)])"),
			    "[[\"app\",\"drain\",null,null,27],[\"app\",\"ready\",5,\"off\",0]]\n");
	say(textf("app/%s:9", kit_ip(1)), "{\"weight\":null,\"max_connections\":null}");
	say(textf("app/%s:%d", kit_ip(0), w.server), "{\"state\":\"ready\"}");
	assert_string_equal(asked("[.overrides,(.config|contains(\"runtime\"))]"), "[[],false]\n");
	assert_string_equal(compared_with_file(&w), "same\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* O11: of a server that is gone it is listed, too, for it counts against the most and can be undone. */
static void o11_config_lists_those_of_servers_that_are_gone(void **state)
{
	struct world w;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = world_start();
	say(textf("app/%s:9", kit_ip(1)), "{\"weight\":5}");
	assert_int_equal(generation_from(w.s, 2, config_with(&w, "round_robin", "")), 2);
	assert_string_equal(asked(".overrides|map([.upstream,.server,.present,.state,.weight])"),
			    textf("[[\"app\",\"%s:9\",false,\"ready\",5]]\n", kit_ip(1)));
	assert_int_equal(generation_from(w.s, 3, config_of(&w, "round_robin")), 3);
	assert_string_equal(asked(".overrides|map([.present,.weight])"), "[[true,5]]\n");
	say(textf("app/%s:9", kit_ip(1)), "{\"weight\":null}");
	assert_string_equal(asked(".overrides"), "[]\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o11_config_in_force, kit_end),
		cmocka_unit_test_teardown(o11_config_marks_overrides, kit_end),
		cmocka_unit_test_teardown(o11_config_lists_those_of_servers_that_are_gone, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_config", tests, NULL, NULL);
}
