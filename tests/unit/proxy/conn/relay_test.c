/* relay: all bytes arrive, whatever the sockets' kind and however slow the reader, and each end is passed on. */
#include "tests/unit/proxy/conn/relay_world.h"

static void expect_all(const struct relay_case *is)
{
	relay_world_run(is);
	assert_false(world.saw.altered);
	assert_int_equal(world.saw.got[0], is->up);
	assert_int_equal(world.saw.got[1], is->down);
	/* what the numbers have at the end is what passed */
	assert_int_equal(world.listener_stats.bytes_in, is->up);
	assert_int_equal(world.listener_stats.bytes_out, is->down);
	assert_int_equal(world.server_stats.bytes_in, is->up);
	assert_int_equal(world.server_stats.bytes_out, is->down);
	assert_int_equal(histogram_count(&world.listener_stats.lifetime), 1);
	assert_int_equal(histogram_count(&world.server_stats.first_byte), is->down > 0);
}

static void bytes_arrive_both_ways(void **state)
{
	static const struct relay_case cases[] = {
		{.ends = ENDS_TCP, .up = 1, .down = 1},
		{.ends = ENDS_TCP, .up = 3000000, .down = 5000000},
		{.ends = ENDS_TCP, .up = 3000000, .down = 5000000, .copy = true},
		{.ends = ENDS_UNIX, .up = 3000000, .down = 5000000},
		{.ends = ENDS_UNIX, .up = 3000000, .down = 5000000, .copy = true},
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++) {
		expect_all(&cases[i]);
		assert_true(world.saw.why == CLOSE_CLIENT_FIN || world.saw.why == CLOSE_SERVER_FIN);
	}
}

/* ---- descriptors beside the bytes (V1) ---- */

#define MESSAGES 40

/* One byte with a descriptor, or without. */
static void send_message(int sysfd, char byte, int passed)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (passed >= 0) {
		struct cmsghdr *h;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		h = CMSG_FIRSTHDR(&msg);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &passed, sizeof(passed));
	}
	CHECK(sendmsg(sysfd, &msg, 0) == 1, "a message is taken");
}

/* All of them are queued before the relay runs; every third carries a descriptor. Nothing follows, and the
 * writer's end stays open: what the relay leaves behind is stuck. */
static void passing_script(void)
{
	char buf[MESSAGES];
	size_t got = 0;
	ssize_t n = 1;

	for (size_t i = 0; i < MESSAGES; i++)
		send_message(world.app[0].sysfd, *pattern(i, 0), i % 3 == 1 ? STDERR_FILENO : -1);
	np_fd_set_deadline(&world.app[1], np_deadline_after(5 * NP_S));
	while (n > 0 && got < MESSAGES) {
		n = np_fd_read(&world.app[1], buf + got, sizeof(buf) - got);
		got += n > 0 ? (size_t)n : 0;
	}
	world.saw.altered |= memcmp(buf, pattern(0, 0), got) != 0;
	world.saw.got[0] = got;
	(void)!np_fd_close_write(&world.app[0]);
	(void)!np_fd_close_write(&world.app[1]);
}

static void v1_a_message_with_a_descriptor_is_not_the_last(void **state)
{
	static const struct relay_case is = {.ends = ENDS_UNIX, .up = MESSAGES, .script = passing_script};

	(void)state;
	expect_all(&is);
}

/* ---- slow readers (V4) ---- */

/* Reads in small steps; each takes its time, and the next one comes well within the patience. */
static void slow_reader(void *arg)
{
	int side = arg != NULL, from = !side;
	char buf[4096];
	ssize_t n;

	do {
		np_sleep(40 * NP_MS);
		n = np_fd_read(&world.app[side], buf, sizeof(buf));
		if (n > 0) {
			world.saw.altered |= memcmp(buf, pattern(world.saw.got[from], from), (size_t)n) != 0;
			world.saw.got[from] += (size_t)n;
		}
	} while (n > 0);
	world.saw.end[from] = (int)n;
	app_done();
}

