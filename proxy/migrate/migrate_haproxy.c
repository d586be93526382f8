/* migrate_haproxy: the way through the file: which sections there are and which defaults count for each, global,
 * then each section that relays TCP, its defaults first. */
#include "proxy/migrate/migrate_haproxy.h"

#include <string.h>

#include "proxy/migrate/migrate_haproxy_tbl.h"
#include "proxy/migrate/migrate_value.h"

static const struct haproxy_row rows[] = {
#define X(word, contexts, action, arg) {word, contexts, 0, haproxy_##action, arg},
	HAPROXY_DIRECTIVE_TBL(X)
#undef X
};

static const struct haproxy_row bind_rows[] = {
#define X(word, values, action, arg) {word, "", values, haproxy_##action, arg},
	HAPROXY_BIND_TBL(X)
#undef X
};

static const struct haproxy_row server_rows[] = {
#define X(word, values, action, arg) {word, "", values, haproxy_##action, arg},
	HAPROXY_SERVER_TBL(X)
#undef X
};

/* ---- tables ---- */

static const struct haproxy_row *directive_row(const char *word, char context)
{
	for (size_t i = 0; i < array_len(rows); i++)
		if (strcmp(rows[i].word, word) == 0 && strchr(rows[i].contexts, context) != NULL)
			return &rows[i];
	return NULL;
}

static const struct haproxy_row *param_row(const struct haproxy_row *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].word, word) == 0)
			return &table[i];
	return NULL;
}

/* A directive by its first two words, else by its first one. */
static void apply_directive(struct haproxy *h, struct haproxy_proxy *p, struct migrate_line *d, char context)
{
	const char *word = migrate_arg(d, 0);
	const struct haproxy_row *r = directive_row(migrate_format(h->j, "%s %s", word, migrate_arg(d, 1)), context);
	struct haproxy_item it = {.d = d, .at = 2};

	migrate_count(h->j, d);
	if (r == NULL) {
		it.at = 1;
		r = directive_row(word, context);
	}
	if (r != NULL)
		r->act(h, p, &it, r->arg);
	else if (migrate_begins(word, "lua-"))
		migrate_lose(h->j, d, "", HAPROXY_LUA);
	else if (!migrate_begins(word, "tune.") && !migrate_begins(word,
		"profiling")) /* sizes are found by themselves */
		migrate_lose(h->j, d, "", "unknown here, so nothing stands in its place");
}

void haproxy_params(struct haproxy *h, struct haproxy_proxy *p, struct haproxy_item *it, size_t from)
{
	const struct haproxy_row *table = it->binds != NULL ? bind_rows : server_rows;
	size_t n = it->binds != NULL ? array_len(bind_rows) : array_len(server_rows);

	for (size_t i = from; i < it->d->n; i++) {
		const char *word = it->d->words[i].text;
		const struct haproxy_row *r = param_row(table, n, word);

		it->at = i + 1;
		if (r == NULL) {
			migrate_lose(h->j, it->d, word, "unknown here, so nothing stands in its place");
			continue;
		}
		if (r->values > 0)
			(void)haproxy_value(h, it);
		r->act(h, p, it, r->arg);
		i += (size_t)r->values;
	}
}

/* ---- sections ---- */

