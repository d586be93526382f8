/* state: the load at the start, the writes, and who waits for them. */
#include "proxy/control/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/base/thread.h"
#include "proxy/control/control.h"
#include "proxy/control/control_path.h"
#include "proxy/control/names_keep.h"
#include "proxy/control/override_text.h"
#include "proxy/log/log.h"
#include "proxy/policy/snapshot.h"

#define LOAD_PATIENCE  (5 * NP_S)
#define WRITE_PATIENCE (5 * NP_S)  /* then the answer says that it is not kept */
#define AGAIN_AFTER    (10 * NP_S) /* a write that failed */
#define END_PATIENCE   NP_S
#define NAMES_FIRST    NP_S        /* after the first answer of a process: others come with it */
#define NAMES_GAP      (60 * NP_S) /* between two writes that are for names alone */
#define NAMES_AGES     4           /* what is the same is written again after max_ttl / 4: a crash leaves a fresh one */

void state_init(struct state *s)
{
	*s = (struct state){.lock = -1, .given = -1};
	list_init(&s->waiting);
}

/* ---- the start ---- */

/* On the heap. */
struct state_load {
	struct file_job job;
	char configured[STATE_PATH_ROOM], path[STATE_PATH_ROOM];
	/* out: */
	int lock;  /* -1: the file is not used; in: given by the process before, of given_path */
	const char *given_path; /* of the process, which outlives the load */
	int nrows; /* -NP_Exxx: it cannot be read */
	struct override_row *rows;
	char *names; /* names_text.h; NULL: nothing is known of any */
	bool damaged, aside; /* it is to be moved aside, once the start has succeeded; it was */
	char why[STATE_WHY]; /* "": all is well */
};

/* Only what will be the same at the next start is moved aside. A table that is full says nothing of the file, which
 * then stays, and is left alone, since a write would replace what could not be read.
 *
 * Is it the file's fault, or the machine's, which may be well the next time? */
static bool is_of_the_file(int err)
{
	return err != -NP_EMFILE && err != -NP_ENFILE && err != -NP_ENOMEM;
}

/* No file is no fault: nothing was ever said. */
static void read_rows_of(struct state_load *l)
{
	char *text = NULL;
	size_t n;

	l->nrows = state_file_read(l->path, OVERRIDE_TEXT_MOST, &text, &n, l->why);
	if (l->nrows == 0 && text != NULL)
		l->nrows = override_text_read(text, n, &l->rows, &l->names, l->why);
	free(text);
}

/* The file is left alone. */
static void load_unlock(struct state_load *l)
{
	if (l->lock >= 0)
		close(l->lock);
	l->lock = -1;
}

/* On its thread. */
static void state_load_run(struct file_job *job)
{
	struct state_load *l = container_of(job, struct state_load, job);

	if (state_path_of(l->configured, l->path) == NULL)
		return;
	if (strcmp(l->path, l->given_path) != 0)
		load_unlock(l); /* the process before had another one */
	l->lock = l->lock >= 0 ? l->lock : state_file_lock(l->path, l->why);
	if (l->lock < 0)
		return;
	read_rows_of(l);
	l->damaged = l->nrows < 0 && is_of_the_file(l->nrows);
	if (l->nrows < 0 && !l->damaged)
		load_unlock(l);
}

/* On its thread, too, once a process really runs without what the file says. A start that fails before leaves the file
 * where it is: else the next one would find none, and use servers that are drained without a word. */
static void state_aside_run(struct file_job *job)
{
	struct state_load *l = container_of(job, struct state_load, job);

	l->aside = state_file_set_aside(l->path) == 0;
	if (!l->aside)
		load_unlock(l);
}

/* Also of a load that was late: its lock goes, so that the next process finds the file free. */
static void state_load_discard(struct file_job *job)
{
	struct state_load *l = container_of(job, struct state_load, job);

	load_unlock(l);
	free(l->rows);
	free(l->names);
	free(l);
}

/* After state_end: the file is closed, and nothing waits. */
void state_fini(struct state *s)
{
	free(s->path);
	s->path = NULL;
	if (s->load != NULL)
		state_load_discard(&s->load->job); /* the start failed */
	s->load = NULL;
}

