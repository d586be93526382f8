/* validate_keys: places, bounds and names of single keys, all by the rows of the table; nothing
 * here knows a key by its name. */
#include "config/validate_keys.h"

#include <string.h>

#include "config/text/ascii.h"
#include "config/units.h"
#include "config/value.h"
#include "config/value_put.h"
#include "netpoll/check.h"

/* Paths are literals of the parts of validate: one without a row is a slip in their source. */
static const struct config_key *row_of(const char *path)
{
	const struct config_key *k = key_find(path);

	CHECK(k != NULL, "a path that no row of the key tables has");
	return k;
}

struct config_pos validate_origin(const char *path, void *obj)
{
	return *key_origin(row_of(path), obj);
}

bool validate_is_written(const char *path, void *obj)
{
	return pos_known(validate_origin(path, obj));
}

/* Is the value what the default reads as? Only numbers, words of an enumeration and texts are asked
 * about. */
static bool is_default(const struct config_key *k, const void *field)
{
	struct value_reader r = {.arena = NULL};
	unsigned word;
	int64_t n;

	if (k->def == NULL)
		return false;
	if (k->kind == KEY_ENUM)
		return value_read(&r, k, k->def, &word) == 0 && word == *(const unsigned *)field;
	if (k->kind == KEY_TEXT)
		return strcmp(*(const char *const *)field, k->def) == 0;
	return value_read(&r, k, k->def, &n) == 0 && n == *(const int64_t *)field;
}

bool validate_is_chosen(const char *path, void *obj)
{
	const struct config_key *k = row_of(path);

	return validate_is_written(path, obj) && !is_default(k, key_field(k, obj));
}

void validate_explain(struct diag *d, const char *path)
{
	diag_help(d, "staunch explain %s", path);
}

/* ---- single values ---- */

/* The words off and auto have values of their own that no bound covers. */
static void check_bounds(struct diag *d, const struct config_key *k, void *obj)
{
	struct config_pos at = *key_origin(k, obj);
	int64_t n = *(int64_t *)key_field(k, obj);
	char value[UNITS_TEXT], bound[UNITS_TEXT];
	bool below = n < k->min;

	if (n == CONFIG_UNREAD)
		return;
	if (((k->flags & KEY_OFF) && n == CONFIG_OFF) || ((k->flags & (KEY_AUTO | KEY_SAME)) && n == CONFIG_AUTO))
		return;
	/* A default has no place and is within bounds by key_test. */
	if (!pos_known(at) || (!below && n <= k->max))
		return;
	diag_error(d, DIAG_RANGE, at, "\"%s\" is %s, %s than %s", key_name(k), value_number(k, n, value),
	           below ? "less" : "more", value_number(k, below ? k->min : k->max, bound));
	validate_explain(d, k->path);
}

/* Names become metric labels and parts of paths, so their letters are few. */
static void check_name_letters(struct diag *d, const struct config_key *k, void *obj)
{
	const char *name = *(const char **)key_field(k, obj);
	size_t n = name == NULL ? 0 : strlen(name);

	if (name == NULL)
		return;
	if (n <= CONFIG_NAME_MAX && strspn(name, ASCII_LOWER ASCII_DIGITS "_.-") == n &&
	    strchr("_.-", name[0]) == NULL)
		return;
	diag_error(d, DIAG_NAME, *key_origin(k, obj), "\"%.80s\" is not a name: %s", name,
	           n > CONFIG_NAME_MAX ? "it is longer than 63 characters"
	                               : "write a to z and 0 to 9, and behind the first also _ . -");
	validate_explain(d, k->path);
}

/* Row by row: kinds without bounds have readers that refuse all that is wrong with them. */
void validate_values(struct diag *d, enum key_scope_id scope, void *obj)
{
	const struct key_scope *s = &key_scopes[scope];

	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct config_key *k = &key_rows[i];

		if (key_is_number(k))
			check_bounds(d, k, obj);
		if (k->kind == KEY_NAME)
			check_name_letters(d, k, obj);
	}
}
