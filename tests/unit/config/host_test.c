/* host: what is a host name, by the first fault of what is none. */
#include "config/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"
#define A61 A10 A10 A10 A10 A10 A10 "a"

static void faults(void **state)
{
	static const struct {
		const char *name;
		enum host_fault fault;
	} rows[] = {
		{"", HOST_EMPTY_LABEL},
		{".", HOST_EMPTY_LABEL},
		{"a.", HOST_EMPTY_LABEL},
		{".a", HOST_EMPTY_LABEL},
		{"a..b", HOST_EMPTY_LABEL},
		{"a b", HOST_BAD_BYTE},
		{"a\x80", HOST_BAD_BYTE},
		{"a/b", HOST_BAD_BYTE},
		{"a*", HOST_BAD_BYTE},
		{A63 "a", HOST_LABEL_TOO_LONG},
		{A63 "." A63 "." A63 "." A61 "a", HOST_TOO_LONG},
		{A63 "." A63 "." A63 "." A61, HOST_OK},
		{A63, HOST_OK},
		{"a", HOST_OK},
		{"-_0Z.example", HOST_OK},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		if (host_check(rows[i].name, strlen(rows[i].name)) != rows[i].fault)
			fail_msg("\"%s\" is judged otherwise", rows[i].name);
}

/* A client's SNI is not terminated, and may hold a NUL. */
static void bytes_are_counted(void **state)
{
	(void)state;
	assert_int_equal(host_check("a.b..", 3), HOST_OK);
	assert_int_equal(host_check("a\0b", 3), HOST_BAD_BYTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults),
		cmocka_unit_test(bytes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
