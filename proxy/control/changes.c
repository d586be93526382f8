/* changes: a difference is put whole, or counted. */
#include "proxy/control/changes.h"

#include <stdio.h>
#include <string.h>

#include "netpoll/check.h"

/* A line under way. */
struct changes {
	struct text *t;
	size_t cap;    /* of t, without what the count needs */
	unsigned told, more;
};

void change_object(const struct config_difference *d, char out[CHANGE_OBJECT])
{
	char address[NP_ADDR_TEXT] = "";

	if (d->server != NULL && d->server->host != NULL)
		snprintf(address, sizeof(address), "%s", d->server->text);
	else if (d->server != NULL)
		np_addr_format(&d->server->addr.u.sa, d->server->addr.len, address, sizeof(address));
	snprintf(out, CHANGE_OBJECT, "%s%s%s%s%s", d->noun, d->name != NULL ? " " : "",
		 d->name != NULL ? d->name : "", d->server != NULL ? "/" : "", address);
}

/* "listeners[].timeouts.idle" as "timeouts.idle": the object stands in front. */
static const char *key_in_object(const char *path)
{
	const char *bracket = strrchr(path, ']');

	return bracket != NULL && bracket[1] == '.' ? bracket + 2 : path;
}

/* A key that changed is named and its values are not: they may be long, and some are secrets' paths. */
static void put_change_words(struct text *t, const struct config_difference *d)
{
	static const char *const words[] = {[CONFIG_ADD] = " added", [CONFIG_REMOVE] = " removed"};
	char object[CHANGE_OBJECT];

	change_object(d, object);
	if (d->change != CONFIG_CHANGE) {
		text_str(t, object);
		text_str(t, words[d->change]);
		return;
	}
	if (d->name != NULL) { /* the keys of a section begin with its name */
		text_str(t, object);
		text_str(t, ": ");
	}
	for (unsigned i = 0; i < d->nkeys; i++) {
		text_str(t, i > 0 ? ", " : "");
		text_str(t, key_in_object(d->keys[i]));
	}
	if (d->effect == CONFIG_EFFECT_RESTART)
		text_str(t, " (at the next start)");
}

/* Once one has had no room, all later ones are only counted: else the line would jump. */
static void put_one_change(void *arg, const struct config_difference *d)
{
	struct changes *c = arg;
	struct text *t = c->t;
	size_t before = t->n, cap = t->cap;

	t->cap = c->cap;
	text_str(t, c->told > 0 ? "; " : "");
	put_change_words(t, d);
	t->cap = cap;
	if (!t->cut && c->more == 0) {
		c->told++;
		return;
	}
	t->n = before;
	t->cut = false;
	c->more++;
}

void changes_put(struct text *t, const struct config *older, const struct config *newer)
{
	struct changes c = {.t = t, .cap = t->cap - CHANGES_MORE};

	DCHECK(t->cap >= t->n + CHANGES_MORE, "there is room for the count of what has none");
	if (config_diff(older, newer, put_one_change, &c) != 0)
		return;
	if (c.more > 0) {
		text_str(t, c.told > 0 ? "; and " : "");
		text_u64(t, c.more);
		text_str(t, c.told > 0 ? " more" : " changes");
	}
}
