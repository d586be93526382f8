/* Appends JSON: brackets, names, commas, values. */
#include "proxy/base/json.h"

#include <stdio.h>
#include <string.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "proxy/base/digit.h"

static void put_unit(struct text *t, unsigned v)
{
	char e[6] = {'\\', 'u', digit_hex(v >> 12), digit_hex(v >> 8), digit_hex(v >> 4), digit_hex(v)};

	text_bytes(t, e, sizeof(e));
}

/* Beyond U+FFFF an escape is two: a surrogate pair (RFC 8259, 7). */
static void put_code_point(struct text *t, uint32_t c)
{
	if (c < 0x10000) {
		put_unit(t, c);
		return;
	}
	put_unit(t, 0xd800 + ((c - 0x10000) >> 10));
	put_unit(t, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

size_t json_character(struct text *t, const char *p, size_t n)
{
	char room[JSON_ESCAPE];
	struct text one;
	uint32_t c;
	size_t len = utf8_decode(p, n, &c);

	text_init(&one, room, sizeof(room));
	if (len == 0) {
		put_unit(&one, 0xfffd);
		len = 1;
	} else if (c == '"' || c == '\\') {
		text_char(&one, '\\');
		text_char(&one, (char)c);
	} else if (c < 0x20 || c == 0x7f || utf8_is_hostile(c)) {
		put_code_point(&one, c);
	} else {
		text_bytes(&one, p, len);
	}
	DCHECK(!one.cut, "JSON_ESCAPE has room for every character");
	text_bytes(t, one.p, one.n);
	return len;
}

static void put_quoted(struct text *t, const char *p, size_t n)
{
	text_char(t, '"');
	while (n > 0) {
		size_t len = json_character(t, p, n);

		p += len;
		n -= len;
	}
	text_char(t, '"');
}

/* What stands before each value. */
static void begin_value(struct json *j, const char *name)
{
	if (j->more)
		text_char(j->t, ',');
	j->more = true;
	if (name == NULL)
		return;
	put_quoted(j->t, name, strlen(name));
	text_char(j->t, ':');
}

void json_enter(struct json *j, const char *name, char bracket)
{
	DCHECK(bracket == '{' || bracket == '[', "neither an object nor a list");
	begin_value(j, name);
	text_char(j->t, bracket);
	j->more = false;
}

void json_leave(struct json *j, char bracket)
{
	DCHECK(bracket == '}' || bracket == ']', "neither an object nor a list");
	text_char(j->t, bracket);
	j->more = true;
}

void json_bytes(struct json *j, const char *name, const char *value, size_t n)
{
	begin_value(j, name);
	put_quoted(j->t, value, n);
}

void json_str(struct json *j, const char *name, const char *value)
{
	if (value == NULL)
		json_null(j, name);
	else
		json_bytes(j, name, value, strlen(value));
}

void json_u64(struct json *j, const char *name, uint64_t v)
{
	begin_value(j, name);
	text_u64(j->t, v);
}

void json_i64(struct json *j, const char *name, int64_t v)
{
	begin_value(j, name);
	text_i64(j->t, v);
}

void json_milli(struct json *j, const char *name, uint64_t thousandths)
{
	unsigned rest = (unsigned)(thousandths % 1000);

	begin_value(j, name);
	text_u64(j->t, thousandths / 1000);
	if (rest == 0)
		return;
	text_char(j->t, '.');
	for (unsigned unit = 100; rest > 0; rest %= unit, unit /= 10)
		text_char(j->t, (char)('0' + rest / unit));
}

/* The decimal point is that of the C locale, which no part of the program leaves. */
void json_real(struct json *j, const char *name, double v)
{
	char number[32];

	snprintf(number, sizeof(number), "%.6g", v);
	begin_value(j, name);
	text_str(j->t, number);
}

void json_bool(struct json *j, const char *name, bool v)
{
	begin_value(j, name);
	text_str(j->t, v ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
	begin_value(j, name);
	text_str(j->t, "null");
}

void json_time(struct json *j, const char *name, int64_t ns)
{
	if (ns == 0) {
		json_null(j, name);
		return;
	}
	begin_value(j, name);
	text_char(j->t, '"');
	text_time(j->t, ns);
	text_char(j->t, '"');
}
