/* inherit: a list, and what makes a foreign descriptor one of ours. */
#include "proxy/listen/inherit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netpoll/check.h"

/* It is a stream socket that listens. */
static bool socket_listens(int sysfd)
{
	int type = 0, listens = 0;
	socklen_t n = sizeof(type);

	if (getsockopt(sysfd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_STREAM)
		return false;
	n = sizeof(listens);
	return getsockopt(sysfd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens != 0;
}

/* As a socket of ours is from its first moment. */
static bool socket_adopt(int sysfd)
{
	int flags = fcntl(sysfd, F_GETFL);

	return socket_listens(sysfd) && flags >= 0 && fcntl(sysfd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(sysfd, F_SETFD, FD_CLOEXEC) == 0;
}

/* One address has one entry, however many messages its sockets came in. */
int inherit_put(struct list *store, const struct np_addr *addr, const int *sysfds, unsigned n, int lock)
{
	struct inherited *before, *i;
	unsigned had;

	for (unsigned k = 0; k < n; k++)
		if (!socket_adopt(sysfds[k]))
			return -NP_EINVAL;
	before = inherit_take(store, addr);
	had = before != NULL ? before->n : 0;
	i = n > 0 ? realloc(before, sizeof(*i) + (had + n) * sizeof(int)) : NULL;
	if (i == NULL) {
		if (before != NULL)
			list_push_back(store, &before->link);
		return n > 0 ? -NP_ENOMEM : -NP_EINVAL;
	}
	if (had == 0)
		i->addr = *addr;
	if (had == 0 || lock >= 0)
		i->lock = lock;
	memcpy(i->sysfd + had, sysfds, n * sizeof(int));
	i->n = had + n;
	list_init(&i->link);
	list_push_back(store, &i->link);
	return 0;
}

struct inherited *inherit_take(struct list *store, const struct np_addr *addr)
{
	list_for_each(it, store) {
		struct inherited *i = list_entry(it, struct inherited, link);

		if (!np_addr_equal(&i->addr, addr))
			continue;
		list_remove(&i->link);
		return i;
	}
	return NULL;
}

void inherit_free(struct inherited *i)
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

unsigned inherit_close(struct list *store)
{
	unsigned n = 0;

	list_for_each_safe(it, store) {
		list_remove(it);
		inherit_free(list_entry(it, struct inherited, link));
		n++;
	}
	return n;
}
