/* cidr: what is read is exactly what was written, and what is refused says what to write. */
#include "config/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

static const struct {
	const char *text, *why;
} refused[] = {
	{"", "an address or a network is missing"},
	{"/8", "an address or a network is missing"},
	{"10.0.0.0/", "behind the slash of an IPv4"},
	{"10.0.0.0/33", "behind the slash of an IPv4"},
	{"10.0.0.0/08", "behind the slash of an IPv4"},
	{"10.0.0.0/+8", "behind the slash of an IPv4"},
	{"10.0.0.0/-1", "behind the slash of an IPv4"},
	{"10.0.0.0/8 ", "behind the slash of an IPv4"},
	{"10.0.0.0/8/8", "behind the slash of an IPv4"},
	{"10.0.0.0/4294967304", "behind the slash of an IPv4"},
	{"10.0.0.0/255.0.0.0", "behind the slash of an IPv4"},
	{"2001:db8::/129", "behind the slash of an IPv6"},
	{"2001:db8::/256", "behind the slash of an IPv6"},
	{"10.0.0/8", "not an IPv4 address"},
	{"10.0.0.256", "not an IPv4 address"},
	{"010.0.0.1", "not an IPv4 address"},
	{"10.0.0.1:80", "not an IPv4 address"},
	{"10.0.0.1-10.0.0.9", "a range"},
	{"[::1]", "a network is written without brackets"},
	{"fe80::1%eth0", "a network has no zone"},
	{"fe80::%1/64", "a network has no zone"},
	{"localhost", "not an IP address"},
	{"any", "not an IP address"},
	{"unix:", "not an IP address"},
	{"UNIX", "not an IP address"},
	{"unix/8", "not an IP address"},
	{"10", "not an IP address"},
	{" ::1", "not an IP address"},
	{"1:2:3:4:5:6:7:8:9", "not an IP address"},
	{"1111:2222:3333:4444:5555:6666:7777:8888:9999::", "not an IP address"}, /* a byte more than the longest */
	{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", "not an IP address"},
};

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(refused); i++) {
		struct cidr c = {.bits = 77};
		const char *why = NULL;
		int err = cidr_parse(&c, refused[i].text, &why);

		if (err != -NP_EINVAL || why == NULL || strncmp(why, refused[i].why, strlen(refused[i].why)) != 0)
			fail_msg("\"%s\": %d, %s", refused[i].text, err, why == NULL ? "no sentence" : why);
		assert_int_equal(c.bits, 77);
	}
}

static const struct {
	const char *text, *out;
	unsigned bits;
	bool v4;
} forms[] = {
	{"10.0.0.0/8", "10.0.0.0/8", 104, true},
	{"0.0.0.0/0", "0.0.0.0/0", 96, true},
	{"192.0.2.1", "192.0.2.1", 128, true},
	{"192.0.2.1/32", "192.0.2.1", 128, true},
	{"192.0.2.254/31", "192.0.2.254/31", 127, true},
	{"::ffff:10.0.0.0/104", "10.0.0.0/8", 104, true},
	{"::ffff:0:0/96", "0.0.0.0/0", 96, true},
	{"::", "::", 128, false},
	{"::1", "::1", 128, false},
	{"::1/128", "::1", 128, false},
	{"::/0", "::/0", 0, false},
	{"::/96", "::/96", 96, false},
	{"2001:db8::/32", "2001:db8::/32", 32, false},
	{"2001:DB8:0::/33", "2001:db8::/33", 33, false},
	{"unix", "unix", CIDR_UNIX, false},
};

static void every_form_is_read_and_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(forms); i++) {
		struct cidr c, again;
		const char *why = "";
		char out[CIDR_TEXT];

		if (cidr_parse(&c, forms[i].text, &why) != 0)
			fail_msg("\"%s\": %s", forms[i].text, why);
		assert_int_equal(c.bits, forms[i].bits);
		assert_int_equal(cidr_is_v4(&c), forms[i].v4);
		assert_string_equal(cidr_format(&c, out), forms[i].out);
		assert_int_equal(cidr_parse(&again, out, &why), 0);
		assert_memory_equal(&c, &again, sizeof(c));
	}
}

static const struct {
	const char *text, *out;
} stray[] = {
	{"10.0.0.1/8", "10.0.0.0/8"},
	{"10.255.255.255/9", "10.128.0.0/9"},
	{"192.0.2.1/31", "192.0.2.0/31"},
	{"255.255.255.255/0", "0.0.0.0/0"},
	{"2001:db8::1/32", "2001:db8::/32"},
	{"::1/127", "::/127"},
	{"ffff::/1", "8000::/1"},
	{"::ffff:10.0.0.0/90", "::ffc0:0:0/90"},
	{"::1/0", "::/0"},
};

static void host_bits_are_cleared_and_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(stray); i++) {
		struct cidr c;
		const char *why = NULL;
		char out[CIDR_TEXT];

		assert_int_equal(cidr_parse(&c, stray[i].text, &why), 1);
		assert_non_null(why);
		assert_string_equal(cidr_format(&c, out), stray[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(every_form_is_read_and_printed),
		cmocka_unit_test(host_bits_are_cleared_and_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
