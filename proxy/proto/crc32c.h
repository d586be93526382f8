/* crc32c: the checksum of RFC 9260, appendix A: of PROXY headers of version 2, and of the messages between two
 * processes of ours. Pure, any thread. */
#ifndef PROXY_PROTO_CRC32C_H
#define PROXY_PROTO_CRC32C_H

#include "netpoll/base.h"

/* crc32c: the checksum of n bytes, behind bytes with the checksum `crc`; 0 at the beginning. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* crc32c_around: the checksum of n bytes in which the four at offset `at`, where it will stand, count as zero. */
uint32_t crc32c_around(const uint8_t *p, size_t n, size_t at);

#endif
