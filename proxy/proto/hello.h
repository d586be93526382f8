/* hello: a TLS ClientHello read as it comes, for routing before a byte is passed on. It keeps its place between calls,
 * so a hello that trickles in byte by byte costs no more than one that comes at once; it allocates nothing, and reads
 * nothing but what it is given.
 *
 *   record   type 22 | major 3 | minor, ignored | length 1..16384 | a piece of the message      any number of these
 *   message  type 1 | length | version | random | session id | ciphers | compressions | extensions
 *
 * Every length is held against what encloses it before a byte of it is taken. The record version decides nothing. */
#ifndef PROXY_PROTO_HELLO_H
#define PROXY_PROTO_HELLO_H

#include "netpoll/base.h"

#define HELLO_NAME_MAX 255
#define HELLO_ALPN_MAX 512         /* of the offered protocols, their length bytes included */
#define HELLO_MAX      (16 * 1024) /* handshake bytes: what max_bytes is unless configured */

enum hello_result {
	HELLO_MORE,     /* so far it is one; an end of the stream here is a truncated hello */
	HELLO_DONE,     /* whole; what follows it is not looked at */
	HELLO_NOT_TLS,  /* no record of a handshake begins like this: known at the first wrong byte */
	HELLO_BAD,      /* begins like TLS, but `flaw` is impossible */
	HELLO_TOO_LONG, /* announces more than the maximum */
};

/* What the client said of the server's name. All but USABLE are "no name" to whoever chooses by name.
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

/* In the caller's memory; may be copied and dropped at any time. The first half counts once the result is
 * HELLO_DONE. */
struct hello {
	uint8_t result;             /* enum hello_result */
	uint8_t name;               /* enum hello_name */
	bool sslv2;                 /* the form of SSL 2: a version, and nothing else of the below */
	bool alpn_cut;              /* more was offered than alpn holds */
	uint16_t legacy_version;    /* as SSL and TLS up to 1.2 say it: 0x0303 */
	uint16_t supported_version; /* the highest known of supported_versions, or 0 */
	uint16_t nalpn;
	uint16_t nsent;
	uint8_t alpn[HELLO_ALPN_MAX];  /* nalpn bytes, each protocol behind its length: hello_alpn_next */
	char sent[HELLO_NAME_MAX + 1]; /* the name as it came, in lower case, cut; hostile bytes: for logs alone */
	const char *flaw;              /* with HELLO_BAD: the field that is wrong, one static word */

	/* Private: where it stands. */
	uint32_t max, at;       /* of the message: bytes allowed, bytes taken */
	uint32_t end[3];        /* of what is open: where in the message it ends */
	uint32_t need, value;   /* of the field: bytes to come, the number it has been so far */
	uint16_t record;        /* bytes of the record to come; 0: its header is next */
	uint16_t record_length; /* what the header says */
	uint16_t type;          /* of the extension */
	uint8_t header;         /* bytes of the header taken */
	uint8_t level, field, seen;
};

/* max is the most bytes of the message, its header of 4 included. It bounds no record headers: whoever keeps the bytes
 * bounds those, since a record may hold a single byte. */
void hello_init(struct hello *h, uint32_t max);

/* hello_feed: the next n bytes from the client. Returns where they lead; any result but HELLO_MORE is final. */
enum hello_result hello_feed(struct hello *h, const void *bytes, size_t n);

/* hello_read_name: only the body of a server_name extension, in the n bytes; for a caller whose TLS library has split
 * the hello into extensions. Initialises h; its name, sent and nsent count then, whatever the result. */
void hello_read_name(struct hello *h, const void *body, size_t n);

/* The name to choose by: a host name in lower case, maybe with a dot at its end; its length in *n (may be NULL). NULL:
 * there is none, and h->name says why. */
const char *hello_sni(const struct hello *h, size_t *n);

/* The highest version the client speaks: 0x0304 for TLS 1.3. */
uint16_t hello_version(const struct hello *h);

const char *hello_name_word(enum hello_name name);

/* hello_alpn_next: the protocol behind `last` (NULL: the first) in a list of n bytes: its length, then its bytes. NULL
 * at the end. */
static inline const uint8_t *hello_alpn_next(const uint8_t *list, size_t n, const uint8_t *last)
{
	size_t at = last == NULL ? 0 : (size_t)(last - list) + 1 + last[0];

	return at < n && list[at] < n - at ? list + at : NULL;
}

#endif
