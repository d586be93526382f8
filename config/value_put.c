/* value_put: member to text. What is printed here must read back as the same value, in value.c
 * and in any YAML reader: dumps are config files. */
#include "config/value_put.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/text/ascii.h"
#include "config/units.h"
#include "netpoll/check.h"

/* Escapes as in JSON: a double-quoted scalar of YAML reads them the same way. */
int value_put_quoted(FILE *out, const char *text)
{
	int n = 2;

	putc('"', out);
	for (; *text != '\0'; text++, n++) {
		if (*text == '"' || *text == '\\') {
			putc('\\', out);
			n++;
		}
		putc(*text, out);
	}
	putc('"', out);
	return n;
}

/* Names that YAML readers of one version or another take for something else than text are
 * quoted. */
static int put_plain_name(FILE *out, const char *name)
{
	static const char *const taken[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"};

	for (size_t i = 0; i < array_len(taken); i++)
		if (strcmp(taken[i], name) == 0)
			return value_put_quoted(out, name);
	if (name[0] < 'a' || name[0] > 'z')
		return value_put_quoted(out, name);
	return fprintf(out, "%s", name);
}

static int put_sink(FILE *out, const struct config_sink *s)
{
	static const char *const words[] = {"off", "stdout", "stderr"}; /* by enum config_sink_kind */

	if (s->kind == CONFIG_SINK_FILE)
		return value_put_quoted(out, s->path);
	return fprintf(out, "%s", words[s->kind]);
}

/* An ADDRESS is printed as it was written: the text stands beside the address in the server. */
static int put_server_address(FILE *out, const void *field)
{
	const char *server = (const char *)field - offsetof(struct config_server, addr);

	return value_put_quoted(out, ((const struct config_server *)(const void *)server)->text);
}

static int put_bind_address(FILE *out, const void *field)
{
	const char *bind = (const char *)field - offsetof(struct config_bind, addr);

	return value_put_quoted(out, ((const struct config_bind *)(const void *)bind)->text);
}

const char *value_number(const struct config_key *k, int64_t n, char *out)
{
	if ((k->flags & KEY_OFF) && n == CONFIG_OFF)
		return "off";
	if ((k->flags & KEY_AUTO) && n == CONFIG_AUTO)
		return "auto";
	if ((k->flags & KEY_SAME) && n == CONFIG_AUTO)
		return "same";
	if (k->kind == KEY_DURATION)
		return units_duration_format(n, out);
	if (k->kind == KEY_SIZE) {
		(void)units_size_format(n, out);
		if (k->flags & KEY_PER_S)
			snprintf(out + strlen(out), UNITS_TEXT - strlen(out), "/s");
		return out;
	}
	if (k->kind == KEY_RATE)
		return units_rate_format(n, out);
	if (k->kind == KEY_SHARE) {
		snprintf(out, UNITS_TEXT, "%" PRId64 "%%", n);
		return out;
	}
	snprintf(out, UNITS_TEXT, (k->flags & KEY_HEX) ? "0x%" PRIX64 : "%" PRId64, n);
	return out;
}

/* "1.2" would be a number to other readers. */
static int put_word(FILE *out, const char *word)
{
	return word[0] >= '0' && word[0] <= '9' ? value_put_quoted(out, word) : fprintf(out, "%s", word);
}

int value_put_item(FILE *out, const struct config_key *k, const struct config_text *item)
{
	return k->kind == KEY_WORDS ? put_word(out, item->text) : value_put_quoted(out, item->text);
}

/* The inverse of the readers in value.c, kind by kind. */
int value_put(FILE *out, const struct config_key *k, const void *field)
{
	char text[UNITS_TEXT];

	switch (k->kind) {
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_SHARE:
	case KEY_RATE:
	case KEY_COUNT:   return fprintf(out, "%s", value_number(k, *(const int64_t *)field, text));
	case KEY_ENUM:    return put_word(out, k->words[*(const unsigned *)field].word);
	case KEY_BOOL:    return fprintf(out, "%s", *(const bool *)field ? "true" : "false");
	case KEY_NAME:
	case KEY_REF:     return put_plain_name(out, *(const char *const *)field);
	case KEY_TEXT:
	case KEY_BYTES:
	case KEY_HOST:
	case KEY_PATH:    return value_put_quoted(out, *(const char *const *)field);
	case KEY_SINK:    return put_sink(out, field);
	case KEY_ADDRESS: return put_server_address(out, field);
	case KEY_BIND:    return put_bind_address(out, field);
	default:          break;
	}
	CHECK(false, "a section or a list was printed as a plain value");
	return 0;
}

/* For "type" in explain, manual and messages: words of people, not of the table. */
const char *value_kind_text(enum key_kind kind)
{
	static const char *const texts[] = {
		[KEY_MAP] = "map", [KEY_LIST] = "list", [KEY_BLOCK] = "map",
		[KEY_DURATION] = "duration", [KEY_COUNT] = "number", [KEY_SIZE] = "size",
		[KEY_SHARE] = "percentage", [KEY_RATE] = "rate", [KEY_ENUM] = "word",
		[KEY_BOOL] = "true or false", [KEY_SINK] = "destination",
		[KEY_ADDRESS] = "address", [KEY_BIND] = "address",
		[KEY_NAME] = "name", [KEY_REF] = "upstream name", [KEY_TEXT] = "text",
		[KEY_BYTES] = "text", [KEY_HOST] = "host name",
		[KEY_PATH] = "path",
		[KEY_WORDS] = "word or list of words",
		[KEY_PATTERNS] = "host name or list of host names", [KEY_PROTOCOLS] = "text or list of texts",
		[KEY_CIDRS] = "network or list of networks", [KEY_PINS] = "hash or list of hashes",
		[KEY_TEXTS] = "text or list of texts",
	};

	return texts[kind];
}
