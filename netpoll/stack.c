/* stack: one worker's pool of coroutine stacks, cut from large arenas.
 *
 *   arena   | slot 0 | slot 1 | ...                          | slot 255 | struct stack_arena |
 *   slot    | guard page | ->  grows down  <-                | struct stack | colour |
 *
 * An arena is one NORESERVE mapping: address space until it is touched. It is never unmapped
 * before the pool ends.
 *
 * The guard is a page-table marker (MADV_GUARD_INSTALL), which costs no VMA; mprotect, the
 * fallback, splits the mapping twice per stack and ends at about 32,000 stacks with the default
 * vm.max_map_count. A slot that can have no guard is not handed out.
 *
 * Page-aligned tops would share the same few sets of the cache: tops are coloured by multiples
 * of 128 bytes. Among 1,000 stacks a switch costs 12 ns so and 40 ns without; among 20,000 the
 * TLB hides the difference (tests/micro/ctx.c).
 *
 * Depth is not painted: a fresh page is zero, so the first word that is not, from the guard up,
 * was the deepest use.
 *
 * Rejected: MADV_FREE for idle pages (RSS stays high, and a census would read stale depths);
 * huge pages (one makes sixteen stacks resident); a stack per connection for life (the relay
 * phase needs none). */
#include <string.h>

#include "netpoll/ctx.h"
#include "netpoll/err.h"
#include "netpoll/hook.h"

#if defined(NP_DEBUG) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(lo, hi) 0
#define VALGRIND_STACK_DEREGISTER(id)   ((void)(id))
#define VALGRIND_DISABLE_ERROR_REPORTING ((void)0)
#define VALGRIND_ENABLE_ERROR_REPORTING  ((void)0)
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#define STACK_USED  0x6b617473u
#define STACK_FREE  0x65657266u
#define ARENA_SLOTS 256
#define CENSUS_PAGES 64 /* asked of mincore at once */
#define COLOURS     28 /* times 128 bytes: the highest leaves a seventh of a page to the first frames */

struct stack_arena {
	struct stack_arena *next; /* older, all its slots carved */
	char    *slots;           /* const after map */
	unsigned carved;          /* slots that have their guard; owner worker */
	/* of these, those that have not even a descriptor: a bit each */
	uint64_t cold[ARENA_SLOTS / 64];
};

/* The descriptor of slot i, carved or about to be. 11 and COLOURS have no common divisor, so all
 * colours occur, and neighbours are far apart. */
static struct stack *arena_stack(const struct stack_pool *p, const struct stack_arena *a, unsigned i)
{
	char *slot_end = a->slots + (i + 1) * p->size;

	return (struct stack *)(void *)(slot_end - i * 11 % COLOURS * 128) - 1;
}

static size_t arena_bytes(const struct stack_pool *p)
{
	return ARENA_SLOTS * p->size + p->page;
}

