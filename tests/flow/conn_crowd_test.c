/* Many connections, in turn and at once. Each carries its number first and then streams made from
 * that number, both ways: a byte that is lost, altered or somebody else's shows. One thread is all
 * the clients and all the servers, so that nothing but the proxy runs beside it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/front.h"

enum { SERVERS = 3, HEAD = 8, PIECE = 4096 };

/* One side of a connection, as the test plays it. */
struct end {
	struct crowd *crowd;
	int fd;
	bool client, connected, fin_sent, fin_got;
	uint64_t id; /* UINT64_MAX: not yet read */
	uint64_t sent, got;
};

struct crowd {
	struct front f;
	int epoll, listener[SERVERS];
	int per_server[SERVERS];
	int total, at_once;
	bool all_together; /* nobody ends before everybody is there */
	int started, accepted, clients_done, servers_done;
	struct end *clients;
};

/* --- what is said --- */

/* Mostly small, now and then more than a socket takes at once. */
static uint64_t length(uint64_t id, bool by_client)
{
	uint64_t n = (id + 1) * (by_client ? 7919 : 104729) % 3000;

	return HEAD + (id % 100 == 7 ? n * 100 : n);
}

static void speech(uint64_t id, bool by_client, uint64_t at, void *buf, size_t n)
{
	kit_stream_fill(id * 2 + by_client, at, buf, n);
	if (at == 0)
		memcpy(buf, &id, n < HEAD ? n : HEAD);
}

/* The first bytes name the speech; nobody reads less than these in one go. */
static void end_listen(struct end *e, const char *buf, size_t n)
{
	char want[PIECE];

	if (e->got == 0) {
		assert_true(n >= HEAD);
		if (!e->client)
			memcpy(&e->id, buf, HEAD);
	}
	assert_true(e->id < (uint64_t)e->crowd->total);
	speech(e->id, !e->client, e->got, want, n);
	assert_memory_equal(buf, want, n);
	e->got += n;
}

/* --- moving it --- */

static void end_read(struct end *e)
{
	char buf[PIECE];
	ssize_t n;

	while ((n = recv(e->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		end_listen(e, buf, (size_t)n);
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_int_equal(e->got, length(e->id, !e->client));
	e->fin_got = true;
}

static bool end_may_finish(const struct end *e)
{
	return !e->crowd->all_together || e->crowd->accepted == e->crowd->total;
}

static void end_write(struct end *e)
{
	char buf[PIECE];

	while (e->sent < length(e->id, e->client)) {
		uint64_t left = length(e->id, e->client) - e->sent;
		size_t n = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t put;

		speech(e->id, e->client, e->sent, buf, n);
		put = send(e->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0) {
			assert_int_equal(errno, EAGAIN);
			return;
		}
		e->sent += (uint64_t)put;
	}
	if (e->fin_sent || !end_may_finish(e))
		return;
	kit_half_close(e->fd);
	e->fin_sent = true;
}

static void end_done(struct end *e)
{
	struct crowd *c = e->crowd;

	close(e->fd);
	e->fd = -1;
	if (e->client) {
		c->clients_done++;
		return;
	}
	c->servers_done++;
	free(e);
}

static void end_move(struct end *e)
{
	if (e->fd < 0)
		return;
	if (!e->fin_got)
		end_read(e);
	if (e->id != UINT64_MAX)
		end_write(e);
	if (e->fin_got && e->fin_sent)
		end_done(e);
}

/* --- coming and going --- */

static void watch(struct crowd *c, int fd, void *what)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = what,
	};

	assert_int_equal(epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev), 0);
}

static void start_one(struct crowd *c)
{
	struct end *e = &c->clients[c->started];

	*e = (struct end){.crowd = c, .client = true, .id = (uint64_t)c->started++};
	e->fd = front_connect(&c->f);
	watch(c, e->fd, e);
}

static void release_all(struct crowd *c)
{
	for (int i = 0; i < c->started; i++)
		end_move(&c->clients[i]);
}

