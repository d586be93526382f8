/* One of two processes ends in the middle of an upgrade, or is told to stop: at each step what the hand-over promises
 * is there. P18, P19, P24. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade_relay.h"

#define HELD  40 /* connections: with one worker two messages, of FIRST and of the rest */
#define FIRST 32

/* ---- connections that were there before ---- */

/* Those that still work; the others have ended. All are closed. */
static int count_living(int fds[HELD])
{
	int n = 0;

	for (int i = 0; i < HELD; i++) {
		char back[4];
		bool sent = kit_io_write(fds[i], "here", sizeof(back)) == 0;

		n += sent && kit_io_read_all(fds[i], back, sizeof(back)) == sizeof(back) &&
		     memcmp(back, "here", sizeof(back)) == 0;
		close(fds[i]);
	}
	return n;
}

static struct world world_with(int fds[HELD])
{
	struct world w;

	relay_begin();
	w = world_of();
	write_world(&w, 1, tcp_bind(&w), "");
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	for (int i = 0; i < HELD; i++)
		fds[i] = served(kit_ip(0), w.port);
	return w;
}

/* ---- P18: new ends ---- */

struct new_ends {
	struct relay_at at;
	int live;        /* of HELD: in old, when new has ended there */
};

static void end_new(struct world *w, const struct new_ends *e)
{
	int fds[HELD];
	struct kit_child *verb;
	pid_t new_pid;

	for (int i = 0; i < HELD; i++)
		fds[i] = served(kit_ip(0), w->port);
	relay_stop_at(&e->at);
	verb = relay_upgrade();
	new_pid = relay_wait();
	assert_int_equal(kill(new_pid, SIGKILL), 0);
	relay_go();
	assert_int_equal(kit_child_wait(verb), 1);
	relay_wait_gone(new_pid);
	assert_true(kit_child_alive(w->first));
	end_orderly(served(kit_ip(0), w->port));
	assert_int_equal(count_living(fds), e->live);
}

/* To GO nothing has happened; then old accepts again, and has all that was not given away. */
static void p18_the_new_process_ends_at_each_step(void **state)
{
	static const struct new_ends steps[] = {
		{{RELAY_NEW, HANDOVER_HELLO, 1}, HELD},
		{{RELAY_OLD, HANDOVER_HELLO, 1}, HELD},
		{{RELAY_OLD, HANDOVER_LISTENERS, 1}, HELD},
		{{RELAY_OLD, HANDOVER_LISTENERS, 2}, HELD},
		{{RELAY_NEW, HANDOVER_READY, 1}, HELD},
		{{RELAY_OLD, HANDOVER_GO, 1}, HELD},
		{{RELAY_NEW, HANDOVER_ACCEPTING, 1}, HELD},
		{{RELAY_OLD, HANDOVER_CONNS, 1}, HELD},
		{{RELAY_OLD, HANDOVER_RUN, 1}, HELD - FIRST},
		{{RELAY_OLD, HANDOVER_CONNS, 2}, HELD - FIRST},
	};
	int fds[HELD];
	struct world w = world_with(fds);

	(void)state;
	assert_int_equal(count_living(fds), HELD);
	for (size_t i = 0; i < array_len(steps); i++) {
		end_new(&w, &steps[i]);
		kit_file_wait(w.first->err, "upgrade given up, this process serves on", (int)i + 1);
	}
	assert_int_equal(kit_file_count(w.first->err, "upgrade given up, this process serves on: the new program was "
					      "ended by SIGKILL; connections that had moved are lost: 32"), 2);
	expect_part(control_expect(200, "GET /metrics", ""), "staunch_upgrade_lost_total 64\n");
	upgrade(&w);
	stop(&w);
}

/* From DONE on it is the crash of a process, and old is no more than what it has left. */
static void p18_the_new_process_ends_when_it_serves(void **state)
{
	int fds[HELD];
	struct world w = world_with(fds);
	struct kit_child *verb;
	pid_t new_pid;

	(void)state;
	relay_stop_at(&(struct relay_at){RELAY_OLD, HANDOVER_DONE, 1});
	verb = relay_upgrade();
	new_pid = relay_wait();
	assert_int_equal(kill(new_pid, SIGKILL), 0);
	relay_go();
	assert_int_equal(kit_child_wait(verb), 0);
	assert_int_equal(kit_child_wait(w.first), 0);
	assert_int_equal(count_living(fds), 0);
}

/* ---- P19: old ends ---- */

struct old_ends {
	struct relay_at at;
	int live; /* of HELD, at least: in new, when old has ended there; -1: new ends, too */
};

static void end_old(const struct old_ends *e)
{
	int fds[HELD], living;
	struct world w = world_with(fds);
	pid_t new_pid;

	relay_stop_at(&e->at);
	(void)relay_upgrade();
	new_pid = relay_wait();
	kit_child_signal(w.first, SIGKILL);
	assert_int_equal(kit_child_wait(w.first), 128 + SIGKILL);
	relay_go();
	if (e->live < 0) {
		relay_wait_gone(new_pid);
		assert_int_equal(kit_try_connect(kit_ip(0), w.port), -ECONNREFUSED);
		count_living(fds);
		return;
	}
	kit_file_wait(w.first->err, "\"predecessor_ended\"", 1);
	end_orderly(served(kit_ip(0), w.port));
	living = count_living(fds);
	if (living != e->live && (e->at.kind != HANDOVER_RUN || living != HELD)) /* it says RUN, and goes on at once */
		kit_fail("%d connections live on, not %d", living, e->live);
	expect_part(control_verb(0, "status --json --socket $S"), textf("\"pid\":%d", (int)new_pid));
	assert_int_equal(kill(new_pid, SIGTERM), 0);
	relay_wait_gone(new_pid);
}

