/* base: the compiler words every file uses, and the two intrusive containers. No code of its own to
 * link. */
#ifndef NETPOLL_BASE_H
#define NETPOLL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define must_use    __attribute__((warn_unused_result))
#define no_return   __attribute__((noreturn))
#define no_inline   __attribute__((noinline))
#define unused_ok   __attribute__((unused))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define array_len(a)  (sizeof(a) / sizeof((a)[0]))
#define cache_aligned __attribute__((aligned(128))) /* two lines: the prefetcher pulls pairs */

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Adds to a number that this thread alone writes and that others may read: no lock prefix, no fence.
 * Compilers make three instructions of a relaxed load and store. */
static inline void relaxed_add(uint64_t *p, uint64_t n)
{
#if defined(__x86_64__) && !defined(NP_DEBUG)
	__asm__("addq %1, %0" : "+m"(*p) : "er"(n) : "cc");
#else
	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
#endif
}

#if defined(__SANITIZE_ADDRESS__)
#define NP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NP_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define NP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NP_TSAN 1
#endif
#endif

/* A doubly linked list whose nodes live inside their owners. An unlinked node points at itself. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* Unlinks n; harmless on a node that is in no list. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(n, type, member) container_of(n, type, member)
#define list_for_each(it, head)     for (struct list *it = (head)->next; it != (head); it = it->next)
/* Safe when the body removes `it`. */
#define list_for_each_safe(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
