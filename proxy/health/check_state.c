/* check_state: rows to verdicts, and the time of the next check. */
#include "proxy/health/check_state.h"

#define SOON    (INT64_C(10) * 1000000)  /* ns between first checks that begin together, at most */
#define SOONEST (INT64_C(100) * 1000000) /* ns between the begins of two checks, at least */
#define HASTE   4                        /* so many times as often while a verdict is in doubt */
#define JITTER  10                       /* a tenth of the interval, always less and never more */
#define LOTS    65536

/* Of `span`, the nth of so many even parts. */
static int64_t even_part(int64_t span, struct check_place p)
{
	return span / p.of * p.nth + span % p.of * p.nth / p.of;
}

void check_state_begin(struct check_state *s, const struct check_rules *rules, struct check_place p, int64_t now)
{
	int64_t first = rules->interval / p.of < SOON ? rules->interval : SOON * p.of;

	if (s->verdict == SERVER_CHECK_NONE) {
		s->verdict = SERVER_CHECK_UNKNOWN;
		s->since = now;
	}
	s->open = true;
	s->against = 0;
	s->due = now + even_part(first, p);
	s->grid = now + rules->interval + even_part(rules->interval, p);
}

/* ---- a result ---- */

/* The verdict becomes `to`, which may be the same. */
static struct check_change decide(struct check_state *s, enum server_check to, int64_t now)
{
	struct check_change c = {.from = s->verdict, .to = to, .was = now - s->since};

	s->open = false;
	s->against = 0;
	s->verdict = to;
	if (c.from != to)
		s->since = now;
	return c;
}

/* What agrees with the verdict ends a row against it. */
static struct check_change take_result(struct check_state *s, const struct check_rules *rules, bool good, int64_t now)
{
	enum server_check says = good ? SERVER_CHECK_UP : SERVER_CHECK_DOWN;
	unsigned needed = good ? rules->rise : rules->fall;

	if (s->open || says == s->verdict || ++s->against >= needed)
		return decide(s, says, now);
	return (struct check_change){.from = s->verdict, .to = s->verdict};
}

/* From begin to begin, and at once where the check took longer. The second check of all waits for its place on the
 * grid, unless the verdict is in doubt. */
static int64_t due_after(struct check_state *s, const struct check_rules *rules, const struct check_outcome *o)
{
	int64_t wait = rules->interval, due;

	if (s->against > 0) {
		wait = wait / HASTE > SOONEST ? wait / HASTE : SOONEST;
	} else if (s->grid != 0) {
		wait = s->grid - o->began;
		s->grid = 0;
	} else {
		wait -= wait / JITTER * (o->lot % LOTS) / LOTS;
	}
	due = o->began + wait;
	return due > o->now ? due : o->now;
}

struct check_change check_state_result(struct check_state *s, const struct check_rules *rules,
				       const struct check_outcome *o)
{
	struct check_change c = {.from = s->verdict, .to = s->verdict};

	/* what proves nothing is followed by the next check at the usual time, or as fast as the doubt asks for */
	if (o->proven)
		c = take_result(s, rules, o->good, o->now);
	s->due = due_after(s, rules, o);
	return c;
}

void check_state_forget(struct check_state *s, int64_t now)
{
	s->verdict = SERVER_CHECK_UNKNOWN;
	s->since = now;
	s->open = true;
	s->against = 0;
	s->due = now;
	s->grid = 0;
}

/* When the next check is due stays as it is: it began with this process. */
void check_state_recall(struct check_state *s, enum server_check verdict, int64_t since)
{
	bool against = !s->open && s->verdict != verdict;

	s->verdict = verdict;
	s->open = false;
	s->against = against;
	s->since = since;
}
