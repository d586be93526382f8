/* schema: explain finds a key by its path or the end of one, and guesses at the others. */
#include "config/schema.h"

#include "config/key.h"
#include "netpoll/err.h"
#include "tests/unit/config/load.h"

/* The explanation of key, or NULL when there is none and *nearest says what may have been meant. */
static struct paper *explain(const char *key, const char **nearest)
{
	struct paper *p = paper_new();
	int err;

	*nearest = NULL;
	err = schema_explain(p->f, 80, key, nearest);
	paper_read(p);
	if (err == 0)
		return p;
	assert_int_equal(err, -NP_ENOENT);
	assert_int_equal(p->n, 0);
	paper_free(p);
	return NULL;
}

static void expect(const char *key, const char *want)
{
	const char *nearest;
	struct paper *p = explain(key, &nearest);

	assert_non_null(p);
	assert_string_equal(p->text, want);
	paper_free(p);
}

static void a_value(void **state)
{
	(void)state;
	expect("listeners[].at_limit", "listeners[].at_limit\n"
	       "  what happens to a client beyond max_connections, rate or tls.max_handshakes\n"
	       "\n"
	       "  type      word\n"
	       "    refuse         close it at once, so the client can go elsewhere\n"
	       "    wait           leave it in the kernel's backlog until another ends\n"
	       "  default   refuse\n"
	       "  reload    holds for connections accepted afterwards\n"
	       "  example   at_limit: wait\n"
	       "\n"
	       "  refuse closes it at once, so the client can go elsewhere; wait leaves it in\n"
	       "  the kernel's backlog, or before its handshake, until another one ends.\n");
	expect("upstreams[].retry_budget", "upstreams[].retry_budget\n"
	       "  time all attempts for one connection may take together\n"
	       "\n"
	       "  type      duration\n"
	       "  range     1ms to 10m\n"
	       "  default   10s\n"
	       "  reload    holds for connections accepted afterwards\n"
	       "  example   retry_budget: 6s\n"
	       "\n"
	       "  Without it three attempts of five seconds keep a client waiting for fifteen.\n");
}

static void values_of_other_kinds(void **state)
{
	(void)state;
	expect("listeners[].upstream", "listeners[].upstream\n"
	       "  the name of the upstream its connections go to, unless a route matches\n"
	       "\n"
	       "  type      upstream name\n"
	       "  default   none; it must be written unless the key before it is\n"
	       "  reload    holds for connections accepted afterwards\n"
	       "  example   upstream: app\n"
	       "\n"
	       "  Any name of the upstreams section, before or after this place. May be left out\n"
	       "  beside routes: a connection that none of them matches is then closed.\n");
	expect("upstreams[].tlvs", "upstreams[].tlvs\n"
	       "  what a v2 header says beside the addresses\n"
	       "\n"
	       "  type      word or list of words\n"
	       "    authority      the name the client asked for (SNI)\n"
	       "    alpn           the protocol agreed with the client\n"
	       "    unique_id      the connection's id, as in the access log\n"
	       "    ssl            TLS version, cipher, and the client certificate's common name\n"
	       "    client_cert    beside ssl, and within it: the client's whole certificate, in\n"
	       "                   DER\n"
	       "    crc32c         a checksum of the header\n"
	       "  range     1 to 6 elements\n"
	       "  default   none; it may be left out\n"
	       "  reload    holds for connections accepted afterwards\n"
	       "  example   tlvs: [authority, alpn, unique_id, ssl, crc32c]\n"
	       "\n"
	       "  Each is left out where nothing is known: ssl on a connection without TLS, for\n"
	       "  one. A server that gets client_cert must take long headers (staunch reads 4KiB\n"
	       "  unless max_bytes says more). A client whose certificate does not fit, with the\n"
	       "  rest, into the 64 KiB of a header is closed.\n");
}

/* Of a BLOCK, its keys; bounds in the unit of the key. */
static void blocks_and_bounds(void **state)
{
	const char *nearest;
	struct paper *p = explain("upstreams[].tls", &nearest);
	char range[SCHEMA_RANGE];

	(void)state;
	assert_non_null(p);
	assert_non_null(strstr(p->text, "\n  pins             SHA-256 hashes"));
	assert_non_null(strstr(p->text, "\n                   default true\n"));
	paper_free(p);
	assert_string_equal(schema_range(key_find("listeners[].preread.max_bytes"), range), "1KiB to 64KiB");
	assert_string_equal(schema_range(key_find("upstreams[].custom_tlvs[].type"), range), "0xE0 to 0xEF");
	assert_string_equal(schema_default(key_find("listeners[].name")), "none; it must be written");
}

static void a_section(void **state)
{
	(void)state;
	expect("shutdown", "shutdown\n"
	       "  how the process ends when it is asked to\n"
	       "\n"
	       "  delay            time between failing the readiness check and closing the\n"
	       "                   listeners\n"
	       "                   default 0s\n"
	       "  timeout          time live connections get to end by themselves; off waits as\n"
	       "                   long as they last\n"
	       "                   default 30s\n");
}

