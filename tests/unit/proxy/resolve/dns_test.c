/* dns: names the system knows, names nobody has, and answers nobody waits for. */
#include "proxy/resolve/dns.h"

#include <string.h>

#include "tests/kit/kit.h"

/* What a coroutine asks and sees; the test judges it afterwards. */
struct lookup {
	const char *host;
	int64_t patience; /* ns; 0: closed at once */
	int asked, taken;
	struct dns_answer answer;
};

static void look_up(void *arg)
{
	struct lookup *l = arg;
	struct np_fd fd;

	l->asked = dns_ask(&fd, l->host, 4711);
	if (l->asked != 0)
		return;
	if (l->patience != 0) {
		np_fd_set_deadline(&fd, np_deadline_after(l->patience));
		l->taken = dns_take(&fd, &l->answer);
	}
	np_fd_close(&fd);
}

static void run(struct lookup *l)
{
	assert_int_equal(np_run(&(struct np_worker_opts){.name = "test", .cpu = -1, .main = look_up, .arg = l}), 0);
	assert_int_equal(l->asked, 0);
}

static void a_name_has_addresses(void **state)
{
	struct lookup l = {.host = "localhost", .patience = 10 * NP_S};

	(void)state;
	run(&l);
	assert_int_equal(l.taken, 0);
	assert_int_equal(l.answer.err, 0);
	assert_in_range(l.answer.n, 1, DNS_MOST);
	for (unsigned i = 0; i < l.answer.n; i++) {
		char text[NP_ADDR_TEXT];

		np_addr_format(&l.answer.addr[i].u.sa, l.answer.addr[i].len, text, sizeof(text));
		if (strcmp(text, "127.0.0.1:4711") != 0 && strcmp(text, "[::1]:4711") != 0)
			kit_fail("localhost is %s", text);
	}
}

static void a_name_nobody_has_is_told(void **state)
{
	/* Longer than a label may be: the resolver need not ask anybody. */
	static const char *const host = "an-impossible-name-of-more-than-sixty-three-letters-in-one-label.invalid";
	struct lookup l = {.host = host, .patience = 10 * NP_S};

	(void)state;
	run(&l);
	assert_int_equal(l.taken, 0);
	assert_int_not_equal(l.answer.err, 0);
	assert_true(strlen(dns_text(l.answer.err)) > 0);
}

static void nobody_has_to_wait_for_an_answer(void **state)
{
	struct lookup late = {.host = "localhost", .patience = -1}, gone = {.host = "localhost"};

	(void)state;
	run(&late);
	assert_int_equal(late.taken, -NP_EDEADLINE);
	run(&gone);
	/* The threads have written to nobody, and ended: a further one works as before. */
	a_name_has_addresses(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_name_has_addresses, kit_end),
		cmocka_unit_test_teardown(a_name_nobody_has_is_told, kit_end),
		cmocka_unit_test_teardown(nobody_has_to_wait_for_an_answer, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
