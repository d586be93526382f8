/* judged: an upstream whose servers are judged, and reports of connections by a clock of the test: for the tests of
 * passive.h. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_JUDGED_H
#define TESTS_UNIT_PROXY_UPSTREAM_JUDGED_H

#include "tests/unit/proxy/upstream/servers.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

static struct server_registry *registry;
static struct upstream *u;
static int64_t now;

/* The defaults of the keys. */
static const struct passive_rules rules = {
	.on = true,
	.early_end = true,
	.probe = true,
	.failures = 3,
	.within = 10 * S,
	.out = 10 * S,
	.max_out = 300 * S,
	.answer = PASSIVE_LEARNT,
};

static inline struct upstream *open_judged(const char *line, unsigned retries)
{
	struct servers s;
	struct upstream *made;

	servers_init(&s, BALANCE_ROUND_ROBIN, line);
	s.spec.retries = retries;
	s.spec.connect_timeout = 5 * S;
	s.spec.passive = rules;
	made = upstream_new(&s.spec, registry);
	assert_non_null(made);
	return made;
}

static inline void begin(const char *line)
{
	registry = server_registry_new(1);
	u = open_judged(line, 2);
	now = 1000 * S;
}

static inline int end(void **state)
{
	(void)state;
	if (registry != NULL)
		servers_close(u, registry);
	registry = NULL;
	return 0;
}

static inline struct server *at(unsigned place)
{
	return u->members->at[place].server;
}

static inline enum server_passive state_of(unsigned place)
{
	assert_int_equal(server_inputs(server_now(at(place))).passive, at(place)->passive.state);
	return (enum server_passive)at(place)->passive.state;
}

static inline struct passive_change say(unsigned place, struct report r)
{
	r.now = now;
	if (r.began == 0)
		r.began = now;
	return passive_report(u, at(place), &r);
}

static inline struct passive_change fail_once(unsigned place, enum fault fault)
{
	return say(place, (struct report){.kind = REPORT_FAILED, .fault = fault});
}

static inline void fail_often(unsigned place, enum fault fault, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		now += MS;
		(void)fail_once(place, fault);
	}
}

/* The place, and whether it is a trial; SERVERS_MAX: refused. */
static inline unsigned pick_now(bool may_retry, bool *trial)
{
	struct pick_args a = {.now = now, .may_retry = may_retry};
	struct server *s = NULL;
	int err = upstream_pick(u, &a, &s);

	*trial = a.trial;
	return err == 0 ? servers_place(u, s) : SERVERS_MAX;
}

static inline void expect_no_trial(unsigned picks)
{
	for (unsigned i = 0; i < picks; i++) {
		bool trial;

		(void)pick_now(true, &trial);
		assert_false(trial);
	}
}

static inline unsigned expect_trial(void)
{
	bool trial;
	unsigned place = pick_now(true, &trial);

	assert_true(trial);
	return place;
}

static inline void expect_never(unsigned place, unsigned picks)
{
	for (unsigned i = 0; i < picks; i++) {
		bool trial;

		assert_int_not_equal(pick_now(true, &trial), place);
	}
}

#endif
