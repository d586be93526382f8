/* V23: places for handshakes. They are one count for all workers, and where clients wait at the limit,
 * nobody who can finish is turned away: those who cannot leave their places. */
#include <pthread.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

enum { CROWD = 60, SILENT = 10 /* kit_ip() of those who say nothing */ };

/* ---- clients in threads: a handshake, an exchange, the end ------------------------------------ */

struct client {
	pthread_t thread;
	int fd;
	bool served;
};

static bool is_served(SSL *ssl)
{
	char answer[5];

	return SSL_connect(ssl) == 1 && SSL_write(ssl, "hello", 5) == 5 && SSL_read(ssl, answer, 5) == 5 &&
	       memcmp(answer, "hello", 5) == 0;
}

/* A socket that stands still for KIT_MS fails it. */
static void *client_run(void *arg)
{
	struct client *c = arg;
	struct tls_peer p;

	tls_peer_make(&p, c->fd, TLS_client_method(), &(struct tls_peer_opts){.sni = "a.test"});
	c->served = is_served(p.ssl);
	tls_peer_close(&p);
	return NULL;
}

/* All are connected before the first of them says a word. Returns how many were served. */
static int serve_crowd(const struct edge *e, int n, int from)
{
	static struct client crowd[CROWD];
	int count = 0;

	for (int i = 0; i < n; i++)
		crowd[i].fd = edge_connect_from(e, from);
	for (int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, client_run, &crowd[i]), 0);
	for (int i = 0; i < n; i++) {
		pthread_join(crowd[i].thread, NULL);
		count += crowd[i].served;
	}
	return count;
}

static struct edge places_edge(const char *tls, const char *more)
{
	pki_write();
	return edge_start(textf("%s%s", tls_edge_keys(tls), more),
			  edge_upstream("back", kit_peer_port(echo_start()), ""));
}

static void connect_silent(const struct edge *e, int *fd, int n)
{
	for (int i = 0; i < n; i++) {
		fd[i] = edge_connect_from(e, SILENT);
		kit_send(fd[i], "\x16", 1);
	}
}