/* To READY new ends with it; from GO on new serves, and has what it has acknowledged. */
static void p19_the_old_process_ends_before_it_has_said_go(void **state)
{
	static const struct old_ends steps[] = {
		{{RELAY_NEW, HANDOVER_HELLO, 1}, -1},
		{{RELAY_OLD, HANDOVER_HELLO, 1}, -1},
		{{RELAY_OLD, HANDOVER_LISTENERS, 1}, -1},
		{{RELAY_NEW, HANDOVER_READY, 1}, -1},
	};

	(void)state;
	for (size_t i = 0; i < array_len(steps); i++) {
		end_old(&steps[i]);
		kit_end(NULL);
	}
}

static void p19_the_old_process_ends_once_it_has_said_go(void **state)
{
	static const struct old_ends steps[] = {
		{{RELAY_OLD, HANDOVER_GO, 1}, 0},
		{{RELAY_NEW, HANDOVER_ACCEPTING, 1}, 0},
		{{RELAY_OLD, HANDOVER_CONNS, 1}, FIRST},
		{{RELAY_NEW, HANDOVER_ACK, 1}, FIRST},
		{{RELAY_OLD, HANDOVER_RUN, 1}, FIRST},
		{{RELAY_OLD, HANDOVER_CONNS, 2}, HELD},
		{{RELAY_OLD, HANDOVER_DONE, 1}, HELD},
	};

	(void)state;
	for (size_t i = 0; i < array_len(steps); i++) {
		end_old(&steps[i]);
		kit_end(NULL);
	}
}

/* ---- P24: orders meanwhile ---- */

/* Before GO the upgrade is given up, and old stops as it was told. */
static void p24_a_stop_before_go_gives_the_upgrade_up(void **state)
{
	static const struct relay_at steps[] = {
		{RELAY_NEW, HANDOVER_HELLO, 1}, {RELAY_OLD, HANDOVER_HELLO, 1},
		{RELAY_OLD, HANDOVER_LISTENERS, 1}, {RELAY_NEW, HANDOVER_READY, 1},
	};

	(void)state;
	for (size_t i = 0; i < array_len(steps); i++) {
		int fds[HELD];
		struct world w = world_with(fds);
		struct kit_child *verb;
		pid_t new_pid;

		relay_stop_at(&steps[i]);
		verb = relay_upgrade();
		new_pid = relay_wait();
		expect_part(control_verb(1, "reload --socket $S"), "an upgrade is under way");
		kit_child_signal(w.first, SIGTERM);
		assert_int_equal(kit_child_wait(verb), 1);
		relay_wait_gone(new_pid);
		assert_int_equal(count_living(fds), HELD);
		assert_int_equal(kit_child_wait(w.first), 0);
		kit_file_wait(w.first->err, "an order to stop came first", 1);
		kit_end(NULL);
	}
}

/* From GO on it waits until new serves, and is new's order then: both drain. */
static void p24_a_stop_behind_go_is_the_new_process_s(void **state)
{
	static const struct relay_at steps[] = {
		{RELAY_OLD, HANDOVER_GO, 1}, {RELAY_NEW, HANDOVER_ACCEPTING, 1}, {RELAY_OLD, HANDOVER_CONNS, 1},
		{RELAY_NEW, HANDOVER_ACK, 1}, {RELAY_OLD, HANDOVER_RUN, 1},
	};

	(void)state;
	for (size_t i = 0; i < array_len(steps); i++) {
		int fds[HELD];
		struct world w = world_with(fds);
		struct kit_child *verb;
		pid_t new_pid;

		relay_stop_at(&steps[i]);
		verb = relay_upgrade();
		new_pid = relay_wait();
		kit_child_signal(w.first, SIGTERM);
		relay_go();
		assert_int_equal(kit_child_wait(verb), 0);
		assert_int_equal(kit_child_wait(w.first), 0);
		kit_file_wait(w.first->err, textf("stopping: %d connections", HELD), 1);
		assert_int_equal(count_living(fds), HELD);
		relay_wait_gone(new_pid);
		kit_end(NULL);
	}
}

/* An address that the file of a failed upgrade did not name is this process's as before. */
static void p24_a_failed_upgrade_leaves_no_address_behind(void **state)
{
	int fds[HELD], other = kit_port(kit_ip(1));
	struct world w = world_with(fds);
	struct kit_child *verb;

	(void)state;
	assert_int_equal(count_living(fds), HELD);
	write_world(&w, 1, textf("\"%s:%d\"", kit_ip(1), other), "");
	relay_stop_at(&(struct relay_at){RELAY_OLD, HANDOVER_GO, 1});
	verb = relay_upgrade();
	assert_int_equal(kill(relay_wait(), SIGKILL), 0);
	relay_go();
	assert_int_equal(kit_child_wait(verb), 1);
	write_world(&w, 1, tcp_bind(&w), "");
	upgrade(&w);
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p18_the_new_process_ends_at_each_step, kit_end),
		cmocka_unit_test_teardown(p18_the_new_process_ends_when_it_serves, kit_end),
		cmocka_unit_test_teardown(p19_the_old_process_ends_before_it_has_said_go, kit_end),
		cmocka_unit_test_teardown(p19_the_old_process_ends_once_it_has_said_go, kit_end),
		cmocka_unit_test_teardown(p24_a_stop_before_go_gives_the_upgrade_up, kit_end),
		cmocka_unit_test_teardown(p24_a_stop_behind_go_is_the_new_process_s, kit_end),
		cmocka_unit_test_teardown(p24_a_failed_upgrade_leaves_no_address_behind, kit_end),
	};

	(void)argc;
	if (relay_asked())
		return relay_main(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
