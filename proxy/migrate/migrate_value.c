/* migrate_value: times, sizes, numbers, names. */
#include "proxy/migrate/migrate_value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"

#define NAME_MAX_BYTES 63
#define MS_MAX         ((int64_t)1000 * 366 * 86400 * 1000) /* nobody means more, and sums of it do not overflow */

bool migrate_begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool migrate_ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && strcmp(text + n - m, with) == 0;
}

bool migrate_is_one_of(const char *text, const char *words)
{
	size_t n = strlen(text);

	for (; n > 0 && *words != '\0'; words += strcspn(words, " "), words += strspn(words, " "))
		if (strcspn(words, " ") == n && strncmp(words, text, n) == 0)
			return true;
	return false;
}

const char *migrate_lower(struct migrate_job *j, const char *text)
{
	char *copy = migrate_copy(j, text, strlen(text));

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

bool migrate_count_read(const char *text, int64_t *n)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 12)
		return false;
	*n = strtoll(text, &end, 10);
	return *end == '\0';
}

/* ---- times ---- */

/* X(unit, ms): of nginx, where y and M are capital or not. The longer of two that begin alike stands first. */
static const struct time_unit {
	const char *word;
	int64_t     ms;
} nginx_units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", (int64_t)7 * 86400000},
	{"M", (int64_t)30 * 86400000}, {"y", (int64_t)365 * 86400000}, {NULL, 0},
}, haproxy_units[] = {
	{"us", 0}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

/* A number and its unit at *at, which moves behind both.   Returns  false: none stands there. */
static bool migrate_read_part(const char **at, const struct time_unit *u, int64_t *n, int64_t *unit)
{
	char *end;

	if (!isdigit((unsigned char)**at) || strspn(*at, "0123456789") > 12)
		return false;
	*n = strtoll(*at, &end, 10);
	*at = end;
	for (; u->word != NULL; u++)
		if (migrate_begins(*at, u->word)) {
			*at += strlen(u->word);
			*unit = u->ms;
			return true;
		}
	*unit = -1; /* none is written */
	return true;
}

bool migrate_time_nginx(const char *text, int64_t *ms)
{
	int64_t n = 0, unit = 0;

	*ms = 0;
	do {
		if (!migrate_read_part(&text, nginx_units, &n, &unit) || (unit < 0 && *text != '\0'))
			return false;
		if (unit < 0)
			unit = 1000;
		if (n > MS_MAX / unit)
			return false;
		*ms += n * unit;
		text += strspn(text, " ");
	} while (*text != '\0' && *ms <= MS_MAX);
	return *ms <= MS_MAX;
}

bool migrate_time_haproxy(const char *text, int64_t *ms)
{
	int64_t n = 0, unit = 0;

	if (!migrate_read_part(&text, haproxy_units, &n, &unit) || *text != '\0')
		return false;
	if (unit == 0) { /* microseconds, up to the next whole millisecond */
		*ms = (n + 999) / 1000;
		return true;
	}
	unit = unit < 0 ? 1 : unit;
	if (n > MS_MAX / unit)
		return false;
	*ms = n * unit;
	return true;
}

const char *migrate_time_text(struct migrate_job *j, int64_t ms)
{
	char text[UNITS_TEXT] = "";

	if (ms == 0)
		return "off";
	(void)units_duration_format(ms * UNITS_MS, text);
	return migrate_copy(j, text, strlen(text));
}

/* ---- numbers ---- */

const char *migrate_size_text(struct migrate_job *j, const char *text)
{
	static const char units[] = "kKmMgG";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] != '\0' ? strchr(units, text[digits]) : NULL;
	char out[UNITS_TEXT] = "";
	int64_t n;

	if (digits == 0 || digits > 9 || (text[digits] != '\0' && (unit == NULL || text[digits + 1] != '\0')))
		return NULL;
	n = strtoll(text, NULL, 10) << (unit != NULL ? 10 * ((unit - units) / 2 + 1) : 0);
	(void)units_size_format(n, out);
	return migrate_copy(j, out, strlen(out));
}

const char *migrate_number(struct migrate_job *j, int64_t n)
{
	return migrate_format(j, "%lld", (long long)n);
}

/* ---- names ---- */

const char *migrate_name(struct migrate_job *j, const char *text)
{
	char *out = migrate_alloc(j, NAME_MAX_BYTES + 1);
	size_t n = 0;

	for (; *text != '\0' && n < NAME_MAX_BYTES; text++) {
		char c = (char)tolower((unsigned char)*text);
		bool good = isdigit((unsigned char)c) || (c >= 'a' && c <= 'z');

		if (!good && n == 0)
			continue;
		out[n++] = (char)(good || c == '_' || c == '.' || c == '-' ? c : '-');
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return n > 0 ? out : "unnamed";
}
