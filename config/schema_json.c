/* schema_json: the table as JSON Schema draft-07, so that editors complete keys and underline
 * slips while typing. It says what a schema can: types, words, patterns, bounds of numbers;
 * references are left to `staunch check`. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "config/key.h"
#include "config/schema.h"

#define NAME_PATTERN     "^[a-z0-9][a-z0-9_.-]{0,62}$"
#define DURATION_PATTERN "^(0|[1-9][0-9]*)(ms|s|m|h|d)((0|[1-9][0-9]*)(ms|s|m|h|d))*$"
#define IP_PATTERN       "(([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+(%[^\\]]+)?\\])"
#define HOST             "[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*"
#define NAMES            "^(\\*\\.)?" HOST "(\\.\\*)?$"
#define NETWORKS          "^([0-9A-Fa-f:.]+(/[0-9]{1,3})?|unix)$"
#define NETWORKS_OR_FILES "^([0-9A-Fa-f:.]+(/[0-9]{1,3})?|unix|@.+)$"
#define ANY_NAMES        "^(\\*|(\\*\\.)?" HOST "(\\.\\*)?)$"
#define BIND_PATTERN     "^" IP_PATTERN "?:[0-9]{1,5}|unix:.+|systemd:[!-9;-~]+)$"
#define ADDRESS_PATTERN  "^(" IP_PATTERN ":[0-9]{1,5}|unix:.+)|" HOST "\\.?:[0-9]{1,5}|srv:" HOST "\\.?)$"

/* A JSON text under way: commas and indentation are the writer's, so no caller can forget one. */
struct json {
	FILE *out;
	int   depth;
	bool  first; /* in the object or array that is open */
};

/* The texts of the table are ASCII, so two characters need an escape. */
static void json_string(struct json *j, const char *s)
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
static void json_name(struct json *j, const char *name)
{
	fprintf(j->out, "%s\n%*s", j->first ? "" : ",", 2 * j->depth, "");
	j->first = false;
	if (name == NULL)
		return;
	json_string(j, name);
	fputs(": ", j->out);
}

/* A member of the open object with a text. */
static void json_text(struct json *j, const char *name, const char *value)
{
	json_name(j, name);
	json_string(j, value);
}

/* The one place where a value is not quoted: numbers and true, by a format. */
printf_like(3, 4) static void json_raw(struct json *j, const char *name, const char *fmt, ...)
{
	va_list args;

	json_name(j, name);
	va_start(args, fmt);
	vfprintf(j->out, fmt, args);
	va_end(args);
}

/* Objects and arrays nest by depth alone: closing needs no stack, since the caller knows its
 * bracket. */
static void json_open(struct json *j, const char *name, char bracket)
{
	json_name(j, name);
	putc(bracket, j->out);
	j->depth++;
	j->first = true;
}

static void json_close(struct json *j, char bracket)
{
	j->depth--;
	fprintf(j->out, "\n%*s%c", 2 * j->depth, "", bracket);
	j->first = false;
}

/* ---- one value ---- */

/* Patterns bind more loosely than the readers do where a regular expression would be unreadable:
 * an editor that lets a wrong address pass is mended by `staunch check`, one that underlines a
 * right one is not. */
static void json_pattern(struct json *j, const char *pattern)
{
	json_text(j, "type", "string");
	json_text(j, "pattern", pattern);
}

static void json_enum(struct json *j, const struct key_word *words)
{
	json_open(j, "enum", '[');
	for (; words->word != NULL; words++)
		json_text(j, NULL, words->word);
	json_close(j, ']');
}

/* Counts alone have bounds that a schema can check: durations and sizes are texts there. */
static void json_integer(struct json *j, const struct config_key *k)
{
	json_text(j, "type", "integer");
	json_raw(j, "minimum", "%" PRId64, k->min);
	json_raw(j, "maximum", "%" PRId64, k->max);
}

static void json_constant(struct json *j, const char *word)
{
	json_open(j, NULL, '{');
	json_text(j, "const", word);
	json_close(j, '}');
}

