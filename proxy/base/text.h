/* buf: text appended to memory of a fixed size, for everything that is written to logs and metrics.
 * A piece that does not fit is left out whole and sets `cut`, and so is every piece after it: what
 * stands in the text is always a clean beginning, never half a number or half an escape. Nothing
 * here allocates or fails. */
#ifndef PROXY_BASE_TEXT_H
#define PROXY_BASE_TEXT_H

#include "netpoll/base.h"

#define TEXT_FIELD_MAX  256            /* bytes of a foreign value that are shown */
#define TEXT_TRUNCATED  "...truncated" /* follows a value that was longer */
/* The most that text_field writes: every byte as \u00NN, then the mark. */
#define TEXT_FIELD_ROOM (TEXT_FIELD_MAX * 6 + sizeof(TEXT_TRUNCATED) - 1)

struct text {
	char  *p;      /* borrowed; not terminated */
	size_t n, cap; /* n bytes of cap are written */
	bool   cut;    /* something did not fit */
};

/* How a byte outside 0x20..0x7e, a quote and a backslash are written. */
enum text_style {
	TEXT_JSON,  /* \u00NN */
	TEXT_PLAIN, /* \xNN */
};

/* Two strings that may be absent: equal, or both NULL. */
bool text_same(const char *a, const char *b);

void text_init(struct text *t, char *p, size_t cap);
void text_bytes(struct text *t, const void *p, size_t n);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);

/* text_problem: "SUBJECT: PROBLEM", for errors about a file or a key of the configuration.
 *   Returns  code, so that the caller can return both in one statement. */
int text_problem(struct text *err, const char *subject, const char *problem, int code);

/* text_ms: nanoseconds as milliseconds with three decimals, "1.234"; what is below a microsecond is
 * cut off. */
void text_ms(struct text *t, uint64_t ns);

/* text_time: nanoseconds since 1970 as RFC 3339 in UTC with microseconds,
 * "2026-01-02T03:04:05.000006Z". */
void text_time(struct text *t, int64_t ns);

/* text_escape: bytes from anywhere, so that they can neither end the line nor the string they stand
 * in. */
void text_escape(struct text *t, const void *p, size_t n, enum text_style style);

/* text_field: the same for a value of unknown length: TEXT_FIELD_MAX bytes at most, then
 * TEXT_TRUNCATED. */
void text_field(struct text *t, const void *p, size_t n, enum text_style style);

#endif
