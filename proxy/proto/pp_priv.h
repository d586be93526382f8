/* pp_priv: what the files of the PROXY codec share; nobody else includes it. */
#ifndef PROXY_PROTO_PP_PRIV_H
#define PROXY_PROTO_PP_PRIV_H

#include "proxy/base/text.h"
#include "proxy/proto/pp.h"

#define PP_TLV_HEAD 3 /* type, and the length of the value in two bytes */

/* Address families by their number in a version 2 header. */
enum pp_family { PP_UNSPEC, PP_INET, PP_INET6, PP_UNIX, PP_FAMILIES };

static inline size_t pp_be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static inline uint32_t pp_be32(const uint8_t *p)
{
	return (uint32_t)pp_be16(p) << 16 | (uint32_t)pp_be16(p + 2);
}

static inline void pp_put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* As pp_read, for bytes that can only be this version's. Version 1 keeps nothing between calls. */
enum pp_result pp_v1_read(struct pp_header *h, const uint8_t *p, size_t n);
enum pp_result pp_v2_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max);

/* Both ends in one family, as copies; PP_UNSPEC when one is unknown or they do not match. */
enum pp_family pp_ends(struct np_addr out[2], const struct np_addr *src, const struct np_addr *dst);

/* Goes on with the checks from h->walked to h->len, over the n bytes that have come. */
enum pp_result pp_tlv_walk(struct pp_header *h, const uint8_t *p, size_t n);

/* Appends the TLVs that `made` asks for, all but the checksum. 0 or -NP_EINVAL. */
must_use int pp_tlv_write(struct text *t, const struct pp_made *made);
void pp_tlv_put(struct text *t, uint8_t type, struct pp_bytes value);

/* CRC32c of `n` bytes behind those that gave `crc`; 0 at the beginning. */
uint32_t pp_crc32c(uint32_t crc, const void *p, size_t n);
/* Of a whole header, its four bytes at `at` taken as zero. */
uint32_t pp_crc32c_header(const uint8_t *p, size_t n, size_t at);

#endif
