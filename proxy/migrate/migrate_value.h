/* migrate_value: values of both languages in the words of our own. */
#ifndef PROXY_MIGRATE_MIGRATE_VALUE_H
#define PROXY_MIGRATE_MIGRATE_VALUE_H

#include "proxy/migrate/migrate_job.h"

/* A time of nginx ("1m30s", "60": seconds) or of HAProxy ("5s", "5000": milliseconds) in ms.
 *   Returns  false: it is none. */
bool migrate_time_nginx(const char *text, int64_t *ms);
bool migrate_time_haproxy(const char *text, int64_t *ms);
/* "1m30s", "off" for 0. */
const char *migrate_time_text(struct migrate_job *j, int64_t ms);

/* "16k" as "16KiB"; NULL: it is no size. */
const char *migrate_size_text(struct migrate_job *j, const char *text);
/* A whole number from 0 to 10^12.   Returns  false: it is none. */
bool migrate_count_read(const char *text, int64_t *n);
const char *migrate_number(struct migrate_job *j, int64_t n);

/* A name that a metric may have as its label: lower case, and - for what no name may have. */
const char *migrate_name(struct migrate_job *j, const char *text);

/* Does the text begin, or end, with that? */
bool migrate_begins(const char *text, const char *with);
bool migrate_ends(const char *text, const char *with);
/* One of the words of "a b c"? */
bool migrate_is_one_of(const char *text, const char *words);
/* Lower-case copy. */
const char *migrate_lower(struct migrate_job *j, const char *text);

#endif
