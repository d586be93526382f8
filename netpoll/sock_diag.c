/* Asks the kernel whether TCP handshakes are under way at a port of ours: it keeps them as requests, which are no
 * sockets yet and belong to no descriptor. Not from Go. */
#include "netpoll/sock.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "netpoll/hook.h"

/* To the kernel: all requests at the port. */
struct diag_query {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

static struct diag_query query_of(int family, int port)
{
	return (struct diag_query){
		.head = {
			.nlmsg_len = sizeof(struct diag_query),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1u << TCP_SYN_RECV,
			.id.idiag_sport = htons((uint16_t)port),
		},
	};
}

/* The first message of the answer says it: one request, or that this is the end.
 *   Returns  1, 0 or an error. */
static int ask(int sysfd, int family, int port)
{
	struct diag_query query = query_of(family, port);
	union {
		struct nlmsghdr head;
		char bytes[512]; /* what does not fit is cut off */
	} answer;
	ssize_t n = sys_send(sysfd, &query, sizeof(query), 0);

	if (n >= 0)
		n = sys_recv(sysfd, &answer, sizeof(answer), 0);
	if (n < 0)
		return err_from_errno();
	if ((size_t)n < sizeof(answer.head) || answer.head.nlmsg_type == NLMSG_ERROR)
		return -NP_EPROTONOSUPPORT;
	return answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

int np_listen_pending(int port)
{
	int found = 0;

	/* A socket of its own for each: the rest of an answer is not read. */
	for (int i = 0; i < 2 && found == 0; i++) {
		int sysfd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

		if (sysfd < 0)
			return err_from_errno();
		found = ask(sysfd, i == 0 ? AF_INET : AF_INET6, port);
		np_sock_close(sysfd);
	}
	return found;
}
