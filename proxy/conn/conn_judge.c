/* conn_judge: from a connection to a report, and from what the report changed to the log.
 *
 * A report takes the upstream's lock, as a pick does, but only a connection that failed, one of a server that has
 * failed lately, and a trial send one. The line of the log is written after the lock is given back. */
#include "proxy/conn/conn_judge.h"

#include "proxy/base/deadline.h"
#include "proxy/base/probe.h"
#include "proxy/policy/server_event.h"

#define IDLE_LEAST     NP_S /* a server that waits so long for a client's first byte has not failed */
#define GIVES_UP_LEAST (250 * NP_MS) /* a client that leaves sooner has said nothing of the server */

static struct upstream *judging_upstream(const struct conn *c)
{
	return conn_target(c)->upstream;
}

/* ---- the log ---- */

static long long seconds(int64_t ns)
{
	return (long long)((ns + NP_S / 2) / NP_S);
}

static void tell_out(const struct server *s, const struct passive_change *p)
{
	struct event *e = server_event_begin(s);
	const char *how = p->from == SERVER_TRIAL ? "its trial failed" : "it failed several times in a row";

	event_fact(e, "fault", fault_word(p->fault));
	event_number(e, "out_ms", p->out_for / NP_MS);
	server_event_left(e, p->usable, p->of);
	if (p->to == SERVER_OUT && p->out_for == 0)
		event_log(e, LVL_NOTICE, "server_out", "server %s stays out: %s (%s); %u of %u usable", s->name, how,
			  fault_word(p->fault), p->usable, p->of);
	else if (p->to == SERVER_OUT)
		event_log(e, LVL_WARNING, "server_out", "server %s is left out for %lld s: %s (%s); %u of %u usable",
			  s->name, seconds(p->out_for), how, fault_word(p->fault), p->usable, p->of);
	else
		event_log(e, LVL_WARNING, "server_spare",
			  "server %s is used only where no other is left: %s (%s); %u of %u usable", s->name, how,
			  fault_word(p->fault), p->usable, p->of);
}

static void tell_in(const struct server *s, const struct passive_change *p)
{
	struct event *e = server_event_begin(s);

	event_number(e, "was_out_ms", p->was / NP_MS);
	server_event_left(e, p->usable, p->of);
	event_log(e, LVL_NOTICE, "server_in", "server %s is in again after %lld s; %u of %u usable", s->name,
		  seconds(p->was), p->usable, p->of);
}

/* Every change of state is one line and one event; what is the same again is none. */
static void tell(const struct server *s, const struct passive_change *p)
{
	if (p->capped && p->to == SERVER_IN)
		log_limited(LVL_WARNING, "ejection_capped", s->name, 0,
			    "server %s fails (%s), and stays in: too few others would be left", s->name,
			    fault_word(p->fault));
	if (p->from == p->to)
		return;
	PROBE(server_state, s->name, p->to == SERVER_IN ? "in" : "out");
	if (p->to == SERVER_OUT || p->to == SERVER_SPARE)
		tell_out(s, p);
	else if (p->to == SERVER_IN)
		tell_in(s, p);
}

/* ---- reports ---- */

/* To the server, whichever generation of its upstream c is of. After its first verdict a connection is a trial no
 * longer. */
static void send_report(struct conn *c, struct server *s, struct report *r)
{
	struct passive_change change;

	DCHECK_CONN(c);
	r->trial = c->trial;
	r->now = np_nanotime();
	if (r->kind != REPORT_CONNECTED)
		c->trial = false;
	change = passive_report(judging_upstream(c), s, r);
	if (change.to == SERVER_IN)
		c->trial = false;
	if (r->kind != REPORT_NOTHING && (change.from != change.to || change.capped))
		tell(s, &change);
}

static int64_t connected_at(const struct conn *c)
{
	return c->accepted + since_ns(c->connected);
}

void judge_report(struct conn *c, enum report_kind kind)
{
	struct report r = {.kind = kind, .began = connected_at(c)};

	send_report(c, c->server, &r);
}

/* What happened after the connect: so it counts from there on. */
static void report_fault(struct conn *c, enum fault fault)
{
	struct report r = {.kind = REPORT_FAILED, .fault = fault, .began = connected_at(c)};

	send_report(c, c->server, &r);
}

