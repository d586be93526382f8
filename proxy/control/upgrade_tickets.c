/* upgrade_tickets: keys of session tickets that are in memory alone: a session that began in the process before is
 * resumed here, and the other way round. Keys of a file are read there by both. */
#include <string.h>
#include <time.h>

#include "proxy/control/control.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/creds/tls_ticket.h"
#include "proxy/policy/snapshot_tls.h"

/* All three keys: who has sealed with the one that comes next, on another machine, has it from a file, and here nobody
 * has. The ages of keys go on, so that an upgrade each day does not keep one for ever. */
void part_write_tickets(struct state_out *o)
{
	const struct tls_ticket_keys *ring = tickets_in_memory(&o->p->registry);
	struct handover_writer *w;
	struct tls_keys k;

	if (ring == NULL)
		return;
	tls_ticket_keys_read(ring, &k);
	w = state_item(o, HANDOVER_TAG_STATE_TICKETS);
	handover_put(w, HANDOVER_TAG_TICKETS_KEYS, k.key, sizeof(k.key));
	handover_put_number(w, HANDOVER_TAG_TICKETS_ROTATED, (uint64_t)k.rotated);
	state_item_end(o);
	explicit_bzero(&k, sizeof(k));
}

/* A moment that is yet to come would let them seal for longer than they may. */
static bool read_tickets(const struct handover_field *item, struct tls_keys *out)
{
	struct handover_reader r;
	struct handover_field f;
	bool whole = false;

	*out = (struct tls_keys){0};
	handover_read_group(&r, item);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_TICKETS_KEYS)
			whole = handover_bytes(&r, &f, out->key, sizeof(out->key));
		else if (f.tag == HANDOVER_TAG_TICKETS_ROTATED)
			out->rotated = (int64_t)handover_number(&r, &f);
		else if (f.must)
			return false;
	}
	return !r.bad && whole && out->rotated >= 0 && out->rotated <= (int64_t)time(NULL) + 1;
}

/* Where no listener here uses such keys they are of no use. */
bool part_read_tickets(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	struct tls_ticket_keys *ring = tickets_in_memory(&p->registry);
	struct tls_keys k;
	bool sound = read_tickets(item, &k);

	(void)snap;
	if (sound && ring != NULL)
		tls_ticket_keys_put(ring, &k);
	explicit_bzero(&k, sizeof(k));
	return sound;
}
