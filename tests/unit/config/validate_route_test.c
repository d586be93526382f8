/* validate_route: references, loops, and routes that nothing can match. */
#include "tests/unit/config/load.h"

/* A listener's routes, and upstreams a and b for them. */
#define R(routes) "listeners:\n  - name: web\n    bind: \":80\"\n    routes: [" routes "]\n"
#define U         "upstreams: [{name: a, servers: [\"10.0.0.1:80\"]}, {name: b, servers: [\"10.0.0.2:80\"]}]\n"
#define TO_A      "    upstream: a\n"
#define TO_B      "    upstream: b\n"
#define TLS       "    tls: {certificates: [{cert: /c, key: /k}]}\n"

static const struct load_row references[] = {
	{R("{sni: x.y, upstream: b}") TO_A U, NULL},
	{R("{sni: x.y, upstream: b}, {sni: z.y, upstream: a}") U, NULL},
	{R("{sni: x.y, upstream: aa}") TO_B U,
	 "error[E301]: upstream \"aa\" is not defined (referenced by route 1 of listener \"web\")\n"
	 "  --> t.yaml:4:35          note: \"a\" is defined at 6:20\n"},
	{R("{sni: x.y, upstream: a}, {upstream: c}") TO_B U, "(referenced by route 2 of listener \"web\")\n"},
	{R("{sni: x.y, upstream: a}") "    upstream: c\n" U, "(referenced by listener \"web\")\n"},
	{R("{sni: x.y}") TO_A U, "error[E106]: the key \"upstream\" is missing in route 1 of listener \"web\"\n"},
	{"listeners: [{name: web, bind: \":80\"}]\n" U,
	 "error[E106]: the key \"upstream\" is missing in listener \"web\"\n"},
	{"listeners: [{name: web, bind: \":80\", routes: []}]\n" U, "\"routes\" has 0 elements"},
	{"listeners: [{name: l, bind: \"10.0.0.1:80\", routes: [{sni: x.y, upstream: a}], upstream: b}]\n" U,
	 "warning[W308]: the server 10.0.0.1:80 may lead back to listener \"l\": l -> l\n"},
	/* used by a route alone is used */
	{R("{sni: x.y, upstream: b}") TO_A "upstreams: [{name: a, servers: [\"10.0.0.1:80\"]}, "
	 "{name: b, servers: [\"10.0.0.2:80\"]}, {name: c, servers: [\"10.0.0.3:80\"]}]\n",
	 "warning[W301]: no listener uses upstream \"c\"\n  --> t.yaml:6:94\n"},
};

static const struct load_row orders[] = {
	{R("{upstream: a}, {sni: x.y, upstream: b}") U,
	 "warning[W306]: no connection comes to this route\n"
	 "  --> t.yaml:4:29          note: the route at 4:14 takes them all\n"},
	{R("{upstream: a}") TO_B U,
	 "warning[W306]: no connection is left for this upstream\n"
	 "  --> t.yaml:5:15          note: the route at 4:14 takes them all\n"},
	{R("{tls: any, upstream: a}") TO_B U, "warning[W306]: no connection is left"},
	{R("{sni: x.y, upstream: a}, {upstream: b}") U, NULL},
	{R("{alpn: h2, upstream: a}, {source: \"::/0\", upstream: b}, {tls: only, upstream: a}") TO_B U, NULL},
	{R("{tls: none, upstream: a}, {upstream: b}") U, NULL},
	{R("{tls: none, sni: x.y, upstream: a}") TO_B U,
	 "warning[W306]: no connection comes to this route: a client without TLS sends neither sni nor alpn\n"
	 "  --> t.yaml:4:20\n"},
	{R("{tls: none, alpn: h2, upstream: a}") TO_B U,
	 "warning[W306]: no connection comes to this route: a client without TLS sends"},
	{R("{tls: none, source: \"::1\", upstream: a}") TO_B U, NULL},
	{R("{tls: none, upstream: a}") TO_B TLS U,
	 "warning[W306]: no connection comes to this route: TLS ends at this listener"},
	{R("{sni: x.y, upstream: a}") TO_B TLS U, NULL},
	{R("{tls: [none, \"1.2\"], upstream: a}") TO_B U, NULL},
	{R("{tls: \"1.0\", sni: x.y, upstream: a}") TO_B U, NULL},
	{R("{tls: [\"1.2\", \"1.3\"], upstream: a}") TO_B TLS U, NULL},
	{R("{tls: [only, none], upstream: a}") TO_B U, "warning[W306]: no connection is left for this upstream\n"},
	{R("{tls: [none, \"1.2\"], sni: x.y, upstream: a}") TO_B U,
	 "no connection comes to this route: a client without TLS sends neither sni nor alpn\n  --> t.yaml:4:21\n"},
	{R("{tls: [\"1.1\", \"1.2\"], upstream: a}") TO_B TLS U,
	 "warning[W306]: TLS ends here, and 1.1 is not within min_version and max_version\n  --> t.yaml:4:21\n"},
	{R("{tls: \"1.2\", upstream: a}") TO_B
	 "    tls: {min_version: \"1.3\", certificates: [{cert: /c, key: /k}]}\n" U,
	 "TLS ends here, and 1.2 is not within min_version and max_version\n  --> t.yaml:4:20\n"},
	{R("{tls: \"1.3\", upstream: a}") TO_B
	 "    tls: {max_version: \"1.2\", certificates: [{cert: /c, key: /k}]}\n" U, "and 1.3 is not within"},
	{R("{tls: [only, \"1.2\"], upstream: a}") TO_B U,
	 "warning[W303]: \"1.2\" has no effect: only includes it\n  --> t.yaml:4:27\n"},
	{R("{tls: [none, any], source: \"::1\", upstream: a}") TO_B U,
	 "warning[W303]: \"none\" has no effect: any includes it\n  --> t.yaml:4:21\n"},
	{R("{tls: \"1.4\", upstream: a}") TO_B U,
	 "error[E204]: \"tls\" cannot be \"1.4\": write any, only, none, 1.0, 1.1, 1.2 or 1.3\n"},
	{R("{tls: [], upstream: a}") TO_B U, "\"tls\" has 0 elements, it takes 1 to 7\n"},
	{R("{sni: \"*\", upstream: a}") TO_B U, NULL},
	{R("{sni: \"*\", upstream: a}, {tls: only, upstream: b}") TO_B U, NULL},
	{R("{sni: [x.y, \"*\"], upstream: a}, {alpn: h2, upstream: b}, {sni: z.y, upstream: b}") TO_B U,
	 "warning[W306]: no connection comes to this route\n"
	 "  --> t.yaml:4:71          note: the one at 4:14 takes every name\n"},
	{R("{sni: \"*\", tls: only, upstream: a}, {sni: z.y, upstream: b}") TO_B U, "takes every name\n"},
	{R("{sni: \"*\", tls: \"1.3\", upstream: a}, {sni: z.y, upstream: b}") TO_B U, NULL},
	{R("{sni: \"*\", alpn: h2, upstream: a}, {sni: z.y, upstream: b}") TO_B U, NULL},
	{R("{sni: \"*\", source: \"::1\", upstream: a}, {sni: z.y, upstream: b}") TO_B U, NULL},
};

