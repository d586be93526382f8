/* schema_json: the table as JSON Schema draft-07, so that editors complete keys and underline slips while typing. It
 * says what a schema can: types, words, patterns, bounds of numbers; references are left to `staunch check`. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "config/key.h"
#include "config/schema.h"

#define NAME_PATTERN     "^[a-z0-9][a-z0-9_.-]{0,62}$"
#define DURATION_PATTERN "^(0|[1-9][0-9]*)(ms|s|m|h|d)((0|[1-9][0-9]*)(ms|s|m|h|d))*$"
#define IP_PATTERN       "(([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+(%[^\\]]+)?\\])"
#define HOST             "[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*"
#define BIND_PATTERN     "^" IP_PATTERN "?:[0-9]{1,5}|unix:.+)$"
#define ADDRESS_PATTERN  "^" IP_PATTERN ":[0-9]{1,5}|unix:.+)$"

struct json {
	FILE *out;
	int   depth;
	bool  first; /* in the object or array that is open */
};

static void put_string(struct json *j, const char *s)
{
	putc('"', j->out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', j->out);
		putc(*s, j->out);
	}
	putc('"', j->out);
}

/* The start of a member (name != NULL) or of an array's element. */
static void put_name(struct json *j, const char *name)
{
	fprintf(j->out, "%s\n%*s", j->first ? "" : ",", 2 * j->depth, "");
	j->first = false;
	if (name == NULL)
		return;
	put_string(j, name);
	fputs(": ", j->out);
}

static void put_text(struct json *j, const char *name, const char *value)
{
	put_name(j, name);
	put_string(j, value);
}

printf_like(3, 4) static void put_raw(struct json *j, const char *name, const char *fmt, ...)
{
	va_list args;

	put_name(j, name);
	va_start(args, fmt);
	vfprintf(j->out, fmt, args);
	va_end(args);
}

static void open_with(struct json *j, const char *name, char bracket)
{
	put_name(j, name);
	putc(bracket, j->out);
	j->depth++;
	j->first = true;
}

static void close_with(struct json *j, char bracket)
{
	j->depth--;
	fprintf(j->out, "\n%*s%c", 2 * j->depth, "", bracket);
	j->first = false;
}

/* ---- one value ---- */

static void put_pattern(struct json *j, const char *pattern)
{
	put_text(j, "type", "string");
	put_text(j, "pattern", pattern);
}

static void put_enum(struct json *j, const struct key_word *words)
{
	open_with(j, "enum", '[');
	for (; words->word != NULL; words++)
		put_text(j, NULL, words->word);
	close_with(j, ']');
}

static void put_integer(struct json *j, const struct config_key *k)
{
	put_text(j, "type", "integer");
	put_raw(j, "minimum", "%" PRId64, k->min);
	put_raw(j, "maximum", "%" PRId64, k->max);
}

/* The word beside the number: a member of oneOf each. */
static void put_or_word(struct json *j, const struct config_key *k,
                        void (*put)(struct json *, const struct config_key *))
{
	open_with(j, "oneOf", '[');
	open_with(j, NULL, '{');
	put(j, k);
	close_with(j, '}');
	open_with(j, NULL, '{');
	put_text(j, "const", (k->flags & KEY_OFF) ? "off" : "auto");
	close_with(j, '}');
	close_with(j, ']');
}

static void put_duration(struct json *j, const struct config_key *k)
{
	(void)k; /* a pattern cannot hold its bounds */
	put_pattern(j, DURATION_PATTERN);
}

static void put_item(struct json *j, const struct config_key *k)
{
	switch (k->kind) {
	case KEY_WORDS:    put_enum(j, k->words); return;
	case KEY_BIND:     put_pattern(j, BIND_PATTERN); return;
	case KEY_PATTERNS: put_pattern(j, "^(\\*\\.)?" HOST "(\\.\\*)?$"); return;
	case KEY_CIDRS:    put_pattern(j, "^([0-9A-Fa-f:.]+(/[0-9]{1,3})?|unix)$"); return;
	case KEY_PINS:     put_pattern(j, "^[A-Za-z0-9+/]{43}=$"); return;
	default:           put_pattern(j, "^[!-~]{1,255}$"); return;
	}
}

/* A value, or a list of them. */
static void put_several(struct json *j, const struct config_key *k)
{
	open_with(j, "oneOf", '[');
	open_with(j, NULL, '{');
	put_item(j, k);
	close_with(j, '}');
	open_with(j, NULL, '{');
	put_text(j, "type", "array");
	put_raw(j, "minItems", "%" PRId64, k->min);
	put_raw(j, "maxItems", "%" PRId64, k->max);
	put_raw(j, "uniqueItems", "true");
	open_with(j, "items", '{');
	put_item(j, k);
	close_with(j, '}');
	close_with(j, '}');
	close_with(j, ']');
}

