/* check_run: connect, perhaps ask and hear, and say what came of it. Every wait has the one deadline of the
 * check. */
#include "proxy/health/check_run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "netpoll/check.h"
#include "proxy/base/spare.h"
#include "proxy/health/agent.h"
#include "proxy/health/checks.h"
#include "proxy/upstream/server.h"

#define ANSWER_ROOM (2 * CHECK_ANSWER_MOST) /* a header and a body; or a request */

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

/* Where checks connect to: the server, or another port of its machine. A Unix socket has no port. */
static struct np_addr checked_address(const struct check_run *r)
{
	struct np_addr a = r->server->addr;

	in_port_t port = htons((uint16_t)r->plan->port);

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
	const struct np_dial_opts o = {
		.deadline = r->deadline,
		.unseen = !np_addr_is_unix(&a),
		.spare = SPARE_OF_CHECK,
	};
	int err = np_dial(&r->io.fd, &a, 1, &o);

	if (err != 0)
		return err;
	return o.unseen ? np_fd_close_reset(&r->io.fd) : np_fd_close(&r->io.fd);
}

/* ---- checks that speak ---- */

/* As a client's connection would come to the server, but by our own name. */
static int open_io(struct check_run *r, const struct np_addr *to)
{
	const struct check_plan *plan = r->plan;
	const struct check_io_opts o = {
		.to = to,
		.deadline = r->deadline,
		.spare = SPARE_OF_CHECK,
		.header = plan->header,
		.tls = plan->tls ? r->upstream->check_tls[0] : NULL,
	};

	return check_io_open(&r->io, &o);
}

/* What the n first bytes of the answer say. Only the status of a bad one is told: the rest of it is the server's text,
 * and nobody's business in a log. */
static enum check_answer judge_answer(struct check_run *r, size_t n)
{
	const struct check_plan *plan = r->plan;
	unsigned status;
	enum check_answer is;

	if (plan->kind == CHECK_KIND_AGENT)
		return agent_judge(r, n);
	if (plan->kind == CHECK_KIND_SEND)
		return check_answer_send(&plan->wanted, r->answer, n);
	is = check_answer_http(&plan->http, r->answer, n, &status);
	if (is == CHECK_ANSWER_BAD)
		snprintf(r->detail, sizeof(r->detail), status != 0 ? "status %u" : "it is not HTTP/1", status);
	return is;
}

/* Until it is decided. An end before that is one that came too early. */
static enum check_result hear(struct check_run *r, int *err)
{
	static const enum check_result results[] = {
		[CHECK_ANSWER_GOOD] = CHECK_OK,
		[CHECK_ANSWER_BAD] = CHECK_REJECTED,
		[CHECK_ANSWER_LONG] = CHECK_TOO_LONG,
	};
	enum check_answer is = CHECK_ANSWER_MORE;
	size_t n = 0;

	while (is == CHECK_ANSWER_MORE) {
		ssize_t got = check_io_read(&r->io, r->answer + n, ANSWER_ROOM - n);

		if (got <= 0) {
			*err = (int)got;
			return got == 0 ? CHECK_ENDED : check_result_of(*err);
		}
		n += (size_t)got;
		is = judge_answer(r, n);
	}
	return results[is];
}

/* The Host of a server is its address as it is configured; that of a Unix socket has no name. */
static int ask_http(struct check_run *r)
{
	const struct check_plan *plan = r->plan;
	const char *host = plan->host;
	int n;

	if (host == NULL)
		host = np_addr_is_unix(&r->server->addr) ? "localhost" : r->server->text;
	n = snprintf((char *)r->answer, ANSWER_ROOM,
		     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: staunch\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		     plan->path, host);
	DCHECK(n > 0 && n < ANSWER_ROOM, "a path is shorter than the room of an answer");
	return check_io_write(&r->io, r->answer, (size_t)n);
}

/* The room of the answer is made before the question: what is not there cannot be the server's fault. */
static int ask_server(struct check_run *r)
{
	const struct check_plan *plan = r->plan;

	r->answer = malloc(ANSWER_ROOM);
	if (r->answer == NULL)
		return -NP_ENOMEM;
	if (plan->kind == CHECK_KIND_HTTP)
		return ask_http(r);
	return plan->send.p != NULL ? check_io_write(&r->io, plan->send.p, plan->send.n) : 0;
}

/* Its words about a handshake are static, OpenSSL's or ours. */
static enum check_result opened(struct check_run *r, int err)
{
	if (r->io.detail != NULL)
		snprintf(r->detail, sizeof(r->detail), "%s", r->io.detail);
	return r->io.tls_failed ? CHECK_TLS : check_result_of(err);
}

/* Connect, ask, hear, and part in good order after a success: a server that logs resets has nothing to log. */
static enum check_result speak(struct check_run *r, int *err)
{
	const struct np_addr to = checked_address(r);
	enum check_result result;

	*err = open_io(r, &to);
	result = opened(r, *err);
	if (result == CHECK_OK && r->plan->kind != CHECK_KIND_TLS) {
		*err = ask_server(r);
		result = *err == 0 ? hear(r, err) : check_result_of(*err);
	}
	check_io_close(&r->io, result == CHECK_OK);
	return result;
}

/* ---- the run ---- */

/* How one check ends, and with which error. */
static enum check_result make_check(struct check_run *r, int *err)
{
	if (r->plan->kind != CHECK_KIND_TCP)
		return speak(r, err);
	*err = check_tcp(r);
	return check_result_of(*err);
}

/* A failure is not believed where this thread did not turn for half of its time. That the check began late is no
 * reason: of hundreds of servers that hang each would wait for the others, and none be found out. */
static enum check_result believed(const struct check_run *r, enum check_result result, int64_t longest)
{
	int64_t half = r->plan->rules.timeout / 2;

	if (check_result_is_bad(result) && longest > half)
		return CHECK_LATE;
	return result;
}

static void run_main(void *arg)
{
	struct check_run *r = arg;
	struct checks *all = r->all;
	struct check_outcome o = {.began = r->began};
	int err = -NP_ECANCELED;
	enum check_result result = CHECK_LOCAL;

	pulse_use(&all->pulse, &r->pulse);
	if (!all->stopping)
		result = make_check(r, &err);
	r->result.result = believed(r, result, pulse_leave(&all->pulse, &r->pulse));
	r->result.err = err;
	r->result.detail = r->detail[0] != '\0' ? r->detail : NULL;
	r->result.at = o.now = np_nanotime();
	o.good = r->result.result == CHECK_OK;
	o.proven = o.good || check_result_is_bad(r->result.result);
	checks_ended(all, r, &o);
}

int check_run_start(struct checks *all, struct check *c, struct inventory *inv, int64_t now)
{
	const struct check_plan *plan = check_plan_now(c);
	const struct check_rules *rules = &plan->rules;
	struct check_run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -NP_ENOMEM;
	r->all = all;
	r->check = c;
	r->inv = inv;
	r->upstream = c->upstream;
	r->plan = plan;
	r->server = c->server;
	r->began = now;
	r->deadline = now + rules->timeout;
	if (np_go("check", run_main, r) != 0) {
		free(r);
		return -NP_ENOMEM;
	}
	inv->holds++;
	list_push_back(&all->running, &r->link);
	return 0;
}
