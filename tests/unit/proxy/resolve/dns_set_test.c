/* dns_set: answers by a script, a clock by hand. */
#include "proxy/resolve/dns_set.h"

#include <stdio.h>
#include <string.h>

#include "tests/kit/kit.h"

#define S DNS_SECOND

static const struct dns_rules rules = {.min_ttl = 1 * S, .max_ttl = 3600 * S, .hold = 30 * S};

static struct dns_set set;
static int64_t now;
static struct dns_question q;
static struct dns_answer a;

static int begin(void **state)
{
	(void)state;
	now = 1000 * S;
	dns_set_init(&set, "a.test", false, DNS_PREFER_V4);
	return 0;
}

static int end(void **state)
{
	dns_answer_fini(&a);
	set.asking = false;
	dns_set_fini(&set);
	return kit_end(state);
}

/* Bit i of v4 is 10.0.0.i, of v6 fc00::i. */
static void records(unsigned v4, unsigned v6)
{
	dns_answer_fini(&a);
	a = (struct dns_answer){.ttl = 60, .sure = DNS_SURE_ALL};
	for (unsigned i = 0; i < 32; i++) {
		struct dns_record four = {.family = AF_INET, .ip = {10, 0, 0, (uint8_t)i}};
		struct dns_record six = {.family = AF_INET6, .ip = {0xfc, [15] = (uint8_t)i}};

		if ((v4 >> i & 1) != 0)
			assert_int_equal(dns_answer_add(&a, &four), 0);
		if ((v6 >> i & 1) != 0)
			assert_int_equal(dns_answer_add(&a, &six), 0);
	}
}

/* When it is due: asked, and answered at once with what `a` has. */
static unsigned answer(void)
{
	if (set.due > now)
		now = set.due;
	dns_set_ask(&set, now, &q);
	a.tcp = q.tcp && !a.tcp_failed;
	return dns_set_answer(&set, &a, &rules, now, 0);
}

static unsigned answer_with(unsigned v4)
{
	records(v4, 0);
	return answer();
}

static unsigned answer_status(enum dns_status status)
{
	records(0, 0);
	a.status = status;
	return answer();
}

static void expect_set(unsigned v4, unsigned v6)
{
	unsigned have4 = 0, have6 = 0;

	for (unsigned i = 0; i < set.n; i++) {
		const struct dns_record *r = &set.members[i].record;

		*(r->family == AF_INET ? &have4 : &have6) |= 1u << (r->family == AF_INET ? r->ip[3] : r->ip[15]);
	}
	assert_int_equal(have4, v4);
	assert_int_equal(have6, v6);
}

static void the_question_is_the_name(void **state)
{
	(void)state;
	dns_set_ask(&set, now, &q);
	assert_string_equal(q.name, "a.test");
	assert_int_equal(q.family, DNS_PREFER_V4);
	assert_false(q.srv || q.tcp);
}

/* E57: the time to live within bounds, up to a tenth less, and never two questions in a second. */
static void e57_asked_again_after_the_ttl(void **state)
{
	static const struct {
		int64_t ttl;
		uint32_t random;
		int64_t after;
	} rows[] = {
		{0, 0, 1 * S},     {0, 1023, 1 * S},  {1, 512, 1 * S},
		{5, 0, 5 * S},     {60, 0, 60 * S},   {60, 512, 57 * S},
		{86400, 0, 3600 * S}, {INT32_MAX, 0, 3600 * S},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		records(2, 0);
		a.ttl = rows[i].ttl;
		now += 10 * S;
		dns_set_ask(&set, now, &q);
		dns_set_answer(&set, &a, &rules, now, rows[i].random);
		assert_int_equal(set.due - now, rows[i].after);
	}
	dns_set_ask(&set, now += 10 * S, &q);
	dns_set_answer(&set, &a, &(struct dns_rules){.min_ttl = 20 * S, .max_ttl = 50 * S}, now, UINT32_MAX);
	assert_in_range(set.due - now, 45 * S, 46 * S);
	a.ttl = 0;
	dns_set_ask(&set, now += 10 * S, &q);
	dns_set_answer(&set, &a, &(struct dns_rules){.min_ttl = 20 * S, .max_ttl = 50 * S}, now, 0);
	assert_int_equal(set.due - now, 20 * S);
}

