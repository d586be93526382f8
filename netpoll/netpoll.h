/* netpoll: per-core workers that run coroutines and tasks over a poller. A port of Go's runtime
 * netpoll, internal/poll and net to C; README.md beside this file says what departs from Go and
 * why. The only header others include.
 *
 * The rules, once:
 *   Threads    A worker owns what is born on it (G, timer, np_fd) until its end. Every function is
 *              for the owner worker alone unless its comment says "any thread"; a debug build
 *              checks. np_post is the only way across.
 *   Parking    "Parks" means: only a coroutine may call it, other Gs run meanwhile. Other functions
 *              never wait.
 *   Results    0 or a count is success, negative is -NP_Exxx (err.h).
 *   Time       int64_t nanoseconds of the monotonic clock. A deadline is absolute; 0 is none; now
 *              or earlier is over. */
#ifndef NETPOLL_NETPOLL_H
#define NETPOLL_NETPOLL_H

#include <sys/uio.h>

#include "netpoll/addr.h"
#include "netpoll/base.h"
#include "netpoll/err.h"

/* ---- time ------------------------------------------------------------------------------------ */

#define NP_US INT64_C(1000)
#define NP_MS INT64_C(1000000)
#define NP_S  INT64_C(1000000000)

int64_t np_nanotime(void); /* the clock itself; any thread */
/* the clock as this worker's loop read it last: cheap, up to one loop turn old */
int64_t np_now(void);
/* The deadline `d` from now: never 0, saturates at INT64_MAX; d <= 0 gives one that is over. Any
 * thread. */
int64_t np_deadline_after(int64_t d);

/* ---- G: what a worker schedules -------------------------------------------------------------- */

struct np_g;
/* What a task is: one const object per kind of task. */
struct np_task_type {
	const char *name;           /* static; sysmon prints it */
	void (*fn)(struct np_g *g); /* runs on the worker's own stack; may not park; may free g */
};

/* The schedulable thing. As a task it is a member of its owner's struct (container_of finds it); as
 * a coroutine it is on its stack. Fields are private to netpoll/. */
struct np_g {
	uint32_t magic;
	uint8_t kind;    /* G_TASK, G_CORO; const after init */
	uint8_t state;   /* G_IDLE, G_QUEUED, G_RUNNING, G_DEAD: table in g.h */
	uint16_t owner;  /* the worker's id; const after init */
	struct np_g *link; /* run queue, or the one waiting list it is in */
	const struct np_task_type *type;
};

/* np_go: start fn(arg) as a coroutine of this worker; it runs after the caller parks, yields or
 * ends.
 *   Returns  0, or -NP_ENOMEM when there is no stack to be had. `name` is a static string. */
must_use int np_go(const char *name, void (*fn)(void *arg), void *arg);
void np_yield(void);           /* Parks: to the end of the run queue. */
void np_sleep(int64_t ns);     /* Parks: at least ns. */
struct np_g *np_current(void); /* the running G; NULL on the worker's own loop */

void np_task_init(struct np_g *g, const struct np_task_type *type);
/* np_task_fini: the owner is about to free g. A running task may end itself; a queued one is taken
 * out of the queue. */
void np_task_fini(struct np_g *g);
void np_ready(struct np_g *g); /* run it soon; on a queued G it does nothing */

/* A one-shot event: waiters park until it is set; setting it twice does nothing. Zero-initialised
 * is not set. */
struct np_event {
	struct np_g *waiters;
	bool set;
};
void np_event_wait(struct np_event *e); /* Parks. */
void np_event_set(struct np_event *e);

/* A timer for the few that must be precise (back-off, retry): fn runs on the worker's loop and may
 * not park. Setting one cannot fail. Zero-initialise, then set fn. */
struct np_timer {
	int64_t when;
	struct np_timer *child, *next, *prev;
	void (*fn)(struct np_timer *t);
};
/* set or move; when <= now fires on the next loop turn */
void np_timer_set(struct np_timer *t, int64_t when);
bool np_timer_stop(struct np_timer *t);              /* true: it was set and will not fire */

/* ---- workers --------------------------------------------------------------------------------- */

struct np_worker;

enum np_worker_part { NP_WORKER_MEMORY, NP_WORKER_POLLER, NP_WORKER_THREAD };

