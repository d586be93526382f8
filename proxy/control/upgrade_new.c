/* upgrade: the steps of the process that takes over. Its start is that of every other, with sockets that it did not
 * open; before GO it changes nothing that the process before owns. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/control/control.h"
#include "proxy/control/upgrade_limits.h"
#include "proxy/control/upgrade_move.h"
#include "proxy/control/upgrade_sources.h"
#include "proxy/control/upgrade_spawn.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/listen/handed.h"
#include "proxy/log/event.h"

#define ANSWER_TIME (10 * NP_S)
#define TAKE_TIME   (3 * NP_S)  /* between two messages of old; a stop waits for it at most */
#define LEAVE_TIME  NP_S
#define GO_TIME     (60 * NP_S) /* old may be slow to stop its acceptors; that it has ended is seen at once */

#define NOT_LOOKED (-2)

/* The descriptor that the environment names; -1: none. Written once, before there is a second thread. */
static int asked_at = NOT_LOOKED;

/* -1: it is no number of an open descriptor behind the standard ones. */
static int descriptor_of(const char *text)
{
	char *end;
	long n;

	n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n <= STDERR_FILENO || n > INT32_MAX)
		return -1;
	return fcntl((int)n, F_SETFD, FD_CLOEXEC) == 0 ? (int)n : -1;
}

bool upgrade_asked(void)
{
	const char *text = asked_at == NOT_LOOKED ? getenv(UPGRADE_ENV) : NULL;

	if (asked_at == NOT_LOOKED) {
		asked_at = text != NULL ? descriptor_of(text) : -1;
		unsetenv(UPGRADE_ENV); /* it is ours alone */
	}
	return asked_at >= 0;
}

/* One packet, without the core, which does not run yet. */
void upgrade_refuse(int code, const char *text)
{
	struct handover_writer w;
	uint8_t *packet;

	if (!upgrade_asked())
		return;
	packet = malloc(HANDOVER_PACKET_MOST);
	if (packet == NULL)
		return;
	handover_write(&w, packet + HANDOVER_HEAD, HANDOVER_BODY_MOST);
	handover_put_number(&w, HANDOVER_TAG_EXIT_CODE, (uint64_t)code);
	handover_put_text(&w, HANDOVER_TAG_TEXT, text);
	handover_packet_head(packet, HANDOVER_REFUSED, false, w.n);
	(void)!send(asked_at, packet, HANDOVER_HEAD + w.n, MSG_NOSIGNAL);
	free(packet);
}

/* ---- who is at the other end ---- */

/* The pair was made by the process that started us, as our user: nobody else can have it, but the environment may
 * have been written by anybody. */
static int check_parent(struct process *p)
{
	struct np_peer peer;
	int err = np_fd_unix_peer(&p->upgrade.pair.fd, &peer);

	if (err != 0)
		return err;
	if (peer.pidfd >= 0)
		np_sock_close(peer.pidfd);
	p->upgrade.pid = peer.pid;
	return peer.pid == getppid() && peer.uid == geteuid() ? 0 : -NP_EPERM;
}

/* The end of the pair that is ours, and who reads it. */
static int open_pair(struct process *p)
{
	int err = upgrade_pair_open(&p->upgrade.pair, asked_at);

	if (err == 0)
		err = check_parent(p);
	if (err == 0)
		err = upgrade_peer_start(p);
	return err;
}

/* New speaks first: so a program that knows of no hand-over is found out by its silence. */
static int greet_old(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct upgrade_hello hello;
	int err = upgrade_send_hello(p);

	if (err == 0)
		err = upgrade_await(p, HANDOVER_HELLO, np_deadline_after(ANSWER_TIME));
	if (err != 0)
		return err;
	err = upgrade_read_hello(&u->message, &hello);
	upgrade_taken(u);
	return err;
}

/* ---- sockets ---- */

/* What an address says of itself is believed no further than its own room. */
static bool is_known_address(const struct np_addr *a)
{
	sa_family_t family = a->u.sa.sa_family;

	return a->len >= sizeof(family) && a->len <= sizeof(a->u) &&
	       (family == AF_INET || family == AF_INET6 || family == AF_UNIX || np_addr_is_named(a));
}

/* What a message says of one address. */
struct socket_group {
	struct np_addr addr;
	uint64_t nfds, lock, kept;
};

