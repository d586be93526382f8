/* pd_model: what must become of whoever waits for a descriptor, as a few flags. It knows results
 * and their precedence and nothing of netpoll.c: no parking places, no wheel, no queue.
 * pd_race_test.c plays it beside the real thing. */
#ifndef TESTS_SIM_PD_MODEL_H
#define TESTS_SIM_PD_MODEL_H

#include "netpoll/err.h"

#define MAX_LOG 64

enum subject { READER, WRITER, TASK };
static const char *const subject_name[] = {"reader", "writer", "task"};

struct model {
	enum subject subject;
	int64_t own, other; /* deadlines: 0 none, -1 over */
	bool closing, everr, ready;
	bool waiting;       /* in the word, not ready */
	bool queued;        /* woken, has not run yet */
	bool gone;          /* waits no more */
	int log[MAX_LOG];
	unsigned n;
};

static inline int model_error(const struct model *m)
{
	if (m->closing)
		return -NP_ECLOSING;
	if (m->own < 0)
		return -NP_EDEADLINE;
	return m->everr && m->subject != WRITER ? -NP_ENOTPOLL : 0;
}

static inline void model_log(struct model *m, int result)
{
	m->log[m->n++ % MAX_LOG] = result;
	m->gone = result < 0;
}

/* The task's turn: look, try, stand again. */
static inline void model_task_turn(struct model *m)
{
	int err = model_error(m);

	model_log(m, err != 0 ? err : m->ready);
	if (err != 0)
		return;
	m->ready = false;
	m->waiting = true;
}

/* A coroutine's: what it waited for, then the next operation up to its wait. */
static inline void model_coro_turn(struct model *m)
{
	if (!m->ready && model_error(m) == 0) {
		m->waiting = true; /* deadline fired, and was set anew before we ran */
		return;
	}
	model_log(m, m->ready ? 0 : model_error(m));
	m->ready = false;
	if (m->gone)
		return;
	if (model_error(m) != 0)
		model_log(m, model_error(m));
	m->waiting = !m->gone;
}

static inline void model_turn(struct model *m)
{
	if (!m->queued)
		return;
	m->queued = false;
	if (m->subject == TASK)
		model_task_turn(m);
	else
		model_coro_turn(m);
}

static inline void model_wake(struct model *m)
{
	m->queued |= m->waiting;
	m->waiting = false;
}

static inline void model_deadline(struct model *m, int64_t when)
{
	if (m->closing)
		return;
	m->own = when;
	if (when < 0)
		model_wake(m);
}

/* The first turn of a new waiter. */
static inline void model_wait(struct model *m)
{
	m->gone = false;
	if (m->subject == TASK) {
		model_task_turn(m);
		return;
	}
	if (model_error(m) != 0) {
		model_log(m, model_error(m));
		return;
	}
	m->ready = false; /* poll_reset forgets what was before */
	m->waiting = true;
}

static inline void model_ready(struct model *m, bool own, bool error)
{
	m->everr = error; /* each event says it anew */
	if (!own)
		return;
	m->ready = true;
	model_wake(m);
}

static inline void model_close(struct model *m)
{
	m->closing = true;
	m->own = m->other = 0;
	model_wake(m);
}

static inline void model_open(struct model *m)
{
	m->closing = m->everr = m->ready = false;
	m->own = m->other = 0;
}

#endif