struct np_worker_opts {
	const char *name;       /* thread name, at most 15 bytes; static */
	uint16_t id;            /* 0, 1, 2...: sysmon and DCHECKs print it */
	int cpu;                /* pin to this CPU; -1 leaves it to the kernel */
	void (*main)(void *arg); /* the worker's first coroutine */
	void *arg;
	enum np_worker_part *making; /* out, or NULL: after an error the part that could not be had */
};

/* np_worker_start: a thread with its scheduler, pollDesc cache and poller, running opts->main.
 *   Returns  0, or why the poller or the thread could not be made. Any thread. */
must_use int np_worker_start(struct np_worker **out, const struct np_worker_opts *opts);
/* The loop ends once it was asked to and the last coroutine has ended. Any thread. */
void np_worker_stop(struct np_worker *w);
/* Waits for that end, frees the worker. No thread may still be in np_post to it: every poster has
 * ended or been joined before. From any thread but its own. */
void np_worker_join(struct np_worker *w);
/* np_run: a worker on the calling thread; returns when opts->main and all that it started have
 * ended. */
must_use int np_run(const struct np_worker_opts *opts);
struct np_worker *np_self(void); /* the worker this thread runs; NULL on other threads */

/* The only door into another worker. fn runs on its loop, in post order per poster, and may not
 * park. The message is the poster's memory until fn runs, fn's from then on. Any thread. */
struct np_msg {
	struct np_msg *next;
	void (*fn)(struct np_msg *m);
};
void np_post(struct np_worker *w, struct np_msg *m);

struct np_worker_stats {
	uint64_t turns;     /* of the loop */
	uint64_t polls;     /* calls of the poller */
	uint64_t runs;      /* Gs run */
	uint32_t runnable;  /* Gs queued now */
	uint32_t coroutines;
	/* bytes, of all coroutines that ever ran here; 0 when not yet measured */
	size_t stack_deepest;
	/* how long the watchdog has seen it neither turn nor sleep, nor read its messages: 0 while all is
	 * well, and where no watchdog looks; up to a quarter of the watchdog's limit old */
	int64_t silent;
	int64_t cpu; /* ns of CPU time that its thread has used; 0: it has not begun, or has ended */
};
/* Any thread; the figures are relaxed reads. */
void np_worker_stats(const struct np_worker *w, struct np_worker_stats *out);
/* Measures how deep the stacks were used (np_worker_stats.stack_deepest); walks page tables, so not
 * on a hot path. */
size_t np_stack_census(void);

/* The watchdog: one thread looks at every worker and calls `stalled` (on its own thread) once per
 * episode when a loop has not turned for `limit` ns while it was not asleep. `running` names the G
 * on the core. */
struct np_sysmon;
must_use int np_sysmon_start(struct np_sysmon **out, struct np_worker *const *w, unsigned n, int64_t limit,
			     void (*stalled)(unsigned worker_id, int64_t ns, const char *running));
void np_sysmon_stop(struct np_sysmon *s); /* before the workers are joined */

/* ---- descriptors: internal/poll.FD ----------------------------------------------------------- */

struct polldesc;
enum np_mode { NP_READ = 'r', NP_WRITE = 'w' };

/* A stream socket on this worker. Embed it; fields are private to netpoll/. */
struct np_fd {
	uint32_t magic;
	int sysfd;
	struct polldesc *pd;
	/* coroutines waiting for the read lock, the write lock, the close */
	struct np_g *rwait, *wwait, *cwait;
	uint32_t refs;                      /* operations under way, +1 while open */
	uint8_t rlocked, wlocked, closed;
	uint8_t local; /* of the Unix domain: np_fd_mark_unix */
};

/* np_fd_init: take over sysfd (non-blocking, a stream socket). It is registered with the poller
 * when an operation first has to wait; np_fd_register does it at once.
 *   Returns  0, or -NP_ENOMEM: sysfd is then still the caller's. */
must_use int np_fd_init(struct np_fd *fd, int sysfd);
must_use int np_fd_register(struct np_fd *fd);
/* Other descriptors of the same socket exist (dup): closing this one must leave the poller
 * explicitly. */
void np_fd_mark_shared(struct np_fd *fd);

/* np_fd_deregister: the poller forgets it, since its socket goes to another process: a registration belongs to the open
 * file description, and nobody could take it out once the descriptor here is closed. Deadlines, muting and what events
 * said go with it. Nobody waits or stands at it (CHECK). The next np_fd_watch, or wait, registers it anew.
 *   Returns  the raw descriptor, which stays fd's. */
