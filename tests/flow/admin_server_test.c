/* The control plane as a server: real clients, slow ones, rude ones, and too many. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define PLACES 64
#define RELOAD "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n\r\n"

struct world {
	struct kit_staunch *s;
	struct kit_peer *server;
	int port;
};

static struct world start_with(const char *more)
{
	struct world w = {.server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO})};

	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(controlled(w.port, kit_peer_port(w.server), more, ""));
	return w;
}

static void end_world(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	assert_int_not_equal(access(control_socket(), F_OK), 0); /* its file goes with it */
}

/* curl and Python's http.client, kept alive and not. */
static void real_clients(void **state)
{
	struct world w = start_with("");
	int fd = served(kit_ip(0), w.port);

	(void)state;
	if (!kit_have("curl") || !kit_have("jq") || !kit_have("python3"))
		skip();
	assert_string_equal(control_shell_ok("curl -sS --unix-socket $S http://localhost/livez"), "ok\n");
	assert_string_equal(control_shell_ok("curl -sS --unix-socket $S http://localhost/readyz"), "ok\n");
	assert_string_equal(
		control_shell_ok("curl -sS --unix-socket $S http://localhost/v1/status | "
			 "jq -r '[.schema,.generation,.state,.connections.active,(.workers|length)]|@csv'"),
		"1,1,\"serving\",1,2\n");
	assert_string_equal(control_shell_ok("curl -sSI --unix-socket $S http://localhost/livez | head -1"),
			    "HTTP/1.1 200 OK\r\n");
	/* Three requests on one connection, one of them a POST with a body. */
	assert_string_equal(
		control_shell_ok("python3 -c '\n"
			 "import http.client, socket, os, json\n"
			 "c = http.client.HTTPConnection(\"localhost\")\n"
			 "c.sock = socket.socket(socket.AF_UNIX)\n"
			 "c.sock.connect(os.environ[\"S\"])\n"
			 "def ask(m, p, **k):\n"
			 "    c.request(m, p, **k)\n"
			 "    r = c.getresponse()\n"
			 "    return r.status, r.read()\n"
			 "print(ask(\"HEAD\", \"/livez\"))\n"
			 "print(json.loads(ask(\"POST\", \"/v1/reload\", body=b\"x\" * 1048576,"
			 " headers={\"X-Staunch\": \"1\"})[1])[\"generation\"])\n"
			 "print(json.loads(ask(\"GET\", \"/v1/status\")[1])[\"generation\"])\n'"),
		"(200, b'')\n2\n2\n");
	end_orderly(fd);
	end_world(&w);
}

/* Each gets its status, and the server goes on. */
static void o5_bad_requests(void **state)
{
	static const struct {
		const char *text, *status;
	} rows[] = {
		{"GET / HTTP/1.1\n\n", "400"},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", "400"},
		{"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400"},
		{"POST /v1/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411"},
		{"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\nxxx", "413"},
		{"DELETE /livez HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
		{"POST /livez HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\nConnection: close\r\n\r\n", "405"},
		{"GET /v1/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"},
		{"GET /nothing HTTP/1.0\r\n\r\n", "404"},
		{"GET /livez/ HTTP/1.0\r\n\r\n", "404"},
	};
	struct world w = start_with("");

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *got = control_raw(rows[i].text);

		if (strncmp(got, "HTTP/1.1 ", 9) != 0 || strncmp(got + 9, rows[i].status, 3) != 0)
			kit_fail("not %s to %s: %s", rows[i].status, rows[i].text, got);
		assert_non_null(strstr(got, "\"schema\":1"));
	}
	control_expect(200, "GET /livez", "");
	end_world(&w);
}

/* However the bytes are cut, the answers are the same. */
static void o5_pipelined_and_byte_by_byte(void **state)
{
	static const char two[] = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
				  "POST /v1/logs/reopen HTTP/1.1\r\nHost: localhost\r\n"
				  "X-Staunch: 1\r\nContent-Length: 3\r\n\r\nabcGET /nothing HTTP/1.0\r\n\r\n";
	struct world w = start_with("");
	char got[4096] = "";
	const char *ok, *post, *last;
	int fd = control_connect();

	(void)state;
	for (size_t i = 0; i < sizeof(two) - 1; i++)
		kit_send(fd, two + i, 1);
	assert_true(kit_io_read_all(fd, got, sizeof(got) - 1) > 0);
	ok = strstr(got, "200 OK");
	post = strstr(got, "\"generation\":1");
	last = strstr(got, "404 Not Found");
	assert_non_null(ok);
	assert_non_null(post);
	assert_non_null(last);
	assert_true(ok < post && post < last);
	close(fd);
	end_world(&w);
}

