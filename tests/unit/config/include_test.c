/* include: what is spread over files is what one file would say, and each problem names the file that it is in. */
#include "config/include.h"

#include <sys/stat.h>
#include <unistd.h>

#include "config/text/source.h"
#include "netpoll/err.h"
#include "tests/kit/kit.h"
#include "tests/unit/config/load.h"

#define UP       "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n"
#define LISTENER(name, port) "  - {name: " name ", bind: \":" port "\", upstream: u}\n"
#define MAIN     "include: conf.d/*.yaml\n" UP

/* ---- files ---- */

static char path[KIT_PATH];

static void make_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void write_file(const char *name, const char *text)
{
	kit_file_write(name, text, path);
}

static struct load load_main(const char *text)
{
	char file[KIT_PATH];

	kit_file_write("main.yaml", text, file);
	return load_file(file);
}

/* The report with the directory as "@". */
static const char *report_of(const struct load *l)
{
	static char text[65536];
	const char *dir = kit_dir(), *s = l->report->text;
	size_t n = 0;

	while (*s != '\0' && n < sizeof(text) - 1) {
		if (strncmp(s, dir, strlen(dir)) == 0) {
			text[n++] = '@';
			s += strlen(dir);
		} else {
			text[n++] = *s++;
		}
	}
	text[n] = '\0';
	return text;
}

static void expect_says(const struct load *l, const char *says)
{
	if (strstr(report_of(l), says) == NULL)
		fail_msg("%s\nand not %s", report_of(l), says);
}

/* ---- joining ---- */

static void o34_lists_are_joined(void **state)
{
	static const char *const want[] = {"main", "ten", "nine", "upper", "lower"};
	struct load l;
	struct paper *p = paper_new();

	(void)state;
	make_dir("conf.d");
	write_file("conf.d/a.yaml", "listeners:\n" LISTENER("lower", "5"));
	write_file("conf.d/A.yaml", "# a remark\nlisteners:\n" LISTENER("upper", "4"));
	write_file("conf.d/9.yaml", "listeners:\n" LISTENER("nine", "3") "control: {hosts: [c.example]}\n");
	write_file("conf.d/10.yaml", "listeners:\n" LISTENER("ten", "2") "log: {access: stderr}\n");
	write_file("conf.d/empty.yaml", "# nothing yet\n");
	write_file("conf.d/.hidden.yaml", "nonsense");
	write_file("conf.d/a.yaml~", "nonsense");
	l = load_main(MAIN "log: {level: notice}\ncontrol: {hosts: [a.example, b.example]}\n"
	                   "listeners:\n" LISTENER("main", "1"));
	if (l.err != 0)
		fail_msg("%s", l.report->text);
	assert_int_equal(l.c->nlisteners, array_len(want));
	for (size_t i = 0; i < array_len(want); i++)
		assert_string_equal(l.c->listeners[i].name, want[i]);
	assert_int_equal(l.c->log.level, CONFIG_LEVEL_NOTICE);
	assert_int_equal(l.c->log.access.kind, CONFIG_SINK_STDERR);
	assert_int_equal(l.c->control.nhosts, 3);
	assert_int_equal(l.c->nparts, 5);
	assert_string_equal(config_line(l.c, l.c->listeners[0].at).text, "line 6");
	snprintf(path, sizeof(path), "%s/conf.d/A.yaml:3", kit_dir());
	assert_string_equal(config_line(l.c, l.c->listeners[3].at).text, path);
	config_dump(p->f, l.c, 0);
	assert_non_null(strstr(paper_read(p), "conf.d/A.yaml:3\n"));
	assert_null(strstr(p->text, "include"));
	paper_free(p);
	load_free(&l);
}

