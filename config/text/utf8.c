/* utf8: tables of widths and of hostile characters, and the printers that use them. */
#include "config/text/utf8.h"

#include "config/text/ascii.h"

/* Code points, both ends included. Each table is searched from the start: the texts are config
 * lines. */
struct range {
	uint32_t first, last;
};

/* Marks that combine with the character before them, and joiners. */
static const struct range narrow[] = {
	{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
	{0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x200B, 0x200D}, {0x20D0, 0x20F0},
	{0x302A, 0x302D}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
};

/* East Asian wide and full-width forms, and the pictures that terminals draw two cells wide. */
static const struct range wide[] = {
	{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0x33FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},
	{0xA000, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFE30, 0xFE6F},
	{0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
	{0x20000, 0x3FFFD},
};

/* Controls of both halves, line and direction controls, the byte order mark, and code points
 * that are no characters. */
static const struct range hostile[] = {
	{0x0000, 0x001F}, {0x007F, 0x009F}, {0x061C, 0x061C}, {0x200E, 0x200F}, {0x2028, 0x202E},
	{0x2066, 0x2069}, {0xFEFF, 0xFEFF}, {0xFFFE, 0xFFFF},
};

/* Spaces of other widths, soft hyphens, joiners, fillers, variation selectors. They are no
 * danger to a terminal and legal in comments and texts; in a key or a value they are mostly
 * pasted by accident. */
static const struct range invisible[] = {
	{0x00A0, 0x00A0}, {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x115F, 0x1160}, {0x1680, 0x1680},
	{0x17B4, 0x17B5}, {0x180B, 0x180E}, {0x2000, 0x200F}, {0x202F, 0x202F}, {0x205F, 0x2064},
	{0x3000, 0x3000}, {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFFA0, 0xFFA0},
};

static bool in_ranges(const struct range *r, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

/* The number of bytes that a first byte announces; continuation bytes, which may not come first,
 * are refused later. */
static size_t announced_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xE0)
		return 2;
	return first < 0xF0 ? 3 : 4;
}

/* As RFC 3629 has it: no overlong form (least[] is the smallest code point of each length), no
 * surrogate, nothing above 10FFFF. 0x80 to 0xC1 never begin a character: continuation bytes, and
 * overlong forms of two bytes. */
size_t utf8_decode(const char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	size_t len = announced_length(u[0]);
	uint32_t v = len == 1 ? u[0] : u[0] & (0x7Fu >> len);

	if (len > n || (u[0] >= 0x80 && u[0] < 0xC2) || u[0] > 0xF4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xC0) != 0x80)
			return 0;
		v = v << 6 | (u[i] & 0x3F);
	}
	if (v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
		return 0;
	*c = v;
	return len;
}

/* Below U+0300 no character combines, and none is wide: most text ends here. */
int utf8_width(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (in_ranges(narrow, array_len(narrow), c))
		return 0;
	return in_ranges(wide, array_len(wide), c) ? 2 : 1;
}

bool utf8_is_hostile(uint32_t c)
{
	return in_ranges(hostile, array_len(hostile), c);
}

uint32_t utf8_first_invisible(const char *text)
{
	size_t n = strlen(text), len;
	uint32_t c;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_decode(text + i, n - i, &c);
		if (len != 0 && (utf8_is_hostile(c) || in_ranges(invisible, array_len(invisible), c)))
			return c;
		len = len == 0 ? 1 : len;
	}
	return 0;
}

/* Writes, or only measures where out is NULL. */
static int put_or_measure(FILE *out, const char *s, size_t n, int at)
{
	size_t len;
	uint32_t c;

	for (size_t i = 0; i < n; i += len) {
		int width = 1;

		len = utf8_decode(s + i, n - i, &c);
		if (len == 1 && c == '\t') {
			width = TEXT_TAB - at % TEXT_TAB;
			if (out != NULL)
				fprintf(out, "%*s", width, "");
		} else if (len == 0 || utf8_is_hostile(c)) {
			len = len == 0 ? 1 : len;
			if (out != NULL)
				putc('?', out);
		} else {
			width = utf8_width(c);
			if (out != NULL)
				fwrite(s + i, 1, len, out);
		}
		at += width;
	}
	return at;
}

int utf8_put(FILE *out, const char *s, size_t n, int at)
{
	return put_or_measure(out, s, n, at);
}

/* The first word stands where the paragraph begins, whatever its length: a label alone would say nothing. */
void utf8_put_hanging(FILE *out, const char *text, int at, int columns, const char *indent)
{
	bool first = true;

	while (*text != '\0') {
		size_t gap = strspn(text, " "), n = strcspn(text + gap, " ");

		if (n == 0)
			break;
		text += gap;
		if (!first && columns > 0 && put_or_measure(NULL, text, n, at + (int)gap) > columns)
			at = fprintf(out, "\n%s", indent) - 1;
		else
			at += fprintf(out, "%*s", (int)gap, "");
		at = utf8_put(out, text, n, at);
		text += n;
		first = false;
	}
	putc('\n', out);
}

void utf8_put_wrapped(FILE *out, const char *text, int width, const char *indent)
{
	int at = (int)strlen(indent);

	utf8_put_hanging(out, text, at, at + width, indent);
}

void utf8_put_roff(FILE *out, const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", out);
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else
			putc(*s, out);
		if (*s == ':' && ascii_is_letter(s[1]))
			fputs("\\:", out); /* a list of ciphers is longer than a line */
	}
}
