/* value_put: member to text, for dumps, messages and explanations. Private to config/. */
#ifndef CONFIG_VALUE_PUT_H
#define CONFIG_VALUE_PUT_H

#include <stdio.h>

#include "config/key.h"

/* The member as config text, quoted where YAML readers might take it for something else; one
 * element of several. Not for sections, nor for what is absent. All return the number of bytes
 * written. */
int value_put(FILE *out, const struct config_key *k, const void *field);
int value_put_item(FILE *out, const struct config_key *k, const struct config_text *item);
/* A text in double quotes. */
int value_put_quoted(FILE *out, const char *text);
/* A number of k's kind as its bounds and messages show it: "1h", "65535". out holds UNITS_TEXT
 * bytes. */
const char *value_number(const struct config_key *k, int64_t n, char *out);

/* "duration", "number", ...; for people. */
const char *value_kind_text(enum key_kind kind);

#endif
