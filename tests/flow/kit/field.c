/* field: an accept loop over epoll. What the test reads is under one mutex. */
#include "tests/flow/kit/field.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NET = 127 << 24 | 77 << 16, FDS = 32768, WINDOWS = 4096 };

struct field {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, epoll, stop, port;
	bool open[FDS], echoes[FDS];        /* the thread's */
	enum field_way ways[FIELD_MOST];    /* under lock, as all below */
	int of[FIELD_MOST], accepted, now_open, most_open;
	int windows[WINDOWS];               /* a ring of 100 ms each */
	int64_t window;                     /* the newest one's number */
};

/* ---- the thread ---- */

/* Those that nothing came in are empty. */
static void turn_windows(struct field *f)
{
	int64_t now = kit_now_ms() / 100;

	while (f->window < now)
		f->windows[++f->window % WINDOWS] = 0;
}

/* Which server it came to; FIELD_MOST: none of ours. */
static int place_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	uint32_t ip;

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return FIELD_MOST;
	ip = ntohl(a.sin_addr.s_addr) - NET;
	return ip >> 8 < 16 && (ip & 255) > 0 ? (int)((ip >> 8) * 250 + (ip & 255) - 1) : FIELD_MOST;
}

static enum field_way note_one(struct field *f, int place)
{
	enum field_way way = FIELD_MUTE;

	pthread_mutex_lock(&f->lock);
	turn_windows(f);
	f->windows[f->window % WINDOWS]++;
	f->accepted++;
	if (++f->now_open > f->most_open)
		f->most_open = f->now_open;
	if (place < FIELD_MOST) {
		f->of[place]++;
		way = f->ways[place];
	}
	pthread_mutex_unlock(&f->lock);
	return way;
}

static void take_all(struct field *f)
{
	int fd;

	while ((fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
		enum field_way way = note_one(f, place_of(fd));

		f->open[fd] = true;
		f->echoes[fd] = way == FIELD_ECHO;
		epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e);
		if (way == FIELD_GREET)
			(void)!write(fd, "OK\n", 3);
	}
}

static void end_one(struct field *f, int fd)
{
	f->open[fd] = false;
	close(fd);
	pthread_mutex_lock(&f->lock);
	f->now_open--;
	pthread_mutex_unlock(&f->lock);
}

static void hear_one(struct field *f, int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0 && f->echoes[fd])
		(void)!write(fd, buf, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		end_one(f, fd);
}

static void *field_main(void *arg)
{
	struct field *f = arg;
	struct epoll_event got[256];

	for (;;) {
		int n = epoll_wait(f->epoll, got, (int)array_len(got), -1);

		for (int i = 0; i < n; i++) {
			if (got[i].data.fd == f->stop)
				return NULL;
			if (got[i].data.fd == f->listener)
				take_all(f);
			else
				hear_one(f, got[i].data.fd);
		}
	}
}

/* ---- the test ---- */

static void watch(const struct field *f, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	assert_int_equal(epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e), 0);
}

struct field *field_start(enum field_way way)
{
	struct field *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->lock, NULL);
	f->window = kit_now_ms() / 100;
	field_go(f, 0, FIELD_MOST, way);
	f->listener = kit_listen("0.0.0.0", &f->port, 4096);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(f->epoll >= 0 && f->stop >= 0);
	assert_int_equal(fcntl(f->listener, F_SETFL, O_NONBLOCK), 0);
	watch(f, f->listener);
	watch(f, f->stop);
	assert_int_equal(pthread_create(&f->thread, NULL, field_main, f), 0);
	return f;
}

int field_port(const struct field *f)
{
	return f->port;
}

const char *field_ip(int n)
{
	return textf("127.77.%d.%d", n / 250, n % 250 + 1);
}

void field_go(struct field *f, int n, int end, enum field_way way)
{
	pthread_mutex_lock(&f->lock);
	for (; n < end; n++)
		f->ways[n] = way;
	pthread_mutex_unlock(&f->lock);
}

static int ask(struct field *f, const int *number)
{
	int n;

	pthread_mutex_lock(&f->lock);
	n = *number;
	pthread_mutex_unlock(&f->lock);
	return n;
}

int field_accepted(struct field *f)
{
	return ask(f, &f->accepted);
}

int field_accepted_of(struct field *f, int n)
{
	return ask(f, &f->of[n]);
}

int field_most_open(struct field *f)
{
	return ask(f, &f->most_open);
}

void field_windows(struct field *f, int counts[], int n)
{
	pthread_mutex_lock(&f->lock);
	turn_windows(f);
	for (int i = 0; i < n; i++)
		counts[i] = f->windows[(f->window - n + i) % WINDOWS];
	pthread_mutex_unlock(&f->lock);
}

void field_stop(struct field *f)
{
	(void)!write(f->stop, &(uint64_t){1}, sizeof(uint64_t));
	pthread_join(f->thread, NULL);
	for (int fd = 0; fd < FDS; fd++)
		if (f->open[fd])
			close(fd);
	close(f->listener);
	close(f->epoll);
	close(f->stop);
	free(f);
}
