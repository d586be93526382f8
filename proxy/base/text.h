/* text: text that is appended to memory of a fixed size, for logs, metrics and protocol headers. A
 * piece that does not fit is left out whole and sets `cut`; so is every later piece. So the memory
 * always holds a clean beginning, never half a number or half an escape, and the caller checks
 * `cut` once, at the end. No function here allocates or fails. */
#ifndef PROXY_BASE_TEXT_H
#define PROXY_BASE_TEXT_H

#include "netpoll/base.h"

#define TEXT_FIELD_MAX 256            /* bytes of a foreign value that text_field shows */
#define TEXT_TRUNCATED "...truncated" /* what it writes behind a value that is longer */
/* The most that text_field writes: every byte as \u00NN, then the mark. */
#define TEXT_FIELD_ROOM (TEXT_FIELD_MAX * 6 + sizeof(TEXT_TRUNCATED) - 1)

struct text {
	char *p;       /* borrowed from the caller of text_init; no NUL at the end */
	size_t n, cap; /* n bytes of cap are written */
	bool cut;      /* a piece did not fit; what follows it is missing too */
};

/* How a byte outside 0x20..0x7e, a quote and a backslash are written. */
enum text_style {
	TEXT_JSON,  /* \" \\ \b \f \n \r \t, else \u00NN */
	TEXT_PLAIN, /* \xNN */
};

/* text_same: are two strings equal, or both NULL? */
bool text_same(const char *a, const char *b);

/* text_init: an empty text in the caller's memory of cap bytes, which must outlive it. */
void text_init(struct text *t, char *p, size_t cap);

/* Append n bytes as they are; a string; one byte; a number in decimal. The caller knows that they
 * are harmless. */
void text_bytes(struct text *t, const void *p, size_t n);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);

/* text_problem: append "SUBJECT: PROBLEM", for errors about a file or a key of the configuration, and what to do where
 * the process has no descriptor left.
 *   Returns  code, so that the caller can return both in one statement. */
int text_problem(struct text *err, const char *subject, const char *problem, int code);

/* text_ms: append nanoseconds as milliseconds with three decimals, "1.234". Less than a microsecond
 * is cut off. */
void text_ms(struct text *t, uint64_t ns);

/* text_time: append a wall clock time, nanoseconds since 1970, as RFC 3339 in UTC with
 * microseconds: "2026-01-02T03:04:05.000006Z". */
void text_time(struct text *t, int64_t ns);

/* text_left: append a time that is yet to pass, for people: "8s", "1m5s", "2h3m". It is rounded up: a time of 0.4 s is
 * not over. */
void text_left(struct text *t, int64_t ns);

/* text_escape: append bytes from any source, escaped so that they can end neither the line nor the
 * string in which they stand. */
void text_escape(struct text *t, const void *p, size_t n, enum text_style style);

/* text_field: the same for a value of unknown length: at most TEXT_FIELD_MAX bytes, then
 * TEXT_TRUNCATED. */
void text_field(struct text *t, const void *p, size_t n, enum text_style style);

#endif
