/* A shard's begin and end, its random numbers, its wall clock, and the call that runs on its
 * worker. */
#include "proxy/conn/shard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proxy/base/wall.h"
#include "proxy/conn/warm.h"

#define WALL_APART NP_MS /* a wall clock that is nearer than that to what it was has not moved: the reads differ */

int shard_init(struct shard *s, unsigned id, struct limit *limit)
{
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->limit = limit;
	list_init(&s->conns);
	list_init(&s->walks);
	list_init(&s->tally.link);
	list_init(&s->handshakes);
	list_init(&s->stale);
	s->scratch = malloc(SHARD_SCRATCH);
	if (s->scratch == NULL)
		return -NP_ENOMEM;
	/* Not for secrets: a weak seed early at boot is good enough. Zero would be xorshift's fixed
	 * point. */
	if (getrandom(&s->random, sizeof(s->random), GRND_NONBLOCK) != sizeof(s->random) ||
		s->random == 0)
		s->random = (uint64_t)np_nanotime() | 1;
	s->source_seed = shard_random(s);
	s->id_seed = shard_random(s);
	s->id_epoch = wall_now() - np_nanotime();
	return 0;
}

void shard_share(struct shard *s, const struct shard *first)
{
	s->source_seed = first->source_seed;
	s->id_seed = first->id_seed;
	s->id_epoch = first->id_epoch;
}

void shard_fini(struct shard *s)
{
	CHECK(list_empty(&s->conns), "a connection outlived its worker");
	warm_free(s->warm);
	s->warm = NULL;
	free(s->scratch);
	s->scratch = NULL;
}

/* xorshift64*: three shifts and a multiplication, and good enough for choosing servers and naming
 * connections. */
uint64_t shard_random(struct shard *s)
{
	uint64_t x = s->random;

	DCHECK(x != 0, "xorshift stays at 0 for ever");
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	s->random = x;
	return x * UINT64_C(2685821657736338717);
}

/* Where it has not moved, all records of a connection say the same of its start. */
int64_t shard_wall(struct shard *s, int64_t mono)
{
	int64_t now = np_now(), apart;

	DCHECK_SHARD(s);
	if (s->wall_checked == 0 || now - s->wall_checked >= NP_S) {
		apart = wall_now() - np_nanotime();
		if (s->wall_checked == 0 || apart - s->wall_minus_mono > WALL_APART ||
		    s->wall_minus_mono - apart > WALL_APART)
			s->wall_minus_mono = apart;
		s->wall_checked = now;
	}
	return mono + s->wall_minus_mono;
}

/* ---- calls ---- */

/* There and back: the same message returns to the caller's worker once fn has run. It stands on the
 * caller's stack, which is there for as long as the caller waits. */
struct call {
	struct np_msg msg;
	struct shard *shard;
	void (*fn)(struct shard *s, void *arg);
	void *arg;
	struct np_worker *caller;
	struct np_event done;
};

static void call_done(struct np_msg *m)
{
	np_event_set(&container_of(m, struct call, msg)->done);
}

static void call_run(struct np_msg *m)
{
	struct call *c = container_of(m, struct call, msg);

	DCHECK_SHARD(c->shard);
	c->fn(c->shard, c->arg);
	m->fn = call_done;
	np_post(c->caller, m);
}

void shard_call(struct shard *s, void (*fn)(struct shard *s, void *arg), void *arg)
{
	struct call c = {.msg.fn = call_run, .shard = s, .fn = fn, .arg = arg, .caller = np_self()};

	DCHECK(c.caller != NULL && s->worker != NULL, "a call goes from one worker to another");
	np_post(s->worker, &c.msg);
	np_event_wait(&c.done);
}
