/* wheel: the deadlines of descriptors, in a hierarchical timing wheel over ids (Varghese and
 * Lauck's scheme 7).
 *
 *   level 0   256 slots of a tick each          an entry less than 256 ticks away
 *   level 1   256 slots of 256 ticks each       less than 65,536; when its slot comes up, it moves to level 0
 *   level 2, 3 alike
 *
 * An entry for tick x stands in slot (x >> 8 * level) & 255, so a slot comes up when the wheel
 * reaches the first tick of its span. Before that a slot may hold only one turn's entries: those
 * of this turn are gone by then. Deadlines are rounded up to the tick and the clock down, so
 * nothing fires early. Bitmaps of the slots in use give the next one that matters, so the wheel
 * never steps through empty ticks.
 * Entries are ids, not pointers: 8 bytes a node, and the owner's slots may lie in slabs. */
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/timer.h"

#define SLOT_BITS 8
#define SLOT_MASK (WHEEL_SLOTS - 1)
#define REACH     ((UINT64_C(1) << (WHEEL_LEVELS * SLOT_BITS)) - 1)
#define WORDS     (WHEEL_SLOTS / 64)

static uint64_t tick_up(int64_t when)
{
	return when > 0 ? ((uint64_t)when + WHEEL_TICK - 1) >> WHEEL_TICK_BITS : 0;
}

static uint64_t tick_down(int64_t now)
{
	return (uint64_t)now >> WHEEL_TICK_BITS;
}

static int64_t time_of(uint64_t tick)
{
	return tick > (uint64_t)INT64_MAX >> WHEEL_TICK_BITS ? INT64_MAX : (int64_t)(tick << WHEEL_TICK_BITS);
}

static struct wheel_node *node_of(const struct wheel *w, uint32_t id)
{
	return w->ops->node(w->ctx, id);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void mark_used(struct wheel *w, uint32_t slot, bool used)
{
	uint64_t bit = UINT64_C(1) << slot % 64, *word;

	if (slot >= WHEEL_PAST)
		return;
	word = &w->used[slot / WHEEL_SLOTS][slot % WHEEL_SLOTS / 64];
	*word = used ? *word | bit : *word & ~bit;
}

static void note_next(struct wheel *w, int64_t when)
{
	if (when < w->next)
		w->next = when;
}

static void slot_push(struct wheel *w, uint32_t slot, uint32_t id, struct wheel_node *n)
{
	n->next = w->head[slot];
	n->prev = WHEEL_HEAD | slot;
	if (n->next != 0)
		node_of(w, n->next - 1)->prev = id + 1;
	else
		mark_used(w, slot, true);
	w->head[slot] = id + 1;
	w->armed++;
}

static void slot_remove(struct wheel *w, struct wheel_node *n)
{
	if (n->next != 0)
		node_of(w, n->next - 1)->prev = n->prev;
	if ((n->prev & WHEEL_HEAD) == 0) {
		node_of(w, n->prev - 1)->next = n->next;
	} else {
		uint32_t slot = n->prev & ~WHEEL_HEAD;

		w->head[slot] = n->next;
		if (n->next == 0) {
			mark_used(w, slot, false);
			w->stale = true;
		}
	}
	n->next = n->prev = 0;
	w->armed--;
}

static void slot_push_tick(struct wheel *w, uint32_t id, struct wheel_node *n, uint64_t x)
{
	uint64_t away = x - w->tick;
	uint32_t level = 0;

	DCHECK(x > w->tick, "an entry for a tick that is done would stand there for a whole turn");
	if (away > REACH) {
		away = REACH;
		x = w->tick + REACH;
	}
	while (away >> SLOT_BITS * (level + 1) != 0)
		level++;
	note_next(w, time_of(x >> SLOT_BITS * level << SLOT_BITS * level));
	slot_push(w, level * WHEEL_SLOTS + (x >> SLOT_BITS * level & SLOT_MASK), id, n);
}

/* ---- the owner's calls ----------------------------------------------------------------------- */

void wheel_init(struct wheel *w, int64_t now, const struct wheel_ops *ops, void *ctx)
{
	memset(w, 0, sizeof(*w)); /* not an assignment: its 4 KiB could pass through a stack */
	w->tick = tick_down(now);
	w->now = now;
	w->ops = ops;
	w->ctx = ctx;
	w->next = INT64_MAX;
}

bool wheel_armed(const struct wheel *w, uint32_t id)
{
	return node_of(w, id)->prev != 0;
}

void wheel_disarm(struct wheel *w, uint32_t id)
{
	struct wheel_node *n = node_of(w, id);

	if (n->prev != 0)
		slot_remove(w, n);
}

/* While a run is on, w->now is its now and every tick up to it is due: `when` lies beyond, or
 * goes to the past. */
void wheel_arm(struct wheel *w, uint32_t id, int64_t when)
{
	struct wheel_node *n = node_of(w, id);

	DCHECK(id <= WHEEL_MAX_ID, "an id that does not fit a wheel's node");
	if (n->prev != 0)
		slot_remove(w, n);
	if (when <= w->now) {
		slot_push(w, WHEEL_PAST, id, n);
		note_next(w, w->now);
	} else {
		slot_push_tick(w, id, n, tick_up(when));
	}
}

/* ---- what comes next ------------------------------------------------------------------------- */

/* Slots from `from` on, around the circle, to the first one in use; WHEEL_SLOTS if none is. */
static unsigned used_after(const uint64_t used[WORDS], unsigned from)
{
	uint64_t bits = used[from / 64] >> from % 64;
	unsigned away = 64 - from % 64;

	if (bits != 0)
		return (unsigned)__builtin_ctzll(bits);
	for (unsigned i = 1; i <= WORDS; i++, away += 64) {
		bits = used[(from / 64 + i) % WORDS];
		if (bits != 0)
			return away + (unsigned)__builtin_ctzll(bits);
	}
	return WHEEL_SLOTS;
}

/* The next tick at which some slot comes up; UINT64_MAX if all are empty. */
static uint64_t next_tick(const struct wheel *w)
{
	uint64_t best = UINT64_MAX;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t turn = (w->tick >> SLOT_BITS * level) + 1, x;
		unsigned away = used_after(w->used[level], turn & SLOT_MASK);

		if (away == WHEEL_SLOTS)
			continue;
		x = (turn + away) << SLOT_BITS * level;
		if (x < best)
			best = x;
	}
	return best;
}

