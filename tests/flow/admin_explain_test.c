/* /v1/explain: what it tells of a connection is what that connection then meets, over random ones. */
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/tls_edge.h"

#define SERVERS 14
#define HELD    20
#define REASONS 8

/* ---- the world: fourteen servers of the test's own, in five upstreams, behind two listeners with rules ---- */

static const struct place {
	const char *upstream, *keys;
} places[SERVERS] = {
	{"rr", ""}, {"rr", ", weight: 2"}, {"rr", ""},
	{"lc", ", max_connections: 2"}, {"lc", ", weight: 3, max_connections: 2"},
	{"lc", ", backup: true, max_connections: 1"},
	{"sh", ""}, {"sh", ", weight: 3"}, {"sh", ", max_connections: 1"},
	{"rt", ""}, {"rt", ", weight: 2"}, {"rt", ", weight: 4, max_connections: 2"}, {"rt", ", weight: 0"},
	{"one", ", max_connections: 1"},
};

#define BALANCES {"rr", "round_robin"}, {"lc", "least_conn"}, {"sh", "source_hash"}, {"rt", "random_two"}, \
		 {"one", "round_robin"}

static const char rules[] =
	"    routes:\n"
	"      - {sni: \"a.test\", alpn: h2, upstream: lc}\n"
	"      - {sni: [\"a.test\", \"*.a.test\"], tls: \"1.3\", upstream: rr}\n"
	"      - {source: [\"10.1.0.0/16\", \"2001:db8::/32\"], sni: \"*.test\", upstream: sh}\n"
	"      - {tls: \"1.2\", alpn: \"http/1.1\", upstream: rt}\n"
	"      - {source: \"10.2.0.0/16\", upstream: rt}\n"
	"      - {sni: \"b.*\", upstream: one}\n"
	"      - {source: \"10.3.0.0/16\", tls: none, upstream: lc}\n";

struct world {
	struct kit_staunch *s;
	int pass, ends, server[SERVERS], port[SERVERS];
};

static const char *text_of_config(const struct world *w)
{
	static const char *const balances[][2] = {BALANCES};
	static char upstreams[4096], config[16384];
	const char *proxy = "proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"]}";
	size_t n = 0;

	for (size_t i = 0; i < array_len(balances); i++) {
		n += (size_t)snprintf(upstreams + n, sizeof(upstreams) - n,
				      "  - name: %s\n    balance: %s\n    queue: off\n    servers:\n",
				      balances[i][0], balances[i][1]);
		for (int k = 0; k < SERVERS; k++)
			if (strcmp(places[k].upstream, balances[i][0]) == 0)
				n += (size_t)snprintf(upstreams + n, sizeof(upstreams) - n,
						      "      - {address: \"%s:%d\"%s}\n", kit_ip(0), w->port[k],
						      places[k].keys);
	}
	snprintf(config, sizeof(config), TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
		     "  - name: pass\n    bind: \"%s:%d\"\n    %s\n    max_connections: 12\n%s"
		     "  - name: ends\n    bind: \"%s:%d\"\n    %s\n    upstream: rr\n%s"
		     "    tls:\n      alpn: [h2, http/1.1]\n      refuse_sni: \"refused.test\"\n"
		     "      certificates:\n"
		     "        - {cert: \"%s\", key: \"%s\"}\n"
		     "        - {cert: \"%s\", key: \"%s\", names: \"b.test\", max_version: \"1.2\", "
		     "alpn: \"http/1.1\"}\n"
		     "upstreams:\n%s",
		     control_socket(), kit_ip(0), w->pass, proxy, rules, kit_ip(0), w->ends, proxy, rules, pki.cert,
		     pki.key, pki.cert2, pki.key2, upstreams);
	return config;
}

static struct world world_start(void)
{
	struct world w = {.pass = kit_port(kit_ip(0)), .ends = kit_port(kit_ip(0))};

