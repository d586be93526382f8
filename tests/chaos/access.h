/* access: the lines of the access log, read at the end of a soak from every file that ever held some. */
#ifndef TESTS_CHAOS_ACCESS_H
#define TESTS_CHAOS_ACCESS_H

#include "proxy/base/close.h"
#include "tests/chaos/setup.h"

/* The key tells a listener's clients apart: the port, or for one that a PROXY header names its number with
 * KEY_TOLD; 0: a Unix client. */
#define KEY_TOLD (UINT64_C(1) << 32)
/* staunch.conn_id */
struct access_id {
	char text[27];
};
struct account;
/* One line of an end. */
struct access_entry {
	int64_t           start; /* ms, wall clock */
	uint64_t          key, in, out;
	enum close_reason why;
	uint8_t           place;
	int8_t            server;  /* -1: none */
	bool              no_descriptor; /* its errno is EMFILE */
	uint32_t          round;         /* of the settling that looked at it last */
	const struct account *owner;     /* that has claimed it; NULL: none */
	struct access_id      id;
};

struct access_log {
	const struct setup  *setup;
	struct access_entry *entries; /* sorted by place, then start */
	size_t               n, room;
	struct access_id    *living;  /* of the lines of connections that lived: begins and updates */
	size_t               nliving, living_room;
	uint64_t             endless; /* connections that have such lines, and none of an end */
	uint64_t             halves;   /* only the beginning is there: the disk was full, the reader stuck */
	uint64_t             torn;     /* any other line that is not whole */
	char                 sample[500]; /* the first of these */
	unsigned             files;
};
void access_read(struct access_log *a, const struct setup *s);
void access_free(struct access_log *a);
/* The first entry of a place that began at `start` or later. */
size_t access_from(const struct access_log *a, enum place place, int64_t start);

#endif
