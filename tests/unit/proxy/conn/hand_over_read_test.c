/* P34, P22: what came from another process is judged before it is a connection: its facts are those that were written,
 * what this process does not have is refused with a sentence, and no bytes whatever end the process. */
#include "tests/unit/proxy/conn/hand_over_world.h"

#include "proxy/conn/tally.h"

static struct {
	bool same, refused, read, back;
	unsigned sentences;
	int fds[2];
	size_t taken, tried;
} noted;

static void run_script(void (*script)(void))
{
	const struct relay_case is = {.ends = ENDS_TCP, .up = 1000, .down = 2000, .script = script};

	memset(&noted, 0, sizeof(noted));
	relay_world_run(&is);
	assert_int_equal(noted.fds[0], noted.fds[1]);
	assert_false(world.saw.altered);
	assert_int_equal(world.saw.got[0], is.up);
	assert_int_equal(world.saw.got[1], is.down);
}

/* It relays as if nothing had happened. */
static void go_on(void)
{
	apps_write_and_read();
	wait_until_gone();
	second_end();
}

/* ---- facts ---- */

static void give_facts(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	CHECK(x != NULL, "memory for facts");
	x->client.in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = 7, .sin_addr.s_addr = 9};
	x->sni = strdup("name.test");
	x->detail = "a sentence";
	x->queued = 12345;
	x->update = calloc(1, sizeof(*x->update));
	CHECK(x->sni != NULL && x->update != NULL, "memory for facts");
	*x->update = (struct conn_update){c->accepted + 1, {3, 4}};
	c->retries = 5;
	c->err = 104;
	c->connected = since_pack(7000);
	c->first_byte = since_pack(9000);
	c->hard_deadline = c->accepted + 3600 * NP_S;
	c->nodelay_due = true;
	c->keepalive_due = false;
	c->judged = false;
	c->dir[0].active = c->accepted + 2;
	c->dir[0].undelivered = 77;
}

static bool extra_is_same(const struct conn_extra *a, const struct conn_extra *b)
{
	return memcmp(&a->client, &b->client, sizeof(a->client)) == 0 && strcmp(a->sni, b->sni) == 0 &&
	       strcmp(a->detail, b->detail) == 0 && a->queued == b->queued && a->update->at == b->update->at &&
	       memcmp(a->update->bytes, b->update->bytes, sizeof(a->update->bytes)) == 0;
}

static bool facts_are_same(const struct conn *a, const struct conn *b)
{
	struct ulid x = conn_id(a), y = conn_id(b);

	return memcmp(&x, &y, sizeof(x)) == 0 && a->retries == b->retries && a->err == b->err &&
	       a->connected == b->connected && a->first_byte == b->first_byte && a->accepted == b->accepted &&
	       a->hard_deadline == b->hard_deadline && a->nodelay_due == b->nodelay_due &&
	       a->keepalive_due == b->keepalive_due && a->rule == b->rule &&
	       memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0 && a->dir[0].active == b->dir[0].active &&
	       a->dir[0].undelivered == b->dir[0].undelivered && extra_is_same(a->extra, b->extra);
}

/* Both stand side by side, frozen; then the old one forgets it. */
static void facts_script(void)
{
	struct conn *c = world.conn, *moved;
	struct hand_over_into into;
	int sysfds[HAND_OVER_FDS];
	struct hand_over h;
	size_t n;

	second_begin();
	np_sleep(2 * NP_MS);
	give_facts(c);
	into = other_of(c);
	CHECK(hand_over_freeze(c) == 0, "it is stopped");
	n = pass_on(c, sysfds);
	noted.read = take_apart(&h, n) && hand_over_build(&into, &h, sysfds, &moved, &second.why) == 0;
	noted.same = noted.read && facts_are_same(c, moved) && moved->extra->has_id;
	hand_over_forget(c);
	hand_over_thaw(moved);
	go_on();
}

static void p34_facts_and_id_come_along(void **state)
{
	(void)state;
	run_script(facts_script);
	assert_true(noted.read);
	assert_true(noted.same);
}

/* With the seed of the process before, no block is needed for the id. */
static void seeded_script(void)
{
	second_begin();
	np_sleep(2 * NP_MS);
	second.shard->id_seed = world.shard->id_seed;
	second.shard->id_epoch = world.shard->id_epoch;
	noted.same = move_conn(world.conn)->extra == NULL;
	go_on();
}

static void p34_a_plain_one_needs_no_block(void **state)
{
	(void)state;
	run_script(seeded_script);
	assert_true(noted.same);
}

/* ---- refusals ---- */

