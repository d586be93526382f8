/* upstream_doubt: one flag for each upstream, and one for the message. */
#include "proxy/upstream/upstream_doubt.h"

/* The flag first: what is marked from here on is told by a message of its own. */
static void doubt_arrived(struct np_msg *m)
{
	struct upstream_doubt *d = container_of(m, struct upstream_doubt, msg);

	__atomic_store_n(&d->posted, 0, __ATOMIC_SEQ_CST);
	d->told(d);
}

void upstream_doubt_init(struct upstream_doubt *d, void (*told)(struct upstream_doubt *d))
{
	*d = (struct upstream_doubt){.msg.fn = doubt_arrived, .control = np_self(), .told = told};
}

void upstream_doubt_tell(struct upstream_live *live, struct upstream_doubt *d)
{
	__atomic_store_n(&live->doubt, d, __ATOMIC_RELEASE);
}

bool upstream_doubt_take(struct upstream_live *live)
{
	return __atomic_exchange_n(&live->doubted, 0, __ATOMIC_SEQ_CST) != 0;
}

/* Only what has failed comes here, so the exchange costs no connection that works. */
void upstream_doubt(struct upstream_live *live)
{
	struct upstream_doubt *d = __atomic_load_n(&live->doubt, __ATOMIC_ACQUIRE);

	if (d == NULL)
		return;
	__atomic_store_n(&live->doubted, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&d->posted, 1, __ATOMIC_SEQ_CST) == 0)
		np_post(d->control, &d->msg);
}
