/* override_text: reads what it writes, and takes nothing else: half an understanding of a file is a server that takes
 * connections it should not. */
#include "proxy/control/override_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/node.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"
#include "proxy/upstream/upstream.h"

#define UNTIL " until "

static const char head[] = "# What operators said of servers, and DNS of names. staunch reads it at its start and "
			   "writes it.\nschema: 1\noverrides:\n";
static const char *const keys[SERVER_SETS] = {"state", "weight", "max_connections"};

/* ---- write ---- */

/* In double quotes YAML gives a meaning to these two alone; control characters are in no name that the checker
 * passes. */
static void put_yaml_quoted(struct text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			text_char(t, '\\');
		text_char(t, *s);
	}
}

static bool put_setting(struct text *t, const struct server_inputs *in, enum server_set which)
{
	const bool said[SERVER_SETS] = {in->admin != SERVER_READY, in->admin_weight >= 0, in->admin_most != 0};

	if (!said[which])
		return false;
	text_str(t, ", ");
	text_str(t, keys[which]);
	text_str(t, ": \"");
	if (which == SERVER_SET_STATE)
		text_str(t, server_admin_text(in->admin));
	else if (which == SERVER_SET_WEIGHT)
		text_i64(t, in->admin_weight);
	else if (in->admin_most == SERVER_NO_LIMIT)
		text_str(t, "off");
	else
		text_u64(t, in->admin_most);
	return true;
}

void override_text_head(struct text *t)
{
	text_str(t, head);
}

void override_text_row(struct text *t, const char *upstream, const char *address, const struct server_inputs *said,
		       const int64_t ends[SERVER_SETS])
{
	text_str(t, "  - {server: \"");
	put_yaml_quoted(t, upstream);
	text_char(t, '/');
	put_yaml_quoted(t, address);
	text_char(t, '"');
	for (unsigned i = 0; i < SERVER_SETS; i++) {
		if (!put_setting(t, said, (enum server_set)i))
			continue;
		if (ends[i] != 0) {
			text_str(t, UNTIL);
			text_time(t, ends[i]);
		}
		text_char(t, '"');
	}
	text_str(t, "}\n");
}

void override_text_names(struct text *t)
{
	text_str(t, "names: >-\n");
}

/* ---- read ---- */

/* All of s is one number up to most. */
static bool read_decimal(const char *s, uint32_t most, uint32_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < 10 && digit_is_decimal(s[n]); n++)
		v = v * 10 + (uint64_t)(s[n] - '0');
	*out = (uint32_t)v;
	return n > 0 && s[n] == '\0' && v <= most;
}

/* As text_time writes it. */
static bool read_time(const char *s, int64_t *ns)
{
	struct tm tm = {0};
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction = 0, unit = NP_S, seconds;

	if (p == NULL)
		return false;
	if (*p == '.')
		for (p++; digit_is_decimal(*p) && unit > 1; p++) {
			unit /= 10;
			fraction += (*p - '0') * unit;
		}
	seconds = timegm(&tm);
	if (strcmp(p, "Z") != 0 || seconds <= 0 || seconds > INT64_MAX / NP_S - 1)
		return false;
	*ns = seconds * NP_S + fraction;
	return true;
}

/* The words and bounds are those of POST /v1/servers, so no file says what no request could. */
static bool read_value(struct server_inputs *in, enum server_set which, const char *value)
{
	uint32_t n = 0;

	if (which == SERVER_SET_STATE) {
		in->admin = strcmp(value, server_admin_text(SERVER_DRAIN)) == 0 ? SERVER_DRAIN : SERVER_MAINT;
		return strcmp(value, server_admin_text(in->admin)) == 0;
	}
	if (which == SERVER_SET_MOST && strcmp(value, "off") == 0) {
		in->admin_most = SERVER_NO_LIMIT;
		return true;
	}
	if (!read_decimal(value, which == SERVER_SET_WEIGHT ? UPSTREAM_WEIGHT_MAX : SERVER_NO_LIMIT - 1, &n))
		return false;
	if (which == SERVER_SET_WEIGHT)
		in->admin_weight = (int)n;
	else
		in->admin_most = n;
	return which == SERVER_SET_WEIGHT || n > 0;
}

/* VALUE, or VALUE until TIME. */
static bool read_setting(struct override_row *row, enum server_set which, const char *text)
{
	const char *until = strstr(text, UNTIL);
	size_t n = until != NULL ? (size_t)(until - text) : strlen(text);
	char value[16];

	if (n >= sizeof(value) || (until != NULL && !read_time(until + strlen(UNTIL), &row->ends[which])))
		return false;
	memcpy(value, text, n);
	value[n] = '\0';
	return read_value(&row->said, which, value);
}