static void refuse_once(struct conn *c, const char *sentence)
{
	struct hand_over_into into = other_of(c);
	int sysfds[HAND_OVER_FDS];
	struct hand_over h;
	struct conn *moved;

	CHECK(take_apart(&h, pass_on(c, sysfds)), "a message of ours is read");
	CHECK(hand_over_build(&into, &h, sysfds, &moved, &second.why) != 0, "it is refused");
	noted.sentences += strcmp(second.why, sentence) == 0;
}

/* Descriptors that are no connections: both are closed, and the slot is back. */
static void refuse_pipes(struct conn *c)
{
	struct hand_over_into into = other_of(c);
	int sysfds[HAND_OVER_FDS], pipes[2];
	struct hand_over h;
	struct conn *moved;

	CHECK(take_apart(&h, pass_on(c, sysfds)) && pipe(pipes) == 0, "a message of ours, and a pipe");
	close(sysfds[1]);
	sysfds[1] = pipes[0];
	CHECK(hand_over_build(&into, &h, sysfds, &moved, &second.why) != 0, "it is refused");
	close(pipes[1]);
	noted.sentences += strcmp(second.why, "its descriptors are of no use") == 0;
}

static void refusals_script(void)
{
	struct conn *c = world.conn;

	second_begin();
	np_sleep(2 * NP_MS);
	CHECK(hand_over_freeze(c) == 0, "it is stopped");
	noted.fds[0] = open_descriptors();
	second.listener.name = "another";
	refuse_once(c, "its listener is not in the configuration here");
	second.listener.name = "l";
	second.upstream.name = "another";
	refuse_once(c, "its listener does not lead to its upstream here");
	second.upstream.name = "u";
	second.server.text = "another";
	refuse_once(c, "its server is not in the upstream here");
	second.server.text = "s";
	refuse_pipes(c);
	noted.back = second.limit.used == 0 && second.counts.limit.used == 0 && second.server.slots.used == 0 &&
		     second.use.count == 1;
	noted.fds[1] = open_descriptors();
	hand_over_thaw(c);
	go_on();
}

static void p34_what_is_not_here_is_refused(void **state)
{
	(void)state;
	run_script(refusals_script);
	assert_int_equal(noted.sentences, 4);
	assert_true(noted.back);
}

/* ---- dropped, and held before ---- */

static bool all_used(uint32_t n)
{
	return second.limit.used == n && second.counts.limit.used == n && second.server.slots.used == n;
}

static bool all_held(uint32_t n)
{
	return second.limit.held == n && second.counts.limit.held == n && second.server.slots.held == n;
}

/* One place more than the process before has told is as if it had told it. */
static void drop_once(struct conn *c, uint32_t held)
{
	struct hand_over_into into = other_of(c);
	int sysfds[HAND_OVER_FDS];
	struct hand_over h;
	struct conn *moved;

	limit_hold(&second.limit, held);
	limit_hold(&second.counts.limit, held);
	limit_hold(&second.server.slots, held);
	CHECK(take_apart(&h, pass_on(c, sysfds)), "a message of ours is read");
	CHECK(hand_over_build(&into, &h, sysfds, &moved, &second.why) == 0, "it is built");
	noted.same &= all_used(held > 0 ? held : 1) && all_held(held > 0 ? held - 1 : 0) &&
		      moved->counted[0] == moved->dir[0].bytes >> 4;
	hand_over_drop(moved);
	noted.same &= all_used(held > 0 ? held : 1) && all_held(held > 0 ? held : 1);
	limit_alone(&second.limit);
	limit_alone(&second.counts.limit);
	limit_alone(&second.server.slots);
	noted.same &= all_used(0);
}

static void drop_script(void)
{
	second_begin();
	np_sleep(2 * NP_MS);
	CHECK(hand_over_freeze(world.conn) == 0, "it is stopped");
	noted.fds[0] = open_descriptors();
	noted.same = true;
	drop_once(world.conn, 0);
	drop_once(world.conn, 1);
	drop_once(world.conn, 3);
	noted.fds[1] = open_descriptors();
	hand_over_thaw(world.conn);
	go_on();
}

static void p34_a_dropped_one_goes_on_where_it_was(void **state)
{
	(void)state;
	run_script(drop_script);
	assert_true(noted.same);
}

/* ---- foreign bytes ---- */

/* Built if it can be, thawed for a moment, and dropped. */
static void try_message(const struct conn *c, size_t n)
{
	struct hand_over_into into = other_of(c);
	const int sysfds[HAND_OVER_FDS] = {fcntl(world.sysfd[0], F_DUPFD_CLOEXEC, 0),
					   fcntl(world.sysfd[1], F_DUPFD_CLOEXEC, 0)};
	struct hand_over h;
	struct conn *moved;

	noted.tried++;
	if (!take_apart(&h, n)) {
		close(sysfds[0]);
		close(sysfds[1]);
		noted.sentences += second.why != NULL;
		return;
	}
	if (hand_over_build(&into, &h, sysfds, &moved, &second.why) != 0)
		return;
	noted.taken++;
	hand_over_drop(moved);
}

