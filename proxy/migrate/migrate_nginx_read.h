/* migrate_nginx_read: nginx's language as a tree of directives. */
#ifndef PROXY_MIGRATE_MIGRATE_NGINX_READ_H
#define PROXY_MIGRATE_MIGRATE_NGINX_READ_H

#include "proxy/migrate/migrate_job.h"

/* migrate_nginx_read: the directives of f, and of the files it includes, at the end of the block `parent`. What nginx
 * would refuse breaks the input. What is within http{} and mail{} is read but not included: nobody asks for it. */
void migrate_nginx_read(struct migrate_job *j, const struct migrate_file *f, struct migrate_line *parent);

#endif
