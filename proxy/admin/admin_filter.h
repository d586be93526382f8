/* admin_filter: which connections a request is about: the parameters listener, upstream, server, src, sni, older, idle
 * and reason_pending of a query, or the members of these names in a body. Nothing is guessed: what is not known, stands
 * there twice or cannot be read is a 400 that names it and says what may stand there. */
#ifndef PROXY_ADMIN_ADMIN_FILTER_H
#define PROXY_ADMIN_ADMIN_FILTER_H

#include "proxy/admin/admin_priv.h"
#include "proxy/conn/conn_filter.h"

#define ADMIN_VALUE 512 /* bytes of a parameter's value, with the NUL */
#define ADMIN_WHY   400 /* bytes of a refusal, with the NUL */

/* A parameter that a request takes beside those of the filter. */
struct admin_param {
	const char *name;
	bool (*take)(void *into, const char *value); /* false: it cannot be read */
	const char *takes; /* what may stand there: "a number from 1 to 100" */
};

/* What a request takes. */
struct admin_params {
	struct conn_filter *filter; /* zero at first; NULL: it takes no filter */
	const struct admin_param *own;
	size_t nown;
	void *into; /* what take fills */
};

enum admin_taken { ADMIN_TAKEN, ADMIN_UNKNOWN, ADMIN_WRONG };

/* admin_filter_take: put one parameter into the filter.
 *   Returns  ADMIN_WRONG with the sentence in why; ADMIN_UNKNOWN: it is none of the filter's. */
must_use enum admin_taken admin_filter_take(struct conn_filter *f, const char *name, const char *value,
					    char why[ADMIN_WHY]);

/* admin_query_read: read the whole query into what p says.   Returns  false: r is the refusal. */
must_use bool admin_query_read(const struct client *c, struct reply *r, const struct admin_params *p);

/* admin_refuse_name: r says that there is no parameter or member (what) of this name, which one was perhaps meant, or
 * which there are. */
void admin_refuse_name(struct reply *r, const char *what, const char *name, const struct admin_params *p);

/* admin_number: decimal digits alone, between least and most.   Returns  false: it is none. */
must_use bool admin_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);

#endif
