/* Tiers and panic: E38 to E40. The pick against a plain model that looks at one server at a time, over random
 * upstreams, states and thresholds; and by scripts, how the next tier joins and leaves. */
#include "tests/unit/proxy/upstream/servers.h"

#define ROUNDS 20000

static uint64_t bits;

/* ---- states ---- */

static uint64_t word_of(uint64_t before, const void *in)
{
	(void)before;
	return server_word(in);
}

static void set_inputs(struct server *s, const struct server_inputs *in)
{
	(void)server_change_word(s, word_of, in);
}

static const struct server_inputs ready = {.admin_weight = -1, .agent_weight = -1};

/* As passive_report leaves it: the word, the state, and the count of those that are not in. */
static void put_out(struct server *s, enum server_passive to)
{
	struct server_inputs in = server_inputs(server_now(s));

	in.passive = to;
	s->live->out += (to != SERVER_IN) - (s->passive.state != SERVER_IN);
	s->passive.state = (uint8_t)to;
	s->passive.until = INT64_MAX;
	set_inputs(s, &in);
}

/* ---- a plain model ---- */

enum { NO, SICK, OUT, SPARE, YES };

static int grade(const struct member *m)
{
	const struct server_inputs in = server_inputs(server_now(m->server));
	int64_t weight = in.admin_weight >= 0 ? in.admin_weight : (int64_t)m->weight;

	if (in.admin != SERVER_READY || in.leaving || in.agent != SERVER_AGENT_READY || weight == 0)
		return NO;
	if (in.check == SERVER_CHECK_DOWN)
		return SICK;
	if (in.passive == SERVER_OUT || in.passive == SERVER_TRIAL)
		return OUT;
	return in.passive == SERVER_SPARE || in.check == SERVER_CHECK_UNKNOWN ? SPARE : YES;
}

/* Lower is used first. */
static uint64_t rank(const struct upstream *u, const struct member *m)
{
	bool away = u->zone != NULL && (m->zone == NULL || strcmp(u->zone, m->zone) != 0);

	return m->priority * UINT64_C(2) + away;
}

static uint64_t next_rank(const struct upstream *u, uint64_t after, bool first)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < u->members->n; i++) {
		uint64_t r = rank(u, &u->members->at[i]);

		if ((first || r > after) && r < best)
			best = r;
	}
	return best;
}

static bool is_weak(const struct upstream *u, uint64_t tier)
{
	double all = 0, usable = 0;

	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];

		all += rank(u, m) == tier ? m->weight : 0;
		usable += rank(u, m) == tier && grade(m) == YES ? m->weight : 0;
	}
	return usable * 100 < all * u->failover_below;
}

static bool panics(const struct upstream *u)
{
	double all = 0, usable = 0;

	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];

		all += grade(m) != NO ? m->weight : 0;
		usable += grade(m) == YES ? m->weight : 0;
	}
	return usable * 100 < all * u->panic;
}

static bool tried_it(const struct pick_args *a, const struct server *s)
{
	for (unsigned i = 0; i < a->ntried; i++)
		if (a->tried[i] == s)
			return true;
	return false;
}

/* The tiers from the first to the last, and what they had for whom is at least so good. */
struct look {
	uint64_t first, last;
	int least;
	bool in[SERVERS_MAX]; /* may take it */
	bool full;            /* somebody is only full, in this look or one before */
};

/* Returns how many may take it. */
static unsigned eligible(const struct upstream *u, const struct pick_args *a, struct look *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];
		bool wanted = rank(u, m) >= l->first && rank(u, m) <= l->last && grade(m) >= l->least &&
			      !tried_it(a, m->server);
		bool is_full = m->max_connections > 0 && server_active(m->server) >= m->max_connections;

		l->in[i] = wanted && !is_full;
		n += l->in[i];
		l->full |= wanted && is_full;
	}
	return n;
}

