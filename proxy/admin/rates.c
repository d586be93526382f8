/* rates: a ring of eleven samples for each object. */
#include "proxy/admin/rates.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/server.h"

#define SLOTS (RATES_SECONDS + 1)

/* Ends that are the fault of a server or ours, not of the client. */
bool rates_is_fault(enum close_reason why)
{
	switch (why) {
	case CLOSE_CONNECT_FAILED:
	case CLOSE_CONNECT_TIMEOUT:
	case CLOSE_NO_LIVE_UPSTREAM:
	case CLOSE_UPSTREAM_TLS_FAILED:
	case CLOSE_UPSTREAM_TLS_NAME:
	case CLOSE_SERVER_RST:
	case CLOSE_INTERNAL:
		return true;
	default:
		return false;
	}
}

uint64_t rates_connects_failed(const struct server_stats *s)
{
	return s->refused + s->timeout + s->reset + s->failed;
}

uint64_t rates_failed(const struct server_stats *s)
{
	return rates_connects_failed(s) + s->replayed;
}

/* ---- the counts now ---- */

/* Sums for which v has zeros. */
static void counts_of_listener(const struct listener_stats *n, uint64_t v[RATES])
{
	v[RATE_CONNECTIONS] = n->connections;
	v[RATE_BYTES_IN] = n->bytes_in;
	v[RATE_BYTES_OUT] = n->bytes_out;
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++) {
		v[RATE_REJECTED] += close_rejected(why) ? n->closed[why] : 0;
		v[RATE_FAILED] += rates_is_fault(why) ? n->closed[why] : 0;
	}
}

static void counts_of_server(const struct server_stats *n, uint64_t v[RATES])
{
	v[RATE_CONNECTIONS] = histogram_count(&n->connect);
	v[RATE_FAILED] = rates_failed(n);
	v[RATE_BYTES_IN] = n->bytes_in;
	v[RATE_BYTES_OUT] = n->bytes_out;
}

static void count_process(const struct inventory *inv, uint64_t v[RATES])
{
	struct listener_stats n = {0};

	inventory_totals(inv, &n);
	counts_of_listener(&n, v);
}

static void count_listener(const struct inventory *inv, unsigned i, uint64_t v[RATES])
{
	struct listener_stats n = {0};

	listener_stats_sum(&n, inv->listeners[i].counts->stats, inv->registry->nworkers);
	counts_of_listener(&n, v);
}

static void count_upstream(const struct inventory *inv, unsigned i, uint64_t v[RATES])
{
	struct server_stats n = {0};

	inventory_upstream_totals(inv, &inv->upstreams[i], &n, &v[RATE_REJECTED]);
	counts_of_server(&n, v);
}

static void count_server(const struct inventory *inv, unsigned i, uint64_t v[RATES])
{
	struct server_stats n = {0};

	server_stats_sum(&n, inv->servers[i].server->stats, inv->registry->nworkers);
	counts_of_server(&n, v);
}

/* ---- a new list of objects ---- */

/* What an object is known by in both lists, which hold it. */
static const void *object_at(const struct inventory *inv, unsigned i)
{
	if (i < inv->nlisteners)
		return inv->listeners[i].counts;
	i -= inv->nlisteners;
	if (i < inv->nupstreams)
		return inv->upstreams[i].live;
	return inv->servers[i - inv->nupstreams].server;
}

/* Listeners, upstreams, servers, in this order in every ring. */
static unsigned object_count(const struct inventory *inv)
{
	return inv->nlisteners + inv->nupstreams + inv->nservers;
}

/* Most objects are in both lists, in the same order: the search goes on behind the last one found. */
static void carry_over(const struct rates *r, const struct inventory *to, struct rate_ring *rings)
{
	unsigned old = r->inv != NULL ? object_count(r->inv) : 0, at = 0;

	for (unsigned i = 0; i < object_count(to); i++) {
		const void *object = object_at(to, i);
		unsigned tried = 0;

		while (tried < old && object_at(r->inv, at) != object) {
			at = (at + 1) % old;
			tried++;
		}
		if (tried < old)
			rings[i] = r->rings[at];
		else
			rings[i].first = r->samples - 1;
	}
}

/* Keeps the samples of objects that are in both lists.   Returns  false: no memory, and the old list stays. */
static bool adopt(struct rates *r, struct inventory *inv)
{
	struct rate_ring *rings = calloc(object_count(inv) + 1, sizeof(*rings));

	if (rings == NULL)
		return false;
	carry_over(r, inv, rings);
	free(r->rings);
	if (r->inv != NULL)
		inventory_drop(r->inv);
	inv->holds++;
	r->inv = inv;
	r->rings = rings;
	return true;
}

/* Once a second. A list that is not the last one is adopted first. */
bool rates_sample(struct rates *r, struct inventory *inv, int64_t now)
{
	unsigned slot = (unsigned)(r->samples % SLOTS);
	struct rate_ring *ring;

	DCHECK(r->samples > 0, "the first sample is that of the begin");
	if (inv != r->inv && !adopt(r, inv))
		return false;
	ring = r->rings;
	memset(r->process.v[slot], 0, sizeof(r->process.v[slot]));
	for (unsigned i = 0; i < object_count(inv); i++)
		memset(ring[i].v[slot], 0, sizeof(ring[i].v[slot]));
	count_process(inv, r->process.v[slot]);
	for (unsigned i = 0; i < inv->nlisteners; i++)
		count_listener(inv, i, (ring++)->v[slot]);
	for (unsigned i = 0; i < inv->nupstreams; i++)
		count_upstream(inv, i, (ring++)->v[slot]);
	for (unsigned i = 0; i < inv->nservers; i++)
		count_server(inv, i, (ring++)->v[slot]);
	r->at[slot] = now;
	r->samples++;
	return true;
}

void rates_fini(struct rates *r)
{
	free(r->rings);
	if (r->inv != NULL)
		inventory_drop(r->inv);
	*r = (struct rates){0};
}

/* ---- reading ---- */

/* A count that starts anew, since its object was removed and returned, has fallen: no rate for a while. */
static uint64_t rate_between(uint64_t from, uint64_t to, int64_t ns)
{
	return to > from && ns > 0 ? (uint64_t)((double)(to - from) * 1e12 / (double)ns + 0.5) : 0;
}

/* Over ten seconds, or as long as the object is known. */
static void rates_of(const struct rates *r, const struct rate_ring *ring, uint64_t out[RATES])
{
	uint64_t last = r->samples - 1, from = r->samples < SLOTS ? 0 : r->samples - SLOTS;

	memset(out, 0, RATES * sizeof(*out));
	if (from < ring->first)
		from = ring->first;
	for (unsigned i = 0; from < last && i < RATES; i++)
		out[i] = rate_between(ring->v[from % SLOTS][i], ring->v[last % SLOTS][i],
				      r->at[last % SLOTS] - r->at[from % SLOTS]);
}

void rates_process(const struct rates *r, uint64_t out[RATES])
{
	rates_of(r, &r->process, out);
}

static void rates_object(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES])
{
	memset(out, 0, RATES * sizeof(*out));
	if (inv == r->inv)
		rates_of(r, &r->rings[i], out);
}

void rates_listener(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES])
{
	rates_object(r, inv, i, out);
}

void rates_upstream(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES])
{
	rates_object(r, inv, inv->nlisteners + i, out);
}

void rates_server(const struct rates *r, const struct inventory *inv, unsigned i, uint64_t out[RATES])
{
	rates_object(r, inv, inv->nlisteners + inv->nupstreams + i, out);
}
