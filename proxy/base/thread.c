/* Starts a thread that signals do not reach. */
#include "proxy/base/thread.h"

#include <signal.h>
#include <string.h>

#include "netpoll/check.h"

/* A thread inherits its mask from the thread that makes it. Blocked before and restored behind it,
 * no signal can slip in between; a mask set by the new thread itself would leave such a gap. */
int thread_start(pthread_t *out, const char *name, void *(*main)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	DCHECK(strlen(name) < THREAD_NAME_MAX, "the kernel refuses a longer name");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		return -err;
	/* Before the detach: the handle is good until then, even if the thread has ended. */
	pthread_setname_np(thread, name);
	if (out != NULL)
		*out = thread;
	else
		pthread_detach(thread);
	return 0;
}
