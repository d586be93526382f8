/* handover: the bytes of the messages with which a process hands its listeners, its state and its connections to the
 * next one. They may come from another release, so they are foreign bytes: every length is checked, nothing is
 * believed, and a fuzz target reads them. Numbers have the byte order of this machine: both processes run on it.
 *
 *   message  one or more packets of one kind; the last one says so, and their bodies are one body
 *   packet   head, then at most HANDOVER_BODY_MOST bytes: what one datagram carries, with its descriptors
 *            0 "STHO"   4 major   6 kind   8 length of the body   12 flags   16 CRC-32C of all else
 *   body     fields, one after the other: 0 tag, the highest bit: must be understood   2 zero   4 length   8 bytes
 *   group    a field whose bytes are fields
 *
 * A reader skips fields that it does not know; one that must be understood refuses what it is part of. Pure: no
 * function allocates, parks or knows a socket. Any thread. */
#ifndef PROXY_PROTO_HANDOVER_H
#define PROXY_PROTO_HANDOVER_H

#include "netpoll/base.h"
#include "proxy/proto/handover_tbl.h"

#define HANDOVER_MAJOR       1 /* another one: listeners are passed, connections are not */
#define HANDOVER_MINOR       0
#define HANDOVER_HEAD        20
#define HANDOVER_PACKET_MOST 65536
#define HANDOVER_BODY_MOST   (HANDOVER_PACKET_MOST - HANDOVER_HEAD)
#define HANDOVER_MESSAGE_MOST (4u << 20) /* of all packets' bodies */

enum handover_kind {
#define X(name, number) HANDOVER_##name = (number),
	HANDOVER_KIND_TBL(X)
#undef X
};

enum handover_tag {
#define X(name, number) HANDOVER_TAG_##name = (number),
	HANDOVER_TAG_TBL(X)
#undef X
};

/* What the numbers of some fields are. Like tags, no number is used for anything else. */
enum handover_conn_flag { /* CONN_FLAGS, bits */
	HANDOVER_CONN_NODELAY_DUE = 1 << 0,
	HANDOVER_CONN_KEEPALIVE_DUE = 1 << 1,
	HANDOVER_CONN_TRIAL = 1 << 2,
	HANDOVER_CONN_JUDGED = 1 << 3,
};
enum handover_waits { /* CONN_WAITS */
	HANDOVER_WAITS_NOT = 0,   /* it relays */
	HANDOVER_WAITS_PLACE = 1, /* it was accepted, and a limit is full */
	HANDOVER_WAITS_QUEUE = 2, /* all servers of its upstream are full */
};
enum handover_read_flag { /* CONN_READ_FLAGS, bits: what the bytes begin with */
	HANDOVER_READ_HEADER = 1 << 0, /* a PROXY header that counts */
	HANDOVER_READ_HELLO = 1 << 1,  /* behind a header, a whole ClientHello */
};
enum handover_server_flag { /* SERVER_FLAGS, bits: struct passive's of these names */
	HANDOVER_SERVER_CONNECTS_ONLY = 1 << 0,
	HANDOVER_SERVER_CLOCK_ALONE = 1 << 1,
};
enum handover_dir_flag { /* DIR_FLAGS, bits: struct relay_dir's of these names */
	HANDOVER_DIR_EOF = 1 << 0,
	HANDOVER_DIR_RESET = 1 << 1,
	HANDOVER_DIR_DISCARD = 1 << 2,
	HANDOVER_DIR_DONE = 1 << 3,
	HANDOVER_DIR_UNCLEAN = 1 << 4,
	HANDOVER_DIR_UNSPLICEABLE = 1 << 5,
	HANDOVER_DIR_CUT = 1 << 6,
};
enum handover_tls_flag { /* TLS_FLAGS, bits: struct tls's of these names */
	HANDOVER_TLS_SERVER = 1 << 0, /* we are the server: the side of the client */
	HANDOVER_TLS_FIN = 1 << 1,
	HANDOVER_TLS_EOF = 1 << 2,
	HANDOVER_TLS_TRUNCATED = 1 << 3,
	HANDOVER_TLS_NOTIFIED = 1 << 4,
	HANDOVER_TLS_ALERTED = 1 << 5,
	HANDOVER_TLS_SHUT = 1 << 6,
	HANDOVER_TLS_HELD = 1 << 7,
};

enum handover_known_flag { /* KNOWN_FLAGS, bits */
	HANDOVER_KNOWN_RESUMED = 1 << 0,
	HANDOVER_KNOWN_VERIFIED = 1 << 1,
};

/* ---- packets ---- */

struct handover_packet {
	unsigned major, kind;
	bool more;           /* the next packet goes on with the same message */
	const uint8_t *body; /* within what was read */
	uint32_t n;
};

/* handover_packet_head: the head of a packet whose body, at most HANDOVER_BODY_MOST bytes, stands right behind it. */
void handover_packet_head(uint8_t *packet, unsigned kind, bool more, uint32_t n);
/* handover_packet_read: take apart the n bytes of a datagram. The kind may be unknown.
 *   Returns  0; or -NP_EPROTO: it is no whole packet. */
must_use int handover_packet_read(const uint8_t *p, size_t n, struct handover_packet *out);

/* ---- writing a body ---- */

/* Borrows its room. What does not fit is left out, and `cut` says so for good. */
struct handover_writer {
	uint8_t *p;
	uint32_t n, room;
	bool cut;
};

void handover_write(struct handover_writer *w, void *room, size_t n);
void handover_put(struct handover_writer *w, enum handover_tag tag, const void *p, size_t n);
void handover_put_number(struct handover_writer *w, enum handover_tag tag, uint64_t number);
/* Without its NUL. NULL: no field at all. */
void handover_put_text(struct handover_writer *w, enum handover_tag tag, const char *text);
/* handover_must: the field that begins at offset `at`, which is where w->n stood before it was put, must be
 * understood. */
void handover_must(struct handover_writer *w, uint32_t at);
/* handover_group: what is put until handover_group_end is in a group.   Returns  what that end needs. */
must_use uint32_t handover_group(struct handover_writer *w, enum handover_tag tag);
void handover_group_end(struct handover_writer *w, uint32_t at);

/* ---- reading a body ---- */

struct handover_field {
	unsigned tag;
	bool must;
	const uint8_t *p; /* within the body */
	uint32_t n;
};

struct handover_reader {
	const uint8_t *p, *end;
	bool bad; /* the rest is no whole field, or a field was not what handover_number asks */
};

void handover_read(struct handover_reader *r, const void *p, size_t n);
/* The fields of a group. */
void handover_read_group(struct handover_reader *r, const struct handover_field *group);
/* handover_next: the next field.   Returns  false: there is none, and r->bad says whether the body ended well. */
must_use bool handover_next(struct handover_reader *r, struct handover_field *f);
/* A number of 8 bytes; another length: 0, and r->bad. */
uint64_t handover_number(struct handover_reader *r, const struct handover_field *f);
/* handover_text: a copy with a NUL behind it.   Returns  false: it holds a NUL, or has no room in `out`; r->bad
 * then. */
bool handover_text(struct handover_reader *r, const struct handover_field *f, char *out, size_t room);
/* handover_bytes: exactly n bytes into out.   Returns  false: it has another length; r->bad then. */
bool handover_bytes(struct handover_reader *r, const struct handover_field *f, void *out, size_t n);

#endif
