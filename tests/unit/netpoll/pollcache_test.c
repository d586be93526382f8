/* pollcache: pollDescs are reused, their tags are not, and memory that runs out is an error. */
#include "netpoll/polldesc.h"

#include <errno.h>

#include "netpoll/hook.h"
#include "tests/unit/netpoll/dies.h"

static struct pollcache cache;
static int maps, unmaps;

static void *mmap_counted(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	maps++;
	return mmap(p, n, prot, flags, fd, off);
}

static void *mmap_fails(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	(void)p, (void)n, (void)prot, (void)flags, (void)fd, (void)off;
	errno = ENOMEM;
	return MAP_FAILED;
}

static int munmap_counted(void *p, size_t n)
{
	unmaps++;
	return munmap(p, n);
}

static int set_up(void **state)
{
	(void)state;
	hook.mmap = mmap_counted;
	hook.munmap = munmap_counted;
	maps = unmaps = 0;
	pollcache_init(&cache);
	return 0;
}

/* Also the test that everything was mapped and unmapped as often. */
static int tear_down(void **state)
{
	(void)state;
	pollcache_fini(&cache);
	hook_reset();
	return maps == unmaps ? 0 : -1;
}

static void slots_come_in_order_and_last_freed_first(void **state)
{
	struct polldesc *a = pollcache_alloc(&cache), *b = pollcache_alloc(&cache);
	struct polldesc *c = pollcache_alloc(&cache);

	(void)state;
	assert_int_equal(a->id, 0);
	assert_int_equal(b->id, 1);
	assert_int_equal(c->id, 2);
	assert_int_equal(cache.used, 3);
	pollcache_free(&cache, a);
	pollcache_free(&cache, c);
	assert_int_equal(cache.used, 1);
	assert_ptr_equal(pollcache_alloc(&cache), c); /* the warm one */
	assert_ptr_equal(pollcache_alloc(&cache), a);
	assert_int_equal(pollcache_alloc(&cache)->id, 3);
	pollcache_free(&cache, b);
	assert_ptr_equal(pollcache_alloc(&cache), b);
	cache.used = 0;
}

static void a_slot_is_handed_out_empty(void **state)
{
	struct polldesc *pd = pollcache_alloc(&cache), *other = pollcache_alloc(&cache);

	(void)state;
	pollcache_free(&cache, other);
	pollcache_free(&cache, pd); /* its rg is the free list's link now */
	assert_ptr_equal(pollcache_alloc(&cache), pd);
	assert_int_equal(pd->rg, PD_NIL);
	assert_int_equal(pd->wg, PD_NIL);
	assert_int_equal(pd->magic, PD_MAGIC);
	pollcache_free(&cache, pd);
}

/* Type-stable: what was handed out stays where it is while the cache grows over several slabs. */
static void slots_never_move(void **state)
{
	static struct polldesc *all[3 * POLLCACHE_SLAB + 1];

	(void)state;
	for (uint32_t i = 0; i < array_len(all); i++) {
		all[i] = pollcache_alloc(&cache);
		assert_int_equal(all[i]->id, i);
	}
	assert_int_equal(maps, 4);
	for (uint32_t i = 0; i < array_len(all); i++) {
		assert_ptr_equal(pollcache_at(&cache, i), all[i]);
		assert_ptr_equal(pollcache_find(&cache, polldesc_tag(all[i])), all[i]);
	}
	for (uint32_t i = 0; i < array_len(all); i++)
		pollcache_free(&cache, all[i]);
	for (uint32_t i = 0; i < array_len(all); i++)
		assert_non_null(pollcache_alloc(&cache));
	assert_int_equal(maps, 4); /* all of them used again */
	cache.used = 0;
	assert_int_equal(unmaps, 0);
}

static void no_memory_is_an_answer(void **state)
{
	struct polldesc *pd;

	(void)state;
	hook.mmap = mmap_fails;
	assert_null(pollcache_alloc(&cache));
	assert_null(pollcache_alloc(&cache));
	assert_int_equal(cache.used, 0);
	hook.mmap = mmap_counted;
	pd = pollcache_alloc(&cache);
	assert_non_null(pd);
	assert_int_equal(pd->id, 0);
	hook.mmap = mmap_fails;
	assert_int_equal(pollcache_alloc(&cache)->id, 1); /* the slab has room */
	cache.used = 0;
}

static void the_table_of_slabs_ends(void **state)
{
	(void)state;
	cache.slabs = POLLCACHE_SLABS;
	cache.fresh = POLLCACHE_SLABS * POLLCACHE_SLAB;
	assert_null(pollcache_alloc(&cache));
	assert_int_equal(maps, 0);
	cache.slabs = cache.fresh = 0;
}

/* K18: the tag of a life finds its pollDesc until the end of that life. X8: slots never handed
 * out are nobody's. */
static void a_tag_is_good_for_one_life(void **state)
{
	struct polldesc *pd = pollcache_alloc(&cache);
	uint64_t first = polldesc_tag(pd);

	(void)state;
	assert_ptr_equal(pollcache_find(&cache, first), pd);
	pollcache_free(&cache, pd);
	assert_null(pollcache_find(&cache, first));
	assert_int_equal(pd->fd, -1);
	assert_ptr_equal(pollcache_alloc(&cache), pd);
	assert_null(pollcache_find(&cache, first));
	assert_ptr_equal(pollcache_find(&cache, polldesc_tag(pd)), pd);
	for (uint32_t id = 1; id < POLLCACHE_SLAB; id++)
		assert_null(pollcache_find(&cache, id));
	pollcache_free(&cache, pd);
}

static void find_beyond(void)
{
	(void)pollcache_alloc(&cache);
	pollcache_find(&cache, POLLCACHE_SLAB);
}

static void find_break(void)
{
	(void)pollcache_alloc(&cache);
	pollcache_find(&cache, PD_TAG_BREAK);
}

static void fini_too_early(void)
{
	(void)pollcache_alloc(&cache);
	pollcache_fini(&cache);
}

static void free_with_waiter(void)
{
	struct polldesc *pd = pollcache_alloc(&cache);

	pd->wg = PD_WAIT;
	pollcache_free(&cache, pd);
}

static void impossible_states_end_the_process(void **state)
{
	(void)state;
	assert_dies(find_beyond, "an event names a slot that never existed");
	assert_dies(find_break, "an event names a slot that never existed");
	assert_dies(fini_too_early, "a descriptor outlived its worker");
	assert_dies(free_with_waiter, "freed with nobody parked on it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slots_come_in_order_and_last_freed_first),
		TEST(a_slot_is_handed_out_empty),
		TEST(slots_never_move),
		TEST(no_memory_is_an_answer),
		TEST(the_table_of_slabs_ends),
		TEST(a_tag_is_good_for_one_life),
		TEST(impossible_states_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