static void say_state_off(struct process *p, const char *path, const char *why)
{
	__atomic_store_n(&p->state.failing, 1, __ATOMIC_RELAXED);
	log_msg(LVL_WARNING, "state_off",
		"the state file %.200s is not used: %s; what is said of servers is lost at the end", path, why);
}

static void watch_time(struct process *p);

/* Without memory for the path the lock stays with l, which gives it back. */
static void take_load(struct process *p, struct state_load *l, const struct snapshot *snap)
{
	struct state *s = &p->state;

	s->path = strdup(l->path);
	if (s->path == NULL) {
		say_state_off(p, l->path, np_err_text(-NP_ENOMEM));
		return;
	}
	s->on = l->lock >= 0;
	s->lock = l->lock;
	l->lock = -1;
	if (l->aside)
		log_msg(LVL_WARNING, "state_bad", "the state file %.200s: %s; it is %.200s.bad from now on", l->path,
			l->why, l->path);
	else if (!s->on && l->path[0] != '\0')
		say_state_off(p, l->path, l->why[0] != '\0' ? l->why : np_err_text(l->nrows));
	if (s->told || (l->nrows > 0 && overrides_restore(p, snap, l->rows, (unsigned)l->nrows)))
		state_changed(p);
}

/* On a thread: a hung file system may not hold up the order to stop. A late one is left behind, with its lock. */
void state_load(struct process *p, const struct config *c)
{
	struct state *s = &p->state;
	struct state_load *l = control_is_on(c) ? calloc(1, sizeof(*l)) : NULL;

	s->load_err = l == NULL && control_is_on(c) ? -NP_ENOMEM : 0;
	if (l == NULL)
		return;
	*l = (struct state_load){.job = {.run = state_load_run, .discard = state_load_discard}, .lock = s->given};
	l->given_path = s->given_path;
	s->given = -1;
	snprintf(l->configured, sizeof(l->configured), "%s", c->control.state);
	s->load_err = file_work_run(&s->loading, &l->job, LOAD_PATIENCE);
	if (s->loading.job != NULL)
		return; /* left behind */
	s->load = l;
	names_recall(&p->dns_names, l->names);
	l->names = NULL;
}

void state_start(struct process *p, const struct snapshot *snap)
{
	struct state *s = &p->state;

	if (s->load != NULL && s->load->damaged) {
		s->load->job.run = state_aside_run;
		s->load_err = file_work_run(&s->loading, &s->load->job, LOAD_PATIENCE);
		s->load = s->loading.job == NULL ? s->load : NULL; /* or left behind, as a late load */
	}
	if (s->load_err != 0)
		say_state_off(p, snap->config->control.state, np_err_text(s->load_err));
	else if (s->load != NULL)
		take_load(p, s->load, snap);
	if (s->load != NULL)
		state_load_discard(&s->load->job);
	s->load = NULL;
	watch_time(p);
}

/* ---- a write ---- */

/* On the heap. Its thread's until the message is posted, or for good once it is left behind. */
struct state_write {
	struct np_msg msg;
	struct process *p;
	char path[STATE_PATH_ROOM];
	char *text; /* owned */
	size_t n;
	uint64_t number; /* of the newest change in it */
	int err;
	bool parted; /* atomic: one of the two is done with the other */
};

/* By whoever comes second: control, or the thread. */
static void write_free(struct state_write *w)
{
	free(w->text);
	free(w);
}

/* The thread. Whoever comes second to the mark knows what the first did: control that leaves a write behind may be gone
 * when this ends, so the message may not be posted then; and what is posted is control's to free. */
static void *state_write_main(void *arg)
{
	struct state_write *w = arg;

	w->err = state_file_write(w->path, w->text, w->n);
	if (__atomic_exchange_n(&w->parted, true, __ATOMIC_ACQ_REL))
		write_free(w);
	else
		np_post(w->p->registry.control, &w->msg);
	return NULL;
}

