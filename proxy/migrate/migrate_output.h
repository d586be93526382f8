/* migrate_output: the objects of the output that both languages make: names that are unique, networks that let in and
 * keep out, and upstreams that differ by the settings of who uses them. */
#ifndef PROXY_MIGRATE_MIGRATE_OUTPUT_H
#define PROXY_MIGRATE_MIGRATE_OUTPUT_H

#include "proxy/migrate/migrate_job.h"
#include "proxy/migrate/migrate_yaml.h"

/* output_name: a name like `text` that no map in the list has as its name. */
const char *output_name(struct migrate_job *j, const struct yaml *list, const char *text);
/* output_add_upstream: `made` is in the list, unless one that came from the same directive says the same. Its name
 * is made from `text`.   Returns  the name. */
const char *output_add_upstream(struct migrate_job *j, struct yaml *list, struct yaml *made, const char *text);

/* A rule for a network. What the first rule that matches says counts, in both languages; here it is the longest
 * network. So a rule within the network of an earlier one is left out: nothing ever came to it.
 *   Calls    in the order of the rules; the network may be "all".   Returns  false: it is no network. */
bool output_rule(struct migrate_job *j, struct yaml *listener, bool allow, const char *network, struct migrate_line *d);

/* What a route asks: of which key (sni, alpn, source, tls) a connection has the value. */
struct output_match {
	const char *key, *value;
};

/* output_route: one more route of the listener, to that upstream. Where the route before it differs in the value
 * alone, it gets the value, too. */
void output_route(struct migrate_job *j, struct yaml *listener, struct output_match m, const char *upstream,
		  struct migrate_line *d);
/* output_verified: a name for the certificates of the upstream's servers to have, where tls says none: `name`, or
 * that of its servers. asked: the input wants them verified; else they are not where their names differ, which is
 * said. */
void output_verified(struct migrate_job *j, struct yaml *upstream, bool asked, const char *name);
/* A server of the upstream; one with the address of another adds its weight to that one's.   Returns  its map. */
struct yaml *output_server(struct migrate_job *j, struct yaml *upstream, const char *address, struct migrate_line *d);

#endif
