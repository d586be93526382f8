/* decode: what its two files share: the walk (decode.c) and what it says of keys and values it cannot take
 * (decode_report.c). Private to them. */
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include "config/text/diag.h"
#include "config/step.h"
#include "config/value.h"

struct decode {
	struct arena *arena;
	struct diag  *d;
	const char   *dir;   /* of the file: relative paths start there */
	bool          whole; /* the tree is complete: what is missing is missing */
};

/* Where the keys of one map land. */
struct place {
	void       *obj;    /* the scope's struct */
	const char *prefix; /* of the paths of its keys */
	char        where[192]; /* for messages: ` in listener "web"` */
};

void decode_unknown_key(const struct decode *dc, const struct place *at, const struct node *key);
/* n is a map, a list or nothing where something else is wanted. */
void decode_wrong_shape(const struct decode *dc, const struct config_key *k, const struct node *n, const char *wanted);
void decode_bad_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                      const struct value_reader *r);
void decode_doubtful_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                           const struct value_reader *r);
void decode_missing_keys(const struct decode *dc, const struct place *at, const struct node *map);

#endif
