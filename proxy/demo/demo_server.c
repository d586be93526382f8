/* demo_server: the echo servers behind the proxy, and how one leaves without losing a
 * connection. */
#include "proxy/demo/demo_server.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "proxy/demo/demo_client.h"

#define ECHO_MAGIC UINT32_C(0x6563686f) /* "echo" */
#define LEAVE_TIME (2 * NP_MS) /* a handshake over loopback takes a hundredth of that */

/* One echoed connection; freed by its coroutine. */
struct echo {
	uint32_t magic;
	struct np_fd fd;
	char         buf[DEMO_MAX];
};

/* Echoes until the client ends, then ends too. Whatever error ends it is the client's to count. */
static void echo_main(void *arg)
{
	struct echo *e = OBJ_CAST(arg, echo, ECHO_MAGIC);
	ssize_t n;

	while ((n = np_fd_read(&e->fd, e->buf, sizeof(e->buf))) > 0)
		if (np_fd_write(&e->fd, e->buf, (size_t)n, NULL) != 0)
			break;
	np_fd_close(&e->fd);
	free(e);
}

/* A failure here fails the client's request, which the demo counts and reports. Owns sysfd. */
static void echo_start(int sysfd)
{
	struct echo *e = malloc(sizeof(*e));

	if (e != NULL)
		e->magic = ECHO_MAGIC;
	if (e == NULL || np_fd_init(&e->fd, sysfd) != 0) {
		free(e);
		close(sysfd);
		return;
	}
	if (np_go("demo echo", echo_main, e) == 0)
		return;
	np_fd_close(&e->fd);
	free(e);
}

/* Ends at the deadline that demo_server_stop sets; no other code sets one. Then the connections
 * that the kernel has accepted meanwhile are taken, without waiting. */
static void accept_main(void *arg)
{
	struct demo_server *s = arg;
	int fd;

	while ((fd = np_fd_accept(&s->listener, NULL)) != -NP_EDEADLINE) {
		if (fd < 0) {
			np_sleep(10 * NP_MS);
			continue;
		}
		s->accepted++;
		echo_start(fd);
	}
	np_fd_set_read_deadline(&s->listener, 0);
	while ((fd = np_fd_try_accept(&s->listener, NULL)) >= 0) {
		s->accepted++;
		echo_start(fd);
	}
	np_fd_close(&s->listener);
	s->up = false;
}

int demo_port_hold(struct np_addr *addr)
{
	int on = 1, err, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_from_errno();
	*addr = (struct np_addr){.len = sizeof(addr->u.in4)};
	addr->u.in4.sin_family = AF_INET;
	addr->u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* With the option on both, the socket that listens may bind beside this one; the kernel
	 * gives the port to no other process, not even as the source of a connect. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 && bind(fd, &addr->u.sa, addr->len) == 0)
		err = np_sock_addr(fd, addr);
	else
		err = err_from_errno();
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int demo_server_start(struct demo_server *s)
{
	const struct np_listen_opts opts = {.nodelay = true};
	int err, fd;

	DCHECK(!s->up && s->hold > 0, "a demo server starts twice, or without its port");
	fd = np_listen(&s->addr, &opts);
	if (fd < 0)
		return fd;
	err = np_fd_init(&s->listener, fd);
	if (err != 0) {
		close(fd);
		return err;
	}
	err = np_go("demo accept", accept_main, s);
	if (err != 0)
		np_fd_close(&s->listener);
	else
		s->up = true;
	return err;
}

/* Drops each SYN that comes to the listener, so that no handshake begins any more. A close
 * without it would reset the connections that the kernel completes between the last accept and
 * the close. Where filters are not allowed that gap is a few microseconds wide. */
static void refuse_new(int sysfd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of the TCP header */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog prog = {.len = array_len(code), .filter = code};

	(void)setsockopt(sysfd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

/* Refuse, serve what the kernel has, close: the drain of a real server in four lines. */
void demo_server_stop(struct demo_server *s)
{
	if (!s->up)
		return;
	refuse_new(s->listener.sysfd);
	np_fd_set_read_deadline(&s->listener, np_deadline_after(LEAVE_TIME));
	while (s->up)
		np_sleep(NP_MS);
}
