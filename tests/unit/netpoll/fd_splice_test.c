/* Splicing through pooled pipes: N28 to N30 and F41, against the real kernel. */
#include "tests/unit/netpoll/world.h"

#define BIG ((size_t)8 << 20)

static struct np_pipe *pipe_get(void)
{
	struct np_pipe *p;

	return np_pipe_get(&p) == 0 ? p : NULL;
}

static char out[BIG], in[BIG];

struct splicing {
	int a[2], b[2]; /* a[0] -> a[1] ==pipe==> b[0] -> b[1] */
	struct np_fd src, dst;
	size_t total, got;
	ssize_t n[4];
	bool again, pooled, intact;
	unsigned pipes;
};

static void make(struct splicing *s, int from, int to)
{
	*s = (struct splicing){.intact = true};
	make_pair(from, s->a);
	make_pair(to, s->b);
	for (size_t i = 0; i < BIG; i++)
		out[i] = (char)(i * 2654435761u >> 24);
}

static void unmake(struct splicing *s)
{
	np_fd_close(&s->src);
	np_fd_close(&s->dst);
	close(s->a[0]);
	close(s->b[1]);
}

/* What the reader has by now. */
static void collect(struct splicing *s)
{
	ssize_t n;

	while ((n = recv(s->b[1], in + s->got, BIG - s->got, 0)) > 0)
		s->got += (size_t)n;
}

/* ---- N28: every byte, whatever the sizes, whatever the kinds of socket ----------------------- */

static void copy_script(void *arg)
{
	struct splicing *s = arg;
	struct np_pipe *p = pipe_get();
	size_t sent = 0;

	adopt(&s->src, s->a[1]);
	adopt(&s->dst, s->b[0]);
	while (p != NULL && s->got < s->total) {
		ssize_t n = sent < s->total ? send(s->a[0], out + sent, s->total - sent, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		/* The invariant of the relay: drain an empty pipe only. */
		if (np_pipe_held(p) == 0 && np_fd_try_drain(&s->src, p, 1 << 20) > (ssize_t)s->total)
			break;
		if (np_pipe_held(p) > 0 && np_fd_try_pump(&s->dst, p) < -NP_EOWN)
			break;
		collect(s);
	}
	s->intact = p != NULL && memcmp(in, out, s->total) == 0;
	if (p != NULL)
		np_pipe_put(p);
	unmake(s);
}

static void every_byte(void **state)
{
	static const size_t sizes[] = {1, 128, 65536, 1000003, BIG};
	static const int kinds[][2] = {{AF_INET, AF_INET}, {AF_UNIX, AF_INET}, {AF_INET, AF_UNIX}};

	(void)state;
	for (size_t k = 0; k < array_len(kinds); k++) {
		for (size_t i = 0; i < array_len(sizes); i++) {
			struct splicing s;

			make(&s, kinds[k][0], kinds[k][1]);
			s.total = sizes[i];
			world_run(copy_script, &s);
			assert_int_equal(s.got, s.total);
			assert_true(s.intact);
		}
	}
}

/* ---- N28: a limit is kept exactly; N29: the end, and nothing there --------------------------- */

static void limit_script(void *arg)
{
	struct splicing *s = arg;
	struct np_pipe *p = pipe_get();

	adopt(&s->src, s->a[1]);
	adopt(&s->dst, s->b[0]);
	s->n[0] = np_fd_try_drain(&s->src, p, 1000);
	if (send(s->a[0], out, 3000, 0) == 3000)
		s->n[1] = np_fd_try_drain(&s->src, p, 1000);
	s->n[2] = np_fd_try_pump(&s->dst, p);
	while (np_fd_try_drain(&s->src, p, 1 << 20) > 0)
		(void)!np_fd_try_pump(&s->dst, p);
	shutdown(s->a[0], SHUT_WR);
	s->n[3] = np_fd_try_drain(&s->src, p, 1000);
	collect(s);
	np_pipe_put(p);
	unmake(s);
}

static void limit_and_end(void **state)
{
	struct splicing s;

	(void)state;
	make(&s, AF_INET, AF_INET);
	world_run(limit_script, &s);
	assert_int_equal(s.n[0], -NP_EAGAIN);
	assert_int_equal(s.n[1], 1000);
	assert_int_equal(s.n[2], 1000);
	assert_int_equal(s.n[3], 0);
	assert_int_equal(s.got, 3000);
	assert_memory_equal(in, out, 3000);
}

/* ---- N30, F41: only an empty pipe is pooled; all are closed in the end ----------------------- */

static void pool_script(void *arg)
{
	struct splicing *s = arg;
	struct np_pipe *clean, *dirty, *next;

	adopt(&s->src, s->a[1]);
	adopt(&s->dst, s->b[0]);
	dirty = pipe_get();
	clean = pipe_get();
	if (send(s->a[0], out, 100, 0) == 100)
		s->n[0] = np_fd_try_drain(&s->src, dirty, 100);
	np_pipe_put(dirty);
	next = pipe_get(); /* the pool is empty: a new one, and it holds nothing of another's */
	s->n[1] = (ssize_t)np_pipe_held(next);
	np_pipe_put(next);
	np_pipe_put(clean);
	s->pooled = pipe_get() == clean; /* last in, first out */
	np_pipe_put(clean);
	unmake(s);
}

static void only_empty_ones(void **state)
{
	struct splicing s;

	(void)state;
	make(&s, AF_INET, AF_INET);
	world_run(pool_script, &s);
	assert_int_equal(s.n[0], 100);
	assert_int_equal(s.n[1], 0);
	assert_true(s.pooled);
}

/* The pool is bounded, says so, and empties itself once nobody uses it. */
static void bound_script(void *arg)
{
	struct splicing *s = arg;
	struct np_pipe *p[8] = {NULL};
	int before = world_count_fds();

	np_pipe_bound(3);
	for (int i = 0; i < 8; i++) {
		p[i] = pipe_get();
		s->pipes += p[i] != NULL;
	}
	for (int i = 0; i < 8; i++)
		if (p[i] != NULL)
			np_pipe_put(p[i]);
	s->intact = world_count_fds() == before + 6;
	for (int i = 0; i < 40 && world_count_fds() != before; i++)
		np_sleep(100 * NP_MS);
	s->again = world_count_fds() == before;
	np_fd_close(&s->src);
	np_fd_close(&s->dst);
}

static void bounded_and_trimmed(void **state)
{
	struct splicing s = {0};

	(void)state;
	world_run(bound_script, &s);
	assert_int_equal(s.pipes, 3);
	assert_true(s.intact);
	assert_true(s.again);
}

static int no_pipes(int fds[2], int flags)
{
	(void)fds;
	(void)flags;
	errno = EMFILE;
	return -1;
}

static void none_script(void *arg)
{
	struct splicing *s = arg;

	hook.pipe2 = no_pipes;
	s->again = pipe_get() == NULL;
	hook_reset();
	s->pooled = pipe_get() == NULL; /* not asked again at once: each try would cost system calls */
}

static void none_to_be_had(void **state)
{
	struct splicing s = {0};

	(void)state;
	world_run(none_script, &s);
	assert_true(s.again);
	assert_true(s.pooled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N28 N29", every_byte),      ONCE("N28 N29", limit_and_end), ONCE("N30 F41", only_empty_ones),
		ONCE("N30", bounded_and_trimmed), ONCE("N30", none_to_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
