/* validate_dns: name servers, times that contradict each other, and servers that are names: E63, E65. */
#include "tests/unit/config/load.h"

#define L "listeners: [{name: a, bind: \":80\", upstream: app}]\n"
#define LU L "upstreams: [{name: app, servers: [\"db.example:1\"]}]\n"
#define DNS(keys) LU "dns: {" keys "}\n"
#define SERVERS(list) L "upstreams: [{name: app, servers: [" list "]}]\n"
#define TLS(list, keys) L "upstreams: [{name: app, servers: [" list "], tls: {" keys "}}]\n"

static const struct load_row rows[] = {
	{DNS("servers: system"), NULL},
	{DNS("servers: [system]"), NULL},
	{DNS("servers: \"127.0.0.1:5353\""), NULL},
	{DNS("servers: [\"10.0.0.53\", \"::1\", \"[::1]:5353\"]"), NULL},
	{DNS("servers: [system, \"10.0.0.53\"]"),
	 "error[E205]: \"servers\" cannot be \"system\": write system alone, or IP"},
	{DNS("servers: ns.example"), "error[E205]: \"servers\" cannot be \"ns.example\": "},
	{DNS("servers: \"10.0.0.53:0\""), "error[E205]: \"servers\" cannot be \"10.0.0.53:0\": "},
	{DNS("servers: [a, b, c, d, e]"), "\"servers\" "},
	{DNS("min_ttl: 1m, max_ttl: 30s"), "\"min_ttl\" is longer than \"max_ttl\"\n"},
	{DNS("max_ttl: 1s"), NULL},
	{DNS("min_ttl: 500ms"), "\"min_ttl\""},
	{DNS("hold: 0s, start: 0s"), NULL},
	{DNS("tries: 0"), "\"tries\""},
	{DNS("family: ipv4"), "\"family\" cannot be \"ipv4\": "},
};

static const struct load_row servers[] = {
	{SERVERS("\"db.example:1\", \"db.example:2\", \"srv:_a._tcp.db.example\""), NULL},
	{SERVERS("\"db.example:1\", \"DB.example:1\""),
	 "error[E304]: the server DB.example:1 is already in this upstream\n"},
	{SERVERS("\"srv:a\", \"srv:A\""), "error[E304]: the server srv:A is already in this upstream\n"},
	{SERVERS("\"a:1\", \"srv:a\", \"10.0.0.1:1\""), NULL},
	{SERVERS("{address: \"srv:a\", weight: 2}"),
	 "\"weight\" cannot stand beside srv:a: SRV records have weights"},
	{SERVERS("{address: \"srv:a\", max_connections: 2, backup: true}, \"10.0.0.1:1\""), NULL},
	{SERVERS("{address: \"a:1\", weight: 2}"), NULL},
};

/* Whoever answers for DNS may choose the address, so it proves nothing: the name is verified. */
static const struct load_row verified[] = {
	{TLS("\"db.example:1\"", ""), NULL},
	{TLS("\"db.example:1\", \"db.example:2\"", ""), NULL},
	{TLS("\"db.example:1\", \"db2.example:2\"", ""),
	 "the key \"name\" is missing in \"tls\": db.example:1 has no name"},
	{TLS("\"10.0.0.1:1\", \"db.example:2\"", ""),
	 "the key \"name\" is missing in \"tls\": db.example:2 has no name"},
	{TLS("\"srv:db.example\"", ""),
	 "the key \"name\" is missing in \"tls\": srv:db.example has no name to verify"},
	{TLS("\"srv:db.example\"", "name: db.example"), NULL},
};

static void the_block(void **state)
{
	(void)state;
	load_rows(rows, array_len(rows));
}

static void servers_that_are_names(void **state)
{
	(void)state;
	load_rows(servers, array_len(servers));
}

static void the_name_is_verified(void **state)
{
	struct load l = load_text(TLS("\"db.example:1\"", ""));

	(void)state;
	load_rows(verified, array_len(verified));
	assert_string_equal(l.c->upstreams[0].tls->name, "db.example");
	load_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_block),
		cmocka_unit_test(servers_that_are_names),
		cmocka_unit_test(the_name_is_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
