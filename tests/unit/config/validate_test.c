/* validate: names and addresses twice, bounds, and settings that cut each other short. */
#include "tests/unit/config/load.h"

#define L      "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n"
#define U      "upstreams:\n  - name: app\n    servers: [\"10.0.0.1:80\"]\n"
#define NAME10 "abcdefghij"
#define NAME63 NAME10 NAME10 NAME10 NAME10 NAME10 NAME10 "abc"

static const struct load_row bounds[] = {
	{L U "workers: 513\n", "error[E203]: \"workers\" is 513, more than 512\n  --> t.yaml:8:10\n"},
	{L U "workers: 512\n", NULL},
	{L U "limits: {max_connections: 99999999}\n", "\"max_connections\" is 99999999, more than 10000000\n"},
	{L U "shutdown: {delay: 61m}\n", "\"delay\" is 1h1m, more than 1h\n"},
	{L "    backlog: 0\n" U, "error[E203]: \"backlog\" is 0, less than 1\n"},
	{L "    backlog: 65536\n" U, "\"backlog\" is 65536, more than 65535\n"},
	{L "    timeouts: {lifetime: 999ms}\n" U, "\"lifetime\" is 999ms, less than 1s\n"},
	{L "    timeouts: {idle: 366d}\n" U, "\"idle\" is 366d, more than 365d\n  --> t.yaml:5:22\n"},
	{L U "    retry_budget: 0s\n", "\"retry_budget\" is 0s, less than 1ms\n"},
	{L U "    timeouts: {connect: 11m}\n", "\"connect\" is 11m, more than 10m\n"},
	{L U "    retries: 101\n", "\"retries\" is 101, more than 100\n"},
	{L "upstreams: [{name: app, servers: [{address: \"10.0.0.1:1\", weight: 257}]}]\n",
	 "\"weight\" is 257, more than 256\n"},
};

static const struct load_row names[] = {
	{"listeners: [{name: Web, bind: \":80\", upstream: app}]\n" U,
	 "error[E206]: \"Web\" is not a name: write a to z and 0 to 9"},
	{"listeners: [{name: -web, bind: \":80\", upstream: app}]\n" U, "error[E206]: \"-web\" is not a name"},
	{"listeners: [{name: a b, bind: \":80\", upstream: app}]\n" U, "error[E206]: \"a b\" is not a name"},
	{"listeners: [{name: \xC3\xA9, bind: \":80\", upstream: app}]\n" U, "error[E206]"},
	{"listeners: [{name: " NAME63 "x, bind: \":80\", upstream: app}]\n" U, "it is longer than 63 characters"},
	{"listeners: [{name: " NAME63 ", bind: \":80\", upstream: app}]\n" U, NULL},
	{"listeners: [{name: 0.a_b-c, bind: \":80\", upstream: app}]\n" U, NULL},
	/* a bad name still is what references mean */
	{"listeners: [{name: a, bind: \":80\", upstream: App}]\n"
	 "upstreams: [{name: App, servers: [\"10.0.0.1:1\"]}]\n", "\n1 error - configuration NOT loaded\n"},
};

#define AT(keys) "listeners: [{name: a, bind: {address: " keys "}, upstream: app}]\n" U

/* What an address has beside itself. */
static const struct load_row addresses[] = {
	{AT("\"unix:/x\", mode: \"0660\", owner: \"a:b\""), NULL},
	{AT("\"unix:/x\", mode: 600, owner: \":b\""), NULL},
	{AT("\"unix:/x\", mode: \"66\""),
	 "error[E202]: \"mode\" cannot be \"66\": write three octal digits, as in \"660\" or \"0660\"\n"
	 "  --> t.yaml:1:56\n"},
	{AT("\"unix:/x\", mode: \"4755\""), "\"mode\" cannot be \"4755\""},
	{AT("\"unix:/x\", mode: \"0888\""), "\"mode\" cannot be \"0888\""},
	{AT("\"unix:/x\", mode: rw-rw----"), "\"mode\" cannot be \"rw-rw----\""},
	{AT("\"unix:/x\", owner: \"a:\""), "\"owner\" cannot be \"a:\": write user, user:group or :group\n"},
	{AT("\"unix:/x\", owner: \"a:b:c\""), "\"owner\" cannot be \"a:b:c\""},
	{AT("\"unix:@x\", owner: a"), "\"mode\" and \"owner\" are for a Unix socket's file, and unix:@x has none\n"},
	{AT("\":80\", mode: \"0600\""), "\"mode\" and \"owner\" are for a Unix socket's file, and :80 has none\n"},
	{AT("\":80\", proxy_protocol: {accept: required}"), "the key \"trusted\" is missing beside \"accept\"\n"},
	{AT("\":80\", proxy_protocol: {accept: required, trusted: unix, timeout: 1h}"),
	 "error[E203]: \"timeout\" is 1h, more than 10m\n"},
	{AT("\":80\", proxy_protocol: {trusted: unix}"),
	 "warning[W303]: \"trusted\" has no effect: no PROXY header is accepted\n"},
	{AT("\":80\", proxy_protocol: {accept: required, trusted: unix}"), NULL},
};

