/* hello_make: ClientHellos written by hand, for what no client sends. A length is opened, what it counts is put, and it
 * is closed; `at` of a length can be used to make it lie afterwards. */
#ifndef TESTS_UNIT_PROXY_PROTO_HELLO_MAKE_H
#define TESTS_UNIT_PROXY_PROTO_HELLO_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/proto/hello.h"

struct make {
	uint8_t b[128 * 1024];
	size_t n;
};

static inline void put(struct make *m, const void *p, size_t n)
{
	assert_true(n <= sizeof(m->b) - m->n);
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static inline void put_number(struct make *m, unsigned width, uint32_t v)
{
	while (width-- > 0) {
		uint8_t c = (uint8_t)(v >> 8 * width);

		put(m, &c, 1);
	}
}

static inline void put_zeros(struct make *m, size_t n)
{
	while (n-- > 0)
		put_number(m, 1, 0);
}

static inline size_t open_length(struct make *m, unsigned width)
{
	put_number(m, width, 0);
	return m->n - width;
}

static inline void patch(struct make *m, size_t at, unsigned width, uint32_t v)
{
	for (unsigned i = 0; i < width; i++)
		m->b[at + i] = (uint8_t)(v >> 8 * (width - 1 - i));
}

static inline uint32_t peek(const struct make *m, size_t at, unsigned width)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v = v << 8 | m->b[at + i];
	return v;
}

static inline void close_length(struct make *m, size_t at, unsigned width)
{
	patch(m, at, width, (uint32_t)(m->n - at - width));
}

/* Where the lengths of a hello stand. */
struct lengths {
	size_t record, message, session_id, ciphers, compressions, extensions;
};

/* Everything up to the extensions. */
static inline struct lengths make_begin(struct make *m)
{
	struct lengths l;

	m->n = 0;
	put(m, "\x16\x03\x01", 3);
	l.record = open_length(m, 2);
	put_number(m, 1, 1);
	l.message = open_length(m, 3);
	put_number(m, 2, 0x0303);
	put_zeros(m, 32);
	l.session_id = open_length(m, 1);
	put_zeros(m, 32);
	close_length(m, l.session_id, 1);
	l.ciphers = open_length(m, 2);
	put(m, "\x13\x01\x13\x02", 4);
	close_length(m, l.ciphers, 2);
	l.compressions = open_length(m, 1);
	put_number(m, 1, 0);
	close_length(m, l.compressions, 1);
	l.extensions = open_length(m, 2);
	return l;
}

static inline void make_end(struct make *m, const struct lengths *l)
{
	close_length(m, l->extensions, 2);
	close_length(m, l->message, 3);
	close_length(m, l->record, 2);
}

static inline size_t open_extension(struct make *m, unsigned type)
{
	put_number(m, 2, type);
	return open_length(m, 2);
}

/* One entry of a list of server names. */
static inline void put_name(struct make *m, unsigned type, const char *name, size_t n)
{
	put_number(m, 1, type);
	put_number(m, 2, (uint32_t)n);
	put(m, name, n);
}

static inline void put_sni_bytes(struct make *m, const char *name, size_t n)
{
	size_t ext = open_extension(m, 0), list = open_length(m, 2);

	put_name(m, 0, name, n);
	close_length(m, list, 2);
	close_length(m, ext, 2);
}

/* NULL: an extension whose list is empty. */
static inline void put_sni(struct make *m, const char *name)
{
	if (name == NULL)
		put(m, "\0\0\0\2\0\0", 6);
	else
		put_sni_bytes(m, name, strlen(name));
}

/* The same message in records of `first` and then `each` bytes. */
static inline void split_records(struct make *out, const struct make *in, size_t first, size_t each)
{
	size_t left = in->n - 5, at = 5;

	out->n = 0;
	for (size_t n = first; left > 0; n = each) {
		n = n < left ? n : left;
		put(out, "\x16\x03\x03", 3);
		put_number(out, 2, (uint32_t)n);
		put(out, in->b + at, n);
		at += n;
		left -= n;
	}
}

/* What hello makes of bytes in slices of `each`. Each slice is a copy of its exact size on the heap, so that a read
 * beyond it is seen under a sanitizer. */
static inline enum hello_result feed_slices(struct hello *h, const uint8_t *p, size_t n, size_t each)
{
	hello_init(h, HELLO_MAX);
	for (size_t k; n > 0; p += k, n -= k) {
		uint8_t *copy;

		k = each < n ? each : n;
		copy = malloc(k);
		assert_non_null(copy);
		memcpy(copy, p, k);
		hello_feed(h, copy, k);
		free(copy);
	}
	return h->result;
}

static inline enum hello_result feed_make(struct hello *h, const struct make *m)
{
	return feed_slices(h, m->b, m->n, m->n);
}

#endif
