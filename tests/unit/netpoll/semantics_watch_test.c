/* What standing at a descriptor means to a task, on real sockets and the real poller: the task
 * forms of N5, N11, N12, N15 and N26. A task runs on the loop, tries until it would wait, and is
 * told when another attempt is due. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

/* A task that reads, or writes, whenever it is told to; it notes what each watch and the last
 * attempt said. */
struct worker_task {
	struct np_g g;
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	enum np_mode mode;
	int runs, attempts, watched; /* watched: the last answer of np_fd_watch */
	ssize_t last;
	size_t bytes;
	bool at_both_sides, closes_itself;
	struct np_event ended;
};

static char block[1 << 16];

static void attempt(struct worker_task *t)
{
	do {
		t->last = t->mode == NP_READ ? np_fd_try_read(&t->fd, block, sizeof(block))
					     : np_fd_try_write(&t->fd, block, sizeof(block));
		t->attempts++;
		t->bytes += t->last > 0 ? (size_t)t->last : 0;
	} while (t->last > 0);
}

static void end(struct worker_task *t)
{
	np_event_set(&t->ended);
	if (t->closes_itself) {
		np_fd_close(&t->fd);
		return;
	}
	np_fd_unwatch(&t->fd, &t->g);
	np_task_fini(&t->g);
}

static void task_run(struct np_g *g)
{
	struct worker_task *t = container_of(g, struct worker_task, g);

	t->runs++;
	t->watched = np_fd_watch(&t->fd, t->mode, g);
	if (t->at_both_sides && t->watched >= 0)
		t->watched |= np_fd_watch(&t->fd, NP_WRITE, g) > 0 ? 2 : 0;
	if (t->watched == 1)
		attempt(t);
	if (t->watched < 0 || t->last == 0)
		end(t);
}

static const struct np_task_type task_type = {.name = "task", .fn = task_run};

/* The task stands there and has found nothing to do. */
static void start(struct worker_task *t)
{
	adopt(&t->fd, t->raw[0]);
	t->last = -NP_EAGAIN;
	np_task_init(&t->g, &task_type);
	t->watched = np_fd_watch(&t->fd, t->mode, &t->g);
	if (t->at_both_sides)
		t->watched = np_fd_watch(&t->fd, NP_WRITE, &t->g);
}

static struct worker_task task_of(int family, enum np_mode mode)
{
	struct worker_task t = {.mode = mode};

