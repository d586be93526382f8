/* warm_world: staunch with two workers, whose upstream `app` keeps connections ready. What is kept is counted in the
 * kernel's own list of connections, and by the metric. Part of the test that includes it. */
#ifndef TESTS_FLOW_KIT_WARM_WORLD_H
#define TESTS_FLOW_KIT_WARM_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port;
};

static inline const char *config_of(const struct world *w, const char *upstream)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n  - {name: app, %s}\n",
		     control_socket(), kit_ip(0), w->port, upstream);
}

static inline void start(struct world *w, const char *upstream)
{
	w->port = kit_port(kit_ip(0));
	w->s = kit_staunch_start(config_of(w, upstream));
}

static inline struct kit_peer *peer(enum kit_serve serve)
{
	return kit_peer_start(&(struct kit_peer_opts){.serve = serve});
}

/* ---- counting ---- */

/* Established connections to kit_ip(0) and that port. */
static inline int established(int port)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	char line[256];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned from, from_port, to, to_port, state;

		if (sscanf(line, "%*d: %x:%x %x:%x %x", &from, &from_port, &to, &to_port, &state) == 5 && state == 1)
			n += to == inet_addr(kit_ip(0)) && to_port == (unsigned)port;
	}
	fclose(f);
	return n;
}

struct count {
	int port, n;
};

static inline bool is_count(void *arg)
{
	const struct count *c = arg;

	return established(c->port) == c->n;
}

static inline void wait_established(int port, int n)
{
	struct count c = {port, n};

	if (!kit_wait(is_count, &c, KIT_MS))
		kit_fail("%d connections to port %d, not %d", established(port), port, n);
}

/* All servers, by the metric. */
static inline int kept(const char *state)
{
	const char *page = control_expect(200, "GET /metrics", ""), *end = textf("state=\"%s\"} ", state), *p = page;
	int n = 0;

	while ((p = strstr(p, "staunch_upstream_warm_connections{")) != NULL) {
		const char *line_end = strchr(p, '\n'), *value = strstr(p, end);

		if (value != NULL && value < line_end)
			n += (int)strtol(value + strlen(end), NULL, 10);
		p = line_end;
	}
	return n;
}

static inline bool is_kept(void *arg)
{
	return kept("idle") == *(int *)arg && kept("connecting") == 0;
}

static inline void wait_kept(int n)
{
	if (!kit_wait(is_kept, &n, KIT_MS))
		kit_fail("%d kept, %d missing", kept("idle"), kept("missing"));
}

/* ... and no dial is under way. */
static inline bool is_missing(void *arg)
{
	return kept("missing") == *(int *)arg;
}

static inline void end(struct world *w)
{
	assert_true(kit_child_alive(w->s->child));
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

static inline const char *two_warm(int port, const char *more)
{
	return textf("warm: {connections: 2, max_age: 1h}, servers: [\"%s:%d\"]%s", kit_ip(0), port, more);
}

#endif