static void close_all(const int *fd, int n)
{
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

/* ---- who waits is served ---------------------------------------------------------------------- */

static const struct crowd_row {
	const char *what, *tls, *more;
	int silent;
	const char *end; /* of those; NULL: there are none */
} crowds[] = {
	{"room for all", "", ", max_connections: 100, at_limit: wait", 0, NULL},
	{"few handshakes at once", ", max_handshakes: 5", ", max_connections: 100, at_limit: wait", 0, NULL},
	{"one handshake at once", ", max_handshakes: 1", ", at_limit: wait", 0, NULL},
	{"few connections at once", "", ", max_connections: 7, at_limit: wait", 0, NULL},
	{"silent ones have all handshakes", ", max_handshakes: 20, handshake_timeout: 60s", ", at_limit: wait", 20,
	 " reason=max_handshakes "},
	{"silent ones wait as well", ", max_handshakes: 10, handshake_timeout: 60s", ", at_limit: wait", 30,
	 " reason=max_handshakes "},
	{"silent ones have all connections", ", handshake_timeout: 60s", ", max_connections: 40, at_limit: wait", 40,
	 " reason=max_connections "},
};

static void v23_who_waits_is_served(void **state)
{
	int silent[64];

	(void)state;
	for (size_t i = 0; i < array_len(crowds); i++) {
		const struct crowd_row *r = &crowds[i];
		struct edge e = places_edge(r->tls, r->more);
		int served;

		connect_silent(&e, silent, r->silent);
		served = serve_crowd(&e, CROWD, 2);
		if (served != CROWD)
			kit_fail("%s: %d of %d were served:\n%s", r->what, served, CROWD, edge_log(&e));
		close_all(silent, r->silent);
		kit_staunch_wait_log(e.s, " listener=edge ", CROWD + r->silent);
		if ((kit_staunch_log(e.s, " reason=max_") > 0) != (r->end != NULL))
			kit_fail("%s:\n%s", r->what, edge_log(&e));
		if (r->end != NULL)
			assert_true(kit_staunch_log(e.s, r->end) > 0);
		edge_end(&e);
		assert_int_equal(unlink(e.s->access), 0); /* the next row counts its own */
	}
}

/* One place, which a silent client has, on either worker: who meets the other one gets it as well. */
static void v23_the_other_worker_has_all(void **state)
{
	struct edge e = places_edge(", max_handshakes: 1, handshake_timeout: 60s", ", at_limit: wait");
	int silent;

	(void)state;
	for (int i = 0; i < 6; i++) {
		connect_silent(&e, &silent, 1);
		kit_proc_wait_fds(e.s->child->pid, e.fds + 1);
		assert_int_equal(serve_crowd(&e, 1, 2), 1);
		close(silent);
		kit_proc_wait_fds(e.s->child->pid, e.fds);
	}
	edge_end(&e);
}

/* Many who wait from one source do not stand before the only one of another. */
static void v23_the_only_one_of_its_source_is_next(void **state)
{
	struct edge e = places_edge(", max_handshakes: 1, handshake_timeout: 60s", ", at_limit: wait");
	int silent[64];

	(void)state;
	connect_silent(&e, silent, (int)array_len(silent));
	assert_int_equal(serve_crowd(&e, 1, 2), 1); /* within KIT_MS, and each of the others takes a second */
	close_all(silent, (int)array_len(silent));
	edge_end(&e);
}

/* Those who wait end with the drain, all at once. */
static void v23_a_drain_ends_the_wait(void **state)
{
	struct edge e = places_edge(", max_handshakes: 1, handshake_timeout: 60s", ", at_limit: wait");
	int silent[32];

	(void)state;
	connect_silent(&e, silent, (int)array_len(silent));
	kit_proc_wait_fds(e.s->child->pid, e.fds + (int)array_len(silent));
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 4);
	edge_no_complaint(&e);
	assert_int_equal(kit_staunch_log(e.s, " reason="), (int)array_len(silent));
	assert_true(kit_staunch_log(e.s, " reason=drain_deadline ") > 0);
	close_all(silent, (int)array_len(silent));
}

/* ---- who does not wait is refused, and not for the sake of the silent -------------------------- */

static void v23_one_count_for_all_workers(void **state)
{
	struct edge e = places_edge(", max_handshakes: 3, handshake_timeout: 60s", "");
	int silent[12];

	(void)state;
	connect_silent(&e, silent, (int)array_len(silent));
	edge_ended(&e, "max_handshakes", (int)array_len(silent) - 3);
	close_all(silent, (int)array_len(silent));
	edge_end(&e);
}

/* Of all connections, too: they take their places from the source that has most of them. */
static void v23_silent_ones_have_all_connections(void **state)
{
	struct edge e = places_edge(", handshake_timeout: 60s", ", max_connections: 12");
	int silent[12];

	(void)state;
	connect_silent(&e, silent, (int)array_len(silent));
	kit_proc_wait_fds(e.s->child->pid, e.fds + (int)array_len(silent));
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(serve_crowd(&e, 1, 2), 1);
		kit_staunch_wait_log(e.s, " server=", i);
	}
	close_all(silent, (int)array_len(silent));
	kit_staunch_wait_log(e.s, " listener=edge ", 3 + (int)array_len(silent));
	assert_true(kit_staunch_log(e.s, " reason=max_connections ") > 0);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(v23_who_waits_is_served, kit_end),
		cmocka_unit_test_teardown(v23_the_other_worker_has_all, kit_end),
		cmocka_unit_test_teardown(v23_the_only_one_of_its_source_is_next, kit_end),
		cmocka_unit_test_teardown(v23_a_drain_ends_the_wait, kit_end),
		cmocka_unit_test_teardown(v23_one_count_for_all_workers, kit_end),
		cmocka_unit_test_teardown(v23_silent_ones_have_all_connections, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