/* What holds now, as a file. */
static int print_state(const struct process *p, struct state_write *w)
{
	struct text t;

	w->text = malloc(OVERRIDE_TEXT_MOST);
	if (w->text == NULL)
		return -NP_ENOMEM;
	text_init(&t, w->text, OVERRIDE_TEXT_MOST);
	override_text_head(&t);
	list_for_each(it, &p->overrides.all) {
		const struct override *one = list_entry(it, struct override, link);

		override_text_row(&t, one->upstream, one->address, &one->said, one->ends);
	}
	names_keep(&p->dns_names, &t);
	w->n = t.n;
	return t.cut ? -EFBIG : 0;
}

static void state_arrived(struct np_msg *m);

/* The list is printed here, so the thread shares nothing with this one. */
static int start_write(struct process *p)
{
	struct state_write *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return -NP_ENOMEM;
	w->p = p;
	w->msg.fn = state_arrived;
	w->number = p->state.changed;
	snprintf(w->path, sizeof(w->path), "%s", p->state.path);
	p->state.names_written = np_nanotime();
	p->state.names_due = 0;
	err = print_state(p, w);
	if (err == 0)
		err = thread_start(NULL, "state", state_write_main, w);
	if (err == 0)
		p->state.write = w;
	else
		write_free(w);
	return err;
}

/* ---- who waits ---- */

/* Numbers grow along the list, so the first that is too new ends it. */
static void answer_up_to(struct process *p, uint64_t number, bool persisted)
{
	list_for_each_safe(it, &p->state.waiting) {
		struct order *o = list_entry(it, struct order, link);

		if (o->change->number > number)
			return;
		list_remove(&o->link);
		o->change->persisted = persisted;
		order_answer(o, 0);
	}
}

/* A failed write answers who waited for it; the change stays in force and is tried again. */
static void note_result(struct process *p, int err, uint64_t number)
{
	struct state *s = &p->state;

	if (err != 0) {
		log_limited(LVL_ERROR, "state_failed", s->path, (uint64_t)-err,
			    "the state file %.200s is not written: %s; a restart would lose what was said of servers",
			    s->path, np_err_text(err));
		s->again = np_nanotime() + AGAIN_AFTER;
	} else {
		s->written = number;
		if (s->again != 0)
			log_msg(LVL_NOTICE, "state_written", "the state file %.200s is written again", s->path);
		s->again = 0;
	}
	__atomic_store_n(&s->failing, err != 0, __ATOMIC_RELAXED);
	answer_up_to(p, number, err == 0);
}

/* One write at a time, so that an older list never replaces a newer one. */
static void write_what_changed(struct process *p)
{
	struct state *s = &p->state;
	int err;

	if (s->on && s->write == NULL && s->written != s->changed) {
		err = start_write(p);
		if (err != 0)
			note_result(p, err, s->changed);
	}
	if (s->write == NULL && s->idle != NULL)
		np_event_set(s->idle);
	watch_time(p);
}

/* On the control worker's loop. A change that came meanwhile is written at once, an old one that failed later. */
static void state_arrived(struct np_msg *m)
{
	struct state_write *w = container_of(m, struct state_write, msg);
	struct process *p = w->p;
	bool more = w->number != p->state.changed;

	p->state.write = NULL;
	note_result(p, w->err, w->number);
	if (w->err == 0 || more) {
		write_what_changed(p);
	} else {
		if (p->state.idle != NULL)
			np_event_set(p->state.idle);
		watch_time(p);
	}
	write_free(w);
}

/* The write goes on, and may still succeed; nobody waits for it any more. */
static void note_late(struct process *p)
{
	log_limited(LVL_WARNING, "state_late", p->state.path, 0,
		    "the state file %.200s: the disk does not answer; a restart would lose what was said of servers",
		    p->state.path);
	__atomic_store_n(&p->state.failing, 1, __ATOMIC_RELAXED);
}

