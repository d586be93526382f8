/* migrate_check: a value that the bounds of its key exclude, a key that does not exist yet, an address that is
 * bound twice: all of that the check knows, so no translator needs to. */
#include "proxy/migrate/migrate_check.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/err.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/migrate/migrate_yaml.h"

/* ---- a place in the text, as a node ---- */

/* What is taken out, and what it is in. */
struct refused {
	struct yaml *around, *node;
};

/* The innermost node on that line; `whole`: the outermost. */
static struct refused node_on(struct yaml *in, uint32_t line, bool whole)
{
	struct refused best = {NULL, NULL}, within;

	for (struct yaml *c = in->first; c != NULL; c = c->next) {
		if (c->line == line && (best.node == NULL || !whole))
			best = (struct refused){in, c};
		if (best.node != NULL && whole)
			return best;
		within = node_on(c, line, whole);
		if (within.node != NULL)
			return within;
	}
	return best;
}

static void take_away(struct yaml *around, const struct yaml *node)
{
	struct yaml **at = &around->first, *last = NULL;

	while (*at != node) {
		last = *at;
		at = &(*at)->next;
	}
	*at = node->next;
	if (node->next == NULL)
		around->last = last;
}

/* "what happens instead", of the node or of what is in it; NULL: nobody said it. */
static const char *instead_of(const struct yaml *n)
{
	const char *instead = n->instead;

	for (const struct yaml *c = n->first; c != NULL && instead == NULL; c = c->next)
		instead = instead_of(c);
	return instead;
}

/* Each directive that anything in it came from has lost it. */
static void lose_all(struct migrate_job *j, const struct yaml *n, const char *sentence)
{
	if (n->from != NULL)
		migrate_lose(j, n->from, "", sentence);
	for (const struct yaml *c = n->first; c != NULL; c = c->next)
		lose_all(j, c, sentence);
}

static bool is_key(const struct yaml *n, const char *words)
{
	for (size_t len = n->key != NULL ? strlen(n->key) : 0; len > 0 && *words != '\0'; words++)
		if (strncmp(words, n->key, len) == 0 && words[len] == ' ')
			return true;
	return false;
}

/* What a connection would be without is what it asked for: TLS, a header. Then the whole object goes, so that
 * nothing is sent in the clear that was not. */
static struct refused guarded(struct yaml *in, const struct yaml *node)
{
	struct refused within = {NULL, NULL};

	for (struct yaml *c = in->first; c != NULL && within.node == NULL; c = c->next) {
		if (c == node)
			return (struct refused){in, c};
		within = guarded(c, node);
		if (within.node != NULL && within.around == c && is_key(within.node,
			"tls proxy_protocol certificates ") &&
		    within.node->kind != YAML_TEXT)
			return (struct refused){in, c};
	}
	return within;
}

static bool migrate_drop_problem(struct migrate_job *j, const struct diag_problem *p)
{
	struct refused r = node_on(j->root, p->at.line, p->code == DIAG_MISSING);
	const char *instead;

	if (r.node == NULL)
		return false;
	instead = instead_of(r.node) != NULL ? instead_of(r.node) : r.around->instead;
	r = guarded(j->root, r.node);
	take_away(r.around, r.node);
	lose_all(j, r.node, instead != NULL ? instead : migrate_format(j, "left out: %s", p->message));
	return true;
}

/* A list without anything in it is none. */
static void drop_empty(struct yaml *in)
{
	struct yaml *next;

	for (struct yaml *c = in->first; c != NULL; c = next) {
		next = c->next;
		drop_empty(c);
		if (c->kind == YAML_LIST && c->first == NULL)
			take_away(in, c);
	}
}

/* ---- rounds ---- */

/* The text of the tree, for free(). */
static char *migrate_text_of(struct migrate_job *j, size_t *n)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	if (f == NULL) {
		j->code = EXIT_FAILED;
		longjmp(j->out, 1);
	}
	(void)yaml_write(f, j->root, 1);
	(void)fclose(f);
	return text;
}

/* What cannot be mended by taking something out: a text that is too large, say. */
static no_return void refuse_all(struct migrate_job *j, int err, const char *why)
{
	fprintf(j->err, "staunch: the translation does not pass the check: %s\n", why);
	j->code = err == -NP_ENOMEM ? EXIT_FAILED : EXIT_CONFIG;
	longjmp(j->out, 1);
}

/* Takes out what d finds wrong: one thing of a line, as the others may be about the same one. From the last line
 * to the first.   Returns  how much was taken out. */
static size_t drop_problems(struct migrate_job *j, const struct diag *d)
{
	uint32_t line = 0;
	size_t dropped = 0;

	for (size_t i = diag_shown(d); i > 0; i--) {
		const struct diag_problem *p = diag_get(d, i - 1);

		if (diag_severity(p->code) == DIAG_ERROR && p->at.line != line)
			dropped += migrate_drop_problem(j, p);
		line = p->at.line;
	}
	return dropped;
}

/* Returns  whether something was refused and taken out. */
static bool check_round(struct migrate_job *j, struct diag *d)
{
	struct config *c = NULL;
	size_t n = 0, dropped = 0;
	char *text = migrate_text_of(j, &n), why[256] = "it is too large";
	int err = text != NULL ? config_parse_given("output", text, n, &c, d) : -NP_ENOMEM;

	free(text);
	if (err == 0) {
		config_free(c);
		return false;
	}
	if (err == -NP_EINVAL)
		dropped = drop_problems(j, d);
	if (dropped > 0)
		return true;
	if (diag_shown(d) > 0)
		(void)snprintf(why, sizeof(why), "%s", diag_get(d, 0)->message);
	diag_free(d);
	refuse_all(j, err, why);
}

void migrate_check(struct migrate_job *j)
{
	bool again = true;

	drop_empty(j->root);
	while (again && j->root->first != NULL) {
		struct diag *d = diag_new();

		if (d == NULL)
			refuse_all(j, -NP_ENOMEM, "out of memory");
		again = check_round(j, d);
		diag_free(d);
		drop_empty(j->root);
	}
}
