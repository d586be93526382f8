/* Reads and writes the header of version 2, which is binary:
 *
 *   0            12  13      14      16              16 + block           16 + length
 *   | signature  |ver|family,| length | src, dst,     | TLVs ...          |  payload
 *   |            |cmd|transp.|        | sport, dport  |                   |
 *
 * The length says where the header ends; the family says how long the block of addresses is. With
 * LOCAL, and with an unspecified family or transport, no field says how long the block is, so the
 * bytes behind the length are not read: the real endpoints count, and there are no TLVs. */
#include "proxy/proto/pp_priv.h"

#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_N (sizeof(SIGNATURE) - 1)
#define AT_COMMAND  12 /* version in the high half */
#define AT_FAMILY   13 /* transport in the low half */
#define AT_LENGTH   14

#define UNIX_PATH   sizeof(((struct sockaddr_un *)0)->sun_path) /* 108, in the protocol too */
#define UNIX_OFFSET offsetof(struct sockaddr_un, sun_path)

enum { COMMAND_LOCAL, COMMAND_PROXY, COMMANDS };
enum { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DGRAM, TRANSPORTS };

/* Bytes of the block of addresses. */
static const uint8_t blocks[PP_FAMILIES] = {
	[PP_INET] = 2 * (4 + 2),
	[PP_INET6] = 2 * (16 + 2),
	[PP_UNIX] = 2 * UNIX_PATH,
};

/* ---- reading ---- */

static bool is_proxy(const uint8_t *p)
{
	return (p[AT_COMMAND] & 15) == COMMAND_PROXY;
}

/* Bytes of the block of this header; 0 if it has none that can be read. */
static size_t block_bytes(const uint8_t *p)
{
	if (!is_proxy(p) || (p[AT_FAMILY] & 15) == TRANSPORT_UNSPEC)
		return 0;
	DCHECK(p[AT_FAMILY] >> 4 < PP_FAMILIES, "fixed_part refuses other families");
	return blocks[p[AT_FAMILY] >> 4];
}

/* Checks the fixed part as far as it has come. LOCAL may carry any family, which is ignored. */
static enum pp_result fixed_part(const uint8_t *p, size_t n, size_t max)
{
	if (memcmp(p, SIGNATURE, n < SIGNATURE_N ? n : SIGNATURE_N) != 0)
		return PP_NOT_PROXY;
	if (n > AT_COMMAND && p[AT_COMMAND] >> 4 != 2)
		return PP_V2_VERSION;
	if (n > AT_COMMAND && (p[AT_COMMAND] & 15) >= COMMANDS)
		return PP_V2_COMMAND;
	if (n > AT_FAMILY && is_proxy(p) &&
	    (p[AT_FAMILY] >> 4 >= PP_FAMILIES || (p[AT_FAMILY] & 15) >= TRANSPORTS))
		return PP_V2_FAMILY;
	if (n > AT_LENGTH && (size_t)p[AT_LENGTH] << 8 > max)
		return PP_V2_TOO_LONG;
	if (n < PP_V2_FIXED)
		return PP_MORE;
	if (pp_be16(p + AT_LENGTH) > max)
		return PP_V2_TOO_LONG;
	return pp_be16(p + AT_LENGTH) < block_bytes(p) ? PP_V2_TOO_SHORT : PP_OK;
}

static struct np_addr read_inet(const uint8_t *host, const uint8_t *port)
{
	struct np_addr a = {.len = sizeof(a.u.in4), .u.in4.sin_family = AF_INET};

	memcpy(&a.u.in4.sin_addr, host, sizeof(a.u.in4.sin_addr));
	memcpy(&a.u.in4.sin_port, port, sizeof(a.u.in4.sin_port));
	return a;
}

static struct np_addr read_inet6(const uint8_t *host, const uint8_t *port)
{
	struct np_addr a = {.len = sizeof(a.u.in6), .u.in6.sin6_family = AF_INET6};

	memcpy(&a.u.in6.sin6_addr, host, sizeof(a.u.in6.sin6_addr));
	memcpy(&a.u.in6.sin6_port, port, sizeof(a.u.in6.sin6_port));
	return a;
}

/* A path ends at its first NUL. An abstract name begins with a NUL and has no end mark, so zeros at
 * the end of the field count as padding. A field of zeros is a socket without a name. */
static struct np_addr read_unix(const uint8_t *name)
{
	struct np_addr a = {.u.un.sun_family = AF_UNIX};
	size_t n = name[0] != '\0' ? strnlen((const char *)name, UNIX_PATH) : UNIX_PATH;

	while (n > 0 && name[n - 1] == '\0')
		n--;
	memcpy(a.u.un.sun_path, name, n);
	/* The NUL behind a path counts, as it does from the kernel. */
	a.len = (socklen_t)(UNIX_OFFSET + n + (name[0] != '\0' && n < UNIX_PATH));
	return a;
}