/* On the control worker's loop: somebody has waited too long, or a failed write is due again. */
static void state_time(struct np_timer *t)
{
	struct process *p = container_of(t, struct process, state.timer);
	int64_t now = np_nanotime();
	uint64_t late = 0;

	list_for_each(it, &p->state.waiting) {
		const struct order *o = list_entry(it, struct order, link);

		if (o->change->by <= now)
			late = o->change->number;
	}
	if (late != 0)
		note_late(p);
	answer_up_to(p, late, false);
	if (p->state.names_due != 0 && p->state.names_due <= now)
		state_changed(p);
	else if (p->state.again != 0 && p->state.again <= now)
		write_what_changed(p);
	else
		watch_time(p);
}

/* At the end no attempt is waited for: state_end makes the last one. */
static void watch_time(struct process *p)
{
	struct state *s = &p->state;
	bool may_write = s->on && s->write == NULL && s->idle == NULL;
	int64_t next = s->again != 0 && may_write ? s->again : INT64_MAX;

	if (may_write && s->names_due != 0 && s->names_due < next)
		next = s->names_due;
	if (!list_empty(&s->waiting)) {
		int64_t by = list_entry(s->waiting.next, struct order, link)->change->by;

		next = by < next ? by : next;
	}
	s->timer.fn = state_time;
	if (next == INT64_MAX)
		np_timer_stop(&s->timer);
	else
		np_timer_set(&s->timer, next);
}

/* Each change has a number, so that an answer knows which write had it. */
void state_changed(struct process *p)
{
	p->state.changed++;
	write_what_changed(p);
}

/* Before state_start it is only noted. */
void state_names(struct process *p, bool changed)
{
	struct state *s = &p->state;
	int64_t age = p->dns_names.settings.rules.max_ttl / NAMES_AGES, due;

	if (s->names_written == 0)
		due = np_nanotime() + NAMES_FIRST;
	else
		due = s->names_written + (changed || age < NAMES_GAP ? NAMES_GAP : age);
	if (s->names_due != 0 && s->names_due <= due)
		return;
	s->names_due = due;
	watch_time(p);
}

/* In the list before the write begins: one that fails at once answers it. */
void state_answer(struct process *p, struct order *o)
{
	struct state *s = &p->state;

	if (!s->on) {
		order_answer(o, 0);
		return;
	}
	o->change->number = s->changed + 1;
	o->change->by = np_nanotime() + WRITE_PATIENCE;
	list_push_back(&s->waiting, &o->link);
	state_changed(p);
}

/* ---- the end ---- */

/* The end of the process waits no longer for the disk. */
static void state_is_late(struct np_timer *t)
{
	np_event_set(container_of(t, struct state, ending)->idle);
}

/* A write that failed before is tried once more. */
static void finish_writes(struct process *p)
{
	struct state *s = &p->state;
	struct np_event idle = {0}, posted = {0};
	uint64_t newest = s->changed;

	s->idle = &idle;
	write_what_changed(p);
	if (s->write == NULL)
		return;
	s->ending.fn = state_is_late;
	np_timer_set(&s->ending, np_nanotime() + END_PATIENCE);
	np_event_wait(&idle);
	np_timer_stop(&s->ending);
	if (s->write == NULL)
		return;
	s->idle = &posted;
	s->changed = s->write->number; /* no further write begins */
	if (__atomic_exchange_n(&s->write->parted, true, __ATOMIC_ACQ_REL))
		np_event_wait(&posted);
	else
		s->left = true;
	s->changed = newest;
}

void state_end(struct process *p)
{
	struct state *s = &p->state;

	if (s->on && s->names_due != 0)
		s->changed++;
	if (s->on)
		finish_writes(p);
	np_timer_stop(&s->timer);
	s->idle = NULL;
	if (s->left || s->written != s->changed)
		log_msg(LVL_ERROR, "state_failed", "the state file %.200s is not written at the end", s->path);
	answer_up_to(p, UINT64_MAX, false);
	file_work_reap(&s->loading);
	if (s->lock >= 0 && !s->left)
		close(s->lock);
	s->on = false;
	s->lock = -1;
}

/* A thread may still touch memory of the process: then it must not be freed. */
bool state_is_busy(const struct state *s)
{
	return s->left || file_work_is_busy(&s->loading);
}
