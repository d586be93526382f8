/* silence: long polls eject nobody, and a server that hangs beside them is out. By a clock of the test. */
#include "tests/unit/proxy/upstream/judged.h"

/* So many connections to three servers in turn, of which so many in a thousand are long polls. Two answer, and one does
 * not where it hangs.   Returns  how often servers were ejected. */
static uint64_t ejections_of(unsigned connections, unsigned polls, bool hangs, uint64_t seed)
{
	uint64_t ejections = 0;

	begin("1 1 1");
	for (unsigned i = 0; i < connections; i++) {
		unsigned place = i % 3;

		now += 20 * MS;
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if ((hangs && place == 0) || (seed >> 33) % 1000 < polls) {
			(void)fail_once(place, FAULT_SILENT);
			continue;
		}
		histogram_add(&at(place)->stats[0].first_byte, &histogram_latency, 5 * MS);
		if (!passive_is_clean(&at(place)->passive))
			(void)say(place, (struct report){.kind = REPORT_ANSWERED});
	}
	for (unsigned i = 0; i < 3; i++)
		ejections += at(i)->passive.ejections[FAULT_SILENT];
	return ejections;
}

static void e74_long_polls_of_all_servers(void **state)
{
	static const unsigned polls[] = {5, 100, 300, 500, 800};

	for (size_t i = 0; i < array_len(polls); i++) {
		uint64_t n = 0;

		for (uint64_t seed = 1; seed <= 200; seed++) {
			n += ejections_of(3000, polls[i], false, seed);
			(void)end(state);
		}
		/* at the very first of them, when none is known of the others, three in a row may be chance; most
		 * such are never reported, since the server answers others meanwhile */
		if (n > 8)
			fail_msg("%u in a thousand: %llu ejections", polls[i], (unsigned long long)n);
	}
}

static void e74_who_answers_others_does_not_hang(void **state)
{
	(void)state;
	begin("1 1 1");
	assert_false(upstream_hangs_alone(u, at(0), 100)); /* nobody answers */
	at(1)->stats[0].answered = 100;
	assert_false(upstream_hangs_alone(u, at(0), 100));
	at(1)->stats[0].answered = 101;
	assert_true(upstream_hangs_alone(u, at(0), 100));
	at(0)->stats[0].answered = 101;
	assert_false(upstream_hangs_alone(u, at(0), 100));
	assert_true(upstream_hangs_alone(u, at(2), 100));
}

static void e74_a_server_that_hangs_beside_long_polls(void **state)
{
	static const unsigned polls[] = {0, 5, 20};

	for (size_t i = 0; i < array_len(polls); i++) {
		assert_true(ejections_of(60, polls[i], true, 7) > 0);
		assert_int_not_equal(state_of(0), SERVER_IN);
		(void)end(state);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e74_long_polls_of_all_servers),
		TEST(e74_who_answers_others_does_not_hang),
		TEST(e74_a_server_that_hangs_beside_long_polls),
	};

	return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
