/* Servers that are names, with name servers that others wrote: dnsmasq, whose hosts change under it; nsd, for SRV
 * records and answers too large for UDP; and one on dnslib that lies. E56, E57, E58, E59, E63, E64, E66. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define PYTHON "/usr/bin/python3" /* Debian's, which has dnslib */
#define MANY   500

static char text[65536];

struct place {
	const char *ip;
	int port;
};

/* The name server answers on TCP as well once it is up. */
static bool is_up(void *arg)
{
	const struct place *p = arg;
	int fd = kit_try_connect(p->ip, p->port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void wait_up(struct kit_child *c, const char *ip, int port)
{
	struct place p = {ip, port};

	if (!kit_wait(is_up, &p, KIT_MS) || !kit_child_alive(c)) {
		kit_file_read(c->err, text, sizeof(text));
		kit_fail("%s does not come up: %s", c->name, text);
	}
}

static void stop(struct kit_child *c)
{
	kit_child_signal(c, SIGKILL);
	kit_child_wait(c);
}

/* ns: the name server; servers: of the upstream `app`. */
static struct kit_staunch *begin_at(int port, const char *ns, const char *dns, const char *servers)
{
	snprintf(text, sizeof(text),
		 TWO_WORKERS "control: {socket: \"%s\"}\ndns: {servers: [\"%s\"], %s}\n"
			     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			     "upstreams:\n  - {name: app, servers: [%s]}\n",
		 control_socket(), ns, dns, kit_ip(0), port, servers);
	return kit_staunch_start(text);
}

/* The name server is at this port of kit_ip(9). */
static struct kit_staunch *begin(int port, int ns, const char *dns, const char *servers)
{
	return begin_at(port, textf("%s:%d", kit_ip(9), ns), dns, servers);
}

static void expect_members(int n)
{
	expect_part(control_expect(200, "GET /metrics", ""), textf("\nstaunch_dns_members{upstream=\"app\"} %d\n", n));
}

static void visit(int port, int clients)
{
	for (int i = 0; i < clients; i++)
		end_orderly(served(kit_ip(0), port));
}

/* ---- dnsmasq ---- */

static void hosts(const char *lines)
{
	char path[KIT_PATH];

	kit_file_write("hosts", lines, path);
}

static struct kit_child *dnsmasq(const char *ip, int port)
{
	return kit_child_start("dnsmasq", KIT_ARGV("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		"--no-resolv", "--no-hosts", "--local=/example/", "--bind-interfaces", "--pid-file=", "--local-ttl=1",
		textf("--user=%s", geteuid() == 0 ? "root" : ""), textf("--port=%d", port),
		textf("--listen-address=%s", ip), textf("--addn-hosts=%s/hosts", kit_dir())));
}

/* E56, E57, E58, E60: addresses of both families, and what the server's own file says later, each second. */
static void e56_e58_dnsmasq_changes_its_hosts(void **state)
{
	int port = kit_port(kit_ip(0)), to = kit_port("::1"), at = kit_port(kit_ip(9));
	const char *ips[] = {kit_ip(1), kit_ip(2), "::1", kit_ip(3)};
	struct kit_peer *peers[array_len(ips)];
	struct kit_child *ns;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("dnsmasq"))
		skip();
	for (size_t i = 0; i < array_len(ips); i++)
		peers[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = ips[i], .port = to});
	hosts(textf("%s db.example\n%s db.example\n::1 db.example\n", ips[0], ips[1]));
	ns = dnsmasq(kit_ip(9), at);
	wait_up(ns, kit_ip(9), at);
	s = begin(port, at, "family: both", textf("\"db.example:%d\"", to));
	visit(port, 9);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kit_peer_accepted(peers[i]), 3);
	hosts(textf("%s db.example\n%s db.example\n::1 db.example\n", ips[0], ips[3]));
	kit_child_signal(ns, SIGHUP);
	kit_staunch_wait_err(s, textf("come: %s:%d", ips[3], to), 1);
	kit_staunch_wait_err(s, textf("gone: %s:%d", ips[1], to), 1);
	expect_members(3);
	visit(port, 9);
	assert_true(kit_peer_accepted(peers[3]) >= 3);
	hosts("");
	kit_child_signal(ns, SIGHUP);
	kit_staunch_wait_err(s, "name db.example: ", 1); /* it is no more: kept for hold */
	visit(port, 3);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	stop(ns);
}

