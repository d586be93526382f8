/* upgrade_peer: one reader, one message at a time, an event for whoever waits. */
#include "proxy/control/upgrade_peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/signals.h"
#include "proxy/control/upgrade_limits.h"
#include "proxy/control/upgrade_move.h"

/* What new passes on while old drains. An order to stop bounds the drain that is under way; from a release that says no
 * time it ends it. */
static void take_signal(struct upgrade *u)
{
	struct handover_reader r;
	struct handover_field f;
	uint64_t sig = 0, by = 0;

	handover_read(&r, u->message.body, u->message.n);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_INDEX)
			sig = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_SIGNAL_BY)
			by = handover_number(&r, &f);
	}
	if (sig == SIGTERM && (int64_t)by < u->end_by)
		u->end_by = (int64_t)by;
	else if (sig == SIGUSR1)
		signals_raise(SIGUSR1);
}

/* Each message waits until it is taken; a signal is nobody's to wait for. */
static void read_main(void *arg)
{
	struct process *p = arg;
	struct upgrade *u = &p->upgrade;

	while (u->read_err == 0) {
		struct np_event taken = {0};

		u->read_err = upgrade_receive(&u->pair, &u->message, 0);
		if (u->read_err == 0 && u->message.kind == HANDOVER_SIGNAL) {
			take_signal(u);
			upgrade_drop(&u->pair, &u->message);
			continue;
		}
		u->taken = u->read_err == 0 ? &taken : NULL;
		signals_raise(SIGNALS_PEER);
		if (u->read_err == 0)
			np_event_wait(&taken);
	}
	u->reads = false;
}

int upgrade_peer_start(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	int err;

	u->read_err = 0;
	u->taken = NULL;
	u->reads = true;
	err = np_go("upgrade", read_main, p);
	if (err != 0)
		u->reads = false;
	return err;
}

void upgrade_taken(struct upgrade *u)
{
	struct np_event *taken = u->taken;

	u->taken = NULL;
	upgrade_drop(&u->pair, &u->message);
	if (taken != NULL)
		np_event_set(taken);
}

/* The reader stands at the pair, or at a message that nobody wants any more. */
void upgrade_peer_stop(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->pair.room == NULL)
		return;
	if (u->reads)
		np_fd_set_read_deadline(&u->pair.fd, 1);
	while (u->reads) {
		if (u->taken != NULL)
			upgrade_taken(u);
		np_sleep(NP_MS);
	}
	upgrade_take_rest(p, false);
	upgrade_limits_alone(p);
	upgrade_pair_close(&u->pair);
	free(u->batch);
	u->batch = NULL;
}

/* ---- waiting ---- */

static void say_why_nothing_came(struct upgrade *u, int err)
{
	const char *why = np_err_text(err);

	if (err == -NP_ESHORT)
		return; /* how it ended says more */
	if (err == -NP_EDEADLINE)
		why = "it does not answer in time";
	if (err == -NP_EPROTO)
		why = "what it says is no message";
	if (u->why[0] == '\0')
		snprintf(u->why, sizeof(u->why), "the new program: %s", why);
}

/* The reason that new gives, in its own words. */
static void take_refusal(struct upgrade *u)
{
	struct handover_reader r;
	struct handover_field f;
	char text[UPGRADE_WHY - 40];

	handover_read(&r, u->message.body, u->message.n);
	while (handover_next(&r, &f))
		if (f.tag == HANDOVER_TAG_TEXT && handover_text(&r, &f, text, sizeof(text)))
			snprintf(u->why, sizeof(u->why), "the new program refuses: %s", text);
}

static int judge_peer_message(struct upgrade *u, enum handover_kind want)
{
	if (u->read_err != 0) {
		say_why_nothing_came(u, u->read_err);
		return u->read_err;
	}
	if (want == 0 || u->message.kind == want)
		return 0;
	if (u->message.kind == HANDOVER_REFUSED)
		take_refusal(u);
	else
		say_why_nothing_came(u, -NP_EPROTO);
	upgrade_taken(u);
	return -NP_EPROTO;
}

