/* replay: whatever its servers do before their first byte, and wherever they do it, a client's bytes reach the last one
 * whole, in order and once, and its end after them (E52). Client, servers and connection are coroutines of one worker,
 * so each order of events is one number. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/proxy/conn/replay_world.h"

/* ---- every place of an end ---- */

static char said[256]; /* what went wrong, first */

static void expect(bool holds, const struct play *is, const char *what)
{
	if (holds || said[0] != '\0')
		return;
	snprintf(said, sizeof(said),
		 "%s: %zu bytes, %zu at a time, fin %d; servers %d after %zu, %d after %zu; got %zu %zu %zu", what,
		 is->n, is->chunk, is->fin, is->server[0].how, is->server[0].reads, is->server[1].how,
		 is->server[1].reads, rig.got[0], rig.got[1], rig.got[2]);
}

/* The attempt that serves has all, and the client its answer. */
static void expect_served(const struct play *is, unsigned attempt)
{
	expect(!rig.wrong, is, "a byte is not the client's next one");
	expect(rig.attempts == attempt + 1, is, "another number of servers");
	for (unsigned i = 1; i <= attempt; i++)
		expect(rig.at[i] != rig.at[i - 1] && rig.at[attempt] != rig.at[0], is, "a server that was tried");
	expect(rig.got[attempt] == is->n, is, "not all bytes");
	expect(rig.fin[attempt] == is->fin, is, "the client's end");
	expect(rig.nanswer == 1 && rig.answer[0] == '!' && rig.end == 0, is, "the answer");
}

static void each_place(void)
{
	for (size_t n = 1; n <= 14; n++)
		for (size_t at = 0; at <= n; at++)
			for (unsigned i = 0; i < 16; i++) {
				struct play is = {
					.n = n,
					.chunk = i & 1 ? n : 1 + at % 3,
					.fin = i & 2,
					.patience = (unsigned)(n + at) % 4,
					.server = {{i & 4 ? FINS : RESETS, at}, {i & 8 ? RESETS : SERVES, n - at}},
				};

				run_play(&is);
				expect_served(&is, i & 8 ? 2 : 1);
			}
}

static void e52_each_place_of_an_end(void **state)
{
	(void)state;
	said[0] = '\0';
	run(each_place, &usual);
	assert_string_equal(said, "");
}

/* ---- how much is kept ---- */

static void bounds(void)
{
	struct play is = {.n = KEEP, .chunk = KEEP, .server = {{RESETS, KEEP}}};

	run_play(&is);
	expect_served(&is, 1);
	is.n = is.chunk = is.server[0].reads = KEEP + 1;
	run_play(&is);
	expect(rig.attempts == 1 && rig.end == -NP_ECONNRESET && rig.nanswer == 0, &is, "it is passed on");
	is.chunk = 1;
	is.server[0].how = FINS;
	run_play(&is);
	expect(rig.attempts == 1 && rig.end == 0 && rig.nanswer == 0, &is, "it is passed on");
	expect(replays(REPLAY_SENT) == 1 && replays(REPLAY_TOO_LONG) == 2, &is, "the numbers");
	/* the second server may be sent what the first was sent; too much ends it there */
	is = (struct play){.n = KEEP + 1, .chunk = 1, .patience = 50, .server = {{RESETS, 1}, {RESETS, KEEP + 1}}};
	run_play(&is);
	expect(rig.attempts == 2 && rig.end == -NP_ECONNRESET && !rig.wrong, &is, "it is passed on");
}

static void e52_a_byte_more_than_is_kept(void **state)
{
	(void)state;
	said[0] = '\0';
	run(bounds, &usual);
	assert_string_equal(said, "");
}

/* ---- what is passed on ---- */

static void passed_on(void)
{
	struct play is = {.n = 5, .chunk = 5, .server = {{SPEAKS_AND_RESETS, 5}}};

	run_play(&is); /* one byte of the server's */
	expect(rig.attempts == 1 && rig.nanswer == 1 && rig.answer[0] == 'x', &is, "its byte, and no other server");
	expect(rig.end == -NP_ECONNRESET, &is, "its reset");
	is = (struct play){.chunk = 1, .fin = true, .server = {{FINS, 1}}};
	run_play(&is); /* the client has ended without a byte */
	expect(rig.attempts == 1 && rig.end == 0, &is, "an end is answered by an end");
	is = (struct play){.n = 5, .chunk = 5, .server = {{HALF_CLOSES, 5}}};
	run_play(&is); /* who goes on reading is told that it has not the whole */
	expect_served(&is, 1);
	expect(rig.cut_off == -NP_ECONNRESET, &is, "the server before is reset");
	is = (struct play){.n = 3, .chunk = 3, .server = {{RESETS, 3}, {FINS, 2}, {RESETS, 0}}};
	run_play(&is); /* no retry is left */
	expect(rig.attempts == 3 && rig.end == -NP_ECONNRESET, &is, "the last one's end");
	expect(replays(REPLAY_SENT) == 3 && replays(REPLAY_LIMITED) == 1, &is, "the numbers");
}

