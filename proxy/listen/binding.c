/* binding: opens the sockets of one address, starts and stops its acceptors. */
#include "proxy/listen/binding.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/listen/acceptor.h"
#include "proxy/listen/handed.h"

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

/* The rest of a group, or the other descriptors of the one socket. */
static int bind_rest(struct binding *b, unsigned first)
{
	int err = 0;

	for (unsigned i = first; err == 0 && i < b->n; i++) {
		b->sysfd[i] = b->shared ? np_sock_dup(b->sysfd[0]) : bind_one(b, &b->bound, true);
		if (b->sysfd[i] < 0)
			err = b->sysfd[i];
	}
	return err;
}

/* The first socket of the group is bound, and later listens, without SO_REUSEPORT: so the kernel itself says whether
 * another process listens at the address, in one step that no other process can slip into. It has the option while
 * the others join. It chooses the port where the address has none. Rejected: to try with one socket, close it and
 * bind again with the option; between the two a second instance did the same, and both ran on one port. */
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
	if (err == 0)
		err = bind_rest(b, 1);
	if (err == 0 && has_group(b) && !b->beside)
		err = np_listen_share(b->sysfd[0], false);
	return err;
}

/* Sockets that listen already, as many as there are workers. Who has fewer than the process before calls again with
 * the same ones, for a binding more: none is left without an acceptor. Who has more lets the group grow. */
static int adopt_all(struct binding *b, struct handed *from)
{
	bool first = from->sysfd[0] >= 0 || from->kept;
	unsigned n = 0;

	for (unsigned place = 0; place < from->n && n < (from->kept ? 1 : b->n); place++) {
		if (from->sysfd[place] < 0)
			continue;
		b->sysfd[n++] = from->sysfd[place];
		from->sysfd[place] = -1;
	}
	b->adopted = b->borrowed = true;
	b->kept = from->kept;
	b->shared |= b->kept;
	b->lock = from->lock;
	from->lock = -1;
	if (n == 0 || np_sock_addr(b->sysfd[0], &b->bound) != 0)
		return -NP_EINVAL;
	if (!b->kept && np_unix_file_of(&b->addr, &b->file) != 0)
		return -NP_EINVAL;
	b->bound.v6_alone = b->addr.v6_alone;
	return first ? bind_rest(b, n) : 0;
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

	if ((b->mode == at->mode && same_owner) || b->kept) /* systemd's SocketMode= holds there */
		return 0;
	err = np_unix_file_access(&b->addr, at->mode, at->owned ? &at->owner : NULL);
	if (err != 0)
		return err;
	take_access(b, at);
	return unnamed ? -NP_EINVAL : 0;
}

/* The worker's; -1: it has none here. */
int binding_socket(const struct binding *b, unsigned i)
{
	return b->on[i] != NULL ? acceptor_sysfd(b->on[i]) : b->sysfd[i];
}

int binding_share(const struct binding *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->n && err == 0; i++)
		if (binding_socket(b, i) >= 0)
			err = np_listen_share(binding_socket(b, i), true);
	return err;
}

unsigned binding_sockets(const struct binding *b, int *sysfds)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n && (n == 0 || !b->shared); i++)
		if (binding_socket(b, i) >= 0)
			sysfds[n++] = binding_socket(b, i);
	return n;
}

/* Without a socket yet.   Returns  NULL: no memory. */
static struct binding *binding_new(const struct np_addr *addr, struct listener *listener, unsigned n)
{
	struct binding *b = calloc(1, sizeof(*b));

	DCHECK(n > 0, "a binding has at least one worker");
	if (b == NULL)
		return NULL;
	b->addr = *addr;
	b->listener = listener;
	b->backlog = listener->backlog;
	b->n = n;
	b->shared = np_addr_is_unix(addr);
	b->lock = -1;
	list_init(&b->link);
	take_access(b, listener_entry(listener, addr));
	b->on = calloc(n, sizeof(struct acceptor *));
	b->sysfd = calloc(n, sizeof(int));
	for (unsigned i = 0; b->sysfd != NULL && i < n; i++)
		b->sysfd[i] = -1;
	return b->on != NULL && b->sysfd != NULL ? b : binding_free(b);
}

/* Owns b.   Returns  err, and with 0 *out. */
static int binding_made(struct binding *b, int err, struct binding **out)
{
	if (err != 0) {
		binding_free(b);
		return err;
	}
	np_addr_format(&b->bound.u.sa, b->bound.len, b->text, sizeof(b->text));
	*out = b;
	return 0;
}

int binding_open(const struct np_addr *addr, struct listener *listener, unsigned n, bool beside,
		 struct binding **out)
{
	struct binding *b = binding_new(addr, listener, n);

	if (b == NULL)
		return -NP_ENOMEM;
	b->beside = beside;
	return binding_made(b, bind_all(b), out);
}

