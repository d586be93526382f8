/* heap: the precise timers, as an intrusive pairing heap. It needs no memory of its own, so that
 * setting a timer cannot fail; an array heap would have to grow. A node's links:
 *
 *   child   its first child, none earlier than itself
 *   next    its next sibling
 *   prev    its previous sibling, or for a first child the parent; NULL in a root and in what is
 *           not set
 *
 * heap_set links in one step; the work is put off to the removal of a root, O(log n) amortised. */
#include "netpoll/check.h"
#include "netpoll/timer.h"

/* The earlier of two roots becomes the parent of the other. */
static struct np_timer *meld(struct np_timer *a, struct np_timer *b)
{
	struct np_timer *parent, *child;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	parent = b->when < a->when ? b : a;
	child = parent == a ? b : a;
	child->next = parent->child;
	if (child->next != NULL)
		child->next->prev = child;
	child->prev = parent;
	parent->child = child;
	return parent;
}

/* Siblings become one tree: meld them two by two from the left, then the pairs into one from the
 * right. In a loop, for a root may have a million children; the pairs wait in a list through
 * next, the rightmost first. */
static struct np_timer *meld_siblings(struct np_timer *t)
{
	struct np_timer *pairs = NULL, *root = NULL;

	while (t != NULL) {
		struct np_timer *a = t, *b = t->next, *pair;

		t = b != NULL ? b->next : NULL;
		a->prev = a->next = NULL;
		if (b != NULL)
			b->prev = b->next = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs != NULL) {
		struct np_timer *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		root = meld(root, pair);
	}
	return root;
}

static struct np_timer *adopt_children(struct np_timer *t)
{
	struct np_timer *child = t->child;

	t->child = NULL;
	return meld_siblings(child);
}

/* Takes t, which is no root, out of its tree. Its children, melded, take its place: none of them
 * is earlier than t, so none is earlier than t's parent, and they stay in the tree they were in,
 * whichever root that has. */
static void replace_by_children(struct np_timer *t)
{
	struct np_timer *heir = adopt_children(t), *rest = t->next;

	if (heir != NULL) {
		heir->next = rest;
		if (rest != NULL)
			rest->prev = heir;
		rest = heir;
	}
	if (rest != NULL)
		rest->prev = t->prev;
	if (t->prev->child == t)
		t->prev->child = rest;
	else
		t->prev->next = rest;
	t->prev = t->next = NULL;
}

void heap_init(struct heap *h)
{
	*h = (struct heap){.root = NULL};
}

bool heap_stop(struct heap *h, struct np_timer *t)
{
	if (t == h->root)
		h->root = adopt_children(t);
	else if (t == h->fresh)
		h->fresh = adopt_children(t);
	else if (t->prev != NULL)
		replace_by_children(t);
	else
		return false;
	return true;
}

void heap_set(struct heap *h, struct np_timer *t, int64_t when)
{
	heap_stop(h, t);
	t->when = when;
	if (h->running)
		h->fresh = meld(h->fresh, t);
	else
		h->root = meld(h->root, t);
}

int64_t heap_next(const struct heap *h)
{
	return h->root != NULL ? h->root->when : INT64_MAX;
}

/* What fn sets goes to fresh, or a timer that sets itself into the past would never let the loop
 * end. */
int heap_run(struct heap *h, int64_t now)
{
	int fired = 0;

	CHECK(!h->running, "heap_run from within a timer");
	h->running = true;
	for (; h->root != NULL && h->root->when <= now; fired++) {
		struct np_timer *t = h->root;

		h->root = adopt_children(t);
		t->fn(t);
	}
	h->running = false;
	h->root = meld(h->root, h->fresh);
	h->fresh = NULL;
	return fired;
}