/* From the best grade of a tier to the worst that counts in it. */
static bool finds(const struct upstream *u, const struct pick_args *a, struct look *l, int best, int worst)
{
	for (l->least = best; l->least >= worst; l->least--)
		if (eligible(u, a, l) > 0)
			return true;
	return false;
}

static int model_choice(const struct upstream *u, const struct pick_args *a, struct look *l)
{
	l->full = false;
	for (l->first = next_rank(u, 0, true); l->first != UINT64_MAX; l->first = next_rank(u, l->last, false)) {
		for (l->last = l->first; is_weak(u, l->last) && next_rank(u, l->last, false) != UINT64_MAX;)
			l->last = next_rank(u, l->last, false);
		if (panics(u) ? finds(u, a, l, SICK, SICK) : finds(u, a, l, YES, SPARE))
			return 0;
	}
	if (l->full)
		return -NP_EAGAIN;
	for (l->first = next_rank(u, 0, true); l->first != UINT64_MAX; l->first = next_rank(u, l->first, false)) {
		l->last = l->first;
		if (finds(u, a, l, OUT, OUT))
			return 0;
	}
	return l->full ? -NP_EAGAIN : -NP_ENOENT;
}

/* ---- against it ---- */

static unsigned draw(unsigned n)
{
	return (unsigned)(servers_random(&bits) % n);
}

static struct upstream *random_upstream(struct server_registry *registry)
{
	static const unsigned thresholds[] = {0, 0, 30, 50, 100};
	static const char *const zones[] = {NULL, "near", "far"};
	struct servers s;

	servers_init(&s, (enum balance)draw(5), "1 1 1 1 1 1 1 1 1 1");
	s.spec.nservers = 1 + draw(10);
	s.spec.failover_below = thresholds[draw(array_len(thresholds))];
	s.spec.panic = thresholds[draw(array_len(thresholds))];
	s.spec.zone = draw(2) == 0 ? NULL : "near";
	s.spec.passive.on = true;
	s.spec.passive.out = 1;
	for (unsigned i = 0; i < s.spec.nservers; i++) {
		s.at[i].weight = draw(4);
		s.at[i].max_connections = draw(3);
		s.at[i].priority = draw(4) * 7;
		s.at[i].zone = zones[draw(3)];
	}
	return upstream_new(&s.spec, registry);
}

static void random_state(struct server *s)
{
	struct server_inputs in = ready;

	put_out(s, SERVER_IN);
	if (draw(4) == 0)
		in.admin = (enum server_admin_state)draw(3);
	if (draw(4) == 0)
		in.check = (enum server_check)draw(4);
	if (draw(8) == 0)
		in.admin_weight = (int)draw(3);
	set_inputs(s, &in);
	if (draw(3) == 0)
		put_out(s, (enum server_passive)draw(4));
}

static void expect_like_the_model(struct upstream *u, const struct pick_args *args)
{
	struct member_view views[SERVERS_MAX];
	struct pick_args a = *args;
	struct look l;
	struct server *s = NULL;
	int wanted = model_choice(u, &a, &l), err = upstream_view(u, &a, views);

	assert_int_equal(err, wanted);
	for (unsigned i = 0; i < u->members->n && err == 0; i++)
		assert_int_equal(views[i].standing <= STANDING_PANIC, l.in[i]);
	assert_int_equal(upstream_pick(u, &a, &s), wanted);
	if (wanted == 0)
		assert_true(l.in[servers_place(u, s)]);
}

/* All servers in states by chance, and a client that has tried some of them. */
static void expect_once(struct upstream *u)
{
	const struct server *tried[SERVERS_MAX];
	struct pick_args a = {.tried = tried};

	a.hash = servers_random(&bits);
	a.random = servers_random(&bits);
	for (unsigned i = 0; i < u->members->n; i++) {
		random_state(u->members->at[i].server);
		if (draw(5) == 0)
			tried[a.ntried++] = u->members->at[i].server;
	}
	expect_like_the_model(u, &a);
	if (draw(4) == 0)
		servers_release(u);
}

