/* Many deadlines at once, on real sockets and the real poller: N8, N9, N10, N32, X4, F11. */
#include "tests/unit/netpoll/world.h"

#define LATE (1 * NP_S)

/* One descriptor with one read that no byte will end. */
struct conn {
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	int64_t when;    /* its deadline */
	int64_t early, took; /* against when; since it began */
	ssize_t got;
};

static struct conn conn_of_unix(void)
{
	struct conn c = {0};

	make_pair(AF_UNIX, c.raw);
	return c;
}

static void timed(struct conn *c)
{
	int64_t start = np_nanotime();
	char byte;

	c->got = np_fd_read(&c->fd, &byte, 1);
	c->early = c->when - np_nanotime();
	c->took = np_nanotime() - start;
}

/* ---- N8 -------------------------------------------------------------------------------------- */

static const int64_t various[] = {
	1, 2, 5, 10, 100, 1000, 10 * NP_US, 100 * NP_US, 250 * NP_US, 500 * NP_US, 1 * NP_MS,
	2 * NP_MS, 5 * NP_MS, 10 * NP_MS, 25 * NP_MS, 50 * NP_MS, 100 * NP_MS, 500 * NP_MS, 1 * NP_S,
};
#define VARIOUS (int)array_len(various)
#define RUNS    3

struct copy {
	struct conn c;
	int64_t d;
};

static void copy_main(void *arg)
{
	struct copy *k = arg;

	adopt(&k->c.fd, k->c.raw[0]);
	k->c.when = np_deadline_after(k->d);
	np_fd_set_deadline(&k->c.fd, k->c.when);
	timed(&k->c);
	np_fd_close(&k->c.fd);
}

struct share {
	struct copy *copies;
	int n;
};

static void share_main(void *arg)
{
	struct share *s = arg;

	for (int i = 0; i < s->n; i++)
		beside(copy_main, &s->copies[i]);
}

static void run_various(unsigned workers, int rows)
{
	static struct copy copies[4][VARIOUS * RUNS];
	struct np_worker *w[4];
	struct share shares[4];

	for (unsigned i = 0; i < workers; i++) {
		const struct np_worker_opts o = {
			.name = "w",
			.id = (uint16_t)i,
			.cpu = -1,
			.main = share_main,
			.arg = &shares[i],
		};

		shares[i] = (struct share){copies[i], rows * RUNS};
		for (int k = 0; k < shares[i].n; k++)
			copies[i][k] = (struct copy){.c = conn_of_unix(), .d = various[k % rows]};
		assert_int_equal(np_worker_start(&w[i], &o), 0);
		np_worker_stop(w[i]);
	}
	for (unsigned i = 0; i < workers; i++)
		np_worker_join(w[i]);
	for (unsigned i = 0; i < workers; i++) {
		for (int k = 0; k < shares[i].n; k++) {
			close(copies[i][k].c.raw[1]);
			assert_int_equal(copies[i][k].c.got, -NP_EDEADLINE);
			assert_true(copies[i][k].c.early <= 0);
			assert_true(copies[i][k].c.took < copies[i][k].d + LATE);
		}
	}
}

static void every_one_of_many_deadlines_comes(void **state)
{
	(void)state;
	run_various(1, VARIOUS);
	run_various(4, VARIOUS - 2);
}

/* ---- N9, N10 --------------------------------------------------------------------------------- */

#define ROUNDS 1000

struct echo {
	int raw[2];
	struct np_fd a, b;
	int rounds, errors, ended, deadlines;
};

static void echo_back(void *arg)
{
	struct echo *e = arg;
	ssize_t n;
	char byte;

	while ((n = np_fd_read(&e->b, &byte, 1)) == 1) {
		np_fd_set_write_deadline(&e->b, np_deadline_after(3600 * NP_S));
		e->errors += np_fd_write(&e->b, &byte, 1, NULL) != 0;
		np_fd_set_read_deadline(&e->b, np_deadline_after(3600 * NP_S));
	}
	e->errors += n != 0;
	np_fd_close(&e->b);
}

static void echo_reader(void *arg)
{
	struct echo *e = arg;
	char byte;

	while (e->rounds < ROUNDS) {
		np_fd_set_read_deadline(&e->a, np_deadline_after(3600 * NP_S));
		e->errors += np_fd_read(&e->a, &byte, 1) != 1;
		e->rounds++;
	}
	np_fd_close(&e->a);
}

