/* admin_metrics: /metrics, the page that Prometheus fetches. Written from one publication of what there is, and asks
 * nobody. */
#include <stdlib.h>
#include <string.h>

#include "proxy/admin/admin_priv.h"
#include "proxy/policy/metrics_page.h"

#define NAMES_MOST 32

_Static_assert(METRICS_BLOCK <= REPLY_BLOCK, "a block of the page fits into one of an answer");

/* What the query asks for. The options borrow from it. */
struct asked_metrics {
	char scopes[64], names[768];
	const char *name[NAMES_MOST];
	struct metrics_options options;
};

/* The next word of a list divided by commas; the comma becomes its end. */
static char *next_item(char **list)
{
	char *word = *list, *comma;

	if (word == NULL)
		return NULL;
	comma = strchr(word, ',');
	if (comma != NULL)
		*comma++ = '\0';
	*list = comma;
	return word;
}

static const char *read_scopes(struct asked_metrics *m, const struct http_request *q)
{
	ssize_t n = http_query_get(q, "scope", m->scopes, sizeof(m->scopes));
	char *list = m->scopes, *word;

	if (n == -NP_ENOENT) {
		m->options.scopes = METRICS_ALL;
		return NULL;
	}
	while (n >= 0 && (word = next_item(&list)) != NULL) {
		unsigned scope = metrics_scope_of(word, strlen(word));

		m->options.scopes |= scope;
		if (scope == 0)
			n = -NP_EINVAL;
	}
	return n < 0 ? "scope is a list of process, listener, upstream, server" : NULL;
}

static const char *read_names(struct asked_metrics *m, const struct http_request *q)
{
	ssize_t n = http_query_get(q, "name", m->names, sizeof(m->names));
	char *list = m->names, *word;

	if (n == -NP_ENOENT)
		return NULL;
	while (n >= 0 && (word = next_item(&list)) != NULL) {
		if (m->options.nnames == NAMES_MOST)
			return "name is a list of 32 families at most";
		m->name[m->options.nnames++] = word;
	}
	m->options.names = m->name;
	return n < 0 ? "name is a list of families" : NULL;
}

/* Writes the page that m asks for. */
static void put_metrics_page(struct client *c, struct reply *r, const struct asked_metrics *m)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	struct metrics_page page;

	if (inv == NULL) {
		reply_error(r, 503, "no configuration is in force yet", NULL);
		return;
	}
	r->type = m->options.openmetrics ? METRICS_TYPE_OPENMETRICS : METRICS_TYPE_TEXT;
	metrics_page_init(&page, inv, &m->options);
	while (reply_room(r, METRICS_BLOCK) && metrics_page_block(&page, &r->body))
		;
	inventory_drop(inv);
}

/* The question is too large for a frame of a coroutine's stack. */
void admin_metrics(struct client *c, struct reply *r)
{
	struct asked_metrics *m = calloc(1, sizeof(*m));
	const char *wrong;

	if (m == NULL) {
		reply_error(r, 503, "out of memory", NULL);
		return;
	}
	m->options.openmetrics = http_accepts(&c->request, "application/openmetrics-text");
	wrong = read_scopes(m, &c->request);
	if (wrong == NULL)
		wrong = read_names(m, &c->request);
	if (wrong != NULL)
		reply_error(r, 400, wrong, NULL);
	else
		put_metrics_page(c, r, m);
	free(m);
}
