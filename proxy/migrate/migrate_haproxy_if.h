/* migrate_haproxy_if: the conditions of HAProxy's language, .if to .endif, decided as HAProxy 2.6 would here and
 * now. */
#ifndef PROXY_MIGRATE_MIGRATE_HAPROXY_IF_H
#define PROXY_MIGRATE_MIGRATE_HAPROXY_IF_H

#include "proxy/migrate/migrate_job.h"

#define MIGRATE_IFS 16

struct migrate_ifs {
	size_t depth; /* conditions that are open */
	struct {
		struct migrate_line *opened;
		bool holds, taken, closed; /* this branch; one before it, or this one; .else was there */
	} at[MIGRATE_IFS];
};

/* migrate_if: is d a directive of conditions, or of messages? It is acted upon then. */
bool migrate_if(struct migrate_job *j, struct migrate_ifs *ifs, struct migrate_line *d);
/* Do all open conditions hold? */
bool migrate_if_holds(const struct migrate_ifs *ifs);
/* One that is open at the end of the file breaks the input. */
void migrate_if_end(struct migrate_job *j, const struct migrate_ifs *ifs);

#endif
