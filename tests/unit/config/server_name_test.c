/* server_name: what is a name, what is an address, and what is neither. */
#include "config/server_name.h"

#include "netpoll/addr.h"
#include "netpoll/err.h"
#include "tests/unit/config/load.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void e65_names(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *host; /* or what is wrong */
		int port;
		bool srv;
	} rows[] = {
		{"db", -NP_EINVAL, "a name needs a port behind it", 0, false},
		{"db:", -NP_EINVAL, "the port behind a name is a number", 0, false},
		{"db:http", -NP_EINVAL, "the port behind a name is a number", 0, false},
		{"db:65536", -NP_EINVAL, "the port behind a name is a number", 0, false},
		{"db:999999999999", -NP_EINVAL, "the port behind a name is a number", 0, false},
		{"db:0", -NP_EINVAL, "port 0 cannot be connected to", 0, false},
		{"db:80-90", -NP_EINVAL, "the port behind a name is a number", 0, false},
		{"a..b:80", -NP_EINVAL, "a dot stands between two parts", 0, false},
		{".a:80", -NP_EINVAL, "a dot stands between two parts", 0, false},
		{L63 "a.b:80", -NP_EINVAL, "at most 63 letters", 0, false},
		{L63 "." L63 "." L63 "." L63 ":80", -NP_EINVAL, "at most 253 letters", 0, false},
		{"srv:", -NP_EINVAL, "a dot stands between two parts", 0, false},
		{"srv:10.0.0.1", -NP_EINVAL, "an IP address is never", 0, false},
		{"srv:_pg._tcp.db:5432", -NP_EINVAL, "a name has no port", 0, false},
		{"srv:a b", -NP_EINVAL, "a name has letters", 0, false},
		{"10.0.0.1:80", 1, NULL, 0, false},
		{"10.0.0.1", 1, NULL, 0, false},
		{"[::1]:80", 1, NULL, 0, false},
		{"fe80::1", 1, NULL, 0, false},
		{"::1", 1, NULL, 0, false},
		{":80", 1, NULL, 0, false},
		{"unix:/x", 1, NULL, 0, false},
		{"unix:80", 1, NULL, 0, false},
		{"systemd:web", 1, NULL, 0, false},
		{"db:5432", 0, "db", 5432, false},
		{"DB.Example:5432", 0, "db.example", 5432, false},
		{"db.example.:80", 0, "db.example.", 80, false},
		{"my-db_1:65535", 0, "my-db_1", 65535, false},
		{"1and1.example:80", 0, "1and1.example", 80, false},
		{L63 "." L63 "." L63 ".a:1", 0, L63 "." L63 "." L63 ".a", 1, false},
		{"srv:_pg._tcp.DB.example", 0, "_pg._tcp.db.example", 0, true},
		{"srv:_pg._tcp.db.example.", 0, "_pg._tcp.db.example.", 0, true},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *why = "";
		struct server_name n;
		int err = server_name_read(&n, rows[i].text, &why);

		if (err != rows[i].err)
			fail_msg("%s: %d, %s", rows[i].text, err, why);
		if (err < 0 && strstr(why, rows[i].host) == NULL)
			fail_msg("%s: %s", rows[i].text, why);
		if (err == 0 && (strcmp(n.host, rows[i].host) != 0 || n.port != rows[i].port || n.srv != rows[i].srv))
			fail_msg("%s: %s %u", rows[i].text, n.host, n.port);
	}
}

static void name_servers(void **state)
{
	static const struct {
		const char *text, *address;
	} rows[] = {
		{"", NULL}, {"system", NULL}, {"10.0.0", NULL}, {"10.0.0.1:", NULL}, {"10.0.0.1:0", NULL},
		{":53", NULL},
		{"ns.example", NULL}, {"[::1", NULL}, {"unix:/x", NULL}, {"[::1]:99999", NULL},
		{"10.0.0.1000000000000000000000000000000000000000000000000000000000000000:53", NULL},
		{"10.0.0.53", "10.0.0.53:53"}, {"10.0.0.53:5353", "10.0.0.53:5353"},
		{"2001:db8::1", "[2001:db8::1]:53"},
		{"[2001:db8::1]", "[2001:db8::1]:53"}, {"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		char text[NP_ADDR_TEXT] = "";
		struct np_addr a;
		int err = server_name_of_dns(&a, rows[i].text);

		if (err == 0)
			np_addr_format(&a.u.sa, a.len, text, sizeof(text));
		if ((err == 0) != (rows[i].address != NULL) || (err == 0 && strcmp(text, rows[i].address) != 0))
			fail_msg("%s: %d %s", rows[i].text, err, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e65_names),
		cmocka_unit_test(name_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
