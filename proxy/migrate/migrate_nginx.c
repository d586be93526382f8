/* migrate_nginx: the way through the file: main, events, then stream from outside in, since a directive of stream
 * counts for all servers, wherever in the block it stands. */
#include "proxy/migrate/migrate_nginx.h"

#include <string.h>

#include "proxy/migrate/migrate_nginx_tbl.h"
#include "proxy/migrate/migrate_value.h"

static const struct nginx_row {
	const char   *word, *contexts;
	nginx_action *act;
	const char   *arg;
} rows[] = {
#define X(word, contexts, action, arg) {word, contexts, nginx_##action, arg},
	NGINX_DIRECTIVE_TBL(X)
#undef X
};

static const struct nginx_row *nginx_row_of(const char *word, char context)
{
	for (size_t i = 0; i < array_len(rows); i++)
		if (strcmp(rows[i].word, word) == 0 && strchr(rows[i].contexts, context) != NULL)
			return &rows[i];
	return NULL;
}

void nginx_apply(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, char context)
{
	const char *word = migrate_arg(d, 0);
	const struct nginx_row *r = nginx_row_of(word, context);

	migrate_count(n->j, d);
	if (r != NULL)
		r->act(n, s, d, r->arg);
	else if (strstr(word, "_by_lua") != NULL || migrate_begins(word, "js_") || migrate_begins(word, "lua_"))
		migrate_lose(n->j, d, "", NGINX_CODE);
	else
		migrate_lose(n->j, d, "", "unknown here, so nothing stands in its place");
}

void nginx_apply_all(struct nginx *n, struct nginx_scope *s, struct migrate_line *block, char context)
{
	for (struct migrate_line *d = block->first; d != NULL; d = d->next)
		nginx_apply(n, s, d, context);
}

struct yaml *nginx_side(struct nginx *n, struct nginx_scope *s, const char *key, const char **path)
{
	*path = key + 2;
	if (key[0] == 'l')
		return s->listener;
	return key[0] == 'u' ? s->upstream : n->j->root;
}

struct yaml *nginx_set(struct nginx *n, struct nginx_scope *s, const char *key, const char *text,
		       struct migrate_line *d)
{
	const char *path;
	struct yaml *side = nginx_side(n, s, key, &path);

	return yaml_set(n->j, side, path, text, d);
}

/* Blocks are gone into by those who know in which order. */
void nginx_block(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)s;
	(void)arg;
	if (!d->block)
		migrate_break_at(n->j, d, 0, "this directive needs a block");
	if (strcmp(migrate_arg(d, 0), "stream") == 0) {
		if (n->stream != NULL)
			migrate_break_at(n->j, d, 0, "a second stream block");
		n->stream = d;
	}
	if (strcmp(migrate_arg(d, 0), "events") == 0)
		nginx_apply_all(n, &n->outer, d, 'E');
}

static bool is_block(const struct migrate_line *d, const char *word)
{
	return d->block && strcmp(migrate_arg(d, 0), word) == 0;
}

/* An upstream that no server uses may be there for a reason: it is kept, and the check warns of it. */
static void keep_unused(struct nginx *n)
{
	for (struct nginx_group *g = n->groups; g != NULL; g = g->next)
		if (!g->used && yaml_find(g->made, "servers") != NULL)
			yaml_append(n->upstreams, g->made);
}

static void translate_stream(struct nginx *n)
{
	n->outer.block = n->stream;
	nginx_apply_all(n, &n->outer, n->stream, 'S');
	for (struct migrate_line *d = n->stream->first; d != NULL; d = d->next)
		if (is_block(d, "upstream"))
			nginx_upstream(n, d);
	for (struct migrate_line *d = n->stream->first; d != NULL; d = d->next)
		if (is_block(d, "server"))
			nginx_server(n, d);
	keep_unused(n);
}

/* A file that has no main block is one that stream{} includes: servers, upstreams and maps. */
static bool is_part(const struct migrate_line *top)
{
	for (const struct migrate_line *d = top->first; d != NULL; d = d->next) {
		if (is_block(d, "stream") || is_block(d, "http") || is_block(d, "events"))
			return false;
	}
	return top->first != NULL;
}

/* Is it a part of http{}, by its look? */
static struct migrate_line *sign_of_http(struct migrate_line *block)
{
	for (struct migrate_line *d = block->first; d != NULL; d = d->next) {
		struct migrate_line *within = d->block ? sign_of_http(d) : NULL;

		if (within != NULL || is_block(d, "location") || migrate_begins(migrate_arg(d, 0), "proxy_set_header"))
			return within != NULL ? within : d;
	}
	return NULL;
}

void migrate_nginx(struct migrate_job *j)
{
	struct nginx n = {.j = j};

	n.outer.listener = yaml_new(j, NULL);
	n.outer.upstream = yaml_new(j, NULL);
	j->root = yaml_new(j, NULL);
	n.listeners = yaml_new(j, NULL);
	n.upstreams = yaml_new(j, NULL);
	n.listeners->kind = n.upstreams->kind = YAML_LIST;
	n.listeners->key = "listeners";
	n.upstreams->key = "upstreams";
	if (is_part(j->top)) {
		struct migrate_line *http = sign_of_http(j->top);

		if (http != NULL)
			migrate_break_at(j, http, 0,
				"this is of http: staunch relays bytes and does not look into HTTP");
		n.stream = j->top;
	} else {
		nginx_apply_all(&n, &n.outer, j->top, 'M');
	}
	if (n.stream == NULL)
		migrate_break_at(j, j->top->first != NULL ? j->top->first : j->top, 0,
				 "no stream block: nothing here can be relayed");
	translate_stream(&n);
	yaml_append(j->root, n.listeners);
	yaml_append(j->root, n.upstreams);
}
