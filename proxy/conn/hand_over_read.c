/* A CONN group, taken apart and judged. The bytes are foreign: whatever they are, nothing beyond them is read and
 * nothing CHECKs. What passes here is a state in which relay.c and relay_end.c can go on.
 *
 *   must be there   listener, upstream and server by name; the peer; accepted and connected; two directions. Of who
 *                   waits in a queue neither server nor directions; for a place, no upstream either
 *   may be there    all else: a number that is missing is 0, a time never, a text none
 *   unknown         skipped; refused if it must be understood
 *
 * What is judged beside the form of each field, and why:
 *
 *   times           not in the future: the clock is the same one, and silence is counted from them
 *   cut             only of a direction that has its end: we ended it
 *   done            no bytes may wait behind an end that was passed on; both done would be no connection
 *   first end       known as soon as one has ended: it is the reason with which the relay ends
 *   reasons         by word: another release may number them otherwise
 *
 * Whether this process has what the names say is hand_over_build.c's to find out. */
#include <string.h>

#include "proxy/conn/hand_over.h"

#define NAME_MOST   4096
#define DIR_FLAGS   0x7fu
#define CONN_FLAGS  0x0fu
#define READ_FLAGS  0x03u

/* ---- values ---- */

/* A time, or a span of it: not negative. */
static int64_t ns_of(struct handover_reader *r, const struct handover_field *f)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n > INT64_MAX;
	return (int64_t)(n & INT64_MAX);
}

/* most: all bits set, as of a field of so many bits. */
static unsigned number_up_to(struct handover_reader *r, const struct handover_field *f, unsigned most)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n > most;
	return (unsigned)(n & most);
}

/* Copied as a C string later, so it holds no NUL. */
static void moved_text(struct handover_reader *r, const struct handover_field *f, struct handover_field *out)
{
	r->bad |= f->n > NAME_MOST || memchr(f->p, '\0', f->n) != NULL;
	*out = *f;
}

/* Returns  whether it has the right length. Of a Unix client the family is all there is. */
static bool inet_of(struct handover_reader *r, const struct handover_field *f, union np_inet *out)
{
	if (!handover_bytes(r, f, out, sizeof(*out)))
		return false;
	r->bad |= out->sa.sa_family != AF_INET && out->sa.sa_family != AF_INET6 && out->sa.sa_family != AF_UNIX;
	return true;
}

/* Reasons are told by their words: their numbers change from release to release. */
static enum close_reason moved_reason(struct handover_reader *r, const struct handover_field *f)
{
	for (int why = CLOSE_NONE; why < CLOSE_REASONS; why++) {
		const char *word = close_word((enum close_reason)why);

		if (strlen(word) == f->n && memcmp(word, f->p, f->n) == 0)
			return (enum close_reason)why;
	}
	r->bad = true;
	return CLOSE_NONE;
}

/* ---- fields ---- */

/* The first is of dir[0], the second of dir[1]; another number of them is refused at the end. */
static void read_dir(struct handover_reader *r, const struct handover_field *group, struct hand_over *h)
{
	struct hand_over_dir *d = &h->dir[h->ndirs % 2];
	struct handover_reader in;
	struct handover_field f;

	h->ndirs++;
	*d = (struct hand_over_dir){.bytes = 0};
	handover_read_group(&in, group);
	while (handover_next(&in, &f))
		switch (f.tag) {
		case HANDOVER_TAG_DIR_BYTES:
			d->bytes = handover_number(&in, &f);
			break;
		case HANDOVER_TAG_DIR_ACTIVE:
			d->active = ns_of(&in, &f);
			break;
		case HANDOVER_TAG_DIR_FLAGS:
			d->flags = number_up_to(&in, &f, DIR_FLAGS);
			break;
		case HANDOVER_TAG_DIR_UNDELIVERED:
			d->undelivered = number_up_to(&in, &f, UINT32_MAX);
			break;
		case HANDOVER_TAG_DIR_REST:
			d->rest = f;
			break;
		default:
			in.bad |= f.must;
		}
	r->bad |= in.bad;
}

