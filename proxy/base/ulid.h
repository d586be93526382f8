/* ulid: the name of a connection, unique without asking anybody: 48 bits of milliseconds, then 80
 * random ones. Sorting by its bytes, or by its text, is sorting by time. */
#ifndef PROXY_BASE_ULID_H
#define PROXY_BASE_ULID_H

#include "netpoll/base.h"

#define ULID_TEXT 27 /* 26 characters and the NUL */

struct ulid {
	uint8_t b[16];
};

/* ulid_make: ms since 1970 and the caller's random bits; the callers' generators must not repeat
 * each other. */
struct ulid ulid_make(uint64_t ms, uint16_t rand_high, uint64_t rand_low);

/* ulid_format: Crockford's base 32, without I, L, O and U. */
void ulid_format(const struct ulid *id, char out[ULID_TEXT]);

#endif
