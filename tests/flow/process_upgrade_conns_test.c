/* Another program takes over, and connections move to it: P16, P24, P34, P35, P37. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade.h"

#define MOVED   150 /* more than one message carries */
#define STREAMS 6

/* The old process has nothing left, so it ends at once; each connection is there in the next one, and in the one
 * after. */
static void p16_connections_move(void **state)
{
	struct world w = world_started();
	int fds[MOVED];

	(void)state;
	for (int i = 0; i < MOVED; i++)
		fds[i] = served(kit_ip(0), w.port);
	for (int round = 0; round < 4; round++) {
		pid_t old = w.pid;
		const char *said = control_verb(0, "upgrade --json --socket $S");

		expect_part(said, textf("\"moved\":%d,\"left\":0", MOVED));
		w.pid = pid_in(said);
		assert_int_equal(wait_for_end(&w, old), 0);
		for (int i = 0; i < MOVED; i++)
			still_works(fds[i]);
	}
	for (int i = 0; i < MOVED; i++)
		end_orderly(fds[i]);
	stop(&w);
}

/* Both ways all the time, from one process to the next. */
struct stream {
	pthread_t thread;
	int fd;
	uint64_t seed, passed;
	bool stop; /* atomic */
	int err;
};

static int stream_piece(struct stream *s, uint8_t *out, uint8_t *in, size_t n)
{
	int err;
	ssize_t got;

	kit_stream_fill(s->seed, s->passed, out, n);
	err = kit_io_write(s->fd, out, n);
	if (err != 0)
		return err;
	got = kit_io_read_all(s->fd, in, n);
	if (got != (ssize_t)n)
		return got < 0 ? (int)got : -EPIPE;
	return kit_stream_same(s->seed, s->passed, in, n) ? 0 : -EIO;
}

static void *stream_on(void *arg)
{
	static const size_t sizes[] = {1, 700, 40000, 64};
	struct stream *s = arg;
	uint8_t *out = malloc(40000), *in = malloc(40000);

	for (unsigned i = 0; !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE) && s->err == 0; i++) {
		size_t n = sizes[i % array_len(sizes)];

		s->err = out != NULL && in != NULL ? stream_piece(s, out, in, n) : -ENOMEM;
		s->passed += n;
	}
	free(out);
	free(in);
	return NULL;
}

static void p16_no_byte_of_a_stream_is_lost(void **state)
{
	struct world w = world_started();
	struct stream s[STREAMS];

	(void)state;
	for (int i = 0; i < STREAMS; i++) {
		s[i] = (struct stream){.fd = served(kit_ip(0), w.port), .seed = (uint64_t)i + 1};
		assert_int_equal(pthread_create(&s[i].thread, NULL, stream_on, &s[i]), 0);
	}
	for (int round = 0; round < 8; round++) {
		pid_t old = w.pid;

		w.pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
		assert_int_equal(wait_for_end(&w, old), 0);
	}
	for (int i = 0; i < STREAMS; i++)
		__atomic_store_n(&s[i].stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < STREAMS; i++) {
		pthread_join(s[i].thread, NULL);
		if (s[i].err != 0)
			kit_fail("stream %d broke after %llu bytes: %s", i, (unsigned long long)s[i].passed,
				 strerror(-s[i].err));
		end_orderly(s[i].fd);
	}
	stop(&w);
}

/* 200 descriptors are fewer than one message needs, so the first one is refused whole, and the next one taken. */
static void p35_a_new_process_with_fewer_descriptors(void **state)
{
	struct world w = world_of();
	int fds[MOVED], first, left, moved;
	char script[KIT_PATH];
	const char *said;

	(void)state;
	write_world(&w, 1, tcp_bind(&w), "sandbox: {landlock: false}\n"); /* it starts a shell */
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	for (int i = 0; i < MOVED; i++)
		fds[i] = served(kit_ip(0), w.port);
	kit_file_write("few", textf("#!/bin/sh\nulimit -n 200\nexec %s \"$@\"\n", kit_binary()), script);
	assert_int_equal(chmod(script, 0755), 0);
	said = control_verb(0, textf("upgrade --json --socket $S --binary %s", script));
	first = (int)w.pid;
	w.pid = pid_in(said);
	moved = (int)strtol(strstr(said, "\"moved\":") + 8, NULL, 10);
	assert_in_range(moved, 32, 100); /* whole messages, so long as there are descriptors */
	expect_part(said, textf("\"moved\":%d,\"left\":%d", moved, MOVED - moved));
	kit_file_wait(w.first->err, "stays with the process before: the new process has no descriptors left for it", 1);
	for (int i = 0; i < MOVED; i++)
		still_works(fds[i]);
	left = kit_proc_fds(w.pid);
	for (int i = 0; i < MOVED; i++)
		end_orderly(fds[i]);
	assert_int_equal(wait_for_end(&w, first), 0);
	kit_proc_wait_fds(w.pid, left - 2 * moved - 1); /* and the pair */
	end_orderly(served(kit_ip(0), w.port)); /* before, all places may be taken by those that moved */
	stop(&w);
}

