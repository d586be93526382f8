/* schema: explain. The sentences come from the table; here is their layout, and the search for
 * the key that a person meant by a part of its path. */
#include "config/schema.h"

#include <limits.h>
#include <string.h>

#include "config/key.h"
#include "config/units.h"
#include "config/value_put.h"
#include "config/text/utf8.h"
#include "config/text/word.h"
#include "netpoll/err.h"

#define PATH_MAX_BYTES 128
#define MARGIN         "                   " /* below the texts of a list of keys or words */
#define DEFAULT_MOST   52 /* bytes of a default in that list */
#define NAME_COLUMNS   16 /* of a key in that list; a longer one leaves its first line less room */

const char *schema_reload(const struct config_key *k)
{
	static const char *const texts[] = {
		[KEY_LIVE] = "holds at once",
		[KEY_NEW] = "holds for connections accepted afterwards",
		[KEY_REOPEN] = "opens the listening socket anew; accepted connections stay",
		[KEY_RESTART] = "not applied; restart to change it",
	};

	return texts[k->reload];
}

/* In the units that people write, not in the table's nanoseconds. */
const char *schema_range(const struct config_key *k, char *out)
{
	char min[UNITS_TEXT], max[UNITS_TEXT];
	size_t at;

	out[0] = '\0';
	if (k->max == 0) /* the row has no bounds */
		return out;
	at = (size_t)snprintf(out, SCHEMA_RANGE, "%s to %s", value_number(k, k->min, min),
	                      value_number(k, k->max, max));
	if (k->kind == KEY_LIST || key_is_several(k))
		at += (size_t)snprintf(out + at, SCHEMA_RANGE - at, " elements");
	if (k->flags & KEY_AUTO)
		at += (size_t)snprintf(out + at, SCHEMA_RANGE - at, ", or auto");
	if (k->flags & KEY_OFF)
		at += (size_t)snprintf(out + at, SCHEMA_RANGE - at, ", or off");
	if (k->flags & KEY_SAME)
		snprintf(out + at, SCHEMA_RANGE - at, ", or same");
	return out;
}

/* Why there is none is said in the same place, so that no key leaves a reader guessing. */
const char *schema_default(const struct config_key *k)
{
	if (k->def != NULL)
		return k->def;
	if (k->flags & KEY_OTHERWISE)
		return "none; it must be written unless the key before it is";
	return (k->flags & KEY_NEEDED) ? "none; it must be written" : "none; it may be left out";
}

/* ---- finding the key that was meant ---- */

/* A path without its brackets, so that listeners.name, listeners[].name and listeners[2].name
 * are one. */
static void strip_brackets(const char *path, char *out)
{
	size_t n = 0;
	bool inside = false;

	for (; *path != '\0' && n < PATH_MAX_BYTES - 1; path++) {
		if (*path == '[' || *path == ']')
			inside = *path == '[';
		else if (!inside)
			out[n++] = *path;
	}
	out[n] = '\0';
}

/* Whole parts only: `idle` is an end of timeouts.idle, `dle` is not. */
static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && strcmp(path + n - m, end) == 0 && (n == m || path[n - m - 1] == '.');
}

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path != '\0'; path++)
		n += *path == '.';
	return n;
}

/* The whole path wins over an end; of several paths with that end the one nearest to the top, if it
 * is alone there. */
static const struct config_key *find_row(const char *stripped)
{
	const struct config_key *only = NULL;
	char path[PATH_MAX_BYTES];
	unsigned least = UINT_MAX, depth;
	size_t n = 0;

	for (size_t i = 0; i < key_count; i++) {
		strip_brackets(key_rows[i].path, path);
		if (strcmp(path, stripped) == 0)
			return &key_rows[i];
		depth = depth_of(path);
		if (!ends_with(path, stripped) || depth > least)
			continue;
		n = depth < least ? 1 : n + 1;
		least = depth;
		only = &key_rows[i];
	}
	return n == 1 ? only : NULL;
}

/* Among whole paths first; a short word is compared with the last part of each. */
static const char *nearest_path(const char *stripped)
{
	struct word_search whole, part;
	const char *path = NULL, *by_part = NULL;
	char candidate[PATH_MAX_BYTES];

	word_search_init(&whole, stripped);
	word_search_init(&part, stripped);
	for (size_t i = 0; i < key_count; i++) {
		int before = whole.distance;

		strip_brackets(key_rows[i].path, candidate);
		word_search_try(&whole, candidate);
		if (whole.distance < before)
			path = key_rows[i].path;
		before = part.distance;
		word_search_try(&part, key_name(&key_rows[i]));
		if (part.distance < before)
			by_part = key_rows[i].path;
	}
	return path != NULL ? path : by_part;
}

/* ---- saying it ---- */

