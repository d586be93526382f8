/* T17: over an upgrade no source has more connections than it may, none is lost, and no rate begins anew. */
#include <errno.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/upgrade.h"

static void start_limited(struct world *w, const char *per_source)
{
	*w = world_of();
	kit_file_write("upgrade.yaml",
		       textf("workers: 2\ncontrol: {socket: \"%s\", state: off}\nlisteners:\n"
			     "  - {name: web, bind: \"%s:%d\", upstream: app, per_source: {%s}}\nupstreams:\n"
			     "  - {name: app, servers: [\"%s:%d\"]}\n",
			     control_socket(), kit_ip(0), w->port, per_source, kit_ip(0), kit_peer_port(w->echo)),
		       w->config);
	start_with(w, KIT_ARGV(kit_binary(), "run", "-c", w->config));
}

/* The reset may be here before the connect has returned. */
static void is_refused(const struct world *w)
{
	int fd = kit_try_connect(kit_ip(0), w->port);

	if (fd == -ECONNRESET)
		return;
	assert_true(fd >= 0);
	kit_expect_rst(fd);
	close(fd);
}

struct attempt {
	const struct world *w;
	int fd;
};

static bool is_let_in(void *arg)
{
	struct attempt *t = arg;
	char byte = 'x';

	t->fd = kit_try_connect(kit_ip(0), t->w->port);
	if (t->fd >= 0 && kit_io_write(t->fd, &byte, 1) == 0 && kit_io_read(t->fd, &byte, 1) == 1)
		return true;
	if (t->fd >= 0)
		close(t->fd);
	return false;
}

/* Who has ended for his client may hold his place for a moment more. */
static int let_in_soon(const struct world *w)
{
	struct attempt t = {.w = w};

	assert_true(kit_wait(is_let_in, &t, KIT_MS));
	return t.fd;
}

static void t17_counts_move_with_their_connections(void **state)
{
	struct world w;
	int fd[3];

	(void)state;
	start_limited(&w, "connections: 3");
	for (int i = 0; i < 3; i++)
		fd[i] = served(kit_ip(0), w.port);
	for (int round = 0; round < 2; round++) {
		is_refused(&w);
		upgrade(&w);
		is_refused(&w);
		end_orderly(fd[round]);
		fd[round] = let_in_soon(&w);
	}
	for (int i = 0; i < 3; i++)
		end_orderly(fd[i]);
	stop(&w);
}

/* One in a minute comes back at best. */
static void t17_no_burst_anew(void **state)
{
	struct world w;

	(void)state;
	start_limited(&w, "rate: 1/m, burst: 3");
	for (int i = 0; i < 3; i++)
		end_orderly(served(kit_ip(0), w.port));
	is_refused(&w);
	for (int i = 0; i < 2; i++) {
		upgrade(&w);
		is_refused(&w);
	}
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t17_counts_move_with_their_connections, kit_end),
		cmocka_unit_test_teardown(t17_no_burst_anew, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
