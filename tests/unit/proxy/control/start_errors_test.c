/* start_errors: V14: each call that a start can lack, word by word, and the exit codes. */
#include "proxy/control/start_errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/exit_tbl.h"
#include "proxy/log/log.h"

static const struct why_row {
	enum start_call call;
	int err;
	const char *why;
} rows[] = {
	{START_MEMORY, ENOMEM,
	 "no memory: out of memory (ENOMEM); give it more memory (MemoryMax, ulimit -v), or lower `workers`"},
	{START_MEMORY, EPERM,
	 "no memory: not permitted (EPERM); a sandbox forbids the stacks: allow mmap, mprotect and madvise"},
	{START_MEMORY, EACCES,
	 "no memory: permission denied (EACCES); a sandbox forbids the stacks: allow mmap, mprotect and madvise"},
	{START_DESCRIPTOR, EMFILE,
	 "no descriptor: too many open descriptors in the process (EMFILE); raise ulimit -n or LimitNOFILE, or lower "
	 "`workers`"},
	{START_DESCRIPTOR, ENFILE,
	 "no descriptor: too many open descriptors in the system (ENFILE); raise fs.file-max, or lower `workers`"},
	{START_DESCRIPTOR, ENOSYS,
	 "no descriptor: Function not implemented (ENOSYS); this kernel or its sandbox lacks the call: allow epoll, "
	 "eventfd and socketpair"},
	{START_DESCRIPTOR, EPERM,
	 "no descriptor: not permitted (EPERM); a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, EACCES,
	 "no descriptor: permission denied (EACCES); a sandbox forbids the call: allow epoll, eventfd and socketpair"},
	{START_DESCRIPTOR, ENOSPC,
	 "no descriptor: No space left on device (ENOSPC); raise fs.epoll.max_user_watches"},
	{START_DESCRIPTOR, ENOBUFS,
	 "no descriptor: no buffer space in the kernel (ENOBUFS); give it more memory (MemoryMax, ulimit -v), or lower "
	 "`workers`"},
	{START_THREAD, EAGAIN,
	 "no thread: the limit of tasks is reached (EAGAIN); raise ulimit -u, TasksMax or kernel.threads-max, give it "
	 "more memory, or lower `workers`"},
	{START_THREAD, EPERM,
	 "no thread: not permitted (EPERM); a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, EACCES,
	 "no thread: permission denied (EACCES); a sandbox forbids threads: allow clone and clone3"},
	{START_THREAD, ENOSYS,
	 "no thread: Function not implemented (ENOSYS); this kernel or its sandbox lacks the call: allow clone and "
	 "clone3"},
	{START_FILE, EMFILE, "too many open descriptors in the process (EMFILE); raise ulimit -n or LimitNOFILE"},
	{START_FILE, ENFILE, "too many open descriptors in the system (ENFILE); raise fs.file-max"},
	{START_FILE, ENOENT, "no such file (ENOENT); make its directory"},
	{START_FILE, EISDIR, "is a directory (EISDIR); name a file in it"},
	{START_FILE, EACCES, "permission denied (EACCES); let the user that runs it write there"},
	{START_FILE, EROFS, "Read-only file system (EROFS)"}, /* no remedy is known */
};

static void V14_why_and_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		char room[START_WHY_ROOM] = "";
		struct text t;

		text_init(&t, room, sizeof(room) - 1);
		start_why(&t, rows[i].call, -rows[i].err);
		assert_string_equal(room, rows[i].why);
		assert_false(t.cut);
	}
}

static void V14_exit_codes(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, fds[1]);
	assert_int_equal(start_failed(START_THREAD, "the watchdog", -EPERM), EXIT_PERMISSION);
	assert_int_equal(start_failed(START_MEMORY, "the workers", -EACCES), EXIT_PERMISSION);
	assert_int_equal(start_failed(START_MEMORY, "the workers", -ENOMEM), EXIT_FAILED);
	log_init(LVL_NOTICE, LOG_FORMAT_TEXT, STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V14_why_and_what_to_do),
		cmocka_unit_test(V14_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