static void hostile_script(void)
{
	struct conn *c = world.conn;
	int sysfds[HAND_OVER_FDS];
	static const uint8_t damage[] = {0xff, 0x01, 0x80};
	uint8_t good[4096];
	size_t n;

	second_begin();
	np_sleep(2 * NP_MS);
	give_facts(c);
	c->judged = true;
	CHECK(hand_over_freeze(c) == 0, "it is stopped");
	n = pass_on(c, sysfds);
	close(sysfds[0]);
	close(sysfds[1]);
	CHECK(n < sizeof(good), "a small message");
	memcpy(good, second.message, n);
	noted.fds[0] = open_descriptors();
	for (size_t i = 0; i < 3 * n; i++) {
		memcpy(second.message, good, n);
		second.message[i / 3] ^= damage[i % 3];
		try_message(c, n);
	}
	noted.fds[1] = open_descriptors();
	hand_over_thaw(c);
	go_on();
}

static void p22_p34_foreign_bytes_are_refused(void **state)
{
	(void)state;
	run_script(hostile_script);
	assert_true(noted.taken > 10 && noted.taken < noted.tried / 2);
}

/* ---- contradictions ---- */

/* One direction's group with these flags, bytes and rest; the other one is empty. */
static bool dirs_are_taken(unsigned a, unsigned b, size_t rest, const char *first_end)
{
	static const char names[] = "x";
	union np_inet peer = {.sa.sa_family = AF_UNIX};
	const unsigned flags[2] = {a, b};
	struct handover_writer w;
	struct hand_over h;
	uint32_t at, dir;

	handover_write(&w, second.message, HAND_ROOM);
	at = handover_group(&w, HANDOVER_TAG_CONN);
	handover_put_number(&w, HANDOVER_TAG_CONN_FDS, HAND_OVER_FDS);
	handover_put_text(&w, HANDOVER_TAG_CONN_LISTENER, names);
	handover_put_text(&w, HANDOVER_TAG_CONN_UPSTREAM, names);
	handover_put_text(&w, HANDOVER_TAG_CONN_SERVER, names);
	handover_put(&w, HANDOVER_TAG_CONN_PEER, &peer, sizeof(peer));
	handover_put_number(&w, HANDOVER_TAG_CONN_ACCEPTED, 1);
	handover_put_number(&w, HANDOVER_TAG_CONN_CONNECTED, 1);
	handover_put_text(&w, HANDOVER_TAG_CONN_FIRST_END, first_end);
	for (int i = 0; i < 2; i++) {
		dir = handover_group(&w, HANDOVER_TAG_CONN_DIR);
		handover_put_number(&w, HANDOVER_TAG_DIR_FLAGS, flags[i]);
		if (rest > 0 && i == 0)
			handover_put(&w, HANDOVER_TAG_DIR_REST, second.message, rest);
		handover_group_end(&w, dir);
	}
	handover_group_end(&w, at);
	return take_apart(&h, w.n);
}

static void p34_what_contradicts_itself_is_refused(void **state)
{
	static uint8_t room[HAND_ROOM];
	const unsigned eof = HANDOVER_DIR_EOF, done = HANDOVER_DIR_DONE, discard = HANDOVER_DIR_DISCARD;

	(void)state;
	second.message = room;
	assert_true(dirs_are_taken(0, 0, 0, "none"));
	assert_true(dirs_are_taken(0, 0, 8, "none"));
	assert_true(dirs_are_taken(eof | done, 0, 0, "client_fin"));
	assert_true(dirs_are_taken(discard, discard, 0, "drain"));
	assert_false(dirs_are_taken(eof | done, eof | done, 0, "client_fin")); /* it would be over */
	assert_false(dirs_are_taken(eof, 0, 0, "none"));                       /* and never end */
	assert_false(dirs_are_taken(discard, discard, 0, "none"));
	assert_false(dirs_are_taken(HANDOVER_DIR_CUT, 0, 0, "none"));
	assert_false(dirs_are_taken(eof | done, 0, 8, "client_fin")); /* bytes behind an end that was passed on */
	assert_false(dirs_are_taken(0, 0, 0, "no such word"));
	assert_false(dirs_are_taken(1 << 7, 0, 0, "none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p34_facts_and_id_come_along),
		cmocka_unit_test(p34_a_plain_one_needs_no_block),
		cmocka_unit_test(p34_what_is_not_here_is_refused),
		cmocka_unit_test(p34_a_dropped_one_goes_on_where_it_was),
		cmocka_unit_test(p22_p34_foreign_bytes_are_refused),
		cmocka_unit_test(p34_what_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
