/* ulid: the id of a connection, after the ULID specification (github.com/ulid/spec): 48 bits of
 * milliseconds, then 80 random bits. Each worker makes ids alone, and no two are equal. Ids sort by
 * time, as bytes and as text. */
#ifndef PROXY_BASE_ULID_H
#define PROXY_BASE_ULID_H

#include "netpoll/base.h"

#define ULID_TEXT 27 /* 26 characters and the NUL */

struct ulid {
	uint8_t b[16]; /* the highest byte first */
};

/* ulid_make: an id of ms milliseconds since 1970 and 80 random bits of the caller. Each caller has
 * its own random generator, with its own seed, or two would make the same ids. */
struct ulid ulid_make(uint64_t ms, uint16_t rand_high, uint64_t rand_low);

/* ulid_format: write the id as 26 letters and digits and a NUL, in Crockford's base 32 (no I, L, O
 * and U). */
void ulid_format(const struct ulid *id, char out[ULID_TEXT]);

#endif