static const struct load_row twice[] = {
	{L "  - {name: web, bind: \":81\", upstream: app}\n" U,
	 "error[E302]: a listener \"web\" is already defined\n"
	 "  --> t.yaml:5:12          note: the first is at 2:11\n"},
	{L U "  - {name: app, servers: [\"10.0.0.2:1\"]}\n",
	 "error[E302]: an upstream \"app\" is already defined\n"
	 "  --> t.yaml:8:12          note: the first is at 6:11\n"},
	{L "  - {name: b, bind: \"[::]:80\", upstream: app}\n" U,
	 "error[E303]: the address [::]:80 is already bound\n"
	 "  --> t.yaml:5:21          note: the first is at 3:11\n"},
	{"listeners: [{name: a, bind: [\":80\", \"127.0.0.1:80\", \":80\"], upstream: app}]\n" U,
	 "error[E303]: the address :80 is already bound\n"
	 "  --> t.yaml:1:53          note: the first is at 1:30\n"},
	{L "  - {name: b, bind: [\"unix:/x\", \"unix:/x\"], upstream: app}\n" U,
	 "error[E303]: the address unix:/x is already bound"},
	{L "  - {name: b, bind: [\"127.0.0.1:80\", \"0.0.0.0:80\", \":81\", \"unix:@80\"], upstream: app}\n" U, NULL},
	{L "upstreams: [{name: app, servers: [\"10.0.0.1:1\", {address: \"10.0.0.1:1\"}]}]\n",
	 "error[E304]: the server 10.0.0.1:1 is already in this upstream\n"
	 "  --> t.yaml:5:59          note: the first is at 5:35\n"},
	{L U "  - {name: b, servers: [\"10.0.0.1:80\"]}\n", "\n1 warning - configuration loaded\n"},
};

static const struct load_row references[] = {
	{"listeners: [{name: tls, bind: \":80\", upstream: ap}]\n" U,
	 "error[E301]: upstream \"ap\" is not defined (referenced by listener \"tls\")\n"
	 "  --> t.yaml:1:48          note: \"app\" is defined at 3:11\n"},
	{"listeners: [{name: tls, bind: \":80\", upstream: ap}]\n" U, "^^ did you mean \"app\"?\n"},
	{"listeners: [{name: tls, bind: \":80\", upstream: zzzz}]\n" U, "  --> t.yaml:1:48\n"},
	/* nothing to refer to: that is the one problem */
	{L, "\n1 error - configuration NOT loaded\n"},
	{L "upstreams: []\n", "\n1 error - configuration NOT loaded\n"},
	{"listeners: [{name: a, bind: \"10.0.0.1:80\", upstream: app}]\n" U,
	 "error[E305]: the server 10.0.0.1:80 is the listener \"a\" itself, which uses this upstream\n"
	 "  --> t.yaml:4:15          note: bound at 1:29\n"},
	{L "  - {name: b, bind: \"10.0.0.1:80\", upstream: b}\n" U "  - {name: b, servers: [\"10.0.0.2:80\"]}\n", NULL},
};

