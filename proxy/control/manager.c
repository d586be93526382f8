/* manager: the state of the process in words, and signs of life. */
#include "proxy/control/manager.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/text.h"
#include "proxy/control/control.h"
#include "proxy/upstream/server.h"
#include "proxy/upstream/upstream.h"

#define WHY_SHOWN      256 /* bytes of what a reload was refused for */
#define STATUS_EVERY   (10 * NP_S)
#define STOPPING_EVERY (2 * NP_S)
#define EXTEND_BY      "10000000" /* us; five times what passes until it is said again */
#define FEED_AGAIN     8        /* a loop that is late is looked at again after this part of the watchdog's time */

/* ---- the status, one line for `systemctl status` ---- */

/* Relaxed: a line for people. */
static uint32_t connections_now(const struct process *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < p->nshards; i++)
		n += __atomic_load_n(&p->shards[i].nconns, __ATOMIC_RELAXED);
	return n;
}

/* Bindings, so an address that was inherited as several sockets counts as many. */
static unsigned addresses_of(const struct process *p)
{
	unsigned n = 0;

	list_for_each(it, &p->bindings.open)
		n++;
	return n;
}

/* The members that DNS and the file have now; a spare one counts as up, for it would be taken. */
static void count_up(const struct process *p, unsigned *up, unsigned *all)
{
	for (unsigned i = 0; i < p->snap->ntargets; i++) {
		const struct members *m = p->snap->targets[i].upstream->members;

		*all += m->n;
		for (unsigned j = 0; j < m->n; j++)
			*up += server_usable(server_now(m->at[j].server), m->at[j].weight, NULL) != USABLE_NO;
	}
}

static void put_many(struct text *t, uint64_t n, const char *of)
{
	text_u64(t, n);
	text_str(t, of);
	if (n != 1)
		text_char(t, 's');
}

/* The moment without a fraction of a second: a person reads it. */
static void put_second(struct text *t, int64_t wall)
{
	text_time(t, wall);
	if (t->cut)
		return;
	t->n -= sizeof(".000000Z") - 1;
	text_char(t, 'Z');
}

