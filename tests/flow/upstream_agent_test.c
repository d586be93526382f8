/* The agent of a server, a program of its own: E28. It answers each contact with what stands in a file, which the
 * test changes. What each word means is agent_answer_test.c's. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"

/* Reads "app\n" before it answers. */
#define AGENT                                                                     \
	"import socket, sys\n"                                                    \
	"s = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)\n" \
	"while True:\n"                                                           \
	"    c = s.accept()[0]\n"                                                 \
	"    try:\n"                                                              \
	"        if c.recv(4) == b'app\\n':\n"                                    \
	"            c.sendall(open(sys.argv[3], 'rb').read())\n"                 \
	"        c.close()\n"                                                     \
	"    except OSError:\n"                                                   \
	"        pass\n"

/* Two servers on machines of their own; only the first one's has an agent. */
struct world {
	struct kit_staunch *s;
	struct kit_peer *servers[2];
	int port, agent;
	char said[KIT_PATH];
};

/* In one step, so that the agent never reads a half. */
static void say(struct world *w, const char *line)
{
	char next[KIT_PATH];

	kit_file_write("said.next", line, next);
	kit_file_write("said", "", w->said);
	assert_int_equal(rename(next, w->said), 0);
}

static const char *config_of(const struct world *w, const char *health)
{
	return textf("workers: 1\ncontrol: {socket: \"%s\"}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, health: {passive: off, %s}, servers: "
		     "[{address: \"%s:%d\", weight: 10}, {address: \"%s:%d\", weight: 10}]}\n",
		     control_socket(), kit_ip(0), w->port, health, kit_ip(0), kit_peer_port(w->servers[0]), kit_ip(1),
		     kit_peer_port(w->servers[1]));
}

static const char *agent_of(const struct world *w)
{
	return textf("agent: {port: %d, send: \"app\\n\", interval: 200ms, timeout: 5s}", w->agent);
}

static void start(struct world *w, const char *line, const char *check)
{
	program_need("python3");
	for (int i = 0; i < 2; i++)
		w->servers[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = kit_ip(i)});
	w->port = kit_port(kit_ip(0));
	w->agent = kit_port(kit_ip(0));
	say(w, line);
	(void)program_serve("agent", KIT_ARGV("python3", "-c", AGENT, kit_ip(0), textf("%d", w->agent), w->said),
			    kit_ip(0), w->agent);
	w->s = kit_staunch_start(config_of(w, textf("%s%s", check, agent_of(w))));
	kit_file_wait(w->s->child->err, "\"event\":\"ready\"", 1);
}

/* The page of servers has this part. */
static bool is_shown(const char *part)
{
	return strstr(control_expect(200, "GET /v1/servers", ""), part) != NULL;
}

static bool shows(void *part)
{
	return is_shown(part);
}

static void wait_shown(const char *part)
{
	if (!kit_wait(shows, (void *)(uintptr_t)part, KIT_MS))
		kit_fail("%s is not shown: %s", part, control_expect(200, "GET /v1/servers", ""));
}

/* Of so many clients, those of the first server. */
static int share_of(struct world *w, int clients)
{
	int before = kit_peer_accepted(w->servers[0]);

	for (int i = 0; i < clients; i++) {
		int fd = kit_connect(kit_ip(0), w->port);
		char back = 0;

		assert_int_equal(kit_io_write(fd, "x", 1), 0);
		assert_int_equal(kit_io_read(fd, &back, 1), 1);
		close(fd);
	}
	return kit_peer_accepted(w->servers[0]) - before;
}

/* E28: half of its weight is a third of all; drain and down take it out, ready and up bring it back. */
static void e28_weight_and_state(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "50%\n", "");
	wait_shown("\"agent\":{\"state\":\"ready\",\"weight\":50,\"max_connections\":null,\"said\":\"50%\","
		   "\"last\":\"ok\"");
	assert_in_range(share_of(&w, 30), 9, 11);
	say(&w, "drain maxconn:30\n");
	wait_shown("\"why\":\"agent_drain\"");
	wait_shown("\"state\":\"drain\",\"weight\":50,\"max_connections\":30");
	assert_int_equal(share_of(&w, 10), 0);
	say(&w, "ready 100% down#disk \x1b[2J full\n");
	wait_shown("\"why\":\"agent_down\"");
	assert_int_equal(share_of(&w, 10), 0);
	say(&w, "up\n");
	wait_shown("\"state\":\"ready\",\"weight\":100,\"max_connections\":30,\"said\":\"up\"");
	assert_in_range(share_of(&w, 30), 14, 16);
	/* no byte of it comes to the log as it is */
	kit_file_wait(w.s->child->err, "\"event\":\"server_agent\"", 4);
	assert_int_equal(kit_file_count(w.s->child->err, "\x1b"), 0);
	assert_int_equal(kit_file_count(w.s->child->err, "disk "), 1);
	kit_staunch_stop(w.s, SIGTERM);
}

/* E28: an agent that says `up` does not make a server good whose check is bad. */
static void e28_up_is_no_check(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "up ready 100%\n", "tcp: {interval: 200ms, timeout: 1s}, ");
	wait_shown("\"said\":\"up ready 100%\"");
	kit_peer_stop(w.servers[0]);
	kit_file_wait(w.s->child->err, "\"event\":\"server_down\"", 1);
	say(&w, "up ready 90%\n");
	wait_shown("\"said\":\"up ready 90%\"");
	wait_shown("\"why\":\"check_down\"");
	assert_int_equal(kit_file_count(w.s->child->err, "\"event\":\"server_up\""), 2); /* both, at the start */
	kit_staunch_stop(w.s, SIGTERM);
}

