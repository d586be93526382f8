/* V18: the forms in which a port of both families is written: each starts, each serves both, and
 * one reload goes from any of them to any other while connections live. */
#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *bound_to(const char *addresses, int server)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: [%s], upstream: app}\n"
				 "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     addresses, kit_ip(0), server);
}

static int server(void)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

static void serves_both(int port)
{
	end_orderly(served("127.0.0.1", port));
	end_orderly(served("::1", port));
}

static void V18_both_wildcards_start(void **state)
{
	int port = kit_port("0.0.0.0");
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_start(bound_to(textf("\"0.0.0.0:%d\", \"[::]:%d\"", port, port), server()));
	serves_both(port);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* In any order, and in listeners of their own: the file as a whole says what [::] means. */
static void V18_two_listeners_share_a_port(void **state)
{
	int port = kit_port("0.0.0.0");
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_start(textf(TWO_WORKERS "listeners:\n  - {name: six, bind: \"[::]:%d\", upstream: app}\n"
						"  - {name: four, bind: \"0.0.0.0:%d\", upstream: app}\n"
						"upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
				    port, port, kit_ip(0), server()));
	serves_both(port);
	kit_staunch_wait_log(s, "listener\":\"four\"", 1);
	kit_staunch_wait_log(s, "listener\":\"six\"", 1);
	assert_int_equal(kit_staunch_log(s, "::ffff"), 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* Alone, [::] is what it always was: both families. */
static void V18_one_wildcard_is_dual(void **state)
{
	int port = kit_port("0.0.0.0");
	struct kit_staunch *s;

	(void)state;
	s = kit_staunch_start(bound_to(textf("\"[::]:%d\"", port), server()));
	serves_both(port);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void V18_reload_between_the_forms(void **state)
{
	int port = kit_port("0.0.0.0"), app = server(), n = 1, lives[2];
	char forms[4][128];
	struct kit_staunch *s;

	(void)state;
	snprintf(forms[0], sizeof(forms[0]), "\":%d\"", port);
	snprintf(forms[1], sizeof(forms[1]), "\"0.0.0.0:%d\", \"[::]:%d\"", port, port);
	snprintf(forms[2], sizeof(forms[2]), "\"127.0.0.1:%d\", \"[::1]:%d\"", port, port);
	snprintf(forms[3], sizeof(forms[3]), "\":%d\", \"127.0.0.1:%d\"", port, port);
	s = kit_staunch_start(bound_to(forms[0], app));
	lives[0] = served("127.0.0.1", port);
	lives[1] = served("::1", port);
	for (size_t from = 0; from < array_len(forms); from++)
		for (size_t to = 0; to < array_len(forms); to++) {
			if (from == to)
				continue;
			generation_from(s, ++n, bound_to(forms[from], app));
			generation_from(s, ++n, bound_to(forms[to], app));
			serves_both(port);
		}
	for (int i = 0; i < 2; i++) {
		still_works(lives[i]);
		end_orderly(lives[i]);
	}
	assert_int_equal(kit_file_count(s->child->err, "listen_failed"), 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* An address that another process holds stays refused, whatever of ours has the port. */
static void V18_a_stranger_is_not_shared_with(void **state)
{
	int port = kit_port("127.0.0.1"), stranger, app = server();
	struct kit_staunch *s;

	(void)state;
	stranger = kit_listen("127.0.0.1", &port, 8);
	s = kit_staunch_start(bound_to(textf("\"[::1]:%d\"", port), app));
	kit_staunch_rewrite(s, bound_to(textf("\"[::1]:%d\", \"127.0.0.1:%d\"", port, port), app));
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "another process holds it", 1);
	end_orderly(served("::1", port));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	close(stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(V18_both_wildcards_start, kit_end),
		cmocka_unit_test_teardown(V18_two_listeners_share_a_port, kit_end),
		cmocka_unit_test_teardown(V18_one_wildcard_is_dual, kit_end),
		cmocka_unit_test_teardown(V18_reload_between_the_forms, kit_end),
		cmocka_unit_test_teardown(V18_a_stranger_is_not_shared_with, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
