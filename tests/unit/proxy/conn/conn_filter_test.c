/* conn_filter: O7: each criterion alone, on connections at each step of their story: what is not known yet may
 * match later. */
#include "proxy/conn/conn_filter.h"

#include "proxy/conn/conn_extra.h"
#include "tests/unit/proxy/conn/numbers_world.h"

#define NOW (100 * NP_S)

static struct upstream upstream = {.name = "app"};
static const struct target target = {.upstream = &upstream};
static const struct target *targets[] = {&target};
static struct route_table *const some_routes = (struct route_table *)&upstream; /* only compared with NULL */

static struct conn *one(void)
{
	struct conn *c = numbers_conn();

	world.listener.name = "web";
	world.listener.targets = targets;
	world.listener.routes = NULL;
	world.listener.wants_header = world.listener.wants_hello = false;
	world.server.name = "app/10.0.0.1:80";
	world.server.text = "10.0.0.1:80";
	c->accepted = NOW - 10 * NP_S;
	c->dir[0].active = NOW - 2 * NP_S;
	c->peer.in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203)};
	return c;
}

static enum conn_match judge(const struct conn_filter *f, struct conn *c)
{
	return conn_filter_match(f, c, NOW);
}

static struct conn_filter of_src(const char *text)
{
	struct conn_filter f = {.has_src = true};
	const char *why;

	assert_int_equal(cidr_parse(&f.src, text, &why), 0);
	return f;
}

static void o7_each_criterion_alone(void **state)
{
	struct conn *c = one();
	const struct {
		struct conn_filter f;
		enum conn_match m;
	} rows[] = {
		{{.older = 0}, CONN_MATCH},
		{{.listener = "web"}, CONN_MATCH}, {{.listener = "we"}, CONN_NEVER},
		{{.upstream = "app"}, CONN_MATCH}, {{.upstream = "apps"}, CONN_NEVER},
		{{.server = "app/10.0.0.1:80"}, CONN_MATCH}, {{.server = "10.0.0.1:80"}, CONN_MATCH},
		{{.server = "10.0.0.1"}, CONN_NEVER},
		{of_src("10.0.0.0/8"), CONN_MATCH}, {of_src("::ffff:10.1.0.0/112"), CONN_MATCH},
		{of_src("11.0.0.0/8"), CONN_NEVER}, {of_src("::/0"), CONN_NEVER}, {of_src("unix"), CONN_NEVER},
		{{.older = 10 * NP_S}, CONN_MATCH}, {{.older = 10 * NP_S + 1}, CONN_MAYBE},
		{{.idle = 2 * NP_S}, CONN_MATCH}, {{.idle = 2 * NP_S + 1}, CONN_MAYBE},
		{{.sni = "a.example"}, CONN_NEVER},
		{{.has_pending = true}, CONN_MAYBE},
		{{.listener = "web", .upstream = "no", .idle = 99 * NP_S}, CONN_NEVER},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		if (judge(&rows[i].f, c) != rows[i].m)
			fail_msg("row %zu: %d", i, (int)judge(&rows[i].f, c));
	c->peer.sa.sa_family = AF_UNIX;
	assert_int_equal(judge(&(struct conn_filter){.has_src = true, .src = {.bits = CIDR_UNIX}}, c), CONN_MATCH);
}

static void o7_what_is_not_known_yet(void **state)
{
	static const struct conn_filter by_name = {.sni = "a.example"}, by_upstream = {.upstream = "no"},
					by_server = {.server = "no"};
	struct conn_filter by_src = of_src("11.0.0.0/8");
	struct conn *c = one();

	(void)state;
	c->phase = CONN_CONNECTING;
	c->server = NULL;
	world.listener.wants_header = true;
	world.listener.routes = some_routes;
	c->setup = SETUP_HEADER;
	assert_int_equal(judge(&by_src, c), CONN_MAYBE);
	assert_int_equal(judge(&by_name, c), CONN_MAYBE);
	assert_int_equal(judge(&by_upstream, c), CONN_MAYBE);
	c->setup = SETUP_TLS;
	assert_int_equal(judge(&by_src, c), CONN_NEVER);
	assert_int_equal(judge(&by_upstream, c), CONN_MAYBE);
	c->setup = SETUP_CONNECT;
	assert_int_equal(judge(&by_name, c), CONN_NEVER);
	assert_int_equal(judge(&by_upstream, c), CONN_NEVER);
	assert_int_equal(judge(&by_server, c), CONN_MAYBE);
	world.listener.routes = NULL; /* then there is nothing to wait for */
	c->setup = SETUP_BEGUN;
	assert_int_equal(judge(&by_upstream, c), CONN_NEVER);
	assert_int_equal(judge(&(struct conn_filter){.idle = 10 * NP_S}, c), CONN_MATCH);
}

static void o7_names(void **state)
{
	static const struct {
		const char *filter, *sni;
		enum conn_match m;
	} rows[] = {
		{"a.example", "a.example", CONN_MATCH}, {"a.example", "A.Example.", CONN_MATCH},
		{"a.example", "b.a.example", CONN_NEVER}, {"*.example", "a.example", CONN_MATCH},
		{"*.example", "b.a.example", CONN_MATCH}, {"*.example", "example", CONN_NEVER},
		{"*.example", "aexample", CONN_NEVER}, {"*.example", "x", CONN_NEVER},
	};
	struct conn *c = one();
	struct conn_extra *x = conn_extra(c);

	(void)state;
	assert_non_null(x);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct conn_filter f = {.older = 0};

		memcpy(f.sni, rows[i].filter, strlen(rows[i].filter));
		x->sni = strdup(rows[i].sni);
		if (judge(&f, c) != rows[i].m)
			fail_msg("%s for %s", rows[i].filter, rows[i].sni);
		free(x->sni);
	}
	x->sni = NULL;
	conn_extra_free(c);
}

static void o7_reasons_that_are_known(void **state)
{
	static const struct conn_filter any = {.has_pending = true},
					fin = {.has_pending = true, .pending = CLOSE_CLIENT_FIN},
					rst = {.has_pending = true, .pending = CLOSE_SERVER_RST},
					late = {.has_pending = true, .pending = CLOSE_DRAIN_DEADLINE};
	struct conn *c = one();

	(void)state;
	c->first_end = CLOSE_CLIENT_FIN;
	assert_int_equal(judge(&any, c), CONN_MATCH);
	assert_int_equal(judge(&fin, c), CONN_MATCH);
	assert_int_equal(judge(&rst, c), CONN_MAYBE);
	c->dir[1].eof = c->dir[1].reset = true;
	assert_int_equal(judge(&rst, c), CONN_MATCH);
	c->kill = CLOSE_DRAIN_DEADLINE;
	assert_int_equal(judge(&late, c), CONN_MATCH);
	c->phase = CONN_CONNECTING; /* the byte is the set-up's then */
	c->kill = CLOSE_NONE;
	c->setup = SETUP_CONNECT;
	assert_int_equal(conn_pending(c), CLOSE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(o7_each_criterion_alone, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o7_what_is_not_known_yet, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o7_names, numbers_begin, numbers_end),
		cmocka_unit_test_setup_teardown(o7_reasons_that_are_known, numbers_begin, numbers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
