/* messages: the exact first line of what a person reads about each slip. A message that is changed
 * is changed here too, and is then read once as an operator would read it at night. */
#include "tests/unit/config/load.h"

#define L     "listeners: [{name: web, bind: \":80\", upstream: app"
#define U     "}]\nupstreams: [{name: app, servers: [\"10.0.0.1:80\"]"
#define END   "}]\n"
#define A10   "aaaaaaaaaa"
#define A63   A10 A10 A10 A10 A10 A10 "aaa"

/* A value of a listener's or of the upstream's, and the sentence about it. */
#define OF_LISTENER(value, line) {L ", " value U END, line}
#define OF_UPSTREAM(value, line) {L U ", " value END, line}
#define CIDR(text, why)                                                                             \
	OF_LISTENER("proxy_protocol: {accept: required, trusted: \"" text "\"}",                     \
		    "error[E210]: \"trusted\" cannot be \"" text "\": " why)
#define SNI(text, why)  OF_LISTENER("routes: [{sni: \"" text "\", upstream: app}]", \
				    "error[E206]: \"sni\" cannot be \"" text "\": " why)
#define BIND(code, text, why) \
	{"listeners: [{name: web, upstream: app, bind: \"" text "\"" U END, \
	 "error[" code "]: \"bind\" cannot be \"" text "\": " why}

static const struct row {
	const char *text, *line;
} rows[] = {
	/* networks */
	CIDR("/8", "an address or a network is missing: write 10.0.0.0/8 or ::1"),
	CIDR("[::1]", "a network is written without brackets: 2001:db8::/32"),
	CIDR("fe80::1%eth0", "a network has no zone: leave out the % and what follows"),
	CIDR("10.0.0.0-10.0.0.3", "a range is written as the networks it consists of: 10.0.0.0/30"),
	CIDR("10.0.0.256", "not an IPv4 address: four numbers from 0 to 255, without leading zeros or a port"),
	CIDR("localhost", "not an IP address, a network, or the word unix; names are not resolved here"),
	CIDR("10.0.0.0/33", "behind the slash of an IPv4 network stand 0 to 32 bits"),
	CIDR("::/129", "behind the slash of an IPv6 network stand 0 to 128 bits"),
	/* names */
	SNI("a..b", "a dot stands between two parts of a name, each of a letter at least"),
	SNI("a/b", "a name alone, not a URL"),
	SNI("a:443", "a name has no port"),
	SNI("b\xC3\xBC" "cher", "a name beyond ASCII is written in its xn-- form"),
	SNI("a b", "a name has letters, digits, - and _, with dots between"),
	SNI(A63 "a.b", "a part of a name has at most 63 letters"),
	SNI("*", "leave the key out to match every name"),
	SNI("a*.b", "one * stands for the first or the last part: *.example.com or example.*"),
	SNI("10.0.0.1", "an IP address is never sent as a name"),
	OF_UPSTREAM("tls: {sni: 10.0.0.1}",
		    "error[E206]: \"sni\" cannot be \"10.0.0.1\": an IP address is never sent as a name"),
	/* addresses */
	BIND("E205", "8080", "a port alone is not an address: write it with a colon, as in \":8080\""),
	BIND("E205", "*:80", "every address is written without the star, as in \":8080\""),
	BIND("E208", "srv:_x._tcp.y", "SRV records are not looked up yet: list the servers by address"),
	BIND("E208", ":80-90", "port ranges are not there yet: list the addresses one by one"),
	BIND("E208", "systemd:web", "sockets handed in by systemd are not there yet: write the address"),
	BIND("E208", "a.b:80", "names are not resolved yet: write the IP address"),
	{L "}]\nupstreams: [{name: app, servers: [\":80\"]}]\n",
	 "error[E205]: \"address\" cannot be \":80\": a server needs an address before the colon"},
	{L "}]\nupstreams: [{name: app, servers: [\"10.0.0.1:0\"]}]\n",
	 "error[E205]: \"address\" cannot be \"10.0.0.1:0\": port 0 cannot be connected to"},
	/* numbers and words */
	OF_UPSTREAM("retries: \"2\"", "error[E202]: \"retries\" cannot be \"2\": numbers are written without quotes"),
	OF_UPSTREAM("retries: -1", "error[E202]: \"retries\" cannot be \"-1\": it cannot be negative"),
	OF_UPSTREAM("retries: 101", "error[E203]: \"retries\" is 101, more than 100"),
	OF_UPSTREAM("balance: leastconn",
		    "error[E204]: \"balance\" cannot be \"leastconn\": "
		    "write round_robin, least_conn, random_two or source_hash"),
	OF_UPSTREAM("tls: {verify: \"false\"}",
		    "error[E204]: \"verify\" cannot be \"false\": true and false are written without quotes"),
	OF_UPSTREAM("tls: {verify: no}", "error[E204]: \"verify\" cannot be \"no\": write true or false"),
	OF_LISTENER("timeouts: {idle: 0}",
		    "error[E203]: \"idle\" cannot be \"0\": 0 does not switch it off: write off"),
	OF_LISTENER("timeouts: {idle: 5}",
		    "error[E201]: \"idle\" cannot be \"5\": a unit is required: ms, s, m, h or d"),
	OF_LISTENER("preread: {max_bytes: 4k}",
		    "error[E209]: \"max_bytes\" cannot be \"4k\": "
		    "write KiB: a bare k is 1000 to some and 1024 to others"),
	OF_LISTENER("backlog: {}", "error[E107]: \"backlog\" takes a plain value, not a map"),
	OF_LISTENER("backlog: ~", "error[E107]: \"backlog\" has no value"),
	OF_LISTENER("routes: []", "error[E203]: \"routes\" has 0 elements, it takes 1 to 1000"),
	/* keys */
	OF_LISTENER("uptream: b", "error[E102]: unknown key \"uptream\" in listener \"web\""),
	OF_LISTENER("backlog: 1, backlog: 2", "error[E103]: the key \"backlog\" is written twice"),
	OF_LISTENER("[a]: b", "error[E107]: a key must be a plain word"),
	{L U END "include: x\n", "error[E208]: \"include\" is not there yet: one file holds everything for now"},
	{L "}]\n", "error[E106]: the key \"upstreams\" is missing"},
	/* YAML */
	{L U END "workers: !!int 2\n", "error[E104]: tags are refused: each key knows its type"},
	{"a: *b\n", "error[E101]: no anchor &b stands before this alias"},
	{"a:\n\tb: c\n", "error[E104]: a tab in the indentation; indent with spaces"},
	{"a: \xFF\n", "error[E108]: the text is not UTF-8 here"},
	/* what single values cannot tell */
	{L "}, {name: web, bind: \":81\", upstream: app" U END, "error[E302]: a listener \"web\" is already defined"},
	{L "}, {name: b, bind: \":80\", upstream: app" U END, "error[E303]: the address :80 is already bound"},
	{L U ", balance: random_two}, {name: app, servers: [\"10.0.0.2:1\"]" END,
	 "error[E302]: an upstream \"app\" is already defined"},
	{"listeners: [{name: web, bind: \":0\", upstream: app" U END,
	 "warning[W201]: port 0: the kernel chooses one, anew at each start"},
	{"listeners: [{name: web, bind: \":80\", upstream: apq" U END,
	 "error[E301]: upstream \"apq\" is not defined (referenced by listener \"web\")"},
	OF_LISTENER("tls: {certificates: [{cert: a, key: b}]}, routes: [{tls: none, upstream: app}]",
		    "warning[W306]: TLS ends here, so a client without it comes to no route"),
	OF_UPSTREAM("tls: {cert: a}", "error[E106]: the key \"key\" is missing beside \"cert\""),
	OF_UPSTREAM("tlvs: alpn", "error[E307]: \"tlvs\" needs proxy_protocol: v2"),
	OF_LISTENER("timeouts: {lifetime: 1m, idle: 5m}",
		    "warning[W304]: lifetime is shorter, so this is never reached"),
	OF_LISTENER("at_limit: wait", "warning[W303]: at_limit has no effect without max_connections or tls"),
};