/* Whatever would change what is being handed over is refused; a drain is an order to stop.
 *   Returns  whether there was one. */
static bool refuse_orders(struct process *p)
{
	struct order *o;

	while ((o = order_take(p)) != NULL) {
		if (o->kind != ORDER_DRAIN) {
			order_answer(o, -EBUSY);
			continue;
		}
		list_push_back(&p->orders, &o->link);
		signals_raise(SIGNALS_ASKED);
		return true;
	}
	return false;
}

/* Returns  0, or why what came is not it; -NP_EAGAIN: nothing has come. */
static int look_at_peer(struct upgrade *u, enum handover_kind want)
{
	return u->taken != NULL || u->read_err != 0 ? judge_peer_message(u, want) : -NP_EAGAIN;
}

int upgrade_expect(struct process *p, enum handover_kind want, int64_t deadline)
{
	struct upgrade *u = &p->upgrade;
	int err = look_at_peer(u, want);

	while (err == -NP_EAGAIN) {
		if (signals_wait(SIGNALS_BIT(SIGNALS_PEER), deadline) == -NP_EDEADLINE) {
			say_why_nothing_came(u, -NP_EDEADLINE);
			return -NP_EDEADLINE;
		}
		err = look_at_peer(u, want);
	}
	return err;
}

int upgrade_await(struct process *p, enum handover_kind want, int64_t deadline)
{
	struct upgrade *u = &p->upgrade;
	unsigned mask = SIGNALS_STOP | SIGNALS_BIT(SIGNALS_PEER) | SIGNALS_BIT(SIGNALS_ASKED);
	int err = look_at_peer(u, want);

	while (err == -NP_EAGAIN) {
		int event = signals_wait(mask, deadline);

		err = look_at_peer(u, want);
		if (event == SIGNALS_PEER || (event == SIGNALS_ASKED && !refuse_orders(p)))
			continue;
		if (event == -NP_EDEADLINE) {
			say_why_nothing_came(u, event);
			return event;
		}
		if (event != SIGNALS_ASKED)
			signals_raise(event);
		if (u->why[0] == '\0')
			snprintf(u->why, sizeof(u->why), "an order to stop came first");
		return -NP_ECANCELED;
	}
	return err;
}

/* ---- HELLO ---- */

int upgrade_send_hello(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct handover_writer w;
	int err;

	upgrade_body(&u->pair, &w);
	handover_put_text(&w, HANDOVER_TAG_VERSION, p->version);
	handover_put_number(&w, HANDOVER_TAG_MINOR, HANDOVER_MINOR);
	handover_put_number(&w, HANDOVER_TAG_CLOCK, (uint64_t)np_nanotime());
	err = upgrade_send(&u->pair, HANDOVER_HELLO, &w, NULL, 0);
	if (err != 0 && u->why[0] == '\0')
		snprintf(u->why, sizeof(u->why), "the other program: %s", np_err_text(err));
	return err;
}

int upgrade_read_hello(const struct upgrade_message *m, struct upgrade_hello *out)
{
	struct handover_reader r;
	struct handover_field f;
	int64_t now = np_nanotime();

	*out = (struct upgrade_hello){.clock_apart = INT64_MAX};
	if (m->major != HANDOVER_MAJOR)
		return -NP_EPROTONOSUPPORT;
	handover_read(&r, m->body, m->n);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_VERSION)
			handover_text(&r, &f, out->version, sizeof(out->version));
		else if (f.tag == HANDOVER_TAG_CLOCK)
			out->clock_apart = (int64_t)handover_number(&r, &f) - now;
		else if (f.must)
			return -NP_EPROTONOSUPPORT;
	}
	if (out->clock_apart < 0 && out->clock_apart > -INT64_MAX)
		out->clock_apart = -out->clock_apart;
	return r.bad ? -NP_EPROTO : 0;
}
