/* What three answers of the instance become on the screen of `top` (O21): cells, notes, order, filter. */
#include "proxy/cli/cli_top_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char status[] =
			     "{\"time\":\"2026-11-29T12:34:56.706535Z\",\"version\":\"1.2.3\",\"pid\":77,"
	"\"generation\":9,"
			     "\"uptime_ms\":3723004,\"state\":\"serving\",\"connections\":{\"active\":5,\"max\":9880},"
			     "\"rates\":{\"connections\":1.5,\"failed\":0,\"rejected\":2,\"bytes_in\":2048,"
			     "\"bytes_out\":1073741824},\"upstreams\":{\"servers\":3,\"usable\":2},\"warnings\":[%s]}";
static const char listeners[] = "{\"listeners\":[{\"name\":\"web\",\"upstream\":\"app\",\"active\":7,"
				"\"rates\":{\"connections\":0,\"failed\":3,\"bytes_in\":10}}]}";
static const char servers[] =
	"{\"servers\":["
	"{\"upstream\":\"app\",\"server\":\"10.0.0.1:10\",\"usable\":\"yes\",\"why\":null,\"active\":3,"
	"\"connect_ms\":{\"p50\":0.25,\"p99\":null},\"rates\":{\"connects\":1,\"failed\":0},"
	"\"last_connect_error\":null},"
	"{\"upstream\":\"app\",\"server\":\"10.0.0.1:9\",\"usable\":\"no\",\"why\":\"ejected\",\"active\":30,"
	"\"last_connect_error\":{\"text\":\"connection refused\",\"ago_ms\":3000},\"rates\":{\"failed\":2}},"
	"{\"upstream\":\"app\",\"server\":\"10.0.0.2:9\\u001b\\\"\x1b\",\"usable\":\"yes\",\"why\":null,\"active\":3,"
	"\"last_connect_error\":{\"text\":\"connection refused\",\"ago_ms\":3000}}]}";

/* The model after these answers; warnings stand in the status. */
static struct top_model taken(const char *warnings)
{
	struct top_model m;
	char text[1024];

	top_model_init(&m);
	snprintf(text, sizeof(text), status, warnings);
	assert_int_equal(top_model_take(&m, text, listeners, servers), 0);
	return m;
}

/* The cell of the row that is shown at this place, in the column of this title. */
static const char *cell(const struct top_list *l, size_t row, const char *title)
{
	static char text[TOP_CELL];

	for (size_t i = 0; i < l->ncolumns; i++)
		if (strcmp(l->columns[i].title, title) == 0)
			return top_cell(l->shown[row], &l->columns[i], i, text);
	fail();
	return "";
}

/* Names as a person counts; the reason before the last error; bytes that a terminal obeys are gone. */
static void o21_rows(void **state)
{
	struct top_model m = taken("");
	const struct top_list *l = &m.lists[TOP_SERVERS];

	(void)state;
	assert_int_equal(l->nshown, 3);
	assert_string_equal(l->shown[0]->name, "app/10.0.0.1:9");
	assert_string_equal(l->shown[1]->name, "app/10.0.0.1:10");
	assert_string_equal(l->shown[2]->name, "app/10.0.0.2:9\\u001b\"?");
	assert_string_equal(l->shown[0]->note, "ejected");
	assert_string_equal(l->shown[1]->note, "");
	assert_string_equal(l->shown[2]->note, "3s: refused");
	assert_true(l->shown[0]->exact && l->shown[1]->exact);
	assert_false(l->shown[2]->exact);
	assert_false(l->shown[0]->steered);
	assert_string_equal(cell(l, 0, "usable"), "no");
	assert_string_equal(cell(l, 0, "active"), "30");
	assert_string_equal(cell(l, 1, "p50ms"), "0.2");
	assert_string_equal(cell(l, 1, "p99ms"), "-");
	assert_true(top_row_fails(l, l->shown[0]));
	assert_false(top_row_fails(l, l->shown[1]));
	assert_false(top_row_fails(l, l->shown[2]));
	l = &m.lists[TOP_LISTENERS];
	assert_string_equal(cell(l, 0, "fail/s"), "3");
	assert_string_equal(cell(l, 0, "rej/s"), "-");
	assert_string_equal(l->shown[0]->note, "app");
	top_model_fini(&m);
}