	pki_write();
	for (int i = 0; i < SERVERS; i++)
		w.server[i] = kit_listen(kit_ip(0), &w.port[i], 64);
	w.s = kit_staunch_start(text_of_config(&w));
	return w;
}

static void world_end(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
	for (int i = 0; i < SERVERS; i++)
		close(w->server[i]);
}

/* ---- a case ---- */

static uint64_t bits;

static unsigned draw(unsigned n)
{
	bits ^= bits << 13;
	bits ^= bits >> 7;
	bits ^= bits << 17;
	return (unsigned)(bits >> 32) % n;
}

struct client {
	bool ends;
	const char *src, *sni, *alpn, *tls;
};

static struct client random_client(void)
{
	static const char *const sources[] = {"10.1.0.", "10.1.9.", "10.2.0.", "10.3.0.", "10.4.0.", "2001:db8::",
					      "2001:db9::"};
	static char src[64];
	static const char *const names[] = {NULL, "a.test", "A.Test", "x.a.test", "b.test", "b.example", "y.x.a.test",
					    "refused.test", "c.test", "192.0.2.1"};
	static const char *const protocols[] = {NULL, NULL, "h2", "http/1.1", "h2,http/1.1", "http/1.1,h2", "foo"};
	static const char *const versions[] = {"1.2", "1.3", "1.3", "none"};
	struct client c = {.ends = draw(2) == 1, .src = src};

	snprintf(src, sizeof(src), "%s%u", sources[draw(array_len(sources))], 1 + draw(9));
	c.tls = versions[draw(c.ends ? 3 : 4)];
	if (strcmp(c.tls, "none") == 0)
		return c;
	c.sni = names[draw(array_len(names))];
	c.alpn = protocols[draw(array_len(protocols))];
	return c;
}

static const char *url_of(const struct client *c)
{
	return textf("GET /v1/explain?listener=%s&src=%s&tls=%s%s%s%s%s", c->ends ? "ends" : "pass", c->src, c->tls,
		     c->sni != NULL ? "&sni=" : "", c->sni != NULL ? c->sni : "", c->alpn != NULL ? "&alpn=" : "",
		     c->alpn != NULL ? c->alpn : "");
}

/* ---- what is told ---- */

struct told {
	char reason[32]; /* "": a server is dialled */
	bool candidate[SERVERS];
	double chance[SERVERS];
	long active[SERVERS];
	long listener_used;
};

static double number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, textf("\"%s\":", name));

	if (at == NULL)
		kit_fail("no %s in %.200s", name, text);
	return strtod(at + strlen(name) + 3, NULL);
}

static void read_told(const struct world *w, const char *body, struct told *t)
{
	const char *reason = strstr(body, "\"reason\":\"");

	*t = (struct told){.reason = ""};
	if (reason != NULL)
		(void)!sscanf(reason, "\"reason\":\"%31[a-z_]", t->reason);
	else
		assert_non_null(strstr(body, "\"close\":null"));
	for (int i = 0; i < SERVERS; i++) {
		const char *at = strstr(body, textf("\"server\":\"%s/%s:%d\"", places[i].upstream, kit_ip(0),
						    w->port[i]));

		if (at == NULL)
			continue;
		t->candidate[i] = true;
		t->chance[i] = number_behind(at, "chance");
		t->active[i] = (long)number_behind(at, "active");
	}
	t->listener_used = (long)number_behind(strstr(body, "\"listeners[].max_connections\""), "used");
}

/* ---- what happens ---- */

struct held {
	int client, server, place;
	bool ends, tls;
	struct tls_peer peer;
};

struct run {
	struct world w;
	struct held held[HELD];
	unsigned nheld;
	char reasons[REASONS][32];
	int counts[REASONS]; /* ends that were told */
	double expected[SERVERS], spread[SERVERS];
	unsigned got[SERVERS], cases[5];
};

struct question {
	struct run *run;
	const struct client *c;
	struct told *told;
};

