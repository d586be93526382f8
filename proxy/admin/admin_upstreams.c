/* admin_upstreams: /v1/upstreams and /v1/servers: who may take connections, who takes them, and what went wrong. */
#include "config/config.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/policy/usable.h"
#include "proxy/base/close.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/server.h"

/* An upstream, or a server with a path of 107 bytes as its address and a reason, escaped. */
#define OBJECT_ROOM 8192
#define TIERS_SHOWN 32 /* what an upstream has room for */

static const char *balance_word(enum config_balance b)
{
	static const char *const words[] = {
#define X(name, word, meaning) word,
		CONFIG_BALANCE_TBL(X)
#undef X
	};

	return words[b];
}

/* What upstreams and servers share. */
static void put_server_counts(struct json *j, const struct server_stats *n)
{
	json_enter(j, "connects", '{');
	json_u64(j, "ok", histogram_count(&n->connect));
	json_u64(j, "refused", n->refused);
	json_u64(j, "timeout", n->timeout);
	json_u64(j, "reset", n->reset);
	json_u64(j, "failed", n->failed);
	json_leave(j, '}');
	json_u64(j, "replayed", n->replayed);
	json_u64(j, "bytes_in", n->bytes_in);
	json_u64(j, "bytes_out", n->bytes_out);
	sample_quantiles(j, "connect_ms", &n->connect, &histogram_latency);
	sample_quantiles(j, "first_byte_ms", &n->first_byte, &histogram_latency);
}

/* ---- upstreams ---- */

static uint64_t upstream_active(const struct inventory *inv, const struct inventory_upstream *u)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < u->n; i++)
		n += server_active(inv->servers[u->first + i].server);
	return n;
}

/* null: nobody waits for a server that is full. */
static void put_upstream_queue(struct json *j, const struct inventory_upstream *u)
{
	const struct limit *l = &u->live->queue;

	if (u->config->queue.max == CONFIG_OFF) {
		json_null(j, "queue");
		return;
	}
	json_enter(j, "queue", '{');
	json_u64(j, "length", limit_used(l));
	json_i64(j, "max", u->config->queue.max);
	json_u64(j, "high", __atomic_load_n(&l->high, __ATOMIC_RELAXED));
	json_u64(j, "refused", __atomic_load_n(&l->hits, __ATOMIC_RELAXED));
	json_u64(j, "timed_out", __atomic_load_n(&u->live->late.hits, __ATOMIC_RELAXED));
	json_leave(j, '}');
}

/* Spare servers of a tier are not usable ones, but such a tier is not lost either: both are told. */
void show_tier(struct json *j, const struct inventory *inv, const struct inventory_upstream *u, unsigned tier,
	       bool named)
{
	const struct usable_count n = usable_tier(inv, u, tier);

	json_enter(j, NULL, '{');
	if (named)
		json_str(j, "upstream", u->live->name);
	json_u64(j, "tier", tier);
	json_u64(j, "servers", n.servers);
	json_u64(j, "usable", n.usable);
	json_u64(j, "spare", n.spare);
	json_leave(j, '}');
}

/* One object a tier, the first one first: the ranks of what `priority` and `zone` say of the servers. */
static void put_tiers(struct json *j, const struct inventory *inv, const struct inventory_upstream *u)
{
	unsigned tiers = usable_tiers(inv, u);

	json_enter(j, "tiers", '[');
	for (unsigned tier = 0; tier < tiers && tier < TIERS_SHOWN; tier++)
		show_tier(j, inv, u, tier, false);
	json_leave(j, ']');
}

/* What its servers are together. */
static void put_upstream_servers(struct json *j, const struct inventory *inv, const struct inventory_upstream *u)
{
	struct usable_count count = usable_count(inv, u);
	unsigned percent;

	json_u64(j, "servers", count.servers);
	json_u64(j, "usable", count.usable);
	json_u64(j, "spare", count.spare);
	put_tiers(j, inv, u);
	json_bool(j, "panics", inventory_panics(inv, u, &percent));
	if (u->dns_members >= 0)
		json_i64(j, "dns_members", u->dns_members);
	else
		json_null(j, "dns_members");
}

static void put_upstream(struct json *j, struct client *c, const struct inventory *inv, unsigned i)
{
	static const char *const words[RATES] = {"connects", "retries", "failed", "bytes_in", "bytes_out"};
	const struct inventory_upstream *u = &inv->upstreams[i];
	struct server_stats n = {0};
	uint64_t retries = 0, rates[RATES];

	inventory_upstream_totals(inv, u, &n, &retries);
	json_enter(j, NULL, '{');
	json_str(j, "name", u->live->name);
	json_str(j, "balance", balance_word(u->config->balance));
	json_bool(j, "tls", u->config->tls != NULL);
	put_upstream_servers(j, inv, u);
	json_u64(j, "active", upstream_active(inv, u));
	json_u64(j, "retries", retries);
	put_upstream_queue(j, u);
	put_server_counts(j, &n);
	rates_upstream(&c->admin->sampler->rates, inv, i, rates);
	sample_rates(j, words, rates);
	json_leave(j, '}');
}