/* Foreign bytes: an address that is none, or a field that must be understood and is not, refuses the message. */
static bool read_socket(const struct handover_field *group, struct socket_group *out)
{
	struct handover_reader r;
	struct handover_field f;

	*out = (struct socket_group){0};
	handover_read_group(&r, group);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_SOCKET_ADDR)
			handover_bytes(&r, &f, &out->addr, sizeof(out->addr));
		else if (f.tag == HANDOVER_TAG_SOCKET_FDS)
			out->nfds = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_SOCKET_LOCK)
			out->lock = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_SOCKET_KEPT)
			out->kept = handover_number(&r, &f);
		else if (f.must)
			return false;
	}
	return !r.bad && is_known_address(&out->addr) && out->lock <= 1;
}

/* An address of a message, which has one: all its descriptors are its. */
static int take_sockets(struct process *p, const struct handover_field *group)
{
	struct upgrade_message *m = &p->upgrade.message;
	struct socket_group s;
	int err;

	if (!read_socket(group, &s) || m->nsysfds != s.nfds + s.lock)
		return -NP_EPROTO;
	err = handed_put(&p->bindings.handed, &s.addr, m->sysfds, (unsigned)s.nfds,
			  s.lock != 0 ? m->sysfds[s.nfds] : -1);
	if (err == 0)
		m->nsysfds = 0; /* the store's */
	if (err == 0 && s.kept != 0)
		handed_keep(&p->bindings.handed, &s.addr);
	return err;
}

/* The last message: the lock of the state file, if there is one. */
static int take_state_lock(struct process *p)
{
	struct upgrade_message *m = &p->upgrade.message;
	struct handover_reader r;
	struct handover_field f;

	handover_read(&r, m->body, m->n);
	while (handover_next(&r, &f))
		if (f.tag == HANDOVER_TAG_TEXT)
			handover_text(&r, &f, p->state.given_path, sizeof(p->state.given_path));
	if (r.bad || m->nsysfds > 1)
		return -NP_EPROTO;
	p->state.given = m->nsysfds == 1 ? m->sysfds[0] : -1;
	m->nsysfds = 0;
	return 0;
}

/* Returns  1: there are more; 0: it was the last one; or the error. */
static int take_listeners(struct process *p)
{
	const struct upgrade_message *m = &p->upgrade.message;
	struct handover_reader r;
	struct handover_field f;
	int err;

	handover_read(&r, m->body, m->n);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_SOCKET) {
			err = take_sockets(p, &f);
			return err != 0 ? err : 1;
		}
	}
	return take_state_lock(p);
}

/* One message after the other, until the one without an address. */
static int receive_sockets(struct process *p)
{
	int err;

	do {
		err = upgrade_await(p, HANDOVER_LISTENERS, np_deadline_after(ANSWER_TIME));
		if (err != 0)
			return err;
		err = take_listeners(p);
		upgrade_taken(&p->upgrade);
	} while (err == 1);
	return err;
}

/* ---- what the start calls ---- */

/* The process ends after it; what it was given closes with it, and old has its own. */
static void say_joining_failed(struct process *p, int err)
{
	if (err == -NP_ESHORT)
		log_msg(LVL_ERROR, "upgrade_failed",
			"nothing is taken over: the process that started this one has ended");
	else
		log_msg(LVL_ERROR, "upgrade_failed", "nothing is taken over: %s",
			p->upgrade.why[0] != '\0' ? p->upgrade.why : np_err_text(err));
	upgrade_peer_stop(p);
	handed_close(&p->bindings.handed);
}

int upgrade_join(struct process *p)
{
	int err;

	if (!upgrade_asked())
		return 0;
	__atomic_store_n(&p->upgrade.stage, UPGRADE_JOINING, __ATOMIC_RELEASE);
	bindings_store(&p->bindings, false);
	p->upgrade.batch = calloc(1, sizeof(*p->upgrade.batch));
	err = p->upgrade.batch != NULL ? open_pair(p) : -NP_ENOMEM;
	if (err == 0)
		err = greet_old(p);
	if (err == 0)
		err = receive_sockets(p);
	if (err != 0)
		say_joining_failed(p, err);
	return err;
}

/* Which addresses our file has no more: they stay with old. */
static int send_ready(struct process *p)
{
	struct handover_writer w;

	upgrade_body(&p->upgrade.pair, &w);
	list_for_each(it, &p->bindings.handed)
		handover_put(&w, HANDOVER_TAG_SOCKET_ADDR, &list_entry(it, struct handed, link)->addr,
			     sizeof(struct np_addr));
	return upgrade_send(&p->upgrade.pair, HANDOVER_READY, &w, NULL, 0);
}

