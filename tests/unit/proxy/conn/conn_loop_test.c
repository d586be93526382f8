/* conn_loop: a dial of ours that comes back as a client is found, whether it was accepted before or after it was looked
 * for; and nobody else is. */
#include "proxy/conn/conn_loop.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/hook.h"

static struct loop_world {
	struct shard *shard;
	struct limit limit;
	struct snapshot snap;
	struct listener_counts counts;
	struct listener listener;
	struct conn *dialling, *same, *other; /* the one that samples; clients with its address, and with another */
	struct conn *apart;                   /* a client with its address, at another address of ours */
	struct server server;                 /* what was dialled */
	struct sockaddr_in source;            /* of the dial */
	bool hit_apart, killed_same, killed_other, hit_same, hit_other, hit_later, searched;
} world;

static int64_t clock_ahead;

static int64_t nanotime_ahead(void)
{
	return nanotime() + clock_ahead;
}

/* A killed connection's task is made ready: here it only notes that. */
static void task_runs(struct np_g *g)
{
	(void)g;
}

static const struct np_task_type task_type = {.name = "killed", .fn = task_runs};

static struct conn *conn_with_peer(const struct sockaddr_in *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	CHECK(c != NULL, "memory for a connection");
	c->magic = CONN_MAGIC;
	c->phase = CONN_RELAYING;
	c->shard = world.shard;
	c->listener = &world.listener;
	c->peer.in4 = *peer;
	np_task_init(&c->task, &task_type);
	list_push_back(&world.shard->conns, &c->link);
	return c;
}

static struct conn *conn_gone(struct conn *c)
{
	list_remove(&c->link);
	np_task_fini(&c->task);
	free(c);
	return NULL;
}

/* A connected pair: its first end is the dial's. */
static void dial(int sv[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(l, (struct sockaddr *)&a, len) == 0 && listen(l, 1) == 0, "loopback listens");
	CHECK(getsockname(l, (struct sockaddr *)&a, &len) == 0, "a listener has an address");
	sv[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(sv[0], (struct sockaddr *)&a, len) == 0, "loopback connects");
	sv[1] = accept(l, NULL, NULL);
	memset(&world.server.addr, 0, sizeof(world.server.addr));
	world.server.addr.len = len;
	memcpy(&world.server.addr.u, &a, len);
	len = sizeof(world.source);
	CHECK(getsockname(sv[0], (struct sockaddr *)&world.source, &len) == 0, "a dial has an address");
	close(l);
}

static void loop_script(void *arg)
{
	struct sockaddr_in elsewhere;
	int sv[2], apart[2];

	(void)arg;
	world.shard->worker = np_self();
	dial(apart);
	dial(sv);
	elsewhere = world.source;
	elsewhere.sin_port ^= htons(1);
	world.dialling = conn_with_peer(&elsewhere);
	world.same = conn_with_peer(&world.source);
	world.other = conn_with_peer(&elsewhere);
	CHECK(np_fd_init(&world.dialling->upstream.fd, sv[0]) == 0, "a descriptor");
	world.dialling->server = &world.server;
	CHECK(np_fd_init(&world.same->client.fd, sv[1]) == 0, "a descriptor");
	world.apart = conn_with_peer(&world.source);
	CHECK(np_fd_init(&world.apart->client.fd, apart[1]) == 0, "a descriptor");
	conn_loop_sample(world.dialling);
	np_sleep(NP_MS); /* the message runs */
	world.searched = world.shard->loop_key != 0;
	world.killed_same = world.same->kill == CLOSE_LOOP;
	world.killed_other = world.other->kill != CLOSE_NONE || world.dialling->kill != CLOSE_NONE;
	world.hit_same = conn_loop_hit(world.same);
	world.hit_other = conn_loop_hit(world.other);
	world.hit_apart = conn_loop_hit(world.apart) || world.apart->kill != CLOSE_NONE;
	clock_ahead = 2 * NP_S;
	np_sleep(NP_MS);
	world.hit_later = conn_loop_hit(world.same);
	np_fd_close(&world.dialling->upstream.fd);
	np_fd_close(&world.same->client.fd);
	np_fd_close(&world.apart->client.fd);
	close(apart[0]);
	world.apart = conn_gone(world.apart);
	world.dialling = conn_gone(world.dialling);
	world.same = conn_gone(world.same);
	world.other = conn_gone(world.other);
}

static void run_with(uint32_t used, uint32_t dials)
{
	const struct np_worker_opts o = {.name = "loop", .cpu = -1, .main = loop_script};
	struct shard *s = aligned_alloc(_Alignof(struct shard), sizeof(*s));

	assert_non_null(s);
	memset(&world, 0, sizeof(world));
	clock_ahead = 0;
	hook.nanotime = nanotime_ahead;
	world.shard = s;
	world.limit = (struct limit){.used = used};
	world.snap.max_connections = 100;
	world.listener = (struct listener){
		.name = "l", .counts = &world.counts, .snap = &world.snap, .max_connections = UINT32_MAX};
	assert_int_equal(shard_init(s, 0, &world.limit), 0);
	s->all = s;
	s->nall = 1;
	s->dials = dials;
	assert_int_equal(np_run(&o), 0);
	hook_reset();
	shard_fini(s);
	free(s);
}

static void v20_a_dial_that_comes_back_is_found(void **state)
{
	(void)state;
	run_with(51, LOOP_SHARE);
	assert_true(world.searched);
	assert_true(world.killed_same); /* accepted before */
	assert_true(world.hit_same);    /* accepted after */
	assert_false(world.hit_apart);  /* the same port of a client, towards another address */
	assert_false(world.killed_other);
	assert_false(world.hit_other);
	assert_false(world.hit_later); /* the port may be another's by then */
}

static void v20_nothing_is_looked_for_while_there_is_room(void **state)
{
	(void)state;
	run_with(50, LOOP_SHARE);
	assert_false(world.searched);
	assert_false(world.killed_same);
	assert_false(world.hit_same);
}

static void v20_one_dial_in_many(void **state)
{
	(void)state;
	run_with(51, LOOP_SHARE + 1);
	assert_false(world.searched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v20_a_dial_that_comes_back_is_found),
		cmocka_unit_test(v20_nothing_is_looked_for_while_there_is_room),
		cmocka_unit_test(v20_one_dial_in_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
