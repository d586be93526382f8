/* handover: packets and fields of the messages between two processes. */
#include "proxy/proto/handover.h"

#include <string.h>

#include "netpoll/err.h"
#include "proxy/proto/crc32c.h"

#define MAGIC      0x4f485453u /* "STHO" */
#define FLAG_MORE  1u
#define TAG_MUST   0x8000u
#define FIELD_HEAD 8

/* As it stands in a packet; copied in and out, since nothing there is aligned. */
struct head {
	uint32_t magic;
	uint16_t major, kind;
	uint32_t length, flags, crc;
};
_Static_assert(sizeof(struct head) == HANDOVER_HEAD, "the head has no holes");

struct field_head {
	uint16_t tag, zero;
	uint32_t length;
};
_Static_assert(sizeof(struct field_head) == FIELD_HEAD, "nor has a field's");

/* ---- packets ---- */

#define CRC_AT offsetof(struct head, crc)

void handover_packet_head(uint8_t *packet, unsigned kind, bool more, uint32_t n)
{
	struct head h = {
		.magic = MAGIC,
		.major = HANDOVER_MAJOR,
		.kind = (uint16_t)kind,
		.length = n,
		.flags = more ? FLAG_MORE : 0,
	};

	memcpy(packet, &h, sizeof(h));
	h.crc = crc32c_around(packet, sizeof(h) + n, CRC_AT);
	memcpy(packet, &h, sizeof(h));
}

int handover_packet_read(const uint8_t *p, size_t n, struct handover_packet *out)
{
	struct head h;

	if (n < sizeof(h) || n > HANDOVER_PACKET_MOST)
		return -NP_EPROTO;
	memcpy(&h, p, sizeof(h));
	if (h.magic != MAGIC || h.length != n - sizeof(h) || h.crc != crc32c_around(p, n, CRC_AT))
		return -NP_EPROTO;
	*out = (struct handover_packet){
		.major = h.major,
		.kind = h.kind,
		.more = (h.flags & FLAG_MORE) != 0,
		.body = p + sizeof(h),
		.n = h.length,
	};
	return 0;
}

/* ---- writing ---- */

void handover_write(struct handover_writer *w, void *room, size_t n)
{
	if (n > HANDOVER_MESSAGE_MOST)
		n = HANDOVER_MESSAGE_MOST;
	*w = (struct handover_writer){.p = room, .room = (uint32_t)n};
}

static bool put_field_head(struct handover_writer *w, enum handover_tag tag, size_t n)
{
	struct field_head h = {.tag = (uint16_t)tag, .length = (uint32_t)n};

	if (w->cut || w->room - w->n < sizeof(h) || w->room - w->n - sizeof(h) < n) {
		w->cut = true;
		return false;
	}
	memcpy(w->p + w->n, &h, sizeof(h));
	w->n += sizeof(h);
	return true;
}

void handover_put(struct handover_writer *w, enum handover_tag tag, const void *p, size_t n)
{
	if (!put_field_head(w, tag, n))
		return;
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += (uint32_t)n;
}

void handover_put_number(struct handover_writer *w, enum handover_tag tag, uint64_t number)
{
	handover_put(w, tag, &number, sizeof(number));
}

void handover_put_text(struct handover_writer *w, enum handover_tag tag, const char *text)
{
	if (text != NULL)
		handover_put(w, tag, text, strlen(text));
}

void handover_must(struct handover_writer *w, uint32_t at)
{
	uint16_t tag;

	if (w->cut)
		return;
	memcpy(&tag, w->p + at, sizeof(tag));
	tag |= TAG_MUST;
	memcpy(w->p + at, &tag, sizeof(tag));
}

uint32_t handover_group(struct handover_writer *w, enum handover_tag tag)
{
	uint32_t at = w->n;

	(void)put_field_head(w, tag, 0);
	return at;
}

void handover_group_end(struct handover_writer *w, uint32_t at)
{
	uint32_t length;

	if (w->cut)
		return;
	length = w->n - at - FIELD_HEAD;
	memcpy(w->p + at + offsetof(struct field_head, length), &length, sizeof(length));
}

/* ---- reading ---- */

void handover_read(struct handover_reader *r, const void *p, size_t n)
{
	r->p = p;
	r->end = r->p + n;
	r->bad = false;
}

void handover_read_group(struct handover_reader *r, const struct handover_field *group)
{
	handover_read(r, group->p, group->n);
}

bool handover_next(struct handover_reader *r, struct handover_field *f)
{
	size_t left = (size_t)(r->end - r->p);
	struct field_head h = {0};

	if (left == 0 || r->bad)
		return false;
	if (left >= sizeof(h))
		memcpy(&h, r->p, sizeof(h));
	if (left < sizeof(h) || h.zero != 0 || h.length > left - sizeof(h)) {
		r->bad = true;
		return false;
	}
	*f = (struct handover_field){
		.tag = h.tag & ~TAG_MUST,
		.must = (h.tag & TAG_MUST) != 0,
		.p = r->p + sizeof(h),
		.n = h.length,
	};
	r->p = f->p + f->n;
	return true;
}

uint64_t handover_number(struct handover_reader *r, const struct handover_field *f)
{
	uint64_t number = 0;

	(void)handover_bytes(r, f, &number, sizeof(number));
	return number;
}

bool handover_text(struct handover_reader *r, const struct handover_field *f, char *out, size_t room)
{
	if (f->n >= room || memchr(f->p, '\0', f->n) != NULL) {
		r->bad = true;
		return false;
	}
	memcpy(out, f->p, f->n);
	out[f->n] = '\0';
	return true;
}

bool handover_bytes(struct handover_reader *r, const struct handover_field *f, void *out, size_t n)
{
	if (f->n != n) {
		r->bad = true;
		return false;
	}
	if (n > 0)
		memcpy(out, f->p, n);
	return true;
}
