/* P34: a connection moves between two processes in each of its states, and both applications notice nothing. */
#include "proxy/conn/hand_over.h"

#include "tests/unit/proxy/conn/hand_over_world.h"

/* What a script notes; the test asserts when the world is back. */
static struct {
	bool state;        /* the connection was in the state that the test is about */
	unsigned ends;
	uint64_t in, out;  /* bytes that both processes have counted */
	uint64_t lifetimes;
	unsigned moves;
} noted;

static void note_ends(void)
{
	wait_until_gone();
	noted.ends = all_ends();
	noted.in = world.listener_stats.bytes_in + second.listener_stats.bytes_in;
	noted.out = world.server_stats.bytes_out + second.server_stats.bytes_out;
	noted.lifetimes = histogram_count(&world.listener_stats.lifetime) +
			  histogram_count(&second.listener_stats.lifetime);
	noted.moves = second.moves;
}

static void run_case(const struct relay_case *is)
{
	memset(&noted, 0, sizeof(noted));
	relay_world_run(is);
	assert_true(noted.state);
	assert_false(world.saw.altered);
	assert_int_equal(world.saw.got[0], is->up);
	assert_int_equal(world.saw.got[1], is->down);
	/* one end, and each byte once in the numbers of either process */
	assert_int_equal(noted.ends, 1);
	assert_int_equal(noted.lifetimes, 1);
	assert_int_equal(noted.in, is->up);
	assert_int_equal(noted.out, is->down);
}

/* ---- all the time, while bytes pass ---- */

static bool only_thaws;

static void mover(void *arg)
{
	struct conn *c;

	(void)arg;
	while ((c = living()) != NULL) {
		if (hand_over_when(c) == HAND_OVER_NOW && !only_thaws)
			move_conn(c);
		else if (hand_over_when(c) == HAND_OVER_NOW && hand_over_freeze(c) == 0)
			hand_over_thaw(c);
		np_sleep(NP_MS / 2);
	}
	app_done();
}

static void moving_script(void)
{
	second_begin();
	app_go(mover, 0);
	apps_write_and_read();
	note_ends();
	noted.state = only_thaws || noted.moves > 3;
	second_end();
}

static void p34_bytes_pass_while_it_moves(void **state)
{
	static const struct relay_case cases[] = {
		{.ends = ENDS_TCP, .up = 12000000, .down = 9000000, .script = moving_script},
		{.ends = ENDS_TCP, .up = 12000000, .down = 9000000, .copy = true, .script = moving_script},
		{.ends = ENDS_TCP, .up = 3000000, .down = 2000000, .sndbuf = 16384, .script = moving_script},
		{.ends = ENDS_UNIX, .up = 12000000, .down = 9000000, .script = moving_script},
		{.ends = ENDS_UNIX, .up = 12000000, .down = 9000000, .copy = true, .script = moving_script},
	};

	(void)state;
	for (only_thaws = false;; only_thaws = true) {
		for (size_t i = 0; i < array_len(cases); i++)
			run_case(&cases[i]);
		if (only_thaws)
			break;
	}
}

/* ---- state by state ---- */

/* Until it is so, within ten seconds. */
#define AWAIT(condition)                                                              \
	do {                                                                          \
		int64_t until_ = np_deadline_after(10 * NP_S);                        \
		while (!(condition) && np_nanotime() < until_)                        \
			np_sleep(NP_MS);                                              \
		noted.state = (condition);                                            \
	} while (0)

static void finish(void)
{
	note_ends();
	second_end();
}

static void read_all(int side)
{
	app_read(side);
}

static void idle_script(void)
{
	struct conn *c;

	second_begin();
	np_sleep(5 * NP_MS); /* it has had its first turns, and sleeps */
	c = move_conn(world.conn);
	np_sleep(5 * NP_MS);
	c = move_conn(c);
	noted.state = c->extra == NULL && c->dir[0].rest == NULL;
	apps_write_and_read();
	finish();
}

static void p34_idle_and_open_both_ways(void **state)
{
	static const struct relay_case cases[] = {
		{.ends = ENDS_TCP, .up = 100, .down = 200, .script = idle_script},
		{.ends = ENDS_UNIX, .up = 100, .down = 200, .script = idle_script},
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++)
		run_case(&cases[i]);
}

static void fin_script(void)
{
	second_begin();
	app_write(0, world.is->up);
	(void)!np_fd_close_write(&world.app[0]);
	read_all(1);
	AWAIT(world.conn->dir[0].done);
	move_conn(world.conn);
	np_sleep(5 * NP_MS);
	app_write(1, world.is->down);
	(void)!np_fd_close_write(&world.app[1]);
	read_all(0);
	finish();
	noted.state &= ends_counted(CLOSE_CLIENT_FIN) == 1;
}

static void p34_one_side_has_ended(void **state)
{
	static const struct relay_case cases[] = {
		{.ends = ENDS_TCP, .up = 100000, .down = 200000, .script = fin_script},
		{.ends = ENDS_UNIX, .up = 50000, .down = 200000, .script = fin_script},
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++)
		run_case(&cases[i]);
}