static void e58_a_member_leaves_at_the_second_lack(void **state)
{
	int64_t before;

	(void)state;
	assert_int_equal(answer_with(6), DNS_CHANGED);
	assert_int_equal(answer_with(6), 0);
	assert_int_equal(answer_with(2), 0);
	expect_set(6, 0);
	assert_int_equal(set.members[1].unseen, 1);
	assert_int_equal(set.due - now, 5 * S); /* not the 60 s of its ttl */
	before = now;
	assert_int_equal(answer_with(6), 0); /* it is there again: the row begins anew */
	assert_int_equal(now - before, 5 * S);
	assert_true(q.tcp);
	assert_int_equal(set.due - now, 60 * S);
	assert_int_equal(answer_with(2), 0);
	assert_int_equal(answer_with(2), DNS_CHANGED);
	expect_set(2, 0);
	assert_int_equal(set.due - now, 60 * S);
}

/* E59: of 20 addresses each UDP answer has three by lot, and does not say so: over TCP there are all of them. */
static void e59_random_subsets_converge(void **state)
{
	unsigned seed = 4711, changes = 0;

	(void)state;
	for (int i = 0; i < 120; i++) {
		unsigned some = 0;

		for (int k = 0; k < 3; k++) {
			seed = seed * 1103515245 + 12345;
			some |= 1u << (seed >> 16) % 20;
		}
		changes += (answer_with(set.tcp ? 0xfffff : some) & DNS_CHANGED) != 0;
	}
	expect_set(0xfffff, 0);
	assert_true(changes <= 3);
}

static void e59_where_tcp_is_refused_only_time_tells(void **state)
{
	int64_t since;
	int answers = 0;

	(void)state;
	answer_with(6);
	answer_with(2);
	since = now - 60 * S; /* when it was seen last */
	while (set.n == 2) {
		records(2, 0);
		a.tcp_failed = true;
		answer();
		answers++;
		assert_true(answers < 100);
	}
	assert_int_equal(answers + 1, DNS_UNSEEN_MANY);
	assert_true(now - since >= DNS_UNSEEN);
	/* With answers each second ten of them are not enough. */
	records(6, 0);
	a.ttl = 0;
	answer();
	for (answers = 0; set.n == 2; answers++) {
		records(2, 0);
		a.ttl = 0;
		a.tcp_failed = true;
		since = set.members[1].seen;
		answer();
	}
	assert_in_range(now - since, DNS_UNSEEN, DNS_UNSEEN + S);
	assert_true(answers > DNS_UNSEEN_MANY);
}

/* TCP is tried again after ten minutes, and UDP alone is asked until then. */
static void e59_tcp_is_tried_again(void **state)
{
	int64_t refused;

	(void)state;
	answer_with(6);
	answer_with(2);
	records(6, 0);
	a.tcp_failed = true;
	answer();
	assert_true(q.tcp);
	refused = now;
	for (int i = 0; i < 3; i++)
		answer_with(2);
	expect_set(6, 0); /* UDP alone proves nothing so soon */
	records(6, 0);
	while (now - refused < DNS_TCP_AGAIN) {
		assert_true(now == refused || !q.tcp);
		a.tcp_failed = false;
		answer();
	}
	assert_true(q.tcp);
}

static void e60_all_replaced(void **state)
{
	(void)state;
	answer_with(6);
	assert_int_equal(answer_with(24), DNS_CHANGED);
	expect_set(30, 0);
	assert_int_equal(answer_with(24), DNS_CHANGED);
	expect_set(24, 0);
}

static void e61_failures_keep_the_set(void **state)
{
	static const int64_t waits[] = {1, 2, 4, 8, 16, 30, 30, 30};

	(void)state;
	answer_with(6);
	for (size_t i = 0; i < array_len(waits); i++) {
		assert_int_equal(answer_status(DNS_FAILED), 0);
		assert_int_equal(set.due - now, waits[i] * S);
	}
	now += 1000000 * S;
	assert_int_equal(answer_status(DNS_FAILED), 0);
	expect_set(6, 0);
	answer_with(6);
	answer_status(DNS_FAILED);
	assert_int_equal(set.due - now, 1 * S); /* they count in a row */
}

