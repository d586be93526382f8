/* migrate_check: what was made, held against the check of configurations. */
#ifndef PROXY_MIGRATE_MIGRATE_CHECK_H
#define PROXY_MIGRATE_MIGRATE_CHECK_H

#include "proxy/migrate/migrate_job.h"

/* migrate_check: the tree of the job is written and read as a configuration; what is refused is taken out and
 * listed as a loss of the directive that it came from, in the words of the check, until nothing is refused. */
void migrate_check(struct migrate_job *j);

#endif