/* E28: what an agent said that is not heard any more is forgotten, and so it is when the configuration has none. */
static void e28_a_dead_agent_is_forgotten(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "drain 20% maxconn:5\n", "");
	kit_file_wait(w.s->child->err, "\"event\":\"server_agent_lost\"", 1); /* the other one never spoke */
	wait_shown("\"why\":\"agent_drain\"");
	say(&w, "");
	kit_file_wait(w.s->child->err, "the server ends too early; what it said is forgotten; 2 of 2 usable", 1);
	assert_false(is_shown("\"why\":\"agent_drain\""));
	assert_false(is_shown("\"weight\":20,"));
	assert_in_range(share_of(&w, 10), 4, 6);
	say(&w, "drain\n");
	wait_shown("\"why\":\"agent_drain\"");
	(void)generation_from(w.s, 2, config_of(&w, textf("%s, port: same, tcp: {}", agent_of(&w))));
	assert_true(is_shown("\"why\":\"agent_drain\""));
	(void)generation_from(w.s, 3, config_of(&w, "agent: off"));
	wait_shown("\"agent\":{\"state\":\"ready\",\"weight\":null,\"max_connections\":null,\"said\":null");
	while (is_shown("\"why\":\"agent_drain\""))
		;
	assert_in_range(share_of(&w, 10), 4, 6);
	kit_staunch_stop(w.s, SIGTERM);
}

/* ---- under load ---- */

enum { GUESTS = 16, VISITS = 150 };

/* Clients that are served at this moment: from an answer until they begin to close. So no more than there are slots. */
struct crowd {
	const char *ip; /* kit_ip is for one thread */
	int port;
	int inside, most, failed; /* atomic */
};

static void visit(struct crowd *c)
{
	int fd = kit_try_connect(c->ip, c->port), n, most;
	char back;

	if (fd < 0 || kit_io_write(fd, "x", 1) != 0 || kit_io_read(fd, &back, 1) != 1) {
		__atomic_add_fetch(&c->failed, 1, __ATOMIC_RELAXED);
		return;
	}
	n = __atomic_add_fetch(&c->inside, 1, __ATOMIC_SEQ_CST);
	most = __atomic_load_n(&c->most, __ATOMIC_RELAXED);
	while (n > most && !__atomic_compare_exchange_n(&c->most, &most, n, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	for (int i = 0; i < 3; i++)
		if (kit_io_write(fd, "y", 1) != 0 || kit_io_read(fd, &back, 1) != 1)
			__atomic_add_fetch(&c->failed, 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&c->inside, 1, __ATOMIC_SEQ_CST);
	close(fd);
}

static void *visit_often(void *arg)
{
	for (int i = 0; i < VISITS; i++)
		visit(arg);
	return NULL;
}

/* Returns how many were inside at once, at most. */
static int most_of(int port)
{
	struct crowd c = {.ip = textf("%s", kit_ip(0)), .port = port};
	pthread_t guests[GUESTS];

	for (int i = 0; i < GUESTS; i++)
		assert_int_equal(pthread_create(&guests[i], NULL, visit_often, &c), 0);
	for (int i = 0; i < GUESTS; i++)
		pthread_join(guests[i], NULL);
	assert_int_equal(c.failed, 0);
	return c.most;
}

/* E28, E42: who finds the agent's places taken waits, and never is one too many inside; what it says next holds for
 * those who come next. A dead agent's word is forgotten. */
static void e28_a_limit_under_load(void **state)
{
	struct world w = {0};
	int fds[GUESTS];

	(void)state;
	program_need("python3");
	w.servers[0] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.port = kit_port(kit_ip(0));
	w.agent = kit_port(kit_ip(0));
	say(&w, "maxconn:5\n");
	(void)program_serve("agent", KIT_ARGV("python3", "-c", AGENT, kit_ip(0), textf("%d", w.agent), w.said),
			    kit_ip(0), w.agent);
	w.s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n"
		     "  - {name: app, timeouts: {queue: 1m}, health: {passive: off, %s}, servers: [\"%s:%d\"]}\n",
		control_socket(), kit_ip(0), w.port, agent_of(&w), kit_ip(0), kit_peer_port(w.servers[0])));
	wait_shown("\"max_connections\":5,\"said\":\"maxconn:5\"");
	assert_int_equal(most_of(w.port), 5);
	say(&w, "maxconn:2\n");
	wait_shown("\"max_connections\":2,\"said\"");
	assert_int_equal(most_of(w.port), 2);
	say(&w, "");
	kit_file_wait(w.s->child->err, "\"event\":\"server_agent_lost\"", 1);
	for (int i = 0; i < GUESTS; i++)
		fds[i] = served(kit_ip(0), w.port);
	for (int i = 0; i < GUESTS; i++)
		end_orderly(fds[i]);
	kit_staunch_stop(w.s, SIGTERM);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e28_weight_and_state),
		TEST(e28_up_is_no_check),
		TEST(e28_a_dead_agent_is_forgotten),
		TEST(e28_a_limit_under_load),
	};

	return cmocka_run_group_tests_name("upstream agent", tests, NULL, NULL);
}
