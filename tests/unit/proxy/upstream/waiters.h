/* waiters: who waits for a slot without a coroutine: for the tests of the queue. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_WAITERS_H
#define TESTS_UNIT_PROXY_UPSTREAM_WAITERS_H

#include "netpoll/netpoll.h"
#include "proxy/upstream/waiter.h"
#include "tests/unit/proxy/upstream/servers.h"

#define HOUR (INT64_C(3600) * 1000000000)

/* Who waits, without a coroutine: a wake-up is a mark. */
struct one {
	struct waiter w;
	struct pick_args args;
	const struct server *tried[2];
	uint32_t woken; /* atomic: the number of the wake-up, from 1 */
};

static struct server_registry *registry;
static uint32_t wakes;

static inline void woken(struct waiter *w)
{
	struct one *o = container_of(w, struct one, w);

	__atomic_store_n(&o->woken, __atomic_add_fetch(&wakes, 1, __ATOMIC_SEQ_CST), __ATOMIC_RELEASE);
}

static inline struct upstream *open_queue(const char *line, unsigned max)
{
	struct servers s;
	struct upstream *u;

	servers_init(&s, BALANCE_ROUND_ROBIN, line);
	s.spec.queue_max = max;
	s.spec.retries = 2;
	s.spec.connect_timeout = s.spec.retry_budget = HOUR;
	s.spec.passive =
		(struct passive_rules){.on = true, .failures = 1, .within = HOUR, .out = HOUR, .max_out = HOUR};
	u = upstream_new(&s.spec, registry);
	assert_non_null(u);
	return u;
}

static inline int begin(void **state)
{
	(void)state;
	registry = server_registry_new(2);
	wakes = 0;
	return registry == NULL;
}

static inline int end(void **state)
{
	(void)state;
	registry = server_registry_free(registry);
	return 0;
}

static inline void ask(struct one *o, struct upstream *u)
{
	*o = (struct one){.w = {.u = u, .args = &o->args, .wake = woken}, .args = {.may_retry = true}};
	o->args.tried = o->tried;
}

#endif