static const struct load_row doubts[] = {
	{"listeners: [{name: a, bind: \"127.0.0.1:0\", upstream: app}]\n" U,
	 "warning[W201]: port 0: the kernel chooses one"},
	{"listeners: [{name: a, bind: [\":0\", \":0\"], upstream: app}]\n" U,
	 "\n2 warnings - configuration loaded\n"},
	/* the reference that does not resolve may have meant it */
	{"listeners: [{name: a, bind: \":80\", upstream: zz}, {name: b, bind: \":81\", upstream: app}]\n" U
	 "  - {name: b, servers: [\"10.0.0.2:80\"]}\n", "\n1 error - configuration NOT loaded\n"},
	{L U "  - {name: b, servers: [\"10.0.0.2:80\"]}\n",
	 "warning[W301]: no listener uses upstream \"b\"\n  --> t.yaml:8:12\n"},
	{L "upstreams: [{name: app, servers: [{address: \"10.0.0.1:1\", weight: 0}]}]\n",
	 "warning[W302]: every server has weight 0: each connection will be refused\n  --> t.yaml:5:25\n"},
	{L "    at_limit: wait\n" U,
	 "warning[W303]: at_limit has no effect without max_connections, rate or tls\n  --> t.yaml:5:15\n"},
	{L "    max_connections: 10\n    at_limit: wait\n" U, NULL},
	{L "    rate: 10/s\n    at_limit: wait\n" U, NULL},
	{L "    per_source: {connections: 10, burst: 3}\n" U,
	 "warning[W303]: per_source.burst has no effect without per_source.rate\n"},
	{"listeners: [{name: a, bind: \"unix:/x\", per_source: {rate: 10/s}, upstream: app}]\n" U,
	 "warning[W303]: per_source has no effect at unix:/x: its clients have no address without a PROXY header\n"},
	{"listeners: [{name: a, bind: \"unix:/x\", per_source: {connections: 1}, upstream: app,\n"
	 "  proxy_protocol: {accept: required, trusted: unix}}]\n" U, NULL},
	{L "    max_connections: 10\n" U "limits: {max_connections: 9}\n",
	 "warning[W303]: max_connections has no effect: limits.max_connections is lower"},
	{L "    max_connections: 10\n" U "limits: {max_connections: 10}\n", NULL},
	{L U "    timeouts: {connect: 11s}\n", "warning[W304]: timeouts.connect is longer than retry_budget"},
	{L U "    retry_budget: 4s\n", "  --> t.yaml:8:19\n"},
	{L U "    timeouts: {connect: 10s}\n", NULL},
	{L "    timeouts: {idle: 2h, lifetime: 1h}\n" U,
	 "warning[W304]: timeouts.idle is longer than timeouts.lifetime, which ends the connection first\n"},
	{L "    timeouts: {idle: off, lifetime: 1h}\n" U, NULL},
	{L "    timeouts: {idle: off, idle_policy: alive}\n" U,
	 "warning[W303]: idle_policy has no effect: timeouts.idle is off\n"},
	{L "    timeouts: {idle: 194s, idle_policy: alive}\n" U,
	 "warning[W304]: timeouts.idle is shorter than the 195s in which keepalive finds that a peer is gone, so "
	 "idle_policy: alive keeps it for up to 195s more\n"},
	{L "    timeouts: {idle: 195s, idle_policy: alive}\n" U, NULL},
	{L "    timeouts: {lifetime_jitter: 10%}\n" U,
	 "warning[W303]: lifetime_jitter has no effect: timeouts.lifetime is off\n"},
	{L "    timeouts: {lifetime: 1h, lifetime_jitter: 10%}\n" U, NULL},
	{L "    timeouts: {lifetime: 30m}\n" U, NULL},
};

static void values_within_bounds(void **state)
{
	(void)state;
	load_rows(bounds, array_len(bounds));
}

static void names_are_labels(void **state)
{
	(void)state;
	load_rows(names, array_len(names));
}

static void addresses_and_their_keys(void **state)
{
	(void)state;
	load_rows(addresses, array_len(addresses));
}

static void nothing_twice(void **state)
{
	(void)state;
	load_rows(twice, array_len(twice));
}

static void names_resolve(void **state)
{
	(void)state;
	load_rows(references, array_len(references));
}

static void legal_and_surely_not_meant(void **state)
{
	(void)state;
	load_rows(doubts, array_len(doubts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_within_bounds),
		cmocka_unit_test(names_are_labels),
		cmocka_unit_test(addresses_and_their_keys),
		cmocka_unit_test(nothing_twice),
		cmocka_unit_test(names_resolve),
		cmocka_unit_test(legal_and_surely_not_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
