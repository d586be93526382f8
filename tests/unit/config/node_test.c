/* node: YAML becomes a tree with places; each limit and each refused form has its row. */
#include "config/node.h"

#include "netpoll/err.h"
#include "tests/unit/config/load.h"

struct parsed {
	struct node_tree t;
	struct diag     *d;
	struct paper    *report;
};

static struct parsed parse(const char *text)
{
	struct parsed p = {.d = diag_new(), .report = paper_new()};
	struct source *s;

	assert_int_equal(source_new(&s, "t.yaml", text, strlen(text)), 0);
	diag_take_source(p.d, s);
	assert_int_equal(node_parse(&p.t, s, p.d), 0);
	diag_print(p.report->f, p.d, (struct diag_look){0}, NULL);
	paper_read(p.report);
	return p;
}

static void parsed_free(struct parsed *p)
{
	node_fini(&p->t);
	diag_free(p->d);
	paper_free(p->report);
}

struct refusal {
	const char *text, *says;
	bool        whole; /* the tree behind it is still complete */
};

static const struct refusal refusals[] = {
	{"a: 1\na: 2\n",
	 "error[E103]: the key \"a\" is written twice\n  --> t.yaml:2:1          note: the first is at 1:1", true},
	{"{a: {x: 1, \"x\": 2}}\n", "error[E103]: the key \"x\" is written twice\n  --> t.yaml:1:12", true},
	{"a: !!str b\n",
	 "error[E104]: a tag is refused: remove it, since each key knows its type\n  --> t.yaml:1:4", true},
	{"a: !x [1]\n", "error[E104]: a tag is refused", true},
	{"!x {a: 1}\n", "error[E104]: a tag is refused", true},
	{"a: &x {b: 1}\nc:\n  <<: *x\n",
	 "error[E104]: merge keys are refused: write the keys out\n  --> t.yaml:3:3", true},
	{"a: 1\n---\nb: 2\n",
	 "error[E104]: a second document begins here, and a config file is one\n  --> t.yaml:2:1", true},
	{"a: &x [*x]\n", "error[E104]: the alias *x stands inside its own anchor\n  --> t.yaml:1:8", false},
	{"a: &x {b: {c: *x}}\n", "error[E104]: the alias *x stands inside", false},
	{"a: *x\n", "error[E101]: no anchor &x stands before this alias\n  --> t.yaml:1:4", false},
	{"? [a]\n: b\n", "error[E107]: a key must be a plain word\n  --> t.yaml:1:3", false},
	{"a: &x [1]\n*x : 1\n", "error[E107]: a key must be a plain word", false},
	{"a:\n\tb: c\n", "error[E104]: a tab in the indentation", false},
	{"a: \"x\\ny\"\n",
	 "error[E108]: the value holds a line break, U+000A\n  --> t.yaml:1:4", true},
	{"a: \"\\0\"\n", "error[E108]", true},
	{"a: \"\\e[1m\"\n", "error[E108]", true},
	{"a: |\n  b\n", "error[E108]", true},
	{"a: b: c\n", "error[E101]: mapping values are not allowed in this context\n  --> t.yaml:1:5", false},
	{"a: [1, 2\nb: 3\n", "error[E101]: did not find expected ',' or ']'\n", false},
	{"a: \"b\n", "= help: a quote is not closed\n", false},
	{"a: 1\n  b: 2\n", "= help: check the indentation", false},
	{"a: 1\n...\n@\n", "error[E101]", false},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(refusals); i++) {
		struct parsed p = parse(refusals[i].text);

		if (strstr(p.report->text, refusals[i].says) == NULL || p.t.whole != refusals[i].whole)
			fail_msg("%s\nsays\n%s\nwhole: %d", refusals[i].text, p.report->text, p.t.whole);
		assert_int_equal(diag_count(p.d, DIAG_ERROR), 1);
		parsed_free(&p);
	}
}

static void accepts(void **state)
{
	static const char *const texts[] = {
		"", "# nothing\n", "---\n", "--- {a: b}\n...\n", "%YAML 1.1\n---\na: b\n", "a: b # c\r\nd: e\r\n",
		"a: &x [1, 2]\nb: *x\n", "a: &x 1\nb: &x 2\nc: *x\n",
		"{\"a\": 'b', ? c : d}\n", "a: '<<'\n\"<<\": b\n",
		"\xE4\xB8\x96: \xC3\xA9\n",
	};

	(void)state;
	for (size_t i = 0; i < array_len(texts); i++) {
		struct parsed p = parse(texts[i]);

		if (p.report->n != 0 || !p.t.whole)
			fail_msg("%s\nsays\n%s", texts[i], p.report->text);
		parsed_free(&p);
	}
}

