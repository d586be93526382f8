/* The core under load, on a real kernel: two workers, many coroutines on real sockets with random
 * deadlines, closed by themselves, by a neighbour, by their peer, or by a message that the other
 * worker was asked for. N10, N32, N34; X2, X3, X4; F10, F11, F51. Meant for the sanitizers as much
 * as for itself: what goes wrong here is a wrong result, a report, or an end that never comes.
 *   STRESS        how many times the work (10; 1 under TSan)
 *   STRESS_SEED   of the decisions, printed; what the kernel makes of them is not the seed's */
#include "netpoll/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/hook.h"
#include "tests/kit/kit.h"

#ifdef NP_TSAN
#define USUAL 1
#else
#define USUAL 10
#endif
#define WORKERS 2
#define WAIT_MS 100000 /* for the end of it all; under a sanitizer and STRESS it may take a while */

static struct np_worker *workers[WORKERS];
static uint64_t seed;
static unsigned long times;
static _Atomic unsigned done, wrong;

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static uint64_t seed_for(unsigned n)
{
	return seed + 0x9e3779b97f4a7c15u * (n + 1);
}

static void need(bool ok)
{
	CHECK(ok, "the stress cannot go on");
}

/* ---- what one worker asks of the other ------------------------------------------------------- */

/* A note goes to the other worker's loop and comes back to the asker's, where fn is called. Both
 * ways wake a loop that may be asleep, so one that is lost leaves somebody waiting for ever. */
struct note {
	struct np_msg m;
	uint16_t asker;
	void (*fn)(struct note *n);
	struct np_event back;
};

static void note_back(struct np_msg *m)
{
	struct note *n = container_of(m, struct note, m);

	n->fn(n);
	np_event_set(&n->back);
}

static void note_there(struct np_msg *m)
{
	struct note *n = container_of(m, struct note, m);

	m->fn = note_back;
	np_post(workers[n->asker], m);
}

static void note_send(struct note *n, void (*fn)(struct note *n))
{
	n->asker = np_self()->opts.id;
	n->fn = fn;
	n->m.fn = note_there;
	n->back = (struct np_event){.set = false};
	np_post(workers[1 - n->asker], &n->m);
}

/* ---- running --------------------------------------------------------------------------------- */

static void (*work)(unsigned worker);

/* Each worker's work tells the other when it has no more to ask; so done means that nobody of this
 * thread is inside np_post any more, and the workers may be joined. */
static struct np_msg last_words[WORKERS];
static struct np_event heard[WORKERS];

static void on_last_words(struct np_msg *m)
{
	(void)m;
	np_event_set(&heard[np_self()->opts.id]);
}

static void start_work(void *arg)
{
	unsigned id = np_self()->opts.id;

	(void)arg;
	work(id);
	last_words[id].fn = on_last_words;
	np_post(workers[1 - id], &last_words[id]);
	np_event_wait(&heard[id]);
	done++;
}

static void on_begin(struct np_msg *m)
{
	(void)m;
	need(np_go("work", start_work, NULL) == 0);
}

static void idle_main(void *arg)
{
	(void)arg;
}

static bool all_done(void *arg)
{
	(void)arg;
	return done == WORKERS;
}