/* Nothing of the connections before is under way any more: slots and places are those that this test holds. */
static bool is_settled(void *arg)
{
	struct question *q = arg;
	long active[SERVERS] = {0}, used = 0;

	read_told(&q->run->w, control_expect(200, url_of(q->c), ""), q->told);
	for (unsigned i = 0; i < q->run->nheld; i++) {
		active[q->run->held[i].place]++;
		used += q->run->held[i].ends == q->c->ends;
	}
	for (int i = 0; i < SERVERS; i++)
		if (q->told->candidate[i] && active[i] != q->told->active[i])
			return false;
	return used == q->told->listener_used;
}

static const char *header_of(const struct client *c)
{
	return strchr(c->src, ':') != NULL ? textf("PROXY TCP6 %s 2001:db8::1 4711 443\r\n", c->src) :
					     textf("PROXY TCP4 %s 198.51.100.2 4711 443\r\n", c->src);
}

/* "h2,http/1.1" as on the wire. */
static const char *wire_of(const char *alpn)
{
	static char wire[64];
	size_t n = 0;

	if (alpn == NULL)
		return NULL;
	while (*alpn != '\0') {
		size_t len = strcspn(alpn, ",");

		wire[n++] = (char)len;
		memcpy(wire + n, alpn, len);
		n += len;
		alpn += len + (alpn[len] == ',');
	}
	wire[n] = '\0';
	return wire;
}

/* The first flight of a client that OpenSSL makes, without a connection. */
static void send_hello(int fd, const struct client *c)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	if (strcmp(c->tls, "1.2") == 0)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	if (c->sni != NULL)
		SSL_set_tlsext_host_name(ssl, c->sni);
	if (c->alpn != NULL)
		SSL_set_alpn_protos(ssl, (const unsigned char *)wire_of(c->alpn), (unsigned)strlen(wire_of(c->alpn)));
	assert_int_equal(SSL_connect(ssl), -1);
	n = BIO_get_mem_data(out, &bytes);
	(void)!kit_io_write(fd, bytes, (size_t)n);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

/* Sends what this client sends first. A connection that is refused at once may take it or not. */
static void begin(struct held *h, const struct client *c)
{
	struct tls_peer_opts o = {.sni = c->sni, .alpn = wire_of(c->alpn), .head = header_of(c)};

	if (c->ends) {
		o.max = strcmp(c->tls, "1.2") == 0 ? TLS1_2_VERSION : 0;
		h->tls = true;
		(void)tls_peer_dial(&h->peer, h->client, &o);
		return;
	}
	if (strcmp(c->tls, "none") == 0) {
		(void)!kit_io_write(h->client, textf("%shello", header_of(c)), strlen(header_of(c)) + 5);
		return;
	}
	(void)!kit_io_write(h->client, header_of(c), strlen(header_of(c)));
	send_hello(h->client, c);
}

/* Which server gets it; SERVERS: none, the client was closed. */
static int where_it_goes(const struct world *w, struct held *h)
{
	struct pollfd p[SERVERS + 1];
	int went = SERVERS;

	for (int i = 0; i < SERVERS; i++)
		p[i] = (struct pollfd){.fd = w->server[i], .events = POLLIN};
	p[SERVERS] = (struct pollfd){.fd = h->tls && !h->peer.up ? -1 : h->client, .events = POLLRDHUP};
	if (h->tls && !h->peer.up)
		return SERVERS;
	while (went == SERVERS) {
		if (poll(p, array_len(p), KIT_MS) <= 0)
			kit_fail("a connection goes nowhere");
		for (int i = 0; i < SERVERS; i++)
			if (p[i].revents != 0)
				went = i;
		if (went == SERVERS && p[SERVERS].revents != 0)
			return SERVERS;
	}
	h->server = kit_accept(w->server[went]);
	return went;
}

static void let_go(struct held *h)
{
	if (h->tls) {
		SSL_free(h->peer.ssl);
		SSL_CTX_free(h->peer.ctx);
		ERR_clear_error();
	}
	close(h->client);
	if (h->server >= 0)
		close(h->server);
}

