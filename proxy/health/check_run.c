/* check_run: connect, and say what came of it. Every wait has the one deadline of the check. */
#include "proxy/health/check_run.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "netpoll/check.h"
#include "proxy/health/checks.h"
#include "proxy/upstream/server.h"

/* A connect to itself found no listener: the kernel chose the server's own port as the source. */
enum check_result check_result_of(int err)
{
	switch (-err) {
	case 0:
		return CHECK_OK;
	case NP_ECONNREFUSED:
	case NP_ENOENT:
	case NP_ESELF:
		return CHECK_REFUSED;
	case NP_ECONNRESET:
	case NP_ECONNABORTED:
	case NP_EPIPE:
		return CHECK_RESET;
	case NP_EHOSTUNREACH:
	case NP_EHOSTDOWN:
	case NP_ENETUNREACH:
	case NP_ENETDOWN:
		return CHECK_UNREACHABLE;
	case NP_EDEADLINE:
	case NP_ETIMEDOUT:
		return CHECK_TIMEOUT;
	case NP_ESHORT:
		return CHECK_ENDED;
	default:
		return np_err_class(err) == NP_CLASS_PEER ? CHECK_FAILED : CHECK_LOCAL;
	}
}

/* Where checks connect to: a Unix socket has no port. */
static struct np_addr checked_address(const struct check_run *r)
{
	struct np_addr a = r->server->addr;

	in_port_t port = htons((uint16_t)r->upstream->check->port);

	if (port != 0 && a.u.sa.sa_family == AF_INET)
		a.u.in4.sin_port = port;
	else if (port != 0 && a.u.sa.sa_family == AF_INET6)
		a.u.in6.sin6_port = port;
	return a;
}

/* A listening port is enough. The server's accept never returns: the handshake's last packet is held back, and the
 * reset comes in its place. Where a packet filter answers in its stead, or in the Unix domain, it is a connect and a
 * close. */
static int check_tcp(struct check_run *r)
{
	const struct np_addr a = checked_address(r);
	const struct np_dial_opts o = {.deadline = r->deadline, .unseen = !np_addr_is_unix(&a)};
	int err = np_dial(&r->fd, &a, 1, &o);

	if (err != 0)
		return err;
	return o.unseen ? np_fd_close_reset(&r->fd) : np_fd_close(&r->fd);
}

/* A failure is not believed where this thread did not turn for half of its time, nor one of a server that is up where
 * the check began so late. */
static enum check_result believed(const struct check_run *r, enum check_result result, int64_t longest)
{
	int64_t half = r->upstream->check->rules.timeout / 2;

	if (check_result_is_bad(result) && (longest > half || r->was_late))
		return CHECK_LATE;
	return result;
}

static void run_main(void *arg)
{
	struct check_run *r = arg;
	struct checks *all = r->all;
	struct check_outcome o = {.began = r->began};
	int err;

	pulse_use(&all->pulse, &r->pulse);
	err = all->stopping ? -NP_ECANCELED : check_tcp(r);
	r->result.result = believed(r, check_result_of(err), pulse_leave(&all->pulse, &r->pulse));
	r->result.err = err;
	r->result.at = o.now = np_nanotime();
	o.good = r->result.result == CHECK_OK;
	o.proven = o.good || check_result_is_bad(r->result.result);
	checks_ended(all, r, &o);
}

int check_run_start(struct checks *all, struct check *c, struct inventory *inv, int64_t now)
{
	const struct check_rules *rules = &c->upstream->check->rules;
	struct check_run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -NP_ENOMEM;
	r->all = all;
	r->check = c;
	r->inv = inv;
	r->upstream = c->upstream;
	r->server = c->server;
	r->began = now;
	r->deadline = now + rules->timeout;
	r->half = c->state.verdict != SERVER_CHECK_UP;
	r->was_late = r->half == 0 && now - c->state.due > rules->timeout / 2;
	if (np_go("check", run_main, r) != 0) {
		free(r);
		return -NP_ENOMEM;
	}
	inv->holds++;
	list_push_back(&all->running, &r->link);
	return 0;
}
