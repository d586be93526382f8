/* V8: signals are pending bits: none is lost, none counts twice, and an order to stop comes first.
 */
#include "proxy/control/signals.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "netpoll/netpoll.h"

static int seen[16];
static int nseen;
static bool pended;

static void take(unsigned mask)
{
	int event = signals_wait(mask, np_deadline_after(0));

	seen[nseen++] = event;
}

/* A cmocka assertion must not end a coroutine, so it only notes what it sees. */
static void script(void *arg)
{
	(void)arg;
	if (signals_start() != 0)
		return;
	for (int i = 0; i < 1000; i++)
		raise(SIGHUP);
	raise(SIGUSR1);
	for (int i = 0; i < 1000; i++)
		signals_raise(SIGNALS_WORK);
	raise(SIGTERM);
	pended = signals_pending(SIGNALS_STOP);
	take(SIGNALS_BIT(SIGUSR1)); /* the others stay */
	take(SIGNALS_BIT(SIGUSR1));
	for (int i = 0; i < 4; i++)
		take(SIGNALS_ORDERS | SIGNALS_BIT(SIGNALS_WORK));
	raise(SIGINT); /* behind all the bytes that were never read */
	seen[nseen++] = signals_wait(SIGNALS_STOP, 0);
	signals_stop();
}

static void bits_and_a_bell(void **state)
{
	static const int expected[] = {SIGUSR1, -NP_EDEADLINE, SIGTERM, SIGNALS_WORK, SIGHUP,
				       -NP_EDEADLINE, SIGINT};
	const struct np_worker_opts o = {.name = "control", .id = 1, .cpu = -1, .main = script};

	(void)state;
	assert_int_equal(signals_open(), 0);
	assert_int_equal(np_run(&o), 0);
	assert_true(pended);
	assert_int_equal(nseen, array_len(expected));
	for (int i = 0; i < nseen; i++)
		assert_int_equal(seen[i], expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_and_a_bell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