static void put_object(struct json *j, const char *prefix);

static void put_elements(struct json *j, const struct config_key *k)
{
	const struct key_scope *s = key_elements(k);

	put_text(j, "type", "array");
	put_raw(j, "minItems", "%" PRId64, k->min);
	put_raw(j, "maxItems", "%" PRId64, k->max);
	open_with(j, "items", '{');
	if (s->shorthand == NULL) {
		put_object(j, s->prefix);
	} else {
		open_with(j, "oneOf", '[');
		open_with(j, NULL, '{');
		put_pattern(j, ADDRESS_PATTERN);
		close_with(j, '}');
		open_with(j, NULL, '{');
		put_object(j, s->prefix);
		close_with(j, '}');
		close_with(j, ']');
	}
	close_with(j, '}');
}

static void put_type(struct json *j, const struct config_key *k)
{
	bool word = (k->flags & (KEY_OFF | KEY_AUTO)) != 0;

	switch (k->kind) {
	case KEY_MAP:
	case KEY_BLOCK:    put_object(j, k->path); return;
	case KEY_LIST:     put_elements(j, k); return;
	case KEY_ENUM:     put_enum(j, k->words); return;
	case KEY_BOOL:     put_text(j, "type", "boolean"); return;
	case KEY_NAME:
	case KEY_REF:      put_pattern(j, NAME_PATTERN); return;
	case KEY_SINK:     put_pattern(j, "^(stdout|stderr|off|/.*)$"); return;
	case KEY_SIZE:     put_pattern(j, "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$"); return;
	case KEY_HOST:     put_pattern(j, "^[A-Za-z0-9_.:-]{1,253}$"); return;
	case KEY_TEXT:
	case KEY_PATH:     put_pattern(j, "."); return;
	case KEY_ADDRESS:  put_pattern(j, ADDRESS_PATTERN); return;
	case KEY_DURATION: word ? put_or_word(j, k, put_duration) : put_duration(j, k); return;
	case KEY_COUNT:    word ? put_or_word(j, k, put_integer) : put_integer(j, k); return;
	default:           put_several(j, k); return;
	}
}

static bool is_json_number(const struct config_key *k, const char *text)
{
	return k->kind == KEY_BOOL || (k->kind == KEY_COUNT && strspn(text, "0123456789") == strlen(text));
}

static void put_member(struct json *j, const struct config_key *k)
{
	open_with(j, key_name(k), '{');
	put_text(j, "description", k->help);
	if (k->def != NULL && is_json_number(k, k->def))
		put_raw(j, "default", "%s", k->def);
	else if (k->def != NULL)
		put_text(j, "default", k->def);
	put_type(j, k);
	close_with(j, '}');
}

static void put_one_required(struct json *j, const struct config_key *k)
{
	open_with(j, NULL, '{');
	open_with(j, "required", '[');
	put_text(j, NULL, key_name(k));
	close_with(j, ']');
	close_with(j, '}');
}

static void put_required(struct json *j, const char *prefix)
{
	const struct config_key *k = NULL;
	size_t needed = 0;

	while ((k = key_next(prefix, k)) != NULL) {
		needed += (k->flags & KEY_NEEDED) != 0;
		if (!(k->flags & KEY_OTHERWISE))
			continue;
		open_with(j, "anyOf", '[');
		put_one_required(j, k);
		put_one_required(j, k - 1);
		close_with(j, ']');
	}
	if (needed == 0)
		return;
	open_with(j, "required", '[');
	while ((k = key_next(prefix, k)) != NULL)
		if (k->flags & KEY_NEEDED)
			put_text(j, NULL, key_name(k));
	close_with(j, ']');
}

static void put_object(struct json *j, const char *prefix)
{
	const struct config_key *k = NULL;

	put_text(j, "type", "object");
	put_raw(j, "additionalProperties", "false");
	open_with(j, "properties", '{');
	while ((k = key_next(prefix, k)) != NULL)
		put_member(j, k);
	close_with(j, '}');
	put_required(j, prefix);
}

void schema_json(FILE *out)
{
	struct json j = {.out = out, .depth = 1, .first = true};

	putc('{', out);
	put_text(&j, "$schema", "http://json-schema.org/draft-07/schema#");
	put_text(&j, "title", "staunch.yaml");
	put_text(&j, "description", "the configuration of staunch, a TCP reverse proxy");
	put_object(&j, "");
	fputs("\n}\n", out);
}
