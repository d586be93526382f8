/* /v1/plan and check --against-live: what a reload would change is told with its connections, is what the reload then
 * does, and telling it changes nothing, whatever the text is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/kit/cert.h"

#define MANY 500

struct world {
	struct kit_staunch *s;
	int old, web, api, server;
};

/* The listener `old`, or not; the idle timeout of web; where the first of its two routes leads. */
static const char *config_of(const struct world *w, bool old, const char *idle, const char *first, const char *second)
{
	return textf("%scontrol: {socket: \"%s\"}\nlisteners:\n%s"
		     "  - name: web\n    bind: \"%s:%d\"\n    timeouts: {idle: %s}\n    upstream: app\n    routes:\n"
		     "      - {source: 192.0.2.0/24, upstream: %s}\n      - {source: 198.51.100.0/24, upstream: %s}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n"
		     "  - {name: api, servers: [\"%s:%d\"]}\n",
		     TWO_WORKERS, control_socket(),
		     old ? textf("  - {name: old, bind: \"%s:%d\", upstream: api}\n", kit_ip(0), w->old) : "",
		     kit_ip(0), w->web, idle, first, second, kit_ip(0), w->server, kit_ip(1), w->server);
}

static const char *ask_plan(const char *file, const char *filter)
{
	return control_shell_ok(textf("curl -sS --unix-socket $S -H 'X-Staunch: 1' --data-binary @%s "
				      "http://localhost/v1/plan | jq -c '%s'", file, filter));
}

static const char *verb_of(const char *which, int status, const char *words)
{
	return control_verb(status, textf("%s --socket $S %s", which, words));
}

static const char *verb(int status, const char *words)
{
	return verb_of("check --against-live", status, words);
}

static struct world world_start(void)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct world w = {.old = kit_port(kit_ip(0)), .web = kit_port(kit_ip(0)), .server = kit_peer_port(server)};

	(void)kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = kit_ip(1), .port = w.server});
	w.s = kit_staunch_start(config_of(&w, true, "10m", "app", "api"));
	return w;
}