int np_fd_deregister(struct np_fd *fd);
/* np_fd_adopt: np_fd_init of a descriptor that another process has passed. A Unix socket is marked as one.
 *   Returns  0; -NP_EINVAL: it is no stream socket with a peer; -NP_ENOMEM; or the error: sysfd is then still the
 *            caller's. */
must_use int np_fd_adopt(struct np_fd *fd, int sysfd);

/* It is a Unix socket: its messages may carry descriptors, at which a read stops short (fd_io.c).
 * Once, after np_fd_init; np_dial does it itself. */
void np_fd_mark_unix(struct np_fd *fd);

/* np_fd_close: evict every waiter (they get -NP_ECLOSING), then close(2) when the last operation
 * has left; from a
 * coroutine it waits for that moment. A second close: -NP_ECLOSING.
 *   Parks  only while operations are under way. */
int np_fd_close(struct np_fd *fd);
/* Close so that the peer sees a reset; unsent data is dropped. */
int np_fd_close_reset(struct np_fd *fd);
must_use int np_fd_close_read(struct np_fd *fd);  /* shutdown(2) of one half */
must_use int np_fd_close_write(struct np_fd *fd);

/* Deadlines are sticky until set again; one in the past unblocks the waiter at once; pushing one
 * back is one store. */
void np_fd_set_deadline(struct np_fd *fd, int64_t when);
void np_fd_set_read_deadline(struct np_fd *fd, int64_t when);
void np_fd_set_write_deadline(struct np_fd *fd, int64_t when);

/* np_fd_read: read what is there, at most n bytes (1 GiB a call).
 *   Returns  bytes; 0 at end of stream or for n = 0; -NP_EDEADLINE, -NP_ECLOSING or the peer's
 *            error.
 *   Parks    until readable, the read deadline, or close; readers of one fd take turns. */
must_use ssize_t np_fd_read(struct np_fd *fd, void *buf, size_t n);
must_use ssize_t np_fd_readv(struct np_fd *fd, const struct iovec *iov, int n);
/* np_fd_write: write all of it.
 *   Returns  0, or the error; *done (may be NULL) says how many bytes were taken either way.
 *   Parks    while the socket is full; writers of one fd take turns. */
must_use int np_fd_write(struct np_fd *fd, const void *buf, size_t n, size_t *done);
/* iov is consumed: after an error it holds what was not written. */
must_use int np_fd_writev(struct np_fd *fd, struct iovec *iov, int n, size_t *done);
/* Messages of a SOCK_SEQPACKET pair, each with up to NP_MSG_SYSFDS descriptors beside its bytes (the kernel's limit is
 * 253). Port of FD.ReadMsg and FD.WriteMsg.
 *   np_fd_read_msg   Returns  bytes; 0 when the peer has ended (no message is empty); -NP_EPROTO: longer than n; or
 *                             the error. *nsysfds NP_MSG_CUT: this process had no room for all its descriptors, which
 *                             are closed.
 *                    Owns     the descriptors in sysfds, close-on-exec: the caller.
 *   np_fd_write_msg  Returns  0: sent whole; or the error, and nothing is sent. ETOOMANYREFS: too many descriptors
 *                             are under way; try again when some have been received.
 *                    Owns     sysfds stay the caller's.
 *   Parks    both. */
#define NP_MSG_SYSFDS 200
#define NP_MSG_CUT    (NP_MSG_SYSFDS + 1)
must_use ssize_t np_fd_read_msg(struct np_fd *fd, void *buf, size_t n, int sysfds[NP_MSG_SYSFDS], unsigned *nsysfds);
must_use int np_fd_write_msg(struct np_fd *fd, const void *buf, size_t n, const int *sysfds, unsigned nsysfds);
/* np_fd_accept: the next connection, non-blocking and close-on-exec; *peer may be NULL. Port of
 * FD.Accept.
 *   Returns  the raw descriptor, or the error; ECONNABORTED and EINTR are retried, EMFILE and the
 *            like returned. */
must_use int np_fd_accept(struct np_fd *fd, struct np_addr *peer);

/* np_fd_wait: for a coroutine that makes its own attempts with the try_ forms below (a protocol
 * library's callbacks may not park): after -NP_EAGAIN, wait until another one is due. Port of
 * RawConn's wait.
 *   Returns  0, now and then for nothing; -NP_EDEADLINE, -NP_ECLOSING, or why registering failed.
 *   Parks    until an event at that side since the last wait, its deadline, or close. */