/* The word beside the number, or the map: a member of oneOf each. */
static void json_or_word(struct json *j, const struct config_key *k,
                        void (*put)(struct json *, const struct config_key *))
{
	json_open(j, "oneOf", '[');
	json_open(j, NULL, '{');
	put(j, k);
	json_close(j, '}');
	if (k->flags & KEY_OFF)
		json_constant(j, "off");
	if (k->flags & KEY_AUTO)
		json_constant(j, "auto");
	if (k->flags & KEY_SAME)
		json_constant(j, "same");
	json_close(j, ']');
}

static void json_duration(struct json *j, const struct config_key *k)
{
	(void)k; /* a pattern cannot hold its bounds */
	json_pattern(j, DURATION_PATTERN);
}

static void json_share(struct json *j, const struct config_key *k)
{
	(void)k; /* as above */
	json_pattern(j, "^(0|[1-9][0-9]*)%$");
}

static void json_rate(struct json *j, const struct config_key *k)
{
	(void)k; /* as above */
	json_pattern(j, "^(0|[1-9][0-9]*)/[sm]$");
}

#define SIZE_PATTERN "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)"

static void json_size(struct json *j, const struct config_key *k)
{
	json_pattern(j, (k->flags & KEY_PER_S) ? SIZE_PATTERN "/s$" : SIZE_PATTERN "$");
}

/* One element of what takes several. */
static void json_item(struct json *j, const struct config_key *k)
{
	switch (k->kind) {
	case KEY_WORDS:    json_enum(j, k->words); return;
	case KEY_PATTERNS: json_pattern(j, (k->flags & KEY_STAR) ? ANY_NAMES : NAMES); return;
	case KEY_CIDRS:    json_pattern(j, (k->flags & KEY_FILES) ? NETWORKS_OR_FILES : NETWORKS); return;
	case KEY_PINS:     json_pattern(j, "^[A-Za-z0-9+/]{43}=$"); return;
	case KEY_TEXTS:    json_pattern(j, "^.+$"); return;
	default:           json_pattern(j, "^[!-~]{1,255}$"); return;
	}
}

/* A value, or a list of them. */
static void json_several(struct json *j, const struct config_key *k)
{
	json_open(j, "oneOf", '[');
	json_open(j, NULL, '{');
	json_item(j, k);
	json_close(j, '}');
	json_open(j, NULL, '{');
	json_text(j, "type", "array");
	json_raw(j, "minItems", "%" PRId64, k->min);
	json_raw(j, "maxItems", "%" PRId64, k->max);
	json_raw(j, "uniqueItems", "true");
	json_open(j, "items", '{');
	json_item(j, k);
	json_close(j, '}');
	json_close(j, '}');
	json_close(j, ']');
}

static void json_object(struct json *j, const char *prefix);

static void json_type(struct json *j, const struct config_key *k);

static void json_section(struct json *j, const struct config_key *k)
{
	json_object(j, k->path);
}

/* One element: an object, or a plain value for its shorthand key. */
static void json_element(struct json *j, const struct key_scope *s)
{
	if (s->shorthand == NULL) {
		json_object(j, s->prefix);
		return;
	}
	json_open(j, "oneOf", '[');
	json_open(j, NULL, '{');
	json_type(j, key_child(s->prefix, s->shorthand));
	json_close(j, '}');
	json_open(j, NULL, '{');
	json_object(j, s->prefix);
	json_close(j, '}');
	json_close(j, ']');
}

static void json_array(struct json *j, const struct config_key *k)
{
	json_text(j, "type", "array");
	json_raw(j, "minItems", "%" PRId64, k->min);
	json_raw(j, "maxItems", "%" PRId64, k->max);
	json_open(j, "items", '{');
	json_element(j, key_elements(k));
	json_close(j, '}');
}

static void json_elements(struct json *j, const struct config_key *k)
{
	if (!(k->flags & KEY_ALONE)) {
		json_array(j, k);
		return;
	}
	json_open(j, "oneOf", '[');
	json_open(j, NULL, '{');
	json_element(j, key_elements(k));
	json_close(j, '}');
	json_open(j, NULL, '{');
	json_array(j, k);
	json_close(j, '}');
	json_close(j, ']');
}

