/* schema: what the table of keys says to people (schema.c, schema_man.c) and to their editors
 * (schema_json.c). Every text here is made from config_tbl.h, so none can contradict the reader.
 * Any thread; the table is const. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdio.h>

#include "netpoll/base.h"

/* schema_explain: what a key is: type, default, bounds, what a reload does, example; of a
 * section its keys. `key` is a path as in messages ("listeners[].timeouts.idle"); the brackets
 * may be left out or hold a number, and the end of a path ("timeouts.idle", "idle") will do
 * where only one path ends so. "" or NULL is the file as a whole.
 * Prose is wrapped at `columns`; values stay whole, since they are copied.
 *   Returns  0; -NP_ENOENT with nothing written and *nearest the closest path, or NULL (nearest may be NULL). */
must_use int schema_explain(FILE *out, int columns, const char *key, const char **nearest);
/* schema_ends: the paths that end with these parts, each with its sentence; out may be NULL.   Returns  how many. */
size_t schema_ends(FILE *out, int columns, const char *key);

/* Every path, one a line, for completion. */
void schema_keys(FILE *out);

/* JSON Schema draft-07: what editors' YAML servers read. */
void schema_json(FILE *out);

/* staunch.yaml(5) as roff. */
void schema_man(FILE *out);

/* ---- of one row, for explain and the manual ---- */

/* "1ms to 365d, or off"; "" for a key without bounds. Returns out, which holds SCHEMA_RANGE bytes. */
#define SCHEMA_RANGE 160
struct config_key;
const char *schema_range(const struct config_key *k, char *out);
/* Its default, or what it means that there is none. */
const char *schema_default(const struct config_key *k);
/* What a reload does with it, as half a sentence. */
const char *schema_reload(const struct config_key *k);

#endif
