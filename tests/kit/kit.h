/* kit: what the flow tests stand on: the real binary, real peers, raw sockets, files and numbers of
 * a process.
 *
 * Everything here is for the test's own thread and its own stack: what cannot be had fails the
 * running cmocka test with a sentence (a longjmp), so a test's set-up needs no error handling. Only
 * the kit_io_ and kit_stream_ calls may be used in a thread; they return errors instead.
 *
 * kit_end is the teardown of every test that uses the kit: cmocka_unit_test_teardown(test,
 * kit_end). It kills and reaps the children, stops the peers and removes the directory, after a
 * failed assertion too; a child that still runs then is taken for the failed test's and its stderr
 * is shown, so a test stops its children itself. Handles are good until kit_end. Children die with
 * the test program (PR_SET_PDEATHSIG), however that one ends.
 *
 * One deadline, KIT_MS, for whatever a test waits for: generous, because a passing test never comes
 * near it. */
#ifndef TESTS_KIT_KIT_H
#define TESTS_KIT_KIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "netpoll/base.h"

#define KIT_MS   15000
#define KIT_PATH 256
#define MB       (1024 * 1024)

int kit_end(void **state);
/* Fails the running test with a sentence. */
no_return void kit_fail(const char *fmt, ...) printf_like(1, 2);

/* --- waiting: wait.c --- */

int64_t kit_now_ms(void); /* monotonic */
/* True as soon as cond(arg) is; false when ms have passed first. The one place in the tests that
 * pauses. */
must_use bool kit_wait(bool (*cond)(void *arg), void *arg, int ms);

/* --- files: dir.c --- */

const char *kit_dir(void); /* this test's own directory under $TMPDIR; made on first use */
/* Writes kit_dir()/name, with every "@DIR@" in text replaced by the directory; path gets the full
 * name. */
void kit_file_write(const char *name, const char *text, char path[KIT_PATH]);
/* The whole file, NUL-terminated, cut at n - 1; "" when it is not there yet. Returns the length. */
size_t kit_file_read(const char *path, char *out, size_t n);
int kit_file_count(const char *path, const char *text); /* finished lines that contain text */
/* Waits until at least `lines` lines contain text; fails the test, showing the file, when they do
 * not come. */
void kit_file_wait(const char *path, const char *text, int lines);

/* A file with the first n bytes of the stream of `seed`; and the check that it has these, then `tail`, then ends. */
void kit_file_write_stream(const char *path, uint64_t seed, uint64_t n);
void kit_file_expect_stream(const char *path, uint64_t seed, uint64_t n, const char *tail);

/* --- child processes: child.c --- */

struct kit_child {
	struct kit_child *next; /* the kit's list; kit_end walks it */
	pid_t             pid;
	int               status; /* once not running: exit code, or 128 + signal, as a shell says it */
	bool              running;
	char              name[32];
	char              out[KIT_PATH], err[KIT_PATH]; /* files with its stdout and stderr */
};

/* The descriptors of this test that the children which are started from now on get as 3 and on: the first kit_npass. */
#define KIT_PASS_MOST 16
extern int kit_pass[KIT_PASS_MOST];
extern unsigned kit_npass;

#define KIT_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
/* Runs argv[0] (found in PATH) in a process group of its own, with descriptors 0, 1 and 2 alone. */
struct kit_child *kit_child_start(const char *name, const char *const argv[]);
bool kit_child_alive(struct kit_child *c);
void kit_child_signal(struct kit_child *c, int sig);
/* Waits for its end and returns the status; fails the test when KIT_MS pass first. */
int kit_child_wait(struct kit_child *c);
bool kit_have(const char *program); /* in PATH? for a counted skip() of a missing peer; says which is missing */

/* --- numbers of a process: proc.c; all fail the test when the process is gone --- */

int kit_proc_fds(pid_t pid);
long kit_proc_rss_kb(pid_t pid);
long kit_proc_cpu_ms(pid_t pid); /* user and system, all threads */
int kit_proc_threads(pid_t pid);
void kit_proc_wait_fds(pid_t pid, int n); /* until exactly n descriptors are open: nothing leaked */

/* --- staunch itself: staunch.c --- */

struct kit_staunch {
	struct kit_child *child;
	char              config[KIT_PATH];
	char              access[KIT_PATH]; /* @DIR@/access.log if the config has it, else stdout */
};

/* "openssl": every TLS block of the configurations that follow says so; NULL: they are as they are written. */
extern const char *kit_tls_records;
/* The binary under test: $STAUNCH, or build/staunch. */
const char *kit_binary(void);
/* Starts it with `run -c FILE` and waits for its line "ready".
 * "@DIR@" in the config text becomes kit_dir(). Fails the test, showing stderr, when it ends or
 * stays silent instead. */
struct kit_staunch *kit_staunch_start(const char *config);
/* The same without the waiting, for starts that must fail: then kit_child_wait(s->child). */
struct kit_staunch *kit_staunch_spawn(const char *config);
/* Puts another text in the place of the config file, whole or not at all, as a careful operator
 * would. */