static void e52_what_is_passed_on(void **state)
{
	(void)state;
	said[0] = '\0';
	run(passed_on, &usual);
	assert_string_equal(said, "");
}

/* Each server's bytes are its own, the listener's are the client's: once. */
static void counts(void)
{
	struct play is = {.n = 10, .chunk = 10, .server = {{RESETS, 10}, {FINS, 10}}};
	uint64_t servers = 0;

	run_play(&is);
	expect_served(&is, 2);
	for (unsigned i = 0; i < SERVERS; i++)
		servers += rig.upstream->members->at[i].server->stats[0].bytes_in;
	expect(servers == 30 && world.listener_stats.bytes_in == 10, &is, "bytes");
	for (unsigned i = 0, early = 0; i < SERVERS; i++) {
		const struct server_stats *st = &rig.upstream->members->at[i].server->stats[0];

		early += (unsigned)(st->early_ends + st->early_resets);
		expect(i < SERVERS - 1 || early == 2, &is, "early ends");
	}
	expect(rig.upstream->live->stats[0].retries == 2, &is, "retries");
}

static void e52_what_is_counted(void **state)
{
	(void)state;
	said[0] = '\0';
	run(counts, &usual);
	assert_string_equal(said, "");
}

/* ---- memory ---- */

/* From the server's first byte on nothing is kept. */
static void memory(void)
{
	struct play is = {.n = 40, .chunk = 7, .server = {{RESETS, 20}, {SPEAKS_AND_HANGS, 40}}};

	begin_play(&is);
	while (rig.nanswer == 0 && !rig.heard)
		np_yield();
	expect(!conn_ended() && world.conn->extra == NULL, &is, "nothing is kept after the first byte");
	rig.cut = true;
	finish_play();
	expect(rig.attempts == 2 && rig.nanswer == 1, &is, "the second server's byte");
}

static void e52_nothing_is_kept_after_the_first_byte(void **state)
{
	(void)state;
	said[0] = '\0';
	run(memory, &usual);
	assert_string_equal(said, "");
}

/* ---- a server that is gone at a write ---- */

static unsigned in_vain; /* writes to the first server */
static int in_vain_err;

static ssize_t send_in_vain(int sysfd, const void *buf, size_t n, int flags)
{
	if (conn_ended() || sysfd != world.conn->upstream.fd.sysfd)
		return send(sysfd, buf, n, flags);
	in_vain++;
	errno = in_vain_err;
	return -1;
}

/* Of all servers together. */
static struct server_stats all_stats(void)
{
	struct server_stats all = {.early_ends = 0};

	for (unsigned i = 0; i < SERVERS; i++) {
		const struct server_stats *st = &rig.upstream->members->at[i].server->stats[0];

		all.early_ends += st->early_ends;
		all.early_resets += st->early_resets;
		all.replayed += st->replayed;
	}
	return all;
}

/* What the client says after that write is for the next server, too. */
static void gone_at_a_write(int err, bool fin)
{
	struct play is = {.n = 12, .chunk = 2, .patience = 100, .fin = fin, .server = {{HANGS, 0}}};

	in_vain = 0;
	in_vain_err = err;
	hook.send = send_in_vain;
	begin_play(&is);
	for (unsigned i = 0; i < 2000; i++)
		np_yield();
	hook_reset();
	rig.cut = true;
	finish_play();
	expect(in_vain > 0, &is, "a write was in vain");
	expect_served(&is, 1);
}

