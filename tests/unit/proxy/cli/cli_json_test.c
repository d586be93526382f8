/* cli_json: values are found where they stand, and no text makes it look behind its end. */
#include "proxy/cli/cli_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char object[] =
	"{\"a\":1,\"b\":{\"c\":\"x\\\"}\",\"d\":[1,{\"e\":[2,3]},\"]\"],\"f\":null,\"g\":{}},\"ab\":-7,\"t\":true,"
	"\"empty\":\"\",\"none\":[],\"last\":\"\\\\\"}";

static void values(void **state)
{
	static const struct {
		const char *path, *value; /* NULL: it is not there */
	} rows[] = {
		{"x", NULL}, {"a.b", NULL}, {"b.x", NULL}, {"b.d.e", NULL}, {"A", NULL}, {"a", "1"}, {"ab", "-7"},
		{"b.c", "x\\\"}"}, {"b.d", "[1,{\"e\":[2,3]},\"]\"]"}, {"b.f", "null"}, {"b.g", "{}"}, {"t", "true"},
		{"empty", ""}, {"none", "[]"}, {"last", "\\\\"}, {"", object},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		size_t n = 0;
		const char *at = json_find(object, rows[i].path, &n);

		assert_int_equal(at == NULL, rows[i].value == NULL);
		if (at == NULL)
			continue;
		assert_int_equal(n, strlen(rows[i].value));
		assert_memory_equal(at, rows[i].value, n);
		assert_true(json_is(object, rows[i].path, rows[i].value));
	}
	assert_false(json_is(object, "t", "tru"));
	assert_false(json_is(object, "t", "truer"));
	assert_false(json_is(object, "x", ""));
	assert_true(json_is_there(object, "a") && json_is_there(object, "empty"));
	assert_false(json_is_there(object, "b.f") || json_is_there(object, "x"));
	assert_int_equal(json_number(object, "ab"), -7);
	assert_int_equal(json_number(object, "t"), 0);
	assert_int_equal(json_number(object, "x"), 0);
}

static void lists(void **state)
{
	static const char *const elements[] = {"1,", "{\"e\"", "\"]\""};
	const char *at = json_first(object, "b.d");

	(void)state;
	for (size_t i = 0; i < array_len(elements); i++, at = json_next(at)) {
		assert_non_null(at);
		assert_memory_equal(at, elements[i], strlen(elements[i]));
	}
	assert_null(at);
	assert_null(json_first(object, "none"));
	assert_null(json_first(object, "a"));
	assert_null(json_first(object, "x"));
	assert_null(json_first(NULL, "x"));
}

/* Quotes and backslashes are a person's; other escapes stay, for they are a terminal's. */
static void printed(void **state)
{
	static const struct {
		const char *object, *out;
	} rows[] = {
		{"{\"p\":\"a\\\"b\\\\c\\u001bd\\n\"}", "a\"b\\c\\u001bd\\n"}, {"{\"p\":null}", "-"}, {"{\"q\":1}", "-"},
		{"{\"p\":\"\"}", ""}, {"{\"p\":12.5}", "12.5"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		char *text = NULL;
		size_t n;
		FILE *f = open_memstream(&text, &n);

		assert_non_null(f);
		json_print(f, rows[i].object, "p");
		fclose(f);
		assert_string_equal(text, rows[i].out);
		free(text);
	}
}

/* Each beginning of an object, on the heap where ASan sees a byte too many; and texts that are no objects. */
static void broken_texts(void **state)
{
	static const char *const others[] = {"", "x", "\"", "[", "{", "{\"", "{\"p", "{\"p\"", "{\"p\":", "{\"p\":\"",
					     "{\"p\":\"\\", "{\"p\" :1}", "{\"p\":]}", "[[[[", "}}}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(object) + array_len(others); i++) {
		char *text = i < sizeof(object) ? strndup(object, i) : strdup(others[i - sizeof(object)]);
		size_t n = 0;

		assert_non_null(text);
		(void)json_find(text, "last", &n);
		(void)json_find(text, "b.d", &n);
		(void)json_number(text, "p");
		for (const char *at = json_first(text, "b.d"); at != NULL; at = json_next(at))
			assert_in_range(at - text, 0, strlen(text));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(lists),
		cmocka_unit_test(printed),
		cmocka_unit_test(broken_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
