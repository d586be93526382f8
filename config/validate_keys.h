/* validate_keys: one key of the model at a time, by its path: where it was written, whether its
 * value was chosen, whether the value is within the bounds of its row. Private to validate*.c. */
#ifndef CONFIG_VALIDATE_KEYS_H
#define CONFIG_VALIDATE_KEYS_H

#include "config/key.h"
#include "config/text/diag.h"

/* obj is in each case the struct of the path's scope. A path that no row has is a mistake of
 * ours (CHECK). */

/* The place of the value in the file; unknown (pos_known) for a default. */
struct config_pos validate_origin(const char *path, void *obj);
/* The key stands in the file. */
bool validate_is_written(const char *path, void *obj);
/* It stands there with another value than its default. Warnings ask for this and not whether it
 * is written: config_dump writes every key, and what it prints of a model without warnings must
 * load without any. */
bool validate_is_chosen(const char *path, void *obj);

/* validate_values: bounds and names of all keys of one struct. */
void validate_values(struct diag *d, enum key_scope_id scope, void *obj);

/* Adds to the last problem where to read more about the key. */
void validate_explain(struct diag *d, const char *path);

#endif