/* E37b: the server that was gone then has reset, or had ended before: the kernel's errno of the write says which. */
static void how_it_was_gone(void)
{
	static const int errs[] = {EPIPE, ECONNRESET};

	for (size_t i = 0; i < array_len(errs); i++) {
		struct server_stats before = all_stats(), now;
		struct play is = {.n = i};

		gone_at_a_write(errs[i], false);
		now = all_stats();
		expect(now.early_ends - before.early_ends == (errs[i] == EPIPE), &is, "an end before the write");
		expect(now.early_resets - before.early_resets == (errs[i] == ECONNRESET), &is, "a reset");
		expect(now.replayed - before.replayed == 1, &is, "another server had its connection");
	}
	gone_at_a_write(ECONNRESET, true);
}

static void e52_e37b_gone_at_a_write(void **state)
{
	(void)state;
	said[0] = '\0';
	run(how_it_was_gone, &usual);
	assert_string_equal(said, "");
}

/* ---- one retry ---- */

static void one_retry(void)
{
	struct play is = {.n = 3, .chunk = 3, .server = {{RESETS, 3}, {RESETS, 2}}};

	run_play(&is);
	expect(rig.attempts == 2 && rig.end == -NP_ECONNRESET, &is, "no more than one retry");
	expect(replays(REPLAY_LIMITED) == 1, &is, "the numbers");
}

static void e52_one_retry(void **state)
{
	const struct upstream_spec spec = {.balance = BALANCE_ROUND_ROBIN, .retries = 1};

	(void)state;
	said[0] = '\0';
	run(one_retry, &spec);
	assert_string_equal(said, "");
}

/* ---- who goes meanwhile ---- */

enum goes { GOES_KILLED, GOES_DRAINED, GOES_RESET, GOES };

static void go_at(enum goes how)
{
	if (how == GOES_RESET)
		np_fd_close_reset(&world.app[0]);
	else if (!conn_ended())
		conn_kill(world.conn, how == GOES_KILLED ? CLOSE_ADMIN : CLOSE_DRAIN);
}

/* In each turn of a connection that goes from server to server somebody ends it. */
static void gone_in_each_turn(void)
{
	for (unsigned how = 0; how < GOES; how++)
		for (unsigned turn = 0; turn < 120; turn++) {
			struct play is = {
				.n = 9, .chunk = 2, .patience = 2, .fin = turn & 1,
				.server = {{RESETS, 3}, {turn & 2 ? FINS : RESETS, 6}, {turn & 4 ? HANGS : SERVES, 9}},
			};

			begin_play(&is);
			for (unsigned i = 0; i < turn && !conn_ended(); i++)
				np_yield();
			go_at((enum goes)how);
			finish_play();
			expect(!rig.wrong, &is, "a byte is not the client's next one");
		}
}

static void e52_gone_in_each_turn(void **state)
{
	(void)state;
	said[0] = '\0';
	run(gone_in_each_turn, &usual);
	assert_string_equal(said, "");
}

/* ---- by lot ---- */

static uint64_t lot(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

static void by_lot(void)
{
	static const enum how ends[] = {RESETS, FINS};

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		uint64_t s = seed * UINT64_C(0x9e3779b97f4a7c15);
		unsigned fails = (unsigned)lot(&s, 3);
		struct play is = {.n = 1 + lot(&s, KEEP), .fin = lot(&s, 2), .patience = (unsigned)lot(&s, 6)};

		is.chunk = 1 + lot(&s, is.n);
		for (unsigned i = 0; i < fails; i++) {
			is.server[i].how = ends[lot(&s, 2)];
			is.server[i].reads = lot(&s, is.n + 1);
		}
		run_play(&is);
		expect_served(&is, fails);
	}
}

static void e52_by_lot(void **state)
{
	static const enum balance balances[] = {BALANCE_ROUND_ROBIN, BALANCE_SOURCE_HASH, BALANCE_LEAST_CONN};

	(void)state;
	said[0] = '\0';
	for (size_t i = 0; i < array_len(balances); i++) {
		struct upstream_spec spec = usual;

		spec.balance = balances[i];
		run(by_lot, &spec);
		assert_string_equal(said, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e52_each_place_of_an_end),
		cmocka_unit_test(e52_a_byte_more_than_is_kept),
		cmocka_unit_test(e52_what_is_passed_on),
		cmocka_unit_test(e52_what_is_counted),
		cmocka_unit_test(e52_nothing_is_kept_after_the_first_byte),
		cmocka_unit_test(e52_e37b_gone_at_a_write),
		cmocka_unit_test(e52_one_retry),
		cmocka_unit_test(e52_gone_in_each_turn),
		cmocka_unit_test(e52_by_lot),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
