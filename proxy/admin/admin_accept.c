/* admin_accept: who gets a place. An operator must get in whatever else is connected: some places are the socket's
 * alone, and who has waited longest without a whole request gives way. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/admin/admin_priv.h"
#include "proxy/log/log.h"

#define ACCEPT_PAUSE (50 * NP_MS)
#define REFUSED_MOST 8              /* clients that are being told that there is no place */

static const char no_place[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
			       "Content-Length: 72\r\nConnection: close\r\n\r\n"
			       "{\"schema\":1,\"error\":{\"code\":\"E503\",\"message\":\"every place is at work\"}}\n";

/* ---- places ---- */

void admin_client_wait(struct client *c)
{
	list_remove(&c->wait);
	list_push_back(&c->admin->waiting, &c->wait);
}

void admin_client_work(struct client *c)
{
	list_remove(&c->wait);
}

static void leave_place(struct client *c)
{
	if (c->evicted)
		return;
	c->evicted = true;
	c->admin->nclients--;
	limit_give(&c->admin->p->admin_clients);
	c->admin->ntcp -= c->at->tcp;
}

/* Its coroutine finds its deadline over, and closes. */
static bool evict_one(struct admin *a, bool tcp_only)
{
	list_for_each(it, &a->waiting) {
		struct client *c = list_entry(it, struct client, wait);

		if (tcp_only && !c->at->tcp)
			continue;
		list_remove(&c->wait);
		leave_place(c);
		np_fd_set_deadline(&c->fd, 1);
		return true;
	}
	return false;
}

/* Returns whether there is a place now. */
static bool find_place(struct admin *a, bool tcp)
{
	bool tcp_full = tcp && a->ntcp >= a->most_tcp;

	if (!tcp_full && a->nclients < a->most)
		return true;
	limit_acted(&a->p->watch, &a->p->admin_clients, true);
	return evict_one(a, tcp_full);
}

/* ---- no place ---- */

/* In short waits, so that it ends with the process. */
void admin_linger(const struct admin *a, struct np_fd *fd)
{
	int64_t by = np_deadline_after(ADMIN_LINGER);
	char bytes[1024];
	ssize_t n = 1;

	if (np_fd_close_write(fd) != 0)
		return;
	while ((n > 0 || n == -NP_EDEADLINE) && !a->stopping && np_nanotime() < by) {
		np_fd_set_read_deadline(fd, np_deadline_after(ADMIN_SLICE));
		n = np_fd_read(fd, bytes, sizeof(bytes));
	}
}

/* On the heap; its coroutine frees it. */
struct refused {
	struct admin *admin;
	struct np_fd fd;
};

/* Told, and listened to until it has read that: a close with bytes unread would destroy the answer. */
static void refused_main(void *arg)
{
	struct refused *f = arg;

	np_fd_set_deadline(&f->fd, np_deadline_after(ADMIN_LINGER));
	if (np_fd_write(&f->fd, no_place, sizeof(no_place) - 1, NULL) == 0)
		admin_linger(f->admin, &f->fd);
	np_fd_close(&f->fd);
	f->admin->nrefused--;
	free(f);
}

static void refuse_client(struct admin *a, int sysfd)
{
	struct refused *f = a->nrefused < REFUSED_MOST ? malloc(sizeof(*f)) : NULL;

	if (f == NULL || np_fd_init(&f->fd, sysfd) != 0) {
		np_sock_close(sysfd);
		free(f);
		return;
	}
	f->admin = a;
	a->nrefused++;
	if (np_go("admin refuses", refused_main, f) == 0)
		return;
	a->nrefused--;
	np_fd_close(&f->fd);
	free(f);
}

/* ---- a client ---- */

static bool is_loopback_address(const struct np_addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return ntohl(a->u.in4.sin_addr.s_addr) >> 24 == 127;
	return a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

/* Who it is, by the kernel's word; a client that is nobody is refused by the gate. */
static int know_client(struct client *c)
{
	struct np_addr local;
	int err;

	if (c->at->tcp) {
		err = np_fd_addr(&c->fd, &local);
		c->beyond = err != 0 || !is_loopback_address(&local);
		return np_fd_set_nodelay(&c->fd);
	}
	np_fd_mark_unix(&c->fd);
	err = np_fd_unix_peer(&c->fd, &c->peer);
	if (err == 0 && c->peer.pidfd >= 0)
		np_sock_close(c->peer.pidfd);
	c->peer.pidfd = -1;
	return err;
}

static struct client *client_new(struct admin_at *at, int sysfd, const struct np_addr *peer)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (np_fd_init(&c->fd, sysfd) != 0) {
		free(c);
		return NULL;
	}
	c->admin = at->admin;
	c->at = at;
	c->peer_addr = *peer;
	list_init(&c->wait);
	admin_client_wait(c); /* at once: of many that come together the first may have to give way */
	list_push_back(&at->admin->clients, &c->link);
	at->admin->nclients++;
	(void)!limit_take(&at->admin->p->admin_clients, UINT32_MAX); /* find_place has judged */
	at->admin->ntcp += at->tcp;
	return c;
}

static void client_free(struct client *c)
{
	struct admin *a = c->admin;

	np_fd_close(&c->fd);
	leave_place(c);
	list_remove(&c->wait);
	list_remove(&c->link);
	if (c->spare)
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	free(c->in);
	free(c->body);
	free(c);
}

static void run_client(void *arg)
{
	struct client *c = arg;

	if (know_client(c) == 0)
		admin_client_main(c);
	client_free(c);
}

static void take_client(struct admin_at *at, int sysfd, const struct np_addr *peer, bool spare)
{
	struct client *c;

	if (!find_place(at->admin, at->tcp)) {
		refuse_client(at->admin, sysfd);
		return;
	}
	c = client_new(at, sysfd, peer);
	if (c == NULL) {
		np_sock_close(sysfd);
		return;
	}
	c->spare = spare;
	if (np_go("admin client", run_client, c) != 0)
		client_free(c);
}

/* ---- the loop ---- */

/* The descriptor that is kept back lets one client in: a probe must be answered when all are taken.
 *   Returns  its descriptor, or an error. */
static int accept_by_spare(struct admin_at *at, struct np_addr *peer)
{
	struct admin *a = at->admin;
	int sysfd;

	if (a->spare < 0)
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (a->spare < 0)
		return -NP_EMFILE;
	close(a->spare);
	a->spare = -1;
	sysfd = np_fd_try_accept(&at->fd, peer);
	if (sysfd < 0)
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return sysfd;
}

static bool is_no_descriptor(int err)
{
	return err == -NP_EMFILE || err == -NP_ENFILE;
}

void admin_accept_main(void *arg)
{
	struct admin_at *at = arg;

	while (!at->admin->stopping) {
		struct np_addr peer = {0};
		int sysfd = np_fd_accept(&at->fd, &peer);
		bool spare = is_no_descriptor(sysfd);

		if (spare)
			sysfd = accept_by_spare(at, &peer);
		if (sysfd >= 0) {
			take_client(at, sysfd, &peer, spare);
			continue;
		}
		if (sysfd == -NP_ECLOSING)
			break;
		if (sysfd != -NP_EAGAIN)
			log_limited(LVL_WARNING, "control_accept", NULL, sysfd, "the control plane cannot accept: %s",
				    np_err_text(sysfd));
		np_sleep(ACCEPT_PAUSE);
	}
}