static void first_lines(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct load l = load_text(rows[i].text);
		size_t n = strcspn(l.report->text, "\n");

		if (n != strlen(rows[i].line) || memcmp(l.report->text, rows[i].line, n) != 0) {
			print_error("%s\nsays\n%.*s\nand not\n%s\n\n", rows[i].text, (int)n,
				    l.report->text, rows[i].line);
			wrong++;
		}
		load_free(&l);
	}
	assert_int_equal(wrong, 0);
}

/* A value too long to be anything, and a file too large to be a configuration. */
static void too_long(void **state)
{
	size_t n = 2 << 20;
	char *text = malloc(n + 1);
	struct load l;

	(void)state;
	assert_non_null(text);
	memset(text, '#', n);
	text[n] = '\0';
	l = load_text(text);
	assert_string_equal(l.report->text, "error[E105]: t.yaml is larger than 1 MiB\n"
					    "1 error - configuration NOT loaded\n");
	load_free(&l);
	n = (size_t)snprintf(text, n, L ", tls: {certificates: [{cert: ");
	memset(text + n, 'x', 5000);
	snprintf(text + n + 5000, 200, ", key: b}]}" U END);
	l = load_text(text);
	assert_non_null(strstr(l.report->text, "xxx\": it is longer than any value may be\n"));
	load_free(&l);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_lines),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
