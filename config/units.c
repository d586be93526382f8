/* units: durations, sizes, numbers and addresses, text to value and back. One pass over the
 * text; a refusal names the first mistake and, where the slip is a known one, the text that was
 * meant. */
#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/text/ascii.h"
#include "netpoll/err.h"

struct unit {
	const char *name;
	int64_t     value;
};

/* Largest first: the order in which they may be written, and in which they are printed. */
static const struct unit duration_units[] = {
	{"d", UNITS_D}, {"h", UNITS_H}, {"m", UNITS_M}, {"s", UNITS_S}, {"ms", UNITS_MS},
};

static const struct unit size_units[] = {
	{"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20}, {"KiB", INT64_C(1) << 10}, {"B", 1},
};

static int unit_refuse(struct units_refusal *r, const char *sentence)
{
	r->why = sentence;
	r->suggestion[0] = '\0';
	return -NP_EINVAL;
}

#define NUMBER_SHOWN 20 /* digits of an int64_t; a longer text is no slip */

/* A bare number lacks its unit: the one that people leave out most often is suggested. */
static int refuse_without_unit(struct units_refusal *r, const char *text, const char *unit, const char *sentence)
{
	int err = unit_refuse(r, sentence);

	if (ascii_is_number(text) && strlen(text) <= NUMBER_SHOWN)
		snprintf(r->suggestion, sizeof(r->suggestion), "%.20s%s", text, unit);
	return err;
}

/* Digits at *s become *n and *s moves behind them. A sign, a letter and an empty text are different
 * slips: the first byte decides the sentence. */
static int take_number(const char **s, int64_t *n, struct units_refusal *r)
{
	const char *p = *s;
	int64_t v = 0;

	if (!ascii_is_digit(*p))
		return unit_refuse(r, *p == '-' ? "it cannot be negative" : "it starts with a number");
	if (p[0] == '0' && ascii_is_digit(p[1]))
		return unit_refuse(r, "numbers are written without leading zeros");
	for (; ascii_is_digit(*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			return unit_refuse(r, "the number is too large");
	*s = p;
	*n = v;
	return 0;
}

/* The unit whose name is the letters at *s; *s moves behind them. */
static const struct unit *take_unit(const char **s, const struct unit *units, size_t count)
{
	size_t n = 0;

	while (ascii_is_letter((*s)[n]))
		n++;
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == n && memcmp(*s, units[i].name, n) == 0) {
			*s += n;
			return &units[i];
		}
	return NULL;
}

/* What stands where a unit should: the slip is named by its first byte. */
static const char *duration_refusal(char c)
{
	if (c == '\0')
		return "a unit is required: ms, s, m, h or d";
	if (c == '.' || c == ',')
		return "whole numbers only: 1.5s is written 1s500ms";
	if (c == ' ')
		return "number and unit are written without a space";
	return "the units are ms, s, m, h and d";
}

/* Units must fall, so that each text has one meaning and no text says the same unit twice. */
int units_duration(int64_t *ns, const char *text, struct units_refusal *r)
{
	const struct unit *unit, *before = NULL;
	const char *all = text;
	int64_t n, sum = 0;

	do {
		int err = take_number(&text, &n, r);

		if (err != 0)
			return err;
		unit = take_unit(&text, duration_units, array_len(duration_units));
		if (unit == NULL)
			return refuse_without_unit(r, all, "s", duration_refusal(*text));
		if (before != NULL && unit <= before)
			return unit_refuse(r, "larger units come first, each once: 1h30m");
		if (__builtin_mul_overflow(n, unit->value, &n) || __builtin_add_overflow(sum, n, &sum))
			return unit_refuse(r, "the duration is too long");
		before = unit;
	} while (*text != '\0');
	*ns = sum;
	return 0;
}

/* A bare k, m or g means two different numbers, so neither is taken; the sentence says which is
 * which. */
static const char *size_refusal(char c)
{
	switch (c) {
	case 'k': case 'K': return "write KiB: a bare k is 1000 to some and 1024 to others";
	case 'm': case 'M': return "write MiB: a bare m is a million to some and 1048576 to others";
	case 'g': case 'G': return "write GiB: a bare g means different things to different people";
	case '\0':          return "a unit is required: B, KiB, MiB or GiB";
	default:            return "the units are B, KiB, MiB and GiB";
	}
}

/* Binary units alone. A size has one unit: 1GiB512MiB is written 1536MiB. */
int units_size(int64_t *bytes, const char *text, struct units_refusal *r)
{
	const struct unit *unit;
	const char *all = text;
	int64_t n;
	int err = take_number(&text, &n, r);

	if (err != 0)
		return err;
	unit = take_unit(&text, size_units, array_len(size_units));
	if (unit == NULL)
		return refuse_without_unit(r, all, "B", size_refusal(*text));
	if (*text != '\0')
		return unit_refuse(r, "nothing may follow the unit");
	if (__builtin_mul_overflow(n, unit->value, &n))
		return unit_refuse(r, "the size is too large");
	*bytes = n;
	return 0;
}

/* Links are sold in bits a second, so what is bytes says so, and that it is a second. */
int units_byte_rate(int64_t *bytes, const char *text, struct units_refusal *r)
{
	size_t n = strlen(text), end = strlen("/s");
	char size[UNITS_TEXT];

	if (n < end || strcmp(text + n - end, "/s") != 0) {
		int64_t v;
		bool is_size = units_size(&v, text, r) == 0;

		unit_refuse(r, "a rate is a size a second, as in 50MiB/s");
		if (is_size && n + end < sizeof(r->suggestion))
			snprintf(r->suggestion, sizeof(r->suggestion), "%s/s", text);
		return -NP_EINVAL;
	}
	if (n - end >= sizeof(size))
		return unit_refuse(r, "the number is too large");
	memcpy(size, text, n - end);
	size[n - end] = '\0';
	return units_size(bytes, size, r);
}

/* Without its sign a share could be one of 1 as well as one of 100. */
int units_share(int64_t *percent, const char *text, struct units_refusal *r)
{
	const char *all = text;
	int64_t n;
	int err = take_number(&text, &n, r);

	if (err != 0)
		return err;
	if (text[0] != '%')
		return refuse_without_unit(r, all, "%", "a share is whole percent with the sign, as in 50%");
	if (text[1] != '\0')
		return unit_refuse(r, "nothing may follow the sign");
	*percent = n;
	return 0;
}

/* A bare number would be one in a second to some and in a minute to others. */
int units_rate(int64_t *n, const char *text, struct units_refusal *r)
{
	const char *all = text;
	int64_t v;
	int err = take_number(&text, &v, r);

	if (err != 0)
		return err;
	if (strcmp(text, "/s") != 0 && strcmp(text, "/m") != 0)
		return refuse_without_unit(r, all, "/s",
					   "a rate is a number in a second or a minute, as in 20/s or 30/m");
	if (__builtin_mul_overflow(v, text[1] == 's' ? UNITS_M / UNITS_S : 1, &v))
		return unit_refuse(r, "the number is too large");
	*n = v;
	return 0;
}

const char *units_rate_format(int64_t n, char *out)
{
	bool seconds = n % (UNITS_M / UNITS_S) == 0;

	snprintf(out, UNITS_TEXT, "%" PRId64 "/%c", seconds ? n / (UNITS_M / UNITS_S) : n, seconds ? 's' : 'm');
	return out;
}

int units_count(int64_t *n, const char *text, struct units_refusal *r)
{
	int64_t v;
	int err = take_number(&text, &v, r);

	if (err != 0)
		return err;
	if (*text != '\0')
		return unit_refuse(r, "digits alone make a number");
	*n = v;
	return 0;
}

/* Hexadecimal is read where a protocol's document writes it so (types of TLVs); decimal digits
 * work there too. */
int units_hex(int64_t *n, const char *text, struct units_refusal *r)
{
	int64_t v = 0;

	if (strncmp(text, "0x", 2) != 0)
		return units_count(n, text, r);
	text += 2;
	if (*text == '\0' || strspn(text, ASCII_HEX_DIGITS) != strlen(text))
		return unit_refuse(r, "0x is followed by digits and letters from a to f");
	for (; *text != '\0'; text++) {
		if (__builtin_mul_overflow(v, 16, &v))
			return unit_refuse(r, "the number is too large");
		v += ascii_hex_value(*text);
	}
	*n = v;
	return 0;
}

int units_bool(bool *b, const char *text, struct units_refusal *r)
{
	static const char *const yes[] = {"yes", "on", "y", "True", "TRUE"};
	static const char *const no[] = {"no", "off", "n", "False", "FALSE"};
	bool is_true = strcmp(text, "true") == 0;

	if (is_true || strcmp(text, "false") == 0) {
		*b = is_true;
		return 0;
	}
	unit_refuse(r, "write true or false");
	for (size_t i = 0; i < array_len(yes); i++) {
		if (strcmp(text, yes[i]) == 0)
			snprintf(r->suggestion, sizeof(r->suggestion), "true");
		if (strcmp(text, no[i]) == 0)
			snprintf(r->suggestion, sizeof(r->suggestion), "false");
	}
	return -NP_EINVAL;
}

/* "80-90" behind the last colon. */
static bool is_port_range(const char *text)
{
	const char *port = strrchr(text, ':'), *dash = port == NULL ? NULL : strchr(port, '-');

	return dash != NULL && strspn(port + 1, ASCII_DIGITS "-") == strlen(port + 1);
}

/* A host name with or without a port: letters, digits, dots, dashes, and a letter among them. */
static bool is_host_name(const char *text)
{
	size_t n = strcspn(text, ":"), letters = 0;

	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_letter(text[i]) && !ascii_is_digit(text[i]) && strchr("._-", text[i]) == NULL)
			return false;
		letters += ascii_is_letter(text[i]);
	}
	return letters > 0 && strspn(text + n, ":" ASCII_DIGITS) == strlen(text + n);
}

