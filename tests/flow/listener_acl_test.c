/* T1, T2: who may connect: lists of networks and files of them, at the accept or behind a PROXY header. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/proxy_edge.h"
#include "tests/flow/kit/tls_edge.h"

enum { LISTED = 20, OTHER = 21 }; /* kit_ip()s */

static void is_served(const struct edge *e, int listener, int from)
{
	int fd = edge_connect_from(e, from), server;

	kit_send(fd, "hello", 5);
	server = kit_accept(listener);
	kit_expect(server, "hello", 5);
	close(server);
	kit_expect_fin(fd);
	close(fd);
}

/* Reset whatever it has sent, and no server hears of it. */
static void is_kept_out(const struct edge *e, int listener, int from)
{
	int fd = edge_connect_from(e, from);

	kit_expect_rst(fd);
	close(fd);
	edge_untouched(listener);
}

static void t1_longest_match_and_deny(void **state)
{
	int listener;
	const char *keys = textf("allow: [\"127.0.0.0/8\"], deny: [\"%s\"], upstream: back", kit_ip(LISTED));
	struct edge e = proxy_edge_start(&listener, keys, "");

	(void)state;
	for (int i = 1; i <= 5; i++) {
		is_kept_out(&e, listener, LISTED);
		edge_ended(&e, "denied", i);
	}
	is_served(&e, listener, OTHER);
	edge_said(&e, kit_ip(LISTED));
	proxy_edge_end(&e, listener);
}

/* The question and the connection have one answer. */
static void t1_is_explained(void **state)
{
	struct kit_staunch *s;
	const char *listener = "deny: [\"192.0.2.0/24\", \"2001:db8::/32\"], upstream: back";

	(void)state;
	s = kit_staunch_start(textf("control: {socket: \"%s\"}\n%s", control_socket(),
				    edge_config(kit_port(kit_ip(1)), listener, edge_upstream("back", 1, ""))));
	assert_non_null(strstr(control_verb(0, "explain route --socket $S --src 192.0.2.7"),
			       "allow and deny of the listener keep this client out"));
	assert_null(strstr(control_verb(0, "explain route --socket $S --src 198.51.100.7"), "allow and deny"));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* Who is kept out takes no place, also where all are taken and clients wait for one. */
static void t1_at_a_limit(void **state)
{
	int listener, holder, server;
	struct edge e = proxy_edge_start(&listener,
					 textf("deny: [\"%s\"], max_connections: 1, at_limit: refuse, upstream: back",
					       kit_ip(LISTED)), "");

	(void)state;
	holder = edge_connect_from(&e, OTHER);
	server = kit_accept(listener);
	is_kept_out(&e, listener, LISTED);
	edge_ended(&e, "denied", 1);
	close(server);
	kit_expect_fin(holder);
	close(holder);
	proxy_edge_end(&e, listener);
}

struct kept_out {
	const struct edge *e;
	int from;
	bool wanted;
};

static bool is_so(void *arg)
{
	const struct kept_out *k = arg;
	int fd = edge_connect_from(k->e, k->from);
	char byte;
	bool out;

	(void)!kit_io_write(fd, "x", 1); /* it may be reset already */
	out = kit_io_read(fd, &byte, 1) == -ECONNRESET;
	close(fd);
	return out == k->wanted;
}

/* A changed file is taken over by itself; one with a wrong line changes nothing, and is told with its line. */
static void t1_a_file_that_changes(void **state)
{
	char path[KIT_PATH];
	int port;
	struct kept_out k = {.from = LISTED, .wanted = true};
	struct edge e;

	(void)state;
	kit_file_write("deny.txt", "# nobody yet\n", path);
	port = kit_peer_port(echo_start());
	e = edge_start(textf("deny: [\"@%s\"], upstream: back", path), edge_upstream("back", port, ""));
	k.e = &e;
	kit_file_write("deny.txt", textf("192.0.2.0/24\n%s # this one\n", kit_ip(LISTED)), path);
	assert_true(kit_wait(is_so, &k, KIT_MS));
	kit_file_write("deny.txt", "192.0.2.0/24\nnobody\n", path);
	kit_staunch_wait_err(e.s, "deny.txt:2: not an IP address", 1);
	assert_true(is_so(&k));
	kit_file_write("deny.txt", "", path);
	k.wanted = false;
	assert_true(kit_wait(is_so, &k, KIT_MS));
	kit_proc_wait_fds(e.s->child->pid, e.fds);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

static void t1_a_file_that_is_wrong_at_the_start(void **state)
{
	char path[KIT_PATH];
	struct kit_staunch *s;

	(void)state;
	kit_file_write("deny.txt", "192.0.2.0/24\n\n10.0.0.0/40\n", path);
	s = kit_staunch_spawn(edge_config(kit_port(kit_ip(1)), textf("deny: [\"@%s\"], upstream: back", path),
					  edge_upstream("back", 1, "")));
	assert_int_equal(kit_child_wait(s->child), 78);
	kit_staunch_wait_err(s, "deny.txt, line 3: behind the slash of an IPv4 network", 1);
	kit_staunch_wait_err(s, "write one network in each line, and remarks behind a #", 1);
}

/* T2: the header says who it is: allowed is whom it names, whoever brings it. */
static void t2_behind_a_header(void **state)
{
	int listener, fd, server;
	struct edge e = proxy_edge_start(&listener, "deny: [\"192.0.2.1\"], " REQUIRED, "");

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, HEADER_V1, sizeof(HEADER_V1) - 1);
	kit_expect_rst(fd);
	close(fd);
	edge_ended(&e, "denied", 1);
	edge_untouched(listener);
	fd = edge_connect(&e);
	kit_send(fd, "PROXY TCP4 192.0.2.2 198.51.100.2 4711 443\r\n", 44);
	server = kit_accept(listener);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	proxy_edge_end(&e, listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t1_longest_match_and_deny, kit_end),
		cmocka_unit_test_teardown(t1_at_a_limit, kit_end),
		cmocka_unit_test_teardown(t1_is_explained, kit_end),
		cmocka_unit_test_teardown(t1_a_file_that_changes, kit_end),
		cmocka_unit_test_teardown(t1_a_file_that_is_wrong_at_the_start, kit_end),
		cmocka_unit_test_teardown(t2_behind_a_header, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
