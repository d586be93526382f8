/* pulse: a timer, and who is told by it. At most as many as there are places for checks, so a beat is a short walk. */
#include "proxy/health/pulse.h"

static void beat(struct np_timer *t)
{
	struct pulse *p = container_of(t, struct pulse, timer);
	int64_t now = np_nanotime();

	list_for_each(it, &p->users) {
		struct pulse_user *u = list_entry(it, struct pulse_user, link);

		if (now - p->beat > u->longest)
			u->longest = now - p->beat;
	}
	p->beat = now;
	np_timer_set(t, now + PULSE_EVERY);
}

/* Who comes in the middle of a beat is charged with all of it: it is short, unless the thread is late now. */
void pulse_use(struct pulse *p, struct pulse_user *u)
{
	u->longest = 0;
	if (list_empty(&p->users)) {
		p->timer.fn = beat;
		p->beat = np_nanotime();
		np_timer_set(&p->timer, p->beat + PULSE_EVERY);
	}
	list_push_back(&p->users, &u->link);
}

/* Its last events may come before a beat that is overdue: so the time since the last one counts as well. */
int64_t pulse_leave(struct pulse *p, struct pulse_user *u)
{
	int64_t open = np_nanotime() - p->beat;

	list_remove(&u->link);
	if (list_empty(&p->users))
		np_timer_stop(&p->timer);
	return open > u->longest ? open : u->longest;
}
