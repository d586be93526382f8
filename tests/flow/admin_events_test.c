/* O18: events: what happened, in order, and the gaps that a reader is told of. O42: their ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { STREAMS = 32 };

static char got[8 << 20];
static size_t ngot;

/* What comes of it until this text is there. */
static void read_until(int fd, const char *text)
{
	while (strstr(got, text) == NULL) {
		ssize_t more = kit_io_read(fd, got + ngot, sizeof(got) - 1 - ngot);

		if (more <= 0)
			kit_fail("no %s in:\n%s", text, got);
		ngot += (size_t)more;
		got[ngot] = '\0';
	}
}

static void forget_all(void)
{
	ngot = 0;
	got[0] = '\0';
}

/* A stream that stays open; its lines are read with read_until. */
static int ask_events(const char *query)
{
	int fd = control_connect();
	const char *request = textf("GET /v1/events%s HTTP/1.0\r\nHost: localhost\r\n\r\n", query);

	kit_send(fd, request, strlen(request));
	return fd;
}

/* A stream that has begun. */
static int open_stream(const char *query)
{
	int fd = ask_events(query);

	forget_all();
	read_until(fd, "\"events\":\"began\"");
	return fd;
}

/* All that comes until the process ends the stream. */
static const char *rest_of(int fd)
{
	ssize_t n = kit_io_read_all(fd, got, sizeof(got) - 1);

	assert_true(n >= 0);
	got[n] = '\0';
	close(fd);
	return got;
}

/* An answer that ends by itself: what is kept, and no more. */
static const char *kept_since(const char *query)
{
	return rest_of(ask_events(textf("?follow=0%s", query)));
}

/* The words of all lines in order: kinds of events, and what is said of the stream. */
static const char *words_of(const char *lines)
{
	static char words[4096];
	size_t n = 0;

	words[0] = '\0';
	for (const char *at = lines; (at = strstr(at, "{\"schema\"")) != NULL; at++) {
		const char *end = strchr(at, '\n'), *kind = strstr(at, "\"kind\":\"");
		const char *word = strstr(at, "\"events\":\"");
		bool event = kind != NULL && kind < end;
		const char *from = event ? kind + 8 : word + 10;

		n += (size_t)snprintf(words + n, sizeof(words) - n, "%.*s ", (int)strcspn(from, "\""), from);
		if (n > sizeof(words) - 64)
			break;
	}
	return words;
}

/* The number behind the first of this name, behind the text before it. */
static unsigned long long number_behind(const char *lines, const char *before, const char *name)
{
	const char *at = strstr(lines, before);

	at = at != NULL ? strstr(at, textf("\"%s\":", name)) : NULL;
	if (at == NULL)
		kit_fail("no %s behind %s in:\n%.2000s", name, before, lines);
	return strtoull(at + strlen(name) + 3, NULL, 10);
}

/* The number of the first event of that kind. */
static unsigned long long seq_of(const char *lines, const char *kind)
{
	const char *at = strstr(lines, textf("\"kind\":\"%s\"", kind));

	if (at == NULL)
		kit_fail("no %s in:\n%.2000s", kind, lines);
	while (strncmp(at, "\"seq\":", 6) != 0)
		at--;
	return strtoull(at + 6, NULL, 10);
}

/* An order that must be answered with this status; it is an event of its own, audit. */
static void post(int status, const char *path)
{
	(void)control_expect(status, textf("POST %s", path), "X-Staunch: 1\r\nContent-Length: 0\r\n");
}

struct world {
	struct kit_staunch *s;
	struct kit_peer *echo;
	int port;
};

static const char *config_of(const struct world *w)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app, max_connections: 1}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     control_socket(), kit_ip(0), w->port, kit_ip(0), kit_peer_port(w->echo));
}

static struct world start_world(void)
{
	struct world w = {.port = kit_port(kit_ip(0))};

	w.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.s = kit_staunch_start(config_of(&w));
	return w;
}

