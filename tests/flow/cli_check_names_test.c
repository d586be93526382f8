/* E65, V22: check says which names of servers are not found now, and of those that only the C library finds it says so.
 * It fails for none of them, it ends in time, and with --offline it asks nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"
#include "tests/unit/proxy/resolve/name_server.h"

static struct name_server ns;
static char out[16384], err[65536];

/* Of the first letter: g is good, s silent, the rest unknown. */
static void by_letter(struct name_server *s, const struct name_asked *q, struct reply *r)
{
	(void)s;
	if (q->name[0] == 's')
		r->n = 0;
	else if (q->name[0] != 'g' && q->name[0] != '_')
		reply_rcode(r, REPLY_NXDOMAIN);
	else if (q->type == REPLY_A)
		reply_addr(r, q->name, 60, "192.0.2.1");
	else if (q->type == REPLY_SRV && q->name[1] == 'g')
		reply_srv(r, q->name, 60, (unsigned[]){1, 1, 1}, "g.example");
}

static const char *file(const char *dns, const char *servers)
{
	static char path[KIT_PATH];

	kit_file_write("check.yaml",
		       textf("dns: {%s}\nlisteners:\n  - {name: web, upstream: app, bind: \"%s:%d\"}\n"
			     "upstreams:\n  - {name: app, servers: [%s]}\n",
			     dns, kit_ip(0), kit_port(kit_ip(0)), servers),
		       path);
	return path;
}

static int ended(struct kit_child *c)
{
	int status = kit_child_wait(c);

	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	return status;
}

static int check(const char *path, const char *option)
{
	return ended(kit_child_start("check", KIT_ARGV(kit_binary(), "check", path, "--color=never", option)));
}

static const char *asks_us(const char *more)
{
	return textf("servers: \"%s\"%s", ns.text, more);
}

static void begin(void)
{
	ns = (struct name_server){.script = by_letter};
	name_server_start(&ns);
}

static void e65_found_and_not_found(void **state)
{
	const char *path;

	(void)state;
	begin();
	path = file(asks_us(""), "\"g.example:1\", \"localhost:1\", \"srv:_g._tcp.example\"");
	assert_int_equal(check(path, NULL), 0);
	assert_string_equal(err, "");
	path = file(asks_us(""), "\"g.example:1\", \"none.example:1\", \"none.example:2\", \"srv:_n._tcp.example\"");
	assert_int_equal(check(path, NULL), 0);
	expect_part(err, "warning[W403]: the name \"none.example:1\" is not found now: Domain name not found\n  --> ");
	expect_part(err, "warning[W403]: the name \"srv:_n._tcp.example\" is not found now: ");
	expect_part(err, "2 warnings - "); /* a name is told once */
	assert_int_equal(check(path, "--strict"), 78);
	assert_int_equal(check(path, "--offline"), 0);
	assert_string_equal(err, "");
	assert_int_equal(ended(kit_child_start("doctor", KIT_ARGV(kit_binary(), "doctor", "-c", path))) & ~1, 0);
	expect_part(out, "W403 in line 5: the name \"none.example:1\" is not found now");
	name_server_stop(&ns);
}

/* A socket that nobody reads. Its address. */
static const char *silence(int *fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int port = kit_port(kit_ip(1));

	inet_pton(AF_INET, kit_ip(1), &a.sin_addr);
	a.sin_port = htons((uint16_t)port);
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return textf("%s:%d", kit_ip(1), port);
}

/* 60 names whose servers are silent: 50 are asked at once, and the time is that of one. */
static void e65_silent_name_servers(void **state)
{
	char servers[2048] = "", dns[256];
	int fds[2];

	(void)state;
	begin();
	snprintf(dns, sizeof(dns), "servers: [\"%s\", \"%s\", \"%s\"], timeout: 300ms", ns.text, silence(&fds[0]),
		 silence(&fds[1]));
	for (int i = 0; i < 60; i++)
		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s\"s%d.example:1\"",
			 i > 0 ? ", " : "", i);
	assert_int_equal(check(file(dns, servers), NULL), 0);
	expect_part(err, "60 warnings");
	expect_part(err, "the name \"s0.example:1\" is not found now: no answer within dns.timeout");
	assert_true(name_server_asked(&ns.udp) >= 50);
	close(fds[0]);
	close(fds[1]);
	name_server_stop(&ns);
}

/* A module of nsswitch.conf that knows one name. */
static const char module_source[] =
	"#include <errno.h>\n#include <netdb.h>\n#include <nss.h>\n#include <string.h>\n#include <sys/socket.h>\n"
	"enum nss_status _nss_kit_gethostbyname2_r(const char *name, int af, struct hostent *h, char *room, size_t n,\n"
	"                                         int *e, int *he)\n"
	"{\n"
	"	char **list = (char **)room;\n"
	"	if (strcmp(name, \"printer.local\") != 0 || af != AF_INET || n < 64 + sizeof(\"printer.local\")) {\n"
	"		*e = ENOENT; *he = HOST_NOT_FOUND; return NSS_STATUS_NOTFOUND;\n"
	"	}\n"
	"	list[0] = room + 32; list[1] = NULL; list[2] = NULL;\n"
	"	memcpy(room + 32, \"\\300\\0\\2\\1\", 4);\n"
	"	strcpy(room + 64, \"printer.local\");\n"
	"	*h = (struct hostent){room + 64, list + 2, AF_INET, 4, list};\n"
	"	return NSS_STATUS_SUCCESS;\n"
	"}\n";

/* In a mount namespace whose nsswitch.conf has the module. */
static int check_with_module(const char *path)
{
	return ended(kit_child_start("check", KIT_ARGV("unshare", "-m", "sh", "-ec",
		textf("mount --bind %s/nsswitch.conf /etc/nsswitch.conf; LD_LIBRARY_PATH=%s exec \"$0\" check \"$1\"",
		      kit_dir(), kit_dir()),
		kit_binary(), path)));
}

static void e65_what_only_the_c_library_knows(void **state)
{
	char path[KIT_PATH];

	(void)state;
	if (geteuid() != 0 || !kit_have("cc"))
		skip();
	begin();
	kit_file_write("kit.c", module_source, path);
	kit_file_write("nsswitch.conf", "hosts: files kit\n", path);
	assert_int_equal(kit_child_wait(kit_child_start("cc", KIT_ARGV("cc", "-shared", "-fPIC", "-o",
		textf("%s/libnss_kit.so.2", kit_dir()), textf("%s/kit.c", kit_dir())))), 0);
	assert_int_equal(check_with_module(file(asks_us(""), "\"printer.local:1\", \"none.local:1\"")), 0);
	expect_part(err, "the name \"printer.local:1\" is not found now: Domain name not found");
	expect_part(err, "the C library finds it; dns.servers, which are asked instead, do not know it");
	expect_part(err, "2 warnings");
	assert_null(strstr(strstr(err, "none.local"), "the C library finds it"));
	/* Without dns.servers those of resolv.conf are asked: perhaps there are none here, and none knows it. */
	assert_int_equal(check_with_module(file("timeout: 1s", "\"printer.local:1\"")), 0);
	expect_part(err, "the C library finds it, by a module of nsswitch.conf; staunch asks /etc/hosts and name "
			 "servers alone");
	name_server_stop(&ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e65_found_and_not_found, kit_end),
		cmocka_unit_test_teardown(e65_silent_name_servers, kit_end),
		cmocka_unit_test_teardown(e65_what_only_the_c_library_knows, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
