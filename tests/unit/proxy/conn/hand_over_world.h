/* hand_over_world: a relay that moves between two processes, which here are two shards of one worker, each with its own
 * listener, upstream and server of the same names. Descriptors are duplicated, as the kernel does when it passes them.
 * The first process is relay_world's. */
#ifndef TESTS_UNIT_PROXY_CONN_HAND_OVER_WORLD_H
#define TESTS_UNIT_PROXY_CONN_HAND_OVER_WORLD_H

#include "tests/unit/proxy/conn/relay_world.h"

#include <dirent.h>

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/hand_over.h"
#include "proxy/conn/relay.h"

#define HAND_ROOM (4 << 20)

/* What the second process has in place of relay_world's. */
static struct {
	struct shard *shard;
	struct limit limit;
	struct snapshot snap;
	struct snapshot_use use;
	struct listener_counts counts;
	struct upstream upstream;
	struct target target;
	const struct target *targets[1];
	struct listener listener;
	struct upstream_live live;
	struct server server;
	struct listener_stats listener_stats;
	struct server_stats server_stats;
	unsigned moves;
	const char *why; /* of a refusal */
	uint8_t *message;
} second;

/* One server in a list, for upstream_each. */
static inline void name_parts(struct upstream *u, struct upstream_live *live, struct server *s)
{
	struct members *m = calloc(1, sizeof(*m) + sizeof(m->at[0]));

	CHECK(m != NULL, "memory for a list of servers");
	m->n = 1;
	m->round = 1;
	m->at[0].server = s;
	u->name = "u";
	u->members = m;
	u->live = live;
	s->text = "s";
	pthread_mutex_init(&live->lock, NULL);
}

static inline void second_begin(void)
{
	memset(&second, 0, sizeof(second));
	second.message = malloc(HAND_ROOM);
	second.shard = aligned_alloc(_Alignof(struct shard), sizeof(*second.shard));
	CHECK(second.message != NULL && second.shard != NULL && shard_init(second.shard, 0, &second.limit) == 0,
	      "memory for a second process");
	second.shard->worker = np_self();
	second.use.count = 1;
	second.snap = (struct snapshot){
		.use = &second.use, .shares = 1, .listeners = &second.listener, .nlisteners = 1};
	second.counts.stats = &second.listener_stats;
	second.target.upstream = &second.upstream;
	second.targets[0] = &second.target;
	second.listener = world.listener;
	second.listener.snap = &second.snap;
	second.listener.counts = &second.counts;
	second.listener.targets = second.targets;
	second.server.live = &second.live;
	second.server.stats = &second.server_stats;
	name_parts(&second.upstream, &second.live, &second.server);
	name_parts(&world.upstream, &world.live, &world.server);
	world.snap.listeners = &world.listener;
	world.snap.nlisteners = 1;
}

/* Nothing is left of a connection in either. */
static inline void second_end(void)
{
	CHECK(list_empty(&second.shard->conns) && second.shard->nconns == 0, "no connection is left");
	CHECK(second.limit.used == 0 && second.counts.limit.used == 0 && second.server.slots.used == 0,
	      "each place is back");
	CHECK(second.use.count == 1, "the snapshot is back");
	shard_fini(second.shard);
	free(second.shard);
	free(second.message);
	free(second.upstream.members);
	free(world.upstream.members);
}

/* ---- moving ---- */

static inline struct conn *living(void)
{
	struct shard *s = !list_empty(&world.shard->conns) ? world.shard : second.shard;

	return list_empty(&s->conns) ? NULL : container_of(s->conns.next, struct conn, link);
}

static inline struct hand_over_into other_of(const struct conn *c)
{
	bool here = c->shard == world.shard;

	return (struct hand_over_into){
		.shard = here ? second.shard : world.shard, .snap = here ? &second.snap : &world.snap};
}

/* A frozen connection's message.   Returns  its length; sysfds are those of the other process. */
static inline size_t pass_on(const struct conn *c, int sysfds[HAND_OVER_FDS])
{
	struct handover_writer w;

	handover_write(&w, second.message, HAND_ROOM);
	CHECK(hand_over_write(c, &w, sysfds) == HAND_OVER_FDS, "the message has room");
	for (int i = 0; i < HAND_OVER_FDS; i++)
		sysfds[i] = fcntl(sysfds[i], F_DUPFD_CLOEXEC, 0);
	return w.n;
}

static inline bool take_apart(struct hand_over *h, size_t n)
{
	struct handover_reader r;
	struct handover_field f;

	handover_read(&r, second.message, n);
	return handover_next(&r, &f) && f.tag == HANDOVER_TAG_CONN && hand_over_read(h, &f, &second.why);
}

/* Whole: the one process forgets it, then the other runs it. */
static inline struct conn *move_conn(struct conn *c)
{
	struct hand_over_into into = other_of(c);
	int sysfds[HAND_OVER_FDS];
	struct hand_over h;
	struct conn *moved;
	size_t n;

	CHECK(hand_over_freeze(c) == 0, "memory for the bytes of a pipe");
	n = pass_on(c, sysfds);
	CHECK(take_apart(&h, n), "a message of ours is read");
	CHECK(hand_over_build(&into, &h, sysfds, &moved, &second.why) == 0, "and a connection is made of it");
	memset(second.message, 0xee, n);
	hand_over_forget(c);
	hand_over_thaw(moved);
	second.moves++;
	return moved;
}

static inline void wait_until_gone(void)
{
	int64_t deadline = np_deadline_after(20 * NP_S);

	while (living() != NULL && np_nanotime() < deadline)
		np_sleep(NP_MS);
}

static inline unsigned ends_counted(enum close_reason why)
{
	return (unsigned)(world.listener_stats.closed[why] + second.listener_stats.closed[why]);
}

static inline unsigned all_ends(void)
{
	unsigned n = 0;

	for (int why = 1; why < CLOSE_REASONS; why++)
		n += ends_counted((enum close_reason)why);
	return n;
}

static inline int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

#endif