static const struct load_row prereads[] = {
	{R("{source: \"::1\", upstream: a}") TO_B "    preread: {timeout: 5s}\n" U,
	 "warning[W303]: preread has no effect without a route by sni, alpn or tls\n  --> t.yaml:6:24\n"},
	{R("{source: \"::1\", upstream: a}") TO_B "    preread: {max_bytes: 8KiB}\n" U, "  --> t.yaml:6:26\n"},
	{R("{source: \"::1\", upstream: a}") TO_B "    preread: {timeout: 10s, max_bytes: 16KiB}\n" U, NULL},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {timeout: 5s}\n" U, NULL},
	{R("{source: \"::1\", upstream: a}") TO_B "    preread: {on_timeout: default}\n" U, "  --> t.yaml:6:27\n"},
	{R("{source: \"::1\", upstream: a}") TO_B "    preread: {silence: 1s}\n" U, "  --> t.yaml:6:24\n"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {on_timeout: close, silence: 3s}\n" U, NULL},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {silence: 10s}\n" U,
	 "silence has no effect: preread.timeout passes before it"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {silence: 0s}\n" U, "0 does not switch it off: write off"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {silence: 1us}\n" U, "silence"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {on_timeout: maybe}\n" U, "on_timeout"},
	{R("{alpn: h2, upstream: a}") TO_B "    preread: {timeout: 5s}\n" U, NULL},
	{R("{tls: only, upstream: a}") TO_B "    preread: {timeout: 5s}\n" U, NULL},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {timeout: 0s}\n" U, "\"timeout\" is 0s, less than 1ms\n"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {max_bytes: 1000B}\n" U,
	 "error[E203]: \"max_bytes\" is 1000B, less than 1KiB\n"},
	{R("{sni: x.y, upstream: a}") TO_B "    preread: {max_bytes: 1MiB}\n" U, "is 1MiB, more than 64KiB\n"},
};

static void names_resolve(void **state)
{
	(void)state;
	load_rows(references, array_len(references));
}

static void indexes_are_filled_in(void **state)
{
	struct load l = load_text(R("{sni: x.y, upstream: b}, {alpn: h2, upstream: a}") U);
	struct load with = load_text(R("{sni: x.y, upstream: a}") TO_B U);

	(void)state;
	assert_int_equal(l.c->listeners[0].routes[0].upstream, 1);
	assert_int_equal(l.c->listeners[0].routes[1].upstream, 0);
	assert_true(l.c->listeners[0].upstream == CONFIG_NO_UPSTREAM);
	assert_int_equal(with.c->listeners[0].upstream, 1);
	load_free(&l);
	load_free(&with);
}

static void what_no_connection_matches(void **state)
{
	(void)state;
	load_rows(orders, array_len(orders));
}

static void what_no_route_needs(void **state)
{
	(void)state;
	load_rows(prereads, array_len(prereads));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_resolve),
		cmocka_unit_test(indexes_are_filled_in),
		cmocka_unit_test(what_no_connection_matches),
		cmocka_unit_test(what_no_route_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
