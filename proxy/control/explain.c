/* explain: the stages of a connection, asked one after the other as conn_main.c runs them: admission, TLS, route, pick.
 * The first that would end it is told, and what comes behind is told as far as it is known. */
#include "proxy/control/explain.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/base/json.h"
#include "proxy/conn/conn.h"
#include "proxy/conn/conn_hash.h"
#include "proxy/policy/snapshot.h"
#include "proxy/tls/tls_ctx_foresee.h"
#include "proxy/upstream/server_reason.h"

/* Bytes of JSON: what every answer has, and a server with its name, escaped. */
#define EXPLAIN_ROOM 16384
#define SERVER_ROOM  2048
#define NAMES_ROOM   2048 /* of listeners: an error that names them fits into a block */

/* The story so far. */
struct story {
	const struct snapshot *snap;
	const struct listener *l;
	const struct limit *connections;
	const struct explain_question *q;
	uint16_t offers;           /* the newest version of its hello; 0: it speaks no TLS */
	struct tls_forecast tls;   /* where TLS ends here */
	int rule;                  /* or ROUTE_NONE */
	const struct target *to;   /* NULL: none */
	bool waits;                /* in the queue of `to`, for a server that is not full */
	enum close_reason ends;    /* the first reason; CLOSE_NONE: a server is dialled */
	const char *why;           /* a static sentence; NULL: that of the reason */
	struct member_view *views; /* owned; one per server of `to` */
};

static void end_story(struct story *y, enum close_reason reason, const char *why)
{
	if (y->ends != CLOSE_NONE)
		return;
	y->ends = reason;
	y->why = why;
}

/* ---- admission ---- */

struct bound {
	const char *name;
	uint32_t used, max; /* UINT32_MAX: off */
	const char *effect; /* of one more client at the limit */
};

#define BOUNDS 4

static bool is_full(const struct bound *b)
{
	return b->max != UINT32_MAX && b->used >= b->max;
}

/* What the connection counts against, in the order in which it is asked.   Returns  how many. */
static unsigned bounds_of(const struct story *y, struct bound out[BOUNDS])
{
	const struct listener *l = y->l;
	unsigned n = 0;

	out[n++] = (struct bound){"limits.max_connections", limit_used(y->connections), y->snap->max_connections,
				  "waits"};
	out[n++] = (struct bound){"listeners[].max_connections", limit_used(&l->counts->limit), l->max_connections,
				  l->wait_at_limit ? "waits" : "closed"};
	if (l->tls != NULL)
		out[n++] = (struct bound){"listeners[].tls.max_handshakes", limit_used(&l->counts->handshakes_limit),
					  l->max_handshakes, l->wait_at_limit ? "waits" : "one yields"};
	if (y->to != NULL && y->to->upstream->queue_max > 0)
		out[n++] = (struct bound){"upstreams[].queue.max", upstream_waiting(y->to->upstream->live),
					  y->to->upstream->queue_max, "closed"};
	return n;
}

/* Asked first, and of a client that the question names. */
static void ask_lists(struct story *y)
{
	const struct explain_question *q = y->q;

	if (y->l->acl != NULL && q->src.len != 0 && acl_denies(y->l->acl, &q->src.u.sa))
		end_story(y, CLOSE_DENIED, "allow and deny of the listener keep this client out");
}

/* Limits at which a client waits do not end the story: it would be admitted later. */
static void admit(struct story *y)
{
	struct bound b[BOUNDS];
	unsigned n = bounds_of(y, b);

	for (unsigned i = 0; i < n; i++)
		if (is_full(&b[i]) && strcmp(b[i].effect, "closed") == 0)
			end_story(y, CLOSE_MAX_CONNECTIONS, "the listener has max_connections");
}

/* ---- TLS and rules ---- */

/* As conn_tls gives it to the access log. */
static enum close_reason close_of_failure(enum tls_failure why)
{
	return why == TLS_WHY_NO_ALPN ? CLOSE_TLS_NO_ALPN : CLOSE_TLS_FAILED;
}