/* One more each time: the list behind an alias is another key's as well. */
static void o34_an_alias_is_not_joined(void **state)
{
	struct load l;

	(void)state;
	make_dir("conf.d");
	write_file("conf.d/a.yaml", "control: {hosts: [b.example]}\n");
	write_file("conf.d/b.yaml", "control: {hosts: [c.example]}\nlisteners:\n" LISTENER("l", "1"));
	l = load_main("include: [\"conf.d/a.yaml\", \"./conf.d/*.yaml\"]\ncontrol: {hosts: &h [a.example]}\n"
	              "upstreams: [{name: u, servers: [\"10.0.0.1:80\"], tls: {alpn: *h}}]\n");
	if (l.err != 0)
		fail_msg("%s", l.report->text);
	assert_int_equal(l.c->control.nhosts, 3);
	assert_string_equal(l.c->control.hosts[2].text, "c.example");
	assert_int_equal(l.c->upstreams[0].tls->nalpn, 1);
	load_free(&l);
}

static uint64_t hash_of_load(const char *text)
{
	struct load l = load_main(text);
	uint64_t h;

	if (l.err != 0)
		fail_msg("%s", l.report->text);
	h = l.c->hash;
	load_free(&l);
	return h;
}

static void o34_the_hash_is_of_all_parts(void **state)
{
	static const char text[] = MAIN "listeners:\n" LISTENER("main", "1");
	uint64_t none, one, other, renamed;
	char to[KIT_PATH];

	(void)state;
	none = hash_of_load(text);
	make_dir("conf.d");
	assert_true(hash_of_load(text) == none);
	write_file("conf.d/a.yaml", "# one\n");
	one = hash_of_load(text);
	write_file("conf.d/a.yaml", "# two\n");
	other = hash_of_load(text);
	snprintf(to, sizeof(to), "%s/conf.d/b.yaml", kit_dir());
	assert_int_equal(rename(path, to), 0);
	renamed = hash_of_load(text);
	assert_true(none != one && one != other && other != renamed && renamed != none);
	rename(to, path);
	assert_true(hash_of_load(text) == other);
}

/* ---- problems ---- */

static void o34_both_places_are_shown(void **state)
{
	struct load l;

	(void)state;
	make_dir("conf.d");
	write_file("conf.d/a.yaml", "workers: 2\nlisteners:\n" LISTENER("web", "1") "upstreams:\n"
	                            "  - {name: u, servers: [\"10.0.0.2:80\"]}\n");
	write_file("conf.d/b.yaml", "workers: 3\nlisteners:\n" LISTENER("web", "1"));
	l = load_main(MAIN);
	assert_int_equal(l.err, -NP_EINVAL);
	expect_says(&l, "error[E302]: a listener \"web\" is already defined\n"
	                "  --> @/conf.d/b.yaml:3:12          note: the first is at @/conf.d/a.yaml:3:12\n   |\n"
	                " 2 | listeners:\n 3 |   - {name: web, bind: \":1\", upstream: u}\n");
	expect_says(&l, " --> @/conf.d/a.yaml:5:12          note: the first is at @/main.yaml:2:20\n");
	expect_says(&l, "error[E103]: the key \"workers\" is written twice\n"
	                "  --> @/conf.d/b.yaml:1:1          note: the first is at @/conf.d/a.yaml:1:1\n");
	expect_says(&l, "@/conf.d/b.yaml:3:23          note: the first is at @/conf.d/a.yaml:3:23\n");
	load_free(&l);
}

