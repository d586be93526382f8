/* tests/gdb.py on the running binary: the backtraces of parked coroutines, the tasks and what they
 * wait for. Without a test, a debugging aid is found broken on the day it is needed. */
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"

struct looked {
	pid_t pid;
	char said[32768];
};

static bool says(const struct looked *l, const char *text)
{
	return strstr(l->said, text) != NULL;
}

/* Attaches, looks, detaches. */
static void look(struct looked *l)
{
	struct kit_child *c = kit_child_start("gdb", KIT_ARGV(
		"gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", textf("%d", (int)l->pid),
		"-x", "tests/gdb.py", "-ex", "np workers", "-ex", "np gs", "-ex", "np bt", "-ex", "np stacks",
		"-ex", "np fds"));
	char err[4096];

	kit_child_wait(c);
	kit_file_read(c->out, l->said, sizeof(l->said));
	kit_file_read(c->err, err, sizeof(err));
	if (strstr(err, "ptrace: Operation not permitted") != NULL) {
		print_message("[  SKIPPED ] gdb may not attach here\n");
		skip();
	}
	if (strstr(err, "Error occurred in Python") != NULL || strstr(err, "Python Exception") != NULL)
		kit_fail("tests/gdb.py: %s", err);
}

/* A coroutine that was made this moment has no place yet: its first turn is waited for. */
static bool both_are_seen(void *arg)
{
	look(arg);
	return says(arg, " in conn_main at proxy/") && says(arg, "  relay ");
}

/* One connection is relayed, one has sent the beginning of its hello, two workers wait for more. */
static void parked_coroutines_have_a_backtrace(void **state)
{
	static struct looked l;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *back = edge_upstream("back", kit_peer_port(echo), "");
	int plain = kit_port(kit_ip(1)), one, two;
	struct edge e;

	(void)state;
	program_need("gdb");
	e = edge_start(textf("routes: [{sni: [a.test], upstream: back}]}\n"
			     "  - {name: plain, bind: \"%s:%d\", upstream: back", kit_ip(1), plain), back);
	one = served(kit_ip(1), plain);
	two = edge_connect(&e);
	kit_send(two, "\x16\x03\x01\x02", 4);
	l.pid = e.s->child->pid;
	if (!kit_wait(both_are_seen, &l, KIT_MS))
		kit_fail("the coroutine of the hello, or the relay, is not in:\n%s", l.said);
	assert_false(says(&l, " in ??")); /* gdb guesses its way on from a wrong place: this shows it */
	assert_true(says(&l, " in np_fd_accept at netpoll/"));
	assert_true(says(&l, " in coro_entry at netpoll/sched.c"));
	assert_true(says(&l, "worker 0 (thread "));
	assert_true(says(&l, "worker 1 (thread "));
	assert_true(says(&l, "control (thread "));
	assert_true(says(&l, "idle     read of fd "));
	assert_true(says(&l, " bytes now, "));
	assert_true(says(&l, " rg conn 0x"));
	assert_true(says(&l, " rg relay 0x"));
	still_works(one); /* being looked at changes nothing */
	end_orderly(one);
	close(two);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(parked_coroutines_have_a_backtrace, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
