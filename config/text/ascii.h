/* ascii: classes of the bytes that config text is made of. The functions of the C library
 * (isdigit and the like) ask the locale and may not be given a negative char; a config file
 * means the same in every locale. */
#ifndef CONFIG_TEXT_ASCII_H
#define CONFIG_TEXT_ASCII_H

#include <string.h>

#include "netpoll/base.h"

#define ASCII_DIGITS     "0123456789"
#define ASCII_HEX_DIGITS ASCII_DIGITS "abcdefABCDEF"
#define ASCII_LOWER      "abcdefghijklmnopqrstuvwxyz"
#define ASCII_UPPER      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The value of a hexadecimal digit, 0 to 15; of another byte -1. */
static inline int ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits alone, and at least one. */
static inline bool ascii_is_number(const char *text)
{
	return text[0] != '\0' && strspn(text, ASCII_DIGITS) == strlen(text);
}

#endif