/* What conf.d/a.yaml says, and what a load says of it. */
static const struct {
	const char *main, *part, *says;
} slips[] = {
	{MAIN, "include: x.yaml\n",
	 "error[E104]: a file that is included cannot include others\n"
	 "  --> @/conf.d/a.yaml:1:1\n"},
	{MAIN, "- a\n- b\n", "error[E107]: a config file is a map of keys, not a list\n  --> @/conf.d/a.yaml:1:1\n"},
	{MAIN, "log: {levl: info}\n", "error[E102]: unknown key \"levl\" in \"log\"\n  --> @/conf.d/a.yaml:1:7\n"},
	{MAIN, "log: loud\n", "error[E107]: \"log\" takes a map, not a plain value\n  --> @/conf.d/a.yaml:1:6\n"},
	{MAIN, "log:\n\tlevel: info\n", "--> @/conf.d/a.yaml:2:1\n"},
	{MAIN, "a: \xff\n", "error[E108]: the text is not UTF-8 here\n  --> @/conf.d/a.yaml:1:4\n"},
	{MAIN, "log: {\n", "error[E101]: "},
	{MAIN, "workers: *a\n", "error[E101]: no anchor &a stands before this alias\n  --> @/conf.d/a.yaml:1:10\n"},
	{"workers: &a 2\n" MAIN, "log: *a\n",
	 "error[E101]: no anchor &a stands before this alias\n"
	 "  --> @/conf.d/a.yaml"},
	{MAIN "log: {level: info}\n", "log: {level: debug}\n",
	 "error[E103]: the key \"level\" is written twice\n"
	 "  --> @/conf.d/a.yaml:1:7          note: the first is at @/main.yaml:3:7\n"},
	{MAIN "log: loud\n", "log: {level: debug}\n", "error[E103]: the key \"log\" is written twice\n"},
	{"include: none.yaml\n" UP, "", "error[E401]: cannot read none.yaml: no such file\n  --> @/main.yaml:1:10\n"},
	{"include: conf.d\n" UP, "", "error[E401]: conf.d is a directory, not a regular file\n"},
	{"include: conf.d/\n" UP, "", "conf.d/ is a directory, not a regular file\n"},
	{"include: conf.d/a.yaml/*\n" UP, "", "error[E401]: cannot read conf.d/a.yaml: Not a directory\n"},
	{"include: /etc/shadow\n" UP, "", "error[E401]: /etc/shadow leads out of the config file's directory\n"},
	{"include: /etc/*\n" UP, "", "error[E401]: /etc leads out of the config file's directory\n"},
	{"include: ../*.yaml\n" UP, "", "error[E401]: .. leads out of the config file's directory\n"},
	{"include: /*\n" UP, "", "error[E401]: / leads out of the config file's directory\n"},
	{"include: \"*.d/a.yaml\"\n" UP, "",
	 "error[E207]: only the last part of a path can be a pattern\n"
	 "  --> @/main.yaml:1:10\n"},
	{"include: \"*.yaml\"\n" UP, "", "error[E307]: it names main.yaml, the file in which it stands\n"},
	{"include: {a: b}\n" UP, "", "error[E107]: \"include\" takes plain values"},
	{"include:\n" UP, "", "error[E107]: \"include\" has no value\n  --> @/main.yaml:1:9\n"},
	{"include: \"\"\n" UP, "", "error["},
};

static void o34_problems_name_their_file(void **state)
{
	(void)state;
	make_dir("conf.d");
	for (size_t i = 0; i < array_len(slips); i++) {
		struct load l;

		write_file("conf.d/a.yaml", slips[i].part);
		l = load_main(slips[i].main);
		assert_int_equal(l.err, -NP_EINVAL);
		expect_says(&l, slips[i].says);
		load_free(&l);
	}
}

static void o34_what_is_no_file_is_refused(void **state)
{
	char name[KIT_PATH];
	struct load l;

	(void)state;
	make_dir("conf.d");
	snprintf(name, sizeof(name), "%s/conf.d/a.yaml", kit_dir());
	assert_int_equal(mkfifo(name, 0600), 0);
	l = load_main(MAIN);
	expect_says(&l, "error[E401]: conf.d/a.yaml is a FIFO, not a regular file\n  --> @/main.yaml:1:10\n");
	load_free(&l);
	unlink(name);
	assert_int_equal(symlink("/etc/shadow", name), 0);
	l = load_main(MAIN);
	expect_says(&l, "error[E401]: conf.d/a.yaml leads out of the config file's directory\n");
	load_free(&l);
	unlink(name);
	assert_int_equal(symlink("b", name), 0);
	l = load_main(MAIN);
	expect_says(&l, "error[E401]: cannot read conf.d/a.yaml: no such file\n");
	load_free(&l);
	write_file("conf.d/b", "listeners:\n" LISTENER("web", "1"));
	l = load_main(MAIN);
	assert_int_equal(l.err, 0);
	load_free(&l);
}

/* ---- bounds ---- */