/* The type of one key. Each kind has a row, and kinds that take several values come last. */
static void json_type(struct json *j, const struct config_key *k)
{
	bool word = (k->flags & (KEY_OFF | KEY_AUTO | KEY_SAME)) != 0;

	switch (k->kind) {
	case KEY_MAP:
	case KEY_BLOCK:    word ? json_or_word(j, k, json_section) : json_section(j, k); return;
	case KEY_LIST:     json_elements(j, k); return;
	case KEY_ENUM:     json_enum(j, k->words); return;
	case KEY_BOOL:     json_text(j, "type", "boolean"); return;
	case KEY_NAME:
	case KEY_REF:      json_pattern(j, NAME_PATTERN); return;
	case KEY_SINK:     json_pattern(j, "^(stdout|stderr|off|/.*)$"); return;
	case KEY_SIZE:     word ? json_or_word(j, k, json_size) : json_size(j, k); return;
	case KEY_SHARE:    word ? json_or_word(j, k, json_share) : json_share(j, k); return;
	case KEY_RATE:     word ? json_or_word(j, k, json_rate) : json_rate(j, k); return;
	case KEY_HOST:     json_pattern(j, "^[A-Za-z0-9_.:-]{1,253}$"); return;
	case KEY_BYTES:
	case KEY_TEXT:
	case KEY_PATH:     json_pattern(j, "."); return;
	case KEY_ADDRESS:  json_pattern(j, ADDRESS_PATTERN); return;
	case KEY_BIND:     json_pattern(j, BIND_PATTERN); return;
	case KEY_DURATION: word ? json_or_word(j, k, json_duration) : json_duration(j, k); return;
	case KEY_COUNT:    word ? json_or_word(j, k, json_integer) : json_integer(j, k); return;
	default:           json_several(j, k); return;
	}
}

/* Defaults are texts in the table and numbers or words in a file. */
static bool is_json_number(const struct config_key *k, const char *text)
{
	return k->kind == KEY_BOOL || (k->kind == KEY_COUNT && strspn(text, "0123456789") == strlen(text));
}

/* One key: its help is what an editor shows beside it. */
static void json_member(struct json *j, const struct config_key *k)
{
	json_open(j, key_name(k), '{');
	json_text(j, "description", k->help);
	if (k->def != NULL && is_json_number(k, k->def))
		json_raw(j, "default", "%s", k->def);
	else if (k->def != NULL)
		json_text(j, "default", k->def);
	json_type(j, k);
	json_close(j, '}');
}

static void json_one_required(struct json *j, const struct config_key *k)
{
	json_open(j, NULL, '{');
	json_open(j, "required", '[');
	json_text(j, NULL, key_name(k));
	json_close(j, ']');
	json_close(j, '}');
}

/* OTHERWISE, "needed unless the row before it is written", is anyOf in a schema: at least one of
 * the two. */
static void json_required(struct json *j, const char *prefix)
{
	const struct config_key *k = NULL;
	size_t needed = 0;

	while ((k = key_next(prefix, k)) != NULL) {
		needed += (k->flags & KEY_NEEDED) != 0;
		if (!(k->flags & KEY_OTHERWISE))
			continue;
		json_open(j, "anyOf", '[');
		json_one_required(j, k);
		json_one_required(j, k - 1);
		json_close(j, ']');
	}
	if (needed == 0)
		return;
	json_open(j, "required", '[');
	while ((k = key_next(prefix, k)) != NULL)
		if (k->flags & KEY_NEEDED)
			json_text(j, NULL, key_name(k));
	json_close(j, ']');
}

/* Closed: an unknown key is underlined, as the reader refuses it. */
static void json_object(struct json *j, const char *prefix)
{
	const struct config_key *k = NULL;

	json_text(j, "type", "object");
	json_raw(j, "additionalProperties", "false");
	json_open(j, "properties", '{');
	while ((k = key_next(prefix, k)) != NULL)
		json_member(j, k);
	json_close(j, '}');
	json_required(j, prefix);
}

void schema_json(FILE *out)
{
	struct json j = {.out = out, .depth = 1, .first = true};

	putc('{', out);
	json_text(&j, "$schema", "http://json-schema.org/draft-07/schema#");
	json_text(&j, "title", "staunch.yaml");
	json_text(&j, "description", "the configuration of staunch, a TCP reverse proxy");
	json_object(&j, "");
	fputs("\n}\n", out);
}
