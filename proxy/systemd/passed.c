/* passed: three variables of the environment. */
#include "proxy/systemd/passed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/err.h"

#define FIRST_FD 3
#define DIGITS   7 /* of a number of descriptors, and of a process */

/* Decimal digits alone.   Returns  0: it is no such number. */
static unsigned passed_number(const char *name)
{
	const char *text = getenv(name);
	size_t n = text != NULL ? strlen(text) : 0;

	if (n == 0 || n > DIGITS || strspn(text, "0123456789") != n)
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

/* The part of LISTEN_FDNAMES up to the next colon; without it systemd's own word for none. */
static const char *take_passed_name(const char *names, char out[PASSED_NAME + 1])
{
	size_t n = names != NULL ? strcspn(names, ":") : 0;

	if (names == NULL || n == 0 || n > PASSED_NAME) {
		memcpy(out, "unknown", sizeof("unknown"));
	} else {
		memcpy(out, names, n);
		out[n] = '\0';
	}
	return names != NULL && names[n] == ':' ? names + n + 1 : NULL;
}

/* Those that are open. One that is not is nobody's: a number that a library may take later. */
static void take_each(struct passed *p, unsigned n, const char *names)
{
	for (unsigned i = 0; i < n; i++) {
		struct passed_fd *to = &p->at[p->n];
		int fd = FIRST_FD + (int)i;

		names = take_passed_name(names, to->name);
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		to->fd = fd;
		p->n++;
	}
}

/* LISTEN_PIDFDID is of systemd 258, beside LISTEN_PID. */
static void forget_environment(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("LISTEN_PIDFDID");
}

int passed_take(struct passed *out)
{
	unsigned n = passed_number("LISTEN_PID") == (unsigned)getpid() ? passed_number("LISTEN_FDS") : 0;

	*out = (struct passed){0};
	if (n > (unsigned)sysconf(_SC_OPEN_MAX))
		n = 0;
	if (n > 0)
		out->at = calloc(n, sizeof(*out->at));
	if (out->at != NULL)
		take_each(out, n, getenv("LISTEN_FDNAMES"));
	forget_environment();
	return n > 0 && out->at == NULL ? -NP_ENOMEM : 0;
}

void passed_free(struct passed *p)
{
	free(p->at);
	*p = (struct passed){0};
}