static void run(void (*fn)(unsigned worker))
{
	struct np_worker_opts opts = {.name = "stress", .cpu = -1, .main = idle_main};
	struct np_msg begin[WORKERS];

	work = fn;
	done = wrong = 0;
	memset(heard, 0, sizeof(heard));
	for (uint16_t i = 0; i < WORKERS; i++) {
		opts.id = i;
		assert_int_equal(np_worker_start(&workers[i], &opts), 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		begin[i].fn = on_begin;
		np_post(workers[i], &begin[i]);
	}
	assert_true(kit_wait(all_done, NULL, WAIT_MS));
	for (int i = 0; i < WORKERS; i++)
		np_worker_stop(workers[i]);
	for (int i = 0; i < WORKERS; i++)
		np_worker_join(workers[i]); /* aborts if a pollDesc or a coroutine is left */
	assert_int_equal(wrong, 0);
}

/* Starts n coroutines and waits for them. */
static struct crowd {
	unsigned left;
	struct np_event gone;
} crowds[WORKERS];

static void crowd_leave(void)
{
	struct crowd *c = &crowds[np_self()->opts.id];

	if (--c->left == 0)
		np_event_set(&c->gone);
}

/* ---- reads, deadlines and closes: N32, X3 ---------------------------------------------------- */

#define SLOTS  40
#define ROUNDS 60

enum ending { BY_ITSELF, BY_NEIGHBOUR, BY_PEER, BY_MESSAGE, ENDINGS };

/* One socket pair after the other: a is read, b is written and now and then closed. */
struct slot {
	struct np_fd a, b;
	struct note close;
	struct np_event neighbour_left, writer_left;
	uint64_t rand;
	enum ending ending;
	bool stop;
};

static struct slot slots[WORKERS][SLOTS];
static _Atomic unsigned timeouts, bytes, ends[ENDINGS];

static void close_by_message(struct note *n)
{
	(void)np_fd_close(&container_of(n, struct slot, close)->a);
}

static void neighbour(void *arg)
{
	struct slot *s = arg;

	np_sleep((int64_t)(next_random(&s->rand) % (500 * NP_US)));
	(void)np_fd_close(&s->a); /* waits for the reader to leave */
	np_event_set(&s->neighbour_left);
}

static void writer(void *arg)
{
	struct slot *s = arg;
	unsigned n = (unsigned)(next_random(&s->rand) % 8);
	int err = 0;

	while (!s->stop && err == 0 && (s->ending != BY_PEER || n-- > 0)) {
		np_fd_set_write_deadline(&s->b, np_deadline_after(NP_S * 100));
		err = np_fd_write(&s->b, "x", 1, NULL);
		np_sleep((int64_t)(next_random(&s->rand) % (200 * NP_US)));
	}
	wrong += err != 0 && err != -NP_EPIPE && err != -NP_ECONNRESET;
	(void)np_fd_close(&s->b);
	np_event_set(&s->writer_left);
}

/* Returns the result that ended it. */
static ssize_t read_to_the_end(struct slot *s)
{
	unsigned n = 1 + (unsigned)(next_random(&s->rand) % 20);
	ssize_t got = 1;
	char byte[4];

	while (n > 0) {
		int64_t d = (int64_t)(next_random(&s->rand) % (100 * NP_US));

		/* Whoever closes by message or from beside must find a reader that nothing else
		 * wakes. */
		np_fd_set_read_deadline(&s->a, d % 3 == 0 ? 0 : np_deadline_after(d));
		got = np_fd_read(&s->a, byte, sizeof(byte));
		timeouts += got == -NP_EDEADLINE;
		bytes += got > 0;
		wrong += got < 0 && got != -NP_EDEADLINE && got != -NP_ECLOSING;
		if (got == 0 || got == -NP_ECLOSING)
			break;
		n -= s->ending == BY_ITSELF;
	}
	return got;
}

static void one_round(struct slot *s)
{
	int pair[2];
	ssize_t last;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	need(np_fd_init(&s->a, pair[0]) == 0 && np_fd_init(&s->b, pair[1]) == 0);
	s->stop = false;
	s->ending = (enum ending)(next_random(&s->rand) % ENDINGS);
	s->neighbour_left = s->writer_left = (struct np_event){.set = false};
	need(np_go("writer", writer, s) == 0);
	if (s->ending == BY_NEIGHBOUR)
		need(np_go("neighbour", neighbour, s) == 0);
	if (s->ending == BY_MESSAGE)
		note_send(&s->close, close_by_message);
	last = read_to_the_end(s);
	ends[s->ending]++;
	wrong += s->ending == BY_PEER && last != 0;
	wrong += (s->ending == BY_NEIGHBOUR || s->ending == BY_MESSAGE) && last != -NP_ECLOSING;
	(void)np_fd_close(&s->a);
	s->stop = true;
	if (s->ending == BY_NEIGHBOUR)
		np_event_wait(&s->neighbour_left);
	if (s->ending == BY_MESSAGE)
		np_event_wait(&s->close.back);
	np_event_wait(&s->writer_left);
}

static void slot_main(void *arg)
{
	for (unsigned long i = 0; i < ROUNDS * times; i++)
		one_round(arg);
	crowd_leave();
}

static void read_and_close(unsigned worker)
{
	crowds[worker] = (struct crowd){.left = SLOTS};
	for (unsigned i = 0; i < SLOTS; i++) {
		slots[worker][i].rand = seed_for(worker * SLOTS + i);
		need(np_go("slot", slot_main, &slots[worker][i]) == 0);
	}
	np_event_wait(&crowds[worker].gone);
}

static void reads_deadlines_and_closes(void **state)
{
	(void)state;
	timeouts = bytes = 0;
	run(read_and_close);
	/* Nothing of it was only said: each kind of end and both results have been. */
	assert_true(timeouts > 0 && bytes > 0);
	for (int i = 0; i < ENDINGS; i++)
		assert_true(ends[i] > 0);
}

/* ---- steadily earlier deadlines: N10, X4 ----------------------------------------------------- */

#define SETTERS 8
#define CONNS   10
#define STEPS   100
#define REPEATS 5

static struct conn {
	struct np_fd a, b;
	struct note note;
	int64_t due;
	unsigned expired;
} conns[WORKERS][CONNS];

static void reader(void *arg)
{
	struct conn *c = arg;
	char byte;

	for (ssize_t got; (got = np_fd_read(&c->a, &byte, 1)) != -NP_ECLOSING;) {
		wrong += got != -NP_EDEADLINE;
		c->expired++;
		np_fd_set_deadline(&c->a, 0);
	}
	crowd_leave();
}

static void set_to_due(struct note *n)
{
	struct conn *c = container_of(n, struct conn, note);

	np_fd_set_deadline(&c->a, c->due);
}

/* The first setter now and then has a message of the other worker do it. */
static void setter(void *arg)
{
	unsigned worker = np_self()->opts.id, nth = *(unsigned *)arg;

	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned i = 0; i < CONNS; i++) {
			struct conn *c = &conns[worker][i];

			c->due = np_deadline_after((STEPS - step) * 100 * NP_US);
			if (nth == 0 && i == step % CONNS) {
				note_send(&c->note, set_to_due);
				np_event_wait(&c->note.back);
				continue;
			}
			np_fd_set_deadline(&c->a, c->due);
		}
		np_yield();
	}
	crowd_leave();
}

