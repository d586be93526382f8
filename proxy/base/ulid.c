/* Makes the id of a connection and writes it as text. */
#include "proxy/base/ulid.h"

#include "netpoll/check.h"

/* Writes the low n bytes of v, the highest of them first; 48 bits of milliseconds last until
 * 10889. */
static void put_be(uint8_t *p, uint64_t v, size_t n)
{
	while (n > 0) {
		p[--n] = (uint8_t)v;
		v >>= 8;
	}
}

struct ulid ulid_make(uint64_t ms, uint16_t rand_high, uint64_t rand_low)
{
	struct ulid id;

	put_be(id.b, ms, 6);
	put_be(id.b + 6, rand_high, 2);
	put_be(id.b + 8, rand_low, 8);
	return id;
}

/* 128 bits are 25 digits of 5 bits, and 3 bits for the first digit. So the number is written from
 * its low end, which leaves the 3 bits for last. */
void ulid_format(const struct ulid *id, char out[ULID_TEXT])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned bits = 0, have = 0;
	size_t at = ULID_TEXT - 1;

	out[at] = '\0';
	for (size_t i = sizeof(id->b); i-- > 0;) {
		bits |= (unsigned)id->b[i] << have;
		for (have += 8; have >= 5; have -= 5) {
			out[--at] = alphabet[bits & 31];
			bits >>= 5;
		}
	}
	DCHECK(at == 1 && have == 3, "three bits are left for the first digit");
	out[--at] = alphabet[bits & 31];
}
