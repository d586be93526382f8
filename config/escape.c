/* escape: a backslash and what follows it. */
#include "config/escape.h"

#include <stdio.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

/* Of both cases.   Returns  -1: no digit of 16. */
static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* One byte, from *text on, which moves behind it.   Returns  -1: no escape that is known. */
static int take_byte(const char **text)
{
	const char *p = *text;
	int high, low;

	if (*p != '\\') {
		*text = p + 1;
		return (unsigned char)*p;
	}
	*text = p + 2;
	switch (p[1]) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '\\':
		return '\\';
	default:
		break;
	}
	high = p[1] == 'x' ? hex_digit(p[2]) : -1;
	low = high >= 0 ? hex_digit(p[3]) : -1;
	*text = p + 4;
	return low >= 0 ? high * 16 + low : -1;
}

/* Printable ASCII is itself; what is beyond it is written as numbers, since it need not be UTF-8. */
static size_t escape_put(char *out, size_t room, int byte)
{
	static const struct {
		int byte;
		const char *text;
	} words[] = {{'\\', "\\\\"}, {'\r', "\\r"}, {'\n', "\\n"}, {'\t', "\\t"}};

	for (size_t i = 0; i < array_len(words); i++)
		if (words[i].byte == byte)
			return (size_t)snprintf(out, room, "%s", words[i].text);
	if (byte < 0x20 || byte > 0x7e)
		return (size_t)snprintf(out, room, "\\x%02x", (unsigned)byte);
	return (size_t)snprintf(out, room, "%c", byte);
}

/* To the first escape that is none; *why is about that one alone. */
int escape_settle(const char *text, char out[ESCAPE_ROOM], const char **why)
{
	size_t at = 0, n = 0;

	while (*text != '\0') {
		int byte = take_byte(&text);

		if (byte < 0) {
			*why = "a backslash begins \\r, \\n, \\t, \\\\ or \\x and two hexadecimal digits";
			return -NP_EINVAL;
		}
		if (++n > ESCAPE_BYTES) {
			*why = "it stands for more than 256 bytes";
			return -NP_EINVAL;
		}
		at += escape_put(out + at, ESCAPE_ROOM - at, byte);
	}
	return 0;
}

/* What is wrong with a text was said when it was settled. */
size_t escape_read(const char *text, uint8_t out[ESCAPE_BYTES])
{
	size_t n = 0;

	while (*text != '\0') {
		int byte = take_byte(&text);

		CHECK(byte >= 0 && n < ESCAPE_BYTES, "a text was settled before it is read");
		out[n++] = (uint8_t)byte;
	}
	return n;
}
