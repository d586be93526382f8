/* start_errors: one table of remedies, by call and error. */
#include "proxy/control/start_errors.h"

#include "netpoll/err.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/log/log.h"

/* What the call gives. A file is named by who asks for it. */
static const char *const lacks[] = {
	[START_MEMORY] = "no memory: ",
	[START_DESCRIPTOR] = "no descriptor: ",
	[START_THREAD] = "no thread: ",
	[START_FILE] = "",
};

static const struct {
	enum start_call call;
	int err;
	const char *remedy;
} remedies[] = {
	{START_MEMORY, NP_EPERM, "a sandbox forbids the stacks: allow mmap, mprotect and madvise"},
	{START_MEMORY, NP_EACCES, "a sandbox forbids the stacks: allow mmap, mprotect and madvise"},
	{START_DESCRIPTOR, NP_EMFILE, "raise ulimit -n or LimitNOFILE, or lower `workers`"},
	{START_DESCRIPTOR, NP_ENFILE, "raise fs.file-max, or lower `workers`"},
	{START_DESCRIPTOR, ENOSYS,
	 "this kernel or its sandbox lacks the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, NP_EPERM,
	 "a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, NP_EACCES,
	 "a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, ENOSPC, "raise fs.epoll.max_user_watches"},
	/* The C library says so, too, when it has no memory for a thread. */
	{START_THREAD, NP_EAGAIN,
	 "raise ulimit -u, TasksMax or kernel.threads-max, give it more memory, or lower `workers`"},
	{START_THREAD, NP_EPERM, "a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, NP_EACCES, "a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, ENOSYS, "this kernel or its sandbox lacks the call: allow clone and clone3"},
	{START_FILE, NP_EMFILE, "raise ulimit -n or LimitNOFILE"},
	{START_FILE, NP_ENFILE, "raise fs.file-max"},
	{START_FILE, NP_ENOENT, "make its directory"},
	{START_FILE, NP_EISDIR, "name a file in it"},
	{START_FILE, NP_EACCES, "let the user that runs it write there"},
};

const char *start_remedy(enum start_call call, int err)
{
	if (err == -NP_ENOMEM || err == -NP_ENOBUFS)
		return "give it more memory (MemoryMax, ulimit -v), or lower `workers`";
	for (size_t i = 0; i < array_len(remedies); i++)
		if (remedies[i].call == call && remedies[i].err == -err)
			return remedies[i].remedy;
	return NULL;
}

void start_why(struct text *t, enum start_call call, int err)
{
	const char *remedy = start_remedy(call, err);

	text_str(t, lacks[call]);
	text_str(t, call == START_THREAD && err == -NP_EAGAIN ? "the limit of tasks is reached" :
								np_err_text(err));
	text_str(t, " (");
	text_str(t, np_err_name(err));
	text_char(t, ')');
	if (remedy == NULL)
		return;
	text_str(t, "; ");
	text_str(t, remedy);
}

int start_failed(enum start_call call, const char *what, int err)
{
	char room[START_WHY_ROOM] = "";
	struct text why;

	text_init(&why, room, sizeof(room) - 1);
	start_why(&why, call, err);
	log_msg(LVL_ERROR, "start_failed", "staunch could not start: %s: %s", what, room);
	return err == -NP_EPERM || err == -NP_EACCES ? EXIT_PERMISSION : EXIT_FAILED;
}