/* Why a form that people know from elsewhere cannot be served; NULL: it is none of those. */
static const char *unserved_form(const char *text)
{
	if (strncmp(text, "systemd:", strlen("systemd:")) == 0)
		return "a socket of systemd is for `bind`: write the address";
	if (strncmp(text, "srv:", strlen("srv:")) == 0)
		return "SRV records are for servers: write the IP address";
	if (is_port_range(text))
		return "port ranges are not there yet: list the addresses one by one";
	if (is_host_name(text))
		return "a name is for servers: write the IP address";
	return NULL;
}

/* np_addr_parse knows what an address is; here stand the forms that people write instead of one. */
int units_address(struct np_addr *a, const char *text, struct units_refusal *r)
{
	const char *unserved = unserved_form(text);

	unit_refuse(r, unserved); /* no address has a suggestion */
	if (strncmp(text, "unix:", strlen("unix:")) == 0)
		return np_addr_parse(a, text, &r->why);
	if (unserved != NULL)
		return -EOPNOTSUPP;
	if (ascii_is_number(text))
		return unit_refuse(r, "a port alone is not an address: write it with a colon, as in \":8080\"");
	if (strncmp(text, "*:", 2) == 0)
		return unit_refuse(r, "every address is written without the star, as in \":8080\"");
	return np_addr_parse(a, text, &r->why);
}