static void read_block(struct pp_header *h, uint8_t family, const uint8_t *b)
{
	h->proxied = true;
	switch (family) {
	case PP_INET << 4 | TRANSPORT_STREAM:
		h->src = read_inet(b, b + 8);
		h->dst = read_inet(b + 4, b + 10);
		break;
	case PP_INET6 << 4 | TRANSPORT_STREAM:
		h->src = read_inet6(b, b + 32);
		h->dst = read_inet6(b + 16, b + 34);
		break;
	case PP_UNIX << 4 | TRANSPORT_STREAM:
		h->src = read_unix(b);
		h->dst = read_unix(b + UNIX_PATH);
		break;
	default: /* datagrams, or unspecified */
		h->proxied = false;
	}
}

enum pp_result pp_v2_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max)
{
	enum pp_result why = fixed_part(p, n, max);
	size_t behind;

	h->need = PP_V2_FIXED;
	if (why != PP_OK)
		return why;
	h->need = h->len = PP_V2_FIXED + pp_be16(p + AT_LENGTH);
	behind = block_bytes(p) > 0 ? PP_V2_FIXED + block_bytes(p) : h->len;
	if (h->walked < behind)
		h->walked = behind;
	why = pp_tlv_walk(h, p, n);
	if (why != PP_OK)
		return why;
	if (h->crc_at != 0 && crc32c_around(p, h->len, h->crc_at) != pp_be32(p + h->crc_at))
		return PP_BAD_CRC32C;
	h->version = 2;
	h->tlvs = (struct pp_bytes){p + behind, h->len - behind};
	if (is_proxy(p))
		read_block(h, p[AT_FAMILY], p + PP_V2_FIXED);
	return PP_OK;
}

/* ---- writing ---- */

/* The reverse of read_unix. */
static void put_unix(struct text *t, const struct np_addr *a)
{
	uint8_t name[UNIX_PATH] = {0};
	size_t n = a->len > UNIX_OFFSET ? a->len - UNIX_OFFSET : 0;

	if (n > UNIX_PATH)
		n = UNIX_PATH;
	if (n > 0 && a->u.un.sun_path[0] != '\0')
		n = strnlen(a->u.un.sun_path, n);
	memcpy(name, a->u.un.sun_path, n);
	text_bytes(t, name, sizeof(name));
}

static void put_block(struct text *t, enum pp_family family, const struct np_addr ends[2])
{
	if (family == PP_UNIX) {
		put_unix(t, &ends[0]);
		put_unix(t, &ends[1]);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (family == PP_INET)
			text_bytes(t, &ends[i].u.in4.sin_addr, sizeof(ends[i].u.in4.sin_addr));
		else
			text_bytes(t, &ends[i].u.in6.sin6_addr, sizeof(ends[i].u.in6.sin6_addr));
	}
	/* Both families have the port at the same offset, as pp_v1.c asserts. */
	text_bytes(t, &ends[0].u.in4.sin_port, sizeof(ends[0].u.in4.sin_port));
	text_bytes(t, &ends[1].u.in4.sin_port, sizeof(ends[1].u.in4.sin_port));
}

/* Fills in the length and the checksum. */
static ssize_t finish_header(struct text *t, bool crc32c)
{
	uint8_t *p = (uint8_t *)t->p, zero[sizeof(uint32_t)] = {0};
	size_t length, crc_at;

	if (crc32c)
		pp_tlv_put(t, PP_TLV_CRC32C, (struct pp_bytes){zero, sizeof(zero)});
	if (t->cut || t->n > PP_V2_FIXED + UINT16_MAX)
		return -NP_ENOBUFS;
	length = t->n - PP_V2_FIXED;
	p[AT_LENGTH] = (uint8_t)(length >> 8);
	p[AT_LENGTH + 1] = (uint8_t)length;
	if (crc32c) {
		crc_at = t->n - sizeof(zero);
		pp_put_be32(p + crc_at, crc32c_around(p, t->n, crc_at));
	}
	return (ssize_t)t->n;
}

ssize_t pp_v2_write(uint8_t *out, size_t cap, const struct pp_made *made)
{
	struct np_addr ends[2];
	enum pp_family family = pp_ends(ends, made->src, made->dst);
	uint8_t fixed[PP_V2_FIXED] = SIGNATURE "\x20"; /* LOCAL, unspecified, no bytes behind it */
	struct text t;
	int err;

	if (family != PP_UNSPEC) {
		fixed[AT_COMMAND] |= COMMAND_PROXY;
		fixed[AT_FAMILY] = (uint8_t)(family << 4 | TRANSPORT_STREAM);
	}
	text_init(&t, (char *)out, cap);
	text_bytes(&t, fixed, sizeof(fixed));
	if (family == PP_UNSPEC)
		return finish_header(&t, false);
	put_block(&t, family, ends);
	err = pp_tlv_write(&t, made);
	if (err != 0)
		return err;
	return finish_header(&t, made->want & PP_WANT_CRC32C);
}