/* What old knows, then its word to accept; an older one says nothing before that.   Returns  0; or the error. */
static int await_go(struct process *p, struct snapshot *snap)
{
	int64_t deadline = np_deadline_after(GO_TIME);
	struct upgrade *u = &p->upgrade;
	int err;

	for (;;) {
		err = upgrade_await(p, 0, deadline);
		if (err != 0 || u->message.kind != HANDOVER_STATE)
			break;
		upgrade_state_take(p, snap);
		upgrade_taken(u);
	}
	if (err == 0)
		err = upgrade_await(p, HANDOVER_GO, deadline);
	if (err == 0)
		upgrade_taken(u);
	return err;
}

int upgrade_ready(struct process *p, struct snapshot *snap)
{
	int err;

	if (!upgrade_asked())
		return 0;
	err = send_ready(p);
	if (err == 0)
		err = await_go(p, snap);
	if (err != 0) {
		say_joining_failed(p, err);
		return err;
	}
	__atomic_store_n(&p->upgrade.stage, UPGRADE_NONE, __ATOMIC_RELEASE);
	return 0;
}

/* The connections that can move at once, while clients are accepted already. An order to stop waits for the end of
 * it. */
static void take_until_done(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	while (upgrade_expect(p, 0, np_deadline_after(TAKE_TIME)) == 0) {
		bool done = u->message.kind == HANDOVER_DONE;

		if (done || !upgrade_take(p))
			upgrade_taken(u);
		if (done)
			return;
	}
	upgrade_heard(p); /* old has ended, or says no more for now */
}

/* That old has ended meanwhile is no error any more. It says DONE once the service manager knows us: before that it
 * does not hear our READY. */
void upgrade_accepting(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->pair.room == NULL)
		return;
	bindings_own(&p->bindings);
	if (u->control.resume != NULL)
		u->control.resume(u->control.admin);
	if (upgrade_send(&u->pair, HANDOVER_ACCEPTING, NULL, NULL, 0) == 0)
		take_until_done(p);
	upgrade_limits_open(p);
	bindings_store(&p->bindings, true);
}

bool upgrade_has_old(const struct process *p)
{
	return p->upgrade.pair.room != NULL && p->upgrade.stage == UPGRADE_NONE;
}

/* by: as old understands it beside an order to stop; INT64_MAX: nothing is said. */
static void send_signal(struct process *p, int sig, int64_t by)
{
	struct handover_writer w;

	if (!upgrade_has_old(p))
		return;
	upgrade_body(&p->upgrade.pair, &w);
	handover_put_number(&w, HANDOVER_TAG_INDEX, (uint64_t)sig);
	handover_put_number(&w, HANDOVER_TAG_SIGNAL_BY, (uint64_t)by);
	(void)!upgrade_send(&p->upgrade.pair, HANDOVER_SIGNAL, &w, NULL, 0);
}

void upgrade_pass_on(struct process *p, int sig)
{
	send_signal(p, sig, INT64_MAX);
}

void upgrade_stop_old(struct process *p, int64_t by)
{
	send_signal(p, SIGTERM, by);
}

/* Old said BYE, or has ended, or says what is no message: then it lives, has what it did not see running here, and
 * goes on alone. */
void upgrade_heard(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->read_err == 0 && (u->taken == NULL || upgrade_take(p)))
		return;
	if (u->read_err == 0 && u->message.kind != HANDOVER_BYE) {
		upgrade_taken(u);
		return;
	}
	upgrade_take_rest(p, u->read_err == 0 || u->read_err == -NP_ESHORT);
	upgrade_sources_alone(p);
	if (u->pair.room != NULL)
		log_msg(LVL_NOTICE, "predecessor_ended", "the process before this one, %d, has ended", (int)u->pid);
	upgrade_peer_stop(p);
	u->pid = 0;
}

/* What it has acknowledged waits for a word of old's, which is under way. */
void upgrade_leave_old(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	int64_t deadline = np_deadline_after(LEAVE_TIME);

	while (u->batch != NULL && u->batch->n > 0 && upgrade_expect(p, 0, deadline) == 0)
		if (!upgrade_take(p))
			upgrade_taken(u);
	upgrade_take_rest(p, u->read_err == -NP_ESHORT);
	upgrade_sources_alone(p);
	upgrade_peer_stop(p);
}

bool upgrade_under_way(const struct process *p)
{
	uint32_t stage = __atomic_load_n(&p->upgrade.stage, __ATOMIC_ACQUIRE);

	return stage != UPGRADE_NONE;
}
