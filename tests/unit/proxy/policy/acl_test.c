/* acl: a table says of every address what the longest network says that holds it, found by asking each in turn. */
#include "proxy/policy/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "netpoll/addr.h"
#include "netpoll/err.h"
#include "proxy/base/text.h"

#define MANY  300
#define LOOKS 20000

static struct config_cidr item(const char *text)
{
	struct config_cidr c = {.written.text = text};
	const char *why = "";

	if (text[0] == '@')
		c.file = text + 1;
	else if (cidr_parse(&c.net, text, &why) < 0)
		fail_msg("\"%s\": %s", text, why);
	return c;
}

static bool denied(const struct acl *a, const char *client)
{
	struct np_addr addr;

	assert_int_equal(np_addr_parse(&addr, client, NULL), 0);
	return acl_denies(a, &addr.u.sa);
}

static size_t items(struct config_cidr *out, const char *const *texts, size_t most)
{
	size_t n = 0;

	for (; n < most && texts[n] != NULL; n++)
		out[n] = item(texts[n]);
	return n;
}

static const struct {
	const char *name, *allow[5], *deny[5], *out[6], *in[6];
} rows[] = {
	{"T1 deny alone keeps out whom it names", {NULL}, {"192.0.2.0/24"}, {"192.0.2.0:1", "192.0.2.255:1"},
	 {"192.0.1.255:1", "192.0.3.0:1", "[::1]:1", "unix:/x"}},
	{"T1 allow alone keeps out all others", {"10.0.0.0/8"}, {NULL},
	 {"9.255.255.255:1", "11.0.0.0:1", "[::1]:1", "unix:/x"},
	 {"10.0.0.0:1", "10.255.255.255:1", "[::ffff:10.1.2.3]:1"}},
	{"T1 the longest decides", {"10.0.0.0/8", "10.1.2.0/24"}, {"10.1.0.0/16", "10.1.2.3"},
	 {"10.1.0.1:1", "10.1.2.3:1", "10.1.255.255:1"}, {"10.0.0.1:1", "10.1.2.2:1", "10.1.2.4:1", "10.2.0.0:1"}},
	{"T1 deny at equal length", {"10.0.0.0/8", "::1"}, {"10.0.0.0/8", "::1"}, {"10.0.0.1:1", "[::1]:1"}, {NULL}},
	{"T1 all of a family, and an exception", {"203.0.113.7"}, {"0.0.0.0/0"},
	 {"0.0.0.0:1", "255.255.255.255:1", "203.0.113.6:1", "203.0.113.8:1", "[::1]:1"}, {"203.0.113.7:1"}},
	{"T1 families do not mix", {NULL}, {"::/0"}, {"[::]:1", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"},
	 {"1.2.3.4:1", "[::ffff:1.2.3.4]:1"}},
	{"T1 the ends of both families", {NULL}, {"0.0.0.0/1", "255.255.255.255", "::", "ffff::/16"},
	 {"0.0.0.0:1", "127.255.255.255:1", "255.255.255.255:1", "[::]:1", "[ffff::1]:1"},
	 {"128.0.0.0:1", "255.255.255.254:1", "[::1]:1", "[fffe::1]:1"}},
	{"T1 clients of a Unix socket", {"unix"}, {NULL}, {"1.2.3.4:1"}, {"unix:/x", "unix:@x"}},
	{"T1 a Unix socket denied", {"unix"}, {"unix"}, {"unix:/x"}, {NULL}},
	{"T1 written twice", {"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"}, {"10.0.0.0/9", "10.0.0.0/9"}, {"10.0.0.1:1"},
	 {"10.128.0.1:1"}},
};

static void each_row(void **state)
{
	(void)state;
	for (size_t r = 0; r < array_len(rows); r++) {
		struct config_cidr allow[5], deny[5];
		struct acl_lists lists = {allow, deny, items(allow, rows[r].allow, 5), items(deny, rows[r].deny, 5)};
		struct acl *a;

		assert_int_equal(acl_new(&lists, NULL, &a, NULL), 0);
		for (size_t i = 0; i < 6 && rows[r].out[i] != NULL; i++)
			if (!denied(a, rows[r].out[i]))
				fail_msg("%s: %s gets in", rows[r].name, rows[r].out[i]);
		for (size_t i = 0; i < 6 && rows[r].in[i] != NULL; i++)
			if (denied(a, rows[r].in[i]))
				fail_msg("%s: %s is kept out", rows[r].name, rows[r].in[i]);
		acl_put(a);
	}
}

/* ---- against asking each in turn ---- */

static bool holds(const struct cidr *net, const uint8_t addr[16])
{
	for (unsigned i = 0; i < net->bits; i++)
		if ((net->addr[i / 8] ^ addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* In few bits, so that networks and addresses meet. */
static void random_addr(uint8_t addr[16], bool v4)
{
	memset(addr, 0, 16);
	for (int i = v4 ? 12 : 0; i < 16; i++)
		addr[i] = (uint8_t)(random() % 4 == 0 ? random() : random() % 2 * 255);
	if (v4)
		addr[10] = addr[11] = 0xff;
}

static struct config_cidr random_net(bool v4)
{
	struct config_cidr c = {.net.bits = (uint8_t)(v4 ? 96 + random() % 33 : random() % 129)};

	random_addr(c.net.addr, v4);
	for (unsigned i = c.net.bits; i < 128; i++)
		c.net.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return c;
}

static bool slow_answer(const struct config_cidr *allow, const struct config_cidr *deny, const uint8_t *addr, bool v4)
{
	int best = -1;
	bool out = true; /* there is an allow list */

	for (size_t i = 0; i < MANY; i++) {
		if (cidr_is_v4(&allow[i].net) == v4 && allow[i].net.bits > best && holds(&allow[i].net, addr)) {
			best = allow[i].net.bits;
			out = false;
		}
	}
	for (size_t i = 0; i < MANY; i++) {
		if (cidr_is_v4(&deny[i].net) == v4 && deny[i].net.bits >= best && holds(&deny[i].net, addr)) {
			best = deny[i].net.bits;
			out = true;
		}
	}
	return out;
}

static void t1_says_what_asking_each_says(void **state)
{
	static struct config_cidr allow[MANY], deny[MANY];
	struct acl_lists lists = {allow, deny, MANY, MANY};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct acl *a, *again;
	unsigned outs = 0;

	(void)state;
	srandom(7);
	for (size_t i = 0; i < MANY; i++) {
		allow[i] = random_net(random() % 2);
		deny[i] = random_net(random() % 2);
	}
	assert_int_equal(acl_new(&lists, NULL, &a, NULL), 0);
	for (int i = 0; i < LOOKS; i++) {
		bool v4 = random() % 2, out;

		random_addr(in6.sin6_addr.s6_addr, v4);
		out = acl_denies(a, (const struct sockaddr *)&in6);
		assert_int_equal(out, slow_answer(allow, deny, in6.sin6_addr.s6_addr, v4));
		outs += out;
	}
	assert_in_range(outs, LOOKS / 10, LOOKS * 9 / 10); /* both answers were asked for */

	assert_int_equal(acl_new(&lists, a, &again, NULL), 0);
	assert_ptr_equal(again, a); /* the same lists share one */
	lists.ndeny--;
	acl_put(again);
	acl_put(a);
}

/* ---- files ---- */

static const char *write_list(const char *text)
{
	static char path[] = "/tmp/acl_test.XXXXXX";
	FILE *f;

	if (path[strlen(path) - 1] == 'X')
		close(mkstemp(path));
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int read_denied(const char *text, struct acl **out, char *said, size_t cap)
{
	struct config_cidr deny = {.file = write_list(text)};
	struct acl_lists lists = {NULL, &deny, 0, 1};
	struct text why;
	int err;

	text_init(&why, said, cap - 1);
	err = acl_new(&lists, NULL, out, &why);
	said[why.n] = '\0';
	unlink(deny.file);
	return err;
}

static void t1_a_file_of_networks(void **state)
{
	static const char few[] = "# a remark\r\n\r\n 10.0.0.0/8 # ours\n\t2001:db8::/32\r\nunix\n192.0.2.1";
	static char many[MANY * 16];
	char said[256];
	struct acl *a;
	size_t n = 0;

	(void)state;
	assert_int_equal(read_denied(few, &a, said, sizeof(said)), 0);
	assert_true(denied(a, "10.1.1.1:1") && denied(a, "[2001:db8::1]:1") && denied(a, "unix:/x"));
	assert_true(denied(a, "192.0.2.1:1") && !denied(a, "192.0.2.2:1"));
	acl_put(a);
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "10.%d.%d.0/24\n", i / 100, i % 100 * 2);
	assert_int_equal(read_denied(many, &a, said, sizeof(said)), 0);
	assert_true(denied(a, "10.2.198.7:1") && !denied(a, "10.2.197.7:1"));
	assert_in_range(a->v4.n * sizeof(*a->v4.at), 1, MANY * 32);
	acl_put(a);
}

static void t1_a_wrong_line_is_named(void **state)
{
	const struct config_cidr folder = {.file = "/"};
	struct text why;
	char said[256];
	struct acl *a;

	(void)state;
	assert_int_equal(read_denied("10.0.0.0/8\n\n10.0.0.0/33\n", &a, said, sizeof(said)), -NP_EINVAL);
	assert_non_null(strstr(said, ":3: behind the slash"));
	assert_null(a);
	assert_int_equal(read_denied("example.com\n", &a, said, sizeof(said)), -NP_EINVAL);
	assert_non_null(strstr(said, ":1: not an IP address"));
	text_init(&why, said, sizeof(said) - 1);
	assert_int_equal(acl_new(&(struct acl_lists){NULL, &folder, 0, 1}, NULL, &a, &why), -NP_EINVAL);
	said[why.n] = '\0';
	assert_string_equal(said, "/: it is no regular file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(t1_says_what_asking_each_says),
		cmocka_unit_test(t1_a_file_of_networks),
		cmocka_unit_test(t1_a_wrong_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
