/* Workers as threads: start, stop, messages, time. The turns of the loop in detail, on a clock
 * that stands still: tests/sim. K14 and N34 with real threads; F13. */
#include "netpoll/worker.h"

#include <sched.h>

#include "netpoll/hook.h"
#include "tests/unit/netpoll/dies.h"

static int tear_down(void **state)
{
	(void)state;
	hook_reset();
	return 0;
}

/* ---- np_run ---------------------------------------------------------------------------------- */

static struct {
	struct np_worker *self;
	int64_t before, now, after;
	unsigned ended;
	struct np_worker_stats stats;
} seen;

static void child(void *arg)
{
	np_sleep((int64_t)(uintptr_t)arg);
	seen.ended++;
}

static void main_with_children(void *arg)
{
	(void)arg;
	seen.self = np_self();
	seen.before = np_nanotime();
	np_sleep(2 * NP_MS);
	seen.now = np_now();
	seen.after = np_nanotime();
	for (uintptr_t i = 0; i < 5; i++)
		CHECK(np_go("child", child, (void *)(i * NP_MS)) == 0, "a stack");
	np_worker_stats(np_self(), &seen.stats);
	seen.ended++;
}

static void run_returns_when_all_have_ended(void **state)
{
	struct np_worker_opts opts = {.name = "run", .cpu = -1, .main = main_with_children};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_null(np_self());
	assert_int_equal(np_run(&opts), 0);
	assert_null(np_self());
	assert_non_null(seen.self);
	assert_int_equal(seen.ended, 6);
	assert_true(seen.now >= seen.before + 2 * NP_MS); /* never early: K15 */
	assert_true(seen.now <= seen.after);
	assert_int_equal(seen.stats.coroutines, 6);
	assert_int_equal(seen.stats.runnable, 5);
	assert_true(seen.stats.runs >= 2 && seen.stats.turns >= 2 && seen.stats.polls >= 1);
}

static struct {
	struct np_g task;
	struct np_msg m;
	bool message;
	unsigned turns;
} last;

#define LAST_TURNS 200 /* more than one turn of the loop takes */

static void last_turn(struct np_g *g)
{
	if (++last.turns < LAST_TURNS)
		np_ready(g);
	else
		np_task_fini(g);
}

static void last_message(struct np_msg *m)
{
	static const struct np_task_type type = {.name = "last", .fn = last_turn};

	(void)m;
	last.message = true;
	np_task_init(&last.task, &type);
	np_ready(&last.task);
}

static void leave_work(void *arg)
{
	(void)arg;
	last.m.fn = last_message;
	np_post(np_self(), &last.m);
}

static void what_is_queued_at_the_end_still_happens(void **state)
{
	struct np_worker_opts opts = {.name = "last", .cpu = -1, .main = leave_work};

	(void)state;
	memset(&last, 0, sizeof(last));
	assert_int_equal(np_run(&opts), 0);
	assert_true(last.message);
	assert_int_equal(last.turns, LAST_TURNS);
}

/* ---- a thread of its own --------------------------------------------------------------------- */

struct place {
	char name[32];
	cpu_set_t cpus;
	struct np_worker *self;
};

static void look_around(void *arg)
{
	struct place *p = arg;

	pthread_getname_np(pthread_self(), p->name, sizeof(p->name));
	pthread_getaffinity_np(pthread_self(), sizeof(p->cpus), &p->cpus);
	p->self = np_self();
	np_sleep(5 * NP_MS);
}

/* Stop asks; the last coroutine decides. */
static void a_worker_has_its_name_its_cpu_and_its_time_to_end(void **state)
{
	struct place place = {.self = NULL};
	struct np_worker_opts opts = {.name = "w7", .id = 7, .cpu = -1, .main = look_around};
	struct np_worker *w;
	cpu_set_t allowed;

	(void)state;
	opts.arg = &place;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)++opts.cpu, &allowed))
		;
	assert_int_equal(np_worker_start(&w, &opts), 0);
	np_worker_stop(w);
	np_worker_stop(w); /* asking twice is asking once */
	np_worker_join(w);
	assert_string_equal(place.name, "w7");
	assert_ptr_equal(place.self, w);
	assert_int_equal(CPU_COUNT(&place.cpus), 1);
	assert_true(CPU_ISSET((size_t)opts.cpu, &place.cpus));
}

static void a_cpu_that_does_not_exist_is_no_reason_to_fail(void **state)
{
	struct place place = {.self = NULL};
	struct np_worker_opts opts = {.name = "w", .cpu = CPU_SETSIZE - 1, .main = look_around};
	struct np_worker *w;

	(void)state;
	opts.arg = &place;
	assert_int_equal(np_worker_start(&w, &opts), 0);
	np_worker_stop(w);
	np_worker_join(w);
	assert_true(CPU_COUNT(&place.cpus) >= 1);
}

/* ---- starting fails at each of its calls ----------------------------------------------------- */

static int maps, unmaps, opened, closed, calls, fail_at;

