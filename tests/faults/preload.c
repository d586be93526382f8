/* faults.so: makes the nth call of a name fail, in any program that runs with LD_PRELOAD=faults.so.
 * In builds with NP_HOOKS the hook table holds the C library's functions, so these go through here
 * as all others do; the release build makes those of HOOK_RAW_TBL itself, past any library.
 *
 *   STAUNCH_FAULT=[THREAD/]CALL:N[+]:ERRNO[,...]   the Nth call fails, with + all from there on.
 *                       THREAD is a name without its number: worker, log, sysmon; main is the rest
 *   STAUNCH_FAULT_TABLE=FILE   the shared memory of faults.h: more rules, and the counts
 *
 *   LD_PRELOAD=build/test/tests/faults.so STAUNCH_FAULT=worker/splice:1+:EPERM \
 *           build/test/staunch run -c FILE
 *
 * Counting begins with main(): what the loader and constructors do is not the program's. What the C
 * library calls within itself (the open of fopen, say) does not come by. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/faults/faults.h"

static struct fault_table own;      /* without a shared one */
static struct fault_table *table;   /* NULL before main() */

static const char *const call_names[] = {
#define X(ret, name, ...) #name,
	FAULT_TBL(X) FAULT_MORE_TBL(X)
#undef X
};

static const char *const thread_names[] = {
#define X(name) #name,
	FAULT_THREAD_TBL(X)
#undef X
};

/* ---- rules ---- */

static unsigned index_of(const char *const *names, unsigned n, const char *word, size_t len)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (strlen(names[i]) == len && memcmp(names[i], word, len) == 0)
			break;
	return i;
}

static int errno_named(const char *word, size_t len)
{
	for (int e = 1; e < 200; e++) {
		const char *name = strerrorname_np(e);

		if (name != NULL && strlen(name) == len && memcmp(name, word, len) == 0)
			return e;
	}
	return 0;
}

/* One rule of the text. Returns where the next begins, or NULL when this is none. */
static const char *parse_rule(const char *s, struct fault_rule *r)
{
	size_t n = strcspn(s, "/:");
	char *after;

	*r = (struct fault_rule){.thread = FAULT_THREADS};
	if (s[n] == '/') {
		r->thread = index_of(thread_names, FAULT_THREADS, s, n);
		if (r->thread == FAULT_THREADS)
			return NULL;
		s += n + 1;
		n = strcspn(s, ":");
	}
	r->call = index_of(call_names, FAULT_CALLS, s, n);
	if (r->call == FAULT_CALLS || s[n] != ':')
		return NULL;
	r->nth = (uint32_t)strtoul(s + n + 1, &after, 10);
	r->sticky = *after == '+';
	s = after + r->sticky;
	if (r->nth == 0 || *s++ != ':')
		return NULL;
	n = strcspn(s, ",");
	r->err = errno_named(s, n);
	r->on = r->err != 0;
	return r->on ? s + n + (s[n] == ',') : NULL;
}

static void parse_rules(const char *s)
{
	for (unsigned i = 0; s != NULL && *s != '\0'; i++) {
		s = i < FAULT_RULES ? parse_rule(s, &table->rule[i]) : NULL;
		if (s == NULL) {
			fputs("STAUNCH_FAULT: want [THREAD/]CALL:N[+]:ERRNO[,...], four at most\n", stderr);
			_exit(127);
		}
	}
}

