/* hello: reads a TLS ClientHello while it arrives, so that a route can be chosen before a byte is
 * passed on. It keeps its place between calls, so a hello that trickles in byte by byte costs no
 * more than one that comes at once. It allocates nothing, and never reads outside the bytes it is
 * given. Source: RFC 8446, 4.1.2 and 5.1.
 *
 *   record   type 22 | major 3 | minor, ignored | length 1..16384 | a piece of the message
 *   message  type 1 | length | version | random | session id | ciphers | compressions | extensions
 *
 * Every length is compared with the bytes that enclose it before a byte of it is taken. The record
 * version is ignored. All bytes are the client's: any sequence gives a result, and none may reach a
 * CHECK. */
#ifndef PROXY_PROTO_HELLO_H
#define PROXY_PROTO_HELLO_H

#include "netpoll/base.h"

#define HELLO_NAME_MAX 255
#define HELLO_ALPN_MAX 512         /* bytes that are kept of the offered protocols */
#define HELLO_MAX      (16 * 1024) /* handshake bytes: the default of preread.max_bytes */

enum hello_result {
	HELLO_MORE,     /* valid so far; if the stream ends here, the hello is truncated */
	HELLO_DONE,     /* whole; later bytes are not read */
	HELLO_NOT_TLS,  /* no handshake record begins like this; certain at the first wrong byte */
	HELLO_BAD,      /* begins like TLS, but the field `flaw` is wrong */
	HELLO_TOO_LONG, /* announces more bytes than the maximum */
};

/* What kind of server name the client sent. Only a USABLE one counts when a route is chosen by
 * name.
 *  constant  word, for logs */
#define HELLO_NAME_TBL(X)              \
	X(NONE, "none")                \
	X(USABLE, "usable")            \
	X(EMPTY, "empty")              \
	X(NUL, "nul_byte")             \
	X(IP, "ip_address")            \
	X(NOT_HOST, "not_a_host_name") \
	X(LONG, "too_long")            \
	X(TWICE, "given_twice")        \
	X(UNKNOWN, "unknown_type")

enum hello_name {
#define X(name, word) HELLO_NAME_##name,
	HELLO_NAME_TBL(X)
#undef X
};

/* Lives in the memory of the caller, who may copy it or drop it at any time. The first half is
 * valid once the result is HELLO_DONE. */
struct hello {
	uint8_t result;             /* enum hello_result */
	uint8_t name;               /* enum hello_name */
	bool sslv2;                 /* in the form of SSL 2: only legacy_version is known then */
	bool alpn_cut;              /* the client offered more than alpn holds */
	uint16_t legacy_version;    /* the version field of SSL and of TLS up to 1.2: 0x0303 */
	uint16_t supported_version; /* the highest known one of supported_versions, or 0 */
	uint16_t nalpn;             /* bytes in alpn */
	uint16_t nsent;             /* bytes in sent */
	uint8_t alpn[HELLO_ALPN_MAX];  /* protocols, each behind its length: hello_alpn_next */
	char sent[HELLO_NAME_MAX + 1]; /* the name in lower case, maybe cut; hostile bytes */
	const char *flaw;              /* with HELLO_BAD: the wrong field, a static word */

	/* Private: the place of the walk. */
	uint32_t max, at;       /* of the message: bytes allowed, bytes taken */
	uint32_t end[3];        /* of each enclosure: its end, as an offset in the message */
	uint32_t need, value;   /* of the field: bytes to come, its number so far */
	uint16_t record;        /* bytes of the record to come; 0: a record header is next */
	uint16_t record_length; /* what the header says */
	uint16_t type;          /* of the extension */
	uint8_t header;         /* bytes of the header taken */
	uint8_t level, field, seen;
};

/* hello_init: expect the first byte of a connection. max bounds the message with its header of 4
 * bytes (DCHECK: more than 4). It does not bound the record headers: a record may hold a single
 * byte, so a caller that keeps the bytes has to bound those itself. */
void hello_init(struct hello *h, uint32_t max);

/* hello_feed: read the next n bytes of the client.
 *   Returns  the result so far. Every result but HELLO_MORE is final. */
enum hello_result hello_feed(struct hello *h, const void *bytes, size_t n);

/* hello_sni: the name to choose a route by: a host name in lower case, maybe with a dot at its end.
 * *n is its length; n may be NULL.
 *   Returns  NULL if there is no usable name; h->name says why. */
const char *hello_sni(const struct hello *h, size_t *n);

/* hello_version: the highest version that the client speaks: 0x0304 for TLS 1.3. Newer ones that it
 * may offer beside are not known here. */
uint16_t hello_version(const struct hello *h);

/* hello_read_name: read the n bytes of a server_name extension's body (RFC 6066, 3), for a caller
 * whose TLS library has split the hello into extensions. Initialises h: name, sent and nsent of h
 * count then, whatever the result. */
void hello_read_name(struct hello *h, const void *body, size_t n);

/* hello_judge_name: what kind of name these bytes are, for a caller that has them from elsewhere: USABLE, or
 * what is wrong with it. */
enum hello_name hello_judge_name(const char *name, size_t n);

/* hello_name_word: the word of HELLO_NAME_TBL; a static text. */
const char *hello_name_word(enum hello_name name);

/* hello_alpn_next: the protocol behind `last` in a list of n bytes, or the first one if last is
 * NULL.
 *   Returns  where its length byte stands, in front of its bytes; NULL at the end of the list. */
static inline const uint8_t *hello_alpn_next(const uint8_t *list, size_t n, const uint8_t *last)
{
	size_t at = last == NULL ? 0 : (size_t)(last - list) + 1 + last[0];

	return at < n && list[at] < n - at ? list + at : NULL;
}

#endif