static bool fails_now(void)
{
	if (++calls != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

static void *mmap_or_fail(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	if (fails_now())
		return MAP_FAILED;
	maps++;
	return mmap(p, n, prot, flags, fd, off);
}

static int munmap_counted(void *p, size_t n)
{
	unmaps++;
	return munmap(p, n);
}

static int create_or_fail(int flags)
{
	if (fails_now())
		return -1;
	opened++;
	return epoll_create1(flags);
}

static int eventfd_or_fail(unsigned int initval, int flags)
{
	if (fails_now())
		return -1;
	opened++;
	return eventfd(initval, flags);
}

static int close_counted(int fd)
{
	closed++;
	return close(fd);
}

static void nothing_to_do(void *arg)
{
	(void)arg;
}

static void a_start_that_fails_leaves_nothing(void **state)
{
	struct np_worker_opts opts = {.name = "w", .cpu = -1, .main = nothing_to_do};
	int err = -1;

	(void)state;
	hook.mmap = mmap_or_fail;
	hook.munmap = munmap_counted;
	hook.epoll_create1 = create_or_fail;
	hook.eventfd = eventfd_or_fail;
	hook.close = close_counted;
	for (fail_at = 1; fail_at < 20 && err != 0; fail_at++) {
		maps = unmaps = opened = closed = calls = 0;
		err = np_run(&opts);
		assert_int_equal(maps, unmaps);
		assert_int_equal(opened, closed);
		assert_true(err == 0 || err == -NP_ENOMEM);
		assert_null(np_self());
	}
	assert_int_equal(err, 0);
	assert_in_range(fail_at, 5, 19); /* the worker, its stacks, epoll and eventfd have failed */
}

/* ---- messages -------------------------------------------------------------------------------- */

#define POSTERS 3
#define EACH    5000

struct letter {
	struct np_msg m;
	unsigned poster, number;
};

static struct letter letters[POSTERS][EACH];
static unsigned next_of[POSTERS], misplaced;
static _Atomic unsigned arrived;
static struct np_worker *reader;

static void read_letter(struct np_msg *m)
{
	struct letter *l = container_of(m, struct letter, m);

	misplaced += l->number != next_of[l->poster]++;
	misplaced += np_self() != reader || np_current() != NULL;
	arrived++;
}

static void *post_all(void *arg)
{
	struct letter *mine = arg;

	for (unsigned i = 0; i < EACH; i++) {
		mine[i].m.fn = read_letter;
		mine[i].number = i;
		np_post(reader, &mine[i].m);
	}
	return NULL;
}

/* N34: no wake-up is lost, or the join would never come back; and each poster's messages keep
 * their order. */
static void every_message_arrives_in_order(void **state)
{
	struct np_worker_opts opts = {.name = "reader", .cpu = -1, .main = nothing_to_do};
	pthread_t posters[POSTERS];

	(void)state;
	arrived = misplaced = 0;
	memset(next_of, 0, sizeof(next_of));
	assert_int_equal(np_worker_start(&reader, &opts), 0);
	for (unsigned p = 0; p < POSTERS; p++) {
		for (unsigned i = 0; i < EACH; i++)
			letters[p][i].poster = p;
		assert_int_equal(pthread_create(&posters[p], NULL, post_all, letters[p]), 0);
	}
	for (unsigned p = 0; p < POSTERS; p++)
		pthread_join(posters[p], NULL);
	np_worker_stop(reader); /* behind the last message */
	np_worker_join(reader);
	assert_int_equal(arrived, POSTERS * EACH);
	assert_int_equal(misplaced, 0);
}

/* Two workers, each asleep until the other's message comes: every single one must wake. */
#define SERVES 4001 /* odd: who is joined first hits last */

static struct np_worker *players[2];
static struct np_msg ball;
static unsigned serves;

static void hit(struct np_msg *m)
{
	struct np_worker *other = np_self() == players[0] ? players[1] : players[0];

	if (++serves == SERVES) {
		np_worker_stop(players[0]);
		np_worker_stop(players[1]);
		return;
	}
	np_post(other, m);
}

static void a_sleeping_worker_is_woken_by_each_message(void **state)
{
	struct np_worker_opts opts = {.name = "player", .cpu = -1, .main = nothing_to_do};

	(void)state;
	serves = 0;
	ball.fn = hit;
	for (uint16_t i = 0; i < 2; i++) {
		opts.id = i;
		assert_int_equal(np_worker_start(&players[i], &opts), 0);
	}
	np_post(players[0], &ball);
	np_worker_join(players[0]);
	np_worker_join(players[1]);
	assert_int_equal(serves, SERVES);
}

/* ---- idle: F13 ------------------------------------------------------------------------------- */

static struct np_worker_stats before, after;

static void sleep_a_little(void *arg)
{
	(void)arg;
	np_worker_stats(np_self(), &before);
	np_sleep(30 * NP_MS);
	np_worker_stats(np_self(), &after);
}

static void an_idle_loop_does_not_turn(void **state)
{
	struct np_worker_opts opts = {.name = "idle", .cpu = -1, .main = sleep_a_little};

	(void)state;
	assert_int_equal(np_run(&opts), 0);
	assert_in_range(after.polls - before.polls, 1, 3);
	assert_in_range(after.turns - before.turns, 1, 3);
}

static size_t deepest;

static void measure(void *arg)
{
	(void)arg;
	deepest = np_stack_census();
	np_worker_stats(np_self(), &after);
}

static void the_census_is_in_the_stats(void **state)
{
	struct np_worker_opts opts = {.name = "census", .cpu = -1, .main = measure};

	(void)state;
	assert_int_equal(np_run(&opts), 0);
	assert_in_range(deepest, 1, STACK_SIZE);
	assert_int_equal(after.stack_deepest, deepest);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(run_returns_when_all_have_ended),
		TEST(what_is_queued_at_the_end_still_happens),
		TEST(a_worker_has_its_name_its_cpu_and_its_time_to_end),
		TEST(a_cpu_that_does_not_exist_is_no_reason_to_fail),
		TEST(a_start_that_fails_leaves_nothing),
		TEST(every_message_arrives_in_order),
		TEST(a_sleeping_worker_is_woken_by_each_message),
		TEST(an_idle_loop_does_not_turn),
		TEST(the_census_is_in_the_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