/* E39, E40. */
static void e39_e40_the_model_agrees(void **state)
{
	(void)state;
	bits = servers_seed();
	for (int i = 0; i < ROUNDS / 20; i++) {
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = random_upstream(registry);

		for (int k = 0; k < 20; k++)
			expect_once(u);
		servers_close(u, registry);
	}
}

/* ---- scripts ---- */

static void set_check(struct upstream *u, unsigned place, enum server_check to)
{
	struct server_inputs in = ready;

	in.check = to;
	set_inputs(u->members->at[place].server, &in);
}

/* Picks in a row, with all slots given back. */
static void expect_picks(struct upstream *u, const char *letters)
{
	for (const char *p = letters; *p != '\0'; p++) {
		struct pick_args a = {.hash = 1};
		int err;
		unsigned place = servers_pick(u, &a, &err);

		assert_int_equal(err, 0);
		if (*p != (char)('a' + place))
			fail_msg("\"%s\": '%c' at %d", letters, (char)('a' + place), (int)(p - letters));
		server_release(u->members->at[place].server);
	}
}

static struct upstream *open_with(const char *line, unsigned failover_below, const char *zone,
				  struct server_registry *registry)
{
	struct servers s;

	servers_init(&s, BALANCE_ROUND_ROBIN, line);
	s.spec.failover_below = failover_below;
	s.spec.zone = zone;
	return upstream_new(&s.spec, registry);
}

/* E39: 0%: a tier serves while one server of it is there; the next ones in the order of their priorities. */
static void e39_a_tier_after_the_other(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("1 1 1b2 1b2 1b9", 0, NULL, registry);

	(void)state;
	expect_picks(u, "abab");
	set_check(u, 0, SERVER_CHECK_DOWN);
	expect_picks(u, "bbb");
	set_check(u, 1, SERVER_CHECK_DOWN);
	expect_picks(u, "cdcd");
	set_check(u, 2, SERVER_CHECK_DOWN);
	set_check(u, 3, SERVER_CHECK_UNKNOWN);
	expect_picks(u, "ddd"); /* a doubtful one before the next tier */
	set_check(u, 3, SERVER_CHECK_DOWN);
	expect_picks(u, "ee");
	set_check(u, 1, SERVER_CHECK_UP);
	expect_picks(u, "bb");
	servers_close(u, registry);
}

/* E39: 50%: with less than half of the weight of tier 0 its servers and those of tier 1 by weight, and back as soon as
 * it is half again. Exactly half is enough. */
static void e39_the_next_tier_joins(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("2 1 1 2b 1b 1b2", 50, NULL, registry);

	(void)state;
	expect_picks(u, "abca");
	set_check(u, 1, SERVER_CHECK_DOWN);
	set_check(u, 2, SERVER_CHECK_DOWN);
	expect_picks(u, "aaaa");
	set_check(u, 1, SERVER_CHECK_UP);
	set_check(u, 0, SERVER_CHECK_DOWN);
	expect_picks(u, "dbed");
	set_check(u, 2, SERVER_CHECK_UP);
	expect_picks(u, "bcbc");
	set_check(u, 1, SERVER_CHECK_DOWN);
	set_check(u, 2, SERVER_CHECK_DOWN);
	set_check(u, 3, SERVER_CHECK_DOWN);
	expect_picks(u, "efef"); /* tier 1 has a third of its weight, so tier 2 joins as well */
	servers_close(u, registry);
}

/* E39: a spare server of a tier that is joined waits until no good one of either is left. */
static void e39_spares_of_tiers_together(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("1 1 1b", 50, NULL, registry);

	(void)state;
	set_check(u, 0, SERVER_CHECK_UNKNOWN);
	set_check(u, 1, SERVER_CHECK_DOWN);
	expect_picks(u, "ccc");
	set_check(u, 2, SERVER_CHECK_DOWN);
	expect_picks(u, "aaa");
	servers_close(u, registry);
}

