/* validate: what no single value can tell; here of listeners and upstreams as such, and what the parts share. Works on
 * the model alone; every place comes from the origins decode noted. */
#include <string.h>

#include "config/step.h"
#include "config/units.h"
#include "config/validate.h"
#include "config/value.h"

struct config_pos validate_origin(const char *path, void *obj)
{
	return *key_origin(key_find(path), obj);
}

bool validate_is_written(const char *path, void *obj)
{
	return pos_known(validate_origin(path, obj));
}

static bool is_default(const struct config_key *k, const void *field)
{
	struct value_reader r = {.arena = NULL};
	size_t size = k->kind == KEY_ENUM ? sizeof(unsigned) : sizeof(int64_t);
	int64_t n = 0;

	if (k->def == NULL)
		return false;
	if (k->kind == KEY_TEXT)
		return strcmp(*(const char *const *)field, k->def) == 0;
	return value_read(&r, k, k->def, &n) == 0 && memcmp(&n, field, size) == 0;
}

bool validate_is_chosen(const char *path, void *obj)
{
	const struct config_key *k = key_find(path);

	return validate_is_written(path, obj) && !is_default(k, key_field(k, obj));
}

void validate_explain(struct diag *d, const char *path)
{
	diag_help(d, "staunch explain %s", path);
}

/* ---- single values ---- */

static void check_bounds(struct diag *d, const struct config_key *k, void *obj)
{
	struct config_pos at = *key_origin(k, obj);
	int64_t n = *(int64_t *)key_field(k, obj);
	char value[UNITS_TEXT], bound[UNITS_TEXT];
	bool below = n < k->min;

	if (((k->flags & KEY_OFF) && n == CONFIG_OFF) || ((k->flags & KEY_AUTO) && n == CONFIG_AUTO))
		return;
	if (!pos_known(at) || (!below && n <= k->max))
		return;
	diag_error(d, DIAG_RANGE, at, "\"%s\" is %s, %s than %s", key_name(k), value_number(k, n, value),
	           below ? "less" : "more", value_number(k, below ? k->min : k->max, bound));
	validate_explain(d, k->path);
}

/* Names become metric labels and parts of paths, so their letters are few. */
static void check_name(struct diag *d, const struct config_key *k, void *obj)
{
	const char *name = *(const char **)key_field(k, obj);
	size_t n = name == NULL ? 0 : strlen(name);

	if (name == NULL)
		return;
	if (n <= CONFIG_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n &&
	    strchr("_.-", name[0]) == NULL)
		return;
	diag_error(d, DIAG_NAME, *key_origin(k, obj), "\"%.80s\" is not a name: %s", name,
	           n > CONFIG_NAME_MAX ? "it is longer than 63 characters"
	                               : "a to z, 0 to 9, and inside also _ . -");
	validate_explain(d, k->path);
}

void validate_values(struct diag *d, enum key_scope_id scope, void *obj)
{
	const struct key_scope *s = &key_scopes[scope];

	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct config_key *k = &key_rows[i];

		if (k->kind == KEY_DURATION || k->kind == KEY_COUNT || k->kind == KEY_SIZE)
			check_bounds(d, k, obj);
		if (k->kind == KEY_NAME)
			check_name(d, k, obj);
	}
}

/* ---- nothing twice ---- */

static void note_first(struct diag *d, struct config_pos first)
{
	diag_note(d, "the first is at %u:%u", first.line, first.column);
}

static void check_listener_names(struct diag *d, struct config *c, size_t i)
{
	struct config_listener *l = &c->listeners[i];

	for (size_t j = 0; j < i && l->name != NULL; j++) {
		struct config_listener *o = &c->listeners[j];

		if (o->name == NULL || strcmp(o->name, l->name) != 0)
			continue;
		diag_error(d, DIAG_NAME_TWICE, validate_origin("listeners[].name", l),
		           "a listener \"%s\" is already defined", l->name);
		note_first(d, validate_origin("listeners[].name", o));
		return;
	}
}

static void check_upstream_names(struct diag *d, struct config *c, size_t i)
{
	struct config_upstream *u = &c->upstreams[i];

	for (size_t j = 0; j < i && u->name != NULL; j++) {
		struct config_upstream *o = &c->upstreams[j];

		if (o->name == NULL || strcmp(o->name, u->name) != 0)
			continue;
		diag_error(d, DIAG_NAME_TWICE, validate_origin("upstreams[].name", u),
		           "an upstream \"%s\" is already defined", u->name);
		note_first(d, validate_origin("upstreams[].name", o));
		return;
	}
}

/* Only equal addresses clash: 127.0.0.1:80 beside :80 is a choice, and the kernel prefers the narrower one. Port 0 is
 * another port each time. */
static bool clash(const struct np_addr *a, const struct np_addr *b)
{
	return np_addr_equal(a, b) && (np_addr_is_unix(a) || np_addr_port(&a->u.sa) != 0);
}

