/* value: one plain value, text to member, for each kind of key. The way back is value_put.h.
 * Private to config/. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/text/diag.h"
#include "config/key.h"

/* The inputs and outputs of one reading; one reader may serve many readings. */
struct value_reader {
	struct arena  *arena;  /* texts are copied into it */
	const char    *dir;    /* in: where a relative PATH starts; NULL: it stays relative */
	bool           quoted; /* in: the value stood in quotes */
	enum diag_code code;   /* out, on refusal: what is wrong, */
	const char    *why;    /* in a sentence that is static or in `words`, */
	const char    *doubt;  /* out: what is odd about a value that was read; NULL: nothing */
	char           suggestion[64]; /* and what was perhaps meant; "" when nothing is near */
	char           words[160];
};

/* value_read: text into the member at field; k is no section and takes one value.
 *   Returns  0; -NP_EINVAL with the reader's outputs set and field untouched; -NP_ENOMEM. */
must_use int value_read(struct value_reader *r, const struct config_key *k, const char *text, void *field);

/* One address of a BIND, or an ADDRESS.   Returns  0 or -NP_EINVAL. */
must_use int value_read_address(struct value_reader *r, const char *text, struct np_addr *a);
/* One element of what takes several values, but for its place. Not for BIND, whose elements are
 * two. */
must_use int value_read_item(struct value_reader *r, const struct config_key *k, const char *text,
                             struct config_text *item);
/* Bytes of one element in a list of k's kind. */
size_t value_item_size(const struct config_key *k);

#endif