/* What FileDescriptorName= takes, without blanks. The prefix is that of our own sockets in systemd's store. */
int units_passed(struct np_addr *a, const char *text, struct units_refusal *r)
{
	const char *name = text + strlen("systemd:");

	unit_refuse(r, NULL);
	if (strncmp(name, "stored.", strlen("stored.")) == 0)
		return unit_refuse(r, "names that begin with \"stored.\" are of staunch's own sockets");
	for (const char *c = name; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f || *c == ':')
			return unit_refuse(r, "a FileDescriptorName= has neither blanks nor colons");
	if (np_addr_set_name(a, name) != 0)
		return unit_refuse(r, "systemd: is followed by a FileDescriptorName= of at most 107 bytes");
	return 0;
}

/* Behind each larger unit only its remainder is left, so the text is the shortest. */
const char *units_duration_format(int64_t ns, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < array_len(duration_units); i++) {
		int64_t n = ns / duration_units[i].value;

		ns %= duration_units[i].value;
		if (n > 0)
			at += (size_t)snprintf(out + at, UNITS_TEXT - at, "%" PRId64 "%s", n,
			                       duration_units[i].name);
	}
	if (at == 0)
		snprintf(out, UNITS_TEXT, "0s");
	return out;
}

/* One unit only, so 1536KiB stays what it was. */
const char *units_size_format(int64_t bytes, char *out)
{
	const struct unit *u = size_units;

	while (u->value > 1 && (bytes == 0 || bytes % u->value != 0))
		u++;
	snprintf(out, UNITS_TEXT, "%" PRId64 "%s", bytes / u->value, u->name);
	return out;
}
