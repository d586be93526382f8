/* A filter that lets a listening socket complete handshakes and begin none. Not from Go, whose
 * listeners reset what they have not accepted when they close. */
#include "netpoll/sock.h"

#include <linux/filter.h>

#include "netpoll/hook.h"

#define TCP_FLAGS 13 /* offset in a TCP header, where the filter's data begins */
#define TCP_SYN   0x02
#define TCP_ACK   0x10

/* Rejected: a filter that drops all. It would drop the last ACK of a handshake, too, and then the
 * client believes that it is connected. */
int np_fd_refuse_syn(struct np_fd *fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TCP_SYN | TCP_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog prog = {.len = array_len(code), .filter = code};

	if (fd->closed)
		return -NP_ECLOSING;
	if (sys_setsockopt(fd->sysfd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return err_from_errno();
	return 0;
}

void np_sock_lift_filter(int sysfd)
{
	int unused = 0;

	(void)!sys_setsockopt(sysfd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}