/* A side that cannot be understood refuses all of it: half a connection is none. */
static void read_moved_tls(struct handover_reader *r, const struct handover_field *group, struct hand_over *h,
		     const char **why)
{
	struct tls_moved m;

	if (!tls_moved_read(&m, group, why)) {
		r->bad = true;
		return;
	}
	h->tls[m.side] = m;
	h->has_tls[m.side] = true;
}

/* Returns  whether it is one of these. */
static bool read_moved_name(struct handover_reader *r, const struct handover_field *f, struct hand_over *h)
{
	switch (f->tag) {
	case HANDOVER_TAG_CONN_LISTENER:
		moved_text(r, f, &h->listener);
		return true;
	case HANDOVER_TAG_CONN_UPSTREAM:
		moved_text(r, f, &h->upstream);
		return true;
	case HANDOVER_TAG_CONN_SERVER:
		moved_text(r, f, &h->server);
		return true;
	case HANDOVER_TAG_CONN_SNI:
		moved_text(r, f, &h->sni);
		return true;
	case HANDOVER_TAG_CONN_DETAIL:
		moved_text(r, f, &h->detail);
		return true;
	case HANDOVER_TAG_CONN_READ:
		h->read = *f;
		return true;
	case HANDOVER_TAG_CONN_CERT:
		h->cert = *f;
		return true;
	case HANDOVER_TAG_CONN_PEER:
		(void)inet_of(r, f, &h->peer);
		return true;
	case HANDOVER_TAG_CONN_CLIENT:
		h->has_client = inet_of(r, f, &h->client);
		return true;
	default:
		return false;
	}
}

static bool read_moved_time(struct handover_reader *r, const struct handover_field *f, struct hand_over *h)
{
	switch (f->tag) {
	case HANDOVER_TAG_CONN_ACCEPTED:
		h->accepted = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_CONNECTED:
		h->connected = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_FIRST_BYTE:
		h->first_byte = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_HARD_DEADLINE:
		h->hard_deadline = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_QUEUED:
		h->queued = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_WAITS_SINCE:
		h->waits_since = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_WAITS_UNTIL:
		h->waits_until = ns_of(r, f);
		return true;
	case HANDOVER_TAG_CONN_UPDATE_AT:
		h->update_at = ns_of(r, f);
		h->has_update = true;
		return true;
	default:
		return false;
	}
}

/* Returns  whether it is one of these. */
static bool read_moved_wait(struct handover_reader *r, const struct handover_field *f, struct hand_over *h)
{
	switch (f->tag) {
	case HANDOVER_TAG_CONN_WAITS:
		h->waits = (enum handover_waits)number_up_to(r, f, 3);
		r->bad |= h->waits > HANDOVER_WAITS_QUEUE;
		return true;
	case HANDOVER_TAG_CONN_READ_FROM:
		h->read_from = number_up_to(r, f, UINT32_MAX);
		return true;
	case HANDOVER_TAG_CONN_READ_FLAGS:
		h->read_flags = number_up_to(r, f, READ_FLAGS);
		return true;
	default:
		return false;
	}
}

static void read_moved_number(struct handover_reader *r, const struct handover_field *f, struct hand_over *h)
{
	switch (f->tag) {
	case HANDOVER_TAG_CONN_FDS:
		h->nfds = number_up_to(r, f, 3);
		break;
	case HANDOVER_TAG_CONN_ID:
		h->has_id = handover_bytes(r, f, &h->id, sizeof(h->id));
		break;
	case HANDOVER_TAG_CONN_RULE:
		h->rule = number_up_to(r, f, 0x7fff);
		break;
	case HANDOVER_TAG_CONN_RETRIES:
		h->retries = number_up_to(r, f, 0x7f);
		break;
	case HANDOVER_TAG_CONN_ERR:
		h->err = (int)number_up_to(r, f, INT16_MAX);
		break;
	case HANDOVER_TAG_CONN_FLAGS:
		h->flags = number_up_to(r, f, CONN_FLAGS);
		break;
	case HANDOVER_TAG_CONN_FIRST_END:
		h->first_end = moved_reason(r, f);
		break;
	case HANDOVER_TAG_CONN_UPDATE_IN:
		h->update_bytes[0] = handover_number(r, f);
		break;
	case HANDOVER_TAG_CONN_UPDATE_OUT:
		h->update_bytes[1] = handover_number(r, f);
		break;
	default:
		r->bad |= f->must;
	}
}

