/* admin_warnings: what an operator should look at, in sentences: the member "warnings" of the status. Each has a word
 * that never changes, for machines. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/policy/usable.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/upstream_live.h"

#define WARNING_ROOM  1024
#define TEXT_MOST     960
#define CERT_DAYS     30
#define UNUSABLE_NAMED 2
#define UNUSABLE_ROOM  768 /* two of them, each with its reason and what ends it */
#define FAILING_NAMED 10
#define FAILURE_RECENT (60 * NP_S)
#define DROPS_RECENT  (600 * NP_S) /* so long a dropped record is worth a word */

struct warnings {
	struct json *j;
	struct reply *r;
	const struct rates *rates;
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

/* The first servers that get no connections, or only where no other is left, each with its reason. */
static void list_unusable(const struct inventory *inv, const struct inventory_upstream *u, char out[UNUSABLE_ROOM])
{
	unsigned named = 0, more = 0;
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = u->first; i < u->first + u->n; i++) {
		const struct inventory_server *s = &inv->servers[i];
		const char *slash = strchr(s->server->name, '/'), *why;
		char sentence[SERVER_REASON], back[SERVER_REASON];

		why = s->listed && slash != NULL ? usable_sentence(s, sentence) : NULL;
		if (why == NULL || named == UNUSABLE_NAMED) {
			more += why != NULL;
			continue;
		}
		snprintf(out + n, UNUSABLE_ROOM - n, "%s%.60s: %.150s; back %.130s", named > 0 ? "; " : " (", slash + 1,
			 why, usable_back(s, back));
		n = strlen(out);
		named++;
	}
	if (more > 0)
		snprintf(out + n, UNUSABLE_ROOM - n, "; and %u more)", more);
	else if (named > 0)
		snprintf(out + n, UNUSABLE_ROOM - n, ")");
}

/* The tiers without a usable server, where a later one has some: its servers may be far away, or slower.
 *   Returns  how many they are; 0 mostly. */
static unsigned lost_tiers(const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned tiers = usable_tiers(inv, u), tier = 0;

	for (; tier < tiers; tier++) {
		const struct usable_count n = usable_tier(inv, u, tier);

		if (n.usable + n.spare > 0)
			break;
	}
	return tier;
}

/* Of a model that the inventory has, so that its text is the server's, too. */
static bool brings_server(const struct inventory *inv, const struct inventory_upstream *u,
			  const struct config_server *name)
{
	for (unsigned i = u->first; i < u->first + u->n; i++)
		if (inv->servers[i].name == name->text)
			return true;
	return false;
}

/* Names that bring nothing: beside servers that are there nobody would notice. */
static void warn_of_names(const struct warnings *w, const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned n = 0;

	for (size_t i = 0; i < u->config->nservers; i++) {
		const struct config_server *s = &u->config->servers[i];

		if (s->host == NULL || brings_server(inv, u, s))
			continue;
		if (++n <= UNUSABLE_NAMED)
			warn(w, "name_unresolved", "upstream %s: the name %.300s brings no server; the events "
			     "dns_failed and dns_dropped say why", u->live->name, s->text);
	}
	if (n > UNUSABLE_NAMED)
		warn(w, "name_unresolved", "upstream %s: %u more name%s no server", u->live->name,
		     n - UNUSABLE_NAMED, n == UNUSABLE_NAMED + 1 ? " brings" : "s bring");
}

/* An upstream without a usable server gets the sharper sentence, and only that. */
static no_inline void warn_of_upstream(const struct warnings *w, const struct inventory *inv,
				       const struct inventory_upstream *u)
{
	struct usable_count n = usable_count(inv, u);
	char names[UNUSABLE_ROOM], tiers[64] = "";
	unsigned lost, percent;

	if (n.servers == 0) { /* the file has some; so all of them are names */
		warn(w, "upstream_down", "upstream %s has no server: no name that it lists has an address; the events "
		     "dns_failed and dns_dropped say why", u->live->name);
		return;
	}
	if (u->dns_members >= 0)
		warn_of_names(w, inv, u);
	if (n.usable == n.servers)
		return;
	lost = lost_tiers(inv, u);
	if (lost > 0)
		snprintf(tiers, sizeof(tiers), ", none before tier %u", lost);
	list_unusable(inv, u, names);
	if (inventory_panics(inv, u, &percent))
		warn(w, "panic", "upstream %s panics: %u %% of its weight is usable, so servers that are held out are "
		     "used again%s", u->live->name, percent, names);
	else if (n.usable + n.spare == 0)
		warn(w, "upstream_down", "upstream %s has no usable server%s", u->live->name, names);
	else
		warn(w, "servers_unusable", "upstream %s: %u of %u servers usable%s%s", u->live->name, n.usable,
		     n.servers, tiers, names);
}

