/* decode_report: what the walk of decode.c says of keys and values that it cannot take. Private
 * to the two. Apart from the walk, because the words and the guesses (what was meant, where it
 * belongs) change more often than the walk does. */
#ifndef CONFIG_DECODE_REPORT_H
#define CONFIG_DECODE_REPORT_H

#include "config/node.h"
#include "config/text/diag.h"
#include "config/value.h"

/* One walk. Every pointer is borrowed. */
struct decode {
	struct arena *arena; /* owns what is decoded */
	struct diag *d;
	const char *dir; /* of the file: relative paths start there; NULL: unknown */
	bool whole;      /* the tree is complete, so that a key that is not there is missing */
};

/* Where the keys of one map land. */
struct decode_place {
	void *obj;          /* the scope's struct; owned by the arena */
	const char *prefix; /* of the paths of its keys */
	char where[192];    /* for messages: ` in listener "web"` */
};

/* Each adds one problem about the node it is given. */
void decode_unknown_key(const struct decode *dc, const struct decode_place *at, const struct node *key);
/* n is a map, a list or nothing, where `wanted` should stand. */
void decode_wrong_shape(const struct decode *dc, const struct config_key *k, const struct node *n, const char *wanted);
/* The reader has refused n's text. */
void decode_bad_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                      const struct value_reader *r);
/* The reader has taken n's text and has a doubt about it, or none: then nothing is added. */
void decode_doubtful_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                           const struct value_reader *r);
/* One problem for each key that map must have and does not. */
void decode_missing_keys(const struct decode *dc, const struct decode_place *at, const struct node *map);

#endif
