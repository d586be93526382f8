/* admin_handover: another program takes over (proxy/control/upgrade.h): its control plane accepts where ours did, and
 * in between nobody does: who connects waits in the kernel's queue. */
#include "proxy/admin/admin_priv.h"

#define CLOSED_LOOK NP_MS

/* One order of the control thread, which waits. On its stack. */
struct handover_call {
	struct np_msg msg;
	struct admin *admin;
	void (*fn)(struct admin *a);
	struct np_event done;
};

/* ---- on the admin worker ---- */

/* The registration with the poller belongs to the open socket, which lives on in the other process. */
static void suspend_at(struct admin_at *at)
{
	int sysfd;

	if (!at->open)
		return;
	sysfd = np_sock_dup(at->fd.sysfd);
	np_fd_mark_shared(&at->fd);
	np_fd_close(&at->fd);
	while (at->open)
		np_sleep(CLOSED_LOOK);
	at->sysfd = sysfd < 0 ? -1 : sysfd;
}

/* The order of both places does not matter: no client has a claim to be answered by one process. */
static void suspend_all(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		suspend_at(&a->at[i]);
}

/* Also the first time, in the process that takes over. */
static void resume_all(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		a->at[i].borrowed = false;
	admin_open(a);
}

/* Whoever accepts there now removes the file at its end. */
static void give_all(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		a->at[i].borrowed = true;
}

static void call_back(struct np_msg *m)
{
	np_event_set(&container_of(m, struct handover_call, msg)->done);
}

static void call_main(void *arg)
{
	struct handover_call *c = arg;

	c->fn(c->admin);
	c->msg.fn = call_back;
	np_post(c->admin->control, &c->msg);
}

/* Without a stack nothing is done: the sockets stay with whoever has them, and clients wait there. */
static void call_arrives(struct np_msg *m)
{
	struct handover_call *c = container_of(m, struct handover_call, msg);

	if (np_go("admin hands over", call_main, c) == 0)
		return;
	c->msg.fn = call_back;
	np_post(c->admin->control, &c->msg);
}

/* ---- on the control thread ---- */

static void call_admin(struct admin *a, void (*fn)(struct admin *a))
{
	struct handover_call c = {.msg = {.fn = call_arrives}, .admin = a, .fn = fn};

	np_post(a->worker, &c.msg);
	np_event_wait(&c.done);
}

/* What is suspended has other descriptors now: the next attempt sends those. */
static void control_suspends(void *admin)
{
	struct admin *a = admin;

	call_admin(a, suspend_all);
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		a->p->upgrade.control.sysfd[i] = a->at[i].sysfd;
}

static void control_resumes(void *admin)
{
	call_admin(admin, resume_all);
}

static void control_gives(void *admin)
{
	call_admin(admin, give_all);
}

void admin_handover_init(struct admin *a)
{
	struct upgrade_control *c = &a->p->upgrade.control;

	*c = (struct upgrade_control){
		.admin = a,
		.suspend = control_suspends,
		.resume = control_resumes,
		.give = control_gives,
		.lock = a->at[0].lock,
	};
	for (size_t i = 0; i < ADMIN_PATHS; i++) {
		c->sysfd[i] = a->at[i].sysfd;
		c->addr[i] = a->at[i].addr;
	}
}
