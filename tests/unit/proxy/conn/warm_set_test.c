/* warm_set: E53, E54: when what is kept ready to a server is replaced, and what is taken of it. */
#include "tests/unit/proxy/conn/warm_world.h"

/* ---- ends ---- */

static const char *ended_by_server(void)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (!until(keeps, 2))
		return "two are kept";
	np_sleep(NP_S + 100 * NP_MS); /* of the fast clock: what has stood for a second is well */
	close_at(0);
	(void)setsockopt(scene.fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close_at(1);
	return until(keeps, 2) && scene.n == 4 && stats()->refused == 0 ? NULL : "an end and a reset are replaced";
}

static void e53_ended_by_the_server(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	scene.real = nanotime();
	scene.fast = 20;
	run(ended_by_server);
}

/* In the clock's own seconds. */
static const char *growing_pauses(void)
{
	static const int64_t pauses[] = {1, 2, 4, 8, 16, 30, 30};
	int64_t began = np_nanotime(), least = 0, before = 0;

	if (!until(has_failed, 2))
		return "both dials fail";
	for (unsigned i = 0; i < array_len(pauses); i++) {
		before = np_nanotime();
		least += pauses[i] * NP_S;
		if (!until(has_failed, i + 3)) /* from then on one at a time */
			return "it is tried again";
		if (np_nanotime() - began < least)
			return "each pause is twice the one before";
	}
	if (np_nanotime() - before > 55 * NP_S)
		return "up to 30 s";
	if (server_inputs(server_now(world_server(&scene.world, 0))).passive != SERVER_IN ||
	    !passive_is_clean(&world_server(&scene.world, 0)->passive))
		return "it is no failure of the server's";
	return stats()->warm_wanted == 2 ? NULL : "two are wanted";
}

static bool ends_each(unsigned n)
{
	accept_all();
	for (unsigned i = 0; i < scene.n; i++)
		if (scene.fd[i] >= 0)
			close_at(i);
	return scene.n >= n;
}

/* One that takes them and ends them at once is left alone as well; when it takes them, there are two again. */
static const char *ends_at_once(void)
{
	int64_t began = np_nanotime();

	if (!until(ends_each, 8))
		return "it is tried again";
	if (np_nanotime() - began < 3 * NP_S)
		return "and not at once";
	return until(keeps, 2) ? NULL : "two are kept once it takes them";
}

static void e53_pauses(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	close(scene.listener);
	scene.listener = -1;
	scene.real = nanotime();
	scene.fast = 20;
	run(growing_pauses);
	open_scene("warm: {connections: 2, max_age: 1h}");
	scene.real = nanotime();
	scene.fast = 4;
	run(ends_at_once);
}

/* ---- between the pick and the first use ---- */

/* The worker has not polled between the end and the take. */
static const char *dead_when_taken(void)
{
	struct stream one;

	if (!until(keeps, 2))
		return "two are kept";
	(void)!send(scene.fd[0], "220 hello\r\n", 11, 0);
	close_at(0);
	close_at(1);
	if (take(&one))
		return "what has ended is not taken, whatever lies in it";
	if (!until(keeps, 2) || !take(&one))
		return "another one is";
	stream_close(&one);
	return NULL;
}

static void e54_ended_when_it_is_taken(void **state)
{
	(void)state;
	open_scene("warm: {connections: 2, max_age: 1h}");
	run(dead_when_taken);
}

static bool first_has(unsigned n)
{
	char got[16];

	return recv(scene.fd[0], got, sizeof(got), MSG_DONTWAIT | MSG_PEEK) == (ssize_t)n;
}

static const char *greeting_waits(void)
{
	char got[32] = "";
	struct stream one;

	if (!until(keeps, 1))
		return "one is kept";
	(void)!send(scene.fd[0], "220 he", 6, 0);
	if (!looks_again()) /* it has been told that they are there */
		return "the worker looks";
	(void)!send(scene.fd[0], "llo\r\n", 5, 0);
	if (!looks_again() || stats()->warm_idle != 1 || scene.n != 1)
		return "bytes that wait are no end";
	if (!take(&one) || stream_try_read(&one, got, sizeof(got)) != 11 || strcmp(got, "220 hello\r\n") != 0)
		return "who takes it has all of them";
	if (stream_try_write(&one, "EHLO", 4) != 4 || !until(first_has, 4))
		return "and it is that connection";
	stream_close(&one);
	return NULL;
}

static void e54_greeting_is_whole(void **state)
{
	(void)state;
	open_scene("warm: {connections: 1, max_age: 1h}");
	run(greeting_waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e53_ended_by_the_server, kit_end),
		cmocka_unit_test_teardown(e53_pauses, kit_end),
		cmocka_unit_test_teardown(e54_ended_when_it_is_taken, kit_end),
		cmocka_unit_test_teardown(e54_greeting_is_whole, kit_end),
	};

	return cmocka_run_group_tests_name("warm_set", tests, NULL, NULL);
}
