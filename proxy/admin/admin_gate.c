/* admin_gate: who may ask what. By the kernel's word on a Unix socket; over TCP by the Host, which a page of a stranger
 * cannot choose, and by a token for what changes something.
 *
 *   every request    identity (socket), Host (TCP), beyond loopback: open routes or a token
 *   every POST       X-Staunch: 1, Host, Origin absent or the same, and over TCP a token */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/control/tokens.h"
#include "proxy/log/event.h"

#define REFUSAL_PERIOD (100 * NP_MS) /* wrong tokens of one source are answered so far apart */
#define REFUSAL_MOST   (5 * NP_S)    /* and none later than this */

static bool gate_refuse(struct reply *r, const char *message, const char *help)
{
	reply_error(r, 403, message, help);
	r->c->close = true;
	return false;
}

/* ---- identity ---- */

static bool is_one_of_us(const struct client *c)
{
	const struct np_peer *peer = &c->peer;

	return peer->uid == 0 || peer->uid == geteuid() ||
	       np_fd_peer_in_group(&c->fd, peer, c->at->group) == 1;
}

/* ---- Host and Origin ---- */

/* A host without its port; the colons of an IPv6 address stand inside brackets. */
static struct http_span without_port(struct http_span s)
{
	const char *bracket = s.n > 0 && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
	const char *from = bracket != NULL ? bracket : s.p;
	const char *colon = memchr(from, ':', (size_t)(s.p + s.n - from));

	if (colon != NULL)
		s.n = (size_t)(colon - s.p);
	return s;
}

/* "[::1]" or "127.0.0.1": no name that somebody else's server could resolve. */
static bool is_address_host(struct http_span host)
{
	char text[64];
	struct np_addr a;

	if (host.n == 0 || host.n > 48)
		return false;
	snprintf(text, sizeof(text), "%.*s:1", (int)host.n, host.p);
	return np_addr_parse(&a, text, NULL) == 0 && !np_addr_is_unix(&a);
}

static bool is_known_host(const struct client *c)
{
	const struct config *config = c->admin->config;
	struct http_span host = without_port(c->request.host);

	if (http_span_is(host, "localhost") || is_address_host(host))
		return true;
	if (!c->at->tcp && (host.n == 0 || http_span_is(host, "staunch") ||
			    http_span_is(c->request.host, c->at->addr.u.un.sun_path)))
		return true;
	for (size_t i = 0; i < config->control.nhosts; i++)
		if (http_span_is(host, config->control.hosts[i].text))
			return true;
	return false;
}

/* A browser says where the page comes from: from here, or it is refused. */
static bool is_own_origin(const struct client *c)
{
	struct http_span origin = c->request.origin, host = c->request.host;

	if (origin.p == NULL)
		return true;
	return origin.n == host.n + 7 && strncasecmp(origin.p, "http://", 7) == 0 &&
	       strncasecmp(origin.p + 7, host.p, host.n) == 0;
}

/* ---- tokens ---- */

/* Each source waits for its own wrong ones alone; a right one never waits. */
static void wait_for_refusal(struct client *c)
{
	uint64_t source = np_addr_hash_host(&c->peer_addr.u.sa, c->peer_addr.len, 1);
	int64_t *next = &c->admin->next_refusal[source % ADMIN_SOURCES], now = np_now();
	int64_t at = *next > now ? *next : now;

	*next = at + REFUSAL_PERIOD < now + REFUSAL_MOST ? at + REFUSAL_PERIOD : now + REFUSAL_MOST;
	while (np_nanotime() < at && !c->admin->stopping)
		np_sleep(at - now < ADMIN_SLICE ? at - now : ADMIN_SLICE);
}

/* Returns false when a token was shown and is wrong. */
static bool look_at_token(struct client *c, struct reply *r)
{
	const struct http_span *token = &c->request.token;

	c->authorized = token->p != NULL && tokens_match(c->admin->p->tokens, token->p, token->n);
	if (token->p == NULL || c->authorized)
		return true;
	wait_for_refusal(c);
	return gate_refuse(r, "the token is wrong", NULL);
}

/* ---- the gate ---- */

static bool gate_of_tcp(struct client *c, const struct route_row *row, struct reply *r)
{
	if (c->request.host.p == NULL) {
		reply_error(r, 400, "there is no Host header", NULL);
		c->close = true;
		return false;
	}
	if (!is_known_host(c))
		return gate_refuse(r, "the Host is none of ours", "control.hosts names those that are");
	if (!look_at_token(c, r))
		return false;
	if (c->beyond && !c->authorized && (row == NULL || !row->open))
		return gate_refuse(r, "beyond loopback this needs a token",
				   "Authorization: Bearer TOKEN, one of control.token_file");
	return true;
}

