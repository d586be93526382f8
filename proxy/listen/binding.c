/* binding: opens the sockets of one address, starts and stops its acceptors. */
#include "proxy/listen/binding.h"

#include <stdlib.h>

#include "proxy/listen/acceptor.h"

/* ---- opening ---- */

static int listen_one(const struct binding *b, const struct np_addr *a)
{
	struct np_listen_opts o = {
		.backlog = b->backlog,
		.reuseport = (b->n > 1 || b->beside) && !b->shared,
		.nodelay = true,
		.keepalive = true,
	};

	return np_listen(a, &o);
}

/* The first socket chooses the port where the address has none; the others are bound to the same.
 */
static int binding_listen(struct binding *b)
{
	int err = b->beside ? 0 : np_listen_check(&b->addr);

	if (err != 0)
		return err;
	b->sysfd[0] = listen_one(b, &b->addr);
	if (b->sysfd[0] < 0)
		return b->sysfd[0];
	err = np_unix_file_of(&b->addr, &b->file); /* first: from here on binding_free removes it */
	if (err == 0)
		err = np_sock_addr(b->sysfd[0], &b->bound);
	b->bound.v6_alone = b->addr.v6_alone;
	for (unsigned i = 1; err == 0 && i < b->n; i++) {
		b->sysfd[i] = b->shared ? np_sock_dup(b->sysfd[0]) : listen_one(b, &b->bound);
		if (b->sysfd[i] < 0)
			err = b->sysfd[i];
	}
	return err;
}

int binding_share(const struct binding *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->n && err == 0; i++) {
		int sysfd = b->on[i] != NULL ? acceptor_sysfd(b->on[i]) : b->sysfd[i];

		err = np_listen_share(sysfd);
	}
	return err;
}

int binding_open(const struct np_addr *addr, struct listener *listener, unsigned n, bool beside,
		 struct binding **out)
{
	struct binding *b = calloc(1, sizeof(*b));
	int err = -NP_ENOMEM;

	DCHECK(n > 0, "a binding has at least one worker");
	if (b == NULL)
		return err;
	b->addr = *addr;
	b->listener = listener;
	b->backlog = listener->backlog;
	b->n = n;
	b->shared = np_addr_is_unix(addr);
	b->beside = beside;
	list_init(&b->link);
	b->on = calloc(n, sizeof(struct acceptor *));
	b->sysfd = calloc(n, sizeof(int));
	if (b->on != NULL && b->sysfd != NULL) {
		for (unsigned i = 0; i < n; i++)
			b->sysfd[i] = -1;
		err = binding_listen(b);
	}
	if (err != 0) {
		binding_free(b);
		return err;
	}
	np_addr_format(&b->bound.u.sa, b->bound.len, b->text, sizeof(b->text));
	*out = b;
	return 0;
}

/* ---- serving ---- */

int binding_serve(struct binding *b, struct shard *shards)
{
	struct acceptor_order order = {.binding = b, .control = np_self()};

	DCHECK(b->listener != NULL, "a binding without a listener is closed, not served");
	for (unsigned i = 0; i < b->n && order.err == 0; i++) {
		bool runs = b->on[i] != NULL;

		shard_call(&shards[i], runs ? acceptor_switch : acceptor_start, &order);
		if (!runs && order.err == 0)
			b->running++;
	}
	return order.err;
}

void binding_stop(struct binding *b, struct shard *shards)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->on[i] != NULL)
			shard_call(&shards[i], acceptor_stop, b);
	if (b->running > 0)
		np_event_wait(&b->stopped);
	DCHECK(b->running == 0, "an acceptor outlived its binding");
}

struct binding *binding_free(struct binding *b)
{
	DCHECK(b->running == 0, "a binding is freed while acceptors of it run");
	for (unsigned i = 0; b->sysfd != NULL && i < b->n; i++)
		if (b->sysfd[i] >= 0)
			np_sock_close(b->sysfd[i]);
	np_unix_file_remove(&b->addr, &b->file);
	list_remove(&b->link);
	free(b->on);
	free(b->sysfd);
	free(b);
	return NULL;
}