static const struct config_text *bound_before(const struct config *c, size_t listener, size_t bind)
{
	const struct np_addr *a = &c->listeners[listener].bind[bind];

	for (size_t i = 0; i <= listener; i++) {
		const struct config_listener *l = &c->listeners[i];
		size_t n = i == listener ? bind : l->nbind;

		for (size_t j = 0; j < n; j++)
			if (clash(&l->bind[j], a))
				return &l->bind_text[j];
	}
	return NULL;
}

static void check_bind(struct diag *d, const struct config *c, size_t listener)
{
	const struct config_listener *l = &c->listeners[listener];

	for (size_t j = 0; j < l->nbind; j++) {
		const struct config_text *first = bound_before(c, listener, j), *text = &l->bind_text[j];

		if (first != NULL) {
			diag_error(d, DIAG_BOUND_TWICE, text->at, "the address %s is already bound", text->text);
			note_first(d, first->at);
		}
		if (!np_addr_is_unix(&l->bind[j]) && np_addr_port(&l->bind[j].u.sa) == 0)
			diag_warn(d, DIAG_ANY_PORT, text->at, "port 0: the kernel chooses one, anew at each start");
	}
}

static void check_servers(struct diag *d, struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		struct config_server *s = &u->servers[i];

		validate_values(d, KEY_SERVER, s);
		for (size_t j = 0; j < i && s->text != NULL; j++) {
			if (u->servers[j].text == NULL || !np_addr_equal(&u->servers[j].addr, &s->addr))
				continue;
			diag_error(d, DIAG_SERVER_TWICE, validate_origin("upstreams[].servers[].address", s),
			           "the server %s is already in this upstream", s->text);
			note_first(d, validate_origin("upstreams[].servers[].address", &u->servers[j]));
			diag_help(d, "give it a weight instead");
			break;
		}
	}
}

/* ---- warnings: legal, and surely not meant ---- */

static bool is_used(const struct config *c, size_t upstream)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		const struct config_listener *l = &c->listeners[i];

		if (l->upstream == upstream)
			return true;
		for (size_t j = 0; j < l->nroutes; j++)
			if (l->routes[j].upstream == upstream)
				return true;
	}
	return false;
}

/* Only when each reference resolves: one that does not may have meant this upstream. */
static void doubt_use(struct diag *d, const struct config *c, size_t upstream)
{
	struct config_upstream *u = &c->upstreams[upstream];

	if (u->name != NULL && !is_used(c, upstream))
		diag_warn(d, DIAG_UNUSED, validate_origin("upstreams[].name", u), "no listener uses upstream \"%.80s\"",
		          u->name);
}

static void doubt_upstream(struct diag *d, struct config_upstream *u)
{
	bool takes = u->nservers == 0;
	struct config_pos connect;

	for (size_t i = 0; i < u->nservers; i++)
		takes = takes || u->servers[i].weight > 0;
	if (!takes)
		diag_warn(d, DIAG_NO_SERVER, validate_origin("upstreams[].servers", u),
		          "every server has weight 0: each connection will be refused");
	connect = validate_origin("upstreams[].timeouts.connect", u);
	if (u->timeouts.connect > u->retry_budget)
		diag_warn(d, DIAG_SHORT_TIMER,
		          pos_known(connect) ? connect : validate_origin("upstreams[].retry_budget", u),
		          "timeouts.connect is longer than retry_budget, which ends the attempt first");
}

static void doubt_listener(struct diag *d, const struct config *c, struct config_listener *l)
{
	int64_t all = c->limits.max_connections;
	struct config_pos idle = validate_origin("listeners[].timeouts.idle", l);

	if (l->max_connections == CONFIG_OFF && l->at_limit == CONFIG_AT_LIMIT_WAIT)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].at_limit", l),
		          "at_limit has no effect without max_connections");
	if (l->max_connections != CONFIG_OFF && all != CONFIG_AUTO && l->max_connections > all)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].max_connections", l),
		          "limits.max_connections is lower and is reached first");
	if (l->timeouts.idle != CONFIG_OFF && l->timeouts.lifetime < l->timeouts.idle && pos_known(idle))
		diag_warn(d, DIAG_SHORT_TIMER, idle, "lifetime is shorter, so this is never reached");
}

void validate_run(struct config *c, struct diag *d)
{
	bool all_resolve = c->nlisteners > 0;

	validate_values(d, KEY_TOP, c);
	for (size_t i = 0; i < c->nupstreams; i++) {
		validate_values(d, KEY_UPSTREAM, &c->upstreams[i]);
		check_upstream_names(d, c, i);
		check_servers(d, &c->upstreams[i]);
		validate_upstream_tls(d, &c->upstreams[i]);
		doubt_upstream(d, &c->upstreams[i]);
	}
	for (size_t i = 0; i < c->nlisteners; i++) {
		validate_values(d, KEY_LISTENER, &c->listeners[i]);
		check_listener_names(d, c, i);
		check_bind(d, c, i);
		all_resolve = validate_routes(d, c, &c->listeners[i]) && all_resolve;
		validate_listener_tls(d, &c->listeners[i]);
		doubt_listener(d, c, &c->listeners[i]);
	}
	for (size_t i = 0; i < c->nupstreams && all_resolve; i++)
		doubt_use(d, c, i);
}