/* A client that has closed its half still gets its answer. */
static void half_closed_after_a_post(void **state)
{
	struct world w = start_with("");
	int fd = control_connect();
	char got[1024] = "";

	(void)state;
	kit_send(fd, RELOAD, sizeof(RELOAD) - 1);
	kit_half_close(fd);
	assert_true(kit_io_read_all(fd, got, sizeof(got) - 1) > 0);
	assert_non_null(strstr(got, "\"generation\":2"));
	close(fd);
	end_world(&w);
}

/* A head must be whole in 5 s. */
static void o5_a_slow_head_is_closed(void **state)
{
	struct world w = start_with("");
	int fd = control_connect();

	(void)state;
	kit_send(fd, "GET /livez HT", 13);
	kit_expect_fin(fd);
	close(fd);
	end_world(&w);
}

static const char *answer_of(int fd, char *room, size_t n)
{
	static const char get[] = "GET /livez HTTP/1.0\r\n\r\n";
	ssize_t got;

	kit_send(fd, get, sizeof(get) - 1);
	got = kit_io_read_all(fd, room, n - 1);
	room[got > 0 ? got : 0] = '\0';
	close(fd);
	return room;
}

/* Idle clients fill every place: each new one is answered, and who has waited longest is closed. */
static void o5_idle_clients_give_way(void **state)
{
	struct world w = start_with("");
	int idle[PLACES + 4];
	char got[512];

	(void)state;
	for (size_t i = 0; i < array_len(idle); i++)
		idle[i] = control_connect();
	for (int i = 0; i < 20; i++)
		assert_non_null(strstr(answer_of(control_connect(), got, sizeof(got)), "200 OK"));
	kit_expect_fin(idle[0]);
	kit_staunch_wait_err(w.s, "control connections 64 is reached: the longest idle one gives way", 1); /* O32 */
	for (size_t i = 0; i < array_len(idle); i++)
		close(idle[i]);
	end_world(&w);
}

static int tcp_ask(int port, char *room, size_t n)
{
	return strstr(answer_of(kit_connect(kit_ip(0), port), room, n), "200 OK") != NULL;
}

/* TCP clients can never take the places of the socket. */
static void o5_places_of_the_socket_alone(void **state)
{
	int http = kit_port(kit_ip(0));
	struct world w = start_with(textf(", http: \"%s:%d\"", kit_ip(0), http));
	int idle[PLACES + 16];
	char got[512];

	(void)state;
	for (size_t i = 0; i < array_len(idle); i++)
		idle[i] = kit_connect(kit_ip(0), http);
	kit_expect_fin(idle[0]); /* the 49th took its place */
	control_expect(200, "GET /livez", "");
	assert_non_null(strstr(control_expect(200, "GET /v1/status", ""),
			       "\"name\":\"control.connections\",\"used\":49"));
	(void)tcp_ask(http, got, sizeof(got)); /* without a Host: 400, but answered */
	assert_non_null(strstr(got, "400 Bad Request"));
	for (size_t i = 0; i < array_len(idle); i++)
		close(idle[i]);
	end_world(&w);
}

static const char drain[] = "POST /v1/drain HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n\r\n";

static void order_drain(int *fd)
{
	*fd = control_connect();
	kit_send(*fd, drain, sizeof(drain) - 1);
}

static bool has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A probe that comes too early takes the place of one whose order has not been read yet: that one comes again. */
static bool all_places_at_work(void *arg)
{
	int *busy = arg;

	if (strstr(control_raw("GET /livez HTTP/1.0\r\n\r\n"), "503 Service Unavailable") != NULL)
		return true;
	for (size_t i = 0; i < PLACES; i++) {
		if (!has_ended(busy[i]))
			continue;
		close(busy[i]);
		order_drain(&busy[i]);
	}
	return false;
}