static void open_table(void)
{
	const char *path = getenv("STAUNCH_FAULT_TABLE");
	int fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *p = &own;

	if (fd >= 0) {
		p = ftruncate(fd, sizeof(own)) == 0
			    ? (void *)syscall(SYS_mmap, NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			    : MAP_FAILED;
		syscall(SYS_close, fd);
	}
	if (p == MAP_FAILED || (path != NULL && fd < 0)) {
		fputs("STAUNCH_FAULT_TABLE: cannot be had\n", stderr);
		_exit(127);
	}
	table = p;
	parse_rules(getenv("STAUNCH_FAULT"));
}

/* ---- a call ---- */

/* Asked each time: a thread gets its name after its first calls. */
static unsigned this_thread(void)
{
	char name[16] = "";
	size_t n;
	unsigned i;

	syscall(SYS_prctl, PR_GET_NAME, name, 0, 0, 0);
	n = strcspn(name, " 0123456789");
	i = index_of(thread_names, FAULT_THREADS, name, n);
	return i < FAULT_THREADS ? i : FAULT_IN_main;
}

static bool rule_strikes(struct fault_rule *r, unsigned call, unsigned thread)
{
	uint32_t seen;

	if (!__atomic_load_n(&r->on, __ATOMIC_ACQUIRE) || r->call != call ||
	    (r->thread != FAULT_THREADS && r->thread != thread))
		return false;
	seen = __atomic_add_fetch(&r->seen, 1, __ATOMIC_RELAXED);
	return seen == r->nth || (r->sticky && seen > r->nth);
}

/* An error that tells of a lost peer comes with its loss: to be unconnected is a reset for the
 * other side, and all later calls fail. Unix sockets cannot be. */
static void lose_peer(int fd, int err)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (err == ECONNRESET || err == EPIPE || err == ETIMEDOUT || err == EHOSTUNREACH)
		syscall(SYS_connect, fd, &none, sizeof(none));
}

static const char not_a_file[] = "";

/* The object of a read or a write. An eventfd's link in /proc says so. */
static const char *file_only(int fd)
{
	char path[32], name[32] = "";

	if (table == NULL)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	syscall(SYS_readlinkat, AT_FDCWD, path, name, sizeof(name) - 1);
	return strstr(name, "[eventfd]") != NULL ? not_a_file : NULL;
}
#define FILE_ONLY(fd) file_only(fd)

/* The error this call shall fail with, or 0. Leaves errno alone. */
static int fault_of(unsigned call, const char *object)
{
	unsigned thread;

	if (table == NULL || object == not_a_file)
		return 0;
	thread = this_thread();
	__atomic_add_fetch(&table->count[thread][call], 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < FAULT_RULES; i++) {
		struct fault_rule *r = &table->rule[i];

		if (!rule_strikes(r, call, thread))
			continue;
		if (object != NULL)
			strncpy(r->object, object, sizeof(r->object) - 1);
		__atomic_add_fetch(&r->hits, 1, __ATOMIC_RELEASE);
		return r->err;
	}
	return 0;
}

/* dlsym's way to a function; looked up at its first call, which for malloc is before any
 * constructor. */
static void *next_of(void **cache, const char *name)
{
	void *f = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (f == NULL) {
		f = dlsym(RTLD_NEXT, name);
		if (f == NULL)
			_exit(127);
		__atomic_store_n(cache, f, __ATOMIC_RELAXED);
	}
	return f;
}

#define X(ret, name, params, args, object, fail, ...)                \
	ret name params                                              \
	{                                                            \
		static void *cache;                                  \
		ret(*real) params = next_of(&cache, #name);          \
		int err = fault_of(FAULT_##name, object);            \
                                                                     \
		return err == 0 ? real args : fail;                  \
	}
FAULT_TBL(X)
#undef X

#define X(ret, name, params, last, args, object, fail, ...)          \
	ret name params                                              \
	{                                                            \
		static void *cache;                                  \
		ret(*real) params = next_of(&cache, #name);          \
		int err = fault_of(FAULT_##name, object);            \
		unsigned long more;                                  \
		va_list ap;                                          \
                                                                     \
		va_start(ap, last);                                  \
		more = va_arg(ap, unsigned long);                    \
		va_end(ap);                                          \
		return err == 0 ? real args : fail;                  \
	}
FAULT_MORE_TBL(X)
#undef X

/* ---- main ---- */

static int (*real_main)(int argc, char **argv, char **env);

static int counted_main(int argc, char **argv, char **env)
{
	open_table();
	return real_main(argc, argv, env);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*loader_fini)(void), void *stack_end);

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
	int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
		     void *) = dlsym(RTLD_NEXT, "__libc_start_main");

	real_main = program;
	return start(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}
