/* migrate_haproxy_if: literals, defined(), feature(), streq(), strneq(), strstr(), version_atleast(),
 * version_before(), with ! && || and brackets. */
#include "proxy/migrate/migrate_haproxy_if.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The version whose language this is; files of later ones have the same conditions. */
#define VERSION_MAJOR 2
#define VERSION_MINOR 6

struct condition {
	struct migrate_job  *job;
	struct migrate_line *d;
	const char          *at;
	size_t               depth; /* of brackets */
};

static void pass_blank(struct condition *c)
{
	while (*c->at == ' ')
		c->at++;
}

static no_return void refuse_condition(struct condition *c)
{
	migrate_break_at(c->job, c->d, c->d->n > 1 ? 1 : 0, "a condition that HAProxy does not know");
}

/* "2.6-dev" against the version here: less than, equal to or greater than 0. */
static long compare_version(const char *text)
{
	char *end = NULL;
	long major = strtol(text, &end, 10), minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return major != VERSION_MAJOR ? VERSION_MAJOR - major : VERSION_MINOR - minor;
}

/* Both arguments are text; a quote around them has been undone by the tokenizer. */
static bool call_value(struct condition *c, const char *name, char *args)
{
	char *comma = strchr(args, ',');
	const char *second = comma != NULL ? comma + 1 : "";

	if (comma != NULL)
		*comma = '\0';
	second += strspn(second, " ");
	if (strcmp(name, "defined") == 0)
		return getenv(args) != NULL;
	if (strcmp(name, "feature") == 0)
		return strcmp(args, "OPENSSL") == 0;
	if (strcmp(name, "streq") == 0)
		return strcmp(args, second) == 0;
	if (strcmp(name, "strneq") == 0)
		return strcmp(args, second) != 0;
	if (strcmp(name, "strstr") == 0)
		return strstr(args, second) != NULL;
	if (strcmp(name, "version_atleast") == 0)
		return compare_version(args) >= 0;
	if (strcmp(name, "version_before") == 0)
		return compare_version(args) < 0;
	if (strncmp(name, "openssl_version", 15) == 0 || strcmp(name, "enabled") == 0)
		return strstr(name, "before") == NULL;
	refuse_condition(c);
}

/* A number, a name with arguments, or nothing at all, which is false. */
static bool simple_value(struct condition *c)
{
	const char *start = c->at, *close;
	char *name, *args;

	while (isalnum((unsigned char)*c->at) || *c->at == '_')
		c->at++;
	name = migrate_copy(c->job, start, (size_t)(c->at - start));
	if (*c->at != '(') {
		if (name[0] != '\0' && !isdigit((unsigned char)name[0]))
			refuse_condition(c);
		return strtol(name, NULL, 10) != 0;
	}
	close = strchr(c->at, ')');
	if (close == NULL)
		refuse_condition(c);
	args = migrate_copy(c->job, c->at + 1, (size_t)(close - c->at - 1));
	c->at = close + 1;
	return call_value(c, name, args);
}

static bool or_value(struct condition *c);

static bool term_value(struct condition *c)
{
	bool negated = false, value;

	for (pass_blank(c); *c->at == '!'; pass_blank(c)) {
		negated = !negated;
		c->at++;
	}
	if (*c->at != '(')
		return simple_value(c) != negated;
	c->at++;
	if (++c->depth > MIGRATE_IFS)
		refuse_condition(c);
	value = or_value(c);
	c->depth--;
	pass_blank(c);
	if (*c->at++ != ')')
		refuse_condition(c);
	return value != negated;
}

/* && binds closer than ||. */
static bool and_value(struct condition *c)
{
	bool value = term_value(c);

	for (pass_blank(c); strncmp(c->at, "&&", 2) == 0; pass_blank(c)) {
		c->at += 2;
		value &= term_value(c);
	}
	return value;
}

static bool or_value(struct condition *c)
{
	bool value = and_value(c);

	for (pass_blank(c); strncmp(c->at, "||", 2) == 0; pass_blank(c)) {
		c->at += 2;
		value |= and_value(c);
	}
	return value;
}

/* The words behind .if as one text. */
static bool condition_holds(struct migrate_job *j, struct migrate_line *d)
{
	const char *text = "";
	struct condition c = {j, d, NULL, 0};
	bool value;

	for (size_t i = 1; i < d->n; i++)
		text = migrate_format(j, "%s%s%s", text, i > 1 ? " " : "", d->words[i].text);
	c.at = text;
	value = or_value(&c);
	pass_blank(&c);
	if (*c.at != '\0')
		refuse_condition(&c);
	return value;
}

static void open_condition(struct migrate_job *j, struct migrate_ifs *ifs, struct migrate_line *d)
{
	bool outer = migrate_if_holds(ifs), holds;

	if (ifs->depth == MIGRATE_IFS)
		migrate_break_at(j, d, 0, "too many conditions within each other");
	holds = outer && condition_holds(j, d);
	ifs->at[ifs->depth].opened = d;
	ifs->at[ifs->depth].holds = holds;
	ifs->at[ifs->depth].taken = holds || !outer;
	ifs->at[ifs->depth].closed = false;
	ifs->depth++;
}

/* .elif, .else and .endif; the condition is open. */
static void haproxy_go_on(struct migrate_job *j, struct migrate_ifs *ifs, struct migrate_line *d)
{
	size_t i = ifs->depth - 1;
	bool with = strcmp(migrate_arg(d, 0), ".elif") == 0;

	if (strcmp(migrate_arg(d, 0), ".endif") == 0) {
		ifs->depth--;
		return;
	}
	if (ifs->at[i].closed)
		migrate_break_at(j, d, 0, "the .else of this condition was there already");
	ifs->at[i].closed = !with;
	ifs->at[i].holds = !ifs->at[i].taken && (!with || condition_holds(j, d));
	ifs->at[i].taken |= ifs->at[i].holds;
}

bool migrate_if(struct migrate_job *j, struct migrate_ifs *ifs, struct migrate_line *d)
{
	static const char *const messages[] = {".notice", ".warning", ".diag", ".alert"};
	const char *word = migrate_arg(d, 0);

	if (word[0] != '.')
		return false;
	for (size_t i = 0; i < array_len(messages); i++)
		if (strcmp(word, messages[i]) == 0)
			return true;
	if (strcmp(word, ".if") == 0) {
		open_condition(j, ifs, d);
		return true;
	}
	if (strcmp(word, ".elif") != 0 && strcmp(word, ".else") != 0 && strcmp(word, ".endif") != 0)
		migrate_break_at(j, d, 0, "a directive that HAProxy does not know");
	if (ifs->depth == 0)
		migrate_break_at(j, d, 0, "there is no .if before it");
	haproxy_go_on(j, ifs, d);
	return true;
}

bool migrate_if_holds(const struct migrate_ifs *ifs)
{
	for (size_t i = 0; i < ifs->depth; i++)
		if (!ifs->at[i].holds)
			return false;
	return true;
}

void migrate_if_end(struct migrate_job *j, const struct migrate_ifs *ifs)
{
	if (ifs->depth > 0)
		migrate_break_at(j, ifs->at[ifs->depth - 1].opened, 0, "this condition has no .endif");
}