/* What is not said is what most clients do: TLS where it ends here, and where a hello's words are asked for. */
static void make_offer(struct story *y)
{
	const struct explain_question *q = y->q;
	bool speaks = q->nsni + q->nalpn > 0 || y->l->tls != NULL;

	y->offers = q->version;
	if (q->version == 0 && speaks && !q->plain)
		y->offers = 0x0304;
}

static no_inline void end_tls(struct story *y)
{
	const struct explain_question *q = y->q;
	struct tls_offer offer = {.sni = q->sni, .nsni = q->nsni, .alpn = q->alpn, .nalpn = q->nalpn,
				  .version = y->offers};

	if (y->offers == 0) {
		end_story(y, CLOSE_TLS_FAILED, "TLS ends here, and this client does not speak it");
		return;
	}
	tls_ctx_foresee(y->l->tls[0], &offer, &y->tls);
	if (y->tls.why != TLS_WHY_NONE)
		end_story(y, close_of_failure(y->tls.why), tls_why_sentence(y->tls.why));
}

/* As conn_pick_rule: of a hello that is passed on, or of what a handshake agreed on. */
static no_inline void choose_rule(struct story *y)
{
	const struct explain_question *q = y->q;
	struct route_facts f = {.source = &q->src.u.sa, .source_len = sizeof(union np_inet), .tls = y->offers != 0,
				.version = y->offers};
	uint8_t alpn[ROUTE_ALPN_ONE];

	y->rule = ROUTE_NONE;
	if (f.tls)
		route_facts_name(&f, q->sni, q->nsni);
	if (f.tls && y->l->tls != NULL) {
		f.version = y->tls.version;
		route_facts_alpn(&f, y->tls.alpn, alpn);
	} else if (f.tls) {
		f.alpn = q->alpn;
		f.nalpn = q->nalpn;
	}
	if (y->l->routes != NULL)
		y->rule = route_pick(y->l->routes, &f);
	y->to = y->l->targets[y->rule == ROUTE_NONE ? (int)y->l->nrules : y->rule];
	if (y->to == NULL)
		end_story(y, CLOSE_NO_ROUTE, NULL);
}

/* ---- the pick ---- */

static int choose_server(struct story *y)
{
	struct upstream *u = y->to->upstream;
	union np_inet client = {.sa = {.sa_family = AF_UNIX}};
	struct pick_args args = {.now = np_nanotime()};
	int err;

	y->views = calloc(u->members->n + 1, sizeof(*y->views)); /* + 1: never of size 0 */
	if (y->views == NULL)
		return -NP_ENOMEM;
	if (y->q->src.len != 0 && y->q->src.u.sa.sa_family != AF_UNIX)
		memcpy(&client, &y->q->src.u, sizeof(client));
	if (y->to->hash_on == TARGET_HASH_SOURCE)
		args.hash = conn_source_hash(&client);
	else if (y->to->hash_on == TARGET_HASH_SNI) /* of a TLV nothing is asked */
		args.hash = conn_hash_name(y->q->sni, y->q->nsni);
	err = upstream_view(u, &args, y->views);
	y->waits = err == -NP_EAGAIN && u->queue_max > upstream_waiting(u->live);
	if (y->waits)
		return 0;
	if (err == -NP_EAGAIN && u->queue_max > 0)
		end_story(y, CLOSE_QUEUE_FULL, NULL);
	else if (err == -NP_EAGAIN)
		end_story(y, CLOSE_MAX_CONNECTIONS, "every server of the upstream has max_connections");
	else if (err != 0)
		end_story(y, CLOSE_NO_LIVE_UPSTREAM, NULL);
	return 0;
}

/* ---- the answer ---- */

/* null: no TLS. */
static void put_version(struct json *j, const char *name, uint16_t version)
{
	char text[] = "1.0";

	text[2] = (char)('0' + version - 0x0301);
	if (version < 0x0301)
		json_null(j, name);
	else
		json_str(j, name, text);
}