static void accept_all(struct crowd *c, int which)
{
	int fd;

	while ((fd = accept4(c->listener[which], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct end *e = calloc(1, sizeof(*e));

		assert_non_null(e);
		*e = (struct end){.crowd = c, .fd = fd, .id = UINT64_MAX};
		c->per_server[which]++;
		watch(c, fd, e);
		if (++c->accepted == c->total)
			release_all(c);
	}
}

static void on_event(struct crowd *c, void *what)
{
	for (int i = 0; i < SERVERS; i++) {
		if (what != &c->listener[i])
			continue;
		accept_all(c, i);
		return;
	}
	end_move(what);
}

static bool may_start(const struct crowd *c)
{
	int done = c->clients_done < c->servers_done ? c->clients_done : c->servers_done;

	return c->started < c->total && c->started - done < c->at_once;
}

/* Whatever has happened; waits only when nobody else may come. */
static void serve_events(struct crowd *c)
{
	struct epoll_event evs[64];
	int n = epoll_wait(c->epoll, evs, array_len(evs), may_start(c) ? 0 : KIT_MS);

	if (n == 0 && !may_start(c))
		kit_fail("stuck: %d started, %d accepted, %d clients and %d servers done",
			 c->started, c->accepted, c->clients_done, c->servers_done);
	for (int i = 0; i < n; i++)
		on_event(c, evs[i].data.ptr);
}

static void crowd_run(struct crowd *c, int total, int at_once)
{
	c->total = total;
	c->at_once = at_once;
	c->all_together = total == at_once;
	c->started = c->accepted = c->clients_done = c->servers_done = 0;
	memset(c->per_server, 0, sizeof(c->per_server));
	c->clients = calloc((size_t)total, sizeof(*c->clients));
	assert_non_null(c->clients);
	while (c->clients_done < total || c->servers_done < total) {
		if (may_start(c))
			start_one(c);
		serve_events(c);
	}
	free(c->clients);
}

/* Room for so many sockets of our own, and as many for the proxy. */
static bool raise_descriptors(rlim_t n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_max < n)
		return false;
	r.rlim_cur = r.rlim_cur < n ? n : r.rlim_cur;
	return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static struct crowd crowd_start(const char *balance)
{
	static const int weight[SERVERS] = {1, 2, 2};
	struct front_opts o = {.upstream = balance, .listener = "max_connections: 5000"};
	struct crowd c = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	char servers[512];
	size_t at = 0;

	if (!raise_descriptors(10200)) {
		print_message("[  SKIPPED ] the hard limit of descriptors is too low\n");
		skip();
	}
	for (int i = 0; i < SERVERS; i++) {
		int port = 0;

		c.listener[i] = kit_listen(kit_ip(0), &port, SOMAXCONN);
		fcntl(c.listener[i], F_SETFL, O_NONBLOCK);
		at += (size_t)snprintf(servers + at, sizeof(servers) - at,
				       "%s{address: \"%s:%d\", weight: %d}", i == 0 ? "[" : ", ",
				       kit_ip(0), port, weight[i]);
	}
	snprintf(servers + at, sizeof(servers) - at, "]");
	o.servers = servers;
	c.f = front_start(&o);
	return c;
}

static void crowd_end(struct crowd *c)
{
	for (int i = 0; i < SERVERS; i++)
		close(c->listener[i]);
	close(c->epoll);
	front_end(&c->f);
}

static void watch_listeners(struct crowd *c)
{
	for (int i = 0; i < SERVERS; i++)
		watch(c, c->listener[i], &c->listener[i]);
}

static void assert_shares(const struct crowd *c, int total)
{
	assert_int_equal(c->per_server[0], total / 5);
	assert_int_equal(c->per_server[1], total / 5 * 2);
	assert_int_equal(c->per_server[2], total / 5 * 2);
}

static void all_ended_well(const struct crowd *c, int total)
{
	kit_staunch_wait_log(c->f.s, " listener=front ", total);
	assert_int_equal(kit_staunch_log(c->f.s, "_fin by="), total);
}

/* --- tests --- */

static void f48_ten_thousand_in_turn(void **state)
{
	struct crowd c = crowd_start("balance: round_robin");

	(void)state;
	watch_listeners(&c);
	crowd_run(&c, 10000, 1);
	assert_shares(&c, 10000);
	all_ended_well(&c, 10000);
	crowd_end(&c);
}

/* Twice: were a place of the listener or a count of a server not given back, the second time could
 * not come out the same. */
static void five_thousand_at_once(void **state)
{
	struct crowd c = crowd_start("balance: least_conn");

	(void)state;
	watch_listeners(&c);
	for (int i = 0; i < 2; i++) {
		crowd_run(&c, 5000, 5000);
		assert_shares(&c, 5000);
		kit_proc_wait_fds(c.f.pid, c.f.fds);
	}
	all_ended_well(&c, 10000);
	crowd_end(&c);
}

/* Who was reset in the backlog is accepted and ends; the one behind is served. */
static void b22_f2_resets_in_the_backlog(void **state)
{
	struct kit_peer_opts po = {.serve = KIT_ECHO};
	struct front f = front_before(kit_peer_start(&po), NULL);
	int fd;

	(void)state;
	kit_child_signal(f.s->child, SIGSTOP);
	for (int i = 0; i < 100; i++)
		kit_reset(front_connect(&f));
	fd = front_connect(&f);
	kit_send(fd, "served", 6);
	kit_child_signal(f.s->child, SIGCONT);
	kit_expect(fd, "served", 6);
	close(fd);
	front_wait(&f, "client_fin", 1);
	front_wait(&f, "client_rst", 100);
	front_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(f48_ten_thousand_in_turn, kit_end),
		cmocka_unit_test_teardown(five_thousand_at_once, kit_end),
		cmocka_unit_test_teardown(b22_f2_resets_in_the_backlog, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