static char *repeat(const char *head, const char *one, unsigned n)
{
	char *text = malloc(strlen(head) + n * strlen(one) + 1);

	assert_non_null(text);
	memcpy(text, head, strlen(head) + 1);
	for (char *at = text + strlen(head); n > 0; n--, at += strlen(one))
		memcpy(at, one, strlen(one) + 1);
	return text;
}

static void two_parts(const char *a, const char *b, const char *says)
{
	struct load l;

	write_file("conf.d/a.yaml", a);
	l = load_main(MAIN "listeners:\n" LISTENER("web", "1"));
	if (strstr(l.report->text, "error[E105]") != NULL)
		fail_msg("one is too much: %s", l.report->text);
	load_free(&l);
	write_file("conf.d/b.yaml", b);
	l = load_main(MAIN "listeners:\n" LISTENER("web", "1"));
	assert_int_equal(l.err, -NP_EINVAL);
	expect_says(&l, says);
	load_free(&l);
	unlink(path);
	snprintf(path, sizeof(path), "%s/conf.d/b.yaml", kit_dir());
	unlink(path);
}

static void o40_bounds_are_those_of_all_files(void **state)
{
	char *aliases = repeat("control: &a {hosts: [a]}\nx:\n", "  - *a\n", 40);
	char *nodes = repeat("x:\n", "  - a\n", 6000);
	char *bytes = repeat("", "# much\n", 90000);

	(void)state;
	make_dir("conf.d");
	two_parts(aliases, aliases, "error[E105]: more than 64 aliases\n   --> @/conf.d/b.yaml:");
	two_parts(nodes, nodes, "error[E105]: more than 10000 keys and values");
	two_parts(bytes, bytes,
	          "error[E105]: with conf.d/b.yaml the configuration is larger than 1 MiB\n  --> @/main.yaml:1:10\n");
	free(aliases);
	free(nodes);
	free(bytes);
}

static void o40_files_are_counted(void **state)
{
	char name[64];
	struct load l;

	(void)state;
	make_dir("conf.d");
	for (unsigned i = 0; i <= INCLUDE_FILES; i++) {
		snprintf(name, sizeof(name), "conf.d/%04u.yaml", i);
		write_file(name, "");
	}
	l = load_main(MAIN "listeners:\n" LISTENER("web", "1"));
	expect_says(&l, "error[E105]: more than 1000 files are included\n");
	load_free(&l);
	unlink(path);
	l = load_main(MAIN "listeners:\n" LISTENER("web", "1"));
	assert_int_equal(l.err, 0);
	load_free(&l);
	l = load_main("include: [\"conf.d/*.yaml\", main.yml]\n" UP "listeners:\n" LISTENER("web", "1"));
	expect_says(&l, "error[E105]: more than 1000 files are included\n");
	load_free(&l);
}

/* One piece of memory less each time, until it suffices. */
static void out_of_memory(void **state)
{
	char file[KIT_PATH];
	size_t limit = 0;
	int err = -NP_ENOMEM;

	(void)state;
	make_dir("conf.d");
	write_file("conf.d/a.yaml", "log: {level: info}\nlisteners:\n" LISTENER("web", "1"));
	kit_file_write("main.yaml", MAIN "listeners:\n" LISTENER("main", "2"), file);
	for (; err == -NP_ENOMEM && limit < 100000; limit += 16) {
		struct diag *d = diag_new();
		struct config c = {.file = file, .directory = kit_dir()};
		struct node_tree t;
		struct source *s;

		assert_int_equal(source_read(&s, file), 0);
		diag_take_source(d, s);
		assert_int_equal(node_parse(&t, s, d), 0);
		arena_init(&c.arena, limit);
		err = include_run(&c, s, &t, d);
		if (err == 0)
			assert_int_equal(diag_count(d, DIAG_ERROR), 0);
		arena_fini(&c.arena);
		node_fini(&t);
		diag_free(d);
	}
	assert_int_equal(err, 0);
	assert_true(limit > 0);
}

/* ---- the same as one file ---- */

static uint64_t draw_state;

