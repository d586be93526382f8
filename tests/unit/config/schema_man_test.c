/* schema_man: the manual page has every key and every code, and is clean roff. */
#include "config/key.h"
#include "config/schema.h"
#include "tests/unit/config/load.h"

/* A key alone on its line, or one so short that its help stands behind it. */
static const char *title_of(char *line)
{
	char *title = line + strspn(line, " "), *help;

	title[strcspn(title, "\n")] = '\0';
	help = strstr(title, "  ");
	if (help != NULL)
		*help = '\0';
	return title;
}

/* groff must find nothing to warn about, and show every key. */
static void groff_reads_it(void **state)
{
	char path[] = "/tmp/schema_man_test.XXXXXX", command[200], line[400];
	int fd = mkstemp(path);
	FILE *page, *shown;
	size_t lines = 0, keys = 0;

	(void)state;
	assert_true(fd >= 0);
	page = fdopen(fd, "w");
	assert_non_null(page);
	schema_man(page);
	fclose(page);
	snprintf(command, sizeof(command),
		"command -v groff >/dev/null && LC_ALL=C groff -man -ww -Tascii -P-cbou %s 2>&1", path);
	shown = popen(command, "re");
	assert_non_null(shown);
	while (fgets(line, sizeof(line), shown) != NULL) {
		lines++;
		if (strstr(line, "warning") != NULL && strstr(line, path) != NULL)
			fail_msg("%s", line);
		keys += key_find(title_of(line)) != NULL;
	}
	pclose(shown);
	remove(path);
	if (lines == 0)
		skip(); /* no groff here */
	assert_int_equal(keys, key_count);
}

static bool is_request(const char *line)
{
	static const char *const requests[] = {"TH", "SH", "SS", "TP", "B", "BR", "br", "IP", "RS", "RE", "ad"};
	size_t n = strcspn(line + 1, " \n");

	for (size_t i = 0; i < array_len(requests); i++)
		if (strlen(requests[i]) == n && memcmp(requests[i], line + 1, n) == 0)
			return true;
	return false;
}

/* A line of text that starts with a dot would be a request, and vanish. */
static void only_our_requests(void **state)
{
	struct paper *p = paper_new();

	(void)state;
	schema_man(p->f);
	for (const char *line = paper_read(p); *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_true(*line != '\'' && *line != ' ');
		if (*line == '.' && !is_request(line))
			fail_msg("%.60s", line);
	}
	for (size_t i = 0; i < key_count; i++)
		assert_non_null(strstr(p->text, key_rows[i].path));
	paper_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groff_reads_it),
		cmocka_unit_test(only_our_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
