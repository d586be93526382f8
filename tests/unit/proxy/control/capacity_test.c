/* capacity: figures that follow the descriptor limit, and the processors of the affinity mask. */
#include "proxy/control/capacity.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/base/text.h"

static struct rlimit before;

static int keep_limit(void **state)
{
	(void)state;
	return getrlimit(RLIMIT_NOFILE, &before);
}

static int restore_limit(void **state)
{
	(void)state;
	return setrlimit(RLIMIT_NOFILE, &before);
}

static void limit_descriptors(rlim_t n)
{
	struct rlimit r = {.rlim_cur = n, .rlim_max = before.rlim_max};

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

static const struct capacity_row {
	rlim_t nofile;
	unsigned workers, binds, pipes, admin;
	int64_t connections;
} capacities[] = {
	{24, 1, 1, 0, 0, 1},       /* never less than one */
	{1024, 1, 0, 0, 0, 498},   /* 1024 - 24 - 2 probes - 2, two each */
	{1024, 1, 0, 0, 48, 474},  /* O36: the control plane's come first */
	{1024, 2, 3, 4, 0, 483},   /* 1024 - 24 - 2 - 2 * (2 + 2 * 3 + 2 * 4) */
	{1024, 512, 10, 32, 80, 1}, /* no overflow below zero */
};

static void connections_follow_the_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(capacities); i++) {
		const struct capacity_row *r = &capacities[i];

		limit_descriptors(r->nofile);
		assert_int_equal(capacity_descriptors(), r->nofile);
		assert_int_equal(capacity_connections(r->workers, r->binds, r->pipes, r->admin), r->connections);
	}
}

/* Of a listener: so many, each with its own names, whose OCSP responders are asked; none: no TLS.
 *   Returns  a text that is good until the next call. */
static const char *certificates(unsigned n)
{
	static char text[1024];
	struct text t;

	memset(text, 0, sizeof(text)); /* so it has its end */
	text_init(&t, text, sizeof(text) - 1);
	for (unsigned i = 0; i < n; i++) {
		text_str(&t, i == 0 ? ", tls: {certificates: [" : ", ");
		text_str(&t, "{cert: /a, key: /a, ocsp_fetch: true, names: [a");
		text_u64(&t, i);
		text_str(&t, ".x]}");
	}
	text_str(&t, n > 0 ? "]}" : "");
	return text;
}

/* E73, O36: what is ours alone has its part, where the configuration has a use for it. */
static void e73_set_aside(void **state)
{
	static const struct {
		const char *upstream, *top;
		rlim_t nofile;
		unsigned aside, fetched; /* certificates whose OCSP responder is asked */
	} rows[] = {
		{"servers: [\"192.0.2.1:1\"]", "", 1024, 0, 0},
		{"servers: [\"192.0.2.1:1\"], health: {tcp: {}}", "", 1024, 32, 0},
		{"servers: [\"192.0.2.1:1\"], health: {tcp: {}}", "", 32, 2, 0},
		{"servers: [\"192.0.2.1:1\"], health: {agent: {port: 9}}", "", 20000, 256, 0},
		{"servers: [\"192.0.2.1:1\", \"192.0.2.2:1\"]", "", 1024, 8, 0},
		{"servers: [\"192.0.2.1:1\", \"192.0.2.2:1\"]", "", 20000, 64, 0},
		{"servers: [\"192.0.2.1:1\", \"192.0.2.2:1\"], hedge: off", "", 1024, 0, 0},
		{"servers: [\"192.0.2.1:1\"], warm: {connections: 3}", "", 1024, 6, 0},
		{"servers: [\"192.0.2.1:1\"]", "control: {socket: /tmp/s}\n", 1024, 48, 0},
		/* each has its connection, and before it a look-up of five descriptors */
		{"servers: [\"192.0.2.1:1\"]", "", 1024, 6, 1},
		{"servers: [\"192.0.2.1:1\"]", "", 1024, 24, 9},
		{"servers: [\"192.0.2.1:1\"]", "", 160, 14, 9},
		{"servers: [\"a.example:1\"], hedge: off", "", 1024, 68, 9},
		{"servers: [\"a.example:1\"], hedge: off", "", 1024, 64, 0},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct diag *d = diag_new();
		struct config *c = NULL;
		char text[1536];

		snprintf(text, sizeof(text), "%slisteners: [{name: l, bind: \":80\", upstream: u%s}]\n"
			 "upstreams: [{name: u, %s}]\n", rows[i].top, certificates(rows[i].fetched), rows[i].upstream);
		assert_int_equal(config_parse("t", text, strlen(text), &c, d), 0);
		if (rows[i].top[0] == '\0')
			setenv("STAUNCH_CONTROL", "off", 1);
		else
			unsetenv("STAUNCH_CONTROL");
		limit_descriptors(rows[i].nofile);
		if (capacity_aside(2, c) != rows[i].aside)
			fail_msg("row %zu: %u are set aside", i, capacity_aside(2, c));
		config_free(c);
		diag_free(d);
	}
}

