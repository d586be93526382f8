/* level: the hold, its end, and the lines that tell of both. */
#include "proxy/control/level.h"

#include "proxy/base/text.h"
#include "proxy/control/control.h"
#include "proxy/log/event.h"

/* Both levels, whichever is in force: who reads the event later needs no other one beside it. */
static struct event *event_of_level(void)
{
	struct event *e = event_begin();

	event_fact(e, "level", log_level_word(log_level_now()));
	event_fact(e, "configured", log_level_word(log_level_set()));
	return e;
}

/* Told at the level that is in force by then: a log of errors alone has no such line, but events have it. */
static void level_is_over(struct process *p)
{
	p->level.until = 0;
	log_let_go_level();
	event_log(event_of_level(), LVL_NOTICE, "log_level", "the log level is %s again, as configured",
		  log_level_word(log_level_now()));
}

/* On the control worker's loop, so no order is under way meanwhile. */
static void on_level_end(struct np_timer *t)
{
	level_is_over(container_of(t, struct process, level.timer));
}

/* The timer counts by the monotonic clock, so a clock that is set neither shortens nor prolongs it; the wall clock's
 * time is for people. The line comes after the change: debug is told of as soon as it is in force. */
static void hold_level(struct process *p, const struct level_order *o)
{
	char buf[64];
	struct text t;

	p->level.until = o->ends;
	p->level.timer.fn = on_level_end;
	np_timer_set(&p->level.timer, np_deadline_after(o->lasts));
	log_hold_level(o->level);
	text_init(&t, buf, sizeof(buf) - 1);
	text_time(&t, p->level.until);
	buf[t.n] = '\0';
	event_log(event_of_level(), LVL_NOTICE, "log_level", "the log level is %s until %s, instead of %s",
		  log_level_word(o->level), buf, log_level_word(log_level_set()));
}

void level_obey(struct process *p, struct level_order *o)
{
	DCHECK(np_self() == p->registry.control, "the control thread sets the level");
	if (o->want == LEVEL_HOLD)
		hold_level(p, o);
	if (o->want == LEVEL_LET_GO && p->level.until != 0) {
		np_timer_stop(&p->level.timer);
		level_is_over(p);
	}
	o->now = log_level_now();
	o->set = log_level_set();
	o->until = p->level.until;
}

/* What the process says while it stops is at the configuration's level. */
void level_end(struct process *p)
{
	if (p->level.until == 0)
		return;
	np_timer_stop(&p->level.timer);
	p->level.until = 0;
	log_let_go_level();
}
