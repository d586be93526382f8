/* Sockets that systemd has opened before us: used by their name, held over generations, left to systemd at the end
 * (P25). The test holds them, as systemd does, and passes them to each start. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpoll/addr.h"
#include "tests/flow/kit/service.h"

static int ports[3];
static int server;

/* Three sockets, which the children get as 3, 4 and 5. */
static void set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < array_len(ports); i++) {
		ports[i] = 0;
		kit_pass[i] = kit_listen(kit_ip((int)i), &ports[i], 128);
	}
	kit_npass = array_len(ports);
	server = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < kit_npass; i++)
		close(kit_pass[i]);
	kit_npass = 0;
	return kit_end(state);
}

static const char *config(const char *binds, const char *more)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: l, bind: [%s], upstream: u}\n%s"
				 "upstreams:\n  - {name: u, servers: [\"%s:%d\"]}\n",
		     binds, more, kit_ip(0), server);
}

static const char *passes(const char *names)
{
	return textf("env LISTEN_PID=$$ LISTEN_FDS=%u LISTEN_FDNAMES=%s", kit_npass, names);
}

static void served_at(int i)
{
	end_orderly(served(kit_ip(i), ports[i]));
}

/* All of one name, in their order, and one of another; no child could believe that they are his. */
static void p25_by_name_in_order(void **state)
{
	struct kit_staunch *s;
	char text[8192];

	set_up(state);
	s = start_by(passes("web:web:api"), config("\"systemd:web\", \"systemd:api\"", ""));
	for (int i = 0; i < 3; i++)
		served_at(i);
	kit_file_read(s->child->err, text, sizeof(text));
	assert_true(strstr(text, textf("listening on %s:%d", kit_ip(0), ports[0])) <
		    strstr(text, textf("listening on %s:%d", kit_ip(1), ports[1])));
	assert_true(strstr(text, textf("listening on %s:%d", kit_ip(1), ports[1])) <
		    strstr(text, textf("listening on %s:%d", kit_ip(2), ports[2])));
	assert_null(strstr(text, "passed_unused"));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* One that no bind names is closed with a warning; an address finds its socket without a name. */
static void p25_unused_and_by_address(void **state)
{
	struct kit_staunch *s;

	set_up(state);
	s = start_by(passes("web:stray:api"), config(textf("\"systemd:web\", \"%s:%d\"", kit_ip(2), ports[2]), ""));
	kit_staunch_wait_err(s, textf("systemd passed stray at %s:%d, which no bind names", kit_ip(1), ports[1]), 1);
	served_at(0);
	served_at(2);
	/* With the test's own copy the last one is closed. */
	assert_true(dup2(kit_pass[0], kit_pass[1]) >= 0);
	assert_int_equal(kit_try_connect(kit_ip(1), ports[1]), -ECONNREFUSED);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* Each start that must fail names the bind and what is wrong. */
static void p25_start_errors(void **state)
{
	static const struct {
		const char *names, *bind, *why;
		int type; /* of the third; 0: a file */
	} rows[] = {
		{"web:api:x", "systemd:wep", "systemd:wep (line 4): systemd passed no socket of", SOCK_STREAM},
		{"web:api:udp", "systemd:udp", "cannot use systemd:udp (line 4): it is no stream socket", SOCK_DGRAM},
		{"web:api:idle", "systemd:idle", "cannot use systemd:idle (line 4): it does not listen", SOCK_STREAM},
		{"web:api:file", "systemd:file", "cannot use systemd:file (line 4): it is no socket", 0},
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_staunch *s;
		char text[8192];

		set_up(state);
		close(kit_pass[2]);
		kit_pass[2] = rows[i].type != 0 ? socket(AF_INET, rows[i].type, 0) : dup(0);
		s = spawn_by(passes(rows[i].names), config(textf("\"%s\"", rows[i].bind), ""));
		assert_int_equal(kit_child_wait(s->child), 1);
		kit_file_read(s->child->err, text, sizeof(text));
		expect_part(text, strchr(rows[i].why, '('));
		tear_down(state);
	}
	set_up(state);
	assert_int_equal(kit_child_wait(spawn_by(textf("env LISTEN_PID=1 LISTEN_FDS=3 LISTEN_FDNAMES=web:a:b"),
						 config("\"systemd:web\"", ""))->child), 1);
}

/* A reload that no longer names a socket closes ours and not systemd's: clients wait there, and a later generation that
 * names it again serves them. */
static void p25_held_for_later_generations(void **state)
{
	struct kit_staunch *s;
	int waits;

	set_up(state);
	s = start_by(passes("web:api:x"), config("\"systemd:web\", \"systemd:api\", \"systemd:x\"", ""));
	served_at(1);
	generation_from(s, 2, config("\"systemd:web\"", ""));
	kit_staunch_wait_err(s, textf("no longer listening on %s:%d", kit_ip(1), ports[1]), 1);
	waits = kit_connect(kit_ip(1), ports[1]);
	generation_from(s, 3, config("\"systemd:web\", \"systemd:api\"", ""));
	still_works(waits);
	end_orderly(waits);
	served_at(0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* From one process to the next, with clients who come while there is none: nobody is refused. */
static void p25_a_restart_refuses_nobody(void **state)
{
	struct kit_staunch *s;
	int fds[20];

	set_up(state);
	s = start_by(passes("web:web:web"), config("\"systemd:web\"", ""));
	served_at(0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	for (unsigned i = 0; i < array_len(fds); i++)
		fds[i] = kit_connect(kit_ip((int)i % 3), ports[i % 3]);
	s = start_by(passes("web:web:web"), config("\"systemd:web\"", ""));
	for (unsigned i = 0; i < array_len(fds); i++) {
		still_works(fds[i]);
		end_orderly(fds[i]);
	}
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p25_by_name_in_order, tear_down),
		cmocka_unit_test_teardown(p25_unused_and_by_address, tear_down),
		cmocka_unit_test_teardown(p25_start_errors, tear_down),
		cmocka_unit_test_teardown(p25_held_for_later_generations, tear_down),
		cmocka_unit_test_teardown(p25_a_restart_refuses_nobody, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