/* What was assumed, too: the reader sees which client the answer is about. */
static void put_asked(struct json *j, const struct story *y)
{
	const struct explain_question *q = y->q;
	char host[NP_ADDR_TEXT] = "unix";

	if (q->src.u.sa.sa_family != AF_UNIX)
		np_addr_format_host(&q->src.u.sa, q->src.len, host, sizeof(host));
	json_enter(j, "asked", '{');
	json_str(j, "src", q->src.len != 0 ? host : NULL);
	if (q->nsni > 0)
		json_bytes(j, "sni", q->sni, q->nsni);
	else
		json_null(j, "sni");
	json_enter(j, "alpn", '[');
	for (const uint8_t *p = NULL; (p = hello_alpn_next(q->alpn, q->nalpn, p)) != NULL;)
		json_bytes(j, NULL, (const char *)p + 1, p[0]);
	json_leave(j, ']');
	put_version(j, "tls", y->offers);
	json_leave(j, '}');
}

static void put_tls_forecast(struct json *j, const struct story *y)
{
	static const char *const modes[] = {
#define X(name, word, meaning) [CONFIG_CLIENT_AUTH_##name] = word,
		CONFIG_CLIENT_AUTH_TBL(X)
#undef X
	};

	if (y->l->tls == NULL) {
		json_null(j, "tls");
		return;
	}
	json_enter(j, "tls", '{');
	put_version(j, "version", y->tls.version);
	json_str(j, "alpn", y->tls.alpn[0] != '\0' ? y->tls.alpn : NULL);
	json_str(j, "client_auth", modes[y->tls.client_auth]);
	json_bool(j, "client_allow", y->tls.client_allow);
	json_leave(j, '}');
}

/* With its place in the file, where an operator would change it. */
static void put_rule(struct json *j, const struct story *y)
{
	const struct config *c = y->snap->config;
	struct config_pos at;

	if (y->rule == ROUTE_NONE) {
		json_null(j, "rule");
		return;
	}
	at = y->l->config->routes[y->rule].at;
	json_enter(j, "rule", '{');
	json_i64(j, "index", y->rule);
	json_str(j, "file", config_file(c, at));
	json_u64(j, "line", at.line);
	json_leave(j, '}');
}

/* null: the connection is relayed. */
static void put_close(struct json *j, const struct story *y)
{
	if (y->ends == CLOSE_NONE) {
		json_null(j, "close");
		return;
	}
	json_enter(j, "close", '{');
	json_str(j, "reason", close_word(y->ends));
	json_str(j, "why", y->why != NULL ? y->why : close_sentence(y->ends));
	json_leave(j, '}');
}

/* chance: of the next connection of this client, now; weight_share: of all connections in the long run. */
static no_inline void put_candidate(struct json *j, const struct member_view *v, bool probed)
{
	char reason[SERVER_REASON];
	bool held = v->standing == STANDING_HELD;

	json_enter(j, NULL, '{');
	json_str(j, "server", v->server->name);
	json_str(j, "usable", usable_text(v->usable));
	json_str(j, "why", member_view_why(v, reason));
	json_str(j, "back", held ? server_reason_back(v->server, v->input, probed, reason) : NULL);
	json_u64(j, "weight", v->weight);
	json_real(j, "weight_share", v->weight_share);
	json_real(j, "chance", v->chance);
	json_u64(j, "active", v->active);
	if (v->max_connections == 0)
		json_null(j, "max_connections");
	else
		json_u64(j, "max_connections", v->max_connections);
	json_bool(j, "backup", v->tier > 0);
	json_u64(j, "priority", v->priority);
	json_str(j, "zone", v->zone);
	json_u64(j, "tier", v->tier);
	json_leave(j, '}');
}

