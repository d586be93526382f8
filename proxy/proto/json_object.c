/* Reads a flat JSON object. A string is never longer than its escapes, so it is decoded where it stands. */
#include "proxy/proto/json_object.h"

#include <string.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"

/* The text under way. Behind its last byte is a NUL, which no value begins or goes on with. */
struct reader {
	char *at, *end;
	const char **why;
	struct json_member *members;
	unsigned n, most;
};

/* Returns false, for the caller to pass on. */
static bool refuse(struct reader *r, const char *why)
{
	*r->why = why;
	return false;
}

static void skip_space(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
		r->at++;
}

/* The next character that is no space, if it is this one. */
static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (*r->at != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

/* ---- strings ---- */

/* Four hexadecimal digits; -1: they are none. */
static int32_t read_unit(const char *p)
{
	int32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int digit = digit_hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* Never longer than the escape that it was written as, so it may be written over it. */
static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* Behind "\u": one code unit, or two that make a character beyond U+FFFF. */
static bool read_code_point(struct reader *r, char **to)
{
	int32_t c = read_unit(r->at), low;

	if (c < 0)
		return refuse(r, "behind \\u stand four hexadecimal digits");
	r->at += 4;
	if (c >= 0xd800 && c < 0xdc00) {
		low = r->at[0] == '\\' && r->at[1] == 'u' ? read_unit(r->at + 2) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return refuse(r, "half of a surrogate pair");
		r->at += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return refuse(r, "half of a surrogate pair");
	}
	if (c == 0)
		return refuse(r, "there is a NUL in a string");
	*to = put_utf8(*to, (uint32_t)c);
	return true;
}

/* Behind a backslash. */
static bool read_escape(struct reader *r, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *known = *r->at != '\0' ? strchr(from, *r->at) : NULL;

	if (*r->at == 'u') {
		r->at++;
		return read_code_point(r, to);
	}
	if (known == NULL)
		return refuse(r, "there is no such escape in JSON");
	*(*to)++ = into[known - from];
	r->at++;
	return true;
}

/* Behind the opening quote. What is read stays ahead of what is written. */
static bool read_string(struct reader *r, const char **out)
{
	char *to = r->at;

	*out = to;
	while (*r->at != '"') {
		uint32_t c;
		size_t n;

		if (r->at == r->end)
			return refuse(r, "a string has no end");
		if ((unsigned char)*r->at < 0x20)
			return refuse(r, "there is a control character in a string");
		if (*r->at == '\\') {
			r->at++;
			if (!read_escape(r, &to))
				return false;
			continue;
		}
		n = utf8_decode(r->at, (size_t)(r->end - r->at), &c);
		if (n == 0)
			return refuse(r, "there is a byte that is not UTF-8");
		memmove(to, r->at, n);
		to += n;
		r->at += n;
	}
	r->at++;
	*to = '\0';
	return true;
}

/* ---- values ---- */

/* Whole numbers alone: nothing here is counted in halves. */
static bool read_number(struct reader *r, int64_t *out)
{
	bool minus = *r->at == '-';
	int64_t v = 0;

	r->at += minus;
	if (!digit_is_decimal(*r->at))
		return refuse(r, "a value is none that JSON has");
	if (*r->at == '0' && digit_is_decimal(r->at[1]))
		return refuse(r, "a number begins with a zero");
	for (; digit_is_decimal(*r->at); r->at++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *r->at - '0', &v))
			return refuse(r, "a number is too large");
	if (*r->at == '.' || *r->at == 'e' || *r->at == 'E')
		return refuse(r, "a number is not a whole one");
	*out = minus ? -v : v;
	return true;
}

/* A word of JSON, or else a number. */
static bool read_literal(struct reader *r, struct json_member *m)
{
	static const struct {
		const char *word;
		enum json_kind kind;
		bool truth;
	} words[] = {{"true", JSON_BOOL, true}, {"false", JSON_BOOL, false}, {"null", JSON_NULL, false}};

	for (size_t i = 0; i < array_len(words); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(r->at, words[i].word, n) != 0)
			continue;
		m->kind = words[i].kind;
		m->truth = words[i].truth;
		r->at += n;
		return true;
	}
	m->kind = JSON_NUMBER;
	return read_number(r, &m->number);
}

/* Returns NULL: there are as many as the caller has room for. */
static struct json_member *new_member(struct reader *r, const char *name, bool listed)
{
	if (r->n == r->most) {
		*r->why = "there are too many members";
		return NULL;
	}
	r->members[r->n] = (struct json_member){.name = name, .listed = listed};
	return &r->members[r->n++];
}

/* One that is neither a list nor an object. */
static bool read_scalar(struct reader *r, const char *name, bool listed)
{
	struct json_member *m = new_member(r, name, listed);

	if (m == NULL)
		return false;
	if (take(r, '"')) {
		m->kind = JSON_STRING;
		return read_string(r, &m->text);
	}
	if (*r->at == '{')
		return refuse(r, "no object stands inside another here");
	if (*r->at == '[')
		return refuse(r, "no list stands inside another here");
	return read_literal(r, m);
}

/* Behind its bracket. */
static bool read_list(struct reader *r, const char *name)
{
	struct json_member *m;

	if (take(r, ']')) {
		m = new_member(r, name, true);
		if (m != NULL)
			m->kind = JSON_NOTHING;
		return m != NULL;
	}
	do
		if (!read_scalar(r, name, true))
			return false;
	while (take(r, ','));
	return take(r, ']') || refuse(r, "a list has no end");
}

/* What two members of one name mean is not defined, so they are refused. */
static bool has_name(const struct reader *r, const char *name)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->members[i].name, name) == 0)
			return true;
	return false;
}

static bool read_member(struct reader *r)
{
	const char *name;

	if (!take(r, '"'))
		return refuse(r, "a member has no name in quotes");
	if (!read_string(r, &name))
		return false;
	if (has_name(r, name))
		return refuse(r, "a name stands there twice");
	if (!take(r, ':'))
		return refuse(r, "behind a name stands a colon");
	return take(r, '[') ? read_list(r, name) : read_scalar(r, name, false);
}

/* The whole body: nothing may stand behind the object but space. */
static bool read_members(struct reader *r)
{
	if (!take(r, '{'))
		return refuse(r, "the body is no JSON object");
	if (!take(r, '}')) {
		do
			if (!read_member(r))
				return false;
		while (take(r, ','));
		if (!take(r, '}'))
			return refuse(r, "the object has no end");
	}
	skip_space(r);
	return r->at == r->end || refuse(r, "something stands behind the object");
}

int json_object_read(char *body, size_t n, struct json_member *members, unsigned most, const char **why)
{
	struct reader r = {.at = body, .end = body + n, .why = why, .members = members, .most = most};

	DCHECK(body[n] == '\0', "the body ends with a NUL");
	return read_members(&r) ? (int)r.n : -NP_EINVAL;
}
