/* The draw of a lifetime, and the question to the kernel about who is silent. */
#include "proxy/conn/relay_age.h"

#include <string.h>

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_tcp.h"
#include "proxy/conn/relay.h"

/* In [0, 1). The low bytes of an id are a clock's, spread by a multiplication: the finisher of MurmurHash3 makes each
 * of its bits depend on all of them. */
static double drawn_share(const struct conn *c)
{
	struct ulid id = conn_id(c);
	uint64_t h;

	memcpy(&h, id.b + sizeof(id.b) - sizeof(h), sizeof(h));
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return (double)(h >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t relay_lifetime_end(const struct conn *c)
{
	int64_t end = deadline_at(c->accepted, c->listener->lifetime), spread = c->listener->lifetime_spread;

	DCHECK(spread == 0 || c->listener->lifetime != DEADLINE_NEVER, "only what ends can end earlier");
	return spread == 0 ? end : end - (int64_t)((double)spread * drawn_share(c));
}

void relay_draw_lifetime(struct conn *c)
{
	DCHECK_RELAY(c);
	c->hard_deadline = relay_lifetime_end(c);
	relay_arm(c);
}

void relay_grow_old(struct conn *c)
{
	c->keepalive_due = false;
	/* Where it is refused, the idle timeout still ends a dead peer. */
	(void)!np_fd_set_keepalive(&c->upstream.fd);
}

bool relay_leg_is_alive(const struct np_tcp_info *leg)
{
	return leg->last_ack <= RELAY_KEEPALIVE / NP_MS;
}

bool relay_is_alive(struct conn *c)
{
	struct conn_tcp t;

	DCHECK_RELAY(c);
	if (c->keepalive_due)
		relay_grow_old(c); /* the client's has it from its listener */
	conn_tcp_ask(c, &t);
	for (unsigned i = 0; i < 2; i++)
		if (t.has[i] && !relay_leg_is_alive(&t.leg[i]))
			return false;
	return true;
}
