/* servers: an upstream for the balancing tests, written as one line. "5/2 1 0 1b" is a server a
 * of weight 5 that takes 2 connections, b of weight 1, c that takes none, and d, a backup. "1b2" is of priority 2, and
 * "1z" and "1b2z" are in another zone than the others. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_SERVERS_H
#define TESTS_UNIT_PROXY_UPSTREAM_SERVERS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"
#include "proxy/upstream/upstream.h"

#define SERVERS_MAX 16

struct servers {
	struct server_spec   at[SERVERS_MAX];
	struct upstream_spec spec;
};

/* Server number i of every test: 127.0.0.1 and a port. */
static inline struct server_spec servers_one(unsigned i)
{
	struct server_spec s = {.text = "a server", .weight = 1};

	s.addr.len = sizeof(s.addr.u.in4);
	s.addr.u.in4.sin_family = AF_INET;
	s.addr.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.addr.u.in4.sin_port = htons((uint16_t)(8000 + i));
	return s;
}

static inline void servers_init(struct servers *s, enum balance balance, const char *line)
{
	char *end;

	memset(s, 0, sizeof(*s));
	s->spec.name = "app";
	s->spec.balance = balance;
	s->spec.servers = s->at;
	for (; *line != '\0'; line = end + strspn(end, " ")) {
		struct server_spec *one = &s->at[s->spec.nservers];

		assert_true(s->spec.nservers < SERVERS_MAX);
		*one = servers_one(s->spec.nservers++);
		one->weight = (uint32_t)strtoul(line, &end, 10);
		if (*end == '/')
			one->max_connections = (uint32_t)strtoul(end + 1, &end, 10);
		if (*end == 'b') {
			end++;
			one->priority = *end >= '0' && *end <= '9' ? (uint32_t)strtoul(end, &end, 10) : 1;
		}
		one->zone = *end == 'z' ? "far" : "near";
		end += *end == 'z';
	}
}

static inline struct upstream *servers_open(
	enum balance balance, const char *line, struct server_registry *registry)
{
	struct servers s;
	struct upstream *u;

	servers_init(&s, balance, line);
	u = upstream_new(&s.spec, registry);
	assert_non_null(u);
	return u;
}

/* The place of a server in its upstream. */
static inline unsigned servers_place(const struct upstream *u, const struct server *s)
{
	unsigned i = 0;

	while (u->members->at[i].server != s)
		i++;
	return i;
}

/* upstream_pick, but its answer as a place; SERVERS_MAX when it refuses. */
static inline unsigned servers_pick(struct upstream *u, const struct pick_args *args, int *err)
{
	struct pick_args a = *args;
	struct server *s = NULL;

	*err = upstream_pick(u, &a, &s);
	return *err == 0 ? servers_place(u, s) : SERVERS_MAX;
}

static inline void servers_release(struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++) {
		while (server_active(u->members->at[i].server) > 0)
			server_release(u->members->at[i].server);
	}
}

/* Ends all connections, the upstream and the registry. */
static inline void servers_close(struct upstream *u, struct server_registry *registry)
{
	servers_release(u);
	upstream_free(u);
	server_registry_free(registry);
}

/* What an operator says of it, without an end. */
static inline void servers_say(struct server *s, const struct server_inputs *in)
{
	server_set_admin(s, in, (int64_t[SERVER_SETS]){0});
}

static inline void servers_set_admin(struct server *s, enum server_admin_state to)
{
	servers_say(s, &(struct server_inputs){.admin = to, .admin_weight = -1});
}

/* splitmix64: the same numbers in each run. */
static inline uint64_t servers_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* STAUNCH_SEED gives a printed seed back. */
static inline uint64_t servers_seed(void)
{
	const char *given = getenv("STAUNCH_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20260707;

	print_message("seed %llu\n", (unsigned long long)seed);
	return seed;
}

#endif
