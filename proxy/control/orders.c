/* orders: the queue on the control thread, and the way back. */
#include "proxy/control/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/explain.h"
#include "proxy/control/override_text.h"
#include "proxy/control/overrides.h"
#include "proxy/control/plan.h"
#include "proxy/control/reload.h"
#include "proxy/control/signals.h"
#include "proxy/control/state.h"

/* On the asker's worker. */
static void order_back(struct np_msg *m)
{
	struct order *o = container_of(m, struct order, msg);

	o->answered(o);
}

void order_answer(struct order *o, int err)
{
	struct process *p = o->p;

	DCHECK(np_self() == p->registry.control, "orders are answered by the control thread");
	o->err = err;
	o->generation = p->snap != NULL ? p->snap->generation : 0;
	o->max_connections = p->snap != NULL ? p->snap->max_connections : 0;
	o->before = upgrade_has_old(p) ? p->upgrade.pid : 0;
	o->before_conns = o->before != 0 ? limit_used(&p->upgrade.left) : 0;
	o->loaded_at = p->loaded_at;
	o->problems = p->problems != NULL ? strdup(p->problems) : NULL;
	snprintf(o->why, sizeof(o->why), "%s", o->kind == ORDER_UPGRADE ? p->upgrade.why : p->why);
	snprintf(o->changes, sizeof(o->changes), "%s", p->changes);
	o->msg.fn = order_back;
	np_post(o->asker, &o->msg);
}

/* The generation in force is the control thread's to change, so what holds here holds until the order is obeyed. */
static bool order_holds(const struct order *o)
{
	const struct process *p = o->p;

	return !o->conditional || (p->snap != NULL && p->snap->generation == o->match);
}

/* A load may be under way: it only reads the snapshot in force, and so does this. */
static int explain_order(struct order *o)
{
	const struct process *p = o->p;

	return p->snap != NULL ? explain_answer(p->snap, &p->limit, o->question, &o->text) : -NP_ECANCELED;
}

/* A copy, since the list may change before the asker reads it. */
static int copy_overrides(struct order *o)
{
	const struct overrides *all = &o->p->overrides;

	o->rows = all->n > 0 ? calloc(all->n, sizeof(*o->rows)) : NULL;
	if (o->rows == NULL)
		return all->n > 0 ? -NP_ENOMEM : 0;
	list_for_each(it, &all->all) {
		const struct override *one = list_entry(it, struct override, link);
		struct override_row *row = &o->rows[o->nrows++];

		snprintf(row->upstream, sizeof(row->upstream), "%s", one->upstream);
		snprintf(row->address, sizeof(row->address), "%s", one->address);
		row->said = one->said;
		memcpy(row->ends, one->ends, sizeof(row->ends));
	}
	return 0;
}

/* What only reads is answered at once, also while a load is under way. A change of a server is made at once, too,
 * and answered when the state file has it. What takes long waits in the queue for the control thread's main story. */
static void order_arrives(struct np_msg *m)
{
	struct order *o = container_of(m, struct order, msg);
	struct process *p = o->p;

	if (o->kind == ORDER_STATUS) {
		order_answer(o, 0);
	} else if (o->kind == ORDER_EXPLAIN) {
		order_answer(o, explain_order(o));
	} else if (o->kind == ORDER_OVERRIDES) {
		order_answer(o, copy_overrides(o));
	} else if (p->stage == STAGE_ENDED || (o->kind == ORDER_SERVER && p->snap == NULL)) {
		order_answer(o, -NP_ECANCELED);
	} else if (o->kind == ORDER_SERVER && upgrade_under_way(p)) {
		order_answer(o, -EBUSY);
	} else if ((o->kind == ORDER_SERVER || o->kind == ORDER_LEVEL) && !order_holds(o)) {
		order_answer(o, -ESTALE);
	} else if (o->kind == ORDER_LEVEL) {
		level_obey(p, &o->level);
		order_answer(o, 0);
	} else if (o->kind == ORDER_SERVER) {
		overrides_change(p, o->change);
		if (o->change->result == CHANGE_DONE)
			state_answer(p, o);
		else
			order_answer(o, 0);
	} else {
		list_push_back(&p->orders, &o->link);
		signals_raise(SIGNALS_ASKED);
	}
}

/* From any worker: the answer comes back to the same one. */
void order_post(struct process *p, struct order *o)
{
	o->p = p;
	o->asker = np_self();
	o->msg.fn = order_arrives;
	np_post(p->registry.control, &o->msg);
}

struct order *order_take(struct process *p)
{
	while (!list_empty(&p->orders)) {
		struct order *o = list_entry(p->orders.next, struct order, link);

		list_remove(&o->link);
		if (order_holds(o))
			return o;
		order_answer(o, -ESTALE);
	}
	return NULL;
}

/* Nobody waits for a process that ends: those that are queued are answered, later ones find STAGE_ENDED. */
void orders_end(struct process *p)
{
	struct order *o;

	__atomic_store_n(&p->stage, STAGE_ENDED, __ATOMIC_RELEASE);
	while ((o = order_take(p)) != NULL)
		order_answer(o, -NP_ECANCELED);
}

/* The slow ones, on the control thread. A plan hands over its text, because the asker may leave before. */
void order_do(struct process *p, struct order *o)
{
	if (o->kind == ORDER_LOGS) {
		reload_logs(p);
		order_answer(o, 0);
		return;
	}
	if (o->kind == ORDER_PLAN) {
		char *text = o->plan;

		o->plan = NULL;
		order_answer(o, plan_run(p, text, o->nplan, &o->text));
		return;
	}
	DCHECK(o->kind == ORDER_RELOAD, "a drain is not done in passing");
	if (p->config_path == NULL)
		order_answer(o, -NP_ENOENT);
	else
		order_answer(o, reload_file(p, &o->restart));
}
