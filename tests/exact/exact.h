/* exact: limits of servers, counted at the servers, while clients and servers end connections in every way. Two threads
 * of their own play servers and clients; each connection is one, from the first to the last byte:
 *
 *   client    connects .. waits for its greeting .. goes on for a while .. FIN or reset; or resets while it waits
 *   server    accepts, greets, counts .. FIN after FIN; or ends by itself, by FIN or reset
 *
 * Random, by a seed. Threads assert nothing: they note what they saw. */
#ifndef TESTS_EXACT_EXACT_H
#define TESTS_EXACT_EXACT_H

#include <pthread.h>

#include "tests/kit/kit.h"

#define EXACT_SERVERS 4
#define EXACT_LIMIT   3 /* max_connections of each */
#define EXACT_MOST    512 /* clients at a time */

static inline uint64_t exact_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ---- servers: exact_servers.c ---- */

/* Numbers of one server; atomic, since the test reads them meanwhile. */
struct exact_tally {
	uint64_t accepted;
	uint64_t most;    /* at a time */
	uint64_t doubted; /* times that more than the limit seemed to be there: an end that had not arrived yet */
	uint64_t over;    /* ... and still were after two milliseconds: more than the limit */
};

struct exact_servers {
	const char *ip[EXACT_SERVERS];
	int port; /* of all */
	uint64_t seed;
	uint32_t calm; /* atomic: no server ends anything by itself */
	struct exact_tally at[EXACT_SERVERS];
	uint32_t stopping; /* atomic */
	pthread_t thread;
	struct exact_server_side *side; /* the thread's */
};

/* ip, port and seed are set. */
void exact_servers_start(struct exact_servers *s);
void exact_servers_stop(struct exact_servers *s);

/* ---- clients: exact_clients.c ---- */

struct exact_clients {
	const char *ip;
	int port;
	unsigned at_once;  /* how many there are at a time */
	uint64_t total;    /* how many there are in all */
	int64_t hold;      /* ns: so long at most some go on after their greeting; the others end with it */
	bool all_hold;     /* ... all of them go on */
	int64_t patience;  /* ns: who was overtaken for longer was overtaken */
	uint64_t seed;
	uint32_t era;      /* atomic: two clients are in one order if both came in one; 0: a reload is under way */
	/* out; atomic, since the test reads them meanwhile */
	uint64_t begun, over;
	uint64_t greeted;  /* had a server */
	uint64_t gone;     /* reset while they waited */
	uint64_t refused;  /* were ended without a greeting, or could not connect */
	uint64_t waited;   /* had a greeting after more than a millisecond */
	uint64_t overtaken;
	int64_t longest;   /* ns: the longest wait for a greeting */
	pthread_t thread;
	struct exact_client_side *side; /* the thread's */
};

void exact_clients_start(struct exact_clients *c);
/* Waits until all are over. */
void exact_clients_join(struct exact_clients *c);

static inline uint64_t exact_get(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

static inline void exact_add(uint64_t *n)
{
	__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
}

#endif
