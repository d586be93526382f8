/* upgrade: the steps of the process that serves, each with what undoes it. */
#include "proxy/control/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/exit_tbl.h"
#include "proxy/control/confine.h"
#include "proxy/control/control.h"
#include "proxy/control/drain.h"
#include "proxy/control/signals.h"
#include "proxy/control/upgrade_counts.h"
#include "proxy/control/upgrade_limits.h"
#include "proxy/control/upgrade_move.h"
#include "proxy/control/upgrade_sources.h"
#include "proxy/control/upgrade_spawn.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/listen/binding.h"
#include "proxy/log/event.h"

#define HELLO_TIME  (10 * NP_S)
#define START_TIME  (60 * NP_S) /* for the load, the first checks and the binds of new */
#define GO_TIME     (10 * NP_S)
#define END_TIME    NP_S        /* for new to end by itself before it is killed ... */
#define END_HURRY   (200 * NP_MS) /* ... where this process is told to stop */
#define KILL_TIME   (2 * NP_S)  /* for the kernel to end it then; after that it is nobody's care */
#define END_LOOK    (5 * NP_MS)
#define MOVE_EVERY  (100 * NP_MS)
#define CUT_TIME    (500 * NP_MS) /* for connections that were cut to end */
#define CLOCK_APART NP_S        /* more: another time namespace, whose deadlines are not ours */

/* ---- what went wrong, in words ---- */

/* Of a code with which a start can end; what other verbs mean by theirs says nothing here. */
static const char *meaning_of(int status)
{
#define X(id, code, start, meaning)       \
	if ((start) && status == (code)) \
		return meaning;
	EXIT_TBL(X)
#undef X
	return "no start of staunch ends so: is it another program?";
}

