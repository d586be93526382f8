/* A worker's pollDescs, in slabs that are mapped when needed and unmapped only at its end
 * (type-stable memory). */
#include "netpoll/polldesc.h"

#include "netpoll/hook.h"

void pollcache_init(struct pollcache *c)
{
	c->free = NULL;
	c->slabs = c->fresh = c->used = 0;
}

/* The worker has ended: nothing can report an event any more, so now the slabs may go. */
void pollcache_fini(struct pollcache *c)
{
	CHECK(c->used == 0, "a descriptor outlived its worker");
	for (uint32_t i = 0; i < c->slabs; i++)
		sys_munmap(c->slab[i], POLLCACHE_SLAB * sizeof(struct polldesc));
	pollcache_init(c);
}

static bool add_slab(struct pollcache *c)
{
	struct polldesc *slab;

	if (c->slabs == POLLCACHE_SLABS)
		return false;
	slab = sys_mmap(NULL, POLLCACHE_SLAB * sizeof(*slab), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slab == MAP_FAILED)
		return false;
	c->slab[c->slabs++] = slab;
	return true;
}

/* Slots beyond the free list are handed out in order and first touched then, so a slab costs
 * only the pages in use. */
struct polldesc *pollcache_alloc(struct pollcache *c)
{
	struct polldesc *pd = c->free;

	if (pd != NULL) {
		c->free = (struct polldesc *)pd->rg;
		pd->rg = PD_NIL;
		c->used++;
		return pd;
	}
	if (c->fresh == c->slabs * POLLCACHE_SLAB && !add_slab(c))
		return NULL;
	pd = pollcache_at(c, c->fresh);
	pd->id = c->fresh++;
	pd->magic = PD_MAGIC;
	c->used++;
	return pd;
}

void pollcache_free(struct pollcache *c, struct polldesc *pd)
{
	OBJ_CHECK(pd, PD_MAGIC);
	DCHECK(pd->rg == PD_NIL && pd->wg == PD_NIL, "a pollDesc is freed with nobody parked on it");
	pd->fdseq++;
	pd->fd = -1;
	pd->rg = (uintptr_t)c->free;
	c->free = pd;
	c->used--;
}

/* No event names a free slot: its fdseq moved on when it was freed, and it is registered with
 * that one only once it is open again. */
struct polldesc *pollcache_find(const struct pollcache *c, uint64_t tag)
{
	uint32_t id = (uint32_t)tag;
	struct polldesc *pd;

	CHECK((tag & PD_TAG_BREAK) == 0 && id / POLLCACHE_SLAB < c->slabs, "an event names a slot that never existed");
	pd = pollcache_at(c, id);
	return polldesc_tag(pd) == tag ? pd : NULL;
}
