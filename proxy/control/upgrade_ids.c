/* upgrade_ids: ids go on where the process before stops: its connections keep theirs without a copy, and no id is given
 * twice, since both processes make them of the same clock (conn_id), and a new one only of a later moment. */
#include "proxy/control/control.h"
#include "proxy/control/upgrade_state.h"

/* On a worker: nobody accepts, so it stays the last. */
static void look_for_last(struct shard *s, void *arg)
{
	int64_t *last = arg;

	if (s->last_accepted > *last)
		*last = s->last_accepted;
}

void part_write_ids(struct state_out *o)
{
	const struct shard *first = &o->p->shards[0];
	struct handover_writer *w;
	int64_t last = 0;

	for (unsigned i = 0; i < o->p->nshards; i++)
		shard_call(&o->p->shards[i], look_for_last, &last);
	w = state_item(o, HANDOVER_TAG_STATE_IDS);
	handover_put_number(w, HANDOVER_TAG_IDS_EPOCH, (uint64_t)first->id_epoch);
	handover_put_number(w, HANDOVER_TAG_IDS_SEED, first->id_seed);
	handover_put_number(w, HANDOVER_TAG_IDS_LAST, (uint64_t)last);
	state_item_end(o);
}

/* What an item says. */
struct ids {
	uint64_t epoch, seed, last;
};

/* A moment that is yet to come would give the next connections a time that is not theirs. */
static bool read_ids(const struct handover_field *item, struct ids *out)
{
	struct handover_reader r;
	struct handover_field f;

	*out = (struct ids){0};
	handover_read_group(&r, item);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_IDS_EPOCH)
			out->epoch = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_IDS_SEED)
			out->seed = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_IDS_LAST)
			out->last = handover_number(&r, &f);
		else if (f.must)
			return false;
	}
	return !r.bad && out->epoch < INT64_MAX / 2 && out->last <= (uint64_t)np_nanotime();
}

static void take_ids(struct shard *s, void *arg)
{
	const struct ids *ids = arg;

	s->id_epoch = (int64_t)ids->epoch;
	s->id_seed = ids->seed;
	s->last_accepted = (int64_t)ids->last;
}

bool part_read_ids(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	struct ids ids;

	(void)snap;
	if (!read_ids(item, &ids))
		return false;
	for (unsigned i = 0; i < p->nshards; i++)
		shard_call(&p->shards[i], take_ids, &ids);
	return true;
}
