/* schema_man: the table as staunch.yaml(5). Roff and not scdoc, so that `staunch` itself can
 * write it and no build needs a tool for it. */
#include <string.h>

#include "config/text/diag.h"
#include "config/key.h"
#include "config/schema.h"
#include "config/text/utf8.h"
#include "config/value_put.h"

/* The help of a key is a phrase without a full stop. */
static void man_sentence(FILE *out, const char *text)
{
	utf8_put_roff(out, text);
	fputs(".\n", out);
}

static void man_fact(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%s: ", name);
	man_sentence(out, text);
}

static void man_words(FILE *out, const struct config_key *k)
{
	if (k->words == NULL)
		return;
	fputs(".RS\n", out);
	for (const struct key_word *w = k->words; w->word != NULL; w++) {
		fprintf(out, ".TP\n.B %s\n", w->word);
		utf8_put_roff(out, w->meaning);
		putc('\n', out);
	}
	fputs(".RE\n", out);
}

/* A key's page: what it is for, then the facts, then why one would change it, then its words. */
static void man_key(FILE *out, const struct config_key *k)
{
	char range[SCHEMA_RANGE];

	fputs(".TP\n.B ", out);
	utf8_put_roff(out, k->path);
	putc('\n', out);
	man_sentence(out, k->help);
	fputs(".br\n", out);
	man_fact(out, "Type", value_kind_text(k->kind));
	if (schema_range(k, range)[0] != '\0')
		man_fact(out, "Range", range);
	man_fact(out, "Default", schema_default(k));
	man_fact(out, "Reload", schema_reload(k));
	fputs(".IP\n", out);
	utf8_put_roff(out, k->more);
	putc('\n', out);
	man_words(out, k);
}

/* A section's title, and how many elements it takes. */
static void man_section(FILE *out, const struct config_key *k)
{
	char range[SCHEMA_RANGE];

	fputs(".SS ", out);
	utf8_put_roff(out, k->path);
	putc('\n', out);
	utf8_put_roff(out, k->help);
	if (k->kind == KEY_LIST)
		fprintf(out, " (%s)", schema_range(k, range));
	fputs(".\n", out);
}

/* First the values of a map, then its sections, so that no value seems to belong to the section
 * before it. */
static void man_map(FILE *out, const char *prefix)
{
	const struct config_key *k = NULL;

	while ((k = key_next(prefix, k)) != NULL)
		if (!key_is_section(k))
			man_key(out, k);
	while ((k = key_next(prefix, k)) != NULL) {
		if (!key_is_section(k))
			continue;
		man_section(out, k);
		man_map(out, key_inside(k));
	}
}

/* Every code with its meaning: a person who searches the web for E405 should find it in the
 * manual first. */
static void man_codes(FILE *out)
{
	static const enum diag_code codes[] = {
#define X(name, letter, number, meaning) DIAG_##name,
		DIAG_TBL(X)
#undef X
	};

	fputs(".SH PROBLEMS\n", out);
	for (size_t i = 0; i < array_len(codes); i++) {
		fprintf(out, ".TP\n.B %s\n", diag_code_text(codes[i]));
		utf8_put_roff(out, diag_code_meaning(codes[i]));
		putc('\n', out);
	}
}

void schema_man(FILE *out)
{
	fputs(".TH STAUNCH.YAML 5\n.ad l\n"
	      ".SH NAME\nstaunch.yaml \\- configuration of the staunch TCP proxy\n"
	      ".SH DESCRIPTION\n"
	      "One YAML document. Unknown and repeated keys, tags, merge keys and tabs as indentation are errors; a "
	      "file with an error changes nothing. Durations are written with their unit (200ms, 5s, 1h30m, 1d); "
	      "a timer is switched off with the word off, never with 0. Addresses are quoted.\n"
	      ".SH KEYS\n", out);
	man_map(out, "");
	man_codes(out);
	fputs(".SH SEE ALSO\n.BR staunch (1)\n", out);
}
