/* listeners[].connect: first_byte: no server is dialled for a client before it has said something (O29). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port, header, hello, server, fds;
};

/* Listeners "web", "header", which wants a PROXY header, and "hello", whose rules look at the first bytes.
 * The server is the test's own, so that it sees who dials. */
static struct world start(const char *listener, const char *top)
{
	struct world w = {.port = kit_port(kit_ip(1)), .header = kit_port(kit_ip(1)), .hello = kit_port(kit_ip(1))};
	int listening = kit_listen(kit_ip(0), &w.server, 8);

	w.s = kit_staunch_start(
		textf("workers: 2\n%s\nlisteners:\n"
		      "  - {name: web, bind: \"%s:%d\", upstream: app, connect: first_byte%s}\n"
		      "  - {name: header, bind: \"%s:%d\", upstream: app, connect: first_byte%s,\n"
		      "     proxy_protocol: {accept: required, trusted: [127.0.0.0/8]}}\n"
		      "  - {name: hello, bind: \"%s:%d\", upstream: app, connect: first_byte%s,\n"
		      "     preread: {silence: 50ms}, routes: [{sni: a.example, upstream: app}]}\n"
		      "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		      top, kit_ip(1), w.port, listener, kit_ip(1), w.header, listener, kit_ip(1), w.hello, listener,
		      kit_ip(0), w.server));
	w.server = listening;
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

static void end(struct world *w)
{
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	close(w->server);
}

#define LOGGED "log: {access: \"@DIR@/access.log\"}"

/* The first connection that the server sees is that of the client who spoke: `bytes` come whole, once. */
static void only_who_speaks_is_dialled(const struct world *w, int fd, const char *bytes)
{
	size_t n = strlen(bytes);
	int back;

	kit_send(fd, bytes, n);
	back = kit_accept(w->server);
	kit_expect(back, bytes, n);
	kit_send(back, "answer", 6);
	kit_expect(fd, "answer", 6);
	close(fd);
	kit_expect_fin(back);
	close(back);
}

/* O29: probes, of which the server sees nothing; each has its reason, no server, and no try. */
static void o29_probes_dial_nobody(void **state)
{
	struct world w = start("", LOGGED);

	(void)state;
	end_orderly(kit_connect(kit_ip(1), w.port));
	kit_reset(kit_connect(kit_ip(1), w.port));
	kit_staunch_wait_log(w.s, "connection_end", 2);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\"client_fin\""), 1);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\"client_rst\""), 1);
	assert_int_equal(kit_staunch_log(w.s, "staunch.server"), 0);
	only_who_speaks_is_dialled(&w, kit_connect(kit_ip(1), w.port), "x");
	kit_staunch_wait_log(w.s, "\"staunch.bytes_in\":1,\"staunch.bytes_out\":6", 1);
	end(&w);
}

/* O29: a PROXY header is no byte of the client's, nor is the silence that a hello may take; bytes behind one are. */
static void o29_a_header_is_no_byte(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 7 8\r\n";
	struct world w = start("", LOGGED);
	int fd = kit_connect(kit_ip(1), w.header), hello = kit_connect(kit_ip(1), w.hello), back;

	(void)state;
	kit_send(fd, header, sizeof(header) - 1);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_fin\"", 1);
	fd = kit_connect(kit_ip(1), w.header);
	kit_send(fd, header, sizeof(header) - 1);
	kit_send(fd, "first", 5);
	back = kit_accept(w.server);
	kit_expect(back, "first", 5);
	close(back);
	end_orderly(fd);
	only_who_speaks_is_dialled(&w, hello, "no hello at all");
	kit_staunch_wait_log(w.s, "connection_end", 3);
	assert_int_equal(kit_staunch_log(w.s, "\"client.address\":\"192.0.2.1\""), 2);
	end(&w);
}

/* O29: its silence is bounded as that of one that relays. */
static void o29_times(void **state)
{
	struct world w = start(", timeouts: {idle: 200ms}", LOGGED);
	int fd = kit_connect(kit_ip(1), w.port);

	(void)state;
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"idle_timeout\"", 1);
	end(&w);
	kit_end(NULL);
	w = start(", timeouts: {lifetime: 1s, idle: off}", LOGGED);
	fd = kit_connect(kit_ip(1), w.port);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"lifetime\"", 1);
	end(&w);
}

/* O29: with idle off one may be silent for as long as it likes; it has its place of the limit, and a drain cuts it. */
static void o29_limit_and_drain(void **state)
{
	struct world w = start(", timeouts: {idle: off}, max_connections: 1", LOGGED "\nshutdown: {timeout: 200ms}");
	int fd = kit_connect(kit_ip(1), w.port), refused;

	(void)state;
	kit_proc_wait_fds(w.s->child->pid, w.fds + 1); /* another worker may accept the second one */
	refused = kit_connect(kit_ip(1), w.port);
	kit_expect_fin(refused);
	close(refused);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"max_connections\"", 1);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 4);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"drain_deadline\"", 1);
	assert_int_equal(kit_staunch_log(w.s, "staunch.server"), 0);
	close(w.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o29_probes_dial_nobody, kit_end),
		cmocka_unit_test_teardown(o29_a_header_is_no_byte, kit_end),
		cmocka_unit_test_teardown(o29_times, kit_end),
		cmocka_unit_test_teardown(o29_limit_and_drain, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
