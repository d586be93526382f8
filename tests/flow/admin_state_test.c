/* The state file: what an operator said of a server outlives restarts and crashes: O11. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define KILLS 40

enum { SERVERS = 3 };

struct world {
	struct kit_child *c;
	char config[KIT_PATH];
	struct kit_peer *echo[SERVERS];
	int port;
};

static const char *state_path(void)
{
	return textf("%s/state.yaml", kit_dir());
}

static const char *name_of(const struct world *w, int i)
{
	return textf("app/%s:%d", kit_ip(0), kit_peer_port(w->echo[i]));
}

/* Servers from `first` on. */
static void write_config(struct world *w, int first, const char *keep)
{
	const char *servers = "";

	for (int i = first; i < SERVERS; i++)
		servers = textf("%s%s\"%s:%d\"", servers, i > first ? ", " : "", kit_ip(0), kit_peer_port(w->echo[i]));
	kit_file_write("state-test.yaml",
		       textf(TWO_WORKERS "control: {socket: \"%s\", state: \"%s\"}\n"
					 "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
					 "upstreams:\n  - {name: app, balance: round_robin, servers: [%s]}\n",
			     control_socket(), keep, kit_ip(0), w->port, servers),
		       w->config);
}

/* The same file and the same state as the process before. */
static void start(struct world *w)
{
	w->c = kit_child_start("staunch", KIT_ARGV(kit_binary(), "run", "-c", w->config));
	kit_file_wait(w->c->err, "\"ready\"", 1);
}

static struct world world_of(void)
{
	struct world w = {.port = kit_port(kit_ip(0))};

