/* handed: a list; np_sock_adopt makes a foreign descriptor one of ours. */
#include "proxy/listen/handed.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

/* One address has one entry, however many messages its sockets came in. */
int handed_put(struct list *store, const struct np_addr *addr, const int *sysfds, unsigned n, int lock)
{
	struct handed *before, *i;
	struct np_addr local;
	const char *why;
	unsigned had;

	for (unsigned k = 0; k < n; k++)
		if (np_sock_adopt(sysfds[k], &local, &why) != 0)
			return -NP_EINVAL;
	before = handed_take(store, addr);
	had = before != NULL ? before->n : 0;
	i = n > 0 ? realloc(before, sizeof(*i) + (had + n) * sizeof(int)) : NULL;
	if (i == NULL) {
		if (before != NULL)
			list_push_back(store, &before->link);
		return n > 0 ? -NP_ENOMEM : -NP_EINVAL;
	}
	if (had == 0) {
		i->addr = *addr;
		i->kept = false;
	}
	if (had == 0 || lock >= 0)
		i->lock = lock;
	memcpy(i->sysfd + had, sysfds, n * sizeof(int));
	i->n = had + n;
	list_init(&i->link);
	list_push_back(store, &i->link);
	return 0;
}

void handed_keep(struct list *store, const struct np_addr *addr)
{
	list_for_each(it, store) {
		struct handed *i = list_entry(it, struct handed, link);

		i->kept |= np_addr_equal(&i->addr, addr);
	}
}

struct handed *handed_take(struct list *store, const struct np_addr *addr)
{
	list_for_each(it, store) {
		struct handed *i = list_entry(it, struct handed, link);

		if (!np_addr_equal(&i->addr, addr))
			continue;
		list_remove(&i->link);
		return i;
	}
	return NULL;
}

void handed_free(struct handed *i)
{
	if (i == NULL)
		return;
	for (unsigned k = 0; k < i->n; k++)
		if (i->sysfd[k] >= 0)
			np_sock_close(i->sysfd[k]);
	if (i->lock >= 0)
		np_sock_close(i->lock);
	free(i);
}

unsigned handed_close(struct list *store)
{
	unsigned n = 0;

	list_for_each_safe(it, store) {
		list_remove(it);
		handed_free(list_entry(it, struct handed, link));
		n++;
	}
	return n;
}