static void reset_after_writing(int side, size_t n)
{
	app_write(side, n);
	while (np_fd_unsent(&world.app[side]) > 0)
		np_sleep(NP_MS); /* a reset destroys what the relay has not received */
	np_fd_close_reset(&world.app[side]);
}

static void reset_script(void)
{
	app_go(slow_reader, 1);
	reset_after_writing(0, world.is->up);
	np_event_wait(&world.over);
}

static void v4_a_reset_waits_as_long_as_its_reader_reads(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .up = 120000, .sndbuf = 16384, .half_close = 400 * NP_MS, .script = reset_script};

	(void)state;
	expect_all(&is);
	assert_int_equal(world.saw.end[0], -NP_ECONNRESET);
	assert_int_equal(world.saw.why, CLOSE_CLIENT_RST);
	assert_true(world.saw.took > is.half_close); /* or the row tests nothing */
}

/* The reader takes nothing. It is written to until its buffer is full and bytes are left that it has not
 * acknowledged. */
static void stuck_script(void)
{
	while (stream_unsent(&world.conn->upstream) == 0) {
		app_write(0, 4096);
		np_sleep(200 * NP_MS); /* longer than an acknowledgement is delayed */
	}
	np_fd_close_reset(&world.app[0]);
	wait_for_end();
}

static void v4_a_reader_that_stands_still_ends_it(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .sndbuf = 16384, .half_close = 400 * NP_MS, .script = stuck_script};

	(void)state;
	relay_world_run(&is);
	assert_int_equal(world.saw.why, CLOSE_CLIENT_RST);
	assert_true(world.saw.took >= is.half_close);
}

/* The server answers without reading, and leaves; the client goes on sending, and reads slowly. */
static void left_script(void)
{
	app_go(slow_reader, 0);
	app_go(app_writer, 0);
	app_write(1, world.is->down);
	while (np_fd_unsent(&world.app[1]) > 0)
		np_sleep(NP_MS);
	np_fd_close(&world.app[1]);
	np_event_wait(&world.over);
}

static void v4_lingering_lasts_as_long_as_the_other_side_reads(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP,
		.up = 30000000,
		.down = 120000,
		.sndbuf = 16384,
		.half_close = 400 * NP_MS,
		.linger = 400 * NP_MS,
		.script = left_script,
	};

	(void)state;
	relay_world_run(&is);
	assert_false(world.saw.altered);
	assert_int_equal(world.saw.got[1], is.down);
}

static void finished_script(void)
{
	app_go(slow_reader, 1);
	app_go(app_writer, 0);
	np_event_wait(&world.over);
	(void)!np_fd_close_write(&world.app[1]);
}

static void v4_a_fin_waits_for_its_reader_as_well(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .up = 120000, .sndbuf = 16384, .half_close = 400 * NP_MS, .script = finished_script};

	(void)state;
	expect_all(&is);
}

/* ---- told to end in good order (T8) ---- */

/* What the client has written is on its way to a slow reader when the order comes. */
static void told_script(void)
{
	app_go(slow_reader, 1);
	app_go(app_reader, 0);
	app_write(0, world.is->up);
	while (world.conn->dir[0].rest == NULL && !world.conn->dir[0].spliced)
		np_sleep(NP_MS);
	while (np_fd_unsent(&world.app[0]) > 0)
		np_sleep(NP_MS); /* the relay reads nothing any more once it is told */
	np_sleep(NP_MS);
	conn_kill(world.conn, CLOSE_DRAIN);
	np_event_wait(&world.over);
}

/* T8: what was read arrives, however slow its reader is, and both see a FIN. */
static void t8_what_was_read_arrives(void **state)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .up = 60000, .sndbuf = 16384, .linger = 50 * NP_MS,
		.script = told_script};

	(void)state;
	expect_all(&is);
	assert_int_equal(world.saw.end[0], 0);
	assert_int_equal(world.saw.end[1], 0);
	assert_int_equal(world.saw.why, CLOSE_DRAIN);
}

/* How the two answer the end that they get. */
static void (*answers)(void);

