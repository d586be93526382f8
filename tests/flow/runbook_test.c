/* deploy/RUNBOOK.md: each of its commands is run as it stands there, against a process with two servers, of which one
 * refuses; from question 11 on they are checked, and there is a name without an address, and a server that is full. Its
 * exit code is 0, and each word that begins a line of the page's output is in the real one. Only addresses are
 * replaced. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define PAGE     "deploy/RUNBOOK.md"
#define WORD_LEAST 4 /* letters: shorter ones are units */

static struct scene {
	struct kit_staunch *s;
	struct kit_peer *echo, *small;
	int port, dead, held[4], waiting[3];
} scene;

#define QUESTIONS 17

static const char *config_of(const char *more_of_listener, const char *more_servers)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\", state: off}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app%s}\n"
		     "upstreams:\n  - {name: app, balance: round_robin, servers: [\"%s:%d\", \"%s:%d\"%s]}\n",
		     control_socket(), kit_ip(0), scene.port, more_of_listener, kit_ip(0),
		     kit_peer_port(scene.echo), kit_ip(1), scene.dead, more_servers);
}

static void scene_start(void)
{
	scene.port = kit_port(kit_ip(0));
	scene.dead = kit_refuser(kit_ip(1));
	scene.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	scene.s = kit_staunch_start(config_of("", ""));
	for (size_t i = 0; i < array_len(scene.held); i++)
		scene.held[i] = served(kit_ip(0), scene.port);
}

/* From question 11 on. Nobody answers for the name; the server of `small` takes one connection. */
static const char *config_of_trouble(void)
{
	static int small_port, db_port;

	if (small_port == 0) {
		small_port = kit_port(kit_ip(0));
		db_port = kit_port(kit_ip(0));
		scene.small = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
		scene.waiting[0] = small_port;
	}
	return textf(TWO_WORKERS "control: {socket: \"%s\", state: off}\n"
		     "dns: {servers: [\"%s:%d\"], timeout: 100ms, tries: 1}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "  - {name: db, bind: \"%s:%d\", upstream: db}\n"
		     "  - {name: small, bind: \"%s:%d\", upstream: small}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\", \"%s:%d\"], "
		     "health: {tcp: {interval: 200ms, timeout: 1s}}}\n"
		     "  - {name: db, servers: [\"db.example:5432\"]}\n"
		     "  - {name: small, servers: [{address: \"%s:%d\", max_connections: 1}]}\n",
		     control_socket(), kit_ip(1), scene.dead, kit_ip(0), scene.port, kit_ip(0), db_port, kit_ip(0),
		     small_port, kit_ip(0), kit_peer_port(scene.echo), kit_ip(1), scene.dead, kit_ip(0),
		     kit_peer_port(scene.small));
}

/* What the page calls them, and what they are here. */
static const char *with_real_names(const char *command)
{
	static char out[1024];
	const struct {
		const char *page, *here;
	} names[] = {
		{"$ staunch", kit_binary()},
		{"10.0.0.2:8443", textf("%s:%d", kit_ip(1), scene.dead)},
		{"10.0.0.3:5432", textf("%s:%d", kit_ip(0), scene.small != NULL ? kit_peer_port(scene.small) : 1)},
		{"192.0.2.7", "127.0.0.1"}, {"192.0.2.8", "127.0.0.1"}, {"192.0.2.9", "127.0.0.1"},
		{"staunch.yaml", scene.s->config},
	};

	out[0] = '\0';
	while (*command != '\0') {
		const char *value = NULL;
		size_t n = 1, at = strlen(out);

		for (size_t i = 0; i < array_len(names) && value == NULL; i++) {
			if (strncmp(command, names[i].page, strlen(names[i].page)) != 0)
				continue;
			value = names[i].here;
			n = strlen(names[i].page);
		}
		snprintf(out + at, sizeof(out) - at, "%.*s", value != NULL ? (int)strlen(value) : 1,
			 value != NULL ? value : command);
		command += n;
	}
	return out;
}

static bool tells(void *part)
{
	return strstr(control_verb(0, "status --socket $S"), part) != NULL;
}

static void wait_status(const char *part)
{
	if (!kit_wait(tells, (void *)(uintptr_t)part, KIT_MS))
		kit_fail("the status has no \"%s\":\n%s", part, control_verb(0, "status --socket $S"));
}

/* A check fails; then all do; a name is not known; clients wait. */
static void before_trouble(int question)
{
	int code;

	if (question == 11) {
		kit_staunch_rewrite(scene.s, config_of_trouble());
		(void)control_shell(&code, with_real_names("$ staunch reload --socket $S"));
		assert_int_equal(code, 0);
		wait_status("its check fails: the connect is refused");
	}
	if (question == 12) {
		kit_peer_stop(scene.echo);
		wait_status("upstream app has no usable server");
	}
	if (question == 13)
		wait_status("upstream db has no server");
	if (question == 14) {
		int port = scene.waiting[0];

		scene.waiting[0] = served(kit_ip(0), port);
		scene.waiting[1] = kit_connect(kit_ip(0), port);
		scene.waiting[2] = kit_connect(kit_ip(0), port);
		wait_status("2 of at most 1024 wait");
	}
}

/* The page's file differs from what runs at the questions of a reload and of a plan. */
static void before_question(int question)
{
	int code;

	if (question == 5) {
		kit_staunch_rewrite(scene.s, config_of(", timeouts: {idle: 10m}", ""));
		(void)control_shell(&code, with_real_names("$ staunch reload --socket $S"));
		assert_int_equal(code, 0);
	}
	if (question == 10)
		kit_staunch_rewrite(scene.s, config_of(", max_connections: 100", ", \"10.0.0.3:8443\""));
	before_trouble(question);
}

/* A word that begins a line of the page's output. */
static void expect_word(const char *line, const char *out, const char *command)
{
	char word[64];
	size_t n = 0;

	while (n + 1 < sizeof(word) && (isalpha((unsigned char)line[n]) || line[n] == '_'))
		n++;
	if (n < WORD_LEAST)
		return;
	snprintf(word, sizeof(word), "%.*s", (int)n, line);
	if (strstr(out, word) == NULL)
		kit_fail("%s: the page has a line that begins with %s, and there is none:\n%s", command, word, out);
}

static void o1_o24_the_page(void **state)
{
	FILE *f = fopen(PAGE, "re");
	char line[512], command[512] = "";
	const char *out = "";
	int question = 0, commands = 0, code;

	(void)state;
	assert_non_null(f);
	scene_start();
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "## %d.", &question) == 1)
			before_question(question);
		if (strncmp(line, "$ ", 2) == 0) {
			snprintf(command, sizeof(command), "%.*s", (int)strcspn(line, "\n"), line);
			out = control_shell(&code, textf("STAUNCH_CONTROL=$S %s", with_real_names(command)));
			commands++;
			if (code != 0)
				kit_fail("%s: ends with %d:\n%s", command, code, out);
		} else if (strncmp(line, "```", 3) == 0) {
			command[0] = '\0';
		} else if (command[0] != '\0') {
			expect_word(line, out, command);
		}
	}
	fclose(f);
	assert_int_equal(question, QUESTIONS);
	assert_true(commands >= 20);
	for (size_t i = 0; i < array_len(scene.held); i++)
		close(scene.held[i]);
	for (size_t i = 0; i < array_len(scene.waiting); i++)
		close(scene.waiting[i]);
	assert_int_equal(kit_staunch_stop(scene.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o1_o24_the_page, kit_end),
	};

	return cmocka_run_group_tests_name("flow/runbook", tests, NULL, NULL);
}