/* Each kind once, with its facts; numbers without a gap; and the same events again for a reader that comes later. */
static void o18_what_happens_in_order(void **state)
{
	struct world w = start_world();
	int fd = open_stream(""), held, refused;
	unsigned long long seq;

	(void)state;
	read_until(fd, "\"kind\":\"ready\"");
	post(200, "/v1/reload");
	kit_staunch_rewrite(w.s, "listeners: 5\n");
	post(422, "/v1/reload");
	held = served(kit_ip(0), w.port);
	refused = kit_connect(kit_ip(0), w.port);
	read_until(fd, "\"kind\":\"limit_reached\"");
	post(400, "/v1/servers/app/10.0.0.1:80");
	(void)control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				"Content-Length: 50\r\n\r\n"
				"{\"weight\":5,\"max_connections\":\"off\",\"for\":\"300ms\"}",
				kit_ip(0), kit_peer_port(w.echo)));
	read_until(fd, "\"kind\":\"override_ended\"");
	expect_part(got, ": ready; weight 5, was ");
	expect_part(got, "; max_connections off, was ");
	expect_part(got, textf("server app/%s:%d: the time of an override is over\"", kit_ip(0),
			       kit_peer_port(w.echo)));
	assert_string_equal(words_of(got), "began ready reloaded audit reload_failed audit limit_reached "
					   "audit override audit override_ended ");
	expect_part(got, "\"kind\":\"reloaded\",\"message\":\"generation 2 is in force\","
			 "\"facts\":{\"cause\":\"file\",\"generation\":2}}\n");
	expect_part(got, "\"kind\":\"reload_failed\",\"message\":\"reload refused: the configuration has errors; "
			 "running generation 2 unchanged\",\"facts\":{\"cause\":\"file\",");
	expect_part(got, "\"message\":\"listener web: max_connections 1 is reached: clients are refused\","
			 "\"facts\":{\"limit\":\"max_connections\",\"listener\":\"web\",\"upstream\":null,"
			 "\"server\":null,\"max\":1}}\n");
	expect_part(got, "\"facts\":{\"status\":422,\"ms\":");
	expect_part(got, textf("\"facts\":{\"server\":\"app/%s:%d\",\"state\":\"ready\",\"state_was\":\"ready\","
			       "\"weight\":5,\"max_connections\":\"off\",\"by\":\"",
			       kit_ip(0), kit_peer_port(w.echo)));
	seq = seq_of(got, "reloaded");
	assert_int_equal(seq_of(got, "override_ended"), seq + 8); /* without a gap */
	close(fd);
	assert_string_equal(words_of(kept_since(textf("&since=%llu", seq + 3))),
			    "began limit_reached audit override audit override_ended over ");
	assert_string_equal(words_of(kept_since(textf("&since=%llu", seq + 8))), "began over ");
	(void)control_expect(400, "GET /v1/events?since=x", "");
	(void)control_expect(400, "GET /v1/events?follow=2", "");
	(void)control_expect(400, "GET /v1/events?listener=web", "");
	close(held);
	close(refused);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* A reader that reconnects to another process is told that there was a restart, and gets all of the new one. */
static void o18_since_of_a_former_process(void **state)
{
	struct world w = start_world();
	unsigned long long seq = seq_of(kept_since(""), "ready");
	const char *lines;

	(void)state;
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	w.s = kit_staunch_start(config_of(&w));
	lines = kept_since(textf("&since=%llu", seq));
	assert_string_equal(words_of(lines), "began gap ready over ");
	expect_part(lines, "\"events\":\"gap\",\"lost\":0,\"restart\":true}\n");
	assert_true(seq_of(lines, "ready") > seq);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* So many hundred lines of audit. */
static void audit_hundreds(int hundreds)
{
	static char text[16384];
	size_t n = 0;

	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "POST /v1/none HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n%s"
				      "Content-Length: 0\r\n\r\n", i == 99 ? "Connection: close\r\n" : "");
	for (int i = 0; i < hundreds; i++)
		expect_part(control_raw(text), "Connection: close");
}

