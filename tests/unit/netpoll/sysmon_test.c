/* The watchdog, on real threads and the real clock: it waits, the tests wait for it, under one
 * deadline. */
#include "netpoll/worker.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/kit/kit.h"

#define LIMIT (60 * NP_MS)

static _Atomic unsigned told[2];
static _Atomic int64_t told_ns;
static const char *_Atomic told_name;

static void on_stall(unsigned id, int64_t ns, const char *running)
{
	told_ns = ns;
	told_name = running;
	told[id]++;
}

static void forget(void)
{
	told[0] = told[1] = 0;
	told_ns = 0;
	told_name = NULL;
}

static bool told_enough(void *arg)
{
	return told[1] >= *(unsigned *)arg;
}

static unsigned id_of_self(void)
{
	return np_self()->opts.id;
}

/* Holds the core until the watchdog has told it (or the deadline has passed), lets the loop turn,
 * and does it again. */
static void hog(void *arg)
{
	unsigned episodes = *(unsigned *)arg;

	for (unsigned i = 1; i <= episodes; i++) {
		int64_t end = np_nanotime() + KIT_MS * NP_MS;

		while (told[id_of_self()] < i && np_nanotime() < end)
			;
		np_sleep(NP_MS);
	}
}

/* One long episode: as long as all of worker 1's. */
static void hog_on(void *arg)
{
	int64_t end = np_nanotime() + KIT_MS * NP_MS;

	while (told[1] < *(unsigned *)arg && np_nanotime() < end)
		;
}

static void nothing_to_do(void *arg)
{
	(void)arg;
}

static void start(struct np_worker **w, uint16_t id, void (*fn)(void *arg), void *arg)
{
	struct np_worker_opts opts = {.name = "w", .id = id, .cpu = -1, .main = fn, .arg = arg};

	assert_int_equal(np_worker_start(w, &opts), 0);
}

static bool is_asleep(void *arg)
{
	return RELAXED_GET(((struct np_worker *)arg)->asleep) != 0;
}

static void start_idle(struct np_worker **w)
{
	start(w, 0, nothing_to_do, NULL);
	assert_true(kit_wait(is_asleep, *w, KIT_MS));
}

static void end(struct np_worker *w)
{
	np_worker_stop(w);
	np_worker_join(w);
}

static void a_held_core_is_told_in_each_episode(void **state)
{
	unsigned episodes = 2;
	struct np_worker *w[2];
	struct np_sysmon *s;

	(void)state;
	forget();
	start_idle(&w[0]);
	start(&w[1], 1, hog, &episodes);
	assert_int_equal(np_sysmon_start(&s, w, 2, LIMIT, on_stall), 0);
	assert_true(kit_wait(told_enough, &episodes, KIT_MS));
	assert_true(told_ns >= LIMIT);
	assert_non_null(told_name);
	assert_string_equal(told_name, "w");
	end(w[1]);
	np_sysmon_stop(s);
	assert_int_equal(told[0], 0); /* asleep all the time */
	end(w[0]);
}

static void a_long_episode_is_told_once(void **state)
{
	unsigned episodes = 3;
	struct np_worker *w[2];
	struct np_sysmon *s;

	(void)state;
	forget();
	start(&w[0], 0, hog_on, &episodes);
	start(&w[1], 1, hog, &episodes);
	assert_int_equal(np_sysmon_start(&s, w, 2, LIMIT, on_stall), 0);
	assert_true(kit_wait(told_enough, &episodes, KIT_MS));
	np_sysmon_stop(s);
	assert_int_equal(told[0], 1);
	end(w[0]);
	end(w[1]);
}

/* Until the hog on worker 1 is told, far more than the limit has passed for worker 0, whose loop
 * has ended. */
static void a_worker_that_has_ended_is_not_stalled(void **state)
{
	unsigned episodes = 4;
	struct np_worker *w[2];
	struct np_sysmon *s;

	(void)state;
	forget();
	start_idle(&w[0]);
	np_worker_stop(w[0]);
	start(&w[1], 1, hog, &episodes);
	assert_int_equal(np_sysmon_start(&s, w, 2, LIMIT, on_stall), 0);
	assert_true(kit_wait(told_enough, &episodes, KIT_MS));
	np_sysmon_stop(s);
	assert_int_equal(told[0], 0);
	np_worker_join(w[0]);
	end(w[1]);
}

