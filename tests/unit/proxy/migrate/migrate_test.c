/* migrate: texts of nginx and HAProxy in, text of ours out; each row says what the output, or the complaint, must
 * have. */
#include "proxy/migrate/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/base/exit_tbl.h"
#include "tests/unit/proxy/migrate/migrate_rows_tbl.h"

/* What one run printed: out and err in one text, the output without its comments as well. */
struct printed {
	int code;
	char *out, *err, *flat;
};

/* Lines without what stands behind a #, and with one space for many: values stand in it as they are looked for. */
static char *flatten(const char *text)
{
	char *flat = calloc(1, strlen(text) + 1), *to = flat;

	assert_non_null(flat);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
		for (const char *s = line; *s != '\0' && *s != '\n' && *s != '#'; s++) {
			bool space = *s == ' ';

			if (!space || (to > flat && to[-1] != ' '))
				*to++ = *s;
			if (s[1] == '\n' && *s != ' ')
				*to++ = ' ';
		}
	return flat;
}

static void run(struct printed *p, const char *program, const char *text, size_t n)
{
	struct migrate_opts o = {.program = program, .file = "test.conf", .text = text, .n = n};
	size_t nerr = 0, nout = 0;

	*p = (struct printed){0};
	o.err = open_memstream(&p->err, &nerr);
	assert_non_null(o.err);
	p->code = migrate_run(&o, &p->out, &nout);
	assert_int_equal(fclose(o.err), 0);
	p->flat = flatten(p->out != NULL ? p->out : "");
}

static void done(struct printed *p)
{
	free(p->out);
	free(p->err);
	free(p->flat);
}

/* The output loads. */
static void expect_loads(const struct printed *p, const char *input)
{
	struct diag *d = diag_new();
	struct config *c = NULL;

	assert_non_null(d);
	if (config_parse("out", p->out, strlen(p->out), &c, d) != 0) {
		diag_print(stderr, d, (struct diag_look){.colour = false}, NULL);
		fail_msg("what was made of this does not load:\n%s\n%s", input, p->out);
	}
	config_free(c);
	diag_free(d);
}

/* Returns  whether all is as the row says; what is not has been told. */
static bool try_row(const struct row *r)
{
	struct printed p;
	bool good;

	run(&p, r->program, r->text, strlen(r->text));
	good = p.code == r->code;
	if (!good)
		print_error("%s: ends with %d, not %d\n%s\n%s\n", r->name, p.code, r->code, p.err, p.flat);
	for (size_t i = 0; i < MOST && r->has[i] != NULL; i++) {
		const char *wanted = r->has[i] + (r->has[i][0] == '!'), *in = r->has[i][0] == '!' ? p.err : p.flat;

		if (strstr(in, wanted) != NULL)
			continue;
		good = false;
		print_error("%s: \"%s\" is not in\n%s\n%s\n", r->name, wanted, p.flat, p.err);
	}
	if (p.out != NULL)
		expect_loads(&p, r->text);
	done(&p);
	return good;
}

/* All of them are tried, whatever one says. */
static void try_rows(const struct row *rows, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad += !try_row(&rows[i]);
	assert_int_equal(bad, 0);
}

static void m1_m3_directives_of_nginx(void **state)
{
	(void)state;
	try_rows(nginx_rows, array_len(nginx_rows));
}

static void m2_m3_directives_of_haproxy(void **state)
{
	(void)state;
	try_rows(haproxy_rows, array_len(haproxy_rows));
}

/* M4: what works otherwise is said in the output, whatever stands in the file. */
static void m4_what_is_otherwise_is_said(void **state)
{
	static const char *const said[] = {
		"leaves the other one open (on_fin: pass)", "A reset is passed on as a reset",
		"Certificates of servers are verified",     "timeouts.idle runs from the last byte of either side",
		"wait in a bounded queue",
	};
	static const char *const texts[][2] = {{"nginx", SERVER("")}, {"haproxy", LISTEN(":1", "")}};
	struct printed p;

	(void)state;
	for (size_t t = 0; t < array_len(texts); t++) {
		run(&p, texts[t][0], texts[t][1], strlen(texts[t][1]));
		assert_int_equal(p.code, EXIT_OK);
		for (size_t i = 0; i < array_len(said); i++)
			if (strstr(p.out, said[i]) == NULL)
				fail_msg("%s: \"%s\" is not said in\n%s", texts[t][0], said[i], p.out);
		done(&p);
	}
}

static void m5_words_and_what_is_broken(void **state)
{
	(void)state;
	try_rows(word_rows, array_len(word_rows));
}

/* M5: a line of 10 MB: a comment is passed over, words are too many, one word is too long; each with a short
 * excerpt. */
static void m5_a_long_line(void **state)
{
	static const struct {
		const char *program, *before, *after, *err;
		char fill, second;
		int code;
	} lines[] = {
		{"nginx", "#", "\nstream { server { listen 1; proxy_pass a:1; } }", "", 'x', 'x', EXIT_OK},
		{"nginx", "stream { a ", "; }", "more than 1024 words", 'x', ' ', EXIT_CONFIG},
		{"nginx", "stream { a ", "; }", "a word of more than 4096 bytes", 'x', 'x', EXIT_CONFIG},
		{"nginx", "", "", "too many blocks within each other", 'a', '{', EXIT_CONFIG},
		{"haproxy", "#", "\nlisten l\n bind :1\n server s a:1\n", "", '"', '"', EXIT_OK},
		{"haproxy", "listen l\n bind ", "\n", "more than 1024 words", 'x', ' ', EXIT_CONFIG},
		{"haproxy", "listen l\n bind ", "\n", "a word of more than 4096 bytes", 'x', 'x', EXIT_CONFIG},
	};
	size_t n = (size_t)10 << 20;
	char *text = malloc(n + 256);
	struct printed p;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < array_len(lines); i++) {
		size_t before = strlen(lines[i].before), after = strlen(lines[i].after);

		memcpy(text, lines[i].before, before);
		for (size_t k = 0; k < n; k++)
			text[before + k] = k % 2 == 0 ? lines[i].fill : lines[i].second;
		memcpy(text + before + n, lines[i].after, after);
		run(&p, lines[i].program, text, before + n + after);
		assert_int_equal(p.code, lines[i].code);
		if (strstr(p.err, lines[i].err) == NULL || strlen(p.err) > 4096)
			fail_msg("row %zu: %.4096s", i, p.err);
		done(&p);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(m1_m3_directives_of_nginx),
		cmocka_unit_test(m2_m3_directives_of_haproxy),
		cmocka_unit_test(m4_what_is_otherwise_is_said),
		cmocka_unit_test(m5_words_and_what_is_broken),
		cmocka_unit_test(m5_a_long_line),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
