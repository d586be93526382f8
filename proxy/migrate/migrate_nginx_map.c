/* migrate_nginx_map: where a variable in proxy_pass leads to. A map of what a ClientHello or an address says is a
 * list of routes; what nginx looks for first (the exact name, then the longest *.name) stands first. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_nginx.h"
#include "proxy/migrate/migrate_output.h"
#include "proxy/migrate/migrate_value.h"

#define NESTED 8 /* variables whose value is another variable */

/* One row, in the order in which rows are tried. */
struct map_row {
	struct map_row      *next;
	struct migrate_line *d;
	const char          *value;
	int                  rank; /* the least is tried first */
};

/* What is made of one variable. */
struct map_use {
	struct nginx        *n;
	struct nginx_scope  *s;
	struct yaml         *listener;
	struct migrate_line *pass;   /* proxy_pass */
	const char          *suffix; /* behind the variable: ":443" */
	const char          *key;    /* of routes */
	struct map_row      *rows;
	size_t               depth;
};

/* Rows are no statement when no variable is used: the table has nothing to do then. */
void nginx_map(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg)
{
	(void)s;
	(void)arg;
	if (strcmp(migrate_arg(d, 0), "set") == 0)
		return;
	if (!d->block)
		migrate_break_at(n->j, d, 0, "this directive needs a block");
	for (struct migrate_line *row = d->first; row != NULL; row = row->next)
		migrate_count(n->j, row);
}

/* ---- the variable ---- */

/* "$name" or "${name}", and what is behind it.   Returns  its name, or NULL: other things stand there. */
static const char *variable_of(struct nginx *n, const char *text, const char **suffix)
{
	bool braces = text[0] == '$' && text[1] == '{';
	const char *name = text + 1 + braces, *end = name;

	if (text[0] != '$')
		return NULL;
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	*suffix = end + (braces && *end == '}');
	return strchr(*suffix, '$') == NULL ? migrate_copy(n->j, name, (size_t)(end - name)) : NULL;
}

static bool names_variable(const struct migrate_line *d, size_t word, const char *name)
{
	return migrate_arg(d, word)[0] == '$' && strcmp(migrate_arg(d, word) + 1, name) == 0;
}

/* The directive that gives the variable its value: in the server, else in stream. */
static struct migrate_line *definition_of(struct map_use *u, const char *name)
{
	for (struct nginx_scope *s = u->s; s != NULL; s = s->outer)
		for (struct migrate_line *d = s->block->first; d != NULL; d = d->next) {
			const char *word = migrate_arg(d, 0);
			size_t at = strcmp(word, "set") == 0 || (strcmp(word, "geo") == 0 && d->n == 2) ? 1 : 2;

			if (migrate_is_one_of(word, "map geo set split_clients") && names_variable(d, at, name))
				return d;
		}
	return NULL;
}

/* What the map looks at, as a key of routes; NULL: nothing that routes know. */
static const char *nginx_key_of(const struct migrate_line *d)
{
	static const struct {
		const char *variables, *key;
	} keys[] = {
		{"$ssl_preread_server_name $ssl_server_name", "sni"},
		{"$ssl_preread_alpn_protocols $ssl_alpn_protocol", "alpn"},
		{"$ssl_preread_protocol $ssl_protocol", "tls"},
		{"$remote_addr $binary_remote_addr $realip_remote_addr $proxy_protocol_addr", "source"},
	};

	if (strcmp(migrate_arg(d, 0), "geo") == 0)
		return d->n == 2 || migrate_is_one_of(migrate_arg(d, 1), keys[3].variables) ? "source" : NULL;
	for (size_t i = 0; i < array_len(keys); i++)
		if (strcmp(migrate_arg(d, 0), "map") == 0 && migrate_is_one_of(migrate_arg(d, 1), keys[i].variables))
			return keys[i].key;
	return NULL;
}

/* ---- rows ---- */

static void add_row(struct map_use *u, struct migrate_line *d, const char *value, int rank)
{
	struct map_row *r = migrate_alloc(u->n->j, sizeof(*r)), **at = &u->rows;

	*r = (struct map_row){NULL, d, value, rank};
	while (*at != NULL && (*at)->rank <= rank)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
}

/* Names: exact ones, then *.x, the longest first, then x.*. */
static void name_row(struct map_use *u, struct migrate_line *d, const char *text, bool hostnames)
{
	const char *name = migrate_lower(u->n->j, text);
	int n = (int)strlen(name);
	bool pattern = migrate_begins(name, "*.") || migrate_begins(name, ".") || migrate_ends(name, ".*");

	if (name[0] == '\0') {
		migrate_lose(u->n->j, d, "\"\"", "clients that send no name go where all others go");
	} else if (pattern && !hostnames) {
		migrate_lose(u->n->j, d, text, "left out: without hostnames in the map, no client asks for this name");
	} else if (name[0] == '.') {
		add_row(u, d, name + 1, 0);
		add_row(u, d, migrate_format(u->n->j, "*%s", name), MIGRATE_WORD - n);
	} else {
		int rank = (name[0] == '*' ? 1 : 2) * MIGRATE_WORD - n;

		add_row(u, d, name, pattern ? rank : 0);
	}
}

/* "~\bh2\b" asks whether h2 is offered, which is what a route asks. */
static const char *offered(struct map_use *u, const char *text)
{
	size_t n = strlen(text);

	if (n > 5 && migrate_begins(text, "~\\b") && migrate_ends(text, "\\b") &&
	    strcspn(text + 3, "\\[](){}.*+?^$|") >= n - 5)
		return migrate_copy(u->n->j, text + 3, n - 5);
	return NULL;
}