static void count_reason(struct run *r, const char *reason)
{
	int i = 0;

	while (r->reasons[i][0] != '\0' && strcmp(r->reasons[i], reason) != 0)
		i++;
	assert_true(i < REASONS);
	snprintf(r->reasons[i], sizeof(r->reasons[i]), "%s", reason);
	r->counts[i]++;
}

/* What was told against what happened. */
static void compare(struct run *r, const struct client *c, const struct told *t, int went)
{
	bool draws = false;

	if ((went == SERVERS) != (t->reason[0] != '\0'))
		kit_fail("%s: told \"%s\", went to %d", url_of(c), t->reason, went);
	if (went == SERVERS) {
		count_reason(r, t->reason);
		return;
	}
	draws = strcmp(places[went].upstream, "rt") == 0;
	if (draws ? t->chance[went] <= 0 : t->chance[went] != 1)
		kit_fail("%s: went to %s, number %d, of chance %f", url_of(c), places[went].upstream, went,
			 t->chance[went]);
	r->got[went]++;
	for (int i = 0; i < SERVERS; i++) {
		r->expected[i] += t->chance[i];
		r->spread[i] += t->chance[i] * (1 - t->chance[i]);
	}
}

/* One client is told of, then comes; some stay, so that servers have loads and limits act. */
static void one_case(struct run *r)
{
	struct client c = random_client();
	struct told told;
	struct question q = {r, &c, &told};
	struct held h = {.server = -1, .ends = c.ends};

	if (!kit_wait(is_settled, &q, KIT_MS))
		kit_fail("the numbers do not settle: %s", control_expect(200, url_of(&c), ""));
	h.client = kit_connect(kit_ip(0), c.ends ? r->w.ends : r->w.pass);
	begin(&h, &c);
	h.place = where_it_goes(&r->w, &h);
	compare(r, &c, &told, h.place);
	if (h.place == SERVERS)
		let_go(&h);
	else
		r->held[r->nheld++] = h;
	while (r->nheld > 0 && (r->nheld == HELD || draw(9) < 4)) {
		unsigned i = draw(r->nheld);

		let_go(&r->held[i]);
		r->held[i] = r->held[--r->nheld];
	}
}

/* Of random_two what was told is a share: over all cases it holds within five standard deviations. */
static void shares_held(const struct run *r)
{
	for (int i = 0; i < SERVERS; i++) {
		double off = r->got[i] - r->expected[i];

		print_message("%s/%d: %u, told %.1f\n", places[i].upstream, i, r->got[i], r->expected[i]);
		assert_true(off * off <= 25 * r->spread[i] + 1);
	}
}

/* O12: CASES=10000 for more of them. */
static void o12_what_is_told_happens(void **state)
{
	const char *more = getenv("CASES"), *seed = getenv("STAUNCH_SEED");
	int n = more != NULL ? (int)strtol(more, NULL, 10) : 1000;
	struct run r = {.nheld = 0};

	(void)state;
	bits = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)kit_now_ms() * 2654435761u | 1;
	print_message("seed %llu\n", (unsigned long long)bits);
	r.w = world_start();
	for (int i = 0; i < n; i++)
		one_case(&r);
	while (r.nheld > 0)
		let_go(&r.held[--r.nheld]);
	shares_held(&r);
	for (int i = 0; i < REASONS && r.reasons[i][0] != '\0'; i++) {
		print_message("%s: %d\n", r.reasons[i], r.counts[i]);
		kit_staunch_wait_log(r.w.s, textf("\"staunch.close_reason\":\"%s\"", r.reasons[i]), r.counts[i]);
	}
	world_end(&r.w);
	for (int i = 0; i < REASONS && r.reasons[i][0] != '\0'; i++)
		assert_int_equal(kit_staunch_log(r.w.s, textf("\"staunch.close_reason\":\"%s\"", r.reasons[i])),
				 r.counts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o12_what_is_told_happens, kit_end),
	};

	return cmocka_run_group_tests_name("admin_explain", tests, NULL, NULL);
}
