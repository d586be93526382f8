/* conn_tcp: two questions to the kernel, and what their answers mean together. */
#include "proxy/conn/conn_tcp.h"

#include "proxy/conn/conn.h"

/* A leg that is not TCP says so by an error. Before the relay the server's may be half made. */
void conn_tcp_ask(const struct conn *c, struct conn_tcp *out)
{
	out->has[0] = c->client.fd.sysfd > 0 && np_fd_tcp_info(&c->client.fd, &out->leg[0]) == 0;
	out->has[1] = conn_relays(c) && np_fd_tcp_info(&c->upstream.fd, &out->leg[1]) == 0;
}

/* A leg whose window was closed for more than half of its busy time waits for the program behind it; one with bytes
 * both unsent and under way waits for the network. The client's leg is judged first. */
const char *conn_bottleneck(const struct conn_tcp *t)
{
	static const char *const apps[] = {"client_app", "server_app"}, *const nets[] = {"client_net", "server_net"};

	for (int i = 0; i < 2; i++) {
		const struct np_tcp_info *leg = &t->leg[i];

		if (!t->has[i])
			continue;
		if (leg->rwnd_limited > leg->busy / 2)
			return apps[i];
		if (leg->unacked > 0 && leg->notsent > 0)
			return nets[i];
	}
	return "none";
}