must_use int np_fd_wait(struct np_fd *fd, enum np_mode mode);
/* The same, given up with -NP_ECANCELED when `watch` is reset or closed meanwhile, as a dial is
 * (np_dial_opts). NULL: no descriptor is watched. */
must_use int np_fd_wait_watching(struct np_fd *fd, enum np_mode mode, struct np_fd *watch);

/* The forms for tasks: one attempt, never park, no lock (a task is alone on its descriptor).
 * -NP_EAGAIN: nothing now. */
must_use ssize_t np_fd_try_read(struct np_fd *fd, void *buf, size_t n);
must_use ssize_t np_fd_try_write(struct np_fd *fd, const void *buf, size_t n);
/* The bytes may wait in the kernel for what follows at once: another write, a shutdown or the
 * close. */
must_use ssize_t np_fd_try_write_more(struct np_fd *fd, const void *buf, size_t n);
must_use int np_fd_try_accept(struct np_fd *fd, struct np_addr *peer);
/* np_fd_watch: stand `task` at this side of fd: the next event, deadline or close readies it; it
 * watches again in each turn, until np_fd_unwatch. Says whether something happened there since the
 * last call, so that one attempt is due.
 *   Returns  1 ready, 0 not, or -NP_EDEADLINE, -NP_ECLOSING, or why registering failed. */
must_use int np_fd_watch(struct np_fd *fd, enum np_mode mode, struct np_g *task);
void np_fd_unwatch(struct np_fd *fd, struct np_g *task);
/* np_fd_mute: for a task that knows that bytes are there and has no room for them: arriving bytes no
 * longer wake it. When it is switched back, bytes that are there wake it at once. The end and
 * failures wake it either way.
 *   Returns  0, or the poller's error: nothing has changed then. */
must_use int np_fd_mute(struct np_fd *fd, bool mute);
/* After a read that was shorter than asked: may it have left bytes behind without a further event to
 * come? True once an event said that the peer hung up, failed or sent urgent data, and after a read
 * that stopped at a message with descriptors (Unix). Otherwise a short read has emptied the socket. */
bool np_fd_may_have_more(const struct np_fd *fd);
/* True once an event said that nothing can be sent any more: a reset, or both ways are shut. */
bool np_fd_failed(const struct np_fd *fd);
/* np_fd_stands: does the connection still stand, as far as the kernel knows now? Not once the peer has ended or reset;
 * bytes that wait do not matter, and stay. One system call, whatever events were seen. */
must_use bool np_fd_stands(const struct np_fd *fd);
/* np_fd_move: *to, which was never made or is closed, becomes *from, which nobody waits at (CHECK); from is nothing
 * any more. */
void np_fd_move(struct np_fd *to, struct np_fd *from);
/* TCP_NODELAY; keepalive of 2 min idle, 15 s interval, 4 probes. */
must_use int np_fd_set_nodelay(struct np_fd *fd);
must_use int np_fd_set_keepalive(struct np_fd *fd);
int np_fd_unsent(const struct np_fd *fd); /* bytes the peer has not acknowledged yet, or -NP_Exxx */
/* np_fd_dropped: of a listening socket, how many clients the kernel has turned away since it was opened,
 * because its queues were full.   Returns  0 and *n, which wraps; or the error. */
must_use int np_fd_dropped(const struct np_fd *fd, uint32_t *n);

/* What the kernel knows of a TCP connection; 0 where this kernel does not say. */
struct np_tcp_info {
	uint32_t rtt, min_rtt;          /* us */
	uint32_t retrans, lost, unacked; /* segments: sent again ever; thought lost now; not acknowledged yet */
	uint32_t cwnd;                  /* segments */
	uint32_t notsent;               /* bytes written that have not left */
	uint32_t last_ack, last_data_recv; /* ms ago: the last acknowledgement, the last bytes */
	uint64_t delivery;              /* bytes a second */
	/* us in which there was something to send; of those, the peer's window or our buffer held it up */
	uint64_t busy, rwnd_limited, sndbuf_limited;
};
/* np_fd_tcp_info: ask the kernel; about 1.2 us.   Returns  0, or the error: a Unix socket has none. */
must_use int np_fd_tcp_info(const struct np_fd *fd, struct np_tcp_info *out);

/* ---- splicing: bytes from socket to socket inside the kernel --------------------------------- */

/* A pipe of this worker's bounded pool. The caller of np_pipe_get owns it until np_pipe_put. */
struct np_pipe;
/* np_pipe_get: an empty one.
 *   Returns  0; -NP_EAGAIN: none is to be had now, so copy; or why this machine makes none. */
