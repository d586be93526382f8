/* Parameters of a filter, read in the words of the configuration. */
#include "proxy/admin/admin_filter.h"

#include <stdio.h>
#include <string.h>

#include "config/text/word.h"
#include "config/units.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

#define OWN_MOST 16

/* ---- values ---- */

/* Names are compared byte by byte; one that is too long could match nothing. */
static bool take_name(char *out, size_t room, const char *value, const char **why)
{
	*why = "it is empty, or too long";
	if (value[0] == '\0' || strlen(value) >= room)
		return false;
	snprintf(out, room, "%s", value);
	return true;
}

static bool take_listener(struct conn_filter *f, const char *value, const char **why)
{
	return take_name(f->listener, sizeof(f->listener), value, why);
}

static bool take_upstream(struct conn_filter *f, const char *value, const char **why)
{
	return take_name(f->upstream, sizeof(f->upstream), value, why);
}

static bool take_server(struct conn_filter *f, const char *value, const char **why)
{
	return take_name(f->server, sizeof(f->server), value, why);
}

/* An address is a network of one. */
static bool take_src(struct conn_filter *f, const char *value, const char **why)
{
	f->has_src = true;
	return cidr_parse(&f->src, value, why) >= 0;
}

/* As routes take names: lower case, no dot at the end, a star for one label or more. */
static bool take_sni(struct conn_filter *f, const char *value, const char **why)
{
	size_t n = strlen(value);

	if (!take_name(f->sni, sizeof(f->sni), value, why))
		return false;
	for (size_t i = 0; i < n; i++)
		f->sni[i] = name_lower(f->sni[i]);
	if (f->sni[n - 1] == '.')
		f->sni[n - 1] = '\0';
	if (f->sni[0] == '\0')
		return false; /* an empty name would mean any */
	*why = "a star stands in front of a dot, at the beginning";
	return strchr(f->sni, '*') == NULL || (strncmp(f->sni, "*.", 2) == 0 && strchr(f->sni + 1, '*') == NULL);
}

static bool take_duration(int64_t *ns, const char *value, const char **why)
{
	struct units_refusal refusal = {.why = NULL};

	if (units_duration(ns, value, &refusal) == 0)
		return true;
	*why = refusal.why;
	return false;
}

static bool take_older(struct conn_filter *f, const char *value, const char **why)
{
	return take_duration(&f->older, value, why);
}

static bool take_idle(struct conn_filter *f, const char *value, const char **why)
{
	return take_duration(&f->idle, value, why);
}

/* Why a connection that still lives will end; any: it has begun to end. */
static bool take_reason(struct conn_filter *f, const char *value, const char **why)
{
	f->has_pending = true;
	if (strcmp(value, "any") == 0)
		return true;
	for (int i = CLOSE_NONE + 1; i < CLOSE_REASONS; i++) {
		if (strcmp(value, close_word((enum close_reason)i)) == 0) {
			f->pending = (uint8_t)i;
			return true;
		}
	}
	*why = "there is no such close reason";
	return false;
}

static const struct {
	const char *name;
	bool (*take)(struct conn_filter *f, const char *value, const char **why);
	const char *takes;
} params[] = {
	{"listener", take_listener, "a listener's name"},
	{"upstream", take_upstream, "an upstream's name"},
	{"server", take_server, "a server as upstream/address, or its address"},
	{"src", take_src, "a network such as 10.0.0.0/8, an address, or the word unix"},
	{"sni", take_sni, "a host name, or *.example.com for all below it"},
	{"older", take_older, "a duration such as 200ms, 5s or 1h30m"},
	{"idle", take_idle, "a duration such as 200ms, 5s or 1h30m"},
	{"reason_pending", take_reason, "a close reason such as client_fin, or any"},
};

static void say_wrong(char why[ADMIN_WHY], const char *name, const char *value, const char *problem, const char *takes)
{
	snprintf(why, ADMIN_WHY, "%.32s cannot be \"%.100s\": %.100s%s%.100s", name, value, problem,
		 problem[0] != '\0' ? "; " : "", takes);
}

