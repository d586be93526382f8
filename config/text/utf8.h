/* utf8: text as a terminal shows it. Carets must stand under the right column whatever the
 * locale is, so widths come from a table of our own and not from wcwidth, which answers -1 to
 * everything in the C locale. */
#ifndef CONFIG_TEXT_UTF8_H
#define CONFIG_TEXT_UTF8_H

#include <stdio.h>

#include "netpoll/base.h"

#define TEXT_TAB 8

/* utf8_decode: the character at s, of at most n > 0 bytes.
 *   Returns  its length in bytes, *c set; 0 when the bytes are not UTF-8 (overlong and surrogate forms included). */
size_t utf8_decode(const char *s, size_t n, uint32_t *c);

/* Columns the character takes: 0, 1 or 2. */
int utf8_width(uint32_t c);

/* A character that moves the cursor, hides, or turns text around: never printed as it is. */
bool utf8_is_hostile(uint32_t c);

/* The first character of the text that is not seen, or looks like a space and is none; 0: there
 * is no such character. A line break or a tab counts, a broken byte does not. */
uint32_t utf8_first_invisible(const char *text);

/* utf8_put: writes n bytes with every hostile or broken one shown as '?', tabs as spaces up to
 * the next stop counted from column `at`. Returns the column after the last one. */
int utf8_put(FILE *out, const char *s, size_t n, int at);

/* utf8_put_wrapped: a paragraph and its line end, broken at spaces so that no line has more than
 * `width` columns beside the indent. Lines after the first begin with the indent. */
void utf8_put_wrapped(FILE *out, const char *text, int width, const char *indent);
/* utf8_put_hanging: the same from column `at` on, where a label ends, up to `columns` (0: nothing
 * is broken). A word stays whole, though it be longer than a line: paths and commands are copied.
 * As in utf8_put, no character acts on the terminal. */
void utf8_put_hanging(FILE *out, const char *text, int at, int columns, const char *indent);

/* utf8_put_roff: s as text in which nothing is roff: a leading dot or quote is a request, a
 * backslash an escape, a bare - a hyphen. */
void utf8_put_roff(FILE *out, const char *s);

#endif
