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

/* What a text brings: names and bytes as they are, empty ones too; what is cut off is not taken. */
static void what_it_brings(void **state)
{
	static const struct {
		const char *text;
		int parts; /* -1: it brings nothing, and files are read */
		const char *names, *texts;
	} rows[] = {
		{"", -1, "", ""},
		{"a: b\n", -1, "", ""},
		{"a: b\n\x1c", 0, "", ""},
		{"\x1c", 0, "", ""},
		{"a: b\x1c" "x\ny\x1c", 1, "x,", "y,"},
		{"a\x1c" "d/x\n\x1c\ny\nz\n\x1c", 2, "d/x,,", ",y\nz\n,"},
		{"a\x1cx\ny\x1cz\ncut off", 1, "x,", "y,"},
		{"a\x1cno line\x1cx\ny\x1c", 0, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct source *s = from(rows[i].text);
		char names[64] = "", texts[64] = "";
		struct source_part part;
		const char *at;
		int n = 0;

		source_cut(s);
		at = s->given;
		assert_int_equal(at == NULL, rows[i].parts < 0);
		assert_int_equal(s->n, strcspn(rows[i].text, "\x1c"));
		assert_int_equal(strlen(s->text), s->n);
		for (; at != NULL && source_given(s, &at, &part); n++) {
			snprintf(names + strlen(names), 32, "%.*s,", (int)part.nname, part.name);
			snprintf(texts + strlen(texts), 32, "%.*s,", (int)part.n, part.text);
		}
		assert_int_equal(n, rows[i].parts < 0 ? 0 : rows[i].parts);
		assert_string_equal(names, rows[i].names);
		assert_string_equal(texts, rows[i].texts);
		source_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(byte_order_mark_is_cut),
		cmocka_unit_test(size_limit),
		cmocka_unit_test(what_it_brings),
		cmocka_unit_test(read_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