static int arena_map(struct stack_pool *p)
{
	size_t n = arena_bytes(p);
	struct stack_arena *a;
	char *m = sys_mmap(NULL, n, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (m == MAP_FAILED)
		return err_from_errno();
	/* its error says that there are no huge pages to avoid */
	sys_madvise(m, n, MADV_NOHUGEPAGE);
	a = (struct stack_arena *)(void *)(m + n - p->page);
	*a = (struct stack_arena){.next = p->arenas, .slots = m};
	p->arenas = a;
	return 0;
}

static int guard_install(struct stack_pool *p, char *page)
{
	if (!p->by_mprotect) {
		if (sys_madvise(page, p->page, MADV_GUARD_INSTALL) == 0)
			return 0;
		if (errno != EINVAL)
			return err_from_errno();
		p->by_mprotect = true;
	}
	return sys_mprotect(page, p->page, PROT_NONE) == 0 ? 0 : err_from_errno();
}

static void stack_push(struct stack **list, struct stack *s)
{
	s->next = *list;
	*list = s;
}

static struct stack *stack_pop(struct stack **list)
{
	struct stack *s = *list;

	if (s != NULL)
		*list = s->next;
	return s;
}

/* Slot i has its guard, and gets its descriptor. */
static struct stack *stack_make(const struct stack_pool *p, struct stack_arena *a, unsigned i)
{
	struct stack *s = arena_stack(p, a, i);

	*s = (struct stack){.magic = STACK_FREE, .lo = a->slots + i * p->size + p->page, .arena = a};
	s->valgrind = VALGRIND_STACK_REGISTER(s->lo, s);
	return s;
}

/* One slot more, onto the warm list: that is where init may leave it. */
static int stack_carve(struct stack_pool *p)
{
	struct stack_arena *a;
	int err;

	if (p->arenas == NULL || p->arenas->carved == ARENA_SLOTS) {
		err = arena_map(p);
		if (err != 0)
			return err;
	}
	a = p->arenas;
	err = guard_install(p, a->slots + a->carved * p->size);
	if (err != 0)
		return err;
	stack_push(&p->warm, stack_make(p, a, a->carved++));
	p->mapped++;
	p->nwarm++;
	return 0;
}

int stack_pool_init(struct stack_pool *p, size_t size)
{
	struct stack_pool made = {.size = size, .page = (size_t)sysconf(_SC_PAGESIZE)};
	int err;

	if (size % made.page != 0 || size < 4 * made.page || size > SIZE_MAX / 2 / ARENA_SLOTS)
		return -NP_EINVAL;
	err = stack_carve(&made);
	if (err == 0)
		*p = made;
	else if (made.arenas != NULL)
		sys_munmap(made.arenas->slots, arena_bytes(&made));
	return err;
}

static void valgrind_forget(const struct stack *list)
{
	for (; list != NULL; list = list->next)
		VALGRIND_STACK_DEREGISTER(list->valgrind);
}

void stack_pool_fini(struct stack_pool *p)
{
	CHECK(p->in_use == 0, "a stack pool ends while coroutines stand on its stacks");
	valgrind_forget(p->warm);
	while (p->arenas != NULL) {
		struct stack_arena *a = p->arenas;

		p->arenas = a->next;
		sys_munmap(a->slots, arena_bytes(p));
	}
	*p = (struct stack_pool){.size = 0};
}

/* A slot that was trimmed. There is one: p->ncold says so. */
static struct stack *stack_revive(struct stack_pool *p)
{
	struct stack_arena *a = p->arenas;
	unsigned word = 0, bit;

	while (a->cold[word] == 0)
		if (++word == array_len(a->cold)) {
			word = 0;
			a = a->next;
		}
	bit = (unsigned)__builtin_ctzll(a->cold[word]);
	a->cold[word] &= a->cold[word] - 1;
	p->ncold--;
	return stack_make(p, a, word * 64 + bit);
}

struct stack *stack_get(struct stack_pool *p)
{
	struct stack *s;

	if (p->warm == NULL && p->ncold == 0 && stack_carve(p) != 0)
		return NULL;
	s = stack_pop(&p->warm);
	if (s != NULL)
		p->nwarm--;
	else
		s = stack_revive(p);
	s->magic = STACK_USED;
	p->in_use++;
	return s;
}

/* From the guard up, the first word of a page that is not zero. It reads words that dead frames
 * have left behind, red zones included, so the sanitizers must not check it. */
__attribute__((no_sanitize("address", "thread"))) no_inline
static const char *page_first_use(const char *page, const char *end)
{
	const uintptr_t *w = (const uintptr_t *)(const void *)page;

	while ((const char *)w < end && *w == 0)
		w++;
	return (const char *)w < end ? (const char *)w : NULL;
}

/* The first use in `pages` pages from `at`, or NULL. Absent pages are left absent: reading one
 * would map it. */
static const char *pages_first_use(const struct stack_pool *p, char *at, size_t pages, const char *top)
{
	unsigned char present[CENSUS_PAGES];
	const char *use = NULL;

	if (sys_mincore(at, pages * p->page, present) != 0)
		memset(present, 1, pages); /* a kernel that cannot tell: look at all */
	for (size_t i = 0; i < pages && use == NULL; i++, at += p->page)
		if (present[i] & 1)
			use = page_first_use(at, at + p->page < top ? at + p->page : top);
	return use;
}

/* Bytes below the descriptor that were ever used, as far as its pages still tell. */
static size_t stack_depth(const struct stack_pool *p, const struct stack *s)
{
	const char *top = (const char *)s, *use = NULL;
	size_t pages, left = (stack_size(s) + p->page - 1) / p->page;

	VALGRIND_DISABLE_ERROR_REPORTING;
	for (char *at = s->lo; left > 0 && use == NULL; at += pages * p->page, left -= pages) {
		pages = left < CENSUS_PAGES ? left : CENSUS_PAGES;
		use = pages_first_use(p, at, pages, top);
	}
	VALGRIND_ENABLE_ERROR_REPORTING;
	return use != NULL ? (size_t)(top - use) : 0;
}

/* Gives back all pages, the descriptor's too: a thousand stacks of a peak would hold 4 MiB for
 * ever. They read as zero again, so their depth is noted first. */
static void stack_trim(struct stack_pool *p, struct stack *s)
{
	struct stack_arena *a = s->arena;
	size_t depth = stack_depth(p, s), i = (size_t)(s->lo - a->slots) / p->size;

	if (depth > p->deepest)
		p->deepest = depth;
	VALGRIND_STACK_DEREGISTER(s->valgrind);
	sys_madvise(s->lo, p->size - p->page, MADV_DONTNEED);
	a->cold[i / 64] |= UINT64_C(1) << i % 64;
	p->ncold++;
}

void stack_put(struct stack_pool *p, struct stack *s)
{
	CHECK(s->magic == STACK_USED, "a stack is put back that was not in use");
	s->magic = STACK_FREE;
	p->in_use--;
	if (p->nwarm < STACK_WARM) {
		p->nwarm++;
		stack_push(&p->warm, s);
		return;
	}
	stack_trim(p, s);
}

void stack_census(const struct stack_pool *p, struct stack_census *out)
{
	*out = (struct stack_census){.mapped = p->mapped, .in_use = p->in_use, .deepest = p->deepest};
	for (const struct stack_arena *a = p->arenas; a != NULL; a = a->next)
		for (unsigned i = 0; i < a->carved; i++) {
			bool cold = a->cold[i / 64] >> i % 64 & 1;
			size_t depth = cold ? 0 : stack_depth(p, arena_stack(p, a, i));

			if (depth > out->deepest)
				out->deepest = depth;
		}
}