static bool gate_of_changes(struct client *c, struct reply *r)
{
	if (!http_span_is(c->request.header_x, "1"))
		return gate_refuse(r, "a change needs the header X-Staunch: 1", NULL);
	if (!is_known_host(c))
		return gate_refuse(r, "the Host is none of ours", "localhost, an address, or a name of control.hosts");
	if (!is_own_origin(c))
		return gate_refuse(r, "the Origin is another one", NULL);
	if (c->at->tcp && !c->authorized)
		return gate_refuse(r, "a change over TCP needs a token",
				   "Authorization: Bearer TOKEN, one of control.token_file");
	return true;
}

bool admin_gate(struct client *c, const struct route_row *row, struct reply *r)
{
	if (!c->at->tcp && !is_one_of_us(c)) {
		c->linger = false; /* nothing beyond the head is read */
		return gate_refuse(r, "this user may not use the control socket",
				   "join the group of its file, or run the command as root");
	}
	if (c->at->tcp && !gate_of_tcp(c, row, r))
		return false;
	return c->request.method != HTTP_POST || gate_of_changes(c, r);
}

/* ---- the audit line ---- */

/* The file is the kernel's, so reading it waits for no disk. */
static void read_comm(pid_t pid, char out[32])
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, out, 31);
	if (n > 0)
		out[out[n - 1] == '\n' ? n - 1 : n] = '\0';
	close(fd);
}

/* Its descriptor becomes readable when the process ends. */
static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* "-" where /proc hides it, and where the process has ended: its number may be another's by then. */
static void comm_of(const struct client *c, char out[32])
{
	struct np_peer peer = {.pidfd = -1};

	snprintf(out, 32, "-");
	if (c->at->tcp || c->peer.pid == 0 || np_fd_unix_peer(&c->fd, &peer) != 0)
		return;
	read_comm(peer.pid, out);
	if (peer.pidfd >= 0 && has_ended(peer.pidfd))
		snprintf(out, 32, "-");
	if (peer.pidfd >= 0)
		np_sock_close(peer.pidfd);
}

static void put_identity(struct event *e, const struct client *c, const char *peer, const char *comm)
{
	if (c->at->tcp) {
		event_fact(e, "client", peer);
		event_fact(e, "token", c->authorized ? "right" : "none");
		return;
	}
	event_number(e, "uid", c->peer.uid);
	event_number(e, "gid", c->peer.gid);
	event_number(e, "pid", c->peer.pid);
	event_fact(e, "comm", comm);
}

/* The message escapes what the path or the name of the program holds. */
/* Anybody who can connect can be refused, as often as he likes: that may neither fill the log nor push out what
 * happened. So one line an episode, for each address and each status. */
static void audit_stranger(const struct client *c, unsigned status)
{
	char host[NP_ADDR_TEXT] = "";

	np_addr_format_host(&c->peer_addr.u.sa, c->peer_addr.len, host, sizeof(host));
	log_limited(LVL_NOTICE, "audit", host, (int)status, "POST %.200s by %s: %u", c->request.path, host, status);
}

/* Who asked, in one text: for the audit line, and for what the order is told of. */
no_inline void admin_who(const struct client *c, char out[ADMIN_WHO])
{
	char comm[32], peer[NP_ADDR_TEXT] = "";

	if (c->at->tcp) {
		np_addr_format(&c->peer_addr.u.sa, c->peer_addr.len, peer, sizeof(peer));
		snprintf(out, ADMIN_WHO, "%.100s%s", peer, c->authorized ? " with a token" : "");
		return;
	}
	comm_of(c, comm);
	snprintf(out, ADMIN_WHO, "uid %u gid %u pid %d comm %s", (unsigned)c->peer.uid, (unsigned)c->peer.gid,
		 (int)c->peer.pid, comm);
}

void admin_audit(const struct client *c, unsigned status, bool refused)
{
	char who[ADMIN_WHO], comm[32], peer[NP_ADDR_TEXT] = "";
	struct event *e;
	long long ms = (long long)((np_nanotime() - c->began) / NP_MS);

	if (refused && c->at->tcp) {
		audit_stranger(c, status);
		return;
	}
	e = event_begin();
	comm_of(c, comm);
	if (c->at->tcp)
		np_addr_format(&c->peer_addr.u.sa, c->peer_addr.len, peer, sizeof(peer));
	admin_who(c, who);
	event_number(e, "status", status);
	event_number(e, "ms", ms);
	put_identity(e, c, peer, comm);
	event_fact(e, "path", c->request.path);
	if (c->did[0] != '\0')
		event_fact(e, "did", c->did);
	event_log(e, LVL_NOTICE, "audit", "POST %.200s by %s: %u, %lld ms%s%s", c->request.path, who, status, ms,
		  c->did[0] != '\0' ? ": " : "", c->did);
}