/* A status is one line of valid text: what else a file or a path may hold is a question mark in it. */
static void put_plain(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_char(t, s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?');
}

static void put_refused(struct text *t, const struct process *p)
{
	const char *why = p->problem != NULL ? p->problem : p->why;

	text_str(t, "Reload refused: ");
	put_plain(t, why, strnlen(why, WHY_SHOWN));
	text_str(t, "; ");
}

static void put_status(struct text *t, const struct process *p)
{
	unsigned up = 0, all = 0, addresses = addresses_of(p);

	if (p->why[0] != '\0')
		put_refused(t, p);
	count_up(p, &up, &all);
	put_many(t, connections_now(p), " connection");
	text_str(t, " on ");
	text_u64(t, addresses);
	text_str(t, addresses == 1 ? " address, " : " addresses, ");
	text_u64(t, up);
	text_char(t, '/');
	text_u64(t, all);
	text_str(t, " servers up, generation ");
	text_u64(t, p->snap->generation);
	text_str(t, " since ");
	put_second(t, p->loaded_at);
}

/* ---- the watchdog ---- */

/* On each loop. */
static void on_probe(struct np_msg *m)
{
	struct loop_probe *probe = container_of(m, struct loop_probe, msg);

	__atomic_store_n(&probe->answered, true, __ATOMIC_RELEASE);
}

/* A message for each loop, in memory of its own: nothing is allocated while the process may be short of memory. */
static void probe_all(struct process *p)
{
	for (unsigned i = 0; i < p->manager.nprobes; i++) {
		struct loop_probe *probe = &p->manager.probes[i];

		DCHECK(probe->answered, "a message that is on its way is not posted again");
		probe->answered = false;
		probe->msg.fn = on_probe;
		np_post(p->workers[i], &probe->msg);
	}
}

/* Since the last sign of life. */
static bool probes_answered(const struct manager *m)
{
	for (unsigned i = 0; i < m->nprobes; i++)
		if (!__atomic_load_n(&m->probes[i].answered, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

/* Returns when to look again. */
static int64_t feed_watchdog(struct process *p, int64_t now)
{
	struct manager *m = &p->manager;
	int64_t half = m->notify.watchdog / 2;

	if (half == 0)
		return INT64_MAX;
	if (now < m->fed + half)
		return m->fed + half;
	if (!probes_answered(m))
		return now + m->notify.watchdog / FEED_AGAIN;
	notify_send(&m->notify, "WATCHDOG=1");
	m->fed = now;
	probe_all(p);
	return now + half;
}

/* Without memory for the probes the manager still hears whether this loop turns. */
static void begin_to_feed(struct process *p)
{
	struct manager *m = &p->manager;

	if (m->notify.watchdog == 0)
		return;
	m->probes = calloc(p->nwatched + 1, sizeof(*m->probes));
	m->nprobes = m->probes != NULL ? p->nwatched : 0;
	m->fed = np_nanotime();
	if (m->probes == NULL)
		log_msg(LVL_WARNING, "watchdog_blind", "the service manager hears of the control thread alone: %s",
			np_err_text(-NP_ENOMEM));
	for (unsigned i = 0; i < m->nprobes; i++)
		m->probes[i].answered = true;
	probe_all(p);
}

/* ---- messages ---- */

/* A message of one or two fixed lines and the status; the last status is kept, so that only a change is told. */
static void tell_manager(struct manager *m, const char *lines, const struct text *status)
{
	char room[sizeof(m->status) + 128] = "";
	struct text t;

	text_init(&t, room, sizeof(room) - 1);
	text_str(&t, lines);
	text_str(&t, "STATUS=");
	text_bytes(&t, status->p, status->n);
	room[t.n] = '\0';
	DCHECK(!t.cut, "a message to the manager has room for its status");
	notify_send(&m->notify, room);
	memcpy(m->status, status->p, status->n);
	m->status[status->n] = '\0';
	m->told = np_nanotime();
}

static void tell_status(struct process *p, const char *lines)
{
	struct manager *m = &p->manager;
	char room[sizeof(m->status)] = "";
	struct text t;

	text_init(&t, room, sizeof(room) - 1);
	put_status(&t, p);
	if (lines[0] == '\0' && strcmp(room, m->status) == 0)
		m->told = np_nanotime();
	else
		tell_manager(m, lines, &t);
}

static void tell_stopping(struct process *p, const char *lines)
{
	char room[sizeof(p->manager.status)] = "";
	struct text t;

	text_init(&t, room, sizeof(room) - 1);
	text_str(&t, "Draining, ");
	put_many(&t, connections_now(p), " connection");
	text_str(&t, " left");
	tell_manager(&p->manager, lines, &t);
}

/* While it stops the manager's patience is renewed more often than it ends. */
static int64_t status_period(const struct manager *m)
{
	return m->stopping ? STOPPING_EVERY : STATUS_EVERY;
}

static void on_manager_timer(struct np_timer *timer)
{
	struct process *p = container_of(timer, struct process, manager.timer);
	struct manager *m = &p->manager;
	int64_t now = np_nanotime(), feed = feed_watchdog(p, now), tell = m->told + status_period(m);

	if (now >= tell) {
		if (m->stopping)
			tell_stopping(p, "EXTEND_TIMEOUT_USEC=" EXTEND_BY "\n");
		else
			tell_status(p, "");
		tell = m->told + status_period(m);
	}
	np_timer_set(timer, feed < tell ? feed : tell);
}

void manager_init(struct manager *m)
{
	*m = (struct manager){.timer.fn = on_manager_timer};
	notify_open(&m->notify);
}

void manager_fini(struct manager *m)
{
	DCHECK(!m->serving, "the manager is told nothing any more");
	notify_close(&m->notify);
	free(m->probes);
	m->probes = NULL;
}

/* With a sign of life: for a process that took over, systemd's watch began with one of the process before, which may be
 * half a period old. */
void manager_ready(struct process *p)
{
	struct manager *m = &p->manager;

	if (!notify_is_on(&m->notify))
		return;
	m->serving = true;
	tell_status(p, m->notify.watchdog > 0 ? "READY=1\nWATCHDOG=1\n" : "READY=1\n");
	begin_to_feed(p);
	on_manager_timer(&m->timer);
}

void manager_reloading(struct process *p)
{
	char room[64] = "";
	struct text t;

	if (!p->manager.serving)
		return;
	text_init(&t, room, sizeof(room) - 1);
	text_str(&t, "RELOADING=1\nMONOTONIC_USEC=");
	text_i64(&t, np_nanotime() / 1000);
	notify_send(&p->manager.notify, room);
}

void manager_reloaded(struct process *p)
{
	if (p->manager.serving)
		tell_status(p, "READY=1\n");
}

/* From here on the timer says it again, so that the manager's patience lasts as long as the drain. */
void manager_stopping(struct process *p)
{
	if (!p->manager.serving)
		return;
	p->manager.stopping = true;
	tell_stopping(p, "STOPPING=1\nEXTEND_TIMEOUT_USEC=" EXTEND_BY "\n");
	on_manager_timer(&p->manager.timer);
}

/* Once the manager has read it: it does not listen to a process that is not yet the main one. */
void manager_hand_over(struct process *p, pid_t pid)
{
	char room[32] = "";
	struct text t;

	if (!p->manager.serving)
		return;
	text_init(&t, room, sizeof(room) - 1);
	text_str(&t, "MAINPID=");
	text_i64(&t, pid);
	notify_send(&p->manager.notify, room);
	notify_barrier(&p->manager.notify);
	manager_end(p);
}

void manager_end(struct process *p)
{
	p->manager.serving = false;
	np_timer_stop(&p->manager.timer);
}
