/* names_apply: lists, upstreams, and who hears of it. */
#include "proxy/control/names_apply.h"

#include <stdlib.h>

#include "config/config.h"
#include "netpoll/err.h"
#include "proxy/control/check_first.h"
#include "proxy/control/control.h"
#include "proxy/control/names_list.h"
#include "proxy/control/names_say.h"
#include "proxy/policy/snapshot.h"

/* Is one of its names not in force as it is known? */
static bool has_changed(const struct names *n, const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		const struct named *one = u->servers[i].host != NULL ? names_find(n, &u->servers[i]) : NULL;

		if (one != NULL && one->changed)
			return true;
	}
	return false;
}

/* names_list_make's view of the names. */
static const struct dns_name *dns_of(void *arg, const struct config_server *s)
{
	const struct named *one = names_find(arg, s);

	return one != NULL ? &one->dns : NULL;
}

/* By a walk: it is asked only when a list changes, for each server that it had before. */
static bool list_has(const struct names_list *list, const struct np_addr *a)
{
	for (unsigned i = 0; i < list->n; i++)
		if (np_addr_equal(&list->specs[i].addr, a))
			return true;
	return false;
}

/* Who is not in the list any more is leaving, also for connections that an older generation still makes. */
static void mark_leaving(const struct names_list *list, const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (!list_has(list, &u->members->at[i].server->addr))
			server_set_leaving(u->members->at[i].server, true);
}

/* Also a server of the file that a name had before, and one that came back while its connections still ran. */
static void mark_present(const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		server_set_leaving(u->members->at[i].server, false);
}

/* With the word that it has once it is listed: what operators say of it, and that no check knows it yet.
 *   Returns  NULL: no memory.   Owns  a hold of it. */
static struct server *held_with_word(const struct process *p, const struct config_upstream *c,
				     const struct upstream *u, const struct server_spec *spec)
{
	struct server *s = server_get(u->registry, u->name, &spec->addr, spec->text);

	if (s != NULL) {
		overrides_apply_to(&p->overrides, s);
		check_first_await_one(p, c, s);
	}
	return s;
}

/* A new list may be picked from at once, by clients who wait: so who comes is held with its word before, for a server
 * that nobody holds is made anew, and knows nothing.   Returns  0 or -NP_ENOMEM, and the list is as before. */
static int replace_servers(const struct process *p, const struct config_upstream *c, struct upstream *u,
			   const struct names_list *list)
{
	struct server **held = calloc(list->n + 1, sizeof(struct server *)); /* + 1: never of size 0 */
	unsigned n = 0;
	int err;

	if (held == NULL)
		return -NP_ENOMEM;
	while (n < list->n && (held[n] = held_with_word(p, c, u, &list->specs[n])) != NULL)
		n++;
	err = n == list->n ? upstream_replace(u, list->specs, list->n) : -NP_ENOMEM;
	while (n > 0)
		server_put(u->registry, held[--n]);
	free(held);
	return err;
}

/* Returns 0: it is as DNS says; *replaced: it was another list before. */
static int bring_up_to_date(const struct names *n, const struct snapshot *s, unsigned i, bool *replaced)
{
	struct upstream *u = s->upstreams[i]->u;
	struct names_list list;
	int err = names_list_make(&list, s->config, i, dns_of, (void *)(uintptr_t)n);

	if (err != 0)
		return err;
	names_say_left_out(n, &s->config->upstreams[i], &list);
	if (!names_list_same(&list, u)) {
		names_say_change(u, &list);
		mark_leaving(&list, u);
		err = replace_servers(n->process, &s->config->upstreams[i], u, &list);
		*replaced |= err == 0;
	}
	mark_present(u);
	free(list.specs);
	return err;
}

void names_apply_all(struct names *n, const struct snapshot *s)
{
	bool replaced = false;

	for (unsigned i = 0; i < s->nupstreams; i++) {
		struct upstream *u = s->upstreams[i]->u;
		bool named = names_bring_servers(&s->config->upstreams[i]);

		upstream_doubt_tell(u->live, named ? &n->doubt : NULL);
		if (named)
			(void)bring_up_to_date(n, s, i, &replaced);
		else
			mark_present(u);
	}
}

bool names_apply_changed(struct names *n)
{
	struct process *p = n->process;
	bool replaced = false, all = true;

	if (n->adopting || p->snap == NULL || p->registry.lent)
		return false;
	for (unsigned i = 0; i < p->snap->nupstreams; i++)
		if (has_changed(n, &p->snap->config->upstreams[i]))
			all = bring_up_to_date(n, p->snap, i, &replaced) == 0 && all;
	list_for_each(it, &n->all)
		list_entry(it, struct named, link)->changed &= !all;
	if (replaced) {
		overrides_apply(p, p->snap);
		check_first_await(p, p->snap);
		publish_again(p);
	}
	return all;
}
