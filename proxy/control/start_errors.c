/* start_errors: one table of remedies, by call and error. */
#include "proxy/control/start_errors.h"

#include "netpoll/err.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/log/log.h"

static const struct {
	enum start_call call;
	int err;
	const char *remedy;
} remedies[] = {
	{START_DESCRIPTOR, NP_EMFILE, "raise ulimit -n or LimitNOFILE"},
	{START_DESCRIPTOR, NP_ENFILE, "raise fs.file-max"},
	{START_DESCRIPTOR, ENOSYS,
	 "this kernel or its sandbox lacks the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, NP_EPERM,
	 "a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, NP_EACCES,
	 "a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, ENOSPC, "raise fs.epoll.max_user_watches"},
	{START_THREAD, NP_EAGAIN,
	 "raise ulimit -u, TasksMax or kernel.threads-max, or lower `workers`"},
	{START_THREAD, NP_EPERM, "a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, NP_EACCES, "a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, NP_EMFILE, "raise ulimit -n or LimitNOFILE, or lower `workers`"},
	{START_THREAD, NP_ENFILE, "raise fs.file-max, or lower `workers`"},
	{START_THREAD, ENOSYS,
	 "this kernel or its sandbox lacks the call: allow clone, epoll and eventfd"},
};

const char *start_remedy(enum start_call call, int err)
{
	if (err == -NP_ENOMEM || err == -NP_ENOBUFS)
		return "give it more memory (MemoryMax, ulimit -v), or lower `workers`";
	for (size_t i = 0; i < array_len(remedies); i++)
		if (remedies[i].call == call && remedies[i].err == -err)
			return remedies[i].remedy;
	return "";
}

int start_failed(enum start_call call, const char *what, int err)
{
	const char *remedy = start_remedy(call, err);

	log_msg(LVL_ERROR, "start_failed", "staunch could not start: %s: %s (%s)%s%s", what,
		np_err_text(err), np_err_name(err), remedy[0] != '\0' ? "; " : "", remedy);
	return err == -NP_EPERM || err == -NP_EACCES ? EXIT_PERMISSION : EXIT_FAILED;
}
