/* admin_warnings: what an operator should look at, in sentences: the member "warnings" of the status. Each has a word
 * that never changes, for machines. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/policy/usable.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/upstream_live.h"

#define WARNING_ROOM  1024
#define TEXT_MOST     320
#define CERT_DAYS     30
#define UNUSABLE_NAMED 2
#define UNUSABLE_ROOM  192 /* two of them, with the longest word */
#define FAILING_NAMED 10
#define FAILURE_RECENT (60 * NP_S)
#define DROPS_RECENT  (600 * NP_S) /* so long a dropped record is worth a word */

struct warnings {
	struct json *j;
	struct reply *r;
};

static void warn(const struct warnings *w, const char *word, const char *fmt, ...) printf_like(3, 4);

static void warn(const struct warnings *w, const char *word, const char *fmt, ...)
{
	char text[TEXT_MOST];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!reply_room(w->r, TEXT_MOST * JSON_ESCAPE + WARNING_ROOM))
		return;
	json_enter(w->j, NULL, '{');
	json_str(w->j, "code", word);
	json_str(w->j, "text", text);
	json_leave(w->j, '}');
}

/* The first servers that get no connections, each with the word that /v1/servers and top have for the reason. */
static void list_unusable(const struct inventory *inv, const struct inventory_upstream *u, char out[UNUSABLE_ROOM])
{
	const char *before = ": ", *why;
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = u->first, named = 0; i < u->first + u->n && named < UNUSABLE_NAMED; i++) {
		const struct inventory_server *s = &inv->servers[i];
		const char *slash = strchr(s->server->name, '/');

		if (!s->listed || usable_word(s, &why)[0] != 'n' || why == NULL || slash == NULL)
			continue;
		snprintf(out + n, UNUSABLE_ROOM - n, "%s%.60s %s", before, slash + 1, why);
		n = strlen(out);
		before = ", ";
		named++;
	}
}

/* An upstream without a usable server gets the sharper sentence, and only that. */
static void warn_of_upstreams(const struct warnings *w, const struct inventory *inv)
{
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];
		struct usable_count n = usable_count(inv, u);
		char names[UNUSABLE_ROOM];

		if (!u->listed || n.usable == n.servers)
			continue;
		list_unusable(inv, u, names);
		if (n.usable + n.spare == 0)
			warn(w, "upstream_down", "upstream %s has no usable server%s", u->live->name, names);
		else
			warn(w, "servers_unusable", "upstream %s: %u of %u servers usable%s", u->live->name, n.usable,
			     n.servers, names);
	}
}

/* Not long ago: a server that nobody asks since then may be well again. */
static bool fails(const struct server *server)
{
	const struct server_failure f = server_last_failure(server);

	return f.why != 0 && np_nanotime() - f.at <= FAILURE_RECENT;
}

/* Its last connect that failed was not long ago; since when it fails is in the events. */
static void warn_of_server(const struct warnings *w, const struct inventory *inv, struct server *server)
{
	const struct server_failure f = server_last_failure(server);
	int64_t ago = np_nanotime() - f.at;
	struct server_stats n = {0};
	uint64_t failed;

	server_stats_sum(&n, server->stats, inv->registry->nworkers);
	failed = rates_connects_failed(&n);
	warn(w, "server_failing", "server %s: %s %lld s ago; %llu failed connect%s since the start", server->name,
	     f.err != 0 ? np_err_text(f.err) : close_sentence((enum close_reason)f.why), (long long)(ago / NP_S),
	     (unsigned long long)failed, failed == 1 ? "" : "s");
}

/* A page of one and the same would hide the rest. */
static void warn_of_servers(const struct warnings *w, const struct inventory *inv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inv->nservers; i++) {
		if (!inv->servers[i].listed || !fails(inv->servers[i].server))
			continue;
		if (++n <= FAILING_NAMED)
			warn_of_server(w, inv, inv->servers[i].server);
	}
	if (n > FAILING_NAMED)
		warn(w, "server_failing", "%u more servers fail", n - FAILING_NAMED);
}

/* Of the certificates in force, not of the files on the disk. */
static void warn_of_certificates(const struct warnings *w, const struct inventory *inv)
{
	for (unsigned i = 0; i < inv->ncertificates; i++) {
		const struct inventory_certificate *c = &inv->certificates[i];
		int days = tls_cert_days_left(c->expires);

		if (days < 0)
			warn(w, "certificate_expired", "listener %s: %.150s has expired", c->listener, c->file);
		else if (days < CERT_DAYS)
			warn(w, "certificate_expires", "listener %s: %.150s expires in %d day%s", c->listener,
			     c->file, days, days == 1 ? "" : "s");
	}
}

/* Only while it acts: what has passed is in the events. */
static void warn_of_limit(const struct warnings *w, const struct limit *l, const char *name, const char *listener)
{
	if (__atomic_load_n(&l->since, __ATOMIC_RELAXED) == 0)
		return;
	warn(w, "limit", "%s%s%s acts: %llu hits since the start", listener != NULL ? listener : "",
	     listener != NULL ? ": " : "", name, (unsigned long long)__atomic_load_n(&l->hits, __ATOMIC_RELAXED));
}

/* Of the process, then of each listener that is configured. */
static void warn_of_limits(const struct warnings *w, const struct process *p, const struct inventory *inv)
{
	warn_of_limit(w, &p->limit, "limits.max_connections", NULL);
	warn_of_limit(w, &p->admin_clients, "the limit of control connections", NULL);
	warn_of_limit(w, &p->watch.descriptors, "the descriptor limit", NULL);
	for (unsigned i = 0; inv != NULL && i < inv->nlisteners; i++) {
		const struct listener_counts *counts = inv->listeners[i].counts;

		if (!inv->listeners[i].listed)
			continue;
		warn_of_limit(w, &counts->limit, "max_connections", counts->name);
		warn_of_limit(w, &counts->handshakes_limit, "tls.max_handshakes", counts->name);
	}
	for (unsigned i = 0; inv != NULL && i < inv->nupstreams; i++)
		if (inv->upstreams[i].listed)
			warn_of_limit(w, &inv->upstreams[i].live->queue, "queue.max", inv->upstreams[i].live->name);
}

/* All of it is read from counters; the control thread is asked for nothing that is not in the order already. */
void admin_warnings(struct json *j, struct client *c, struct reply *r, const struct order *o)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	const struct sampler *s = c->admin->sampler;
	const struct warnings w = {j, r};

	json_enter(j, "warnings", '[');
	if (o->why[0] != '\0')
		warn(&w, "reload_refused", "the last reload was refused: %s", o->why);
	if (inv != NULL) {
		warn_of_upstreams(&w, inv);
		warn_of_servers(&w, inv);
		warn_of_certificates(&w, inv);
	}
	warn_of_limits(&w, c->admin->p, inv);
	if (__atomic_load_n(&c->admin->p->state.failing, __ATOMIC_RELAXED))
		warn(&w, "state_failed",
		     "the state file is not written: a restart would lose what was said of servers");
	if (log_level_now() != log_level_set())
		warn(&w, "log_level",
		     "the process log is at %s for a while, not at %s as configured; /v1/log says until when",
		     log_level_word(log_level_now()), log_level_word(log_level_set()));
	if (s->drops_at != 0 && np_nanotime() - s->drops_at < DROPS_RECENT)
		warn(&w, "log_dropped", "%llu access records were dropped since the start",
		     (unsigned long long)s->drops);
	json_leave(j, ']');
	if (inv != NULL)
		inventory_drop(inv);
}
