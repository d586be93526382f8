/* Life, exclusion and deadlines of a descriptor. Port of src/internal/poll/fd_mutex.go,
 * fd_poll_runtime.go and the first part of fd_unix.go, Go 1.19. */
#include "netpoll/fd.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "netpoll/hook.h"

static struct netpoll *poller_of(void)
{
	return &np_self()->np;
}

int np_fd_init(struct np_fd *fd, int sysfd)
{
	struct polldesc *pd;
	int err = poll_open(poller_of(), sysfd, &pd);

	if (err != 0)
		return err;
	*fd = (struct np_fd){.magic = FD_MAGIC, .sysfd = sysfd, .pd = pd, .refs = 1};
	return 0;
}

int np_fd_register(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	return fd->closed ? -NP_ECLOSING : poll_register(poller_of(), fd->pd);
}

void np_fd_mark_shared(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	fd->pd->shared = true;
}

void np_fd_mark_unix(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	fd->local = true;
}

int np_fd_deregister(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	CHECK(!fd->closed && fd->refs == 1, "no operation is under way at what is passed on");
	poll_deregister(poller_of(), fd->pd);
	return fd->sysfd;
}

static int socket_option(int sysfd, int option, int *value)
{
	socklen_t n = sizeof(*value);

	return sys_getsockopt(sysfd, SOL_SOCKET, option, value, &n) < 0 ? err_from_errno() : 0;
}