int64_t wheel_find_next(struct wheel *w)
{
	w->stale = false;
	if (w->head[WHEEL_PAST] != 0)
		w->next = w->now;
	else
		w->next = w->armed == 0 ? INT64_MAX : time_of(next_tick(w));
	return w->next;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* Due by now, but in a later tick than the one that runs: moved since, and fires in its turn. What
 * was over when it was armed goes in its turn too, if that is still to come in this run; it does
 * not wait for the next one, and so what is due in the tick under way goes last. */
static bool in_its_turn(const struct wheel *w, uint32_t slot, uint64_t tick)
{
	return tick > w->tick && (slot < WHEEL_PAST || tick <= tick_down(w->now));
}

/* Looks at each entry of a slot. The slot is emptied first, into a list of its own that fire may
 * still disarm from. */
static void slot_run(struct wheel *w, uint32_t slot)
{
	uint32_t first = w->head[slot];

	if (first == 0)
		return;
	w->head[slot] = 0;
	mark_used(w, slot, false);
	w->head[WHEEL_FIRING] = first;
	node_of(w, first - 1)->prev = WHEEL_HEAD | WHEEL_FIRING;
	while (w->head[WHEEL_FIRING] != 0) {
		uint32_t id = w->head[WHEEL_FIRING] - 1;
		struct wheel_node *n = node_of(w, id);
		int64_t due = w->ops->due(w->ctx, id);

		slot_remove(w, n);
		if (due == INT64_MAX)
			continue;
		if (due > w->now || in_its_turn(w, slot, tick_up(due)))
			slot_push_tick(w, id, n, tick_up(due));
		else if (slot == WHEEL_PAST && tick_up(due) > w->tick)
			slot_push(w, WHEEL_LAST, id, n);
		else
			w->ops->fire(w->ctx, id);
	}
}

/* Every level whose slot begins at this tick. The highest first: what it hands down is further
 * on, or due now. */
static void tick_run(struct wheel *w)
{
	for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
		uint64_t turn = w->tick >> SLOT_BITS * level;

		if (turn << SLOT_BITS * level == w->tick)
			slot_run(w, level * WHEEL_SLOTS + (turn & SLOT_MASK));
	}
}

void wheel_run(struct wheel *w, int64_t now)
{
	uint64_t x, last = tick_down(now);

	CHECK(!w->running, "wheel_run from within fire");
	if (now < w->now)
		return;
	w->running = true;
	w->now = now;
	slot_run(w, WHEEL_PAST);
	while (w->armed > 0 && (x = next_tick(w)) <= last) {
		w->tick = x;
		tick_run(w);
	}
	w->tick = last;
	slot_run(w, WHEEL_LAST);
	w->running = false;
	w->stale = true;
}