static void only_write(void *arg)
{
	int side = arg != NULL;

	app_write(side, side == 0 ? world.is->up : world.is->down);
	(void)!np_fd_close_write(&world.app[side]);
	app_done();
}

/* Neither application reads, so each way has bytes that its reader did not take. */
static void rests_script(void)
{
	struct conn *c;
	bool was_spliced;

	second_begin();
	app_go(only_write, 0);
	app_go(only_write, 1);
	AWAIT(world.conn->dir[0].blocked && world.conn->dir[1].blocked);
	was_spliced = world.conn->dir[0].spliced || world.conn->dir[1].spliced;
	c = move_conn(world.conn);
	noted.state &= c->dir[0].rest != NULL && c->dir[1].rest != NULL && was_spliced != world.is->copy;
	np_sleep(5 * NP_MS); /* it finds both full again */
	c = move_conn(c);
	app_go(app_reader, 0);
	app_go(app_reader, 1);
	np_event_wait(&world.over);
	finish();
}

static void p34_rests_and_pipes_with_bytes(void **state)
{
	static const struct relay_case cases[] = {
		{.ends = ENDS_TCP, .up = 20000000, .down = 20000000, .copy = true, .script = rests_script},
		{.ends = ENDS_TCP, .up = 20000000, .down = 20000000, .script = rests_script},
		{.ends = ENDS_UNIX, .up = 9000000, .down = 9000000, .copy = true, .script = rests_script},
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++)
		run_case(&cases[i]);
}

/* The client has reset; the server must acknowledge all before it is reset, too. */
static void reset_script(void)
{
	second_begin();
	app_write(0, world.is->up);
	while (np_fd_unsent(&world.app[0]) > 0)
		np_sleep(NP_MS);
	np_fd_close_reset(&world.app[0]);
	AWAIT(world.conn->dir[0].eof && world.conn->dir[0].reset && world.conn->dir[0].blocked);
	move_conn(world.conn);
	np_sleep(5 * NP_MS);
	read_all(1);
	finish();
	noted.state &= ends_counted(CLOSE_CLIENT_RST) == 1 && world.saw.end[0] == -NP_ECONNRESET;
}

static void p34_a_reset_that_waits(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .up = 20000, .copy = true, .sndbuf = 8192, .script = reset_script};

	(void)state;
	run_case(&is);
}

/* It was told to end: both have our end, and neither has said its own. */
static void linger_script(void)
{
	struct conn *c = world.conn;

	second_begin();
	np_sleep(5 * NP_MS);
	conn_kill(c, CLOSE_DRAIN);
	noted.state = hand_over_when(c) == HAND_OVER_LATER;
	while (!(c->dir[0].discard && c->dir[1].discard))
		np_sleep(NP_MS);
	c = move_conn(c);
	noted.state &= c->dir[0].discard && c->dir[1].discard && c->first_end == CLOSE_DRAIN;
	np_sleep(5 * NP_MS);
	read_all(0);
	read_all(1);
	(void)!np_fd_close_write(&world.app[0]);
	(void)!np_fd_close_write(&world.app[1]);
	finish();
	noted.state &= ends_counted(CLOSE_DRAIN) == 1 && world.saw.end[0] == 0 && world.saw.end[1] == 0;
}

static void p34_lingering(void **state)
{
	static const struct relay_case is = {.ends = ENDS_TCP, .script = linger_script};

	(void)state;
	run_case(&is);
}

/* A deadline that was due while it moved still ends it; a kill of a frozen one waits for its thaw. */
static void deadline_script(void)
{
	struct conn *c = world.conn;

	second_begin();
	np_sleep(5 * NP_MS);
	c = move_conn(c);
	wait_until_gone();
	noted.state = ends_counted(CLOSE_IDLE_TIMEOUT) == 1;
	finish();
}

static void kill_script(void)
{
	second_begin();
	np_sleep(5 * NP_MS);
	CHECK(hand_over_freeze(world.conn) == 0, "it is stopped");
	conn_kill(world.conn, CLOSE_ADMIN);
	np_sleep(5 * NP_MS);
	noted.state = all_ends() == 0 && !world.conn->client.fd.closed;
	hand_over_thaw(world.conn);
	finish();
	noted.state &= ends_counted(CLOSE_ADMIN) == 1;
}

static void p34_deadlines_and_orders_go_on(void **state)
{
	static const struct relay_case idle = {
		.ends = ENDS_TCP, .idle = 50 * NP_MS, .script = deadline_script};
	static const struct relay_case killed = {.ends = ENDS_TCP, .script = kill_script};

	(void)state;
	run_case(&idle);
	run_case(&killed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p34_bytes_pass_while_it_moves),
		cmocka_unit_test(p34_idle_and_open_both_ways),
		cmocka_unit_test(p34_one_side_has_ended),
		cmocka_unit_test(p34_rests_and_pipes_with_bytes),
		cmocka_unit_test(p34_a_reset_that_waits),
		cmocka_unit_test(p34_lingering),
		cmocka_unit_test(p34_deadlines_and_orders_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