void admin_upstreams(struct client *c, struct reply *r)
{
	struct json j;
	struct inventory *inv = show_begin(c, r, &j, "upstreams");

	if (inv == NULL)
		return;
	for (unsigned i = 0; i < inv->nupstreams && reply_room(r, OBJECT_ROOM); i++)
		if (inv->upstreams[i].listed)
			put_upstream(&j, c, inv, i);
	show_end(r, &j, inv);
}

/* ---- servers ---- */

static void put_failure(struct json *j, const struct server *s)
{
	const struct server_failure f = server_last_failure(s);
	int64_t ago = np_nanotime() - f.at;

	if (f.why == 0) {
		json_null(j, "last_connect_error");
		return;
	}
	json_enter(j, "last_connect_error", '{');
	json_str(j, "reason", close_word((enum close_reason)f.why));
	json_str(j, "errno", f.err != 0 ? np_err_name(f.err) : NULL);
	json_str(j, "text", f.err != 0 ? np_err_text(f.err) : close_sentence((enum close_reason)f.why));
	json_time(j, "at", wall_now() - ago);
	json_i64(j, "ago_ms", ago / NP_MS);
	json_leave(j, '}');
}

/* What became of its connections: in, and what is in the row, or since when it is not in, and until when. */
static void put_passive(struct json *j, struct server *s)
{
	const struct passive p = passive_now(s);
	int64_t now = np_nanotime();

	json_enter(j, "passive", '{');
	json_str(j, "state", passive_word((enum server_passive)p.state));
	json_u64(j, "failures", p.row);
	json_str(j, "last_failure", p.row > 0 ? fault_word((enum fault)p.fault) : NULL);
	if (p.state == SERVER_IN) {
		json_null(j, "for_ms");
		json_null(j, "trial_in_ms");
	} else {
		json_i64(j, "for_ms", (now - p.since) / NP_MS);
		json_i64(j, "trial_in_ms", p.until > now && p.state != SERVER_TRIAL ? (p.until - now) / NP_MS : 0);
	}
	json_u64(j, "ejections_remembered", p.k);
	json_leave(j, '}');
}

/* What its checks have found: the last result, and since when the verdict holds. NULL without a check. */
static void put_check(struct json *j, const struct server *s, enum server_check verdict)
{
	const struct server_check_last last = server_checked_last(&s->checked);
	int64_t now = np_nanotime(), since = __atomic_load_n(&s->checked.since, __ATOMIC_RELAXED);

	if (verdict == SERVER_CHECK_NONE || last.at == 0) {
		json_null(j, "last_check");
		return;
	}
	json_enter(j, "last_check", '{');
	json_str(j, "result", check_result_word(last.result));
	json_str(j, "errno", last.err != 0 ? np_err_name(last.err) : NULL);
	json_str(j, "text", check_result_sentence(last.result));
	json_time(j, "at", wall_now() - (now - last.at));
	json_i64(j, "ago_ms", (now - last.at) / NP_MS);
	json_i64(j, "verdict_for_ms", (now - since) / NP_MS);
	json_leave(j, '}');
}

/* A time that is learnt; null: too little was seen within the last minute. */
static void put_learnt(struct json *j, const char *name, int64_t ns)
{
	if (ns != 0)
		json_i64(j, name, ns / NP_MS);
	else
		json_null(j, name);
}

/* What connections of the last minute teach: how long an answer of it may take, by the others' answers, and from when
 * on a dial of it is a slow one, by its own connects. */
static void put_lesson(struct json *j, const struct server *s)
{
	const struct server_lesson l = server_learnt(s, np_nanotime());

	put_learnt(j, "answer_ms", l.answer);
	put_learnt(j, "hedge_ms", l.hedge);
	json_bool(j, "early_ends_count", l.early_ends_count);
}

/* Without an agent it is ready, for nothing there holds the server out, and its numbers are null. The line is foreign:
 * JSON escapes it. */
static void put_agent(struct json *j, const struct server *s, const struct server_inputs *in)
{
	const struct server_check_last last = server_checked_last(&s->agent_heard.contacts);
	char line[SERVER_AGENT_LINE];

	server_agent_line(s, line);
	json_enter(j, "agent", '{');
	json_str(j, "state", server_agent_text(in->agent));
	if (in->agent_weight >= 0)
		json_i64(j, "weight", in->agent_weight);
	else
		json_null(j, "weight");
	if (in->agent_most != 0)
		json_u64(j, "max_connections", in->agent_most);
	else
		json_null(j, "max_connections");
	json_str(j, "said", line[0] != '\0' ? line : NULL);
	json_str(j, "last", last.at != 0 ? check_result_word(last.result) : NULL);
	if (last.at != 0)
		json_i64(j, "last_ago_ms", (np_nanotime() - last.at) / NP_MS);
	else
		json_null(j, "last_ago_ms");
	json_leave(j, '}');
}

