/* P34: no field of a connection is forgotten when it goes to another process. The structs are read out of the
 * headers; each field has a row here that says how the other process comes to it. A new field fails this test until
 * somebody has decided: write it into the message, as proxy/tls/tls_export.c does, or say why that is not needed. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <string.h>

enum how {
	TRAVELS, /* a field of the message */
	DERIVED, /* made anew from what travels, or by the first turn */
	OWN,     /* of the process: its memory, its lists, its names for the same thing */
	BEFORE,  /* only before the relay begins, or while it is not movable */
};

struct moved_field {
	const char *name;
	enum how how;
};

struct moved_struct {
	const char *file, *name;
	struct moved_field fields[64];
};

static const struct moved_struct structs[] = {
	{"proxy/conn/conn.h", "relay_dir", {
		{"bytes", TRAVELS}, {"active", TRAVELS}, {"rest", TRAVELS}, {"pipe", TRAVELS}, {"full", DERIVED},
		{"spliced", DERIVED}, {"readable", DERIVED}, {"muted", DERIVED}, {"blocked", DERIVED},
		{"backlog", DERIVED}, {"eof", TRAVELS}, {"reset", TRAVELS}, {"discard", TRAVELS}, {"done", TRAVELS},
		{"unspliceable", TRAVELS}, {"unclean", TRAVELS}, {"cut", TRAVELS}, {"looks", DERIVED},
		{"kept", OWN}, {"reset_pause", DERIVED}, {"undelivered", TRAVELS}}},
	{"proxy/conn/conn.h", "conn", {
		{"magic", OWN}, {"phase", DERIVED}, {"fresh", DERIVED}, {"secure", DERIVED}, {"nodelay_due", TRAVELS},
		{"keepalive_due", TRAVELS}, {"tallied", DERIVED}, {"traced", OWN}, {"kill", OWN}, {"setup", BEFORE},
		{"first_end", TRAVELS}, {"retries", TRAVELS}, {"trial", OWN}, {"task", OWN}, {"link", OWN},
		{"shard", OWN}, {"listener", TRAVELS}, {"server", TRAVELS}, {"extra", TRAVELS}, {"client", TRAVELS},
		{"upstream", TRAVELS}, {"peer", TRAVELS}, {"connected", TRAVELS}, {"err", TRAVELS}, {"rule", TRAVELS},
		{"judged", TRAVELS}, {"first_byte", TRAVELS}, {"accepted", TRAVELS}, {"counted", DERIVED},
		{"hard_deadline", TRAVELS}, {"dir", TRAVELS}}},
	{"proxy/conn/conn_extra.h", "conn_extra", {
		{"preread", TRAVELS}, {"replay", OWN}, {"detail", TRAVELS}, {"words", DERIVED}, {"sni", TRAVELS},
		{"client", TRAVELS}, {"tried", OWN}, {"last_tried", DERIVED}, {"last_addr", DERIVED},
		{"queued", TRAVELS}, {"waits_since", TRAVELS}, {"waits_until", TRAVELS}, {"marks", OWN},
		{"update", TRAVELS}, {"paced", DERIVED}, {"source", DERIVED}, {"id", TRAVELS}, {"has_id", DERIVED},
		{"late", OWN}}},
	{"proxy/conn/stream.h", "stream", {{"fd", TRAVELS}, {"tls", TRAVELS}}},
	{"proxy/tls/tls_priv.h", "tls", {
		{"magic", OWN}, {"io", DERIVED}, {"err", TRAVELS}, {"ssl", BEFORE}, {"direct", TRAVELS},
		{"secrets", BEFORE}, {"known", TRAVELS}, {"ctx", OWN}, {"fd", OWN}, {"in", TRAVELS}, {"out", TRAVELS},
		{"server", BEFORE}, {"refused", BEFORE}, {"said", DERIVED}, {"cause", TRAVELS},
		{"updates_since", TRAVELS}, {"up_since", TRAVELS}, {"out_room", DERIVED}, {"sealed", BEFORE},
		{"offered", BEFORE}, {"idle", BEFORE}, {"updates", TRAVELS}, {"records", DERIVED}, {"why", BEFORE},
		{"up", DERIVED}, {"held", TRAVELS}, {"quiet", DERIVED}, {"fin", TRAVELS}, {"eof", TRAVELS},
		{"truncated", TRAVELS}, {"notified", TRAVELS}, {"alerted", TRAVELS}, {"waits", BEFORE},
		{"ticket", BEFORE}, {"pushed", BEFORE}, {"shut", TRAVELS}}},
	{"proxy/tls/tls_direct.h", "tls_direct", {
		{"in", TRAVELS}, {"out", TRAVELS}, {"spilt", TRAVELS}, {"skip", TRAVELS}, {"message", TRAVELS},
		{"nmessage", TRAVELS}, {"empties", TRAVELS}, {"warnings", TRAVELS}}},
	{"proxy/tls/tls_record.h", "tls_record_key", {
		{"ctx", DERIVED}, {"seq", TRAVELS}, {"iv", TRAVELS}, {"suite", TRAVELS}, {"added", DERIVED},
		{"tls12", TRAVELS}, {"secret", TRAVELS}, {"next_explicit", TRAVELS}, {"key", TRAVELS}}},
};