static void echo_script(void *arg)
{
	struct echo *e = arg;

	adopt(&e->a, e->raw[0]);
	adopt(&e->b, e->raw[1]);
	beside(echo_back, e);
	beside(echo_reader, e);
	for (int i = 0; i < ROUNDS; i++) {
		np_fd_set_write_deadline(&e->a, np_deadline_after(3600 * NP_S));
		e->errors += np_fd_write(&e->a, "x", 1, NULL) != 0;
	}
}

static void prolonged_deadlines_never_fire(void **state)
{
	struct echo e = {0};

	(void)state;
	make_pair(AF_INET, e.raw);
	world_run(echo_script, &e);
	assert_int_equal(e.rounds, ROUNDS);
	assert_int_equal(e.errors, 0);
}

#define TINY 1000

/* Each asks for the next; the last one closes. One in three is over when it is set, since those to
 * come are moved before the wheel's tick that would fire them. */
static void act_two_microseconds(void *arg)
{
	struct echo *e = arg;

	np_fd_set_deadline(&e->a, np_deadline_after(e->deadlines % 3 * NP_US));
	if (++e->deadlines == TINY)
		np_fd_close(&e->a);
	else
		wake(0, act_two_microseconds, e);
}

static bool only_data_or_deadline(ssize_t got)
{
	return got >= 0 || got == -NP_EDEADLINE || got == -NP_ECLOSING;
}

static void race_reader(void *arg)
{
	struct echo *e = arg;
	ssize_t got = 0;
	char byte;

	while (got != -NP_ECLOSING) {
		got = np_fd_read(&e->a, &byte, 1);
		e->errors += !only_data_or_deadline(got);
		e->rounds++;
		np_yield();
	}
	e->ended++;
}

static void race_writer(void *arg)
{
	struct echo *e = arg;
	int got = 0;

	while (got != -NP_ECLOSING) {
		got = np_fd_write(&e->a, "x", 1, NULL);
		e->errors += !only_data_or_deadline(got);
		np_yield();
	}
	e->ended++;
}

static void race_script(void *arg)
{
	struct echo *e = arg;

	adopt(&e->a, e->raw[0]);
	wake(0, act_two_microseconds, e);
	beside(race_reader, e);
	race_writer(e);
}

static void tiny_deadlines_race_reads_and_writes(void **state)
{
	struct echo e = {0};

	(void)state;
	make_pair(AF_INET, e.raw);
	world_run(race_script, &e);
	close(e.raw[1]);
	assert_int_equal(e.ended, 2);
	assert_int_equal(e.errors, 0);
	assert_true(e.rounds > 10);
}

#define TASKS 8
#define EACH  10
#define STEPS 100

struct group {
	struct conn c[EACH];
	int64_t next;
};

static struct group groups[TASKS];

static void act_earlier(void *arg)
{
	struct group *g = arg;

	g->next -= 1 * NP_S;
	for (int i = 0; i < EACH; i++) {
		g->c[i].when = g->next;
		np_fd_set_read_deadline(&g->c[i].fd, g->next);
	}
}

static void group_reader(void *arg)
{
	struct conn *c = arg;

	adopt(&c->fd, c->raw[0]);
	timed(c);
	np_fd_close(&c->fd);
}

/* Each step a second earlier, from 99 s away down to now. */
static void earlier_script(void *arg)
{
	(void)arg;
	for (int t = 0; t < TASKS; t++)
		for (int i = 0; i < EACH; i++)
			beside(group_reader, &groups[t].c[i]);
	np_yield();
	for (int step = 0; step < STEPS; step++)
		for (int t = 0; t < TASKS; t++)
			wake(step * 100 * NP_US, act_earlier, &groups[t]);
}

static void steadily_earlier_deadlines_all_come(void **state)
{
	(void)state;
	for (int t = 0; t < TASKS; t++) {
		groups[t].next = np_deadline_after(STEPS * NP_S);
		for (int i = 0; i < EACH; i++)
			groups[t].c[i] = conn_of_unix();
	}
	world_run(earlier_script, NULL);
	for (int t = 0; t < TASKS; t++) {
		for (int i = 0; i < EACH; i++) {
			close(groups[t].c[i].raw[1]);
			assert_int_equal(groups[t].c[i].got, -NP_EDEADLINE);
			/* the last step is the first in the past */
			assert_true(groups[t].c[i].early <= 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N8", every_one_of_many_deadlines_comes),
		ONCE("N9", prolonged_deadlines_never_fire),
		BOTH("N9 N32", tiny_deadlines_race_reads_and_writes),
		BOTH("N10 X4 F11", steadily_earlier_deadlines_all_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