/* E65: a name server may have an IPv6 address, and stand behind one that cannot be reached. */
static void e65_a_name_server_of_ipv6(void **state)
{
	int port = kit_port(kit_ip(0)), at = kit_port("::1"), to = kit_port(kit_ip(1));
	struct kit_peer *echo;
	struct kit_child *ns;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("dnsmasq"))
		skip();
	echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = kit_ip(1), .port = to});
	hosts(textf("%s db.example\n", kit_ip(1)));
	ns = dnsmasq("::1", at);
	wait_up(ns, "::1", at);
	s = begin_at(port, textf("%s:%d\", \"[::1]:%d", kit_ip(9), kit_refuser(kit_ip(9)), at), "timeout: 2s",
		     textf("\"db.example:%d\"", to));
	visit(port, 2);
	assert_int_equal(kit_peer_accepted(echo), 2);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	stop(ns);
}

/* ---- nsd ---- */

static struct kit_child *nsd(int port, const char *zone)
{
	char conf[KIT_PATH], path[KIT_PATH];

	kit_file_write("example.zone", zone, path);
	kit_file_write("nsd.conf",
		       textf("server:\n ip-address: %s@%d\n server-count: 1\n username: \"%s\"\n chroot: \"\"\n"
			     " zonesdir: \"@DIR@\"\n database: \"\"\n pidfile: \"\"\n xfrdfile: \"@DIR@/xfrd\"\n"
			     " zonelistfile: \"@DIR@/zones\"\n xfrdir: \"@DIR@\"\n"
			     "remote-control:\n control-enable: no\n"
			     "zone:\n name: example\n zonefile: example.zone\n",
			     kit_ip(9), port, geteuid() == 0 ? "root" : ""),
		       conf);
	return kit_child_start("nsd", KIT_ARGV("nsd", "-d", "-c", conf));
}

/* E63, E59: services with priority, weight and port; and 60 addresses, which UDP has no room for. */
static void e63_e59_nsd(void **state)
{
	int port = kit_port(kit_ip(0)), at = kit_port(kit_ip(9));
	struct kit_peer *peers[3];
	const char *zone = "$ORIGIN example.\n$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\n";
	struct kit_child *ns;
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("nsd"))
		skip();
	for (int i = 0; i < 3; i++) {
		peers[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = kit_ip(1 + i)});
		zone = textf("%sh%d A %s\n_db._tcp SRV %d %d %d h%d\n", zone, i, kit_ip(1 + i), i < 2 ? 10 : 20,
			     i == 0 ? 3 : 1, kit_peer_port(peers[i]), i);
	}
	snprintf(text, sizeof(text), "%s", zone);
	for (int i = 0; i < 60; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "large A 10.9.0.%d\n", i + 1);
	ns = nsd(at, text);
	wait_up(ns, kit_ip(9), at);
	s = begin(port, at, "family: v4", "\"srv:_db._tcp.example\"");
	visit(port, 8);
	assert_int_equal(kit_peer_accepted(peers[0]), 6);
	assert_int_equal(kit_peer_accepted(peers[1]), 2);
	assert_int_equal(kit_peer_accepted(peers[2]), 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	s = begin(port, at, "family: v4", "\"large.example:80\"");
	expect_members(60);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	stop(ns);
}

/* ---- one that lies ---- */

/* NULL: there is no dnslib. */
static struct kit_child *liar(int at, const char *own)
{
	struct kit_child *c = kit_child_start("liar", KIT_ARGV(PYTHON, "-c", "import dnslib"));

