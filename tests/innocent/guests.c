/* guests: one loop, a wheel of timers, and what each act does next. */
#include "tests/innocent/guests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SERVERS = 3,
	KINDS_MOST = 32,
	TICK_MS = 10,
	SLOTS = 8192,        /* of the wheel: 80 s */
	PATIENCE_MS = 30000, /* of who waits for an answer, longer than any bound of the proxy under load */
	SCAN_MS = 2000,
	LINE_MS = 200,
	LINES = 10,
	PIECE_MS = 500,
	LEAVE_MS = 100,
	SLOW_MS = 300,       /* an answer that a leaver does not wait for */
};

const struct guest_kind guest_kinds[] = {
#define X(name, act, per_mille, rate, idle_ms, resets) {name, ACT_##act, per_mille, rate, idle_ms, resets},
	GUEST_TBL(X)
#undef X
};
const int n_guest_kinds = (int)array_len(guest_kinds);

/* An end of a connection, or a listener of ours. */
struct end {
	struct end *next, **at;  /* in its slot of the wheel; at NULL: it has no timer */
	int64_t     due;         /* ms */
	int         fd, kind, steps;
	enum act    act;         /* of a client */
	bool        listens, serves, heard, over;
	char        first;       /* a server's: the first byte it was told */
	struct end *dead;        /* of those that are freed after the batch of events */
};

static struct {
	int                 epoll, poll_ms, upload_ms, open;
	int                 port[KINDS_MOST]; /* the proxy's listeners */
	int                 server_port[KINDS_MOST][SERVERS];
	int64_t             now, tick, next_client[KINDS_MOST]; /* ms; us for the last */
	struct end         *wheel[SLOTS], *dead, *listeners;
	struct guests_count count;
	uint32_t            lots;
} g;

/* ---- timers and ends ---- */

static void timer_off(struct end *e)
{
	if (e->at == NULL)
		return;
	*e->at = e->next;
	if (e->next != NULL)
		e->next->at = e->at;
	e->at = NULL;
}

static void timer_on(struct end *e, int ms)
{
	struct end **slot;

	timer_off(e);
	e->due = g.now + ms;
	slot = &g.wheel[e->due / TICK_MS % SLOTS];
	e->next = *slot;
	if (e->next != NULL)
		e->next->at = &e->next;
	e->at = slot;
	*slot = e;
}

static struct end *end_new(int fd, int kind, uint32_t events)
{
	struct end *e = calloc(1, sizeof(*e));
	struct epoll_event ev = {.events = events, .data.ptr = e};

	if (e == NULL || epoll_ctl(g.epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		abort();
	e->fd = fd;
	e->kind = kind;
	return e;
}

static void end_over(struct end *e, bool reset)
{
	if (e->over)
		return;
	e->over = true;
	timer_off(e);
	if (reset)
		(void)kit_io_reset(e->fd);
	else
		close(e->fd);
	if (!e->serves)
		g.open--;
	e->dead = g.dead;
	g.dead = e;
}

static void say(struct end *e, const void *bytes, size_t n)
{
	(void)send(e->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- servers ---- */

static void answer(struct end *e)
{
	static const char text[] = "Answer of a hundred bytes or so, as a small one of many protocols may be .......\n";

	say(e, text, sizeof(text) - 1);
}

static void first_heard(struct end *e, char byte)
{
	e->heard = true;
	e->first = byte;
	timer_off(e);
	switch (byte) {
	case 'Q':
		answer(e);
		break;
	case 'P':
		timer_on(e, g.poll_ms);
		break;
	case 'L':
		timer_on(e, SLOW_MS);
		break;
	case 'S':
	case 'U':
		break;
	default:
		end_over(e, guest_kinds[e->kind].resets);
	}
}

/* Its time is over: the answer is due, or it has heard nothing. */
static void server_due(struct end *e)
{
	if (e->heard)
		answer(e);
	else
		end_over(e, false);
}

static void server_event(struct end *e)
{
	char buf[8192];
	ssize_t n;

	while (!e->over && (n = recv(e->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (!e->heard)
			first_heard(e, buf[0]);
		if (!e->over && e->first == 'U' && buf[n - 1] == 'E')
			answer(e);
	}
	if (!e->over && (n == 0 || errno != EAGAIN))
		end_over(e, false);
}

static void accept_all(struct end *l)
{
	int fd;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct end *e = end_new(fd, l->kind, EPOLLIN);

		e->serves = true;
		if (guest_kinds[e->kind].idle_ms > 0)
			timer_on(e, guest_kinds[e->kind].idle_ms);
	}
}

/* ---- clients ---- */

static bool wants_answer(const struct end *e)
{
	return e->act == ACT_HONEST || e->act == ACT_POLL || e->act == ACT_UPLOAD;
}

static void client_connected(struct end *e)
{
	static const char zeros[64];
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = e};

	epoll_ctl(g.epoll, EPOLL_CTL_MOD, e->fd, &ev);
	e->heard = true;
	switch (e->act) {
	case ACT_HONEST:
		say(e, "Q", 1);
		timer_on(e, PATIENCE_MS);
		break;
	case ACT_GARBAGE:
		say(e, zeros, sizeof(zeros));
		timer_on(e, PATIENCE_MS);
		break;
	case ACT_SILENT:
		timer_on(e, SCAN_MS);
		break;
	case ACT_LINES:
		say(e, "S line\n", 7);
		timer_on(e, LINE_MS);
		break;
	case ACT_POLL:
		say(e, "P", 1);
		timer_on(e, g.poll_ms + PATIENCE_MS);
		break;
	case ACT_UPLOAD:
		say(e, "U", 1);
		timer_on(e, PIECE_MS);
		break;
	case ACT_LEAVE:
		say(e, "L", 1);
		timer_on(e, LEAVE_MS);
		break;
	}
}

/* Not answered in time, or done. */
static void client_gives_up(struct end *e)
{
	if (wants_answer(e)) {
		g.count.unanswered++;
		g.count.late++;
	}
	end_over(e, false);
}

static void upload_more(struct end *e)
{
	static const char piece[1024] = "piece";

	if (e->steps * PIECE_MS >= g.upload_ms) {
		say(e, "E", 1);
		e->steps = -1;
		timer_on(e, PATIENCE_MS);
		return;
	}
	say(e, piece, sizeof(piece));
	timer_on(e, PIECE_MS);
}

static void client_due(struct end *e)
{
	if (e->act == ACT_LINES && ++e->steps < LINES) {
		say(e, "line\n", 5);
		timer_on(e, LINE_MS);
		return;
	}
	if (e->act == ACT_UPLOAD && e->steps >= 0) {
		e->steps++;
		upload_more(e);
		return;
	}
	client_gives_up(e);
}

static void client_event(struct end *e, uint32_t events)
{
	char buf[8192];
	ssize_t n;

	if (!e->heard && (events & EPOLLOUT) != 0 && (events & (EPOLLERR | EPOLLHUP)) == 0)
		client_connected(e);
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0)
		return;
	n = recv(e->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (wants_answer(e)) {
		g.count.answered += n > 0;
		g.count.unanswered += n <= 0;
	}
	end_over(e, false);
}

static void client_new(int kind)
{
	const struct guest_kind *k = &guest_kinds[kind];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)g.port[kind])};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct end *e;

	inet_pton(AF_INET, kit_ip(0), &to.sin_addr);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)) {
		if (fd >= 0)
			close(fd);
		g.count.unanswered++;
		return;
	}
	e = end_new(fd, kind, EPOLLIN | EPOLLOUT);
	g.lots = g.lots * 1664525 + 1013904223;
	e->act = (int)(g.lots >> 16) % 1000 < k->per_mille ? k->act : ACT_HONEST;
	g.count.clients++;
	g.count.honest += e->act == ACT_HONEST;
	g.open++;
	timer_on(e, PATIENCE_MS);
}