	make_pair(family, t.raw);
	return t;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void act_send(void *arg)
{
	(void)!send(((struct worker_task *)arg)->raw[1], "x", 1, 0);
}

static void act_end(void *arg)
{
	shutdown(((struct worker_task *)arg)->raw[1], SHUT_WR);
}

static void data_script(void *arg)
{
	struct worker_task *t = arg;

	start(t);
	wake(1 * NP_MS, act_send, t);
	wake(5 * NP_MS, act_send, t);
	wake(10 * NP_MS, act_end, t);
	np_event_wait(&t->ended);
	np_fd_close(&t->fd);
}

static void a_task_is_told_of_data_and_of_the_end(void **state)
{
	static const int families[] = {AF_INET, AF_UNIX};

	(void)state;
	for (size_t i = 0; i < array_len(families); i++) {
		struct worker_task t = task_of(families[i], NP_READ);

		world_run(data_script, &t);
		close(t.raw[1]);
		assert_int_equal(t.bytes, 2);
		assert_int_equal(t.last, 0);
		assert_in_range(t.runs, 1, 4); /* per event, and none in between */
	}
}

static void act_drain(void *arg)
{
	struct worker_task *t = arg;
	char sink[1 << 12];

	while (recv(t->raw[1], sink, sizeof(sink), MSG_DONTWAIT) > 0)
		;
}

static void act_expire_task(void *arg)
{
	act_expire(&((struct worker_task *)arg)->fd);
}

static void room_script(void *arg)
{
	struct worker_task *t = arg;
	size_t full;

	start(t);
	attempt(t);
	full = t->bytes;
	for (int i = 0; i < 3; i++) {
		size_t before = t->bytes;

		wake(0, act_drain, t);
		while (t->bytes == before)
			np_yield();
	}
	wake(0, act_expire_task, t);
	np_event_wait(&t->ended);
	t->bytes -= full;
	np_fd_close(&t->fd);
}

static void a_task_is_told_of_room(void **state)
{
	struct worker_task t = task_of(AF_UNIX, NP_WRITE);

	(void)state;
	world_run(room_script, &t);
	close(t.raw[1]);
	assert_true(t.bytes > 0);
	assert_int_equal(t.last, -NP_EAGAIN);
	assert_int_equal(t.watched, -NP_EDEADLINE);
}

/* ---- deadline, close ------------------------------------------------------------------------- */

static void act_close_task(void *arg)
{
	np_fd_close(&((struct worker_task *)arg)->fd);
}

static void (*ending)(void *arg);

static void ending_script(void *arg)
{
	struct worker_task *t = arg;

	start(t);
	wake(0, ending, t);
	np_event_wait(&t->ended);
	np_fd_close(&t->fd);
}

static void a_task_is_told_of_deadline_and_close(void **state)
{
	static const struct {
		void (*act)(void *arg);
		int watched;
	} rows[] = {{act_expire_task, -NP_EDEADLINE}, {act_close_task, -NP_ECLOSING}};

	(void)state;
	for (size_t i = 0; i < 2 * array_len(rows); i++) {
		struct worker_task t = task_of(AF_INET, i % 2 == 0 ? NP_READ : NP_WRITE);

		ending = rows[i / 2].act;
		world_run(ending_script, &t);
		close(t.raw[1]);
		assert_int_equal(t.watched, rows[i / 2].watched);
		assert_in_range(t.runs, 1, 2); /* a writer is told of the room there was, too */
	}
}

/* The reader's side and the writer's, one task: it is queued once, however many of them ready
 * it. */
static void both_sides_script(void *arg)
{
	struct worker_task *t = arg;

	t->at_both_sides = true;
	start(t);
	while (t->runs == 0)
		np_yield(); /* registering tells of the room there is */
	t->runs = 0;
	wake(0, act_close_task, t);
	np_event_wait(&t->ended);
}

static void a_task_at_both_sides_runs_once(void **state)
{
	struct worker_task t = task_of(AF_INET, NP_READ);

	(void)state;
	world_run(both_sides_script, &t);
	close(t.raw[1]);
	assert_int_equal(t.watched, -NP_ECLOSING);
	assert_int_equal(t.runs, 1);
}

static void own_close_script(void *arg)
{
	struct worker_task *t = arg;

	t->closes_itself = true;
	start(t);
	wake(0, act_end, t);
	np_event_wait(&t->ended);
	np_yield(); /* it would run again if its own close had told it */
	t->watched = np_fd_close(&t->fd);
	np_task_fini(&t->g);
}

static void a_task_may_close_its_own_descriptor(void **state)
{
	struct worker_task t = task_of(AF_INET, NP_READ);

	(void)state;
	world_run(own_close_script, &t);
	close(t.raw[1]);
	assert_int_equal(t.last, 0);
	assert_int_equal(t.watched, -NP_ECLOSING);
	assert_int_equal(t.runs, 1);
}

static void unwatched_script(void *arg)
{
	struct worker_task *t = arg;
	char byte;

	start(t);
	np_fd_unwatch(&t->fd, &t->g);
	wake(0, act_send, t);
	t->last = np_fd_read(&t->fd, &byte, 1); /* a coroutine may stand there now */
	np_task_fini(&t->g);
	np_fd_close(&t->fd);
}

static void who_no_longer_watches_is_not_told(void **state)
{
	struct worker_task t = task_of(AF_INET, NP_READ);

	(void)state;
	world_run(unwatched_script, &t);
	close(t.raw[1]);
	assert_int_equal(t.last, 1);
	assert_int_equal(t.runs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("N12", a_task_is_told_of_data_and_of_the_end),
		BOTH("N26 N11", a_task_is_told_of_room),
		BOTH("N5 N11 N15", a_task_is_told_of_deadline_and_close),
		BOTH("N15", a_task_at_both_sides_runs_once),
		BOTH("N12 N15", a_task_may_close_its_own_descriptor),
		BOTH("N11", who_no_longer_watches_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