/* It takes nothing while more events come than are kept: the gap says how many. */
static void o18_a_slow_reader_is_told(void **state)
{
	struct world w = start_world();
	int fd = open_stream("");
	unsigned long long seq = seq_of(kept_since(""), "ready"), lost;
	const char *lines;
	size_t events = 0;

	(void)state;
	audit_hundreds(40);
	lines = kept_since(textf("&since=%llu", seq)); /* too old */
	expect_part(words_of(lines), "began gap audit audit ");
	assert_int_equal(number_behind(lines, "\"gap\"", "lost"), 4000 - 1024);
	forget_all();
	read_until(fd, textf("\"seq\":%llu,\"kind\":\"audit\"", seq + 4000));
	lost = number_behind(got, "\"gap\"", "lost");
	for (const char *at = got; (at = strstr(at, "\"kind\":\"audit\"")) != NULL; at++)
		events++;
	assert_true(lost > 0);
	assert_int_equal(events + lost, 4000);
	expect_part(got, "\"restart\":false");
	close(fd);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* Streams are not for ever many, and every one of them ends with the process. */
static void o18_o42_the_33rd_stream_and_the_end(void **state)
{
	struct world w = start_world();
	int fd[STREAMS], fds = kit_proc_fds(w.s->child->pid);

	(void)state;
	for (int i = 0; i < STREAMS; i++)
		fd[i] = open_stream("");
	expect_part(rest_of(ask_events("")), "HTTP/1.1 429 ");
	assert_string_equal(words_of(kept_since("")), "began ready over ");
	(void)control_expect(200, "GET /livez", "");
	close(fd[0]);
	kit_proc_wait_fds(w.s->child->pid, fds + STREAMS - 1);
	fd[0] = open_stream("");
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	for (int i = 0; i < STREAMS; i++) {
		const char *lines = rest_of(fd[i]);

		expect_part(words_of(lines), "draining drained over ");
		expect_part(lines, "\"events\":\"over\",\"why\":\"stop\"");
	}
}

/* ---- the verb ---- */

static const char *failing_config(const struct world *w, int dead, const char *level)
{
	return textf("workers: 2\nlog: {access: \"@DIR@/access.log\", level: %s}\n"
		     "control: {socket: \"%s\"}\n"
		     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, balance: round_robin, servers: [\"%s:%d\", \"%s:%d\"]}\n",
		     level, control_socket(), kit_ip(0), w->port, kit_ip(0), dead, kit_ip(0), kit_peer_port(w->echo));
}

/* Since when a server fails: the first failed connect is an event, the next ones are not, and the status has it. The
 * event comes although the process log leaves out its line. */
static void o18_o26_a_server_that_fails(void **state)
{
	struct world w = {.port = kit_port(kit_ip(0))};
	int dead = kit_refuser(kit_ip(0)), fd;
	const char *told;

	(void)state;
	w.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.s = kit_staunch_start(failing_config(&w, dead, "info"));
	kit_staunch_rewrite(w.s, failing_config(&w, dead, "error"));
	post(200, "/v1/reload");
	fd = open_stream("");
	for (int i = 0; i < 6; i++)
		end_orderly(served(kit_ip(0), w.port));
	read_until(fd, "\"kind\":\"connect_failed\"");
	expect_part(got, textf("\"message\":\"server app/%s:%d: connection refused (ECONNREFUSED)\"", kit_ip(0), dead));
	assert_ptr_equal(strstr(strstr(got, "connect_failed") + 1, "connect_failed"), NULL);
	told = control_shell_ok(textf("%s status --socket $S", kit_binary()));
	expect_part(told, textf("\nwarning     server app/%s:%d: connection refused ", kit_ip(0), dead));
	expect_part(told, " since the start\n");
	expect_part(control_expect(200, "GET /v1/status", ""), "; 3 failed connects since the start\"");
	close(fd);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* staunch events; stdout and stderr in one text. */
static const char *verb(int *code, const char *args)
{
	return control_shell(code, textf("COLUMNS=80 %s events --socket $S %s 2>&1", kit_binary(), args));
}

/* No line is wider than a terminal of 80 columns. */
static void expect_narrow(const char *text)
{
	for (const char *end; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		assert_non_null(end);
		if (end - text > 80)
			kit_fail("%d columns: %.*s", (int)(end - text), (int)(end - text), text);
	}
}

/* As an operator sees it: wrapped lines, the restart, nothing new, JSON, and a follower that ends with the process. */
static void o18_the_verb(void **state)
{
	struct world w = start_world();
	const char *out;
	char *follow, *last;
	struct kit_child *c;
	int code;

	(void)state;
	post(200, "/v1/reload");
	kit_staunch_rewrite(w.s, "listeners: 5\n");
	post(422, "/v1/reload");
	out = verb(&code, "");
	assert_int_equal(code, 0);
	expect_narrow(out);
	expect_part(out, " ready: ready\n");
	expect_part(out, " reloaded: generation 2 is in force\n");
	expect_part(out, " reload_failed: reload refused: the configuration has errors;\n");
	expect_part(out, "\n               running generation 2 unchanged\n");
	expect_part(out, " audit: /v1/reload: 422, by uid ");
	expect_part(out, "\n-- what comes later: staunch events --since ");
	last = strdup(strstr(out, "--since "));
	last[strcspn(last, "\n")] = '\0';
	assert_string_equal(verb(&code, last), "-- nothing happened\n");
	free(last);
	out = verb(&code, "--since 5");
	expect_part(out, "-- the process of event 5 has ended: this is another one\n");
	out = verb(&code, "--json");
	expect_part(out, "\"events\":\"over\",\"why\":\"end\"");
	follow = strdup(textf("%s events --socket %s --follow", kit_binary(), control_socket()));
	c = kit_child_start("follower", KIT_ARGV("sh", "-c", follow));
	free(follow);
	kit_file_wait(c->out, "reload_failed", 1);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
	assert_int_equal(kit_child_wait(c), 0);
	assert_int_equal(kit_file_count(c->out, " drained: all connections have ended"), 1);
	assert_int_equal(kit_file_count(c->out, "-- the process ends"), 1);
}

/* KILL leaves no last line, so the verb must say that the answer is not whole. */
static void o18_the_verb_when_the_process_dies(void **state)
{
	struct world w = start_world();
	struct kit_child *c;
	char *follow = strdup(textf("%s events --socket %s --follow", kit_binary(), control_socket()));

	(void)state;
	c = kit_child_start("follower", KIT_ARGV("sh", "-c", follow));
	free(follow);
	kit_file_wait(c->out, "ready: ready", 1);
	(void)kit_staunch_stop(w.s, SIGKILL);
	assert_int_equal(kit_child_wait(c), 1);
	assert_int_equal(kit_file_count(c->err, "the answer broke off: the instance is gone"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o18_what_happens_in_order, kit_end),
		cmocka_unit_test_teardown(o18_since_of_a_former_process, kit_end),
		cmocka_unit_test_teardown(o18_a_slow_reader_is_told, kit_end),
		cmocka_unit_test_teardown(o18_o42_the_33rd_stream_and_the_end, kit_end),
		cmocka_unit_test_teardown(o18_o26_a_server_that_fails, kit_end),
		cmocka_unit_test_teardown(o18_the_verb, kit_end),
		cmocka_unit_test_teardown(o18_the_verb_when_the_process_dies, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