/* One that never turns, seen from the first look on, is late since then and not since the
 * machine's boot. */
static void time_counts_from_the_start_of_the_watch(void **state)
{
	static struct np_worker never = {.magic = WORKER_MAGIC, .opts.id = 1};
	struct np_worker *w = &never;
	struct np_sysmon *s;
	unsigned once = 1;
	int64_t began = np_nanotime();

	(void)state;
	forget();
	assert_int_equal(np_sysmon_start(&s, &w, 1, LIMIT, on_stall), 0);
	assert_true(kit_wait(told_enough, &once, KIT_MS));
	np_sysmon_stop(s);
	assert_true(told_ns >= LIMIT);
	assert_true(told_ns <= np_nanotime() - began);
	assert_string_equal(told_name, "the loop itself");
	assert_int_equal(told[1], 1);
}

static int64_t silence_of(const struct np_worker *w)
{
	struct np_worker_stats st;

	np_worker_stats(w, &st);
	return st.silent;
}

static bool is_silent(void *arg)
{
	return silence_of(arg) > 0;
}

static bool is_well(void *arg)
{
	return silence_of(arg) == 0;
}

static _Atomic bool let_go;

static void hold_until_let_go(void *arg)
{
	(void)arg;
	while (!let_go)
		;
}

static void o6_silence_is_seen_while_it_lasts(void **state)
{
	struct np_worker *w;
	struct np_sysmon *s;

	(void)state;
	forget();
	let_go = false;
	start(&w, 1, hold_until_let_go, NULL);
	assert_int_equal(np_sysmon_start(&s, &w, 1, LIMIT, on_stall), 0);
	assert_true(kit_wait(is_silent, w, KIT_MS));
	let_go = true;
	assert_true(kit_wait(is_well, w, KIT_MS));
	np_sysmon_stop(s);
	end(w);
}

static void ignore_msg(struct np_msg *m)
{
	(void)m;
}

/* Asleep for ever with a message that nobody took: its wake-up was lost. */
static void o6_an_unread_message_is_silence(void **state)
{
	static struct np_worker never = {.magic = WORKER_MAGIC, .opts.id = 1, .asleep = 1};
	struct np_msg m = {.fn = ignore_msg};
	struct np_worker *w = &never;
	struct np_sysmon *s;
	unsigned once = 1;

	(void)state;
	forget();
	inbox_init(&never.inbox);
	assert_true(inbox_post(&never.inbox, &m));
	assert_int_equal(np_sysmon_start(&s, &w, 1, LIMIT, on_stall), 0);
	assert_true(kit_wait(told_enough, &once, KIT_MS));
	np_sysmon_stop(s);
	assert_true(silence_of(w) >= LIMIT);
}

/* True when a thread called "sysmon" sleeps: it waits for its next look. */
static bool watchdog_waits(void *arg)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *t;
	char path[64], stat[128];
	bool waits = false;

	(void)arg;
	while (tasks != NULL && !waits && (t = readdir(tasks)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", t->d_name);
		kit_file_read(path, stat, sizeof(stat));
		waits = strstr(stat, "(sysmon) S") != NULL;
	}
	if (tasks != NULL)
		closedir(tasks);
	return waits;
}

/* It does not wait for its next look: an hour would be over the deadline of any test. */
static void stop_does_not_wait(void **state)
{
	struct np_worker *w;
	struct np_sysmon *s;
	int64_t began = np_nanotime();

	(void)state;
	forget();
	start(&w, 0, nothing_to_do, NULL);
	assert_int_equal(np_sysmon_start(&s, &w, 1, 3600 * NP_S, on_stall), 0);
	assert_true(kit_wait(watchdog_waits, NULL, KIT_MS));
	np_sysmon_stop(s);
	end(w);
	assert_true(np_nanotime() - began < KIT_MS * NP_MS);
	assert_int_equal(told[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_held_core_is_told_in_each_episode),
		cmocka_unit_test(a_long_episode_is_told_once),
		cmocka_unit_test(a_worker_that_has_ended_is_not_stalled),
		cmocka_unit_test(time_counts_from_the_start_of_the_watch),
		cmocka_unit_test(stop_does_not_wait),
		cmocka_unit_test(o6_silence_is_seen_while_it_lasts),
		cmocka_unit_test(o6_an_unread_message_is_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
