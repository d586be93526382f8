/* The inbox: a lock-free stack that is only ever emptied whole, so no node needs reclaiming. */
#include "netpoll/inbox.h"

bool inbox_post(struct inbox *b, struct np_msg *m)
{
	struct np_msg *newest = atomic_load_explicit(&b->head, memory_order_relaxed);

	do {
		m->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(&b->head, &newest, m, memory_order_seq_cst,
							memory_order_relaxed));
	return newest == NULL;
}

struct np_msg *inbox_take(struct inbox *b)
{
	struct np_msg *newest, *oldest = NULL;

	/* A miss here is no loss: whoever posts now finds the inbox empty, and wakes us. */
	if (atomic_load_explicit(&b->head, memory_order_relaxed) == NULL)
		return NULL;
	newest = atomic_exchange_explicit(&b->head, NULL, memory_order_acquire);
	while (newest != NULL) {
		struct np_msg *m = newest;

		newest = m->next;
		m->next = oldest;
		oldest = m;
	}
	return oldest;
}
