/* decode_report: V22, the message about a slip names the slip: its place, the nearest word of
 * the same section, the word that another program has for it, the character that cannot be seen. */
#include "config/decode_report.h"

#include "config/key.h"
#include "config/peer_word_tbl.h"

#include "tests/unit/config/load.h"

#define L(more) "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n" more
#define U       "upstreams: [{name: app, servers: [\"10.0.0.1:80\"]}]\n"

static const struct load_row rows[] = {
	/* the same section first */
	{L("    timeout: {idle: 1m}\n") U,
	 "error[E102]: unknown key \"timeout\" in listener \"web\"\n"
	 "  --> t.yaml:5:5\n"
	 "   |\n"
	 " 4 |     upstream: app\n"
	 " 5 |     timeout: {idle: 1m}\n"
	 "   |     ^^^^^^^ did you mean \"timeouts\"?\n"
	 "   = help: staunch explain listeners[].timeouts\n"},
	/* then below it, then around it */
	{L("    idle: 1m\n") U, "   = help: it is written as listeners[].timeouts.idle\n"},
	{L("") "upstreams: [{name: app, servers: [{address: \"10.0.0.1:80\", retries: 1}]}]\n",
	 "   = help: it is written as upstreams[].retries\n"},
	/* other programs' words */
	{L("    listen: 80\n") U, "   = help: what nginx calls listen is written as listeners[].bind\n"},
	{"frontend: []\n" L("") U, "   = help: what haproxy calls frontend is written as listeners\n"},
	{L("    ssl_certificate: /c\n") U,
	 "   = help: what nginx calls ssl_certificate is written as listeners[].tls.certificates[].cert\n"},
	/* invisible characters, by code point */
	{L("    back\xC2\xADlog: 5\n") U, "  --> t.yaml:5:5          note: it holds the invisible character U+00AD\n"},
	{L("    backlog: 5\xE2\x80\x8B\n") U, "note: it holds the invisible character U+200B\n"},
	{L("    backlog: \"5\\t\"\n") U, "error[E108]: the value holds the invisible character U+0009\n"},
	/* the first cause: an upstream without a name that reads is not one that is undefined */
	{L("") "upstreams: [{nmae: app, servers: [\"10.0.0.1:80\"]}]\n", "\n1 error - configuration NOT loaded\n"},
};

static void V22_slips(void **state)
{
	(void)state;
	load_rows(rows, array_len(rows));
}

/* Every word of the table leads to a key that exists, and is none of ours in the section in which it is looked for. */
static void V22_peer_words(void **state)
{
	static const struct {
		const char *word, *program, *within, *ours;
	} words[] = {
#define X(word, program, within, ours) {word, program, within, ours},
		PEER_WORD_TBL(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < array_len(words); i++) {
		if (key_find(words[i].ours) == NULL)
			fail_msg("%s leads to %s, which is no key", words[i].word, words[i].ours);
		for (size_t k = 0; k < key_count; k++)
			if (words[i].within[0] == '\0' && strcmp(key_name(&key_rows[k]), words[i].word) == 0)
				fail_msg("%s is a key of ours", words[i].word);
		if (words[i].within[0] != '\0' && key_child(words[i].within, words[i].word) != NULL)
			fail_msg("%s is a key of ours in %s", words[i].word, words[i].within);
		if (i > 0 && strcmp(words[i - 1].word, words[i].word) == 0)
			assert_true(strcmp(words[i - 1].within, words[i].within) < 0);
		else if (i > 0)
			assert_true(strcmp(words[i - 1].word, words[i].word) < 0);
	}
}

/* Five times one slip: three are shown, the others counted; another slip is shown as always. */
static void V22_repeats_are_folded(void **state)
{
	char text[1024] = "listeners:\n";
	struct load l;

	(void)state;
	for (int i = 0; i < 5; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "  - {name: l%d, bind: \":%d\", upstream: app, backlgo: 1}\n", i, 80 + i);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "upstreams: [{name: app, srvers: []}]\n");
	l = load_text(text);
	assert_int_equal(diag_count(l.d, DIAG_ERROR), 6);
	assert_int_equal(diag_shown(l.d), 4);
	assert_int_equal(diag_get(l.d, 2)->more, 2);
	assert_non_null(strstr(l.report->text, "   = the same in 2 more places\n"));
	assert_non_null(strstr(l.report->text, "unknown key \"srvers\""));
	assert_null(strstr(l.report->text, "... and"));
	load_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V22_slips),
		cmocka_unit_test(V22_peer_words),
		cmocka_unit_test(V22_repeats_are_folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