/* O13: each change with its count; a reload then has these effects and no other. */
static void o13_a_plan_and_its_reload(void **state)
{
	struct world w;
	char file[KIT_PATH];
	int fds[MANY], kept[3];
	const char *out;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	want_descriptors(4 * MANY + 200);
	w = world_start();
	for (int i = 0; i < MANY; i++)
		fds[i] = served(kit_ip(0), w.old);
	for (size_t i = 0; i < array_len(kept); i++)
		kept[i] = served(kit_ip(0), w.web);
	kit_file_write("next.yaml", config_of(&w, false, "20m", "api", "app"), file);
	assert_string_equal(ask_plan(file, "[.generation,.errors,.warnings]"), "[1,[],[]]\n");
	assert_string_equal(ask_plan(file, ".changes[]"),
			    "{\"object\":\"listener old\",\"kind\":\"remove\",\"keys\":[],\"connections\":500,"
			    "\"effect\":\"drained\"}\n"
			    "{\"object\":\"listener web\",\"kind\":\"change\",\"keys\":[\"listeners[].routes\","
			    "\"listeners[].timeouts.idle\"],\"connections\":3,\"effect\":\"new_only\"}\n");
	out = verb(0, file);
	assert_non_null(strstr(out, "remove  listener old                                  500  no new ones\n"
				    "change  listener web                                    3  new ones only\n"
				    "        listeners[].routes, listeners[].timeouts.idle\n"));
	assert_non_null(strstr(out, "generation 1 is in force; nothing was changed\n"));
	assert_string_equal(control_shell_ok("curl -sS --unix-socket $S http://localhost/v1/status | jq .generation"),
			    "1\n");
	end_orderly(served(kit_ip(0), w.old));

	assert_int_equal(generation_from(w.s, 2, config_of(&w, false, "20m", "api", "app")), 2);
	assert_true(kit_try_connect(kit_ip(0), w.old) < 0);
	for (int i = 0; i < MANY; i += 50)
		still_works(fds[i]);
	for (size_t i = 0; i < array_len(kept); i++)
		still_works(kept[i]);
	assert_string_equal(ask_plan(file, ".changes"), "[]\n");
	assert_non_null(strstr(verb(0, file), "nothing differs from generation 2\n"));
	for (int i = 0; i < MANY; i++)
		end_orderly(fds[i]);
	for (size_t i = 0; i < array_len(kept); i++)
		end_orderly(kept[i]);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* ---- hostile texts ---- */

/* A text on the heap's side of the shell: a file. */
static const char *plan_of(const char *name, const char *text, const char *filter)
{
	char file[KIT_PATH];

	kit_file_write(name, text, file);
	return ask_plan(file, filter);
}

static const char *aliases(void)
{
	static char text[900 * 1024];
	size_t n = (size_t)snprintf(text, sizeof(text), "a: &a x\nb:\n");

	while (n + 8 < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- *a\n");
	return text;
}

static const char *with_cert(const struct world *w, const char *cert)
{
	return textf("listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app, tls: {certificates: [{cert: \"%s\", "
		     "key: \"%s\"}], session_tickets: {keys: \"@DIR@/tickets\"}}}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     kit_ip(0), w->web, cert, cert, kit_ip(0), w->server);
}

/* O40: a plan reads what a load reads, within its bounds, and shows of it no more than a name. */
static void o40_hostile_texts(void **state)
{
	struct world w;
	char fifo[KIT_PATH], secret[KIT_PATH], tickets[KIT_PATH], cert[KIT_PATH], key[KIT_PATH];
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = "a.test", .dns = "a.test"});
	const char *got;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = world_start();
	assert_string_equal(plan_of("a.yaml", aliases(), "[.changes,any(.errors[];.code==\"E105\")]"), "[[],true]\n");
	kit_file_write("secret", "the words of a secret\n", secret);
	got = plan_of("b.yaml", with_cert(&w, secret), "[.changes,.errors]");
	assert_non_null(strstr(got, "[[],[{\"code\":\"E405\""));
	assert_non_null(strstr(got, secret));
	assert_null(strstr(got, "words"));
	snprintf(fifo, sizeof(fifo), "%s/fifo", kit_dir());
	assert_int_equal(mkfifo(fifo, 0600), 0);
	got = plan_of("c.yaml", with_cert(&w, fifo), "[.changes,(.errors|length)]");
	assert_string_equal(got, "[[],2]\n"); /* cert and key */
	kit_cert_write(c, "a.pem", cert);
	kit_cert_write_key(c, "a.pem.key", NULL, key);
	got = plan_of("d.yaml", textf("log: {level: debug}\n%s", config_of(&w, true, "10m", "app", "api") +
					      strlen(TWO_WORKERS)), "[.changes[]|[.object,.effect,.keys]]");
	assert_non_null(strstr(got, "[\"workers\",\"restart\",[\"workers\"]]"));
	assert_non_null(strstr(got, "[\"log\",\"none\",[\"log.level\",\"log.access\"]]"));
	assert_non_null(strstr(verb(0, textf("%s/d.yaml", kit_dir())), "  after a restart\n"));
	assert_non_null(strstr(verb(78, textf("%s/a.yaml", kit_dir())), "more than 64 aliases"));
	assert_non_null(strstr(verb(78, textf("%s/b.yaml", kit_dir())), "error[E405]: "));
	assert_non_null(strstr(verb(2, "a.yaml b.yaml"), "--against-live takes one file"));
	assert_non_null(strstr(verb(2, "--format sarif a.yaml"), "--against-live has the formats human and json"));
	assert_non_null(strstr(verb(78, textf("--format json %s/b.yaml", kit_dir())),
			       "\"errors\":[{\"code\":\"E405\""));
	assert_string_equal(plan_of("e.yaml", "listeners: 3\n", "[.changes,any(.errors[];.code==\"E107\")]"),
			    "[[],true]\n");
	assert_string_equal(control_shell_ok("curl -sS --unix-socket $S -H 'X-Staunch: 1' -X POST "
					     "http://localhost/v1/plan | jq -r .error.code"), "E400\n");
	snprintf(tickets, sizeof(tickets), "%s/tickets", kit_dir());
	assert_int_equal(access(tickets, F_OK), -1);
	end_orderly(served(kit_ip(0), w.web));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* O13: the short list: what differs, by the exit code, too; a file with errors is neither. */
static void o13_what_differs(void **state)
{
	struct world w;
	char file[KIT_PATH], bad[KIT_PATH];

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	w = world_start();
	kit_file_write("next.yaml", config_of(&w, false, "20m", "app", "api"), file);
	assert_string_equal(verb_of("config show --diff running", 1, textf("-c %s", file)),
			    "remove  listener old\nchange  listener web\n        listeners[].timeouts.idle\n");
	assert_string_equal(verb_of("config show --diff running", 0, textf("-c %s", w.s->config)),
			    "nothing differs from generation 1\n");
	kit_file_write("bad.yaml", "workers: none\n", bad);
	assert_non_null(strstr(verb_of("config show --diff running", 78, textf("-c %s", bad)), "error[E"));
	assert_int_equal(generation_from(w.s, 2, config_of(&w, false, "20m", "app", "api")), 2);
	assert_string_equal(verb_of("config show --diff running", 0, textf("-c %s", file)),
			    "nothing differs from generation 2\n");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	(void)verb_of("config show --diff running", 1, textf("-c %s", file));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o13_a_plan_and_its_reload, kit_end),
		cmocka_unit_test_teardown(o13_what_differs, kit_end),
		cmocka_unit_test_teardown(o40_hostile_texts, kit_end),
	};

	return cmocka_run_group_tests_name("admin_plan", tests, NULL, NULL);
}
