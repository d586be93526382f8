/* upgrade_state: items into messages, and from messages to the part that reads them. */
#include "proxy/control/upgrade_state.h"

#include <string.h>

#include "proxy/control/control.h"
#include "proxy/log/event.h"

struct upgrade_part {
	const char *name;
	enum handover_tag tag;
	enum { ONCE, AGAIN } when;
	void (*write)(struct state_out *o);
	bool (*read)(struct process *p, struct snapshot *snap, const struct handover_field *item);
};

static const struct upgrade_part parts[] = {
#define X(part, tag, when) {#part, HANDOVER_TAG_##tag, when, part_write_##part, part_read_##part},
	UPGRADE_PARTS(X)
#undef X
};

/* ---- old ---- */

/* What there is of the message goes, and the next one begins. After an error nothing is sent any more. */
static void state_flush(struct state_out *o)
{
	if (o->w.n > 0 && o->err == 0)
		o->err = upgrade_send(&o->p->upgrade.pair, o->kind, &o->w, NULL, 0);
	upgrade_body(&o->p->upgrade.pair, &o->w);
}

struct handover_writer *state_item(struct state_out *o, enum handover_tag tag)
{
	if (o->w.room - o->w.n < STATE_ITEM_MOST)
		state_flush(o);
	o->at = handover_group(&o->w, tag);
	return &o->w;
}

/* Secrets may stand in what is left out. */
void state_item_end(struct state_out *o)
{
	if (!o->w.cut) {
		handover_group_end(&o->w, o->at);
		return;
	}
	explicit_bzero(o->w.p + o->at, o->w.n - o->at);
	o->w.n = o->at;
	o->w.cut = false;
}

int upgrade_state_send(struct process *p, enum handover_kind kind)
{
	struct state_out o = {.p = p, .kind = kind};

	upgrade_body(&p->upgrade.pair, &o.w);
	for (unsigned i = 0; i < array_len(parts) && o.err == 0; i++)
		if (kind == HANDOVER_STATE || parts[i].when == AGAIN)
			parts[i].write(&o);
	state_flush(&o);
	return o.err;
}

/* ---- new ---- */

static const struct upgrade_part *part_of_tag(unsigned tag)
{
	for (unsigned i = 0; i < array_len(parts); i++)
		if (parts[i].tag == tag)
			return &parts[i];
	return NULL;
}

void upgrade_state_take(struct process *p, struct snapshot *snap)
{
	const struct upgrade_message *m = &p->upgrade.message;
	struct handover_reader r;
	struct handover_field item;

	handover_read(&r, m->body, m->n);
	while (handover_next(&r, &item)) {
		const struct upgrade_part *part = part_of_tag(item.tag);

		if (part != NULL && !part->read(p, snap, &item))
			log_limited(LVL_WARNING, "upgrade_forgets", part->name, 0,
				    "what the process before says of its %s is not understood, and left out",
				    part->name);
	}
}
