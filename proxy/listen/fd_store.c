/* fd_store: one message a socket; a name for all of a binding. */
#include "proxy/listen/fd_store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/hash.h"
#include "proxy/base/digit.h"
#include "proxy/base/text.h"
#include "proxy/log/log.h"

#define MESSAGE_ROOM (PASSED_NAME + 64)
#define HASH_DIGITS  16

void fd_store_init(struct fd_store *s, struct notify *notify)
{
	const char *most = getenv("FDSTORE");
	char *end = NULL;
	unsigned long n = most != NULL ? strtoul(most, &end, 10) : 0;

	*s = (struct fd_store){.notify = notify, .most = UINT_MAX};
	if (most != NULL && end != most && *end == '\0' && n < UINT_MAX)
		s->most = (unsigned)n;
}

/* ---- names ---- */

/* Injective, so that two addresses never share a name, and one that is removed takes no other with it. */
static void put_coded(struct text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char coded[3] = {'_', digit_hex(c >> 4), digit_hex(c & 15)};
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';

		text_bytes(t, plain ? s : coded, plain ? 1 : sizeof(coded));
	}
}

void fd_store_name(const char *listener, const struct np_addr *a, char out[PASSED_NAME + 1])
{
	char address[NP_ADDR_TEXT], room[1024];
	struct text t;
	uint64_t h;

	np_addr_format(&a->u.sa, a->len, address, sizeof(address));
	text_init(&t, room, sizeof(room));
	text_str(&t, INHERIT_STORED);
	put_coded(&t, listener);
	text_char(&t, '.');
	put_coded(&t, address);
	h = hash_bytes(HASH_START, room, t.n);
	if (t.n > PASSED_NAME) {
		t.n = PASSED_NAME - HASH_DIGITS;
		for (int shift = 60; shift >= 0; shift -= 4)
			text_char(&t, digit_hex((unsigned)(h >> shift) & 15));
	}
	memcpy(out, room, t.n);
	out[t.n] = '\0';
}

/* ---- messages ---- */

/* A manager without a store takes the messages all the same: before systemd 254 nobody tells whether there is one, and
 * to send them costs an address that opens two microseconds. FDSTORE=0 says that there is none. */
static bool store_is_on(const struct fd_store *s)
{
	return s->notify != NULL && notify_is_on(s->notify) && s->most > 0 && !s->held;
}

/* What is said, and of which name; no value here holds a line's end. */
static void put_store_message(char out[MESSAGE_ROOM], const char *what, const char *name)
{
	struct text t;

	text_init(&t, out, MESSAGE_ROOM - 1);
	text_str(&t, what);
	text_str(&t, "\nFDNAME=");
	text_str(&t, name);
	out[t.n] = '\0';
}

/* FDPOLL=0: systemd would throw a listening socket away on an event that only its owner understands. */
static void store_one(struct fd_store *s, const struct binding *b, unsigned i)
{
	char message[MESSAGE_ROOM];

	put_store_message(message, "FDSTORE=1\nFDPOLL=0", b->stored);
	if (notify_send_fd(s->notify, message, binding_socket(b, i)))
		s->n++;
}

/* A shared binding has one socket, of which each worker has a descriptor: one copy holds it. */
static unsigned sockets_of(const struct binding *b)
{
	return b->shared ? 1 : b->n;
}

/* The ith socket of every binding: rows, not columns, so that what does not fit is the last of each group.
 *   Returns  how many bindings have an ith. */
static unsigned store_row(struct fd_store *s, struct list *opened, unsigned i, unsigned *left_out)
{
	unsigned more = 0;

	list_for_each(it, opened) {
		struct binding *b = list_entry(it, struct binding, link);

		if (b->kept || b->stored == NULL || i >= sockets_of(b) || binding_socket(b, i) < 0)
			continue;
		more++;
		if (i < b->nstored) {
			s->n++;
			continue;
		}
		if (s->n < s->most)
			store_one(s, b, i);
		else
			(*left_out)++;
	}
	return more;
}

/* Those that were inherited keep the name that they have there. */
static void name_all(struct list *opened)
{
	char name[PASSED_NAME + 1];

	list_for_each(it, opened) {
		struct binding *b = list_entry(it, struct binding, link);

		if (b->kept || b->stored != NULL)
			continue;
		fd_store_name(b->listener->name, &b->bound, name);
		b->stored = strdup(name);
	}
}

void fd_store_add(struct fd_store *s, struct list *opened)
{
	unsigned left_out = 0, i = 0;

	if (!store_is_on(s))
		return;
	name_all(opened);
	while (store_row(s, opened, i, &left_out) > 0)
		i++;
	if (left_out > 0)
		log_msg(LVL_WARNING, "store_full",
			"%u listening socket%s would not survive a crash: systemd keeps %u; raise "
			"FileDescriptorStoreMax=",
			left_out, left_out == 1 ? "" : "s", s->most);
}

void fd_store_forget(struct fd_store *s, const char *name)
{
	char message[MESSAGE_ROOM];

	if (!store_is_on(s))
		return;
	put_store_message(message, "FDSTOREREMOVE=1", name);
	notify_send(s->notify, message);
}

void fd_store_remove(struct fd_store *s, struct binding *b)
{
	unsigned n = sockets_of(b);

	if (b->stored == NULL)
		return;
	fd_store_forget(s, b->stored);
	s->n -= n < s->n ? n : s->n;
	free(b->stored);
	b->stored = NULL;
}

void fd_store_wait(struct fd_store *s)
{
	if (store_is_on(s))
		notify_barrier(s->notify);
}