/* Whoever passed it may have passed anything, and one that blocks would stop the worker. */
static int check_passed(int sysfd, int *domain)
{
	int type, listens, flags, err = socket_option(sysfd, SO_TYPE, &type);

	if (err == 0)
		err = socket_option(sysfd, SO_ACCEPTCONN, &listens);
	if (err == 0)
		err = socket_option(sysfd, SO_DOMAIN, domain);
	if (err != 0)
		return err;
	flags = fcntl(sysfd, F_GETFL);
	if (flags < 0)
		return err_from_errno();
	if (type != SOCK_STREAM || listens != 0)
		return -NP_EINVAL;
	return (flags & O_NONBLOCK) != 0 || fcntl(sysfd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : err_from_errno();
}

int np_fd_adopt(struct np_fd *fd, int sysfd)
{
	int domain = 0, err = check_passed(sysfd, &domain);

	if (err == 0)
		err = np_fd_init(fd, sysfd);
	if (err == 0 && domain == AF_UNIX)
		np_fd_mark_unix(fd);
	return err;
}

/* ---- fdMutex --------------------------------------------------------------------------------- */

int fd_incref(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	if (fd->closed)
		return -NP_ECLOSING;
	CHECK(fd->refs < FD_MAX_REFS, "too many operations at once on one descriptor");
	fd->refs++;
	return 0;
}

/* Port of FD.destroy: close(2) is never tried again, whatever it says: the number may be
 * another descriptor's by then. The struct stays valid: every later operation finds it closed. */
static void fd_destroy(struct np_fd *fd)
{
	struct np_g *closer = fd->cwait;

	poll_close(poller_of(), fd->pd);
	sys_close(fd->sysfd);
	fd->pd = NULL;
	fd->sysfd = -1;
	fd->cwait = NULL;
	if (closer != NULL)
		np_ready(closer);
}

void fd_decref(struct np_fd *fd)
{
	OBJ_CHECK(fd, FD_MAGIC);
	CHECK(fd->refs > 0, "a descriptor is released more often than it was taken");
	if (--fd->refs == 0)
		fd_destroy(fd);
}

static bool lock_wait_commit(struct np_g *g, void *arg)
{
	struct np_g **tail = arg;

	while (*tail != NULL)
		tail = &(*tail)->link;
	g->link = NULL;
	*tail = g;
	return true;
}

int fd_rwlock(struct np_fd *fd, enum np_mode mode)
{
	uint8_t *locked = mode == NP_READ ? &fd->rlocked : &fd->wlocked;
	struct np_g **wait = mode == NP_READ ? &fd->rwait : &fd->wwait;
	int err = fd_incref(fd);

	if (err != 0)
		return err;
	if (!*locked) {
		*locked = true;
		return 0;
	}
	sched_park(lock_wait_commit, wait);
	if (!fd->closed)
		return 0; /* handed over locked, see below */
	fd_decref(fd);
	return -NP_ECLOSING;
}

static void wake_first(struct np_g **wait)
{
	struct np_g *g = *wait;

	if (g == NULL)
		return;
	*wait = g->link;
	np_ready(g);
}

static void wake_all(struct np_g **wait)
{
	while (*wait != NULL)
		wake_first(wait);
}

void fd_rwunlock(struct np_fd *fd, enum np_mode mode)
{
	uint8_t *locked = mode == NP_READ ? &fd->rlocked : &fd->wlocked;
	struct np_g **wait = mode == NP_READ ? &fd->rwait : &fd->wwait;

	OBJ_CHECK(fd, FD_MAGIC);
	CHECK(*locked, "unlock of a descriptor that is not locked");
	/* Handed to the first waiter, not just released: a reader in a loop would take it again
	 * before the woken one runs, for ever. (Go's fdMutex lets that happen.) */
	*locked = *wait != NULL;
	wake_first(wait);
	fd_decref(fd);
}

int fd_wait(struct np_fd *fd, enum np_mode mode)
{
	return poll_wait(poller_of(), fd->pd, mode);
}

int fd_begin(struct np_fd *fd, enum np_mode mode)
{
	int err = fd_rwlock(fd, mode);

	if (err != 0)
		return err;
	err = poll_reset(fd->pd, mode);
	if (err != 0)
		fd_rwunlock(fd, mode);
	return err;
}

/* ---- close ----------------------------------------------------------------------------------- */

static bool close_wait_commit(struct np_g *g, void *arg)
{
	((struct np_fd *)arg)->cwait = g;
	return true;
}

int np_fd_close(struct np_fd *fd)
{
	struct np_g *me = np_current();

	if (fd->magic != FD_MAGIC || fd->closed)
		return -NP_ECLOSING;
	fd->closed = true;
	/* A task that closes its own descriptor need not be woken. */
	if (me != NULL)
		poll_unstand(fd->pd, me);
	/* Evict: each G that waits for I/O or for its turn finds the closing mark and leaves. */
	poll_unblock(poller_of(), fd->pd);
	wake_all(&fd->rwait);
	wake_all(&fd->wwait);
	if (--fd->refs == 0) {
		fd_destroy(fd);
		return 0;
	}
	if (me != NULL && me->kind == G_CORO)
		sched_park(close_wait_commit, fd);
	return 0;
}

int np_fd_close_reset(struct np_fd *fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (fd->magic != FD_MAGIC || fd->closed)
		return -NP_ECLOSING;
	sys_setsockopt(fd->sysfd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return np_fd_close(fd);
}

static int shut(struct np_fd *fd, int how)
{
	int err = fd_incref(fd);

	if (err != 0)
		return err;
	if (sys_shutdown(fd->sysfd, how) < 0)
		err = err_from_errno();
	fd_decref(fd);
	return err;
}

int np_fd_close_read(struct np_fd *fd)
{
	return shut(fd, SHUT_RD);
}

int np_fd_close_write(struct np_fd *fd)
{
	return shut(fd, SHUT_WR);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static void set_deadline(struct np_fd *fd, int64_t when, unsigned ways)
{
	OBJ_CHECK(fd, FD_MAGIC);
	if (!fd->closed)
		poll_set_deadline(poller_of(), fd->pd, when, ways);
}

void np_fd_set_deadline(struct np_fd *fd, int64_t when)
{
	set_deadline(fd, when, NETPOLL_READ | NETPOLL_WRITE);
}

void np_fd_set_read_deadline(struct np_fd *fd, int64_t when)
{
	set_deadline(fd, when, NETPOLL_READ);
}

void np_fd_set_write_deadline(struct np_fd *fd, int64_t when)
{
	set_deadline(fd, when, NETPOLL_WRITE);
}

void np_fd_move(struct np_fd *to, struct np_fd *from)
{
	OBJ_CHECK(from, FD_MAGIC);
	CHECK(!from->closed && from->refs == 1 && !from->rlocked && !from->wlocked, "nobody waits at what is moved");
	CHECK(to->magic != FD_MAGIC || to->closed, "nothing is moved over an open descriptor");
	*to = *from;
	*from = (struct np_fd){.sysfd = -1};
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Inline, for link-time optimisation: the relay asks twice a turn. */
inline int np_fd_watch(struct np_fd *fd, enum np_mode mode, struct np_g *task)
{
	int err;

	OBJ_CHECK(fd, FD_MAGIC);
	/* An event, a deadline and a close each take it out: it still stands there, so nothing has
	 * happened. */
	if (!fd->closed && poll_stands(fd->pd, mode, task))
		return 0;
	err = fd_try_check(fd, mode);
	if (err == 0 && unlikely(!fd->pd->registered))
		err = poll_register(poller_of(), fd->pd);
	if (unlikely(err != 0))
		return err;
	return poll_stand(fd->pd, mode, task) ? 1 : 0;
}

void np_fd_unwatch(struct np_fd *fd, struct np_g *task)
{
	if (fd->magic == FD_MAGIC && fd->pd != NULL)
		poll_unstand(fd->pd, task);
}

int np_fd_mute(struct np_fd *fd, bool mute)
{
	int err;

	OBJ_CHECK(fd, FD_MAGIC);
	if (fd->closed || fd->pd->muted == mute || !fd->pd->registered)
		return 0;
	fd->pd->muted = mute;
	err = netpoll_mute(&poller_of()->poller, fd->pd);
	if (unlikely(err != 0))
		fd->pd->muted = !mute;
	return err;
}

bool np_fd_may_have_more(const struct np_fd *fd)
{
	/* Registering reports readiness that is already there, so before it nothing is missed. */
	return fd->pd->hup || fd->pd->doubt;
}

bool np_fd_failed(const struct np_fd *fd)
{
	return fd->pd->failed;
}

/* Not by reading ahead: bytes that wait would hide the end behind them. */
bool np_fd_stands(const struct np_fd *fd)
{
	struct pollfd p = {.fd = fd->sysfd, .events = POLLRDHUP};
	int n;

	OBJ_CHECK(fd, FD_MAGIC);
	do {
		n = sys_poll(&p, 1, 0);
		if (n < 0)
			n = err_from_errno();
	} while (n == -NP_EINTR);
	return n == 0;
}

int np_fd_dropped(const struct np_fd *fd, uint32_t *n)
{
	uint32_t numbers[SK_MEMINFO_VARS] = {0};
	socklen_t room = sizeof(numbers);

	if (sys_getsockopt(fd->sysfd, SOL_SOCKET, SO_MEMINFO, numbers, &room) < 0)
		return err_from_errno();
	*n = numbers[SK_MEMINFO_DROPS];
	return 0;
}

int np_fd_unsent(const struct np_fd *fd)
{
	int n;

	if (ioctl(fd->sysfd, SIOCOUTQ, &n) < 0)
		return err_from_errno();
	return n;
}