/* Keeps the first reason. */
static void upgrade_say_why(struct upgrade *u, const char *format, ...)
{
	va_list args;

	if (u->why[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(u->why, sizeof(u->why), format, args);
	va_end(args);
}

/* The signal, or the exit code in the words of the table: a program that cannot start has said more on stderr, which
 * is ours as well. */
static void say_how_it_ended(struct upgrade *u, int status)
{
	if (WIFSIGNALED(status))
		upgrade_say_why(u, "the new program was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		upgrade_say_why(u, "the new program ended with %d: %s; its messages are in the log",
				WEXITSTATUS(status), meaning_of(WEXITSTATUS(status)));
}

/* Returns  whether it has ended by then, and *status. */
static bool child_ends(pid_t pid, int64_t patience, int *status)
{
	int64_t by = np_deadline_after(patience);

	while (!upgrade_ended(pid, status)) {
		if (np_nanotime() >= by)
			return false;
		np_sleep(END_LOOK);
	}
	return true;
}

/* A program that was told to go, or broke, ends by itself; one that hangs is killed. Either way it is reaped here. */
static void end_child(struct upgrade *u)
{
	int status;

	if (u->pid == 0)
		return;
	if (child_ends(u->pid, signals_pending(SIGNALS_STOP) ? END_HURRY : END_TIME, &status)) {
		if (status != -1)
			say_how_it_ended(u, status);
	} else {
		kill(u->pid, SIGKILL);
		upgrade_say_why(u, "the new program hangs, and was killed");
		(void)child_ends(u->pid, KILL_TIME, &status);
	}
	u->pid = 0;
}

/* ---- steps ---- */

/* Step 1. Whatever fails here has started nothing, or upgrade_run ends it.   Returns  whether it runs. */
static bool start_program(struct process *p, const char *binary)
{
	struct upgrade *u = &p->upgrade;
	char path[256];
	int sysfd, err;

	upgrade_binary(binary, path, sizeof(path));
	if (getpid() == 1) {
		upgrade_say_why(u, "this process is the first of a container, which ends with it: there an upgrade "
				   "is a new container");
		return false;
	}
	if (confine_state()->closed) {
		upgrade_say_why(u, "sandbox.seccomp lets this process start no program: a new one takes a restart");
		return false;
	}
	log_msg(LVL_NOTICE, "upgrade_started", "upgrade: starting %s", path);
	sysfd = upgrade_spawn(binary, &p->manager.notify, &u->pid);
	if (sysfd < 0) {
		upgrade_say_why(u, "%s cannot be started: %s%s", path, np_err_text(sysfd),
				sysfd == -NP_EACCES && confine_state()->landlock != 0 ?
					"; landlock lets this process start programs in the directory of its own "
					"program alone: anything else needs a restart" :
					"");
		return false;
	}
	err = upgrade_pair_open(&u->pair, sysfd);
	if (err == 0)
		err = upgrade_peer_start(p);
	else
		np_sock_close(sysfd);
	if (err != 0)
		upgrade_say_why(u, "%s", np_err_text(err));
	return err == 0;
}

/* Both say who they are. A program that is none of ours says nothing, or something else, and a clock that is not ours
 * would make every deadline another one. */
static bool greet(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct upgrade_hello hello;
	int err = upgrade_await(p, HANDOVER_HELLO, np_deadline_after(HELLO_TIME));

	if (err != 0)
		return false;
	err = upgrade_read_hello(&u->message, &hello);
	upgrade_taken(u);
	if (err != 0 || hello.clock_apart > CLOCK_APART) {
		upgrade_say_why(u, err != 0 ? "the new program does not speak as this one does" :
					      "the new program has another clock: it is in another time namespace");
		return false;
	}
	return upgrade_send_hello(p) == 0;
}

/* ---- sockets ---- */

/* The descriptors of a message belong to its groups in their order: the sockets of the address, then its lock. */
static void put_socket(struct handover_writer *w, const struct np_addr *a, unsigned n, bool lock, bool kept)
{
	uint32_t group = handover_group(w, HANDOVER_TAG_SOCKET);

	handover_put(w, HANDOVER_TAG_SOCKET_ADDR, a, sizeof(*a));
	handover_put_number(w, HANDOVER_TAG_SOCKET_FDS, n);
	handover_put_number(w, HANDOVER_TAG_SOCKET_LOCK, lock);
	handover_put_number(w, HANDOVER_TAG_SOCKET_KEPT, kept);
	handover_group_end(w, group);
}

/* An address a message: none has more sockets than there are workers, and a lock. */
static int send_binding(struct process *p, const struct binding *b)
{
	int sysfds[NP_MSG_SYSFDS];
	struct handover_writer w;
	unsigned n;

	if (b->n + 1 > NP_MSG_SYSFDS)
		return -NP_EMFILE;
	n = binding_sockets(b, sysfds);
	upgrade_body(&p->upgrade.pair, &w);
	put_socket(&w, &b->addr, n, b->lock >= 0, b->kept);
	if (b->lock >= 0)
		sysfds[n++] = b->lock;
	return upgrade_send(&p->upgrade.pair, HANDOVER_LISTENERS, &w, sysfds, n);
}

/* The control plane's two, which are no bindings. Without one there is nothing to send. */
static int send_control(struct process *p)
{
	const struct upgrade_control *c = &p->upgrade.control;
	int err = 0;

	for (unsigned i = 0; i < array_len(c->sysfd) && err == 0; i++) {
		int sysfds[2] = {c->sysfd[i], c->lock};
		bool lock = i == 0 && c->lock >= 0;
		struct handover_writer w;

		if (c->suspend == NULL || c->sysfd[i] < 0)
			continue;
		upgrade_body(&p->upgrade.pair, &w);
		put_socket(&w, &c->addr[i], 1, lock, false);
		err = upgrade_send(&p->upgrade.pair, HANDOVER_LISTENERS, &w, sysfds, lock ? 2 : 1);
	}
	return err;
}

/* The state file's lock alone has no address; a message without a socket ends the list. */
static int send_end_of_sockets(struct process *p)
{
	int lock = p->state.lock;
	struct handover_writer w;

	upgrade_body(&p->upgrade.pair, &w);
	if (lock >= 0)
		handover_put_text(&w, HANDOVER_TAG_TEXT, p->state.path);
	return upgrade_send(&p->upgrade.pair, HANDOVER_LISTENERS, &w, &lock, lock >= 0 ? 1 : 0);
}

/* Step 1, still: from now on both processes hold each socket, and this one alone accepts. */
static bool send_sockets(struct process *p)
{
	int err = 0;

	list_for_each(it, &p->bindings.open) {
		list_entry(it, struct binding, link)->stays = false; /* a former attempt may have said so */
		err = send_binding(p, list_entry(it, struct binding, link));
		if (err != 0)
			break;
	}
	if (err == 0)
		err = send_control(p);
	if (err == 0)
		err = send_end_of_sockets(p);
	if (err != 0)
		upgrade_say_why(&p->upgrade, "its sockets cannot be sent: %s", np_err_text(err));
	return err == 0;
}

/* ---- steps 4 to 7 ---- */

static void control_suspend(const struct upgrade *u)
{
	if (u->control.suspend != NULL)
		u->control.suspend(u->control.admin);
}

static void control_resume(const struct upgrade *u)
{
	if (u->control.resume != NULL)
		u->control.resume(u->control.admin);
}

/* From here on the kernel queues who comes, until one of the two accepts.   Returns  whether new does. */
static bool switch_over(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	int err = bindings_suspend(&p->bindings, p->shards);

	if (err != 0) {
		upgrade_say_why(u, "%s", np_err_text(err));
		return false;
	}
	control_suspend(u);
	upgrade_move_begins(p);
	err = upgrade_state_send(p, HANDOVER_STATE);
	if (err == 0)
		err = upgrade_send(&u->pair, HANDOVER_GO, NULL, NULL, 0);
	if (err == 0)
		err = upgrade_expect(p, HANDOVER_ACCEPTING, np_deadline_after(GO_TIME)); /* it may accept */
	if (err == 0) {
		upgrade_taken(u);
		u->moved_at = np_nanotime();
		err = upgrade_move(p, 0);
	}
	if (err == 0) {
		bindings_store(&p->bindings, false);
		manager_hand_over(p, u->pid);
		(void)!upgrade_state_send(p, HANDOVER_COUNTERS);
		(void)!upgrade_send(&u->pair, HANDOVER_DONE, NULL, NULL, 0);
		return true;
	}
	kill(u->pid, SIGKILL); /* it may accept at any moment: there is one owner */
	end_child(u);
	upgrade_limits_alone(p);
	upgrade_move_ends(p);
	bindings_resume(&p->bindings, p->snap, p->shards);
	control_resume(u);
	return false;
}

/* What old had is new's: it gives back only what are its own copies. */
static void forget_sockets(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	bindings_give(&p->bindings, p->shards);
	if (u->control.give != NULL)
		u->control.give(u->control.admin);
	state_give(p);
}

/* Addresses that the other file has no more: this process closes them, as a reload does. */
static void keep_unwanted(struct process *p)
{
	const struct upgrade_message *m = &p->upgrade.message;
	struct handover_reader r;
	struct handover_field f;
	struct np_addr a;

	handover_read(&r, m->body, m->n);
	while (handover_next(&r, &f))
		if (f.tag == HANDOVER_TAG_SOCKET_ADDR && handover_bytes(&r, &f, &a, sizeof(a)))
			bindings_stays(&p->bindings, &a);
}

/* In order; the first that fails ends it.   Returns  whether new accepts. */
static bool upgrade_steps(struct process *p, const char *binary)
{
	struct upgrade *u = &p->upgrade;

	if (!start_program(p, binary) || !greet(p) || !send_sockets(p))
		return false;
	if (upgrade_await(p, HANDOVER_READY, np_deadline_after(START_TIME)) != 0)
		return false;
	keep_unwanted(p);
	upgrade_taken(u);
	return switch_over(p);
}

/* Who told this process to stop while there was no way back meant the service, which is new's by now. Other orders are
 * refused as before. */
static void pass_orders_on(struct process *p)
{
	struct order *o;

	if (signals_pending(SIGNALS_STOP) && signals_wait(SIGNALS_STOP, np_nanotime()) > 0)
		kill(p->upgrade.pid, SIGTERM);
	while ((o = order_take(p)) != NULL)
		order_answer(o, -EBUSY);
}

/* Connections that had a RUN were new's alone, and have ended with it. */
static void say_given_up(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct event *e = event_begin();

	event_number(e, "lost", u->moved);
	STAT_ADD(&p->stats, upgrade_lost, u->moved);
	if (u->moved == 0)
		event_log(e, LVL_ERROR, "upgrade_failed", "upgrade given up, this process serves on: %s", u->why);
	else
		event_log(e, LVL_ERROR, "upgrade_failed",
			  "upgrade given up, this process serves on: %s; connections that had moved are lost: %u",
			  u->why, u->moved);
	u->moved = 0;
}

bool upgrade_run(struct process *p, const char *binary)
{
	struct upgrade *u = &p->upgrade;
	bool done;

	DCHECK(!upgrade_under_way(p), "one at a time");
	upgrade_leave_old(p);
	u->why[0] = '\0';
	u->moved = 0;
	u->end_by = INT64_MAX;
	u->tells = true;
	__atomic_store_n(&u->stage, UPGRADE_UNDER_WAY, __ATOMIC_RELEASE);
	done = upgrade_steps(p, binary);
	if (done) {
		forget_sockets(p);
		__atomic_store_n(&u->stage, UPGRADE_OVER, __ATOMIC_RELEASE);
		log_msg(LVL_NOTICE, "upgraded", "upgrade: process %d serves; %u connections have moved there",
			(int)u->pid, u->moved);
		pass_orders_on(p);
		return true;
	}
	upgrade_peer_stop(p);
	u->counts = upgrade_counts_free(u->counts);
	u->limits = upgrade_limits_free(u->limits);
	u->sources = upgrade_sources_free(u->sources);
	end_child(u);
	__atomic_store_n(&u->stage, UPGRADE_NONE, __ATOMIC_RELEASE);
	say_given_up(p);
	return false;
}

/* Whatever goes wrong here leaves the connections with this process, which ends them as it would have. */
void upgrade_move_late(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->stage != UPGRADE_OVER || np_nanotime() < u->move_next)
		return;
	if (u->moved_at != 0 && (u->read_err != 0 || upgrade_move(p, u->moved_at) != 0)) {
		u->moved_at = 0;
		if (u->read_err != 0)
			upgrade_limits_alone(p);
		upgrade_move_ends(p);
	}
	if (u->read_err != 0)
		return;
	if (u->tells && upgrade_state_send(p, HANDOVER_COUNTERS) != 0)
		u->tells = false;
	u->move_next = np_deadline_after(MOVE_EVERY);
}

/* Connections that were cut are counted once they have ended. */
static void await_last_ends(struct process *p)
{
	int64_t deadline = np_deadline_after(CUT_TIME);

	while (drain_left(p) > 0 && np_nanotime() < deadline)
		np_sleep(NP_MS);
}

void upgrade_bye(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->stage == UPGRADE_OVER && u->pair.room != NULL) {
		await_last_ends(p);
		if (u->tells && u->read_err == 0)
			(void)!upgrade_state_send(p, HANDOVER_COUNTERS);
		(void)!upgrade_send(&u->pair, HANDOVER_BYE, NULL, NULL, 0);
	}
	upgrade_peer_stop(p);
	u->counts = upgrade_counts_free(u->counts);
	u->limits = upgrade_limits_free(u->limits);
	u->sources = upgrade_sources_free(u->sources);
}