	if (kit_child_wait(c) != 0)
		return NULL;
	c = kit_child_start("liar", KIT_ARGV(PYTHON, "tests/flow/upstream_names_hostile.py", kit_ip(9), textf("%d", at),
					      kit_ip(1), kit_ip(2), own));
	kit_file_wait(c->out, "ready", 1);
	return c;
}

/* E66: nothing that is false is believed, and what is too large is cut. */
static void e66_a_name_server_that_lies(void **state)
{
	static const struct {
		const char *name;
		int members;
		const char *says; /* in the log; NULL: nothing */
	} rows[] = {
		{"good.example", 1, NULL},
		{"id.example", 1, NULL},
		{"question.example", 1, NULL},
		{"source.example", 1, NULL},
		{"loop.example", 0, "name loop.example: a malformed reply; nothing is known of it"},
		{"many.example", 256, "name many.example has more than 256 records: the others are not used"},
		{"large.example", 256, "name large.example has more than 256 records: the others are not used"},
		{"bad.example", 1, "is left out: it is no host's address"},
	};
	int port = kit_port(kit_ip(0)), at = kit_port(kit_ip(9));
	struct kit_child *ns = liar(at, kit_ip(0));

	(void)state;
	if (ns == NULL)
		skip();
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_staunch *s = begin(port, at, "timeout: 2s, tries: 1, start: 10s",
					      textf("\"%s:%d\"", rows[i].name, port));

		expect_members(rows[i].members);
		if (rows[i].members == 1)
			expect_part(control_expect(200, "GET /v1/servers", ""),
				    textf("\"server\":\"%s:%d\"", kit_ip(1), port));
		if (rows[i].says != NULL)
			kit_staunch_wait_err(s, rows[i].says, 1);
		assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	}
	stop(ns);
}

/* E64: so many names at a start are asked for 50 at a time, which the name server counts; then each has its server. */
static void e64_500_names(void **state)
{
	int port = kit_port(kit_ip(0)), at = kit_port(kit_ip(9)), most = 0, asked = 0;
	struct kit_child *ns = liar(at, kit_ip(0));
	static char servers[MANY * 20];
	struct kit_staunch *s;
	const char *last;

	(void)state;
	if (ns == NULL)
		skip();
	for (int i = 0; i < MANY; i++)
		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s\"n%d.example:80\"",
			 i > 0 ? ", " : "", i);
	s = begin(port, at, "timeout: 10s, start: 10s", servers);
	expect_members(MANY);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	stop(ns);
	kit_file_read(ns->out, text, sizeof(text));
	last = strstr(text, textf("asked %d\n", MANY));
	assert_non_null(last);
	while (last > text && last[-1] != '\n')
		last--;
	assert_int_equal(sscanf(last, "most %d asked %d", &most, &asked), 2);
	assert_in_range(most, 5, 50);
}

/* E65: a name of this machine, on the command line. */
static void e65_localhost(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = "127.0.0.1"});
	int port = kit_port(kit_ip(0));
	struct kit_child *c;

	(void)state;
	c = kit_child_start("staunch", KIT_ARGV(kit_binary(), "proxy", "--from", textf("%s:%d", kit_ip(0), port),
						 "--to", textf("localhost:%d", kit_peer_port(echo))));
	kit_file_wait(c->err, "ready", 1);
	visit(port, 2);
	assert_int_equal(kit_peer_accepted(echo), 2);
	kit_child_signal(c, SIGTERM);
	assert_int_equal(kit_child_wait(c), 0);
}

#define CASE(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(e56_e58_dnsmasq_changes_its_hosts),
		CASE(e65_a_name_server_of_ipv6),
		CASE(e63_e59_nsd),
		CASE(e66_a_name_server_that_lies),
		CASE(e64_500_names),
		CASE(e65_localhost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