must_use int np_pipe_get(struct np_pipe **out);
void np_pipe_put(struct np_pipe *p);
size_t np_pipe_held(const struct np_pipe *p);
/* how many this worker may have, two descriptors each */
/* np_pipe_read: move bytes from the pipe to memory, where a socket turns out not to take a splice. It
 * must hold something (CHECK).
 *   Returns  bytes, at most n; or the error. */
must_use ssize_t np_pipe_read(struct np_pipe *p, void *buf, size_t n);
void np_pipe_bound(unsigned most);
/* One attempt, no parking, as the try_ forms above. drain: from the socket, at most n bytes. pump:
 * the bytes that the pipe holds (some: CHECK) into the socket.
 *   Returns  bytes; 0 at the end of the stream and at an urgent mark (drain: a read tells which);
 *            -NP_EAGAIN: the socket has nothing or no room, or, when the pipe holds bytes, drain may
 *            have found the pipe full: pump first. Any other error of this machine means that the
 *            bytes must be copied: splice may be forbidden, or a socket may not support it. */
must_use ssize_t np_fd_try_drain(struct np_fd *fd, struct np_pipe *p, size_t n);
must_use ssize_t np_fd_try_pump(struct np_fd *fd, struct np_pipe *p);

/* ---- sockets: net ---------------------------------------------------------------------------- */

/* Who a Unix socket's file belongs to; NP_OWNER_SAME: who made it. */
struct np_unix_owner {
	uid_t uid;
	gid_t gid;
};
#define NP_OWNER_SAME UINT32_MAX

struct np_listen_opts {
	int backlog;     /* 0: what somaxconn allows; a larger one is clipped by the kernel */
	bool reuseport;  /* one such socket per worker */
	bool nodelay;    /* these two are inherited by accepted sockets: no call per connection */
	bool keepalive;  /* idle 2 min, interval 15 s, 4 probes */
	int mode;        /* of a Unix socket's file; 0 leaves it to the umask */
	const struct np_unix_owner *owner; /* of the same; NULL: who makes it */
};
/* np_listen: a bound, listening, non-blocking raw socket. The IPv6 wildcard takes both families,
 * unless it is v6_alone; a stale Unix socket file, without a listener, is replaced.
 *   Returns  the descriptor or the error. Any thread. */
must_use int np_listen(const struct np_addr *a, const struct np_listen_opts *o);
/* np_bind, np_listen_bound: the same in two steps: the address is ours, and clients are refused until the second
 * one. So who opens several addresses, all or none, promises no client a connection before all are his.
 *   Returns  np_listen_bound: 0 or an error: another socket that shared the address has come first. Any thread. */
must_use int np_bind(const struct np_addr *a, const struct np_listen_opts *o);
must_use int np_listen_bound(int sysfd, int backlog);
/* np_listen_share: let sockets that overlap with this bound one be bound beside it, if they have
 * reuseport, or let them no longer. The kernel gives a connection to the more specific of them.
 *   Returns  0 or an error. Any thread. */
must_use int np_listen_share(int sysfd, bool share);
/* np_fd_refuse_syn: this listening socket takes no new connections any more, while
 * handshakes under way are still completed: a filter drops segments with SYN and without ACK. The
 * clients try again after a second, and then find the address closed or another listener.
 * Accepted sockets inherit the filter: np_sock_lift_filter takes it off.
 *   Returns  0, or why the kernel takes no filter. */
must_use int np_fd_refuse_syn(struct np_fd *fd);
void np_sock_lift_filter(int sysfd); /* does nothing where there is none; any thread */
/* np_listen_pending: are handshakes under way at this TCP port, at any of its addresses? What the
 * kernel answers by SYN cookies is not seen.
 *   Returns  1, 0, or why it cannot be known: a sandbox without netlink. Any thread. */
