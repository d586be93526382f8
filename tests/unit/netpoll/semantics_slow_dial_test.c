/* A dial that its caller is told of while it still waits: E51. The one that is never answered has a full backlog at its
 * other end. */
#include "tests/kit/kit.h"
#include "tests/unit/netpoll/world.h"

/* There before a test counts descriptors. */
static int hole;

static int make_hole(void **state)
{
	(void)state;
	hole = kit_black_hole("127.0.0.1");
	return 0;
}

struct slow {
	struct np_addr to;
	int calls, got;
	int64_t took;
	struct np_fd fd;
};

/* E51: asked again once. */
static int64_t is_slow(void *arg)
{
	struct slow *s = arg;

	return ++s->calls == 1 ? np_deadline_after(10 * NP_MS) : 0;
}

static void slow_script(void *arg)
{
	struct slow *s = arg;
	int64_t start = np_nanotime();
	struct np_dial_opts o = {
		.deadline = start + 60 * NP_MS,
		.slow = is_slow,
		.slow_at = start + 10 * NP_MS,
		.arg = s,
	};

	s->got = np_dial(&s->fd, &s->to, 1, &o);
	s->took = np_nanotime() - start;
	if (s->got == 0)
		np_fd_close(&s->fd);
}

/* It goes on to its deadline; one that is answered is never slow. */
static void e51_a_slow_dial_goes_on(void **state)
{
	struct slow s = {.to = loopback(hole)};
	int listener;

	(void)state;
	world_run(slow_script, &s);
	assert_int_equal(s.calls, 2);
	assert_int_equal(s.got, -NP_EDEADLINE);
	assert_true(s.took >= 60 * NP_MS);
	s = (struct slow){.calls = 0};
	listener = tcp_listener(&s.to);
	world_run(slow_script, &s);
	assert_int_equal(s.calls, 0);
	assert_int_equal(s.got, 0);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N1", e51_a_slow_dial_goes_on),
	};

	return cmocka_run_group_tests(tests, make_hole, kit_end);
}
