/* T15: a reload that changes what a source may take: who is there stays, and counts by the new rules. */
#include <signal.h>
#include <unistd.h>

#include "tests/flow/kit/source_pair.h"

enum { ONE = 20, NEIGHBOUR = 21 }; /* kit_ip()s, of one /24 */

static void now_with(const struct edge *e, int listener, const char *per_source, int n)
{
	struct np_addr back = own_address(listener);

	kit_staunch_rewrite(e->s, edge_config(e->port, textf("per_source: {%s}, upstream: back", per_source),
					      edge_upstream("back", np_addr_port(&back.u.sa), "")));
	kit_child_signal(e->s->child, SIGHUP);
	kit_staunch_wait_err(e->s, "reloaded", n);
}

static void t15_live_ones_count_by_the_new_rules(void **state)
{
	int listener;
	struct pair one[2], neighbour;
	struct edge e = proxy_edge_start(&listener, "per_source: {connections: 4}, upstream: back", "");

	(void)state;
	one[0] = is_admitted(&e, listener, ONE);
	one[1] = is_admitted(&e, listener, ONE);
	neighbour = is_admitted(&e, listener, NEIGHBOUR);
	now_with(&e, listener, "connections: 1", 1); /* lower: it refuses new ones only */
	is_reset(&e, listener, ONE);
	leave(one[0]);
	edge_ended(&e, "server_fin", 1);
	is_reset(&e, listener, ONE);
	now_with(&e, listener, "connections: 3, prefix: {v4: 24}", 2); /* all of them are one source now */
	one[0] = is_admitted(&e, listener, NEIGHBOUR);
	is_reset(&e, listener, ONE);
	is_reset(&e, listener, NEIGHBOUR);
	leave(one[1]);
	edge_ended(&e, "server_fin", 2);
	one[1] = is_admitted(&e, listener, ONE);
	is_reset(&e, listener, ONE);
	leave(one[0]);
	leave(one[1]);
	leave(neighbour);
	proxy_edge_end(&e, listener);
}

/* A limit that a reload brings holds for those who are there, too. */
static void t15_a_new_limit_counts_who_is_there(void **state)
{
	int listener;
	struct pair p[2];
	struct edge e = proxy_edge_start(&listener, "upstream: back", "");

	(void)state;
	p[0] = is_admitted(&e, listener, ONE);
	p[1] = is_admitted(&e, listener, ONE);
	now_with(&e, listener, "connections: 2", 1);
	is_reset(&e, listener, ONE);
	leave(p[0]);
	edge_ended(&e, "server_fin", 1);
	p[0] = is_admitted(&e, listener, ONE);
	is_reset(&e, listener, ONE);
	leave(p[0]);
	leave(p[1]);
	proxy_edge_end(&e, listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t15_live_ones_count_by_the_new_rules, kit_end),
		cmocka_unit_test_teardown(t15_a_new_limit_counts_who_is_there, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
