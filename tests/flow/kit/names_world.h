/* names_world: staunch with two workers, whose upstream `app` has names, and a name server of the test's own, which
 * says what a test wants. Part of the test that includes it, and for its own thread, but for zone. */
#ifndef TESTS_FLOW_KIT_NAMES_WORLD_H
#define TESTS_FLOW_KIT_NAMES_WORLD_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/unit/proxy/resolve/name_server.h"

enum { MOST = 4 };

/* What is answered now; under name_server_lock. */
static struct {
	unsigned rcode, ttl;
	const char *ip[MOST]; /* of each host; those of the first that is NULL end it */
	struct {
		unsigned v[3]; /* priority, weight, port */
		const char *target;
	} srv[MOST];
	bool silent;
	const char *counted; /* a name; NULL: none */
	unsigned asked;      /* how often so far */
} zone;

static struct name_server ns;

static inline void answer_by_zone(struct name_server *s, const struct name_asked *q, struct reply *r)
{
	(void)s;
	zone.asked += zone.counted != NULL && strcmp(zone.counted, q->name) == 0;
	reply_rcode(r, zone.rcode);
	if (zone.silent)
		r->n = 0;
	if (zone.silent || zone.rcode != 0)
		return;
	for (int i = 0; q->type == REPLY_A && i < MOST && zone.ip[i] != NULL; i++)
		reply_addr(r, q->name, zone.ttl, zone.ip[i]);
	for (int i = 0; q->type == REPLY_SRV && i < MOST && zone.srv[i].target != NULL; i++)
		reply_srv(r, q->name, zone.ttl, zone.srv[i].v, zone.srv[i].target);
}

/* The list of addresses, from now on. */
static inline void zone_set(unsigned rcode, unsigned ttl, const char *a, const char *b, const char *c)
{
	pthread_mutex_lock(&name_server_lock);
	zone.rcode = rcode;
	zone.ttl = ttl;
	zone.ip[0] = a;
	zone.ip[1] = b;
	zone.ip[2] = c;
	pthread_mutex_unlock(&name_server_lock);
}

static inline void zone_be_silent(bool silent)
{
	pthread_mutex_lock(&name_server_lock);
	zone.silent = silent;
	pthread_mutex_unlock(&name_server_lock);
}

static inline unsigned questions(void)
{
	return name_server_asked(&ns.udp) + name_server_asked(&ns.tcp);
}

/* --- the set-up --- */

struct world {
	struct kit_staunch *s;
	int port, to; /* of the listener; of all servers, each at an address of its own */
	struct kit_peer *peer[MOST];
	char text[2048];
	char control[KIT_PATH + 32]; /* what else stands in its block: ", state: ..." */
};

/* Address i is kit_ip(i + 1), for as long as the test runs. */
static inline const char *ip_of(int i)
{
	static char all[MOST][64];

	snprintf(all[i], sizeof(all[i]), "%s", kit_ip(i + 1));
	return all[i];
}

static inline void begin(struct world *w, int peers)
{
	*w = (struct world){.port = kit_port(kit_ip(0))};
	memset(&zone, 0, sizeof(zone));
	ns = (struct name_server){.script = answer_by_zone};
	name_server_start(&ns);
	w->to = kit_port(ip_of(0));
	for (int i = 0; i < peers; i++)
		w->peer[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = ip_of(i), .port = w->to});
}

static inline const char *config(struct world *w, const char *dns, const char *servers, const char *more)
{
	snprintf(w->text, sizeof(w->text),
		 TWO_WORKERS "control: {socket: \"%s\"%s}\ndns: {servers: \"%s\"%s%s}\n"
			     "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			     "upstreams:\n  - {name: app, servers: [%s]%s}\n",
		 control_socket(), w->control, ns.text, dns[0] != '\0' ? ", " : "", dns, kit_ip(0), w->port, servers,
		 more);
	return w->text;
}

static inline void start(struct world *w, const char *dns, const char *servers)
{
	w->s = kit_staunch_start(config(w, dns, servers, ""));
}

static inline void end(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	name_server_stop(&ns);
}

static inline bool is_served(const struct world *w)
{
	int fd = kit_connect(kit_ip(0), w->port);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

static inline int failures_of(const struct world *w, int clients)
{
	int failed = 0;

	for (int i = 0; i < clients; i++)
		failed += !is_served(w);
	return failed;
}

static inline const char *servers_json(void)
{
	return control_expect(200, "GET /v1/servers", "");
}

#endif