/* ---- reading a header ---- */

#define HEADER_MOST (1 << 16)

static void read_header(const char *path, char *text)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		kit_fail("no %s: run from the root of the tree", path);
	n = fread(text, 1, HEADER_MOST - 1, f);
	fclose(f);
	assert_true(n < HEADER_MOST - 1);
	text[n] = '\0';
}

/* Blanks take the place of comments, whose semicolons end no field. */
static void drop_comments(char *p)
{
	while ((p = strstr(p, "/*")) != NULL) {
		char *end = strstr(p, "*/");

		assert_non_null(end);
		memset(p, ' ', (size_t)(end + 2 - p));
	}
}

/* The text between the braces of a struct, with those of its unions. */
static char *body_of(char *text, const char *name)
{
	char head[64], *p, *end;
	int depth = 1;

	snprintf(head, sizeof(head), "\nstruct %s {", name);
	p = strstr(text, head);
	if (p == NULL)
		kit_fail("no struct %s", name);
	p += strlen(head);
	for (end = p; depth > 0; end++)
		depth += (*end == '{') - (*end == '}');
	end[-1] = '\0';
	return p;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The last word of a declarator, in front of its bounds or its width: "uint8_t iv[12]", "bool eof : 1".
 *   Returns  false: there is none, as behind the brace of a union. */
static bool name_of(const char *p, size_t n, char *name, size_t room)
{
	size_t from, to = 0;

	while (to < n && p[to] != '[' && p[to] != ':')
		to++;
	while (to > 0 && !is_word_char(p[to - 1]))
		to--;
	for (from = to; from > 0 && is_word_char(p[from - 1]); from--)
		;
	snprintf(name, room, "%.*s", (int)(to - from), p + from);
	return to > from;
}

static void expect_row(const struct moved_struct *s, const char *name, bool *met)
{
	for (size_t i = 0; i < array_len(s->fields) && s->fields[i].name != NULL; i++) {
		if (strcmp(s->fields[i].name, name) != 0)
			continue;
		met[i] = true;
		return;
	}
	kit_fail("%s: struct %s has a field %s that has no row: does it go to the other process?", s->file, s->name,
		 name);
}

/* Declarations end with a semicolon, declarators with a comma; what stands in front of a brace is a union or a struct
 * without a name, and its fields are fields of this one. */
static void each_field(const struct moved_struct *s, char *body, bool *met)
{
	char *p = body, name[64];

	while (*p != '\0') {
		size_t n = strcspn(p, ";,{}");

		if ((p[n] == ';' || p[n] == ',') && name_of(p, n, name, sizeof(name)))
			expect_row(s, name, met);
		p += n + (p[n] != '\0');
	}
}

static void p34_every_field_travels_or_is_derived(void **state)
{
	static char text[HEADER_MOST];

	(void)state;
	for (size_t i = 0; i < array_len(structs); i++) {
		bool met[array_len(structs[i].fields)] = {false};

		read_header(structs[i].file, text);
		drop_comments(text);
		each_field(&structs[i], body_of(text, structs[i].name), met);
		for (size_t k = 0; k < array_len(met) && structs[i].fields[k].name != NULL; k++)
			if (!met[k])
				kit_fail("struct %s has no field %s any more", structs[i].name,
					 structs[i].fields[k].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p34_every_field_travels_or_is_derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
