/* pp: the PROXY protocol, versions 1 and 2, between bytes and values. Source: HAProxy's
 * doc/proxy-protocol.txt. It does no I/O, allocates nothing and keeps nothing: the values point
 * into the buffer of the caller.
 *
 * The caller decides whether it expects a header, from which clients it accepts one, and how long
 * it waits. Only the configuration settles that, never the bytes: a client that may choose whether
 * to send a header can pretend to be any address. All bytes are hostile, and none may reach a
 * CHECK. */
#ifndef PROXY_PROTO_PP_H
#define PROXY_PROTO_PP_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/proto/pp_tbl.h"

#define PP_V1_MAX        107 /* the longest line, CR LF included */
#define PP_V2_FIXED      16  /* bytes of a version 2 header in front of those it announces */
#define PP_UNIQUE_ID_MAX 128
#define PP_CUSTOM_MIN    0xe0 /* the types that users of the protocol may define */
#define PP_CUSTOM_MAX    0xef

enum pp_result {
	PP_OK, /* a whole header; the only value without a row in the table */
#define X(code, ...) PP_##code,
	PP_WHY_TBL(X)
#undef X
	PP_WHYS /* the number of values */
};

enum pp_tlv_type {
#define X(code, type) PP_TLV_##code = (type),
	PP_TLV_TBL(X)
#undef X
#define X(code, field, type) PP_SSL_##code = (type),
	PP_SSL_TBL(X)
#undef X
};

/* Borrowed bytes. p is NULL if there is no value at all, not even an empty one. */
struct pp_bytes {
	const uint8_t *p;
	size_t n;
};

struct pp_tlv {
	uint8_t type; /* enum pp_tlv_type, or any other number */
	struct pp_bytes value;
};

/* ---- reading ---- */

struct pp_header {
	int version;  /* 1 or 2 */
	size_t len;   /* bytes of the header; the payload begins behind them */
	bool proxied; /* the header has src and dst; otherwise the real endpoints count */
	struct np_addr src, dst;
	struct pp_bytes tlvs; /* borrowed from the buffer, and checked: see pp_tlv_next */

	size_t need;   /* after PP_MORE: the whole header has at least so many bytes */
	size_t walked; /* private: the TLVs before this offset are checked */
	size_t crc_at; /* private: the offset of the checksum; 0 without one */
};

/* pp_read: read the first n bytes of a connection. While it returns PP_MORE, the caller calls it
 * again with more bytes of the same connection, from the first one on, and with the same h. The
 * caller zeroes h before the first call. `max` bounds the length that a version 2 header may
 * announce, so no header needs a buffer of more than PP_V2_FIXED + max bytes, or PP_V1_MAX.
 *   Returns  PP_OK: h is filled in, and h->len is at most n. PP_MORE: only h->need is valid. To
 *            read up to that many bytes takes no byte of the payload. Any other: the header is
 *            refused, as soon as the byte has come that shows why. */
must_use enum pp_result pp_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max);

const char *pp_word(enum pp_result why);     /* "v1_bad_port"; "ok" for PP_OK */
const char *pp_sentence(enum pp_result why); /* "the header was not complete" */

/* pp_tlv_next: take the first TLV off an area. It never reads outside the area, whatever the bytes
 * say.
 *   Returns  false at the end of the area, or where a TLV is cut short. In the areas of a header
 *            that pp_read accepted, and of an SSL TLV in it, none is cut short. */
bool pp_tlv_next(struct pp_bytes *area, struct pp_tlv *tlv);

/* pp_tlv_find: the value of the first TLV of this type. Of several TLVs only the first one counts,
 * and only that one is passed on, so that the next proxy cannot choose another one.
 *   Returns  false if there is none; *value is as it was. */
bool pp_tlv_find(struct pp_bytes area, uint8_t type, struct pp_bytes *value);

enum pp_client { /* bits of pp_ssl.client */
	PP_CLIENT_SSL       = 1, /* the client uses TLS */
	PP_CLIENT_CERT_CONN = 2, /* it showed a certificate on this connection */
	PP_CLIENT_CERT_SESS = 4, /* it showed one at least once in this TLS session */
};

struct pp_ssl {
	uint8_t client;       /* enum pp_client */
	uint32_t verify;      /* 0: the client showed a certificate, and it was verified */
	struct pp_bytes subs; /* TLVs of PP_SSL_TBL, for pp_tlv_find */
};

/* pp_ssl_read: take the value of an SSL TLV apart.
 *   Returns  false if it is cut short, or says TLS without a TLS version. That of a header which
 *            pp_read accepted is neither. */
bool pp_ssl_read(struct pp_bytes value, struct pp_ssl *ssl);

/* ---- writing ---- */

enum pp_want { /* the TLVs that a header shall carry */
	PP_WANT_ALPN      = 1,
	PP_WANT_AUTHORITY = 2,
	PP_WANT_UNIQUE_ID = 4,
	PP_WANT_SSL       = 8,
	PP_WANT_CRC32C    = 16,
	PP_WANT_CLIENT_CERT = 32, /* for the caller: within SSL, where pp_ssl_made has it */
};

/* The contents of an SSL TLV that we write: the two fields of struct pp_ssl, and for each row of
 * PP_SSL_TBL a value (version, cn, cipher, ...), whose p is NULL if it is left out. */
struct pp_ssl_made {
	uint8_t client;
	uint32_t verify;
#define X(code, field, type) struct pp_bytes field;
	PP_SSL_TBL(X)
#undef X
};

/* The contents of a version 2 header that we write; zeroed, it is LOCAL. All pointers are borrowed
 * for the one call. A wanted TLV has the value given here; without one, the value in the header
 * that the client sent; without both, the TLV is left out. For the unique id it is the other way
 * round: the one received counts first, because the first of several proxies gave it, and it names
 * the whole connection. */
struct pp_made {
	const struct np_addr *src, *dst; /* NULL or empty: unknown */
	unsigned want;                   /* bits of enum pp_want */
	struct pp_bytes alpn, authority, unique_id;
	const struct pp_ssl_made *ssl; /* or NULL */
	const struct pp_tlv *customs;  /* types PP_CUSTOM_MIN to PP_CUSTOM_MAX; all are written */
	size_t custom_count;
	struct pp_bytes received; /* pp_header.tlvs */
};

/* pp_v1_write, pp_v2_write: write the header for a connection from src to dst. The caller sends it
 * in one piece, before any other byte. An IPv4 end beside an IPv6 one is written as a v4-mapped
 * address. Ends that are unknown, or that the version cannot express, give UNKNOWN or LOCAL; LOCAL
 * has no TLVs.
 *   Returns  the length; -NP_ENOBUFS if the header does not fit into cap bytes; -NP_EINVAL if a
 *            custom type is outside of its range, the unique id is too long, or an SSL TLV says TLS
 *            without a version. */
must_use ssize_t pp_v1_write(uint8_t *out, size_t cap, const struct np_addr *src,
	const struct np_addr *dst);
must_use ssize_t pp_v2_write(uint8_t *out, size_t cap, const struct pp_made *made);

#endif