static void protocol_row(struct map_use *u, struct migrate_line *d, const char *text)
{
	const char *word = offered(u, text);

	if (word == NULL && (text[0] == '~' || text[0] == '\0' || strchr(text, ',') != NULL))
		migrate_lose(u->n->j, d, text, "left out: a route asks for protocols, each by its name");
	else
		add_row(u, d, word != NULL ? word : text, 0);
}

static void version_row(struct map_use *u, struct migrate_line *d, const char *text)
{
	static const struct {
		const char *text, *word;
	} versions[] = {{"", "none"}, {"TLSv1", "1.0"}, {"TLSv1.1", "1.1"}, {"TLSv1.2", "1.2"}, {"TLSv1.3", "1.3"}};

	for (size_t i = 0; i < array_len(versions); i++)
		if (strcmp(text, versions[i].text) == 0) {
			add_row(u, d, versions[i].word, 0);
			return;
		}
	migrate_lose(u->n->j, d, text, "left out: no route asks for this version");
}

/* Networks: the longest first. */
static void network_row(struct map_use *u, struct migrate_line *d, const char *text)
{
	const char *slash = strchr(text, '/');
	int bits = slash != NULL ? (int)strtol(slash + 1, NULL, 10) : 128;

	if (strchr(text, '-') != NULL || text[0] == '\0')
		migrate_lose(u->n->j, d, text, "left out: routes take networks, not ranges of addresses");
	else
		add_row(u, d, text, strchr(text, ':') != NULL || slash == NULL ? 128 - bits : 32 - bits);
}

static void nginx_take_row(struct map_use *u, struct migrate_line *d, bool hostnames)
{
	const char *text = migrate_arg(d, 0);

	if (text[0] == '~' && offered(u, text) == NULL)
		migrate_lose(u->n->j, d, text, "clients that match the expression go where all others go");
	else if (text[0] == '\\' && migrate_is_one_of(text + 1, "default hostnames include volatile"))
		name_row(u, d, text + 1, hostnames);
	else if (strcmp(u->key, "sni") == 0)
		name_row(u, d, text, hostnames);
	else if (strcmp(u->key, "alpn") == 0)
		protocol_row(u, d, text);
	else if (strcmp(u->key, "tls") == 0)
		version_row(u, d, text);
	else
		network_row(u, d, text);
}

/* Rows in their order.   Returns  that of default, or NULL. */
static struct migrate_line *nginx_read_rows(struct map_use *u, struct migrate_line *map)
{
	struct migrate_line *other = NULL;
	bool hostnames = false;

	for (struct migrate_line *d = map->first; d != NULL; d = d->next)
		hostnames |= d->n == 1 && strcmp(migrate_arg(d, 0), "hostnames") == 0;
	for (struct migrate_line *d = map->first; d != NULL; d = d->next) {
		if (strcmp(migrate_arg(d, 0), "default") == 0 && d->n == 2)
			other = d;
		else if (d->n == 1 && strcmp(migrate_arg(d, 0), "ranges") == 0)
			migrate_lose(u->n->j, d, "", "routes take networks, not ranges of addresses");
		else if (d->n == 2 && strcmp(migrate_arg(d, 0), "include") != 0)
			nginx_take_row(u, d, hostnames);
	}
	return other;
}

/* ---- routes ---- */

static void nginx_follow(struct map_use *u, const char *text, struct migrate_line *from);

static void make_routes(struct map_use *u, struct migrate_line *map)
{
	struct migrate_line *other;

	u->key = nginx_key_of(map);
	u->rows = NULL;
	if (u->key == NULL) {
		migrate_lose(u->n->j, map, "", "left out: no route looks at this");
		return;
	}
	other = nginx_read_rows(u, map);
	for (struct map_row *r = u->rows; r != NULL; r = r->next) {
		const char *to = migrate_arg(r->d, 1), *name;

		if (to[0] == '\0' || strchr(to, '$') != NULL) {
			migrate_lose(u->n->j, r->d, "", to[0] == '\0' ?
				"nginx closes such connections; here they go where all others go" :
				"left out: only what stands in the file can be taken over");
			continue;
		}
		name = nginx_target(u->n, u->s, migrate_format(u->n->j, "%s%s", to, u->suffix), r->d);
		if (name != NULL)
			output_route(u->n->j, u->listener, (struct output_match){u->key, r->value}, name, r->d);
	}
	if (other != NULL)
		nginx_follow(u, migrate_arg(other, 1), other);
}

/* A value: another variable, an upstream, or nothing. */
static void nginx_follow(struct map_use *u, const char *text, struct migrate_line *from)
{
	const char *suffix = "", *name = variable_of(u->n, text, &suffix), *to;
	struct migrate_line *d;

	if (text[0] == '\0')
		return;
	if (strchr(text, '$') == NULL) {
		to = nginx_target(u->n, u->s, migrate_format(u->n->j, "%s%s", text, u->suffix), from);
		if (to != NULL)
			(void)yaml_set(u->n->j, u->listener, "upstream", to, from);
		return;
	}
	d = name != NULL && u->depth < NESTED ? definition_of(u, name) : NULL;
	if (d == NULL) {
		migrate_lose(u->n->j, from, text,
			"no client chooses the server's address: such connections are closed");
		return;
	}
	u->suffix = migrate_format(u->n->j, "%s%s", suffix, u->suffix);
	u->depth++;
	if (strcmp(migrate_arg(d, 0), "set") == 0)
		nginx_follow(u, migrate_arg(d, 2), d);
	else
		make_routes(u, d);
}

void nginx_routes(struct nginx *n, struct nginx_scope *s, struct yaml *listener, struct migrate_line *d)
{
	struct map_use u = {.n = n, .s = s, .listener = listener, .pass = d, .suffix = ""};

	nginx_follow(&u, migrate_arg(d, 1), d);
}