/* E38: below half of the weight that may be used at all, those that a check or their failures hold out are picked as if
 * in; not those that an operator holds out. Half is enough. */
static void e38_panic(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct servers s;
	struct upstream *u;
	struct member_view views[SERVERS_MAX];
	struct server_inputs drained = ready;

	(void)state;
	drained.admin = SERVER_DRAIN;
	servers_init(&s, BALANCE_ROUND_ROBIN, "1 1 1 1 1");
	s.spec.panic = 50;
	s.spec.passive.on = true;
	u = upstream_new(&s.spec, registry);
	set_inputs(u->members->at[4].server, &drained);
	set_check(u, 0, SERVER_CHECK_DOWN);
	put_out(u->members->at[1].server, SERVER_OUT);
	expect_picks(u, "cdcd");
	set_check(u, 2, SERVER_CHECK_DOWN);
	expect_picks(u, "abcdabcd");
	assert_int_equal(upstream_view(u, &(struct pick_args){.hash = 1}, views), 0);
	assert_int_equal(views[0].standing, STANDING_PANIC);
	assert_int_equal(views[1].standing, STANDING_PANIC);
	assert_int_equal(views[3].standing, STANDING_USABLE);
	assert_int_equal(views[4].standing, STANDING_HELD);
	assert_int_equal(views[4].input, SERVER_WHY_DRAIN);
	set_check(u, 2, SERVER_CHECK_UP);
	expect_picks(u, "cdcd");
	servers_close(u, registry);
}

/* E38, E13: off, and nobody is left: a refusal. */
static void e38_off_refuses(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("1 1 1b", 0, NULL, registry);
	struct pick_args a = {.hash = 1};
	int err;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		set_check(u, i, SERVER_CHECK_DOWN);
	servers_pick(u, &a, &err);
	assert_int_equal(err, -NP_ENOENT);
	servers_close(u, registry);
}

/* E40: the own zone before the others within a priority, and a priority before the next. */
static void e40_the_own_zone_first(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("1z 1 1bz 1b", 0, "near", registry);

	(void)state;
	assert_int_equal(u->members->ntiers, 4);
	assert_int_equal(u->members->at[0].place, 1); /* so a is the second one of the line */
	expect_picks(u, "aaa");
	set_check(u, 0, SERVER_CHECK_DOWN);
	expect_picks(u, "bbb");
	set_check(u, 1, SERVER_CHECK_DOWN);
	expect_picks(u, "ccc");
	set_check(u, 2, SERVER_CHECK_DOWN);
	expect_picks(u, "ddd");
	set_check(u, 0, SERVER_CHECK_UP);
	expect_picks(u, "aaa");
	servers_close(u, registry);
}

/* E40: others are taken by weight; without a zone of the process nobody is far. */
static void e40_zones_without_ours(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = open_with("2z 1z 1", 0, "near", registry), *v;

	(void)state;
	set_check(u, 0, SERVER_CHECK_DOWN);
	expect_picks(u, "bcbbcb");
	set_check(u, 0, SERVER_CHECK_UP);
	v = open_with("2z 1z 1", 0, NULL, registry);
	assert_int_equal(v->members->ntiers, 1);
	expect_picks(v, "abca");
	upstream_free(u);
	u = open_with("1z 1z 1z", 0, "near", registry);
	assert_int_equal(u->members->ntiers, 1);
	upstream_free(v);
	servers_close(u, registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e39_e40_the_model_agrees),
		cmocka_unit_test(e39_a_tier_after_the_other),
		cmocka_unit_test(e39_the_next_tier_joins),
		cmocka_unit_test(e39_spares_of_tiers_together),
		cmocka_unit_test(e38_panic),
		cmocka_unit_test(e38_off_refuses),
		cmocka_unit_test(e40_the_own_zone_first),
		cmocka_unit_test(e40_zones_without_ours),
	};

	return cmocka_run_group_tests_name("semantics_tiers", tests, NULL, NULL);
}