/* ---- is it sound? ---- */

static bool has(const struct hand_over_dir *d, unsigned flag)
{
	return (d->flags & flag) != 0;
}

/* A direction that was cut has its end; one whose end was passed on has no bytes left. */
static bool dir_is_sound(const struct hand_over_dir *d, int64_t now)
{
	return d->active <= now && !(has(d, HANDOVER_DIR_CUT) && !has(d, HANDOVER_DIR_EOF)) &&
	       !(has(d, HANDOVER_DIR_DONE) && d->rest.n > 0);
}

/* Who has ended first is the reason of the end: without one it would never come. */
static bool ends_are_sound(const struct hand_over *h)
{
	const struct hand_over_dir *a = &h->dir[0], *b = &h->dir[1];
	bool ended = has(a, HANDOVER_DIR_EOF) || has(b, HANDOVER_DIR_EOF) ||
		     (has(a, HANDOVER_DIR_DISCARD) && has(b, HANDOVER_DIR_DISCARD));

	return !(has(a, HANDOVER_DIR_DONE) && has(b, HANDOVER_DIR_DONE)) && (!ended || h->first_end != CLOSE_NONE);
}

/* Has it what such a connection has? */
static bool is_whole(const struct hand_over *h)
{
	if (h->listener.n == 0 || h->peer.sa.sa_family == AF_UNSPEC)
		return false;
	if (h->waits == HANDOVER_WAITS_NOT)
		return h->upstream.n > 0 && h->server.n > 0 && h->ndirs == 2 && h->connected >= 0 && h->nfds == 2;
	return h->server.n == 0 && h->ndirs == 0 && h->connected < 0 && h->nfds == 1 && !h->has_tls[1] &&
	       (h->waits == HANDOVER_WAITS_QUEUE) == (h->upstream.n > 0);
}

/* A time of waiting that is known has its end; who waits for a place has sent nothing that was read. */
static bool wait_is_sound(const struct hand_over *h, int64_t now)
{
	bool nothing = h->read.n == 0 && h->cert.n == 0 && !h->has_tls[0];

	if (h->read_from > h->read.n || h->waits_since > now || (h->waits_since != 0) != (h->waits_until != 0))
		return false;
	return h->waits == HANDOVER_WAITS_QUEUE || nothing;
}

/* Returns  a sentence; NULL: it is sound. */
static const char *refuse_read(const struct hand_over *h)
{
	int64_t now = np_nanotime();

	if (!is_whole(h))
		return "a part of it is missing";
	if (h->waits != HANDOVER_WAITS_NOT && !wait_is_sound(h, now))
		return "its wait contradicts itself";
	if (h->accepted <= 0 || h->accepted > now || !dir_is_sound(&h->dir[0], now) || !dir_is_sound(&h->dir[1], now) ||
	    (h->has_update && (h->update_at < h->accepted || h->update_at > now)))
		return "its state contradicts itself";
	return ends_are_sound(h) ? NULL : "its end contradicts itself";
}

bool hand_over_read(struct hand_over *h, const struct handover_field *group, const char **why)
{
	struct handover_reader r;
	struct handover_field f;

	*h = (struct hand_over){.connected = -1, .first_byte = -1, .hard_deadline = INT64_MAX};
	*why = NULL;
	handover_read_group(&r, group);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_CONN_DIR)
			read_dir(&r, &f, h);
		else if (f.tag == HANDOVER_TAG_CONN_TLS)
			read_moved_tls(&r, &f, h, why);
		else if (!read_moved_name(&r, &f, h) && !read_moved_time(&r, &f, h) && !read_moved_wait(&r, &f, h))
			read_moved_number(&r, &f, h);
	}
	if (*why == NULL)
		*why = r.bad ? "it is not understood here" : refuse_read(h);
	return *why == NULL;
}

unsigned hand_over_fds(const struct handover_field *group)
{
	struct handover_reader r;
	struct handover_field f;

	handover_read_group(&r, group);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_CONN_FDS) {
			uint64_t n = handover_number(&r, &f);

			return !r.bad && n <= HAND_OVER_FDS ? (unsigned)n : 0;
		}
	}
	return 0;
}