/* Each asks for a drain, which ends only when the connection does: then no place is idle. */
static void o5_at_work_means_503(void **state)
{
	struct world w = start_with("");
	int busy[PLACES], fd = served(kit_ip(0), w.port);
	char got[1024];

	(void)state;
	for (size_t i = 0; i < array_len(busy); i++)
		order_drain(&busy[i]);
	assert_true(kit_wait(all_places_at_work, busy, KIT_MS));
	end_orderly(fd);
	for (size_t i = 0; i < array_len(busy); i++) {
		ssize_t n = kit_io_read_all(busy[i], got, sizeof(got) - 1);

		assert_true(n > 0);
		got[n] = '\0';
		assert_non_null(strstr(got, "\"cut\":false"));
		close(busy[i]);
	}
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* A load that waits for a file: meanwhile each probe is answered, and so is the status. */
static void o6_probes_during_a_reload(void **state)
{
	struct world w = start_with("");
	int post = control_connect();
	char got[1024];
	ssize_t n;

	(void)state;
	assert_int_equal(unlink(w.s->config), 0);
	assert_int_equal(mkfifo(w.s->config, 0600), 0);
	kit_send(post, RELOAD, sizeof(RELOAD) - 1);
	for (int i = 0; i < 100; i++) {
		assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n");
		assert_non_null(strstr(control_expect(200, "GET /v1/status", ""), "\"generation\":1"));
	}
	kit_child_signal(w.s->child, SIGTERM); /* an order to stop ends the load */
	n = kit_io_read_all(post, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	assert_non_null(strstr(got, "409 Conflict"));
	close(post);
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* A page of it is longer than a socket's buffer. */
static const char *many_servers(void)
{
	static char config[65536];
	int n = snprintf(config, sizeof(config),
			 "metrics: {series: 100000}\ncontrol: {socket: \"%s\"}\n"
			 "listeners: [{name: l, bind: \"%s:%d\", upstream: u}]\nupstreams: [{name: u, servers: [",
			 control_socket(), kit_ip(0), kit_port(kit_ip(0)));

	for (int i = 0; i < 1000; i++)
		n += snprintf(config + n, sizeof(config) - (size_t)n, "\"127.1.%d.%d:9\",", i / 200, i % 200 + 1);
	snprintf(config + n, sizeof(config) - (size_t)n, "]}]\n");
	return config;
}

/* Who gave up while the process was stopped has been told that there is no answer: his order is not carried out. */
static void o3_an_order_whose_asker_has_gone(void **state)
{
	struct world w = start_with("");
	static const char order[] = "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n\r\n";
	int fd;

	(void)state;
	kit_child_signal(w.s->child, SIGSTOP);
	fd = control_connect();
	kit_send(fd, order, sizeof(order) - 1);
	close(fd);
	kit_child_signal(w.s->child, SIGCONT);
	(void)control_expect(200, "GET /livez", "");
	(void)control_expect(200, "POST /v1/logs/reopen", "X-Staunch: 1\r\n");
	assert_int_equal(kit_file_count(w.s->child->err, "\"reloaded\""), 0);
	assert_int_equal(kit_file_count(w.s->child->err, "POST /v1/reload"), 0);
	end_world(&w);
}

static size_t page_length(void)
{
	static const char get[] = "GET /metrics HTTP/1.0\r\n\r\n";
	int fd = control_connect();
	size_t n = 0;
	char bytes[4096];
	ssize_t got;

	kit_send(fd, get, sizeof(get) - 1);
	while ((got = kit_io_read(fd, bytes, sizeof(bytes))) > 0)
		n += (size_t)got;
	close(fd);
	return n;
}

static void read_up_to(int fd, size_t n)
{
	char bytes[4096];

	for (size_t at = 0; at < n;) {
		ssize_t got = kit_io_read(fd, bytes, n - at < sizeof(bytes) ? n - at : sizeof(bytes));

		if (got <= 0)
			return;
		at += (size_t)got;
	}
}

/* The second request is found in the buffer while the process ends, and its reader stands still. */
static void o5_a_pipeline_holds_up_no_end(void **state)
{
	static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct kit_staunch *s = kit_staunch_start(many_servers());
	size_t page = page_length();
	int fd = control_connect(), other;

	(void)state;
	assert_true(page > 600000);
	for (int i = 0; i < 8; i++)
		kit_send(fd, get, sizeof(get) - 1);
	read_up_to(fd, page - 450000);
	kit_child_signal(s->child, SIGTERM);
	while ((other = kit_try_connect(control_socket(), 0)) != -ECONNREFUSED && other != -ENOENT)
		if (other >= 0) /* the control plane does not end yet */
			close(other);
	read_up_to(fd, 450000 + 5000);
	assert_int_equal(kit_child_wait(s->child), 0);
	close(fd);
}

/* The kernel's number of a thread of that name. */
static pid_t thread_named(pid_t pid, const char *name)
{
	DIR *tasks = opendir(textf("/proc/%d/task", (int)pid));
	struct dirent *t;
	char comm[64];
	pid_t found = 0;

	assert_non_null(tasks);
	while (found == 0 && (t = readdir(tasks)) != NULL) {
		kit_file_read(textf("/proc/%d/task/%.16s/comm", (int)pid, t->d_name), comm, sizeof(comm));
		comm[strcspn(comm, "\n")] = '\0';
		if (strcmp(comm, name) == 0)
			found = (pid_t)strtol(t->d_name, NULL, 10);
	}
	closedir(tasks);
	return found;
}

static bool is_dead(void *arg)
{
	(void)arg;
	return strstr(control_raw("GET /livez HTTP/1.0\r\n\r\n"), "503 Service") != NULL;
}

static bool is_alive(void *arg)
{
	return !is_dead(arg);
}

/* One thread stands still, and a reload's message to it stays unread: the control thread waits for it, too. Probes and
 * the status are answered all the while. */
static void o6_a_stuck_worker_is_told(void **state)
{
	struct world w = start_with("");
	pid_t worker = thread_named(w.s->child->pid, "worker 1");
	int post;

	(void)state;
	assert_true(worker > 0);
	if (ptrace(PTRACE_SEIZE, worker, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, worker, 0, 0) != 0)
		skip();
	assert_int_equal(waitpid(worker, NULL, __WALL), worker);
	assert_string_equal(control_expect(200, "GET /livez", ""), "ok\n"); /* it sleeps: nothing is wrong */
	post = control_connect();
	kit_send(post, RELOAD, sizeof(RELOAD) - 1);
	assert_true(kit_wait(is_dead, NULL, KIT_MS));
	assert_non_null(strstr(control_expect(503, "GET /livez", ""), "worker 1 has not turned for "));
	assert_non_null(strstr(control_expect(200, "GET /v1/status", ""), "\"state\":\"serving\""));
	assert_int_equal(ptrace(PTRACE_DETACH, worker, 0, 0), 0);
	assert_true(kit_wait(is_alive, NULL, KIT_MS));
	kit_staunch_wait_err(w.s, "generation 2 is in force", 1);
	close(post);
	end_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(real_clients, kit_end),
		cmocka_unit_test_teardown(o3_an_order_whose_asker_has_gone, kit_end),
		cmocka_unit_test_teardown(o5_bad_requests, kit_end),
		cmocka_unit_test_teardown(o5_pipelined_and_byte_by_byte, kit_end),
		cmocka_unit_test_teardown(half_closed_after_a_post, kit_end),
		cmocka_unit_test_teardown(o5_a_slow_head_is_closed, kit_end),
		cmocka_unit_test_teardown(o5_idle_clients_give_way, kit_end),
		cmocka_unit_test_teardown(o5_places_of_the_socket_alone, kit_end),
		cmocka_unit_test_teardown(o5_at_work_means_503, kit_end),
		cmocka_unit_test_teardown(o5_a_pipeline_holds_up_no_end, kit_end),
		cmocka_unit_test_teardown(o6_probes_during_a_reload, kit_end),
		cmocka_unit_test_teardown(o6_a_stuck_worker_is_told, kit_end),
	};

	return cmocka_run_group_tests_name("flow/admin_server", tests, NULL, NULL);
}
