/* dump: one key's value as the text that loads to it. Private to config/. */
#ifndef CONFIG_DUMP_H
#define CONFIG_DUMP_H

#include <stdio.h>

#include "config/key.h"

/* dump_one: the value of k in obj, its scope's struct, without remarks; nothing if it is absent. */
void dump_one(FILE *out, const struct config_key *k, const void *obj);

#endif
