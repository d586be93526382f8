/* acl: networks that lie in each other, flattened: sorted by their first address, and the wider one first, they are
 * walked with a stack of those that are open. Where one begins its own answer holds, where it ends that of the one
 * around it. */
#include "proxy/policy/acl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/cidr_file.h"
#include "config/config.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/text.h"

#define V4_AT      (CIDR_V4_BITS / 8) /* where an IPv4 address begins in a mapped one */
#define V4_BYTES   4
#define ROOM_FIRST 64 /* networks; it doubles */
#define ACL_FENCE  32 /* addresses from one fence to the next */

/* ---- networks as ranges ---- */

struct span {
	acl_u128 first, last;
	bool v4, deny;
};

/* The order of qsort: IPv4 first. Of two that are the same range deny comes second, as if it lay inside. */
static int by_first(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->v4 != y->v4)
		return y->v4 - x->v4;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return x->deny - y->deny;
}

static acl_u128 number_of(const uint8_t *bytes, unsigned n)
{
	acl_u128 v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

static struct span span_of(const struct cidr *net, bool deny)
{
	bool v4 = cidr_is_v4(net);
	unsigned host = CIDR_MAX_BITS - net->bits;
	acl_u128 first = v4 ? number_of(net->addr + V4_AT, V4_BYTES) : number_of(net->addr, sizeof(net->addr));
	acl_u128 hosts = host == CIDR_MAX_BITS ? ~(acl_u128)0 : ((acl_u128)1 << host) - 1;

	return (struct span){.first = first, .last = first | hosts, .v4 = v4, .deny = deny};
}

/* ---- from ranges to changes ---- */

struct change {
	acl_u128 at;
	bool denied;
};

/* As deep as networks can lie in each other: one for each length, to allow and to deny. */
#define OPEN_MOST (2 * (CIDR_MAX_BITS + 1))

struct sweep {
	struct change *out; /* room for two of each span */
	size_t n;
	const struct span *spans;
	uint32_t open[OPEN_MOST]; /* of spans */
	unsigned depth;
	acl_u128 most;      /* the family's last address */
	bool outside;       /* the answer where no network is */
};

/* The innermost that is open; NULL: none is. */
static const struct span *innermost(const struct sweep *w)
{
	return w->depth > 0 ? &w->spans[w->open[w->depth - 1]] : NULL;
}

static void close_span(struct sweep *w)
{
	const struct span *s = innermost(w), *around;

	w->depth--;
	around = innermost(w);
	if (s->last < w->most)
		w->out[w->n++] = (struct change){s->last + 1, around != NULL ? around->deny : w->outside};
}

static void open_span(struct sweep *w, uint32_t i)
{
	const struct span *s = &w->spans[i], *top = innermost(w);

	while (top != NULL && top->last < s->first) {
		close_span(w);
		top = innermost(w);
	}
	if (top != NULL && top->first == s->first && top->last == s->last && top->deny == s->deny)
		return; /* written twice */
	CHECK(w->depth < OPEN_MOST, "networks lie in each other as deep as they have lengths");
	w->open[w->depth++] = i;
	w->out[w->n++] = (struct change){s->first, s->deny};
}

/* Of several changes at one address the last one counts; one that changes nothing goes. */
static size_t thin(struct change *c, size_t n, bool outside)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool before;

		if (kept > 0 && c[kept - 1].at == c[i].at)
			kept--;
		before = kept > 0 ? c[kept - 1].denied : outside;
		if (c[i].denied != before)
			c[kept++] = c[i];
	}
	return kept;
}

/* Of sorted spans.   Returns  the changes, which alternate, the caller's to free; NULL: no memory. */
static struct change *flatten(const struct span *spans, size_t n, acl_u128 most, bool outside, size_t *nout)
{
	struct sweep w = {.spans = spans, .most = most, .outside = outside};

