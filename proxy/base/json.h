/* json: JSON that is appended to a text (text.h), for programs and for people who read it on a terminal.
 * The logs alone have a writer of their own.
 *
 *   json_enter(&j, NULL, '{');
 *   json_str(&j, "name", name);
 *   json_leave(&j, '}');
 *
 * Commas come by themselves. A name of NULL is for elements of a list and for the outermost value. A value is any
 * bytes: what could break the line, hide, or turn the text around (control characters, U+202A to U+202E and
 * their like) is escaped, and a byte that is not UTF-8 becomes U+FFFD. */
#ifndef PROXY_BASE_JSON_H
#define PROXY_BASE_JSON_H

#include "proxy/base/text.h"

#define JSON_ESCAPE 12 /* bytes that one character takes at most */

struct json {
	struct text *t; /* borrowed */
	bool more;      /* a value stands before, so a comma comes first */
};

void json_enter(struct json *j, const char *name, char bracket);
void json_leave(struct json *j, char bracket);
/* A value of NULL is null. */
void json_str(struct json *j, const char *name, const char *value);
void json_bytes(struct json *j, const char *name, const char *value, size_t n);
void json_u64(struct json *j, const char *name, uint64_t v);
void json_i64(struct json *j, const char *name, int64_t v);
/* A share, a rate: six digits of it. v is finite. */
void json_real(struct json *j, const char *name, double v);
void json_bool(struct json *j, const char *name, bool v);
/* A number of thousandths, as a decimal number without zeros at its end: 1500 is 1.5. */
void json_milli(struct json *j, const char *name, uint64_t thousandths);
void json_null(struct json *j, const char *name);
/* A time of the wall clock, ns since 1970, as text_time; 0: null. */
void json_time(struct json *j, const char *name, int64_t ns);

/* json_character: append the first character of the n > 0 bytes at p, as it stands between quotes: at most
 * JSON_ESCAPE bytes.   Returns  how many bytes it had. */
size_t json_character(struct text *t, const char *p, size_t n);

#endif