static unsigned draw(unsigned n)
{
	draw_state = draw_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(draw_state >> 33) % n;
}

#define PARTS   5
#define OBJECTS 12

/* Objects fall into parts by lot: part 0 is the main file. */
struct spread {
	char name[PARTS][32], text[PARTS][2048];
	char whole[8192];
};

static void add_text(char *to, size_t room, const char *more)
{
	size_t n = strlen(to);

	assert_true(snprintf(to + n, room - n, "%s", more) < (int)(room - n));
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void draw_names(struct spread *s)
{
	for (unsigned i = 1; i < PARTS; i++)
		snprintf(s->name[i], sizeof(s->name[i]), "conf.d/%c%c%u.yaml", "aA0_~z"[draw(6)], "bB9-+y"[draw(6)], i);
	qsort(s->name[1], PARTS - 1, sizeof(s->name[0]), compare_texts);
}

static void draw_objects(struct spread *s, const char *list, const char *form)
{
	char one[128], key[32];

	snprintf(key, sizeof(key), "%s:\n", list);
	add_text(s->whole, sizeof(s->whole), key);
	for (unsigned part = 0, n = 0; part < PARTS; part++) {
		unsigned most = part == PARTS - 1 ? OBJECTS : n + draw(OBJECTS - n + 1);

		if (n < most)
			add_text(s->text[part], sizeof(s->text[part]), key);
		for (; n < most; n++) {
			snprintf(one, sizeof(one), form, n, n + 1);
			add_text(s->text[part], sizeof(s->text[part]), one);
			add_text(s->whole, sizeof(s->whole), one);
		}
	}
}

static struct paper *dumped(const struct load *l)
{
	struct paper *p = paper_new();

	if (l->err != 0)
		fail_msg("seed %llu: %s", (unsigned long long)draw_state, l->report->text);
	config_dump_help(p->f, l->c, 0);
	paper_read(p);
	return p;
}

static void o34_a_spread_configuration_is_the_whole_one(void **state)
{
	struct spread *s = malloc(sizeof(*s));

	(void)state;
	assert_non_null(s);
	make_dir("conf.d");
	for (unsigned round = 0; round < 100; round++) {
		struct load spread, whole;
		struct paper *a, *b;

		draw_state = round;
		memset(s, 0, sizeof(*s));
		draw_names(s);
		draw_objects(s, "listeners", "  - {name: l%u, bind: \":%u\", upstream: u0}\n");
		draw_objects(s, "upstreams", "  - {name: u%u, servers: [\"10.0.0.1:%u\"]}\n");
		for (unsigned i = 1; i < PARTS; i++)
			write_file(s->name[i], s->text[i]);
		add_text(s->text[0], sizeof(s->text[0]), "include: conf.d/*.yaml\n");
		spread = load_main(s->text[0]);
		whole = load_main(s->whole);
		a = dumped(&spread);
		b = dumped(&whole);
		assert_string_equal(a->text, b->text);
		paper_free(a);
		paper_free(b);
		load_free(&spread);
		load_free(&whole);
		for (unsigned i = 1; i < PARTS; i++) {
			snprintf(path, sizeof(path), "%s/%s", kit_dir(), s->name[i]);
			unlink(path);
		}
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o34_lists_are_joined, kit_end),
		cmocka_unit_test_teardown(o34_an_alias_is_not_joined, kit_end),
		cmocka_unit_test_teardown(o34_the_hash_is_of_all_parts, kit_end),
		cmocka_unit_test_teardown(o34_both_places_are_shown, kit_end),
		cmocka_unit_test_teardown(o34_problems_name_their_file, kit_end),
		cmocka_unit_test_teardown(o34_what_is_no_file_is_refused, kit_end),
		cmocka_unit_test_teardown(o40_bounds_are_those_of_all_files, kit_end),
		cmocka_unit_test_teardown(o40_files_are_counted, kit_end),
		cmocka_unit_test_teardown(out_of_memory, kit_end),
		cmocka_unit_test_teardown(o34_a_spread_configuration_is_the_whole_one, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
