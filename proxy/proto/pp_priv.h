/* pp_priv: declarations that the files of the PROXY codec share. Only pp.c and pp_*.c include
 * it. */
#ifndef PROXY_PROTO_PP_PRIV_H
#define PROXY_PROTO_PP_PRIV_H

#include "proxy/base/text.h"
#include "proxy/proto/crc32c.h"
#include "proxy/proto/pp.h"

#define PP_TLV_HEAD 3 /* bytes in front of a value: the type, and its length in two bytes */

/* Address families, by their number in a version 2 header. */
enum pp_family { PP_UNSPEC, PP_INET, PP_INET6, PP_UNIX, PP_FAMILIES };

/* Numbers with their highest byte first. */
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

/* The same as pp_read, for n > 0 bytes that can only be of this version. Version 1 keeps nothing in
 * h between two calls. */
enum pp_result pp_v1_read(struct pp_header *h, const uint8_t *p, size_t n);
enum pp_result pp_v2_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max);

/* pp_ends: copy both ends, in one family.
 *   Returns  that family; PP_UNSPEC if an end is unknown, or if only one is a Unix socket. */
enum pp_family pp_ends(struct np_addr out[2], const struct np_addr *src, const struct np_addr *dst);

/* pp_tlv_walk: check the TLVs from h->walked to h->len, as far as the n bytes reach.
 *   Returns  PP_OK when all are checked, PP_MORE, or the reason to refuse the header. */
enum pp_result pp_tlv_walk(struct pp_header *h, const uint8_t *p, size_t n);

/* pp_tlv_write: append the TLVs that `made` wants, except for the checksum.
 *   Returns  0 or -NP_EINVAL, as pp_v2_write does. */
must_use int pp_tlv_write(struct text *t, const struct pp_made *made);
/* pp_tlv_put: append one TLV. */
void pp_tlv_put(struct text *t, uint8_t type, struct pp_bytes value);

#endif
