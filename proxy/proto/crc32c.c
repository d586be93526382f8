/* The checksum, four bits at a time.
 *
 * A PROXY header has about a hundred bytes, and a connection has one header; messages between two processes are few.
 * So a table of 64 bytes is better than one of 1 KiB in the cache of every worker. Rejected: the instruction of the
 * processor, which needs a second implementation for processors that lack it. */
#include "proxy/proto/crc32c.h"

#include "netpoll/check.h"

/* The value that each of the 16 low halves of a byte adds when it is shifted out. The polynomial is
 * 0x1edc6f41, with its bits reversed. */
static const uint32_t nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= b[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

uint32_t crc32c_around(const uint8_t *p, size_t n, size_t at)
{
	static const uint8_t zero[sizeof(uint32_t)];
	uint32_t crc;

	DCHECK(at + sizeof(zero) <= n, "the checksum lies in the header");
	crc = crc32c(0, p, at);
	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, p + at + sizeof(zero), n - at - sizeof(zero));
}
