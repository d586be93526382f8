/* binding: opens the sockets of one address, starts and stops its acceptors. */
#include "proxy/listen/binding.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/listen/acceptor.h"

/* ---- opening ---- */

static int bind_one(const struct binding *b, const struct np_addr *a, bool reuseport)
{
	struct np_listen_opts o = {
		.backlog = b->backlog,
		.reuseport = reuseport,
		.nodelay = true,
		.keepalive = true,
		.mode = b->mode,
		.owner = b->owned ? &b->owner : NULL,
	};

	return np_bind(a, &o);
}

/* One socket for each worker, all with the same address. */
static bool has_group(const struct binding *b)
{
	return b->n > 1 && !b->shared;
}

/* The first socket of the group is bound, and later listens, without SO_REUSEPORT: so the kernel itself says whether
 * another process listens at the address, in one step that no other process can slip into. It has the option while the
 * others join. It chooses the port where the address has none.
 * Rejected: to try with one socket, close it and bind again with the option; between the two a
 * second instance did the same, and both ran on one port. */
static int bind_all(struct binding *b)
{
	int err = np_unix_lock(&b->addr, &b->lock);

	if (err != 0)
		return err;
	b->sysfd[0] = bind_one(b, &b->addr, b->beside && !b->shared);
	if (b->sysfd[0] < 0)
		return b->sysfd[0];
	err = np_unix_file_of(&b->addr, &b->file); /* first: from here on binding_free removes it */
	if (err == 0)
		err = np_sock_addr(b->sysfd[0], &b->bound);
	b->bound.v6_alone = b->addr.v6_alone;
	if (err == 0 && has_group(b))
		err = np_listen_share(b->sysfd[0], true);
	for (unsigned i = 1; err == 0 && i < b->n; i++) {
		b->sysfd[i] = b->shared ? np_sock_dup(b->sysfd[0]) : bind_one(b, &b->bound, true);
		if (b->sysfd[i] < 0)
			err = b->sysfd[i];
	}
	if (err == 0 && has_group(b) && !b->beside)
		err = np_listen_share(b->sysfd[0], false);
	return err;
}

static void take_access(struct binding *b, const struct listener_at *at)
{
	if (at == NULL)
		return;
	b->mode = at->mode;
	b->owned = at->owned;
	b->owner = at->owner;
}

int binding_settle_file(struct binding *b)
{
	const struct listener_at *at = listener_entry(b->listener, &b->addr);
	bool same_owner = b->owned == at->owned && memcmp(&b->owner, &at->owner, sizeof(b->owner)) == 0;
	bool unnamed = (b->mode != 0 && at->mode == 0) || (b->owned && !at->owned);
	int err;

	if (b->mode == at->mode && same_owner)
		return 0;
	err = np_unix_file_access(&b->addr, at->mode, at->owned ? &at->owner : NULL);
	if (err != 0)
		return err;
	take_access(b, at);
	return unnamed ? -NP_EINVAL : 0;
}

int binding_share(const struct binding *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->n && err == 0; i++) {
		int sysfd = b->on[i] != NULL ? acceptor_sysfd(b->on[i]) : b->sysfd[i];

		err = np_listen_share(sysfd, true);
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
	b->lock = -1;
	list_init(&b->link);
	take_access(b, listener_entry(listener, addr));
	b->on = calloc(n, sizeof(struct acceptor *));
	b->sysfd = calloc(n, sizeof(int));
	if (b->on != NULL && b->sysfd != NULL) {
		for (unsigned i = 0; i < n; i++)
			b->sysfd[i] = -1;
		err = bind_all(b);
	}
	if (err != 0) {
		binding_free(b);
		return err;
	}
	np_addr_format(&b->bound.u.sa, b->bound.len, b->text, sizeof(b->text));
	*out = b;
	return 0;
}

int binding_listen(struct binding *b)
{
	unsigned sockets = b->shared ? 1 : b->n;
	int err = np_listen_bound(b->sysfd[0], b->backlog);

	if (err == 0 && has_group(b))
		err = np_listen_share(b->sysfd[0], true);
	for (unsigned i = 1; i < sockets && err == 0; i++)
		err = np_listen_bound(b->sysfd[i], b->backlog);
	return err;
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

bool binding_refuse_new(struct binding *b, struct shard *shards)
{
	struct acceptor_order order = {.binding = b, .control = np_self()};

	np_unix_file_remove(&b->addr, &b->file);
	for (unsigned i = 0; i < b->n; i++)
		if (b->on[i] != NULL)
			shard_call(&shards[i], acceptor_refuse_new, &order);
	return !b->shared && b->running > 0;
}

bool binding_is_pending(const struct binding *b)
{
	return !b->shared && np_listen_pending(np_addr_port(&b->bound.u.sa)) > 0;
}

bool binding_is_lost(const struct binding *b)
{
	struct np_unix_file now;

	if (b->file.ino == 0)
		return false;
	return np_unix_file_of(&b->addr, &now) != 0 || now.dev != b->file.dev || now.ino != b->file.ino ||
	       now.made != b->file.made;
}

void binding_abandon_file(struct binding *b)
{
	np_unix_unlock(&b->addr, b->lock, false);
	b->lock = -1;
	b->file = (struct np_unix_file){0};
}

bool binding_empty(struct binding *b, struct shard *shards)
{
	struct acceptor_order order = {.binding = b, .control = np_self()};

	for (unsigned i = 0; i < b->n; i++)
		if (b->on[i] != NULL)
			shard_call(&shards[i], acceptor_empty, &order);
	return order.err == 0;
}

void binding_stop(struct binding *b, struct shard *shards)
{
	struct acceptor_order order = {.binding = b, .control = np_self()};

	for (unsigned i = 0; i < b->n; i++)
		if (b->on[i] != NULL)
			shard_call(&shards[i], acceptor_stop, &order);
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
	np_unix_unlock(&b->addr, b->lock, true);
	list_remove(&b->link);
	free(b->on);
	free(b->sysfd);
	free(b);
	return NULL;
}