static void places(void **state)
{
	struct parsed p = parse("a:\n  \xE4\xB8\x96\xE7\x95\x8C: [one, \"two\", {x: ~}]\nb: null\nc: ''\n");
	const struct node *list = node_get(node_get(p.t.root, "a"), "\xE4\xB8\x96\xE7\x95\x8C");
	const struct node *two = list->items->next->value, *map = list->items->next->next->value;

	(void)state;
	assert_int_equal(p.t.root->kind, NODE_MAP);
	assert_int_equal(p.t.root->n, 3);
	assert_int_equal(list->kind, NODE_LIST);
	assert_int_equal(list->n, 3);
	assert_int_equal(list->at.line, 2);
	assert_int_equal(list->at.column, 7);
	assert_false(list->items->value->quoted);
	assert_true(two->quoted);
	assert_string_equal(two->text, "two");
	assert_int_equal(two->at.column, 13);
	assert_int_equal(two->at.width, 5);
	assert_true(node_is_null(node_get(map, "x")));
	assert_true(node_is_null(node_get(p.t.root, "b")));
	assert_false(node_is_null(node_get(p.t.root, "c")));
	assert_false(node_is_null(list));
	assert_null(node_get(p.t.root, "d"));
	assert_null(node_get(list, "one"));
	parsed_free(&p);
}

/* What stood before the place where YAML ended is there, and what was open is marked so. */
static void broken_tree(void **state)
{
	struct parsed p = parse("a: {b: 1}\nc:\n  d: 2\n  e: [3, 4\n");

	(void)state;
	assert_false(p.t.whole);
	assert_string_equal(node_get(node_get(p.t.root, "a"), "b")->text, "1");
	assert_string_equal(node_get(node_get(p.t.root, "c"), "d")->text, "2");
	assert_true(p.t.root->open);
	assert_false(node_get(p.t.root, "a")->open);
	parsed_free(&p);
}

/* The first of two keys stays, and what stood under the second goes nowhere. */
static void first_key_stays(void **state)
{
	struct parsed p = parse("a: 1\na: {b: {c: 2}}\nd: 3\n");

	(void)state;
	assert_string_equal(node_get(p.t.root, "a")->text, "1");
	assert_string_equal(node_get(p.t.root, "d")->text, "3");
	assert_int_equal(p.t.root->n, 2);
	parsed_free(&p);
}

/* head, then `n` times middle, then tail. */
static void expect_repeated(const char *head, const char *middle, size_t n, const char *tail, const char *says)
{
	struct paper *text = paper_new();
	struct parsed p;

	fputs(head, text->f);
	for (size_t i = 0; i < n; i++)
		fputs(middle, text->f);
	fputs(tail, text->f);
	p = parse(paper_read(text));
	if (says == NULL ? p.report->n != 0 : strstr(p.report->text, says) == NULL)
		fail_msg("%zu times %s says\n%s", n, middle, p.report->text);
	parsed_free(&p);
	paper_free(text);
}

static void limits(void **state)
{
	(void)state;
	expect_repeated("", "[", NODE_DEPTH + 1, "", "error[E105]: nested deeper than 32");
	expect_repeated("", "[", 100000, "", "error[E105]: nested deeper than 32");
	expect_repeated("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "]", NODE_DEPTH, "\n", NULL);
	expect_repeated("a: &x 1\nb: [", "*x, ", NODE_ALIASES + 1, "]\n", "error[E105]: more than 64 aliases");
	expect_repeated("a: &x 1\nb: [", "*x, ", NODE_ALIASES, "]\n", NULL);
	expect_repeated("[", "1, ", NODE_MAX, "]\n", "error[E105]: more than 10000 keys and values");
	expect_repeated("[", "1, ", NODE_MAX - 1, "]\n", NULL);
	expect_repeated("a: &x [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[", "", 0, "*x]]]]]]]]]]]]]]]]\n",
	                "error[E105]: nested deeper than 32 once the alias is followed");
}

/* Nine lists of nine references each would be 9^9 nodes: counted before they are walked. */
static void laughs(void **state)
{
	struct parsed p = parse("a: &a [x, x, x, x, x, x, x, x, x]\n"
	                        "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
	                        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
	                        "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
	                        "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\n");

	(void)state;
	assert_non_null(strstr(p.report->text,
			       "error[E105]: more than 10000 keys and values, "
			       "each alias counted as what it stands for\n"));
	parsed_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(places),
		cmocka_unit_test(broken_tree),
		cmocka_unit_test(limits),
		cmocka_unit_test(laughs),
		cmocka_unit_test(first_key_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
