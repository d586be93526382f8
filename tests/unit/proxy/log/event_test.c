/* O18: events: built in a block, posted from any thread, counted where nobody takes them. */
#include "proxy/log/event.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kit/kit.h"

enum { POSTERS = 4, EACH = 2000 };

/* Who keeps them: the last one, and how many. The worker's until it is joined. */
static struct keeper {
	struct event_sink sink;
	struct np_event over;
	struct np_msg end;
	unsigned n;
	struct event *last;
} keeper;

static void keep(struct np_msg *m)
{
	struct event *e = container_of(m, struct event, msg);

	free(keeper.last);
	keeper.last = e;
	keeper.n++;
}

static void on_end(struct np_msg *m)
{
	(void)m;
	np_event_set(&keeper.over);
}

/* A worker that does nothing but take events. */
static void keeper_main(void *arg)
{
	(void)arg;
	np_event_wait(&keeper.over);
}

static void keeper_start(void)
{
	const struct np_worker_opts o = {.name = "keeper", .cpu = -1, .main = keeper_main};

	keeper = (struct keeper){.sink = {.take = keep}, .end = {.fn = on_end}};
	assert_int_equal(np_worker_start(&keeper.sink.worker, &o), 0);
	event_listen(&keeper.sink);
}

/* As admin does: nobody posts any more, then the worker ends. */
static void keeper_stop(void)
{
	event_deafen();
	np_post(keeper.sink.worker, &keeper.end);
	np_worker_stop(keeper.sink.worker);
	np_worker_join(keeper.sink.worker);
}

static int quiet(void **state)
{
	(void)state;
	log_init(LVL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
	return 0;
}

/* An event keeps its facts as members of an object, and its message as it is in the log. */
static void o18_facts_and_message(void **state)
{
	struct event *e;

	(void)state;
	keeper_start();
	e = event_begin();
	assert_non_null(e);
	event_fact(e, "listener", "w\"b\n");
	event_fact(e, "none", NULL);
	event_number(e, "n", -5);
	event_log(e, LVL_INFO, "kind", "message %d", 7);
	keeper_stop();
	e = keeper.last;
	assert_int_equal(keeper.n, 1);
	assert_string_equal(e->kind, "kind");
	assert_string_equal(e->message, "message 7");
	assert_true(e->wall > 1700000000 * NP_S);
	e->bytes[e->nfacts] = '\0'; /* of the message, which was read */
	assert_string_equal(e->bytes, "\"listener\":\"w\\\"b\\u000a\",\"none\":null,\"n\":-5");
	free(e);
}

/* Whole facts are left out, never a part of one. */
static void o18_what_has_no_room_is_left_out(void **state)
{
	char text[EVENT_FACTS + 1], longer[EVENT_MESSAGE + 100];
	struct event *e;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	keeper_start();
	e = event_begin();
	event_number(e, "a", 1);
	event_fact(e, "long", text);
	event_number(e, "b", 2);
	event_log(e, LVL_INFO, "kind", "%s", longer);
	keeper_stop();
	e = keeper.last;
	assert_int_equal(strlen(e->message), EVENT_MESSAGE);
	assert_int_equal(e->nfacts, strlen("\"a\":1,\"b\":2"));
	assert_memory_equal(e->bytes, "\"a\":1,\"b\":2", e->nfacts);
	free(e);
}

/* The log has the line all the same. */
static void o18_without_a_keeper_it_is_counted(void **state)
{
	uint64_t before = event_lost();
	struct event *e;

	(void)state;
	e = event_begin();
	assert_null(e);
	event_fact(e, "a", "b");
	event_number(e, "a", 1);
	event_log(e, LVL_INFO, "kind", "message");
	assert_int_equal(event_lost(), before + 1);
	keeper_start();
	e = event_begin();
	keeper_stop();
	event_log(e, LVL_INFO, "kind", "message"); /* who keeps them has gone meanwhile */
	assert_int_equal(event_lost(), before + 2);
	assert_int_equal(keeper.n, 0);
}

static void *post_many(void *arg)
{
	for (int i = 0; i < EACH; i++) {
		struct event *e = event_begin();

		event_number(e, "i", i);
		event_log(e, LVL_INFO, "kind", "message %d", i);
	}
	return arg;
}

/* From several threads while the keeper comes and goes. */
static void o18_every_event_is_taken_or_counted(void **state)
{
	uint64_t before = event_lost();
	pthread_t posters[POSTERS];

	(void)state;
	keeper_start();
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&posters[i], NULL, post_many, NULL), 0);
	assert_int_equal(pthread_join(posters[0], NULL), 0);
	keeper_stop(); /* while others post */
	for (int i = 1; i < POSTERS; i++)
		assert_int_equal(pthread_join(posters[i], NULL), 0);
	assert_true(keeper.n >= EACH);
	assert_int_equal(keeper.n + (event_lost() - before), POSTERS * EACH);
	free(keeper.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o18_facts_and_message),
		cmocka_unit_test(o18_what_has_no_room_is_left_out),
		cmocka_unit_test(o18_without_a_keeper_it_is_counted),
		cmocka_unit_test(o18_every_event_is_taken_or_counted),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