void judge_connect_failed(struct conn *c, struct server *s, enum close_reason why, int64_t dialled)
{
	int err = -c->err;
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = dialled};

	if (!judging_upstream(c)->passive.on)
		return;
	r.unreachable = err == -NP_EHOSTUNREACH || err == -NP_ENETUNREACH;
	if (c->kill != CLOSE_NONE || why == CLOSE_CLIENT_RST || why == CLOSE_OVERLOAD ||
	    (err != 0 && !r.unreachable && np_err_class(err) == NP_CLASS_LOCAL))
		r.kind = REPORT_NOTHING;
	if (r.kind == REPORT_FAILED || c->trial)
		send_report(c, s, &r);
}

void judge_slow_connect(struct conn *c, struct server *s, int64_t dialled)
{
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_SLOW_CONNECT, .began = dialled};

	if (judging_upstream(c)->passive.on)
		send_report(c, s, &r);
}

/* How long it has waited since the last thing that it was told or has said itself, the client's bytes left out: a
 * connection that was kept ready has waited since it was made, unless a PROXY header was sent when it was taken. */
static int64_t server_waited(const struct conn *c)
{
	int64_t taken = np_nanotime() - connected_at(c), made;
	struct np_tcp_info tcp;

	if (conn_target(c)->header != 0 || np_fd_tcp_info(&c->upstream.fd, &tcp) != 0)
		return taken;
	made = tcp.last_data_recv * NP_MS; /* or the connect, where no bytes have come */
	return made > taken ? made : taken;
}

/* Has it heard nothing from the client? Its FIN acknowledges what had arrived before it was sent: with all of the
 * client's bytes unacknowledged the two have crossed. */
static bool was_not_asked(const struct conn *c)
{
	ssize_t unheard = c->dir[0].bytes > 0 ? stream_unsent(&c->upstream) : 0;

	return unheard >= 0 && (uint64_t)unheard >= c->dir[0].bytes;
}

/* Nobody has asked it for anything, and it has waited for a while: it closes what is idle. To tidy up, as a server does
 * behind a pool of connections, is no failure. One that is asked and ends then has failed, however long it waited. */
static bool closes_idle(const struct conn *c, bool reset)
{
	return !reset && was_not_asked(c) && server_waited(c) > IDLE_LEAST;
}

/* The others' ends say whether this one is a fault. One that is tried after its time out is judged in any case. */
void judge_early_end(struct conn *c, bool reset)
{
	const struct passive_rules *rules = &judging_upstream(c)->passive;
	struct server_stats *st = conn_server_stats(c);

	if (reset)
		STAT_ADD(st, early_resets, 1);
	else
		STAT_ADD(st, early_ends, 1);
	if (c->trial || (rules->on && rules->early_end && !closes_idle(c, reset) &&
			 server_learnt(c->server, np_nanotime()).early_ends_count))
		report_fault(c, reset ? FAULT_EARLY_RESET : FAULT_EARLY_END);
}

/* ---- silence ---- */

int64_t judge_answer_time(const struct conn *c)
{
	int64_t answer = judging_upstream(c)->passive.answer;

	return answer == PASSIVE_LEARNT ? server_learnt(c->server, np_now()).answer : answer;
}

/* What was learnt holds only while others answer: one of them must have answered somebody who came later, and this one
 * nobody. */
static void judge_silence(struct conn *c)
{
	if (judging_upstream(c)->passive.answer != PASSIVE_LEARNT || c->trial ||
	    upstream_hangs_alone(judging_upstream(c), c->server, c->accepted))
		report_fault(c, FAULT_SILENT);
}

/* Again after as long, if its time is over and the client's bytes have not arrived. */
int64_t judge_answer_due(const struct conn *c)
{
	int64_t answer = judge_answer_time(c), due = deadline_at(c->dir[0].active, answer);

	if (due > np_now())
		return due;
	return deadline_at(np_now(), answer > 0 ? answer : NP_S);
}

void judge_look(struct conn *c, int64_t now, bool unsent)
{
	bool asked = c->dir[0].bytes > 0 && !c->dir[1].eof && c->first_byte == SINCE_NEVER;
	int64_t answer = judge_answer_time(c);

	asked = asked && answer != 0;
	if (asked && (unsent || now < deadline_at(c->dir[0].active, answer)))
		return; /* what is not there cannot be answered */
	c->judged = false;
	if (asked)
		judge_silence(c);
}

/* It waited for a good part of the time in vain. */
void judge_gave_up(struct conn *c)
{
	int64_t answer = judge_answer_time(c), waited = np_nanotime() - c->dir[0].active;

	c->judged = false;
	if (answer != 0 && c->first_byte == SINCE_NEVER && c->dir[0].bytes > 0 && waited >= answer / 4 &&
	    waited >= GIVES_UP_LEAST)
		judge_silence(c);
}
