/* cli_json: reading what our own process wrote: well-formed objects, without a space between. Nothing is copied and
 * nothing is built: a value is where it stands in the answer. Of any other text the answer may be wrong, but no byte
 * behind its NUL is looked at. */
#ifndef PROXY_CLI_CLI_JSON_H
#define PROXY_CLI_CLI_JSON_H

#include <stdio.h>

#include "netpoll/base.h"

/* json_find: the value at a path of names with dots between them. Texts stay escaped: safe to print.
 *   Returns  where it begins, and *n how long it is, without the quotes of a text; NULL: it is not there. */
const char *json_find(const char *object, const char *path, size_t *n);
/* The values of a list, one at a time: from the list's bracket, or from the value before.
 *   Returns  NULL at the end. */
const char *json_next(const char *at);
/* The first value of the list at the path; object may be NULL.   Returns  NULL: it is empty, or not there. */
const char *json_first(const char *object, const char *path);
/* Prints the value; "-" where it is absent or null. Of the escapes only those of quotes and backslashes are undone, so
 * that no byte of a stranger reaches the terminal. */
void json_print(FILE *out, const char *object, const char *path);
/* The number at the path; 0: there is none. */
long long json_number(const char *object, const char *path);
/* Is there a value at the path, and is it not null? */
bool json_is_there(const char *object, const char *path);
/* Is it this word: a text, true, false, a number? */
bool json_is(const char *object, const char *path, const char *word);

#endif