static void warn_of_upstreams(const struct warnings *w, const struct inventory *inv)
{
	for (unsigned i = 0; i < inv->nupstreams; i++)
		if (inv->upstreams[i].listed)
			warn_of_upstream(w, inv, &inv->upstreams[i]);
}

/* Has it taken connections, or passed its check, since that failure? Then it is over, and the events have it. */
static bool is_back(const struct warnings *w, const struct inventory *inv, unsigned i, int64_t failed_at)
{
	struct server *server = inv->servers[i].server;
	const struct server_check_last last = server_checked_last(&server->checked);
	uint64_t rates[RATES];

	if (server_inputs(server_now(server)).check == SERVER_CHECK_UP && last.result == CHECK_OK &&
	    last.at > failed_at)
		return true;
	rates_server(w->rates, inv, i, rates); /* of the last ten seconds */
	return rates[RATE_CONNECTIONS] > 0 && rates[RATE_FAILED] == 0;
}

/* Not long ago: a server that nobody asks since then may be well again. */
static bool fails(const struct warnings *w, const struct inventory *inv, unsigned i)
{
	const struct server_failure f = server_last_failure(inv->servers[i].server);

	return f.why != 0 && np_nanotime() - f.at <= FAILURE_RECENT && !is_back(w, inv, i, f.at);
}

/* Its last connect that failed was not long ago; since when it fails is in the events. */
static void warn_of_server(const struct warnings *w, const struct inventory *inv, const struct inventory_server *s)
{
	struct server *server = s->server;
	const struct server_failure f = server_last_failure(server);
	int64_t ago = np_nanotime() - f.at;
	struct server_stats n = {0};
	char replayed[64] = "", name[112] = "";
	unsigned long long failed, again;

	server_stats_sum(&n, server->stats, inv->registry->nworkers);
	failed = rates_connects_failed(&n);
	again = n.replayed;
	if (again > 0)
		snprintf(replayed, sizeof(replayed), ", %llu replayed at another server", again);
	if (s->name != NULL)
		snprintf(name, sizeof(name), " (%.100s)", s->name);
	warn(w, "server_failing", "server %s%s: %s %lld s ago; %llu failed connect%s%s since the start", server->name,
	     name,
	     f.err != 0 ? np_err_text(f.err) : close_sentence((enum close_reason)f.why), (long long)(ago / NP_S),
	     failed, failed == 1 ? "" : "s", replayed);
}

/* A page of one and the same would hide the rest. */
static void warn_of_servers(const struct warnings *w, const struct inventory *inv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inv->nservers; i++) {
		if (!inv->servers[i].listed || !fails(w, inv, i))
			continue;
		if (++n <= FAILING_NAMED)
			warn_of_server(w, inv, &inv->servers[i]);
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
	unsigned long long hits = __atomic_load_n(&l->hits, __ATOMIC_RELAXED);

	if (__atomic_load_n(&l->since, __ATOMIC_RELAXED) == 0)
		return;
	warn(w, "limit", "%s%s%s acts: %llu hit%s since the start", listener != NULL ? listener : "",
	     listener != NULL ? ": " : "", name, hits, hits == 1 ? "" : "s");
}

static void warn_of_queue(const struct warnings *w, const struct upstream_live *live)
{
	warn_of_limit(w, &live->queue, "queue.max", live->name);
	warn_of_limit(w, &live->late, "timeouts.queue", live->name);
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
			warn_of_queue(w, inv->upstreams[i].live);
}

/* All of it is read from counters; the control thread is asked for nothing that is not in the order already. */
void admin_warnings(struct json *j, struct client *c, struct reply *r, const struct order *o)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	const struct sampler *s = c->admin->sampler;
	const struct warnings w = {j, r, &s->rates};

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