/* ---- the loop ---- */

static void timers_run(void)
{
	for (; g.tick < g.now / TICK_MS; g.tick++) {
		struct end *next;

		for (struct end *e = g.wheel[g.tick % SLOTS]; e != NULL; e = next) {
			next = e->next;
			if (e->due / TICK_MS > g.tick)
				continue; /* of the next round of the wheel */
			timer_off(e);
			if (e->serves)
				server_due(e);
			else
				client_due(e);
		}
	}
}

/* Evenly; those that would have come in a pause do not come all at once. */
static void clients_come(void)
{
	for (int k = 0; k < n_guest_kinds; k++) {
		if (g.next_client[k] < (g.now - 200) * 1000)
			g.next_client[k] = g.now * 1000;
		for (; g.next_client[k] <= g.now * 1000; g.next_client[k] += 1000000 / guest_kinds[k].rate)
			client_new(k);
	}
}

void guests_turn(bool more)
{
	struct epoll_event ev[512];
	int n = epoll_wait(g.epoll, ev, (int)array_len(ev), TICK_MS / 2);

	g.now = kit_now_ms();
	for (int i = 0; i < n; i++) {
		struct end *e = ev[i].data.ptr;

		if (e->over)
			continue;
		if (e->listens)
			accept_all(e);
		else if (e->serves)
			server_event(e);
		else
			client_event(e, ev[i].events);
	}
	timers_run();
	if (more)
		clients_come();
	while (g.dead != NULL) {
		struct end *e = g.dead;

		g.dead = e->dead;
		free(e);
	}
}

void guests_init(int poll_ms, int upload_ms)
{
	if (n_guest_kinds > KINDS_MOST)
		abort();
	g.epoll = epoll_create1(EPOLL_CLOEXEC);
	g.poll_ms = poll_ms;
	g.upload_ms = upload_ms;
	g.now = kit_now_ms();
	g.tick = g.now / TICK_MS;
	for (int k = 0; k < n_guest_kinds; k++)
		for (int i = 0; i < SERVERS; i++) {
			int fd = kit_listen(kit_ip(0), &g.server_port[k][i], 1024);
			struct end *l = end_new(fd, k, EPOLLIN);

			fcntl(fd, F_SETFL, O_NONBLOCK);
			l->listens = l->serves = true;
			l->dead = g.listeners;
			g.listeners = l;
		}
}

int guests_server_port(int kind, int server)
{
	return g.server_port[kind][server];
}

void guests_come(int kind, int port)
{
	g.port[kind] = port;
}

struct guests_count guests_counted(void)
{
	return g.count;
}

int guests_open(void)
{
	return g.open;
}

void guests_end(void)
{
	while (g.listeners != NULL) {
		struct end *l = g.listeners;

		g.listeners = l->dead;
		close(l->fd);
		free(l);
	}
	close(g.epoll);
}
