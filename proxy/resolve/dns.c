/* Asks the resolver of the system in a short thread, because getaddrinfo blocks. */
#include "proxy/resolve/dns.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/thread.h"

/* What the thread needs; it owns the memory. */
struct lookup {
	int sysfd;
	uint16_t port;
	char host[]; /* with its NUL */
};

/* Fills in the whole answer, holes included: it travels through a socket as bytes. */
static void ask_resolver(const struct lookup *l, struct dns_answer *a)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG,
	};
	struct addrinfo *list = NULL;
	char port[8];

	memset(a, 0, sizeof(*a));
	snprintf(port, sizeof(port), "%u", l->port);
	a->err = getaddrinfo(l->host, port, &hints, &list);
	if (a->err != 0)
		return;
	for (const struct addrinfo *i = list; i != NULL && a->n < DNS_MOST; i = i->ai_next) {
		struct np_addr *to = &a->addr[a->n];

		if (i->ai_addrlen > sizeof(to->u))
			continue;
		to->len = i->ai_addrlen;
		memcpy(&to->u, i->ai_addr, i->ai_addrlen);
		a->n++;
	}
	freeaddrinfo(list);
	if (a->n == 0)
		a->err = EAI_NODATA;
}

static void *lookup_main(void *arg)
{
	struct lookup *l = arg;
	struct dns_answer a;

	ask_resolver(l, &a);
	/* An error means that the caller has closed its end and no longer waits. */
	(void)!send(l->sysfd, &a, sizeof(a), MSG_NOSIGNAL);
	np_sock_close(l->sysfd);
	free(l);
	return NULL;
}

int dns_ask(struct np_fd *fd, const char *host, uint16_t port)
{
	size_t n = strlen(host) + 1;
	struct lookup *l = malloc(sizeof(*l) + n);
	int pair[2], err;

	if (l == NULL)
		return -NP_ENOMEM;
	/* The answer fits into the empty socket buffer, so the thread never waits in send. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		err = err_from_errno();
		free(l);
		return err;
	}
	l->sysfd = pair[1];
	l->port = port;
	memcpy(l->host, host, n);
	err = np_fd_init(fd, pair[0]);
	if (err != 0) {
		np_sock_close(pair[0]);
	} else {
		err = thread_start(NULL, "lookup", lookup_main, l);
		if (err == 0)
			return 0;
		np_fd_close(fd);
	}
	np_sock_close(pair[1]);
	free(l);
	return err;
}

int dns_take(struct np_fd *fd, struct dns_answer *out)
{
	size_t have = 0;

	while (have < sizeof(*out)) { /* a stream may deliver it in pieces */
		ssize_t n = np_fd_read(fd, (char *)out + have, sizeof(*out) - have);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -NP_ESHORT;
		have += (size_t)n;
	}
	return 0;
}

const char *dns_text(int err)
{
	return gai_strerror(err);
}
