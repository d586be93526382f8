#include "proxy/upstream/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/hash.h"

/* Fixed: with a hundred thousand servers a look-up still walks but a hundred. */
#define BUCKETS 1024

struct server_registry {
	unsigned    count;
	struct list leaving; /* held by nobody, maybe with slots taken */
	struct list buckets[BUCKETS];
};

struct server_registry *server_registry_new(void)
{
	struct server_registry *b = malloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	b->count = 0;
	list_init(&b->leaving);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&b->buckets[i]);
	return b;
}

unsigned server_registry_count(const struct server_registry *b)
{
	return b->count;
}

/* Takes what server_new left unfinished, too. */
static struct server *server_free(struct server *s)
{
	free((void *)(uintptr_t)s->name);
	free((void *)(uintptr_t)s->text);
	free(s);
	return NULL;
}

static struct server *server_new(const char *upstream, const char *address, const char *text)
{
	struct server *s = aligned_alloc(_Alignof(struct server), sizeof(*s));
	char *name = NULL;

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	list_init(&s->bucket);
	list_init(&s->leaving);
	s->hash = hash_text(address);
	s->text = strdup(text);
	if (s->text == NULL || asprintf(&name, "%s/%s", upstream, address) < 0)
		return server_free(s);
	s->name = name;
	return s;
}

/* Addresses that differ may read alike (a path's hostile bytes are escaped): both are compared. */
static bool is(const struct server *s, const char *upstream, const struct np_addr *addr)
{
	size_t n = strlen(upstream);

	return np_addr_equal(&s->addr, addr) && strncmp(s->name, upstream, n) == 0 && s->name[n] == '/';
}

struct server *server_get(
	struct server_registry *b, const char *upstream, const struct np_addr *addr, const char *text)
{
	char address[NP_ADDR_TEXT];
	struct list *bucket;
	struct server *s;

	np_addr_format(&addr->u.sa, addr->len, address, sizeof(address));
	bucket = &b->buckets[hash_text(address) % BUCKETS];
	list_for_each(it, bucket) {
		s = list_entry(it, struct server, bucket);
		if (!is(s, upstream, addr))
			continue;
		s->holders++;
		list_remove(&s->leaving);
		return s;
	}
	s = server_new(upstream, address, text);
	if (s == NULL)
		return NULL;
	s->addr = *addr;
	s->holders = 1;
	list_push_back(bucket, &s->bucket);
	b->count++;
	return s;
}

void server_put(struct server_registry *b, struct server *s)
{
	CHECK(s->holders > 0, "a server is put once for each time it was got");
	if (--s->holders == 0)
		list_push_back(&b->leaving, &s->leaving);
}

/* What is leaving is in no upstream a worker can reach, so a count of 0 is final. The acquire
 * pairs with the release in server_release: the worker's last look at the server is over. */
void server_registry_sweep(struct server_registry *b)
{
	list_for_each_safe(it, &b->leaving) {
		struct server *s = list_entry(it, struct server, leaving);

		if (__atomic_load_n(&s->active, __ATOMIC_ACQUIRE) > 0)
			continue;
		list_remove(&s->leaving);
		list_remove(&s->bucket);
		b->count--;
		server_free(s);
	}
}

struct server_registry *server_registry_free(struct server_registry *b)
{
	if (b == NULL)
		return NULL;
	server_registry_sweep(b);
	CHECK(b->count == 0, "a server is held, or a slot taken, after the end");
	free(b);
	return NULL;
}

/* Compare and swap, although the picker holds its upstream's lock: during a reload two upstreams
 * list the server. */
bool server_try_take(struct server *s, uint32_t max)
{
	uint32_t n = server_active(s);

	do {
		if (max != 0 && n >= max)
			return false;
	} while (!__atomic_compare_exchange_n(
		&s->active, &n, n + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

void server_release(struct server *s)
{
	uint32_t n = __atomic_fetch_sub(&s->active, 1, __ATOMIC_RELEASE);

	CHECK(n > 0, "a slot is given back exactly once");
}
