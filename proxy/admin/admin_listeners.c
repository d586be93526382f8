/* admin_listeners: /v1/listeners and /v1/certificates: what there is, from one publication and the workers' cells. */
#include "config/config.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/creds/tls_staple.h"
#include "proxy/policy/registry.h"

#define LISTENER_ROOM 8192 /* without its addresses: every reason of an end, and numbers of twenty digits */
#define TEXT_ROOM     (PATH_MAX_SHOWN * JSON_ESCAPE + 64)
#define PATH_MAX_SHOWN 1024
_Static_assert(LISTENER_ROOM > CLOSE_REASONS * 64 + 2048, "a listener fits into its room");

/* ---- the list ---- */

struct inventory *show_begin(struct client *c, struct reply *r, struct json *j, const char *list)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);

	if (inv == NULL) {
		reply_error(r, 503, "no configuration is in force yet", NULL);
		return NULL;
	}
	reply_object(r, j, inv->generation);
	json_enter(j, list, '[');
	return inv;
}

void show_end(struct reply *r, struct json *j, struct inventory *inv)
{
	if (reply_room(r, 16)) {
		json_leave(j, ']');
		json_leave(j, '}');
		text_char(&r->body, '\n');
	}
	inventory_drop(inv);
}

/* ---- listeners ---- */

static void put_addresses(struct json *j, struct reply *r, const struct config_listener *l)
{
	json_enter(j, "addresses", '[');
	for (size_t i = 0; i < l->nbind && reply_room(r, TEXT_ROOM); i++)
		json_bytes(j, NULL, l->bind[i].text, strnlen(l->bind[i].text, PATH_MAX_SHOWN));
	json_leave(j, ']');
}

/* Reasons that no connection had are left out. */
static void put_end_reasons(struct json *j, const char *name, const struct listener_stats *n, bool rejected)
{
	json_enter(j, name, '{');
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++)
		if (n->closed[why] > 0 && close_rejected(why) == rejected)
			json_u64(j, close_word(why), n->closed[why]);
	json_leave(j, '}');
}

static void put_tls(struct json *j, const struct listener_stats *n)
{
	json_enter(j, "handshakes", '{');
	json_u64(j, "ok", histogram_count(&n->handshake));
	json_u64(j, "failed", n->handshakes_failed);
	json_leave(j, '}');
	sample_quantiles(j, "handshake_ms", &n->handshake, &histogram_latency);
}

static void put_listener_counts(struct json *j, const struct inventory_listener *l, const struct listener_stats *n)
{
	json_u64(j, "active", listener_stats_active(n));
	if (l->max_connections == UINT32_MAX)
		json_null(j, "max_connections");
	else
		json_u64(j, "max_connections", l->max_connections);
	json_u64(j, "connections", n->connections);
	json_u64(j, "bytes_in", n->bytes_in);
	json_u64(j, "bytes_out", n->bytes_out);
	put_end_reasons(j, "closed", n, false);
	put_end_reasons(j, "rejected", n, true);
	sample_quantiles(j, "duration_ms", &n->lifetime, &histogram_lifetime);
}

static void show_listener(struct json *j, struct client *c, struct reply *r, const struct inventory *inv, unsigned i)
{
	static const char *const words[RATES] = {"connections", "rejected", "failed", "bytes_in", "bytes_out"};
	const struct inventory_listener *l = &inv->listeners[i];
	struct listener_stats n = {0};
	uint64_t rates[RATES];

	listener_stats_sum(&n, l->counts->stats, inv->registry->nworkers);
	json_enter(j, NULL, '{');
	json_str(j, "name", l->counts->name);
	put_addresses(j, r, l->config);
	if (!reply_room(r, LISTENER_ROOM))
		return;
	json_str(j, "upstream", l->config->upstream_name);
	json_u64(j, "routes", l->config->nroutes);
	json_bool(j, "tls", l->tls);
	put_listener_counts(j, l, &n);
	if (l->tls)
		put_tls(j, &n);
	rates_listener(&c->admin->sampler->rates, inv, i, rates);
	sample_rates(j, words, rates);
	json_leave(j, '}');
}

void admin_listeners(struct client *c, struct reply *r)
{
	struct json j;
	struct inventory *inv = show_begin(c, r, &j, "listeners");

	if (inv == NULL)
		return;
	for (unsigned i = 0; i < inv->nlisteners && reply_room(r, 512); i++)
		if (inv->listeners[i].listed)
			show_listener(&j, c, r, inv, i);
	show_end(r, &j, inv);
}

/* ---- certificates ---- */

static void put_ocsp(struct json *j, const struct inventory_certificate *c)
{
	int64_t until = c->ocsp_until;

	if (c->staple == NULL && until == 0) {
		json_null(j, "ocsp");
		return;
	}
	if (c->staple != NULL)
		until = __atomic_load_n(&c->staple->until, __ATOMIC_RELAXED);
	json_enter(j, "ocsp", '{');
	json_str(j, "source", c->staple != NULL ? "fetched" : "file");
	json_bool(j, "stapled", until > wall_now() / NP_S);
	json_time(j, "until", until == INT64_MAX ? 0 : until * NP_S);
	json_leave(j, '}');
}

static void put_certificate(struct json *j, struct reply *r, const struct inventory_certificate *c)
{
	json_enter(j, NULL, '{');
	json_str(j, "listener", c->listener);
	json_bytes(j, "file", c->file, strnlen(c->file, PATH_MAX_SHOWN));
	json_enter(j, "names", '[');
	for (const char *name = c->names; *name != '\0' && reply_room(r, TEXT_ROOM); name += strlen(name) + 1)
		json_bytes(j, NULL, name, strnlen(name, PATH_MAX_SHOWN));
	json_leave(j, ']');
	if (!reply_room(r, 1024))
		return;
	json_str(j, "serial", c->serial);
	json_time(j, "not_after", c->expires * NP_S);
	json_i64(j, "days_left", tls_cert_days_left(c->expires));
	put_ocsp(j, c);
	json_leave(j, '}');
}

void admin_certificates(struct client *c, struct reply *r)
{
	struct json j;
	struct inventory *inv = show_begin(c, r, &j, "certificates");

	if (inv == NULL)
		return;
	for (unsigned i = 0; i < inv->ncertificates && reply_room(r, REPLY_BLOCK - 512); i++)
		put_certificate(&j, r, &inv->certificates[i]);
	show_end(r, &j, inv);
}