static void e61_what_is_no_more_is_kept_for_hold(void **state)
{
	static const enum dns_status gone[] = {DNS_NO_NAME, DNS_NO_DATA};

	(void)state;
	for (size_t i = 0; i < array_len(gone); i++) {
		int64_t since;

		answer_with(6);
		assert_int_equal(answer_status(gone[i]), 0);
		since = now;
		while (set.n > 0)
			if (answer_status(gone[i]) != 0)
				break;
		assert_int_equal(now - since, 30 * S);
		expect_set(0, 0);
		assert_int_equal(answer_status(gone[i]), 0); /* said once */
	}
	answer_with(6);
	answer_status(DNS_NO_NAME);
	answer_with(6);
	now += 60 * S;
	assert_int_equal(answer_status(DNS_NO_NAME), 0); /* hold begins anew */
	now += 60 * S;
	assert_int_equal(answer_status(DNS_FAILED), 0); /* which drops nothing, whenever it comes */
	assert_int_equal(answer_status(DNS_NO_DATA), DNS_CHANGED | DNS_DROPPED);
}

static void e62_a_hurry_is_once_a_second(void **state)
{
	(void)state;
	answer_with(6);
	dns_set_hurry(&set, now + S / 10);
	assert_int_equal(set.due - now, S);
	answer_with(6);
	now += 10 * S;
	dns_set_hurry(&set, now);
	assert_int_equal(set.due, now);
	answer_status(DNS_FAILED);
	answer_status(DNS_FAILED);
	dns_set_hurry(&set, now);
	assert_int_equal(set.due - now, S);
	now = set.due;
	dns_set_ask(&set, now, &q);
	dns_set_hurry(&set, now); /* the answer will be fresh */
	dns_set_answer(&set, &a, &rules, now, 0);
}

/* E56: the preferred family is down for a moment. Its servers stay, and no other ones come; a set without any takes
 * them. */
static void e56_a_failing_family_moves_nobody(void **state)
{
	(void)state;
	records(0, 6);
	a.sure = DNS_SURE_V6;
	answer();
	expect_set(0, 6);
	answer_with(2);
	answer_with(2);
	expect_set(2, 0);
	records(0, 6);
	a.sure = DNS_SURE_V6;
	assert_int_equal(answer(), 0);
	expect_set(2, 0);
	records(0, 6); /* it has no such records any more */
	answer();
	answer();
	expect_set(0, 6);
	set.family = DNS_BOTH;
	records(6, 6);
	answer();
	for (int i = 0; i < 3; i++) {
		records(2, 0);
		a.sure = DNS_SURE_V4;
		answer();
	}
	expect_set(2, 6);
}

static void e63_a_point_is_no_service_at_all(void **state)
{
	static const struct dns_record none = {.target = "."}, some = {.target = "b.test", .weight = 1};
	struct dns_record heavier = some;

	(void)state;
	set.srv = true;
	records(0, 0);
	assert_int_equal(dns_answer_add(&a, &some), 0);
	assert_int_equal(answer(), DNS_CHANGED);
	assert_int_equal(answer(), 0);
	heavier.weight = 2;
	a.records[0] = heavier;
	assert_int_equal(answer(), DNS_CHANGED);
	assert_int_equal(set.members[0].record.weight, 2);
	a.records[0] = none;
	assert_int_equal(answer(), DNS_CHANGED);
	assert_int_equal(set.n, 0);
	assert_int_equal(set.due - now, 60 * S);
}

static void e66_no_more_than_256(void **state)
{
	(void)state;
	for (unsigned part = 0; part < 2; part++) {
		records(0, 0);
		a.cut = part == 1;
		for (unsigned i = 0; i < 200; i++) {
			struct dns_record r = {.family = AF_INET, .ip = {10, 1, (uint8_t)part, (uint8_t)i}};

			assert_int_equal(dns_answer_add(&a, &r), 0);
		}
		assert_int_equal(answer(), part == 0 ? DNS_CHANGED : DNS_CHANGED | DNS_CUT);
	}
	assert_int_equal(set.n, DNS_MEMBERS);
}

