/* gen hold: holds idle connections. It reads commands from standard input, one per line, and
 * answers each with "done N", N being the number of open connections:
 *   open N           open connections until there are N
 *   exchange BYTES   send so many bytes on each and read them back from an echo server
 * With drip= it also reads that many bytes from each connection every 100 ms: slow readers of a
 * source server. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/gen/gen.h"

#define DRIP_MS 100

struct holder {
	const struct gen_opts *o;
	int     *fds;
	uint64_t count, max;
	char    *bytes; /* buffer of an exchange or a drip; owned */
	size_t   room;
};

static void hold_open(struct holder *h, uint64_t wanted)
{
	if (wanted > h->max) {
		h->max = wanted;
		h->fds = reallocarray(h->fds, h->max, sizeof(*h->fds));
		if (h->fds == NULL)
			gen_die("reallocarray");
	}
	while (h->count < wanted) {
		int fd = sock_connect(h->o, h->count);

		if (fd < 0)
			gen_die("connect");
		h->fds[h->count++] = fd;
	}
}

static void need_room(struct holder *h, size_t n)
{
	if (n <= h->room)
		return;
	free(h->bytes);
	h->bytes = calloc(1, n);
	if (h->bytes == NULL)
		gen_die("calloc");
	h->room = n;
}

static void hold_exchange(struct holder *h, size_t n)
{
	need_room(h, n);
	for (uint64_t i = 0; i < h->count; i++) {
		if (send(h->fds[i], h->bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
			gen_die("send");
		if (recv(h->fds[i], h->bytes, n, MSG_WAITALL) != (ssize_t)n)
			gen_die("receive");
	}
}

static void drip_all(struct holder *h)
{
	need_room(h, h->o->drip);
	for (uint64_t i = 0; i < h->count; i++) {
		if (recv(h->fds[i], h->bytes, h->o->drip, MSG_DONTWAIT) == 0)
			gen_die("a connection ended");
	}
}

static bool obey_line(struct holder *h, const char *line)
{
	char verb[16];
	unsigned long n;

	if (sscanf(line, "%15s %lu", verb, &n) != 2)
		return false;
	if (strcmp(verb, "open") == 0)
		hold_open(h, n);
	else if (strcmp(verb, "exchange") == 0)
		hold_exchange(h, n);
	else
		return false;
	printf("done %lu\n", (unsigned long)h->count);
	fflush(stdout);
	return true;
}

int gen_hold(const struct gen_opts *o)
{
	struct holder h = {.o = o};
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64];

	gen_begin();
	for (;;) {
		ssize_t n;

		if (poll(&in, 1, o->drip > 0 ? DRIP_MS : -1) == 0) {
			drip_all(&h);
			continue;
		}
		/* The driver waits for each answer, so one read returns one line. */
		n = read(STDIN_FILENO, line, sizeof(line) - 1);
		if (n <= 0)
			break;
		line[n] = '\0';
		if (!obey_line(&h, line)) {
			fprintf(stderr, "gen: not a command: %s", line);
			return 2;
		}
	}
	free(h.fds);
	free(h.bytes);
	return 0;
}