	w.out = malloc((2 * n + 1) * sizeof(*w.out));
	if (w.out == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		open_span(&w, (uint32_t)i);
	while (w.depth > 0)
		close_span(&w);
	*nout = thin(w.out, w.n, outside);
	return w.out;
}

/* An answer from address 0 on is none of the changes: it is where the family begins. */
static bool answer_at_first(const struct change *c, size_t *n, size_t *from, bool outside)
{
	*from = *n > 0 && c[0].at == 0;
	*n -= *from;
	return *from != 0 ? c[0].denied : outside;
}

/* Room for the fences of n addresses.   Returns  0 or -NP_ENOMEM. */
static int fences_init(struct acl_fences *f, size_t n)
{
	f->n = (uint32_t)((n + ACL_FENCE - 1) / ACL_FENCE);
	f->at = malloc((f->n + 1) * sizeof(*f->at));
	return f->at != NULL ? 0 : -NP_ENOMEM;
}

static int fill_v4(struct acl *a, const struct span *spans, size_t n, bool outside)
{
	size_t nc = 0, from;
	struct change *c = flatten(spans, n, UINT32_MAX, outside, &nc);

	if (c == NULL)
		return -NP_ENOMEM;
	a->v4.denied = answer_at_first(c, &nc, &from, outside);
	a->v4.at = malloc((nc + 1) * sizeof(*a->v4.at));
	for (size_t i = 0; a->v4.at != NULL && i < nc; i++)
		a->v4.at[i] = (uint32_t)c[from + i].at;
	a->v4.n = (uint32_t)nc;
	free(c);
	if (a->v4.at == NULL || fences_init(&a->v4.fences, nc) != 0)
		return -NP_ENOMEM;
	for (size_t i = 0; i < a->v4.fences.n; i++)
		a->v4.fences.at[i] = a->v4.at[i * ACL_FENCE];
	return 0;
}

static int fill_v6(struct acl *a, const struct span *spans, size_t n, bool outside)
{
	size_t nc = 0, from;
	struct change *c = flatten(spans, n, ~(acl_u128)0, outside, &nc);

	if (c == NULL)
		return -NP_ENOMEM;
	a->v6.denied = answer_at_first(c, &nc, &from, outside);
	a->v6.at = malloc((nc + 1) * sizeof(*a->v6.at));
	for (size_t i = 0; a->v6.at != NULL && i < nc; i++)
		a->v6.at[i] = c[from + i].at;
	a->v6.n = (uint32_t)nc;
	free(c);
	if (a->v6.at == NULL || fences_init(&a->v6.fences, nc) != 0)
		return -NP_ENOMEM;
	for (size_t i = 0; i < a->v6.fences.n; i++)
		a->v6.fences.at[i] = (uint64_t)(a->v6.at[i * ACL_FENCE] >> 64);
	return 0;
}

/* ---- from lists to ranges ---- */

/* The networks of both lists. */
struct gathered {
	struct span *spans; /* owned */
	size_t n, room, nv4;
	bool deny;           /* the list that is gathered now */
	bool unix_listed[2]; /* to allow, to deny */
};

static int gather_network(void *arg, const struct cidr *net)
{
	struct gathered *g = arg;
	struct span *more;

	if (net->bits == CIDR_UNIX) {
		g->unix_listed[g->deny] = true;
		return 0;
	}
	if (g->n == g->room) {
		size_t room = g->room > 0 ? 2 * g->room : ROOM_FIRST;

		more = realloc(g->spans, room * sizeof(*more));
		if (more == NULL)
			return -NP_ENOMEM;
		g->spans = more;
		g->room = room;
	}
	g->spans[g->n++] = span_of(net, g->deny);
	g->nv4 += g->spans[g->n - 1].v4;
	return 0;
}

/* "FILE:17: not an IP address" */
static int refuse_list(struct text *why, const char *path, const struct cidr_fault *fault)
{
	text_str(why, path);
	if (fault->line > 0) {
		text_char(why, ':');
		text_u64(why, fault->line);
	}
	return text_problem(why, "", fault->why, -NP_EINVAL);
}

static int gather_list(struct gathered *g, const struct config_cidr *list, size_t n, bool deny, struct text *why)
{
	struct cidr_fault fault;
	int err = 0;

	g->deny = deny;
	for (size_t i = 0; i < n && err == 0; i++) {
		if (list[i].file == NULL)
			err = gather_network(g, &list[i].net);
		else
			err = cidr_file_read(list[i].file, gather_network, g, &fault);
		if (err == -NP_EINVAL)
			err = refuse_list(why, list[i].file, &fault);
	}
	return err;
}

static int fill(struct acl *a, const struct acl_lists *lists, struct gathered *g)
{
	bool outside = lists->nallow > 0;
	int err;

	a->unix_denied = g->unix_listed[true] || (outside && !g->unix_listed[false]);
	if (g->n > 0)
		qsort(g->spans, g->n, sizeof(*g->spans), by_first);
	err = fill_v4(a, g->spans, g->nv4, outside);
	return err == 0 ? fill_v6(a, g->spans + g->nv4, g->n - g->nv4, outside) : err;
}

/* ---- one table, shared ---- */

static void acl_free(struct acl *a)
{
	free(a->v4.at);
	free(a->v4.fences.at);
	free(a->v6.at);
	free(a->v6.fences.at);
	free(a);
}

void acl_put(struct acl *a)
{
	if (a == NULL)
		return;
	CHECK(a->refs > 0, "an acl is put once for each time it was got");
	if (--a->refs == 0)
		acl_free(a);
}

static bool acl_same(const struct acl *a, const struct acl *b)
{
	return a->unix_denied == b->unix_denied && a->v4.denied == b->v4.denied && a->v6.denied == b->v6.denied &&
	       a->v4.n == b->v4.n && a->v6.n == b->v6.n &&
	       memcmp(a->v4.at, b->v4.at, a->v4.n * sizeof(*a->v4.at)) == 0 &&
	       memcmp(a->v6.at, b->v6.at, a->v6.n * sizeof(*a->v6.at)) == 0;
}

int acl_new(const struct acl_lists *lists, struct acl *prev, struct acl **out, struct text *why)
{
	struct gathered g = {0};
	struct acl *a;
	int err;

	*out = NULL;
	if (lists->nallow + lists->ndeny == 0)
		return 0;
	a = calloc(1, sizeof(*a));
	err = a != NULL ? gather_list(&g, lists->allow, lists->nallow, false, why) : -NP_ENOMEM;
	if (err == 0)
		err = gather_list(&g, lists->deny, lists->ndeny, true, why);
	if (err == 0)
		err = fill(a, lists, &g);
	free(g.spans);
	if (err != 0 && a != NULL)
		acl_free(a);
	if (err != 0)
		return err;
	if (prev != NULL && acl_same(a, prev)) {
		acl_free(a);
		a = prev;
	}
	a->refs++;
	*out = a;
	return 0;
}

/* ---- the look-up ---- */

/* How many of n numbers, one at least, are at or below v. Without a branch for the compiler to make: nobody can predict
 * one in a bisection, and where all numbers are in the cache each wrong guess costs more than a step. */
static uint32_t count_fences(const struct acl_fences *f, uint64_t v)
{
	uint32_t low = 0;

	for (uint32_t n = f->n, half; n > 1; n -= half) {
		uint32_t below;

		half = n / 2;
		below = f->at[low + half - 1] <= v;
		__asm__("" : "+r"(below));
		low += half & -below;
	}
	return low + (f->at[low] <= v);
}

/* How many of the n addresses from `from` on are at or below addr, and those before `from`, which are all. A guess that
 * is wrong has fetched what may be needed next, and these are seldom in the cache. */
#define BISECT(at, from, n, addr)                                                    \
	({                                                                           \
		uint32_t low_ = (from);                                              \
		for (uint32_t n_ = (n); n_ > 0; n_ /= 2) {                           \
			uint32_t middle_ = low_ + n_ / 2;                            \
			if ((at)[middle_] <= (addr)) {                               \
				low_ = middle_ + 1;                                  \
				n_--;                                                \
			}                                                            \
		}                                                                    \
		low_;                                                                \
	})

/* Odd: the answer has changed an odd number of times up to here. */
static bool look_up_v4(const struct acl_v4 *f, uint32_t addr)
{
	uint32_t fences = f->n > 0 ? count_fences(&f->fences, addr) : 0, from, n;

	if (fences == 0)
		return f->denied;
	from = (fences - 1) * ACL_FENCE;
	n = f->n - from < ACL_FENCE ? f->n - from : ACL_FENCE;
	return f->denied != (BISECT(f->at, from, n, addr) & 1);
}

/* Several fences may have the same first half: then the address may lie before the last of them. */
static bool look_up_v6(const struct acl_v6 *f, acl_u128 addr)
{
	uint32_t fences = f->n > 0 ? count_fences(&f->fences, (uint64_t)(addr >> 64)) : 0, from, n;

	if (fences == 0)
		return f->denied;
	from = (fences - 1) * ACL_FENCE;
	n = f->n - from < ACL_FENCE ? f->n - from : ACL_FENCE;
	if (f->at[from] > addr) {
		n = from;
		from = 0;
	}
	return f->denied != (BISECT(f->at, from, n, addr) & 1);
}

bool acl_denies(const struct acl *a, const struct sockaddr *sa)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	if (sa->sa_family == AF_INET)
		return look_up_v4(&a->v4, ntohl(in4->sin_addr.s_addr));
	if (sa->sa_family != AF_INET6)
		return a->unix_denied;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return look_up_v4(&a->v4, (uint32_t)number_of(in6->sin6_addr.s6_addr + V4_AT, V4_BYTES));
	return look_up_v6(&a->v6, number_of(in6->sin6_addr.s6_addr, sizeof(in6->sin6_addr)));
}
