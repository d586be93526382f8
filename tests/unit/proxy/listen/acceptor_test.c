/* acceptor: V16, errors that persist, and V5, the moment between the last accept and the close.
 * What acceptors do with connections is the flow tests' business. */
#include "proxy/listen/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "netpoll/hook.h"
#include "proxy/listen/bindings.h"
#include "tests/kit/kit.h"

static struct listener_stats numbers;
static struct listener_counts counts = {.stats = &numbers};
static struct snapshot_use use;
static struct snapshot snap = {.use = &use, .max_connections = UINT32_MAX};
static struct listener listener = {.name = "web", .backlog = 16, .snap = &snap, .max_connections = UINT32_MAX};

static struct limit connections;
static struct shard shard;
static struct bindings bindings;
static struct binding *binding;
static int client = -1, err_of_accept;
static unsigned accepts, accepts_when_paused, taken, promised;
static const char *address = "127.0.0.1:0";
static struct np_addr link_name;
static bool stopped, closing;

/* ---- hooks ---- */

static int accept_fails(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	(void)fd, (void)sa, (void)len, (void)flags;
	accepts++;
	errno = err_of_accept;
	return -1;
}

static int connect_to_binding(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)!connect(fd, &binding->bound.u.sa, binding->bound.len);
	return fd;
}

static bool is_connected(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t n = sizeof(err);

	return poll(&p, 1, ms) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err == 0;
}

/* The queue is found empty; then a client comes, before the socket is closed. */
static int accept_then_client(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	int got = accept4(fd, sa, len, flags), saved = errno;

	if (got < 0 && saved == EAGAIN && client < 0 && closing)
		client = connect_to_binding();
	if (client >= 0)
		(void)is_connected(client, 50);
	errno = saved;
	return got;
}

/* Each time that the queue of a Unix socket is found empty, a client comes who knew the file before it
 * went: by another name of it. */
static int accept_then_finder(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	int got = accept4(fd, sa, len, flags), saved = errno;
	int finder = got < 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0) : -1;

	taken += got >= 0;
	if (finder >= 0) {
		promised += connect(finder, &link_name.u.sa, link_name.len) == 0;
		close(finder);
	}
	errno = saved;
	return got;
}

/* Descriptors are there again after a few attempts. */
static int accept_later(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	int got;

	if (++accepts <= 5) {
		errno = EMFILE;
		return -1;
	}
	got = accept4(fd, sa, len, flags);
	taken += got >= 0;
	return got;
}

/* ---- scripts: on the worker; a cmocka assertion must not end a coroutine ---- */

static bool serve(void)
{
	struct np_addr any;

	bindings_init(&bindings, NULL);
	if (np_addr_parse(&any, address, NULL) != 0)
		return false;
	shard.worker = np_self();
	use.count = 1; /* the current snapshot */
	if (binding_open(&any, &listener, 1, false, &binding) != 0 || binding_listen(binding) != 0)
		return false;
	list_push_back(&bindings.open, &binding->link);
	return binding_serve(binding, &shard) == 0;
}

/* Until the loop has paused: only a loop that yields lets this coroutine run. */
static void persistent_error(void *arg)
{
	(void)arg;
	if (!serve())
		return;
	hook.accept4 = accept_fails;
	client = connect_to_binding();
	while (STAT_GET(&shard.stats, accept_pauses) == 0)
		np_sleep(NP_MS);
	accepts_when_paused = accepts;
	err_of_accept = EAGAIN; /* the queue is empty at the end */
	bindings_stop(&bindings, &shard, INT64_MAX);
	stopped = true;
}

static void client_in_the_gap(void *arg)
{
	(void)arg;
	if (!serve())
		return;
	hook.accept4 = accept_then_client;
	closing = true;
	bindings_stop(&bindings, &shard, INT64_MAX);
	stopped = true;
}

static void finders_at_the_end(void *arg)
{
	(void)arg;
	if (!serve() || link(binding->addr.u.un.sun_path, link_name.u.un.sun_path) != 0)
		return;
	hook.accept4 = accept_then_finder;
	bindings_stop(&bindings, &shard, INT64_MAX);
	stopped = true;
}

static void no_descriptor_at_the_end(void *arg)
{
	(void)arg;
	if (!serve())
		return;
	hook.accept4 = accept_later;
	client = connect_to_binding();
	bindings_stop(&bindings, &shard, INT64_MAX);
	stopped = true;
}

static void run(void (*script)(void *arg))
{
	const struct np_worker_opts o = {.name = "worker", .id = 0, .cpu = -1, .main = script};

	listener.counts = &counts;
	stopped = false;
	client = -1;
	accepts = 0;
	assert_int_equal(shard_init(&shard, 0, &connections), 0);
	assert_int_equal(np_run(&o), 0);
	shard_fini(&shard);
	assert_true(stopped);
}

static void v16_errors_that_persist(void **state)
{
	static const int errors[] = {
		EPERM, ECONNABORTED, EINTR, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTUNREACH, EMFILE, ENOMEM, EIO};

	(void)state;
	for (size_t i = 0; i < array_len(errors); i++) {
		err_of_accept = errors[i];
		run(persistent_error);
		assert_in_range(accepts_when_paused, 1, 16 * 64);
		hook_reset();
		close(client);
	}
}

static void v5_nobody_is_promised_and_reset(void **state)
{
	(void)state;
	run(client_in_the_gap);
	assert_true(client >= 0);
	assert_false(is_connected(client, 0)); /* its SYN was dropped: it tries again */
	close(client);
}

/* Who connected is accepted (and turned away, for no place is free); from then on nobody connects. */
static void v5_whoever_finds_a_unix_socket_is_served(void **state)
{
	char text[KIT_PATH + 16];

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/other", kit_dir());
	assert_int_equal(np_addr_parse(&link_name, text, NULL), 0);
	snprintf(text, sizeof(text), "unix:%s/sock", kit_dir());
	address = text;
	snap.max_connections = 0;
	taken = promised = 0;
	run(finders_at_the_end);
	snap.max_connections = UINT32_MAX;
	address = "127.0.0.1:0";
	assert_true(promised > 0);
	assert_int_equal(taken, promised);
}

/* Whoever is in the queue is accepted once there is a descriptor (and turned away, for no place is free). */
static void v5_the_last_ones_wait_for_a_descriptor(void **state)
{
	(void)state;
	snap.max_connections = 0;
	taken = 0;
	run(no_descriptor_at_the_end);
	snap.max_connections = UINT32_MAX;
	assert_int_equal(taken, 1);
	close(client);
}

static int end(void **state)
{
	hook_reset();
	return kit_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(v16_errors_that_persist, end),
		cmocka_unit_test_teardown(v5_nobody_is_promised_and_reset, end),
		cmocka_unit_test_teardown(v5_whoever_finds_a_unix_socket_is_served, end),
		cmocka_unit_test_teardown(v5_the_last_ones_wait_for_a_descriptor, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
