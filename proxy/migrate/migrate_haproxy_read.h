/* migrate_haproxy_read: HAProxy's language as sections, which are blocks, and their lines. */
#ifndef PROXY_MIGRATE_MIGRATE_HAPROXY_READ_H
#define PROXY_MIGRATE_MIGRATE_HAPROXY_READ_H

#include "proxy/migrate/migrate_job.h"

/* migrate_haproxy_read: the sections of f at the end of the block `top`, and their lines in them. Lines in front
 * of the first section are taken for one of global, as HAProxy takes them. Conditions (.if) are decided, and
 * variables of the environment replaced, as they are here and now; each of both is said by a remark of the line. */
void migrate_haproxy_read(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *top);

/* migrate_haproxy_env: the text with each $NAME and ${NAME-default} replaced, as it is done in quotes and in
 * addresses. */
const char *migrate_haproxy_env(struct migrate_job *j, const char *text);

#endif