must_use int np_listen_pending(int port);
int np_listen_backlog(void); /* net.core.somaxconn; capped at 65535 before Linux 4.1; any thread */
must_use int np_sock_addr(int sysfd, struct np_addr *local); /* getsockname; any thread */
/* The same of an open np_fd, and like np_fd_accept's peer: an IPv4 address is never mapped. */
must_use int np_fd_addr(const struct np_fd *fd, struct np_addr *local);
/* Who is at the other end of a Unix socket, as it was when it connected. */
struct np_peer {
	pid_t pid; /* 0: of another namespace */
	uid_t uid;
	gid_t gid;
	int pidfd; /* holds the process, so that its number is nobody else's; -1: this kernel has none */
};
/* np_fd_unix_peer: ask the kernel.   Returns  0, or the error. Owns  *out's pidfd: np_sock_close. */
must_use int np_fd_unix_peer(const struct np_fd *fd, struct np_peer *out);
/* Is the peer in this group, by its own or as a supplementary one?   Returns  1, 0 or the error. */
must_use int np_fd_peer_in_group(const struct np_fd *fd, const struct np_peer *peer, gid_t gid);
/* np_sock_adopt: a listening stream socket that another process made becomes as one of np_listen: non-blocking,
 * close-on-exec, and its clients with the options that ours have. *local: where it listens.
 *   Returns  0; or an error, and *why in static words: it is something else.   Any thread. */
must_use int np_sock_adopt(int sysfd, struct np_addr *local, const char **why);
/* another descriptor of the same socket; see np_fd_mark_shared; any thread */
must_use int np_sock_dup(int sysfd);
void np_sock_close(int sysfd); /* of a raw descriptor that never became an np_fd; any thread */
/* np_listen_check: 0 when no other socket holds the address, else why not. Other sockets that share
 * their port with
 * SO_REUSEPORT would let us in silently; this finds them.   Any thread. */
must_use int np_listen_check(const struct np_addr *a);

/* Which file a Unix listener made, so that only that one is removed and never a newer one of the
 * same name. All zero for other addresses. Any thread. */
struct np_unix_file {
	dev_t dev;
	ino_t ino;
	int64_t made; /* when: file systems use the numbers of removed files again */
};
must_use int np_unix_file_of(const struct np_addr *a, struct np_unix_file *file);
/* np_unix_file_access: mode (0: as it is) and owner (NULL: as it is) of a Unix listener's file. At no
 * moment may somebody connect who may not before and not afterwards. Any thread. */
must_use int np_unix_file_access(const struct np_addr *a, int mode, const struct np_unix_owner *owner);
/* np_unix_lock: the right to replace and to hold the file of this address, by an flock of a file
 * beside it ("PATH.lock"). It is held until np_unix_unlock, or until the process ends however it ends.
 * Nothing is locked for other addresses: *lock
 * is -1 then.
 *   Returns  0; -NP_EADDRINUSE: another process holds it; or why the file cannot be made. Any thread. */
must_use int np_unix_lock(const struct np_addr *a, int *lock);
/* remove: the file of the lock goes, too; otherwise another listener of ours is about to lock it. Takes -1. */
void np_unix_unlock(const struct np_addr *a, int lock, bool remove);
void np_unix_file_remove(const struct np_addr *a, struct np_unix_file *file); /* once; a second call does nothing */

struct np_dial_opts {
	int64_t deadline;      /* for all addresses together; 0 none */
	/* Give up with -NP_ECANCELED when this one (the client) is reset or closed meanwhile; or
	 * NULL. Its read side is the dial's: no other G may wait there. */
	struct np_fd *watch;
	const struct np_addr *local; /* source address, or NULL */
	bool nodelay, keepalive;
	/* The last packet of the handshake is held back, up to 200 ms or until bytes are sent: who closes by a reset
	 * at once has been seen by the peer's kernel alone, and its accept does not return. TCP only. */
	bool unseen;
	/* Give up with -NP_EMFILE where fewer descriptors than this would be left below the process's limit: others
	 * need them more. 0: the last one is taken, too. */
	unsigned spare;
	/* If it still waits for the peer's answer at slow_at, slow(arg) is called, on the dial's own coroutine, and it
	 * goes on. That may start others and may not park; it returns when to be called again, 0: no more. NULL: nobody
	 * asks. A Unix socket answers at once or is tried again, so it is never slow. */
	int64_t (*slow)(void *arg);
	int64_t slow_at;
	void *arg;
};
/* np_dial: connect to the first of n addresses that answers, each with its share of the time left,
 * and make *fd of it.
 *   Returns  0, or the first error: -NP_EDEADLINE, -NP_ECANCELED, -NP_ESELF, the peer's or this
 *            machine's.
 *   Parks    until the connection stands. A self-connect and EADDRNOTAVAIL are tried twice more. */
must_use int np_dial(struct np_fd *fd, const struct np_addr *a, unsigned n, const struct np_dial_opts *o);

#endif
