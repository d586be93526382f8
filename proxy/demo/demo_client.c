/* demo_client: the traffic. Each client opens a connection, sends some requests, each after the
 * echo of the one before, closes, and opens the next. Each byte that comes back is compared with
 * the one that was sent. */
#include "proxy/demo/demo_client.h"

#include "netpoll/check.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT_MAGIC UINT32_C(0x64636c69) /* "dcli" */
#define REQUESTS_MAX 40 /* on one connection */
#define AFTER_ERROR  (50 * NP_MS)

/* One client: a coroutine and its two buffers. Owned by the load. */
struct demo_client {
	uint32_t magic;
	struct demo_load *load;
	uint64_t          seed; /* state of its generator: no two clients ever send the same */
	struct np_fd      fd;
	uint64_t          sent[DEMO_MAX / 8];
	uint64_t          got[DEMO_MAX / 8];
};

/* splitmix64, by its published constants. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The first loss is kept in words: later ones are mostly its consequences. */
static void count_lost(struct demo_load *l, const char *step, int err)
{
	if (l->lost++ == 0) {
		l->first_step = step;
		l->first_err = err;
	}
}

/* One schedule for all clients. Missed turns are not made up for: the rate is a bound, not a
 * debt. */
static void wait_turn(struct demo_load *l)
{
	int64_t now = np_nanotime(), mine = l->next_turn > now ? l->next_turn : now;

	l->next_turn = mine + NP_S / DEMO_RATE;
	np_sleep(mine - now);
}

/* As many small as large ones, on a scale of powers of two. */
static size_t choose_size(struct demo_client *c)
{
	size_t n = (size_t)DEMO_MIN << next_random(&c->seed) % 9;

	n += next_random(&c->seed) % n;
	return n < DEMO_MAX ? n : DEMO_MAX;
}

/* Reads n bytes.   Returns  0 or the error; the end of the stream is one. */
static int read_echo(struct demo_client *c, size_t n)
{
	size_t have = 0;
	ssize_t got;

	while (have < n) {
		got = np_fd_read(&c->fd, (char *)c->got + have, n - have);
		if (got <= 0)
			return got < 0 ? (int)got : -NP_ESHORT;
		have += (size_t)got;
	}
	return 0;
}

/* One request and its echo.   Returns  true if the connection is good for another. */
static bool echo_request(struct demo_client *c)
{
	struct demo_load *l = c->load;
	size_t n = choose_size(c);
	int64_t start = np_nanotime();
	int err;

	for (size_t i = 0; i * 8 < n; i++)
		c->sent[i] = next_random(&c->seed);
	np_fd_set_deadline(&c->fd, np_deadline_after(DEMO_PATIENCE));
	err = np_fd_write(&c->fd, c->sent, n, NULL);
	if (err == 0)
		err = read_echo(c, n);
	if (err != 0) {
		count_lost(l, "a request", err);
		return false;
	}
	if (memcmp(c->sent, c->got, n) != 0) {
		l->corrupt++;
		l->stopping = true;
		return false;
	}
	hist_add(&l->recent, (np_nanotime() - start) / NP_US);
	l->n.requests++;
	l->n.bytes += n;
	return true;
}

/* Ends its own direction and waits for the end of the other one. A byte instead was never asked
 * for: that is a change. */
static void say_goodbye(struct demo_client *c)
{
	ssize_t got;

	np_fd_set_deadline(&c->fd, np_deadline_after(DEMO_PATIENCE));
	got = np_fd_close_write(&c->fd);
	if (got == 0)
		got = np_fd_read(&c->fd, c->got, 1);
	if (got > 0)
		c->load->corrupt++;
	if (got < 0)
		count_lost(c->load, "the end of a connection", (int)got);
}

/* As many requests as were drawn, fewer when the demo ends. */
static bool send_requests(struct demo_client *c)
{
	unsigned left = 1 + (unsigned)(next_random(&c->seed) % REQUESTS_MAX);

	while (echo_request(c)) {
		if (--left == 0 || c->load->stopping)
			return true;
		wait_turn(c->load);
	}
	return false;
}

/* One connection from connect to close. An error is followed by a pause, so that a dead proxy is
 * not hammered. */
static void run_connection(struct demo_client *c)
{
	const struct np_dial_opts opts = {.deadline = np_deadline_after(DEMO_PATIENCE), .nodelay = true};
	int err = np_dial(&c->fd, &c->load->listener, 1, &opts);

	if (err != 0) {
		count_lost(c->load, "a connect", err);
		np_sleep(AFTER_ERROR);
		return;
	}
	c->load->n.opened++;
	c->load->open++;
	if (send_requests(c))
		say_goodbye(c);
	np_fd_close(&c->fd);
	c->load->open--;
}

/* The last client to end sets the event that demo_load_stop waits for. */
static void client_main(void *arg)
{
	struct demo_client *c = OBJ_CAST(arg, demo_client, CLIENT_MAGIC);
	struct demo_load *l = c->load;

	for (wait_turn(l); !l->stopping; wait_turn(l))
		run_connection(c);
	if (--l->running == 0)
		np_event_set(&l->idle);
}

int demo_load_start(struct demo_load *l)
{
	int err = 0;

	l->clients = calloc(DEMO_CLIENTS, sizeof(*l->clients));
	if (l->clients == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < DEMO_CLIENTS && err == 0; i++) {
		l->clients[i].magic = CLIENT_MAGIC;
		l->clients[i].load = l;
		l->clients[i].seed = (uint64_t)i << 56;
		err = np_go("demo client", client_main, &l->clients[i]);
		l->running += err == 0;
	}
	return err;
}

void demo_load_stop(struct demo_load *l)
{
	DCHECK(!l->stopping || l->corrupt > 0, "the load is stopped twice");
	l->stopping = true;
	if (l->running > 0)
		np_event_wait(&l->idle);
	free(l->clients);
	l->clients = NULL;
}