/* Split as in a URL: an upstream's name has no slash, an address may. */
static bool read_server(struct override_row *row, const char *text)
{
	const char *slash = strchr(text, '/');

	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(row->upstream) || slash[1] == '\0' ||
	    strlen(slash + 1) >= sizeof(row->address))
		return false;
	memcpy(row->upstream, text, (size_t)(slash - text));
	memcpy(row->address, slash + 1, strlen(slash));
	return true;
}

static bool read_key(struct override_row *row, const char *key, const struct node *value)
{
	if (value->kind != NODE_SCALAR)
		return false;
	if (strcmp(key, "server") == 0)
		return read_server(row, value->text);
	for (unsigned i = 0; i < SERVER_SETS; i++)
		if (strcmp(key, keys[i]) == 0)
			return read_setting(row, (enum server_set)i, value->text);
	return false;
}

/* A server, and something that is said of it. */
static bool read_row(struct override_row *row, const struct node *n)
{
	*row = (struct override_row){.said = {.admin_weight = -1, .agent_weight = -1}};
	if (n->kind != NODE_MAP || n->n < 2)
		return false;
	for (const struct node_item *it = n->items; it != NULL; it = it->next)
		if (!read_key(row, it->key->text, it->value))
			return false;
	return row->address[0] != '\0';
}

/* The second would count in silence. */
static bool is_twice(const struct override_row *rows, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(rows[i].address, rows[n].address) == 0 && strcmp(rows[i].upstream, rows[n].upstream) == 0)
			return true;
	return false;
}

static int say_damaged(char why[OVERRIDE_TEXT_WHY], unsigned line, const char *what)
{
	snprintf(why, OVERRIDE_TEXT_WHY, "line %u: %s", line, what);
	return -NP_EINVAL;
}

/* One by one.   Returns  how many, on the heap. */
static int read_all_rows(const struct node *list, struct override_row **out, char why[OVERRIDE_TEXT_WHY])
{
	struct override_row *rows = calloc(list->n + 1, sizeof(*rows));
	int n = 0;

	if (rows == NULL)
		return -NP_ENOMEM;
	for (const struct node_item *it = list->items; it != NULL; it = it->next, n++) {
		if (read_row(&rows[n], it->value) && !is_twice(rows, n))
			continue;
		free(rows);
		return say_damaged(why, it->value->at.line, "it is no override, or is there twice");
	}
	*out = rows;
	return n;
}

/* A later version that keeps more must not be half understood: only what is known may stand there. */
static int read_rows(const struct node *root, struct override_row **out, char **names, char why[OVERRIDE_TEXT_WHY])
{
	const struct node *schema = node_get(root, "schema"), *list = node_get(root, "overrides");
	const struct node *known = node_get(root, "names");
	int n;

	if (schema == NULL || schema->kind != NODE_SCALAR || strcmp(schema->text, "1") != 0 ||
	    root->n != 2 + (size_t)(known != NULL))
		return say_damaged(why, 1, "it is no state file of this version");
	if (list == NULL || (list->kind != NODE_LIST && !node_is_null(list)) || list->n > OVERRIDES_MOST)
		return say_damaged(why, 1, "there is no list of overrides, or it is too long");
	if (known != NULL && known->kind != NODE_SCALAR)
		return say_damaged(why, known->at.line, "what is known of names is no text");
	n = read_all_rows(list, out, why);
	if (n < 0 || known == NULL)
		return n;
	*names = strdup(known->text);
	if (*names != NULL)
		return n;
	free(*out);
	*out = NULL;
	return -NP_ENOMEM;
}

static int read_source(struct source *source, struct diag *d, struct override_row **rows, char **names,
		       char why[OVERRIDE_TEXT_WHY])
{
	struct node_tree tree;
	int n = node_parse(&tree, source, d);

	if (n == 0 && diag_count(d, DIAG_ERROR) > 0)
		n = say_damaged(why, diag_get(d, 0)->at.line, diag_get(d, 0)->message);
	else if (n == 0 && tree.root == NULL)
		n = say_damaged(why, 1, "it is empty");
	else if (n == 0)
		n = read_rows(tree.root, rows, names, why);
	node_fini(&tree);
	return n;
}

int override_text_read(const char *text, size_t n, struct override_row **rows, char **names,
		       char why[OVERRIDE_TEXT_WHY])
{
	struct diag *d = diag_new();
	struct source *source = NULL;
	int got = d == NULL ? -NP_ENOMEM : source_new(&source, "state", text, n);

	*names = NULL;
	if (got == 0) {
		diag_take_source(d, source);
		got = read_source(source, d, rows, names, why);
	} else if (got == -EFBIG) {
		got = say_damaged(why, 1, "it is too large");
	}
	diag_free(d);
	return got;
}
