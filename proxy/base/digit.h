/* digit: decimal and hexadecimal digits, one byte at a time. Not isdigit(3) and strtol(3): those
 * ask the locale, take signs and blanks, and are undefined for a char below 0; bytes from the
 * network are all of that. */
#ifndef PROXY_BASE_DIGIT_H
#define PROXY_BASE_DIGIT_H

#include "netpoll/base.h"

static inline bool digit_is_decimal(int c)
{
	return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit in either case, or -1. */
static inline int digit_hex_value(int c)
{
	if (digit_is_decimal(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digit for the low four bits of v, in lower case. */
static inline char digit_hex(unsigned v)
{
	return "0123456789abcdef"[v & 15];
}

#endif
