/* conn_judge: E37b, E54: which early end of a server is held against it. What the kernel says of the time without bytes
 * is made longer by the hook table; the order of bytes and ends is real. */
#include "proxy/conn/conn_judge.h"

#include <netinet/tcp.h>
#include <stdio.h>

#include "tests/unit/proxy/conn/relay_world.h"

enum how {
	AT_ONCE,  /* a FIN, and the client has sent nothing */
	CROSSING, /* a FIN; the client's bytes are under way by then */
	ASKED,    /* a FIN, after the client's bytes */
	RESETS,
};

static const struct judged_row {
	const char *name;
	enum how how;
	uint32_t kept;   /* ms for which it was ready before it was taken */
	int64_t silent;  /* ms of the client's, since it was connected */
	bool header;     /* a PROXY header was sent when it was connected, or taken */
	bool counts;
} rows[] = {
	{"a new one, at once", AT_ONCE, 0, 0, false, true},
	{"a new one, at once, the client's bytes cross it", CROSSING, 0, 0, false, true},
	{"a new one, after the client's bytes", ASKED, 0, 0, false, true},
	{"a new one, and a client that is silent", AT_ONCE, 0, 2000, false, false},
	{"... and then speaks in the same moment", CROSSING, 0, 2000, false, false},
	{"... and then speaks", ASKED, 0, 2000, false, true},
	{"kept ready for as long as it takes to fail", AT_ONCE, 500, 0, false, true},
	{"kept ready, and closed as idle", AT_ONCE, 2000, 0, false, false},
	{"kept ready, the client's bytes cross its end", CROSSING, 2000, 0, false, false},
	{"kept ready, and closed after the client's bytes", ASKED, 2000, 0, false, true},
	{"kept ready, and reset", RESETS, 2000, 0, false, true},
	{"kept ready, and closed after a PROXY header", AT_ONCE, 2000, 0, true, true},
	{"with a header, and a client that is silent", AT_ONCE, 0, 2000, true, false},
};
static const struct judged_row *row;

static struct upstream *upstream;
static struct server *picked;

static int older(int fd, int level, int opt, void *v, socklen_t *len)
{
	int r = getsockopt(fd, level, opt, v, len);

	if (level == IPPROTO_TCP && opt == TCP_INFO)
		((struct tcp_info *)v)->tcpi_last_data_recv += row->kept;
	return r;
}

/* The turn of the relay that sees the client's bytes sees the end as well: nothing yields between the two. */
static void play(void)
{
	char buf[8];

	world.conn->server = picked;
	world.server.slots.used = 0;
	world.target.upstream = upstream;
	world.target.header = row->header;
	world.conn->accepted -= row->silent * NP_MS;
	np_sleep(5 * NP_MS); /* the relay has had its first turn */
	if (row->how == ASKED) {
		app_write(0, 4);
		CHECK(np_fd_read(&world.app[1], buf, sizeof(buf)) == 4, "it is asked");
	}
	if (row->how == RESETS)
		np_fd_close_reset(&world.app[1]);
	else
		np_fd_close(&world.app[1]);
	if (row->how == CROSSING)
		app_write(0, 4);
	app_read(0);
	np_fd_close(&world.app[0]);
}

static void judge_row(void)
{
	static const struct relay_case is = {.ends = ENDS_TCP, .script = play};
	const struct server_lesson lesson = {.early_ends_count = true};
	struct pick_args args = {.now = np_nanotime()};

	assert_int_equal(upstream_pick(upstream, &args, &picked), 0);
	server_learn(picked, &lesson, np_nanotime());
	hook.getsockopt = older;
	relay_world_run(&is);
	if (passive_is_clean(&picked->passive) == row->counts)
		fail_msg("%s", row->name);
	assert_int_equal(picked->stats[0].early_ends + picked->stats[0].early_resets, 1);
	assert_int_equal(server_active(picked), 0);
}

/* A new upstream for each row: what the one before has done counts for nothing. */
static void e37b_e54_which_early_end_counts(void **state)
{
	struct server_spec servers[2] = {{.text = "a", .weight = 1}, {.text = "b", .weight = 1}};
	const struct upstream_spec spec = {
		.name = "u",
		.servers = servers,
		.nservers = 2,
		.passive = {.on = true, .early_end = true, .failures = 3, .within = 10 * NP_S, .out = 10 * NP_S},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(np_addr_parse(&servers[i].addr, i == 0 ? "127.0.0.1:1" : "127.0.0.1:2", NULL), 0);
	for (row = rows; row < rows + array_len(rows); row++) {
		struct server_registry *registry = server_registry_new(1);

		assert_non_null(registry);
		upstream = upstream_new(&spec, registry);
		assert_non_null(upstream);
		judge_row();
		upstream_free(upstream);
		server_registry_free(registry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e37b_e54_which_early_end_counts),
	};

	return cmocka_run_group_tests_name("conn_judge", tests, NULL, NULL);
}
