/* file_work: one detached thread per job. Rejected: a thread that stays, because one that hangs
 * must be replaced anyway; asynchronous file I/O, because open(2), which hangs first, has none, and
 * OpenSSL reads by itself. */
#include "proxy/control/file_work.h"

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/base/thread.h"
#include "proxy/control/signals.h"
#include "proxy/tls/tls_memory.h"

/* The thread. The job may be freed as soon as it is done; the bell is the process's. */
static void *file_work_main(void *arg)
{
	struct file_job *job = arg;

	job->run(job);
	tls_memory_leave();
	__atomic_store_n(&job->done, true, __ATOMIC_RELEASE);
	signals_raise(SIGNALS_WORK);
	return NULL;
}

static bool is_done(const struct file_job *job)
{
	return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}

bool file_work_is_busy(const struct file_work *w)
{
	return w->job != NULL && !is_done(w->job);
}

bool file_work_reap(struct file_work *w)
{
	struct file_job *job = w->job;

	if (job == NULL || !is_done(job))
		return false;
	w->job = NULL;
	job->discard(job);
	return true;
}

/* Until the job is done. An event of an earlier job may be pending still, so `done` decides. */
static int wait_for_job(const struct file_job *job, int64_t deadline)
{
	while (!is_done(job)) {
		int event = signals_wait(SIGNALS_BIT(SIGNALS_WORK) | SIGNALS_STOP, deadline);

		if (event < 0)
			return event;
		if (event != SIGNALS_WORK) {
			signals_raise(event); /* whoever serves hears it next */
			return -NP_ECANCELED;
		}
	}
	return 0;
}

int file_work_run(struct file_work *w, struct file_job *job, int64_t patience)
{
	int err;

	DCHECK(np_current() != NULL, "file work is waited for in a coroutine");
	file_work_reap(w);
	if (w->job != NULL)
		return -EBUSY;
	job->done = false;
	err = thread_start(NULL, "files", file_work_main, job);
	if (err != 0)
		return err;
	w->job = job;
	err = wait_for_job(job, np_deadline_after(patience));
	if (err == 0)
		w->job = NULL;
	return err;
}