/* The five inputs; `why` is the first that is not good. Without a check its verdict is null. */
static void put_inputs(struct json *j, struct server *s)
{
	const struct server_inputs in = server_inputs(server_now(s));

	json_str(j, "admin", server_admin_text(in.admin));
	json_str(j, "check", in.check != SERVER_CHECK_NONE ? server_check_text(in.check) : NULL);
	put_check(j, s, in.check);
	put_passive(j, s);
	json_str(j, "dns", in.leaving ? "leaving" : "present");
	put_agent(j, s, &in);
}

/* While slow start gives it less than its share: how much, and until when. */
static void put_slow_start(struct json *j, const struct inventory_server *s, uint64_t share, int64_t left)
{
	bool all = share == SLOW_START_UNIT;

	if (all)
		json_null(j, "slow_start_ms");
	else
		json_i64(j, "slow_start_ms", (s->slow_start - left) / NP_MS);
	json_u64(j, "share_percent", share * 100 / SLOW_START_UNIT);
	if (all)
		json_null(j, "slow_start_left_ms");
	else
		json_i64(j, "slow_start_left_ms", left / NP_MS);
}

/* What is to be said of one that takes connections all the same. */
static const char *note_of(const struct inventory_server *s, bool full, uint64_t share, int64_t left,
			   char out[SERVER_REASON])
{
	if (usable_word(s, NULL)[0] == 'n')
		return NULL;
	if (full)
		return standing_sentence(STANDING_FULL);
	return share < SLOW_START_UNIT ? server_reason_share(share, left, out) : NULL;
}

/* A sentence has room of its own: not beside other frames. */
static no_inline void put_sentences(struct json *j, const struct inventory_server *s, bool full, uint64_t share,
				    int64_t left)
{
	char sentence[SERVER_REASON];

	json_str(j, "why_text", usable_sentence(s, sentence));
	json_str(j, "back_text", usable_back(s, sentence));
	json_str(j, "note_text", note_of(s, full, share, left, sentence));
}

static void put_state(struct json *j, const struct inventory *inv, const struct inventory_server *s)
{
	uint32_t most = usable_most(s), active = server_active(s->server);
	int64_t since = np_nanotime() - server_since(s->server), left = 0;
	uint64_t share = usable_share(inv, s, &left);
	bool full = most != 0 && active >= most;
	const char *why;

	json_str(j, "usable", usable_word(s, &why));
	json_str(j, "why", why);
	put_sentences(j, s, full, share, left);
	json_time(j, "since", wall_now() - since);
	json_i64(j, "for_ms", since > 0 ? since / NP_MS : 0);
	put_inputs(j, s->server);
	put_lesson(j, s->server);
	put_slow_start(j, s, share, left);
	json_bool(j, "backup", s->tier > 0);
	json_u64(j, "priority", s->priority);
	json_str(j, "zone", s->zone[0] != '\0' ? s->zone : NULL);
	json_u64(j, "tier", s->tier);
	json_u64(j, "weight", s->weight);
	json_u64(j, "effective_weight", usable_weight(s));
	json_u64(j, "active", active);
	if (most == 0)
		json_null(j, "max_connections");
	else
		json_u64(j, "max_connections", most);
	json_bool(j, "full", full);
}

static void put_server(struct json *j, struct client *c, const struct inventory *inv, unsigned i)
{
	static const char *const words[RATES] = {"connects", NULL, "failed", "bytes_in", "bytes_out"};
	const struct inventory_server *s = &inv->servers[i];
	struct server_stats n = {0};
	uint64_t rates[RATES];

	server_stats_sum(&n, s->server->stats, inv->registry->nworkers);
	json_enter(j, NULL, '{');
	json_str(j, "upstream", s->server->live->name);
	json_str(j, "server", s->server->text);
	json_str(j, "name", s->name);
	put_state(j, inv, s);
	put_server_counts(j, &n);
	put_failure(j, s->server);
	rates_server(&c->admin->sampler->rates, inv, i, rates);
	sample_rates(j, words, rates);
	json_leave(j, '}');
}

void admin_servers(struct client *c, struct reply *r)
{
	char upstream[CONFIG_NAME_MAX + 1];
	ssize_t asked = http_query_get(&c->request, "upstream", upstream, sizeof(upstream));
	struct inventory *inv;
	struct json j;

	if (asked < 0 && asked != -NP_ENOENT) {
		reply_error(r, 400, "upstream is the name of one", NULL);
		return;
	}
	inv = show_begin(c, r, &j, "servers");
	if (inv == NULL)
		return;
	for (unsigned i = 0; i < inv->nservers && reply_room(r, OBJECT_ROOM); i++)
		if (inv->servers[i].listed &&
		    (asked < 0 || strcmp(inv->servers[i].server->live->name, upstream) == 0))
			put_server(&j, c, inv, i);
	show_end(r, &j, inv);
}