static void put_candidates(struct json *j, const struct story *y)
{
	json_enter(j, "candidates", '[');
	for (unsigned i = 0; y->to != NULL && i < y->to->upstream->members->n; i++)
		put_candidate(j, &y->views[i], y->to->upstream->passive.probe);
	json_leave(j, ']');
}

/* used and max are of the moment of the question. */
static void put_limits(struct json *j, const struct story *y)
{
	struct bound b[BOUNDS];
	unsigned n = bounds_of(y, b);

	json_enter(j, "limits", '[');
	for (unsigned i = 0; i < n; i++) {
		json_enter(j, NULL, '{');
		json_str(j, "name", b[i].name);
		json_u64(j, "used", b[i].used);
		if (b[i].max == UINT32_MAX)
			json_null(j, "max");
		else
			json_u64(j, "max", b[i].max);
		json_bool(j, "acts", is_full(&b[i]));
		json_str(j, "effect", b[i].effect);
		json_leave(j, '}');
	}
	json_leave(j, ']');
}

static void put_story(struct json *j, const struct story *y)
{
	json_str(j, "listener", y->l->name);
	put_asked(j, y);
	put_tls_forecast(j, y);
	put_rule(j, y);
	json_str(j, "upstream", y->to != NULL ? y->to->upstream->name : NULL);
	put_close(j, y);
	json_bool(j, "waits", y->waits && y->ends == CLOSE_NONE);
	put_candidates(j, y);
	put_limits(j, y);
}

/* Returns it on the heap, or NULL. */
static no_inline char *write_story(const struct story *y)
{
	size_t room = EXPLAIN_ROOM + (y->to != NULL ? y->to->upstream->members->n : 0) * (size_t)SERVER_ROOM;
	char *p = malloc(room + 1), *fit;
	struct text t;
	struct json j = {.t = &t};

	if (p == NULL)
		return NULL;
	text_init(&t, p, room);
	put_story(&j, y);
	DCHECK(!t.cut, "an answer has room");
	p[t.n] = '\0';
	fit = realloc(p, t.n + 1);
	return fit != NULL ? fit : p;
}

/* ---- the listener ---- */

/* Returns NULL, and *why on the heap, or NULL without memory. */
static const struct listener *find_listener(const struct snapshot *s, const char *name, char **why)
{
	struct text t;

	if (name[0] == '\0' && s->nlisteners == 1)
		return &s->listeners[0];
	for (unsigned i = 0; i < s->nlisteners; i++)
		if (strcmp(s->listeners[i].name, name) == 0)
			return &s->listeners[i];
	*why = malloc(NAMES_ROOM);
	if (*why == NULL)
		return NULL;
	text_init(&t, *why, NAMES_ROOM - 1);
	if (name[0] != '\0') {
		text_str(&t, "there is no listener \"");
		text_field(&t, name, strlen(name), TEXT_PLAIN);
		text_str(&t, "\"; ");
	}
	text_str(&t, "listeners are:");
	for (unsigned i = 0; i < s->nlisteners && !t.cut; i++) {
		text_str(&t, i > 0 ? ", " : " ");
		text_str(&t, s->listeners[i].name);
	}
	(*why)[t.n] = '\0';
	return NULL;
}

/* The steps of a connection in their order; the first that ends it is the one that is told, and the rest says where
 * it would have gone. */
int explain_answer(const struct snapshot *s, const struct limit *connections, const struct explain_question *q,
		   char **out)
{
	struct story y = {.snap = s, .connections = connections, .q = q};
	int err = 0;

	*out = NULL;
	y.l = find_listener(s, q->listener, out);
	if (y.l == NULL)
		return *out != NULL ? -NP_ENOENT : -NP_ENOMEM;
	ask_lists(&y);
	admit(&y);
	make_offer(&y);
	if (y.l->tls != NULL)
		end_tls(&y);
	choose_rule(&y);
	if (y.to != NULL)
		err = choose_server(&y);
	if (err == 0)
		*out = write_story(&y);
	free(y.views);
	return *out != NULL ? 0 : -NP_ENOMEM;
}