struct haproxy_proxy *haproxy_find(struct haproxy *h, const char *name)
{
	for (struct haproxy_proxy *p = h->proxies; p != NULL; p = p->next)
		if (p->back && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* "frontend web from tcp": the word behind from. */
static struct haproxy_proxy *defaults_of(struct haproxy *h, const struct migrate_line *d, struct haproxy_proxy *last)
{
	for (size_t i = 1; i + 1 < d->n; i++) {
		if (strcmp(migrate_arg(d, i), "from") != 0)
			continue;
		for (struct haproxy_proxy *p = h->proxies; p != NULL; p = p->next)
			if (strcmp(p->kind, "defaults") == 0 && strcmp(p->name, migrate_arg(d, i + 1)) == 0)
				return p;
		migrate_break_at(h->j, d, i + 1, "no defaults section of that name stands before this");
	}
	return strcmp(migrate_arg(d, 0), "defaults") == 0 ? NULL : last;
}

static struct haproxy_proxy *proxy_new(struct haproxy *h, struct migrate_line *d)
{
	struct haproxy_proxy *p = migrate_alloc(h->j, sizeof(*p)), **at = &h->proxies;
	struct yaml **maps[] = {&p->listener, &p->upstream, &p->plain, &p->secure, &p->tls, &p->timers, &p->query,
				&p->accept_sni};

	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	p->block = d;
	p->kind = migrate_arg(d, 0);
	p->name = migrate_arg(d, 1);
	p->front = migrate_is_one_of(p->kind, "frontend listen");
	p->back = migrate_is_one_of(p->kind, "backend listen");
	for (size_t i = 0; i < array_len(maps); i++)
		*maps[i] = yaml_new(h->j, i == 1 ? d : NULL);
	if ((p->front || p->back) && d->n < 2)
		migrate_break_at(h->j, d, 0, "this section needs a name");
	return p;
}

/* What the section says, else what its defaults say; tcp where nobody says anything. */
static const struct migrate_line *mode_of(const struct haproxy_proxy *p)
{
	const struct migrate_line *mode = NULL;

	for (; p != NULL && mode == NULL; p = p->defaults)
		for (const struct migrate_line *d = p->block->first; d != NULL; d = d->next)
			if (strcmp(migrate_arg(d, 0), "mode") == 0)
				mode = d;
	return mode;
}

static void find_sections(struct haproxy *h)
{
	struct haproxy_proxy *last = NULL;

	for (struct migrate_line *d = h->j->top->first; d != NULL; d = d->next) {
		struct haproxy_proxy *p;

		if (!migrate_is_one_of(migrate_arg(d, 0), "defaults frontend backend listen"))
			continue;
		p = proxy_new(h, d);
		p->defaults = defaults_of(h, d, last);
		if (strcmp(p->kind, "defaults") == 0)
			last = p;
		p->http = mode_of(p) != NULL && strcmp(migrate_arg(mode_of(p), 1), "tcp") != 0;
	}
}

/* Defaults first, those they come from before them. */
static void apply_defaults(struct haproxy *h, struct haproxy_proxy *p, struct haproxy_proxy *defaults)
{
	if (defaults == NULL)
		return;
	apply_defaults(h, p, defaults->defaults);
	migrate_count(h->j, defaults->block);
	for (struct migrate_line *d = defaults->block->first; d != NULL; d = d->next)
		apply_directive(h, p, d, 'D');
}

static void apply_proxy(struct haproxy *h, struct haproxy_proxy *p)
{
	char context = (char)(p->kind[0] - 'a' + 'A');

	migrate_count(h->j, p->block);
	if (p->http) {
		const char *mode = migrate_arg(mode_of(p), 1);

		migrate_lose(h->j, p->block, "", migrate_format(h->j,
			"mode %.20s: left out with all that is in it: "
			"staunch relays bytes and does not look into them", mode));
		return;
	}
	apply_defaults(h, p, p->defaults);
	for (struct migrate_line *d = p->block->first; d != NULL; d = d->next)
		apply_directive(h, p, d, context);
}

/* Sections that no connection goes through. */
static void apply_other(struct haproxy *h, struct migrate_line *d)
{
	const char *word = migrate_arg(d, 0);
	char context = d->n == 0 || strcmp(word, "global") == 0 ? 'G' : 'R';

	migrate_count(h->j, d);
	if (context == 'R' && strcmp(word, "resolvers") != 0) {
		const char *instead = "left out with all that is in it: staunch has no such thing";

		if (strcmp(word, "userlist") == 0 || strcmp(word, "cache") == 0 || strcmp(word, "http-errors") == 0 ||
		    strcmp(word, "fcgi-app") == 0)
			instead = "left out with all that is in it: it is of HTTP";
		migrate_lose(h->j, d, "", instead);
		return;
	}
	for (struct migrate_line *line = d->first; line != NULL; line = line->next)
		apply_directive(h, NULL, line, context);
}

static void finish_all(struct haproxy *h)
{
	for (struct haproxy_proxy *p = h->proxies; p != NULL; p = p->next)
		if (p->back && !p->http && !p->disabled)
			haproxy_backend(h, p);
	for (struct haproxy_proxy *p = h->proxies; p != NULL; p = p->next)
		if (p->front && !p->http && !p->disabled)
			haproxy_frontend(h, p);
}

void migrate_haproxy(struct migrate_job *j)
{
	struct haproxy h = {.j = j};
	struct yaml **maps[] = {&j->root, &h.listeners, &h.upstreams, &h.base, &h.tls_binds, &h.tls_servers};

	for (size_t i = 0; i < array_len(maps); i++)
		*maps[i] = yaml_new(j, NULL);
	h.listeners->kind = h.upstreams->kind = YAML_LIST;
	h.listeners->key = "listeners";
	h.upstreams->key = "upstreams";
	find_sections(&h);
	for (struct migrate_line *d = j->top->first; d != NULL; d = d->next)
		if (!migrate_is_one_of(migrate_arg(d, 0), "defaults frontend backend listen"))
			apply_other(&h, d);
	for (struct haproxy_proxy *p = h.proxies; p != NULL; p = p->next)
		if (strcmp(p->kind, "defaults") != 0)
			apply_proxy(&h, p);
	finish_all(&h);
	yaml_append(j->root, h.listeners);
	yaml_append(j->root, h.upstreams);
}