/* A word and its sentence, which goes on below itself. */
static void put_listed(FILE *out, int columns, const char *word, const char *sentence)
{
	int over = (int)strlen(word) - NAME_COLUMNS;

	fprintf(out, "%-*s ", NAME_COLUMNS, word);
	utf8_put_wrapped(out, sentence, columns - (int)strlen(MARGIN) - (over > 0 ? over : 0), MARGIN);
}

/* Lists of ciphers: a line of them tells nobody anything. */
static void put_long_default(FILE *out, int columns, const struct config_key *k)
{
	char text[PATH_MAX_BYTES + 32];

	snprintf(text, sizeof(text), "default long: staunch explain %s", k->path);
	fputs(MARGIN, out);
	utf8_put_wrapped(out, text, columns - (int)strlen(MARGIN), MARGIN);
}

/* What stands right below a section, one line each. */
static void explain_children(FILE *out, int columns, const char *prefix)
{
	const struct config_key *k = NULL;

	while ((k = key_next(prefix, k)) != NULL) {
		fputs("  ", out);
		put_listed(out, columns, key_name(k), k->help);
		if (k->def != NULL && strlen(k->def) > DEFAULT_MOST)
			put_long_default(out, columns, k);
		else if (k->def != NULL)
			fprintf(out, MARGIN "default %s\n", k->def);
		else if (k->flags & KEY_NEEDED)
			fputs(MARGIN "must be written\n", out);
	}
}

static void explain_words(FILE *out, int columns, const struct config_key *k)
{
	for (const struct key_word *w = k->words; w != NULL && w->word != NULL; w++) {
		fprintf(out, "    %-14s ", w->word);
		utf8_put_wrapped(out, w->meaning, columns - (int)strlen(MARGIN), MARGIN);
	}
}

/* Behind its label: "  reload    holds at once". */
static void put_fact(FILE *out, int columns, const char *label, const char *text)
{
	fprintf(out, "  %-10s", label);
	utf8_put_wrapped(out, text, columns - 12, "            ");
}

/* A section is explained by its keys, a line each: the way on is explain with one of them. */
static void explain_section(FILE *out, int columns, const struct config_key *k)
{
	char range[SCHEMA_RANGE];

	fprintf(out, "%s\n  ", k->path);
	utf8_put_wrapped(out, k->help, columns - 2, "  ");
	if (k->kind == KEY_LIST)
		fprintf(out, "  list, %s\n", schema_range(k, range));
	fputs("\n", out);
	explain_children(out, columns, key_inside(k));
}

/* Facts in a fixed order, one a line, so that the eye finds them; prose before and behind them. */
static void explain_value(FILE *out, int columns, const struct config_key *k)
{
	char range[SCHEMA_RANGE];

	fprintf(out, "%s\n  ", k->path);
	utf8_put_wrapped(out, k->help, columns - 2, "  ");
	putc('\n', out);
	put_fact(out, columns, "type", value_kind_text(k->kind));
	explain_words(out, columns, k);
	if (schema_range(k, range)[0] != '\0')
		put_fact(out, columns, "range", range);
	put_fact(out, columns, "default", schema_default(k));
	put_fact(out, columns, "reload", schema_reload(k));
	fprintf(out, "  example   %s: %s\n\n  ", key_name(k), k->example);
	utf8_put_wrapped(out, k->more, columns - 2, "  ");
}

/* The bytes of the path are the person's and are only compared: nothing of them is printed here. */
int schema_explain(FILE *out, int columns, const char *key, const char **nearest)
{
	const struct config_key *k;
	char stripped[PATH_MAX_BYTES];

	strip_brackets(key == NULL ? "" : key, stripped);
	if (stripped[0] == '\0') {
		fputs("staunch.yaml\n  the configuration of staunch\n\n", out);
		explain_children(out, columns, "");
		return 0;
	}
	k = find_row(stripped);
	if (k == NULL) {
		if (nearest != NULL)
			*nearest = nearest_path(stripped);
		return -NP_ENOENT;
	}
	if (key_is_section(k))
		explain_section(out, columns, k);
	else
		explain_value(out, columns, k);
	return 0;
}

size_t schema_ends(FILE *out, int columns, const char *key)
{
	char stripped[PATH_MAX_BYTES], path[PATH_MAX_BYTES];
	size_t n = 0;

	strip_brackets(key, stripped);
	for (size_t i = 0; i < key_count; i++) {
		strip_brackets(key_rows[i].path, path);
		if (!ends_with(path, stripped))
			continue;
		n++;
		if (out == NULL)
			continue;
		fprintf(out, "  %s\n      ", key_rows[i].path);
		utf8_put_wrapped(out, key_rows[i].help, columns - 6, "      ");
	}
	return n;
}

void schema_keys(FILE *out)
{
	for (size_t i = 0; i < key_count; i++)
		fprintf(out, "%s\n", key_rows[i].path);
}