/* A connection has one record, which the last process writes, with all its bytes. */
static void p37_one_record_for_a_connection(void **state)
{
	struct world w = world_started();
	int fd = served(kit_ip(0), w.port);

	(void)state;
	for (int i = 0; i < 2; i++)
		upgrade(&w);
	still_works(fd);
	end_orderly(fd);
	stop(&w);
	kit_file_wait(textf("%s/access.log", kit_dir()), "\"connection_end\"", 1);
	assert_int_equal(kit_file_count(textf("%s/access.log", kit_dir()), "\"connection_end\""), 1);
}

static bool late_is_there(void *arg)
{
	(void)arg;
	return strstr(control_verb(0, "conns --json --socket $S"), "\"late\"") != NULL;
}

/* An instance with one client, whose PROXY header is here in part.   Returns  the client. */
static int connect_late(struct world *w)
{
	int fd;

	*w = world_of();
	w->late = kit_port(kit_ip(1));
	write_world(w, 2, tcp_bind(w), "");
	start_with(w, KIT_ARGV(kit_binary(), "run", "-c", w->config));
	fd = kit_connect(kit_ip(1), w->late);
	kit_send(fd, "PROXY", 5);
	assert_true(kit_wait(late_is_there, NULL, KIT_MS));
	return fd;
}

/* One whose header is here in part moves once it relays. */
static void p34_what_begins_moves_later(void **state)
{
	struct world w;
	int fd = connect_late(&w);
	pid_t old = w.pid;

	(void)state;
	w.pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	expect_part(control_verb(0, "status --json --socket $S"),
		    textf("\"predecessor\":{\"pid\":%d,\"connections\":1}", (int)old));
	expect_part(control_verb(0, "status --socket $S"),
		    textf("before it   process %d, which still has 1 connection", (int)old));
	kit_send(fd, " UNKNOWN\r\n", 10);
	still_works(fd);
	assert_int_equal(wait_for_end(&w, old), 0);
	kit_file_wait(w.first->err, "\"predecessor_ended\"", 1);
	expect_part(control_verb(0, "status --json --socket $S"), "\"predecessor\":null");
	still_works(fd);
	end_orderly(fd);
	stop(&w);
}

/* Who tells the process before to stop cuts nobody whom it still has. */
static void p24_a_stop_of_the_one_that_drains_cuts_nobody(void **state)
{
	struct world w;
	int fd = connect_late(&w);
	pid_t old = w.pid;

	(void)state;
	w.pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	assert_int_equal(kill(old, SIGTERM), 0);
	kit_file_wait(w.first->err, "another process serves, and this one ends with its last connection; a further "
		      "signal ends what is left", 1);
	kit_send(fd, " UNKNOWN\r\n", 10);
	still_works(fd);
	assert_int_equal(wait_for_end(&w, old), 0);
	end_orderly(fd);
	stop(&w);
}

/* The process that serves is told to stop while the one before it has a client that cannot move yet.
 *   Returns  the pid of the one before. */
static pid_t stop_with_late(struct world *w)
{
	pid_t old = w->pid;

	w->pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	end_orderly(served(kit_ip(0), w->port));
	assert_int_equal(kill(w->pid, SIGTERM), 0);
	kit_file_wait(w->first->err, "stopping: ", 2); /* the one before has said so, too */
	return old;
}

/* One time for both: the new process waits for the client, and the client for nothing. */
static void p24_an_order_to_stop_drains_both(void **state)
{
	struct world w;
	int fd = connect_late(&w);
	pid_t old = stop_with_late(&w);

	(void)state;
	kit_send(fd, " UNKNOWN\r\n", 10);
	still_works(fd);
	assert_int_equal(wait_for_end(&w, old), 0);
	still_works(fd);
	assert_int_equal(kill(w.pid, 0), 0);
	end_orderly(fd);
	assert_int_equal(wait_for_end(&w, w.pid), 0);
}

static void p24_a_second_order_to_stop_cuts_both(void **state)
{
	struct world w;
	int fd = connect_late(&w);
	pid_t old = stop_with_late(&w);

	(void)state;
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	kit_file_wait(w.first->err, "a second signal", 1);
	assert_int_equal(wait_for_end(&w, old), 4);
	assert_int_equal(wait_for_end(&w, w.pid), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p16_connections_move, kit_end),
		cmocka_unit_test_teardown(p16_no_byte_of_a_stream_is_lost, kit_end),
		cmocka_unit_test_teardown(p24_an_order_to_stop_drains_both, kit_end),
		cmocka_unit_test_teardown(p24_a_second_order_to_stop_cuts_both, kit_end),
		cmocka_unit_test_teardown(p35_a_new_process_with_fewer_descriptors, kit_end),
		cmocka_unit_test_teardown(p37_one_record_for_a_connection, kit_end),
		cmocka_unit_test_teardown(p34_what_begins_moves_later, kit_end),
		cmocka_unit_test_teardown(p24_a_stop_of_the_one_that_drains_cuts_nobody, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