static void answered_script(void)
{
	app_write(0, 10);
	while (world.conn->dir[0].bytes < 10)
		np_sleep(NP_MS);
	conn_kill(world.conn, CLOSE_DRAIN);
	app_read(0);
	app_read(1);
	answers();
	wait_for_end();
}

/* The ends of both, and then the connection is over: before it has been lingered for as long as may be. */
static void both_leave(void)
{
	(void)!np_fd_close_write(&world.app[0]);
	(void)!np_fd_close_write(&world.app[1]);
}

/* One that resets has had all, so the other's end stays one. */
static void one_resets(void)
{
	np_fd_close_reset(&world.app[0]);
	(void)!np_fd_close_write(&world.app[1]);
}

/* One goes on talking: that is thrown away, until it has been lingered for. */
static void one_talks(void)
{
	(void)!np_fd_close_write(&world.app[1]);
	while (!conn_ended() && np_fd_write(&world.app[0], "talk", 4, NULL) == 0)
		np_sleep(10 * NP_MS);
}

static void t8_how_they_answer(void **state)
{
	static const struct {
		void (*answers)(void);
		int64_t linger;
	} rows[] = {{both_leave, 10 * NP_S}, {one_resets, 10 * NP_S}, {one_talks, 300 * NP_MS}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct relay_case is = {.ends = ENDS_TCP, .linger = rows[i].linger, .script = answered_script};

		answers = rows[i].answers;
		relay_world_run(&is);
		assert_int_equal(world.saw.got[0], 10);
		assert_int_equal(world.saw.end[0], 0);
		assert_int_equal(world.saw.end[1], 0);
		assert_int_equal(world.saw.why, CLOSE_DRAIN);
		if (rows[i].answers != one_talks)
			assert_true(world.saw.took < rows[i].linger);
		else
			assert_true(world.saw.took >= rows[i].linger);
	}
}

/* A kill overtakes it, while a reader that stands still holds it up. */
static void overtaken_script(void)
{
	while (stream_unsent(&world.conn->upstream) == 0) {
		app_write(0, 4096);
		np_sleep(200 * NP_MS);
	}
	conn_kill(world.conn, CLOSE_DRAIN);
	np_sleep(20 * NP_MS);
	conn_kill(world.conn, CLOSE_ADMIN);
	app_read(0);
	wait_for_end();
}

static void t8_a_kill_overtakes_it(void **state)
{
	static const struct relay_case is = {.ends = ENDS_TCP, .sndbuf = 16384, .script = overtaken_script};

	(void)state;
	relay_world_run(&is);
	assert_int_equal(world.saw.why, CLOSE_ADMIN);
}

/* ---- a server that ends before its first byte (E37b) ---- */

/* The client's bytes and the reset come in one turn, so the write finds the reset first. */
static void gone_script(void)
{
	np_sleep(5 * NP_MS); /* the relay has had its first turn */
	np_fd_close_reset(&world.app[1]);
	app_write(0, 100);
	app_read(0);
}

static void e37b_a_reset_that_a_write_finds_counts(void **state)
{
	static const struct relay_case is = {.ends = ENDS_TCP, .script = gone_script};

	(void)state;
	relay_world_run(&is);
	assert_int_equal(world.saw.end[1], -NP_ECONNRESET);
	assert_int_equal(world.server_stats.early_resets, 1);
	assert_int_equal(world.server_stats.early_ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_both_ways),
		cmocka_unit_test(v1_a_message_with_a_descriptor_is_not_the_last),
		cmocka_unit_test(v4_a_reset_waits_as_long_as_its_reader_reads),
		cmocka_unit_test(v4_a_reader_that_stands_still_ends_it),
		cmocka_unit_test(v4_lingering_lasts_as_long_as_the_other_side_reads),
		cmocka_unit_test(v4_a_fin_waits_for_its_reader_as_well),
		cmocka_unit_test(t8_what_was_read_arrives),
		cmocka_unit_test(t8_how_they_answer),
		cmocka_unit_test(t8_a_kill_overtakes_it),
		cmocka_unit_test(e37b_a_reset_that_a_write_finds_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
