/* names_keep: sets by the monotonic clock, and in the file by the wall clock. */
#include "proxy/control/names_keep.h"

#include <time.h>

#include "netpoll/check.h"
#include "proxy/control/names_apply.h"
#include "proxy/control/names_text.h"
#include "proxy/control/override_text.h"

/* What to add to the monotonic clock for the wall clock, as it is now. */
static int64_t names_wall_offset(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NP_S + ts.tv_nsec - np_nanotime();
}

void names_recall(struct names *n, char *text)
{
	DCHECK(n->kept.text == NULL && list_empty(&n->all), "once, at the start");
	names_lines_init(&n->kept, text);
}

/* A clock that was set back meanwhile makes a set that will be seen: it counts as fresh, within the same bound. */
static void recall_set(const struct names *n, struct dns_set *s)
{
	int64_t now = np_nanotime(), most = n->trial.rules.max_ttl, wall, seen;
	struct dns_answer a;

	if (!names_text_find(&n->kept, s, &a, &wall))
		return;
	seen = wall - names_wall_offset();
	if (seen > now - most && seen < now + most)
		dns_set_recall(s, &a, seen < now ? seen : now);
	dns_answer_fini(&a);
}

void names_recall_one(const struct names *n, struct dns_name *d, void (*forget)(struct dns_set *s))
{
	if (n->kept.n == 0)
		return;
	recall_set(n, &d->set);
	if (dns_name_follow(d, forget) != 0)
		return;
	for (unsigned i = 0; i < d->ntargets; i++)
		recall_set(n, d->targets[i]);
}

void names_recall_late(struct names *n, const struct snapshot *s, char *text)
{
	names_lines_fini(&n->kept);
	names_lines_init(&n->kept, text);
	list_for_each(it, &n->all) {
		struct dns_name *d = &list_entry(it, struct named, link)->dns;

		if (d->set.n == 0)
			names_recall_one(n, d, NULL);
	}
	names_apply_all(n, s);
}

static void keep_set(struct text *t, const struct dns_set *s, int64_t offset)
{
	if (s->n > 0)
		names_text_put(t, s, dns_set_seen(s) + offset);
}

void names_keep(const struct names *n, struct text *t)
{
	int64_t offset = names_wall_offset();

	if (list_empty(&n->all))
		return;
	override_text_names(t);
	list_for_each(it, &n->all) {
		const struct dns_name *d = &list_entry(it, struct named, link)->dns;

		keep_set(t, &d->set, offset);
		for (unsigned i = 0; i < d->ntargets; i++)
			keep_set(t, d->targets[i], offset);
	}
}