static void open_conns(unsigned worker)
{
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &conns[worker][i];
		int pair[2];

		need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
		need(np_fd_init(&c->a, pair[0]) == 0 && np_fd_init(&c->b, pair[1]) == 0);
		c->expired = 0;
		need(np_go("reader", reader, c) == 0);
	}
}

static void close_conns(unsigned worker)
{
	for (unsigned i = 0; i < CONNS; i++) {
		wrong += conns[worker][i].expired == 0;
		(void)np_fd_close(&conns[worker][i].a);
		(void)np_fd_close(&conns[worker][i].b);
	}
}

static void set_earlier(unsigned worker)
{
	static unsigned number[SETTERS] = {0, 1, 2, 3, 4, 5, 6, 7};

	for (unsigned long r = 0; r < REPEATS * times; r++) {
		crowds[worker] = (struct crowd){.left = SETTERS + CONNS};
		open_conns(worker);
		for (unsigned i = 0; i < SETTERS; i++)
			need(np_go("setter", setter, &number[i]) == 0);
		while (crowds[worker].left > CONNS)
			np_sleep(NP_MS);
		np_sleep(2 * STEPS * 100 * NP_US); /* all that was set has passed */
		close_conns(worker);
		np_event_wait(&crowds[worker].gone);
	}
}

static void many_set_ever_earlier_deadlines(void **state)
{
	(void)state;
	run(set_earlier);
}

/* ---- close against accept: X2 ---------------------------------------------------------------- */

#define LISTENS 150
#define DIALS   3

static struct listener {
	struct np_fd fd;
	struct note close;
	struct np_event acceptor_left;
	struct np_addr addr;
} listeners[WORKERS];

static void close_listener(struct note *n)
{
	(void)np_fd_close(&container_of(n, struct listener, close)->fd);
}

static void acceptor(void *arg)
{
	struct listener *l = arg;
	int got;

	while ((got = np_fd_accept(&l->fd, NULL)) >= 0)
		np_sock_close(got);
	wrong += got != -NP_ECLOSING;
	np_event_set(&l->acceptor_left);
}

/* The listener may be gone already, or go in the middle of it. */
static void dial(const struct np_addr *to)
{
	struct np_dial_opts o = {.deadline = np_deadline_after(10 * NP_S)};
	struct np_fd fd;
	int err = np_dial(&fd, to, 1, &o);

	if (err == 0)
		err = np_fd_close(&fd);
	wrong += err != 0 && np_err_class(err) != NP_CLASS_PEER;
}

static void listen_once(struct listener *l, uint64_t *rand)
{
	struct np_listen_opts o = {.backlog = 4};
	struct np_addr any;
	int sysfd;

	need(np_addr_parse(&any, "127.0.0.1:0", NULL) == 0);
	sysfd = np_listen(&any, &o);
	need(sysfd >= 0 && np_sock_addr(sysfd, &l->addr) == 0);
	need(np_fd_init(&l->fd, sysfd) == 0);
	l->acceptor_left = (struct np_event){.set = false};
	need(np_go("acceptor", acceptor, l) == 0);
	for (unsigned i = (unsigned)(next_random(rand) % DIALS); i > 0; i--)
		dial(&l->addr);
	if (next_random(rand) % 2 == 0)
		np_yield();
	note_send(&l->close, close_listener);
	if (next_random(rand) % 2 == 0)
		dial(&l->addr);
	np_event_wait(&l->close.back);
	np_event_wait(&l->acceptor_left);
}

static void listen_and_close(unsigned worker)
{
	uint64_t rand = seed_for(worker);

	for (unsigned long i = 0; i < LISTENS * times; i++)
		listen_once(&listeners[worker], &rand);
}

static void an_accept_always_learns_of_the_close(void **state)
{
	(void)state;
	run(listen_and_close);
}

static unsigned long from_env(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_deadlines_and_closes),
		cmocka_unit_test(many_set_ever_earlier_deadlines),
		cmocka_unit_test(an_accept_always_learns_of_the_close),
	};

	times = from_env("STRESS", USUAL);
	seed = from_env("STRESS_SEED", (unsigned long)nanotime());
	print_message("STRESS_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
