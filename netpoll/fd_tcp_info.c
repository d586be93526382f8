/* What the kernel knows of a TCP connection. The kernel's own header: libc's lacks the younger fields. Not
 * from Go, which has no door to it. */
#include <linux/tcp.h>
#include <netinet/in.h>

#include "netpoll/fd.h"
#include "netpoll/hook.h"

int np_fd_tcp_info(const struct np_fd *fd, struct np_tcp_info *out)
{
	struct tcp_info i = {.tcpi_state = 0}; /* an older kernel fills a part */
	socklen_t len = sizeof(i);

	OBJ_CHECK(fd, FD_MAGIC);
	if (fd->local)
		return -NP_EINVAL;
	if (sys_getsockopt(fd->sysfd, IPPROTO_TCP, TCP_INFO, &i, &len) < 0)
		return err_from_errno();
	*out = (struct np_tcp_info){
		.rtt = i.tcpi_rtt,
		.min_rtt = i.tcpi_min_rtt,
		.retrans = i.tcpi_total_retrans,
		.lost = i.tcpi_lost,
		.unacked = i.tcpi_unacked,
		.cwnd = i.tcpi_snd_cwnd,
		.notsent = i.tcpi_notsent_bytes,
		.last_ack = i.tcpi_last_ack_recv,
		.last_data_recv = i.tcpi_last_data_recv,
		.delivery = i.tcpi_delivery_rate,
		.busy = i.tcpi_busy_time,
		.rwnd_limited = i.tcpi_rwnd_limited,
		.sndbuf_limited = i.tcpi_sndbuf_limited,
	};
	return 0;
}
