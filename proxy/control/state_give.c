/* state_give: the state file passes to another process of ours, with its lock (upgrade.h). */
#include <unistd.h>

#include "proxy/control/control.h"
#include "proxy/control/state.h"

/* Its lock is a copy by now, so to close it unlocks nothing. */
void state_give(struct process *p)
{
	struct state *s = &p->state;

	np_timer_stop(&s->timer);
	if (s->lock >= 0)
		close(s->lock);
	s->on = false;
	s->lock = -1;
	s->written = s->changed;
}
