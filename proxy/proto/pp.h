/* pp: the PROXY protocol, versions 1 and 2, between bytes and values. It reads and sends nothing
 * itself, allocates nothing and keeps nothing: what it returns points into the caller's buffer.
 * Whether a header is expected at all, from whom it is believed and until when it may come is the
 * caller's business; that is settled by configuration and never by looking at the bytes. */
#ifndef PROXY_PROTO_PP_H
#define PROXY_PROTO_PP_H

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "proxy/proto/pp_tbl.h"

#define PP_V1_MAX        107 /* the longest line, CR LF included */
#define PP_V2_FIXED      16  /* a version 2 header is this and as many bytes more as it states */
#define PP_UNIQUE_ID_MAX 128
#define PP_CUSTOM_MIN    0xe0 /* types that are free for the users of the protocol */
#define PP_CUSTOM_MAX    0xef

enum pp_result {
	PP_OK, /* a whole header; the only value that is no row of the table */
#define X(code, ...) PP_##code,
	PP_WHY_TBL(X)
#undef X
	PP_WHYS /* how many values; not one of them */
};

enum pp_tlv_type {
#define X(code, type) PP_TLV_##code = (type),
	PP_TLV_TBL(X)
#undef X
#define X(code, field, type) PP_SSL_##code = (type),
	PP_SSL_TBL(X)
#undef X
};

/* Bytes of somebody else. With p NULL there are none, not even an empty value. */
struct pp_bytes {
	const uint8_t *p;
	size_t         n;
};

struct pp_tlv {
	uint8_t         type;
	struct pp_bytes value;
};

/* ---- reading ---- */

struct pp_header {
	int             version; /* 1 or 2 */
	size_t          len;     /* bytes of the header; what lies behind them is payload */
	bool            proxied; /* src and dst are told; otherwise the real endpoints count */
	struct np_addr  src, dst;
	struct pp_bytes tlvs;    /* borrowed from the buffer; sound, see pp_tlv_next */

	size_t need;   /* after PP_MORE: the whole header has so many bytes or more */
	size_t walked; /* pp_read's own: TLVs before this offset are checked */
	size_t crc_at; /* pp_read's own: where the checksum stands; 0 without one */
};

/* pp_read: look at the n bytes that came first on a connection. Call it again with more of the same
 * connection's bytes, from the first one on, as long as it says PP_MORE: with the same h, zeroed
 * before the first call. `max` bounds what a version 2 header may state as its length, so no header
 * needs a buffer of more than PP_V2_FIXED + max bytes, or PP_V1_MAX.
 *   Returns  PP_OK: h is filled in, and h->len is at most n.
 *            PP_MORE: of h only `need` counts. Reading up to that many bytes takes no payload.
 *            Any other: refused, at the byte that shows it and not when the rest has come. */
must_use enum pp_result pp_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max);

const char *pp_word(enum pp_result why);     /* "v1_bad_port"; "ok" for PP_OK */
const char *pp_sentence(enum pp_result why); /* for people */

/* pp_tlv_next: take the first TLV off an area. Never looks outside of it, whatever stands there.
 *   Returns  false at its end, or where it is broken off. The areas of a header that was accepted,
 *            and of an SSL TLV in it, are not. */
bool pp_tlv_next(struct pp_bytes *area, struct pp_tlv *tlv);

/* pp_tlv_find: the first of that type. Of several it alone counts, and it alone is passed on, so
 * that the next reader cannot believe another. */
bool pp_tlv_find(struct pp_bytes area, uint8_t type, struct pp_bytes *value);

enum pp_client { /* bits of pp_ssl.client */
	PP_CLIENT_SSL       = 1, /* the client came over TLS */
	PP_CLIENT_CERT_CONN = 2, /* it showed a certificate on this connection */
	PP_CLIENT_CERT_SESS = 4, /* it showed one in this TLS session */
};

struct pp_ssl {
	uint8_t         client; /* enum pp_client */
	uint32_t        verify; /* 0 when a certificate was shown and verified */
	struct pp_bytes subs;   /* TLVs of PP_SSL_TBL, for pp_tlv_find */
};

/* pp_ssl_read: the value of an SSL TLV. False when it is cut short or owes its TLS version, which
 * it does not in a header that was accepted. */
bool pp_ssl_read(struct pp_bytes value, struct pp_ssl *ssl);

/* ---- writing ---- */

enum pp_want { /* which TLVs a header is to carry */
	PP_WANT_ALPN      = 1,
	PP_WANT_AUTHORITY = 2,
	PP_WANT_UNIQUE_ID = 4,
	PP_WANT_SSL       = 8,
	PP_WANT_CRC32C    = 16,
};

/* What an SSL TLV is made of: the two fields of struct pp_ssl, and a value or none for each row of
 * PP_SSL_TBL: version, cn, cipher, ... */
struct pp_ssl_made {
	uint8_t  client;
	uint32_t verify;
#define X(code, field, type) struct pp_bytes field;
	PP_SSL_TBL(X)
#undef X
};

/* What a version 2 header says; zeroed, it is LOCAL. All is borrowed for the one call.
 * A wanted TLV has the value given here, else the one in the header that came with the client, and
 * without either it is left out. Only of the unique id the received one goes first: it was given by
 * the first proxy of several, and is one per connection. */
struct pp_made {
	const struct np_addr     *src, *dst; /* NULL or empty: unknown */
	unsigned                  want;      /* bits of enum pp_want */
	struct pp_bytes           alpn, authority, unique_id;
	const struct pp_ssl_made *ssl;       /* or NULL */
	const struct pp_tlv      *customs;   /* PP_CUSTOM_MIN to PP_CUSTOM_MAX; all are wanted */
	size_t                    custom_count;
	struct pp_bytes           received;  /* pp_header.tlvs */
};

/* pp_v1_write, pp_v2_write: the header for a connection from src to dst, to be sent before anything
 * else and in one write. An IPv4 end beside an IPv6 one is written as its v4-mapped address. Ends
 * that the version cannot express, and unknown ones, give UNKNOWN or LOCAL; LOCAL has no TLVs.
 *   Returns  its length; -NP_ENOBUFS when it does not fit; -NP_EINVAL for a custom type that is
 *            none, a unique id that is too long, or TLS without its version. */
must_use ssize_t pp_v1_write(uint8_t *out, size_t cap, const struct np_addr *src,
	const struct np_addr *dst);
must_use ssize_t pp_v2_write(uint8_t *out, size_t cap, const struct pp_made *made);

#endif