void kit_staunch_rewrite(struct kit_staunch *s, const char *config);
int kit_staunch_stop(struct kit_staunch *s, int sig); /* signals, waits, returns the status */
/* Lines with text: in the access log now; to be waited for there; and in the process log. */
int kit_staunch_log(const struct kit_staunch *s, const char *text);
void kit_staunch_wait_log(struct kit_staunch *s, const char *text, int lines);
void kit_staunch_wait_err(struct kit_staunch *s, const char *text, int lines);

/* --- real peers: daemon.c; port out; the test calls skip() when kit_have() says no --- */

/* HTTP: /hello says "hello", anything else is a file in kit_dir()/www. */
struct kit_child *kit_nginx_start(const char *ip, int *port);
struct kit_child *kit_redis_start(const char *ip, int *port);

/* --- addresses and sockets: sock.c. An `ip` may also be IPv6, "/a/path" or "@abstract" (then the port
 * is not looked at) --- */

/* The nth (0 to 249) loopback address that is this test program's own: no port on it is anybody
 * else's. */
const char *kit_ip(int n);
int kit_port(const char *ip); /* a free port at this moment; on kit_ip() it stays free */
int kit_listen(const char *ip, int *port, int backlog); /* *port 0: any. Returns the socket */
int kit_accept(int listener);
int kit_refuser(const char *ip);    /* a port that refuses connections and nobody else can take */
int kit_black_hole(const char *ip); /* a port whose backlog is full: connects are never answered */
int kit_black_hole_at(const char *ip, int port); /* the same at this port, which nobody listens at */
int kit_connect(const char *ip, int port);     /* connected within KIT_MS, or the test fails */
int kit_try_connect(const char *ip, int port); /* or a negative errno */

void kit_send(int fd, const void *buf, size_t n);
void kit_send_stream(int fd, uint64_t seed, uint64_t offset, size_t n);
void kit_expect(int fd, const void *bytes, size_t n);
void kit_expect_stream(int fd, uint64_t seed, uint64_t offset, size_t n);
void kit_expect_fin(int fd); /* the end, and not one byte before it */
void kit_expect_rst(int fd); /* a reset, and not one byte before it */
void kit_half_close(int fd);
void kit_reset(int fd); /* closes with RST */

/* --- for threads too: io.c. Each returns a negative errno; -ETIMEDOUT: KIT_MS without progress --- */

int kit_io_write(int fd, const void *buf, size_t n);  /* 0: all of it */
ssize_t kit_io_read(int fd, void *buf, size_t n);     /* what is there; 0 at the end */
ssize_t kit_io_read_all(int fd, void *buf, size_t n); /* n, or less at the end */
int kit_io_wait_sent(int fd);                         /* until the peer's kernel has every byte */
int kit_io_reset(int fd);                             /* closes with RST */
/* A stream any part of which can be made and checked alone: lost, doubled or swapped bytes show as
 * wrong ones. */
void kit_stream_fill(uint64_t seed, uint64_t offset, void *buf, size_t n);
bool kit_stream_same(uint64_t seed, uint64_t offset, const void *buf, size_t n);

/* --- servers in a thread per connection: peer.c; behaviours in peer_serve.c --- */

enum kit_serve {
	KIT_ECHO,   /* sends back what it reads; FIN after FIN */
	KIT_SINK,   /* reads to the end, checks the stream, then FIN */
	KIT_SOURCE, /* sends `bytes` of the stream and FIN at once, reads to the end */
	KIT_ANSWER, /* reads to the end, checks the stream; then sends `bytes` of it and FIN */
	KIT_RESET,  /* sends `bytes` of the stream, waits until they arrived, then RST */
	KIT_MUTE,   /* neither reads nor writes until it is stopped: a stuck peer */
};

struct kit_peer_opts {
	const char    *ip;   /* NULL: kit_ip(0) */
	int            port; /* 0: any */
	enum kit_serve serve;
	uint64_t       seed, bytes;
};

struct kit_peer_report {
	uint64_t read, written; /* bytes */
	int      end;           /* how the other side ended: 0 FIN, else a negative errno */
	bool     intact;        /* what was read was the stream of `seed` (ECHO does not look) */
};

struct kit_peer; /* opaque */
struct kit_peer *kit_peer_start(const struct kit_peer_opts *o);
int kit_peer_port(const struct kit_peer *p);
int kit_peer_accepted(struct kit_peer *p); /* connections, so far */
int kit_peer_ended(struct kit_peer *p);    /* of these, served to the end */
void kit_peer_wait_accepted(struct kit_peer *p, int n);
void kit_peer_wait_ended(struct kit_peer *p, int n);
/* Of the ith connection accepted, which must have ended. */
struct kit_peer_report kit_peer_report(struct kit_peer *p, int i);
/* Closes the listener and cuts what is still served; kit_end does it otherwise. The reports stay
 * readable. */
void kit_peer_stop(struct kit_peer *p);

#endif