static unsigned warm_of(const char *upstreams)
{
	char text[1024];
	struct diag *d = diag_new();
	struct config *c = NULL;
	int n = snprintf(text, sizeof(text),
			 "listeners:\n  - {name: web, bind: \":80\", upstream: app}\nupstreams:\n%s", upstreams);
	unsigned warm;

	assert_non_null(d);
	assert_true(n > 0 && (size_t)n < sizeof(text));
	if (config_parse("test", text, (size_t)n, &c, d) != 0)
		fail_msg("%s", text);
	warm = capacity_warm(2, c);
	config_free(c);
	diag_free(d);
	return warm;
}

/* E73: of two workers, for each server, and more for one of which names tell; an eighth of all at most. */
static void kept_ready_are_set_aside(void **state)
{
	(void)state;
	limit_descriptors(1024);
	assert_int_equal(warm_of("  - {name: app, servers: [\"192.0.2.1:81\"]}\n"), 0);
	assert_int_equal(warm_of("  - {name: app, warm: {connections: 2}, "
				 "servers: [\"192.0.2.1:81\", \"192.0.2.2:81\"]}\n"
				 "  - {name: db, warm: {connections: 1}, servers: [\"192.0.2.1:81\"]}\n"), 10);
	assert_int_equal(warm_of("  - {name: app, warm: {connections: 2}, servers: [\"db.example:80\"]}\n"), 64);
	assert_int_equal(warm_of("  - {name: app, warm: {connections: 60}, "
				 "servers: [\"192.0.2.1:81\", \"192.0.2.2:81\"]}\n"), 128);
}

static void pipes_are_a_share(void **state)
{
	(void)state;
	limit_descriptors(63);
	assert_int_equal(capacity_pipes(1), 0);
	limit_descriptors(1024);
	assert_int_equal(capacity_pipes(1), 16);
	assert_int_equal(capacity_pipes(4), 4);
}

/* E73: five for each look-up, four name servers and TCP, of 20 look-ups and fewer where descriptors are scarce. */
static void e73_lookups_are_a_share(void **state)
{
	static const struct {
		rlim_t nofile;
		unsigned lookups, at_once;
	} rows[] = {{16, 5, 1}, {64, 5, 1}, {1024, 64, 12}, {1600, 100, 20}, {20000, 100, 20}};

	(void)state;
	for (size_t i = 0; i < array_len(rows) && rows[i].nofile <= before.rlim_max; i++) {
		limit_descriptors(rows[i].nofile);
		assert_int_equal(capacity_lookups(), rows[i].lookups);
		assert_int_equal(capacity_lookups_at_once(), rows[i].at_once);
	}
}

static void raised_to_the_hard_limit(void **state)
{
	rlim_t most = before.rlim_max < 1048576 ? before.rlim_max : 1048576;

	(void)state;
	limit_descriptors(64);
	capacity_raise_descriptors();
	assert_int_equal(capacity_descriptors(), most);
}

static void processors_of_the_mask(void **state)
{
	unsigned n = capacity_cpus();
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(n, CPU_COUNT(&all));
	assert_true(capacity_cpu(n - 1) >= 0);
	assert_int_equal(capacity_cpu(n), -1);
	CPU_ZERO(&one);
	CPU_SET((size_t)capacity_cpu(n - 1), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(capacity_cpus(), 1);
	assert_true(CPU_ISSET((size_t)capacity_cpu(0), &one));
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connections_follow_the_limit, keep_limit, restore_limit),
		cmocka_unit_test_setup_teardown(e73_set_aside, keep_limit, restore_limit),
		cmocka_unit_test_setup_teardown(kept_ready_are_set_aside, keep_limit, restore_limit),
		cmocka_unit_test_setup_teardown(pipes_are_a_share, keep_limit, restore_limit),
		cmocka_unit_test_setup_teardown(e73_lookups_are_a_share, keep_limit, restore_limit),
		cmocka_unit_test_setup_teardown(raised_to_the_hard_limit, keep_limit, restore_limit),
		cmocka_unit_test(processors_of_the_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
