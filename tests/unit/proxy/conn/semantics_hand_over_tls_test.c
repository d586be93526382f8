/* P34: a connection whose client, server or both speak TLS moves between two processes all the time, while bytes pass
 * both ways and keys change; every byte arrives, and each end with its close_notify. */
#include "tests/unit/proxy/conn/hand_over_world.h"
#include "tests/unit/proxy/tls/tls_hands.h"

static struct {
	struct stream app[2]; /* of the two applications; plain where that leg is */
	struct tls_ctx *server_ctx, *client_ctx;
	bool leg[2];          /* the client's speaks TLS, the server's does */
	struct np_event shaken;
	unsigned shaking;
	int err;
	bool truncated;
	unsigned ends, moves;
} legs;

/* ---- handshakes ---- */

static void one_shaken(int err)
{
	if (err != 0)
		legs.err = err;
	if (--legs.shaking == 0)
		np_event_set(&legs.shaken);
}

static void shake_server(void *arg)
{
	const struct tls_from from = {.deadline = np_deadline_after(10 * NP_S)};
	struct stream *s = arg;
	struct tls_why why;

	one_shaken(tls_accept(&s->tls, &s->fd, legs.server_ctx, &from, &why));
}

static void shake_client(void *arg)
{
	struct np_addr at = {.len = sizeof(struct sockaddr_in), .u.in4 = {.sin_family = AF_INET, .sin_port = 1}};
	const struct tls_towards to = {.server = &at, .sni = "a.test", .deadline = np_deadline_after(10 * NP_S)};
	struct stream *s = arg;
	struct tls_why why;

	one_shaken(tls_connect(&s->tls, &s->fd, legs.client_ctx, &to, &why));
}

/* Towards the client we are the server, and towards the server the client. */
static void shake_leg(struct stream *server, struct stream *client)
{
	legs.shaking += 2;
	CHECK(np_go("accept", shake_server, server) == 0 && np_go("connect", shake_client, client) == 0,
	      "stacks for a handshake");
}

/* The connection is stopped before its first turn, and goes on with TLS. */
static void make_secure(struct conn *c)
{
	CHECK(hand_over_freeze(c) == 0, "it is stopped");
	if (legs.leg[0])
		shake_leg(&c->client, &legs.app[0]);
	if (legs.leg[1])
		shake_leg(&legs.app[1], &c->upstream);
	np_event_wait(&legs.shaken);
	CHECK(legs.err == 0, "hands are shaken");
	np_fd_deregister(&c->client.fd);
	np_fd_deregister(&c->upstream.fd);
	c->secure = true;
	c->dir[0].unspliceable = c->dir[1].unspliceable = true;
	hand_over_thaw(c);
}

/* ---- applications ---- */

static void tls_writer(void *arg)
{
	int side = arg != NULL;
	size_t n = side == 0 ? world.is->up : world.is->down;

	for (size_t at = 0; at < n; at += APP_BUF)
		if (pair_write(&legs.app[side], pattern(at, side), n - at < APP_BUF ? n - at : APP_BUF) != 0)
			world.saw.told[side] = true;
	while (stream_close_write(&legs.app[side]) == -NP_EAGAIN)
		np_sleep(NP_MS);
	app_done();
}

static void tls_reader(void *arg)
{
	int side = arg != NULL, from = !side;
	char buf[APP_BUF];
	ssize_t n;

	while ((n = pair_read(&legs.app[side], buf, sizeof(buf))) > 0) {
		world.saw.altered |= memcmp(buf, pattern(world.saw.got[from], from), (size_t)n) != 0;
		world.saw.got[from] += (size_t)n;
	}
	world.saw.end[from] = (int)n;
	legs.truncated |= stream_truncated(&legs.app[side]);
	app_done();
}

static void tls_mover(void *arg)
{
	struct conn *c;

	(void)arg;
	while ((c = living()) != NULL) {
		if (hand_over_when(c) == HAND_OVER_NOW)
			move_conn(c);
		np_sleep(NP_MS / 2);
	}
	app_done();
}

static void legs_script(void)
{
	second_begin();
	world.listener.tls = second.listener.tls = &legs.server_ctx;
	world.target.tls = second.target.tls = &legs.client_ctx;
	for (int i = 0; i < 2; i++)
		np_fd_move(&legs.app[i].fd, &world.app[i]);
	make_secure(world.conn);
	for (int side = 0; side < 2; side++) {
		app_go(tls_writer, side);
		app_go(tls_reader, side);
	}
	app_go(tls_mover, 0);
	np_event_wait(&world.over);
	wait_until_gone();
	legs.ends = all_ends();
	legs.moves = second.moves;
	stream_close(&legs.app[0]);
	stream_close(&legs.app[1]);
	second_end();
}

static void run_legs(bool client, bool server, enum config_tls_version version)
{
	static const struct relay_case is = {
		.ends = ENDS_TCP, .up = 6000000, .down = 5000000, .sndbuf = 65536, .script = legs_script};

	memset(&legs, 0, sizeof(legs));
	in.min_version = in.max_version = version;
	legs.server_ctx = pair_server(&in, ring);
	legs.client_ctx = pair_client(&out);
	legs.leg[0] = client;
	legs.leg[1] = server;
	pair_worker->seal_most = 60; /* keys change (1.3), but fewer than a hundred times a second */
	relay_world_run(&is);
	tls_ctx_free(legs.server_ctx);
	tls_ctx_free(legs.client_ctx);
	assert_false(world.saw.altered);
	assert_int_equal(world.saw.got[0], is.up);
	assert_int_equal(world.saw.got[1], is.down);
	assert_int_equal(world.saw.end[0], 0);
	assert_int_equal(world.saw.end[1], 0);
	assert_false(legs.truncated);
	assert_int_equal(legs.ends, 1);
	assert_true(legs.moves > 3);
}

static void p34_the_clients_leg_moves(void **state)
{
	(void)state;
	run_legs(true, false, CONFIG_TLS_VERSION_1_3);
	run_legs(true, false, CONFIG_TLS_VERSION_1_2);
}

static void p34_the_servers_leg_moves(void **state)
{
	(void)state;
	run_legs(false, true, CONFIG_TLS_VERSION_1_3);
	run_legs(false, true, CONFIG_TLS_VERSION_1_2);
}

static void p34_both_legs_move(void **state)
{
	(void)state;
	run_legs(true, true, CONFIG_TLS_VERSION_1_3);
	run_legs(true, true, CONFIG_TLS_VERSION_1_2);
}

#define LEGS_TEST(f) {"P34 " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEGS_TEST(p34_the_clients_leg_moves),
		LEGS_TEST(p34_the_servers_leg_moves),
		LEGS_TEST(p34_both_legs_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