int binding_adopt(struct handed *from, struct listener *listener, unsigned n, struct binding **out)
{
	struct binding *b = binding_new(&from->addr, listener, n);

	return b != NULL ? binding_made(b, adopt_all(b, from), out) : -NP_ENOMEM;
}

/* ---- inheriting ---- */

/* The file must still be there, or clients find nobody. The lock of a process that died is free. */
static int inherit_file(struct binding *b)
{
	int err = np_unix_lock(&b->addr, &b->lock);

	if (err == 0)
		err = np_unix_file_of(&b->addr, &b->file);
	return err;
}

/* One socket, and a descriptor of it for each worker. */
static int inherit_shared(struct binding *b, struct inherited *i)
{
	int err = i->stored ? inherit_file(b) : 0;

	if (err != 0)
		return err;
	b->shared = true;
	b->bound = i->local;
	b->from = NULL;
	b->sysfd[0] = inherit_give(i);
	if (b->sysfd[0] >= 0 && !i->stored)
		b->from = i;
	b->kept = b->from != NULL;
	b->nstored = i->stored;
	for (unsigned w = 0; w < b->n; w++) {
		if (w > 0)
			b->sysfd[w] = np_sock_dup(b->sysfd[0]);
		if (b->sysfd[w] < 0)
			return b->sysfd[w];
	}
	return 0;
}

/* A group: its members have SO_REUSEPORT, or get it, so that what is missing can join. */
static int inherit_group(struct binding *b, struct inheritance *from)
{
	unsigned n = 0;
	int err = 0;

	b->bound = from->next->local;
	while (from->next != NULL && from->next->stored && n < b->n && err == 0) {
		b->sysfd[n] = inherit_give(from->next);
		err = np_listen_share(b->sysfd[n++], true);
		from->next = inherit_find(from->all, &b->addr, from->next);
	}
	b->nstored = n;
	for (; from->whole && n < b->n && err == 0; n++) {
		b->sysfd[n] = bind_one(b, &b->bound, true);
		if (b->sysfd[n] < 0)
			err = b->sysfd[n];
	}
	return err;
}

int binding_inherit(const struct np_addr *addr, struct listener *listener, unsigned n, struct inheritance *from,
		    struct binding **out)
{
	struct binding *b = binding_new(addr, listener, n);
	struct inherited *first = from->next;
	int err;

	DCHECK(first != NULL && first->why == NULL, "there is a socket to inherit, and it can be used");
	if (b == NULL)
		return -NP_ENOMEM;
	if (first->stored)
		b->stored = strdup(first->name);
	if (first->stored && !np_addr_is_unix(addr)) {
		err = inherit_group(b, from);
	} else {
		from->next = inherit_find(from->all, addr, first); /* before it is given: then it is found no more */
		err = inherit_shared(b, first);
	}
	return binding_made(b, err, out);
}

int binding_listen(struct binding *b)
{
	unsigned sockets = b->shared ? 1 : b->n;
	int err = !b->kept ? np_listen_bound(b->sysfd[0], b->backlog) : 0; /* else its unit says Backlog= */

	if (err == 0 && has_group(b) && !b->adopted)
		err = np_listen_share(b->sysfd[0], true);
	for (unsigned i = 1; i < sockets && err == 0; i++)
		if (b->sysfd[i] >= 0)
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

		if (!runs && b->sysfd[i] < 0)
			continue; /* a worker without a socket here: binding_inherit */
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

/* ---- another process ---- */

int binding_suspend(struct binding *b, struct shard *shards)
{
	struct acceptor_order order = {.binding = b, .control = np_self()};

	for (unsigned i = 0; i < b->n && order.err == 0; i++)
		if (b->on[i] != NULL)
			shard_call(&shards[i], acceptor_suspend, &order);
	if (order.err != 0)
		return binding_serve(b, shards) == 0 ? order.err : -NP_ENOMEM;
	if (b->running > 0)
		np_event_wait(&b->stopped);
	b->stopped = (struct np_event){0};
	return 0;
}

void binding_give(struct binding *b)
{
	b->borrowed = true;
}

void binding_own(struct binding *b)
{
	b->borrowed = false;
}

struct binding *binding_free(struct binding *b)
{
	DCHECK(b->running == 0, "a binding is freed while acceptors of it run");
	for (unsigned i = 0; b->sysfd != NULL && i < b->n; i++)
		if (b->sysfd[i] >= 0)
			np_sock_close(b->sysfd[i]);
	if (!b->borrowed) {
		np_unix_file_remove(&b->addr, &b->file);
		np_unix_unlock(&b->addr, b->lock, true);
	} else if (b->lock >= 0) {
		np_sock_close(b->lock);
	}
	if (b->from != NULL)
		inherit_return(b->from);
	list_remove(&b->link);
	free(b->stored);
	free(b->on);
	free(b->sysfd);
	free(b);
	return NULL;
}