/* Each spelling of a path, and the one it means; or the one it was perhaps meant to be. */
static void spellings(void **state)
{
	static const struct {
		const char *key, *path, *nearest;
	} rows[] = {
		{"listeners[].timeouts.idle", "listeners[].timeouts.idle", NULL},
		{"listeners.timeouts.idle", "listeners[].timeouts.idle", NULL},
		{"listeners[3].timeouts.idle", "listeners[].timeouts.idle", NULL},
		{"timeouts.idle", "listeners[].timeouts.idle", NULL},
		{"idle", "listeners[].timeouts.idle", NULL},
		{"connect", "listeners[].connect", NULL}, /* nearer to the top than timeouts.connect */
		{"timeouts.connect", "upstreams[].timeouts.connect", NULL},
		{"upstreams", "upstreams", NULL},
		{"listeners[]", "listeners", NULL},
		{"listeners[].upstream", "listeners[].upstream", NULL},
		{"name", NULL, "listeners[].name"},            /* two keys end so */
		{"max_connections", NULL, "limits.max_connections"},
		{"idel", NULL, "listeners[].timeouts.idle"},
		{"listeners[].timeout.idle", NULL, "listeners[].timeouts.idle"},
		{"retry_budet", NULL, "upstreams[].retry_budget"},
		{"le", NULL, NULL},
		{"frobnicate", NULL, NULL},
		{"listeners[].timeouts.", NULL, "listeners[].timeouts"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *nearest;
		struct paper *p = explain(rows[i].key, &nearest);

		if ((p != NULL) != (rows[i].path != NULL))
			fail_msg("%s: %s", rows[i].key, p != NULL ? p->text : "no explanation");
		if (p != NULL)
			assert_memory_equal(p->text, rows[i].path, strlen(rows[i].path));
		if (p != NULL)
			paper_free(p);
		if (strcmp(nearest == NULL ? "" : nearest, rows[i].nearest == NULL ? "" : rows[i].nearest) != 0)
			fail_msg("%s: nearest %s", rows[i].key, nearest == NULL ? "none" : nearest);
	}
	assert_int_equal(schema_explain(stdout, 80, "frobnicate", NULL), -NP_ENOENT);
}

static void ends_of_several_are_listed(void **state)
{
	struct paper *p = paper_new();

	(void)state;
	assert_int_equal(schema_ends(p->f, 80, "verify_depth"), 0);
	assert_int_equal(schema_ends(p->f, 80, "timeouts.idle"), 1);
	assert_int_equal(schema_ends(p->f, 80, "timeouts"), 2);
	paper_read(p);
	assert_int_equal(strncmp(p->text, "  listeners[].timeouts.idle\n      ", 34), 0);
	assert_non_null(strstr(p->text, "\n  listeners[].timeouts\n      "));
	assert_non_null(strstr(p->text, "\n  upstreams[].timeouts\n      "));
	assert_non_null(strstr(p->text, key_find("upstreams[].timeouts")->help));
	paper_free(p);
}

static void lists_fit_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < key_count; i++) {
		const char *nearest;
		struct paper *p = explain(key_rows[i].path, &nearest);

		assert_non_null(p);
		for (const char *at = p->text; key_is_section(&key_rows[i]) && *at != '\0'; at += strcspn(at, "\n") + 1)
			if (strcspn(at, "\n") > 80)
				fail_msg("%s: %s", key_rows[i].path, at);
		paper_free(p);
	}
}

static void every_key_is_explained(void **state)
{
	const char *nearest;

	(void)state;
	for (size_t i = 0; i < key_count; i++) {
		struct paper *p = explain(key_rows[i].path, &nearest);

		assert_non_null(p);
		assert_non_null(strstr(p->text, key_rows[i].help));
		paper_free(p);
	}
}

static void the_whole(void **state)
{
	const char *nearest;
	struct paper *none = explain(NULL, &nearest), *empty = explain("", &nearest);

	(void)state;
	assert_string_equal(none->text, empty->text);
	assert_non_null(strstr(none->text, "\n  listeners        where clients connect\n"));
	paper_free(none);
	paper_free(empty);
}

static void completion_words(void **state)
{
	struct paper *p = paper_new();
	size_t lines = 0;

	(void)state;
	schema_keys(p->f);
	for (const char *s = paper_read(p); (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	assert_int_equal(lines, key_count);
	assert_non_null(strstr(p->text, "\nlisteners[].timeouts.idle\n"));
	paper_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value),
		cmocka_unit_test(values_of_other_kinds),
		cmocka_unit_test(blocks_and_bounds),
		cmocka_unit_test(a_section),
		cmocka_unit_test(spellings),
		cmocka_unit_test(the_whole),
		cmocka_unit_test(ends_of_several_are_listed),
		cmocka_unit_test(lists_fit_the_terminal),
		cmocka_unit_test(every_key_is_explained),
		cmocka_unit_test(completion_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
