/* migrate_yaml: what is made of the input, as a tree of YAML. Each node knows the directive that it came from, so
 * that the output says it, and so that what the check of the configuration refuses becomes a loss of that
 * directive.
 *
 * A path is keys with dots between them, "timeouts.idle", from a map on. */
#ifndef PROXY_MIGRATE_MIGRATE_YAML_H
#define PROXY_MIGRATE_MIGRATE_YAML_H

#include "proxy/migrate/migrate_job.h"

enum yaml_kind { YAML_TEXT, YAML_MAP, YAML_LIST };

struct yaml {
	struct yaml         *next, *first, *last; /* the last two: what a map or a list holds */
	const char          *key;                 /* in a map */
	const char          *text;                /* of a YAML_TEXT */
	struct migrate_line *from;                /* NULL: nothing of the input asked for it */
	const char          *instead;             /* what happens where it is refused; NULL: what the check says */
	const char          *remark;              /* a comment above it, or NULL */
	uint32_t             line;                /* in the output, once it is written */
	enum yaml_kind       kind;
};

/* A new map, which stands nowhere yet. */
struct yaml *yaml_new(struct migrate_job *j, struct migrate_line *from);
/* Behind the others of that list or map. */
void yaml_append(struct yaml *in, struct yaml *node);

/* The node at the path, or NULL. */
struct yaml *yaml_find(struct yaml *map, const char *path);
const char *yaml_text_of(struct yaml *map, const char *path); /* "": there is none */
/* The map, or the list, at the path, made where there is none. */
struct yaml *yaml_map_at(struct migrate_job *j, struct yaml *map, const char *path, struct migrate_line *from);
struct yaml *yaml_list_at(struct migrate_job *j, struct yaml *map, const char *path, struct migrate_line *from);
/* The text at the path is this one, whatever it was. */
struct yaml *yaml_set(struct migrate_job *j, struct yaml *map, const char *path, const char *text,
		      struct migrate_line *from);
/* One more text in the list at the path. */
struct yaml *yaml_add(struct migrate_job *j, struct yaml *map, const char *path, const char *text,
		      struct migrate_line *from);
/* Takes the node at the path away; a map that is empty then goes, too. */
void yaml_drop(struct yaml *map, const char *path);
/* A copy that shares no node. */
struct yaml *yaml_clone(struct migrate_job *j, const struct yaml *node);
/* What `from` has and `to` has not comes to `to`; where both have a map, its keys. */
void yaml_merge(struct migrate_job *j, struct yaml *to, const struct yaml *from);
/* Do both say the same, wherever it came from? The key `but` of the maps themselves does not count. */
bool yaml_same(const struct yaml *a, const struct yaml *b, const char *but);

/* yaml_write: the tree as text; each node's line is set. `line` is that of the first line. Returns the number of
 * lines. */
uint32_t yaml_write(FILE *f, struct yaml *root, uint32_t line);

#endif