static void o21_head(void **state)
{
	struct top_model m = taken("");

	(void)state;
	assert_string_equal(m.head[0], "staunch 1.2.3  process 77  serving  up 1h2m  generation 9");
	assert_string_equal(m.head[1], "connections 5 of 9880  1.5/s  failed 0/s  rejected 2/s  in 2.0K/s  out 1.0G/s");
	assert_string_equal(m.head[2], "servers 2 of 3 usable  warnings 0");
	assert_string_equal(m.time, "12:34:56");
	assert_false(m.warned);
	top_model_fini(&m);
	m = taken("{\"code\":\"a\",\"text\":\"first\"},{\"code\":\"b\",\"text\":\"second\"}");
	assert_string_equal(m.head[2], "servers 2 of 3 usable  warnings 2: first");
	assert_true(m.warned);
	top_model_fini(&m);
}

/* The largest first, equal ones as configured, unknown ones last either way round. */
static void o21_order(void **state)
{
	struct top_model m = taken("");
	struct top_list *l = &m.lists[TOP_SERVERS];

	(void)state;
	l->sort = 3; /* active; the tier is the second */
	top_list_arrange(l);
	assert_int_equal(l->shown[0]->given, 1);
	assert_int_equal(l->shown[1]->given, 0);
	assert_int_equal(l->shown[2]->given, 2);
	l->reverse = true;
	top_list_arrange(l);
	assert_int_equal(l->shown[0]->given, 0);
	assert_int_equal(l->shown[1]->given, 2);
	assert_int_equal(l->shown[2]->given, 1);
	for (int reverse = 0; reverse < 2; reverse++) {
		l->sort = 4; /* conn/s */
		l->reverse = reverse == 1;
		top_list_arrange(l);
		assert_int_equal(l->shown[0]->given, 0);
	}
	l->sort = 1; /* usable: those that are not come first */
	l->reverse = false;
	top_list_arrange(l);
	assert_int_equal(l->shown[0]->given, 1);
	top_model_fini(&m);
}

/* By name and by note, whatever the case; it holds over the next answer. */
static void o21_filter(void **state)
{
	struct top_model m = taken("");
	struct top_list *l = &m.lists[TOP_SERVERS];
	static const struct {
		const char *word;
		size_t n;
	} rows[] = {{"nothing", 0}, {"10.0.0.1", 2}, {":10", 1}, {"APP/", 3}, {"REFUSED", 1}, {"", 3}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		snprintf(l->filter, sizeof(l->filter), "%s", rows[i].word);
		assert_int_equal(top_model_take(&m, "{}", "{}", servers), 0);
		assert_int_equal(l->nshown, rows[i].n);
	}
	top_model_fini(&m);
}

/* No cell is wider than its column has room for. */
static void o21_numbers(void **state)
{
	static const struct {
		double v;
		const char *count, *bytes;
	} rows[] = {
		{0, "0", "0"},		  {0.04, "0.0", "0.0"},	  {9.5, "9.5", "9.5"},	      {12.5, "12", "12"},
		{1023, "1023", "1023"},	  {1024, "1024", "1.0K"}, {99999, "99999", "98K"},    {100000, "100K", "98K"},
		{1e6, "1.0M", "977K"}, {2.5e9, "2.5G", "2.3G"}, {1e18, "1.0E", "888P"},
	};
	struct top_column c = {.unit = TOP_COUNT};
	struct top_row r = {.name = ""};
	char text[TOP_CELL];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		r.number[0] = rows[i].v;
		c.unit = TOP_COUNT;
		assert_string_equal(top_cell(&r, &c, 0, text), rows[i].count);
		assert_true(strlen(text) <= 5);
		c.unit = TOP_BYTES;
		assert_string_equal(top_cell(&r, &c, 0, text), rows[i].bytes);
		assert_true(strlen(text) <= 5);
	}
}

/* An answer that is empty, or no list, is no rows. */
static void o21_strange_answers(void **state)
{
	static const char *const texts[] = {"", "{}", "[]", "{\"servers\":", "{\"servers\":7}", "{\"servers\":[]}",
					    "{\"servers\":[1,2]}", "{\"servers\":[{\"server\":\"a"};
	struct top_model m = taken("");

	(void)state;
	for (size_t i = 0; i < array_len(texts); i++)
		assert_int_equal(top_model_take(&m, texts[i], texts[i], texts[i]), 0);
	assert_int_equal(m.lists[TOP_LISTENERS].nshown, 0);
	top_model_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o21_rows),    cmocka_unit_test(o21_head),	cmocka_unit_test(o21_order),
		cmocka_unit_test(o21_filter),  cmocka_unit_test(o21_numbers), cmocka_unit_test(o21_strange_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
