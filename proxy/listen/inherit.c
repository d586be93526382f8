/* inherit: a list, looked through at a start and at a reload. */
#include "proxy/listen/inherit.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/log/log.h"

void inherit_open(struct inherit *all)
{
	struct passed p;
	int err = passed_take(&p);

	*all = (struct inherit){0};
	if (p.n > 0)
		all->at = calloc(p.n, sizeof(*all->at));
	if (err != 0 || (p.n > 0 && all->at == NULL))
		log_msg(LVL_ERROR, "passed_lost", "sockets that systemd passed are not used: %s",
			np_err_text(-NP_ENOMEM));
	for (unsigned i = 0; all->at != NULL && i < p.n; i++) {
		struct inherited *to = &all->at[all->n++];

		to->fd = p.at[i].fd;
		memcpy(to->name, p.at[i].name, sizeof(to->name));
		to->stored = strncmp(to->name, INHERIT_STORED, strlen(INHERIT_STORED)) == 0;
		if (np_sock_adopt(to->fd, &to->local, &to->why) == 0)
			to->why = NULL;
	}
	passed_free(&p);
}

/* systemd keeps its own descriptor of the same socket: this ends ours alone. */
static void inherited_drop(struct inherited *i)
{
	if (i->fd >= 0)
		np_sock_close(i->fd);
	i->fd = -1;
}

void inherit_close(struct inherit *all)
{
	for (unsigned i = 0; i < all->n; i++)
		inherited_drop(&all->at[i]);
	free(all->at);
	*all = (struct inherit){0};
}

/* By name, whatever is wrong with it, for the start has to say what; by address only one that can be used. Two bindings
 * of one address would share its clients by chance, so one that has a user is found no more. */
static bool is_for(const struct inherited *i, const struct np_addr *a)
{
	if (i->fd < 0)
		return false;
	if (np_addr_is_named(a))
		return !i->stored && strcmp(i->name, np_addr_name_of(a)) == 0;
	return i->why == NULL && i->users == 0 && np_addr_equal(&i->local, a);
}

struct inherited *inherit_find(struct inherit *all, const struct np_addr *a, struct inherited *after)
{
	for (struct inherited *i = after != NULL ? after + 1 : all->at; i < all->at + all->n; i++)
		if (is_for(i, a))
			return i;
	return NULL;
}

int inherit_give(struct inherited *i)
{
	int fd = i->fd;

	DCHECK(fd >= 0 && i->why == NULL, "a socket that cannot be used is not given");
	if (i->stored) {
		i->fd = -1;
		return fd;
	}
	fd = np_sock_dup(fd);
	i->users += fd >= 0;
	return fd;
}

void inherit_return(struct inherited *i)
{
	DCHECK(i->users > 0, "a duplicate is returned once");
	i->users--;
}

void inherit_name(struct inherit *all, const struct np_addr *a)
{
	for (struct inherited *i = inherit_find(all, a, NULL); i != NULL; i = inherit_find(all, a, i))
		i->named = true;
}

bool inherit_settle(struct inherit *all, void (*forget)(void *arg, const char *name), void *arg)
{
	bool any = false;

	/* One that cannot be used has no address to tell. */
	for (unsigned i = 0; i < all->n; i++) {
		struct inherited *one = &all->at[i];
		char text[NP_ADDR_TEXT] = "";

		if (one->fd < 0 || one->named)
			continue;
		if (one->why == NULL)
			np_addr_format(&one->local.u.sa, one->local.len, text, sizeof(text));
		if (one->stored) {
			log_msg(LVL_NOTICE, "stored_dropped",
				"%s: of the process before, and named no longer: its socket is closed", text);
			forget(arg, one->name);
			any = true;
		} else {
			log_msg(LVL_WARNING, "passed_unused",
				"systemd passed %s%s%s, which no bind names: it is closed; write \"systemd:%s\"",
				one->name, text[0] != '\0' ? " at " : "", text, one->name);
		}
		inherited_drop(one);
	}
	return any;
}
