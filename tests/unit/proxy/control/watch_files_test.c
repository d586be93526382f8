/* watch_files: a state that differs when a file was written, replaced, made or removed, and not
 * otherwise. */
#include "proxy/control/watch_files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "tests/kit/kit.h"

static struct config *parse(const char *text)
{
	struct diag *d = diag_new();
	struct config *c = NULL;

	assert_non_null(d);
	assert_int_equal(config_parse("test", text, strlen(text), &c, d), 0);
	diag_free(d);
	return c;
}

static void write_file(const char *name, const char *text)
{
	char path[KIT_PATH + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void rename_file(const char *from, const char *to)
{
	char a[KIT_PATH + 64], b[KIT_PATH + 64];

	snprintf(a, sizeof(a), "%s/%s", kit_dir(), from);
	snprintf(b, sizeof(b), "%s/%s", kit_dir(), to);
	assert_int_equal(rename(a, b), 0);
}

static void no_files_no_state(void **state)
{
	struct config *c = parse("listeners: [{name: l, bind: \":80\", upstream: u}]\n"
				 "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n");

	(void)state;
	assert_true(watch_files_state(c) == 0);
	config_free(c);
}

static void changes_are_seen(void **state)
{
	char text[4 * KIT_PATH];
	struct config *c;
	uint64_t none, made, longer, other;

	(void)state;
	snprintf(text, sizeof(text),
		 "listeners: [{name: l, bind: \":80\", upstream: u}]\n"
		 "upstreams: [{name: u, servers: [\"10.0.0.1:80\"], tls: {ca: \"%s/ca.pem\"}}]\n",
		 kit_dir());
	c = parse(text);
	none = watch_files_state(c);
	assert_true(none != 0);
	write_file("ca.pem", "a");
	made = watch_files_state(c);
	assert_true(made != none);
	assert_true(watch_files_state(c) == made);
	write_file("ca.pem", "ab");
	longer = watch_files_state(c);
	assert_true(longer != made);
	write_file("new.pem", "cd"); /* the same length, perhaps the same instant: another inode */
	rename_file("new.pem", "ca.pem");
	other = watch_files_state(c);
	assert_true(other != longer);
	rename_file("ca.pem", "gone.pem");
	assert_true(watch_files_state(c) == none);
	config_free(c);
}

/* The directory is watched for what an include names, and contents count, not times. */
static void texts_that_differ(void **state)
{
	struct diag *d = diag_new();
	char path[KIT_PATH];
	struct config *c;
	uint64_t before, touched, added;

	(void)state;
	kit_file_write("main.yaml", "include: \"*.part\"\nlisteners: [{name: l, bind: \":80\", upstream: u}]\n", path);
	write_file("a.part", "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n");
	assert_int_equal(config_load_texts(path, &c, d), 0);
	before = watch_texts_state(c);
	assert_true(watch_texts_state(c) == before && !watch_texts_differ(c));
	write_file("new", "upstreams: [{name: u, servers: [\"10.0.0.1:80\"]}]\n");
	rename_file("new", "a.part");
	touched = watch_texts_state(c);
	assert_true(touched != before && !watch_texts_differ(c));
	write_file("b.part", "zone: z\n");
	added = watch_texts_state(c);
	assert_true(added != touched && watch_texts_differ(c));
	write_file("b.part", "zone: [\n");
	assert_true(watch_texts_state(c) != added && watch_texts_differ(c));
	config_free(c);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(no_files_no_state, kit_end),
		cmocka_unit_test_teardown(changes_are_seen, kit_end),
		cmocka_unit_test_teardown(texts_that_differ, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