	for (int i = 0; i < SERVERS; i++)
		w.echo[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	write_config(&w, 0, state_path());
	return w;
}

static void stop(struct world *w, int sig)
{
	kit_child_signal(w->c, sig);
	assert_int_equal(kit_child_wait(w->c), sig == SIGKILL ? 128 + SIGKILL : 0);
}

static const char *request_of(const char *server, const char *body)
{
	return textf("POST /v1/servers/%s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
		     "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", server, strlen(body), body);
}

/* An order for one server; the answer must say whether it is kept on the disk. */
static void say(const char *server, const char *body, bool persisted)
{
	const char *got = control_raw(request_of(server, body));

	if (strstr(got, persisted ? "\"persisted\":true" : "\"persisted\":false") == NULL)
		kit_fail("not so kept:\n%s", got);
}

/* Where the next connections land: what is in force, and not what is told. */
static void expect_visits(struct world *w, int a, int b, int c)
{
	const int want[SERVERS] = {a, b, c};
	int before[SERVERS];

	for (int i = 0; i < SERVERS; i++)
		before[i] = kit_peer_accepted(w->echo[i]);
	for (int i = 0; i < a + b + c; i++)
		end_orderly(served(kit_ip(0), w->port));
	for (int i = 0; i < SERVERS; i++)
		if (kit_peer_accepted(w->echo[i]) - before[i] != want[i])
			kit_fail("server %d got %d visits", i, kit_peer_accepted(w->echo[i]) - before[i]);
}

/* The state file has the text, or has it not. */
static void expect_file(const char *part, bool there)
{
	char text[8192];

	kit_file_read(state_path(), text, sizeof(text));
	if ((strstr(text, part) != NULL) != there)
		kit_fail("%s %s in:\n%s", part, there ? "is not" : "is", text);
}

/* The answer comes after the write, so a kill right behind it loses nothing. */
static void o11_restart_and_crash(void **state)
{
	static const int ends[] = {SIGTERM, SIGKILL};
	struct world w = world_of();
	struct stat st;

	(void)state;
	start(&w);
	for (size_t i = 0; i < array_len(ends); i++) {
		say(name_of(&w, 0), "{\"state\":\"drain\",\"for\":\"1h\"}", true);
		say(name_of(&w, 1), "{\"weight\":3}", true);
		stop(&w, ends[i]);
		assert_int_equal(stat(state_path(), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		start(&w);
		kit_file_wait(w.c->err, "overrides of 2 servers are in force", 1);
		expect_visits(&w, 0, 6, 2);
		say(name_of(&w, 0), "{\"state\":\"ready\"}", true);
		say(name_of(&w, 1), "{\"weight\":null}", true);
		expect_file("server:", false);
	}
	stop(&w, SIGTERM);
}

static int64_t wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool is_past(void *arg)
{
	return wall() > *(int64_t *)arg;
}

/* A server that left the configuration, and a time that passed while no process ran, are not restored. */
static void o11_gone_and_over(void **state)
{
	struct world w = world_of();
	int64_t over;

	(void)state;
	start(&w);
	say(name_of(&w, 0), "{\"state\":\"drain\"}", true);
	say(name_of(&w, 2), "{\"weight\":2}", true);
	say(name_of(&w, 1), "{\"state\":\"drain\",\"for\":\"300ms\"}", true);
	over = wall() + 300 * INT64_C(1000000);
	stop(&w, SIGKILL);
	assert_true(kit_wait(is_past, &over, KIT_MS));
	write_config(&w, 1, state_path());
	start(&w);
	kit_file_wait(w.c->err, textf("server %s: it is gone", name_of(&w, 0)), 1);
	kit_file_wait(w.c->err, "overrides of 1 server are in force", 1);
	expect_visits(&w, 0, 1, 2);
	stop(&w, SIGTERM); /* what was dropped is written */
	expect_file(name_of(&w, 0), false);
	expect_file(name_of(&w, 1), false);
	expect_file(name_of(&w, 2), true);
}

/* An end that comes while it runs is written, too. */
static void o11_an_end_is_written(void **state)
{
	struct world w = world_of();

	(void)state;
	start(&w);
	say(name_of(&w, 1), "{\"state\":\"drain\",\"for\":\"1s\"}", true);
	expect_file(" until ", true);
	kit_file_wait(w.c->err, "override_ended", 1);
	say(name_of(&w, 0), "{\"weight\":2}", true);
	expect_file(name_of(&w, 1), false);
	stop(&w, SIGTERM);
}

static void expect_aside(struct world *w, const char *why)
{
	start(w);
	kit_file_wait(w->c->err, "state_bad", 1);
	kit_file_wait(w->c->err, why, 1);
	say(name_of(w, 0), "{\"weight\":2}", true);
	stop(w, SIGTERM);
	assert_int_equal(access(textf("%s.bad", state_path()), F_OK), 0);
}

/* Damage of every kind is a line of the log and a file that is kept for a person to look at, never a failed start. */
static void o11_damaged_is_moved_aside(void **state)
{
	struct world w = world_of();
	char *large = calloc(1, 1200001), path[KIT_PATH];

	(void)state;
	memset(large, '#', 1200000);
	kit_file_write("state.yaml", "schema: 1\noverrides:\n  - {server: \"app/x", path);
	expect_aside(&w, "line 3: ");
	kit_file_write("state.yaml", large, path);
	expect_aside(&w, "it is too large");
	assert_int_equal(unlink(state_path()), 0);
	assert_int_equal(symlink(w.config, state_path()), 0);
	expect_aside(&w, "it is a link");
	free(large);
}

/* The process serves and obeys; only the answers say that nothing is kept. */
static void o11_without_a_place(void **state)
{
	struct world w = world_of();
	struct world second = {.port = kit_port(kit_ip(0))};
	const char *none = textf("%s/none/state.yaml", kit_dir());
	char first[KIT_PATH];

	(void)state;
	write_config(&w, 0, none);
	start(&w);
	kit_file_wait(w.c->err, "state_off", 1);
	say(name_of(&w, 0), "{\"state\":\"drain\"}", false);
	expect_visits(&w, 0, 2, 2);
	expect_part(control_shell_ok(textf("%s server drain %s --socket $S 2>&1", kit_binary(), name_of(&w, 0))),
		    "this is not kept over a restart: the state file is off, or is not written\n");
	/* It is made meanwhile: the next start has it. */
	stop(&w, SIGTERM);
	assert_int_equal(mkdir(textf("%s/none", kit_dir()), 0700), 0);
	start(&w);
	say(name_of(&w, 0), "{\"state\":\"drain\"}", true);
	/* A second one goes on without the file. */
	memcpy(second.echo, w.echo, sizeof(second.echo));
	snprintf(first, sizeof(first), "%s", control_socket());
	assert_int_equal(rename(first, textf("%s.first", first)), 0);
	assert_int_equal(unlink(textf("%s.lock", first)), 0);
	write_config(&second, 0, none);
	start(&second);
	kit_file_wait(second.c->err, "another process uses it", 1);
	expect_visits(&second, 1, 1, 1);
	stop(&second, SIGTERM);
	stop(&w, SIGTERM);
}

/* A directory in the place of the next file makes each write fail. */
static void o11_a_failed_write(void **state)
{
	struct world w = world_of();
	const char *tmp = textf("%s.tmp", state_path());

	(void)state;
	start(&w);
	assert_int_equal(mkdir(tmp, 0700), 0);
	say(name_of(&w, 0), "{\"state\":\"drain\"}", false);
	kit_file_wait(w.c->err,
		      textf("the state file %s is not written: %s; a restart would lose what was said of servers",
			    state_path(), "File exists"), 1);
	if (strstr(control_expect(200, "GET /v1/status", ""), "\"state_failed\"") == NULL)
		kit_fail("no warning in the status");
	expect_visits(&w, 0, 2, 2); /* it holds all the same */
	assert_int_equal(rmdir(tmp), 0);
	stop(&w, SIGTERM); /* the end tries once more */
	expect_file(name_of(&w, 0), true);
	start(&w);
	assert_int_equal(mkdir(tmp, 0700), 0);
	say(name_of(&w, 0), "{\"state\":\"ready\"}", false);
	stop(&w, SIGTERM);
	kit_file_wait(w.c->err, textf("the state file %s is not written at the end", state_path()), 1);
}

/* ---- kills ---- */

static const char *file_of(const struct world *w, const int weights[SERVERS])
{
	const char *text = "# What operators said of servers, and DNS of names. staunch reads it at its start and "
			   "writes it.\nschema: 1\noverrides:\n";

	for (int i = 0; i < SERVERS; i++)
		text = textf("%s  - {server: \"%s\", weight: \"%d\"}\n", text, name_of(w, i), weights[i]);
	return text;
}

/* What was said of servers must stay with them while the file changes around them. */
static void adopt(const struct world *w, int before[SERVERS], const int after[SERVERS], int landed[2])
{
	char text[8192];

	kit_file_read(state_path(), text, sizeof(text));
	if (strcmp(text, file_of(w, after)) == 0) {
		memcpy(before, after, SERVERS * sizeof(*before));
		landed[1]++;
	} else if (strcmp(text, file_of(w, before)) == 0) {
		landed[0]++;
	} else {
		kit_fail("neither before nor after:\n%s", text);
	}
}

/* Some changes are answered, one is under way when the process is killed. */
static void o11_killed_at_any_moment(void **state)
{
	const char *many = getenv("STATE_KILLS");
	int kills = many != NULL ? (int)strtol(many, NULL, 10) : KILLS;
	int weights[SERVERS], after[SERVERS], landed[2] = {0};
	struct world w = world_of();
	unsigned seed = (unsigned)getpid();

	(void)state;
	start(&w);
	for (int i = 0; i < SERVERS; i++)
		say(name_of(&w, i), textf("{\"weight\":%d}", weights[i] = 1), true);
	for (int k = 0; k < kills; k++) {
		const char *request;
		int fd, i;

		for (int n = rand_r(&seed) % 3; n > 0; n--) {
			i = rand_r(&seed) % SERVERS;
			say(name_of(&w, i), textf("{\"weight\":%d}", weights[i] = rand_r(&seed) % 256), true);
		}
		memcpy(after, weights, sizeof(after));
		i = rand_r(&seed) % SERVERS;
		after[i] = (weights[i] + 1) % 256;
		request = request_of(name_of(&w, i), textf("{\"weight\":%d}", after[i]));
		fd = control_connect();
		kit_send(fd, request, strlen(request));
		for (int n = rand_r(&seed) % 3000; n > 0; n--)
			sched_yield(); /* some moment */
		stop(&w, SIGKILL);
		close(fd);
		adopt(&w, weights, after, landed);
		start(&w);
	}
	print_message("%d kills: %d before, %d after\n", kills, landed[0], landed[1]);
	stop(&w, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o11_restart_and_crash, kit_end),
		cmocka_unit_test_teardown(o11_gone_and_over, kit_end),
		cmocka_unit_test_teardown(o11_an_end_is_written, kit_end),
		cmocka_unit_test_teardown(o11_damaged_is_moved_aside, kit_end),
		cmocka_unit_test_teardown(o11_without_a_place, kit_end),
		cmocka_unit_test_teardown(o11_a_failed_write, kit_end),
		cmocka_unit_test_teardown(o11_killed_at_any_moment, kit_end),
	};

	return cmocka_run_group_tests_name("admin_state", tests, NULL, NULL);
}
