/* source: a text is kept as it was read, and its lines are found again. */
#include "config/text/source.h"

#include <unistd.h>

#include "netpoll/err.h"
#include "tests/unit/config/load.h"

static struct source *from(const char *text)
{
	struct source *s;

	assert_int_equal(source_new(&s, "t.yaml", text, strlen(text)), 0);
	return s;
}

static void lines(void **state)
{
	struct source *s = from("one\r\n\nthree");
	size_t n;

	(void)state;
	assert_null(source_line(s, 0, &n));
	assert_memory_equal(source_line(s, 1, &n), "one", 3);
	assert_int_equal(n, 3);
	assert_non_null(source_line(s, 2, &n));
	assert_int_equal(n, 0);
	assert_memory_equal(source_line(s, 3, &n), "three", 5);
	assert_int_equal(n, 5);
	assert_null(source_line(s, 4, &n));
	assert_null(source_line(s, 400, &n));
	source_free(s);
}

static void byte_order_mark_is_cut(void **state)
{
	struct source *s = from("\xEF\xBB\xBF" "a: b");

	(void)state;
	assert_string_equal(s->text, "a: b");
	assert_int_equal(s->n, 4);
	source_free(s);
}

static void size_limit(void **state)
{
	char *big = calloc(1, SOURCE_MAX + 1);
	struct source *s = NULL;

	(void)state;
	assert_non_null(big);
	memset(big, '#', SOURCE_MAX + 1);
	assert_int_equal(source_new(&s, "t", big, SOURCE_MAX + 1), -EFBIG);
	assert_null(s);
	assert_int_equal(source_new(&s, "t", big, SOURCE_MAX), 0);
	source_free(s);
	free(big);
}

static void read_files(void **state)
{
	struct source *s = NULL;
	char path[] = "/tmp/source_test.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: b\n", 5), 5);
	assert_int_equal(source_read(&s, path), 0);
	assert_string_equal(s->name, path);
	assert_string_equal(s->text, "a: b\n");
	s = source_free(s);
	assert_null(s);
	assert_int_equal(ftruncate(fd, SOURCE_MAX + 1), 0);
	assert_int_equal(source_read(&s, path), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(source_read(&s, path), -NP_ENOENT);
	assert_int_equal(source_read(&s, "/"), -EISDIR);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(byte_order_mark_is_cut),
		cmocka_unit_test(size_limit),
		cmocka_unit_test(read_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
