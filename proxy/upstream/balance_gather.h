/* balance_gather: the members that may take a connection: whom a pick chooses from, and whom upstream_view tells of.
 *
 * Who has tried nobody finds the same members at each pick, until a server's word changes (live->changes). So they are
 * kept (members.ready), and a pick walks over the tiers only where its connection has tried somebody, or where limits,
 * slow_start or max_load have a say.
 *
 * Rejected: to compare the word of each member at each pick, which was half of a pick among a hundred.
 *
 * Private to proxy/upstream/; all under the upstream's lock. */
#ifndef PROXY_UPSTREAM_BALANCE_GATHER_H
#define PROXY_UPSTREAM_BALANCE_GATHER_H

#include "proxy/upstream/upstream.h"

/* Was s tried by this connection, in vain? A handful at most, so a list is quicker than a set. */
static inline bool balance_was_tried(const struct pick_args *a, const struct server *s)
{
	for (unsigned i = 0; i < a->ntried; i++) {
		if (a->tried[i] == s)
			return true;
	}
	return false;
}

/* Nobody owes or is owed a turn, nor who is left out now: he comes back without a debt. */
void balance_forget_credits(const struct upstream *u);

/* balance_standing: whether the member, if it is of that grade at least, may take this connection, or what is in the
 * way; it takes note of what words say. Its tier does not count here. */
enum standing balance_standing(const struct upstream *u, const struct member *m, const struct pick_args *a,
			       enum grade least);

/* What the words say now, and whom a pick may take by them. */
no_inline void balance_renew(const struct upstream *u, uint64_t changes);
/* The walk. */
no_inline const struct pool *balance_gather_anew(const struct upstream *u, const struct pick_args *a);

/* The count is read before the words: a word that changes later is read with them, or counts once more. */
static inline void balance_note_changes(const struct upstream *u)
{
	uint64_t changes = __atomic_load_n(&u->live->changes, __ATOMIC_ACQUIRE);

	if (unlikely(u->members->changes != changes))
		balance_renew(u, changes);
}

/* balance_gather: the members that upstream_pick would choose from. They are the upstream's, until the next call. */
static inline const struct pool *balance_gather(const struct upstream *u, const struct pick_args *a)
{
	balance_note_changes(u);
	return likely(u->members->ready.n > 0 && a->ntried == 0) ? &u->members->ready : balance_gather_anew(u, a);
}

#endif
