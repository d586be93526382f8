/* file_work: runs what may block on a disk, a network file system or a FIFO on a thread of its own,
 * so that the control thread hears an order to stop at any time.
 *
 *   idle --file_work_run--> running --done--> idle
 *                              '--- late or canceled ---> left behind --done, file_work_reap--> idle
 *
 * One job at a time. A job that is late is never joined: its thread may hang in the kernel for
 * ever, and then the process ends without it (file_work_is_busy, process.c). Whatever the job may
 * touch is its own until it is done: see registry_lend. */
#ifndef PROXY_CONTROL_FILE_WORK_H
#define PROXY_CONTROL_FILE_WORK_H

#include "netpoll/base.h"

/* On the heap, as the first member of what the job works on. */
struct file_job {
	void (*run)(struct file_job *job);  /* on the thread; may block */
	/* On the control thread, in the place of a caller that no longer waits: frees the job with
	 * all it made. */
	void (*discard)(struct file_job *job);
	bool done; /* atomic: run has returned, and the thread uses the job no more */
};

/* Control thread. */
struct file_work {
	struct file_job *job; /* running, or left behind; NULL: idle */
};

/* file_work_run: run the job, and wait for it for at most `patience` ns.
 *   Returns  0: it ran, and is the caller's again. -NP_EDEADLINE: it is late; -NP_ECANCELED: an
 *            order to stop is pending. Then it is left behind, and discard frees it in time.
 *            -NP_EBUSY: another one was left behind; -NP_EAGAIN: no thread. With these two it did
 *            not run and is still the caller's.
 *   Parks    until then.   Calls  the control worker's main coroutine. */
must_use int file_work_run(struct file_work *w, struct file_job *job, int64_t patience);

/* file_work_reap: after the event SIGNALS_WORK: discard a job that was left behind and is done now.
 *   Returns  whether there was one. */
bool file_work_reap(struct file_work *w);

/* file_work_is_busy: a job was left behind, and its thread still runs. */
bool file_work_is_busy(const struct file_work *w);

#endif
