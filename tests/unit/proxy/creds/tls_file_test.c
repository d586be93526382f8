/* Files that the proxy writes: replaced as a whole, private, and never made twice. */
#include "proxy/creds/tls_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

static const char *file_path(const char *name)
{
	static char path[KIT_PATH];

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	return path;
}

static void must_hold(const char *path, const char *text)
{
	char got[64];
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	n = fread(got, 1, sizeof(got), f);
	fclose(f);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	const char *path = file_path("whole");
	struct stat st;

	(void)state;
	assert_int_equal(tls_file_replace(path, "long and old", 12, false), 0);
	must_hold(path, "long and old");
	assert_int_equal(tls_file_replace(path, "new", 3, false), 0);
	must_hold(path, "new");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
}

static void a_fresh_file_must_not_exist(void **state)
{
	const char *path = file_path("fresh");

	(void)state;
	assert_int_equal(tls_file_replace(path, "first", 5, true), 0);
	assert_int_equal(tls_file_replace(path, "second", 6, true), -EEXIST);
	must_hold(path, "first");
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(tls_file_replace(file_path("none/file"), "x", 1, false), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_file_is_replaced_as_a_whole, kit_end), /* V29 */
		cmocka_unit_test_teardown(a_fresh_file_must_not_exist, kit_end), /* F33 */
		cmocka_unit_test_teardown(a_folder_that_is_missing_is_an_error, kit_end), /* V29 */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