/* E60, E66: also of as many as there may be: the new ones come when the old ones make room. */
static void e60_a_full_set_is_replaced(void **state)
{
	(void)state;
	for (unsigned part = 0; part < 3; part++) {
		records(0, 0);
		for (unsigned i = 0; i < DNS_MEMBERS; i++) {
			struct dns_record r = {.family = AF_INET, .ip = {10, 1, part > 0, (uint8_t)i}};

			assert_int_equal(dns_answer_add(&a, &r), 0);
		}
		(void)answer();
		assert_int_equal(set.n, DNS_MEMBERS);
		assert_int_equal(set.members[0].record.ip[2], part == 2);
	}
}

/* E67: a former process's set is in use until the first answer that has an address, which takes its place. */
static void e67_a_recalled_set(void **state)
{
	(void)state;
	records(6, 6);
	dns_set_recall(&set, &a, now - 100 * S);
	expect_set(6, 6);
	assert_int_equal(dns_set_seen(&set), now - 100 * S);
	assert_false(set.answered);
	assert_int_equal(answer_status(DNS_FAILED), 0);
	expect_set(6, 6);
	assert_int_equal(dns_set_seen(&set), 900 * S); /* its age goes on */
	records(10, 0);
	assert_int_equal(answer(), DNS_CHANGED);
	expect_set(10, 0);
	assert_int_equal(dns_set_seen(&set), now);
	assert_int_equal(set.due - now, 60 * S); /* nothing that it knows is lacking */
	answer_with(2); /* from now on by the rules */
	expect_set(10, 0);
}

/* Which family the answer is not sure of stays, and what the configuration does not want was never in. */
static void e67_e56_recalled_families(void **state)
{
	static const struct {
		enum dns_family family;
		unsigned v4, v6;
	} rows[] = {{DNS_V4, 6, 0}, {DNS_V6, 0, 12}, {DNS_BOTH, 6, 12}, {DNS_PREFER_V4, 6, 12}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		dns_set_fini(&set);
		dns_set_init(&set, "a.test", false, rows[i].family);
		records(6, 12);
		dns_set_recall(&set, &a, now - S);
		expect_set(rows[i].v4, rows[i].v6);
	}
	set.family = DNS_BOTH;
	records(2, 0);
	a.sure = DNS_SURE_V4;
	answer();
	expect_set(2, 12);
}

/* A name that is no more is kept for hold, as any other; a set of which nothing was known is not recalled. */
static void e67_a_recalled_set_that_is_no_more(void **state)
{
	(void)state;
	records(0, 0);
	dns_set_recall(&set, &a, now - S);
	assert_false(set.recalled);
	records(6, 0);
	dns_set_recall(&set, &a, now - S);
	assert_int_equal(answer_status(DNS_NO_NAME), 0);
	expect_set(6, 0);
	assert_true(set.recalled);
	now += 60 * S;
	assert_int_equal(answer_status(DNS_NO_NAME), DNS_CHANGED | DNS_DROPPED);
	assert_false(set.recalled); /* of an empty set nobody can tell how old it is */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_question_is_the_name),
		TEST(e56_a_failing_family_moves_nobody),
		TEST(e57_asked_again_after_the_ttl),
		TEST(e58_a_member_leaves_at_the_second_lack),
		TEST(e59_random_subsets_converge),
		TEST(e59_where_tcp_is_refused_only_time_tells),
		TEST(e59_tcp_is_tried_again),
		TEST(e60_all_replaced),
		TEST(e61_failures_keep_the_set),
		TEST(e61_what_is_no_more_is_kept_for_hold),
		TEST(e62_a_hurry_is_once_a_second),
		TEST(e63_a_point_is_no_service_at_all),
		TEST(e66_no_more_than_256),
		TEST(e60_a_full_set_is_replaced),
		TEST(e67_a_recalled_set),
		TEST(e67_e56_recalled_families),
		TEST(e67_a_recalled_set_that_is_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