enum admin_taken admin_filter_take(struct conn_filter *f, const char *name, const char *value, char why[ADMIN_WHY])
{
	for (size_t i = 0; i < array_len(params); i++) {
		const char *problem = "";

		if (strcmp(params[i].name, name) != 0)
			continue;
		if (params[i].take(f, value, &problem))
			return ADMIN_TAKEN;
		say_wrong(why, name, value, problem, params[i].takes);
		return ADMIN_WRONG;
	}
	return ADMIN_UNKNOWN;
}

bool admin_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t v = 0;

	if (text[0] == '\0' || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	for (; *text != '\0'; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	*out = v;
	return v >= least && v <= most;
}

/* ---- names ---- */

/* The i-th name of the filter's and then of the own ones; NULL: there are no more. */
static const char *name_at(size_t i, const struct admin_params *p)
{
	size_t first = p->filter != NULL ? array_len(params) : 0;

	if (i < first)
		return params[i].name;
	return i - first < p->nown ? p->own[i - first].name : NULL;
}

static void put_all_names(struct text *t, const struct admin_params *p)
{
	const char *known;

	text_str(t, "there are: ");
	for (size_t i = 0; (known = name_at(i, p)) != NULL; i++) {
		text_str(t, i > 0 ? ", " : "");
		text_str(t, known);
	}
}

void admin_refuse_name(struct reply *r, const char *what, const char *name, const struct admin_params *p)
{
	char message[128], help[400];
	struct word_search near;
	struct text t;
	const char *known;

	text_init(&t, help, sizeof(help) - 1);
	word_search_init(&near, name);
	for (size_t i = 0; (known = name_at(i, p)) != NULL; i++)
		word_search_try(&near, known);
	if (near.best != NULL) {
		text_str(&t, "did you mean ");
		text_str(&t, near.best);
		text_char(&t, '?');
	} else {
		put_all_names(&t, p);
	}
	help[t.n] = '\0';
	snprintf(message, sizeof(message), "there is no %s \"%.64s\" here", what, name);
	reply_error(r, 400, message, help);
}

/* ---- the query ---- */

static enum admin_taken take_param(const struct admin_params *p, const char *name, const char *value,
				   char why[ADMIN_WHY])
{
	enum admin_taken taken = p->filter != NULL ? admin_filter_take(p->filter, name, value, why) : ADMIN_UNKNOWN;

	for (size_t i = 0; taken == ADMIN_UNKNOWN && i < p->nown; i++) {
		if (strcmp(p->own[i].name, name) != 0)
			continue;
		if (p->own[i].take(p->into, value))
			return ADMIN_TAKEN;
		say_wrong(why, name, value, "", p->own[i].takes);
		return ADMIN_WRONG;
	}
	return taken;
}

/* Of its place among all names: they are few. */
static uint32_t bit_of(const char *name, const struct admin_params *p)
{
	const char *known;

	for (size_t i = 0; (known = name_at(i, p)) != NULL; i++)
		if (strcmp(known, name) == 0)
			return UINT32_C(1) << i;
	return 0;
}

bool admin_query_read(const struct client *c, struct reply *r, const struct admin_params *p)
{
	char name[ADMIN_VALUE], value[ADMIN_VALUE], why[ADMIN_WHY];
	uint32_t seen = 0;
	size_t at = 0;
	int more;

	DCHECK(p->nown <= OWN_MOST, "a bit for each parameter");
	while ((more = http_query_next(&c->request, &at, name, value, sizeof(value))) > 0) {
		enum admin_taken taken = take_param(p, name, value, why);
		uint32_t bit = bit_of(name, p);

		if (taken == ADMIN_TAKEN && (seen & bit) == 0) {
			seen |= bit;
			continue;
		}
		if (taken == ADMIN_TAKEN)
			snprintf(why, sizeof(why), "%.64s stands there twice", name);
		if (taken == ADMIN_UNKNOWN)
			admin_refuse_name(r, "parameter", name, p);
		else
			reply_error(r, 400, why, NULL);
		return false;
	}
	if (more == 0)
		return true;
	reply_error(r, 400, "the query cannot be decoded, or a part of it is too long", NULL);
	return false;
}
