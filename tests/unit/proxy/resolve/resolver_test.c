/* resolver: answers reach the worker that asked, a bounded number of look-ups runs at once, and nobody has to wait. */
#include "proxy/resolve/resolver.h"

#include "tests/unit/proxy/resolve/name_server.h"

#define QUESTIONS 120

/* What the coroutine does and sees; the test judges it afterwards. */
struct asking {
	struct name_server *server;
	struct resolver resolver;
	const char *suffix;
	unsigned n, answered, good, canceled, most;
	bool stopped, on_worker, drop;
	struct resolver_lookup *lookups[QUESTIONS];
	struct np_event all;
	struct np_timer late;
};

static void on_done(struct resolver_lookup *l, void *arg)
{
	struct asking *a = arg;

	a->answered++;
	a->on_worker &= np_self() == a->resolver.worker;
	a->good += l->answer.status == DNS_OK && l->answer.n == 1;
	a->canceled += l->answer.status == DNS_CANCELED;
	if (a->answered == a->n)
		np_event_set(&a->all);
}

static void on_late(struct np_timer *t)
{
	np_event_set(&container_of(t, struct asking, late)->all);
}

static void ask_all(struct asking *a)
{
	a->on_worker = true;
	for (unsigned i = 0; i < a->n; i++) {
		struct dns_question q = {.family = DNS_V4, .timeout = 5 * NP_S, .tries = 2};

		snprintf(q.name, sizeof(q.name), "n%u.%s", i, a->suffix);
		snprintf(q.servers, sizeof(q.servers), "%s", a->server->text);
		a->lookups[i] = resolver_ask(&a->resolver, &q, on_done, a);
		if (a->lookups[i] == NULL)
			return;
	}
}

static void ask_and_wait(void *arg)
{
	struct asking *a = arg;

	resolver_init(&a->resolver, RESOLVER_AT_ONCE);
	ask_all(a);
	a->late.fn = on_late;
	np_timer_set(&a->late, np_deadline_after(KIT_MS * NP_MS));
	np_event_wait(&a->all);
	np_timer_stop(&a->late);
	a->stopped = resolver_stop(&a->resolver);
}

/* Nothing is answered: everything is under way, or waits. */
static void ask_and_leave(void *arg)
{
	struct asking *a = arg;

	resolver_init(&a->resolver, RESOLVER_AT_ONCE);
	ask_all(a);
	while (__atomic_load_n(&a->server->udp, __ATOMIC_RELAXED) == 0)
		np_sleep(NP_MS);
	for (unsigned i = 0; i < a->n && a->drop; i++)
		resolver_drop(a->lookups[i]);
	a->stopped = resolver_stop(&a->resolver);
}

static void run(void (*fn)(void *arg), struct asking *a)
{
	assert_int_equal(np_run(&(struct np_worker_opts){.name = "test", .cpu = -1, .main = fn, .arg = a}), 0);
	assert_true(a->stopped);
}

static void address(struct name_server *s, const struct name_asked *a, struct reply *r)
{
	(void)s;
	reply_addr(r, a->name, 60, "192.0.2.1");
}

static void silence(struct name_server *s, const struct name_asked *a, struct reply *r)
{
	(void)s;
	(void)a;
	r->n = 0;
}

static void answers_come_back_to_the_worker(void **state)
{
	struct name_server s = {.script = address};
	struct asking a = {.server = &s, .suffix = "test", .n = QUESTIONS};

	(void)state;
	name_server_start(&s);
	run(ask_and_wait, &a);
	name_server_stop(&s);
	assert_int_equal(a.answered, QUESTIONS);
	assert_int_equal(a.good, QUESTIONS);
	assert_true(a.on_worker);
}

/* E64: of 120 questions to a silent server 50 are under way, and the rest has not been asked. */
static void e64_no_more_than_50_at_once(void **state)
{
	struct name_server s = {.script = silence};
	struct asking a = {.server = &s, .suffix = "test", .n = QUESTIONS};

	(void)state;
	name_server_start(&s);
	run(ask_and_leave, &a);
	name_server_stop(&s);
	assert_in_range(name_server_asked(&s.udp), 1, RESOLVER_AT_ONCE);
	assert_int_equal(a.answered, QUESTIONS);
	assert_int_equal(a.canceled, QUESTIONS);
}

static void who_dropped_it_hears_nothing(void **state)
{
	struct name_server s = {.script = silence};
	struct asking a = {.server = &s, .suffix = "test", .n = QUESTIONS, .drop = true};

	(void)state;
	name_server_start(&s);
	run(ask_and_leave, &a);
	name_server_stop(&s);
	assert_int_equal(a.answered, 0);
	assert_int_equal(a.resolver.pending, 0);
}

static void leave_at_once(void *arg)
{
	struct asking *a = arg;

	resolver_init(&a->resolver, RESOLVER_AT_ONCE);
	resolver_drop(NULL);
	a->stopped = resolver_stop(&a->resolver);
}

static void without_a_question_there_is_no_thread(void **state)
{
	struct asking a = {.n = 0};

	(void)state;
	run(leave_at_once, &a);
	assert_null(a.resolver.worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(answers_come_back_to_the_worker, kit_end),
		cmocka_unit_test_teardown(e64_no_more_than_50_at_once, kit_end),
		cmocka_unit_test_teardown(who_dropped_it_hears_nothing, kit_end),
		cmocka_unit_test_teardown(without_a_question_there_is_no_thread, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
