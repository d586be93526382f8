/* check_plan: from the model to what the health thread needs. */
#include "proxy/policy/check_plan.h"

#include <stdlib.h>
#include <string.h>

#include "config/check_status.h"
#include "config/config.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"

static struct check_rules rules_of(const struct config_check *c)
{
	return (struct check_rules){
		.interval = c->interval,
		.timeout = c->timeout,
		.rise = (unsigned)c->rise,
		.fall = (unsigned)c->fall,
	};
}

/* text may be NULL: nothing. */
static struct check_bytes bytes_of(const char *text, uint8_t room[ESCAPE_BYTES])
{
	if (text == NULL)
		return (struct check_bytes){0};
	return (struct check_bytes){room, escape_read(text, room)};
}

/* The bytes are the plan's own: the config keeps their texts alone. */
static void plan_send(struct check_plan *p, const struct config_check_send *c)
{
	p->kind = CHECK_KIND_SEND;
	p->send = bytes_of(c->send, p->room[0]);
	p->wanted.expect = bytes_of(c->expect, p->room[1]);
	p->wanted.reject = bytes_of(c->reject, p->room[2]);
	p->wanted.least = (size_t)c->min_bytes;
}

/* Whose name TLS asks for: the check's own, or that of connections to the same servers, unless it is their clients'. */
static const char *tls_name(const struct config_upstream *u)
{
	const struct config_tls_out *t = u->health.speaks;

	if (t == NULL && u->tls != NULL && !config_sni_is_clients(u->tls))
		t = u->tls;
	if (t == NULL)
		return NULL;
	return t->sni != NULL ? t->sni : t->name;
}

/* A name that TLS asks for is the one to ask by; else the server's address is (host NULL). */
static void plan_http(struct check_plan *p, const struct config_upstream *u, const struct config_check_http *c)
{
	int err = check_status_read(c->status, &p->http.low, &p->http.high);

	CHECK(err == 0, "the statuses of a checked configuration can be read");
	p->kind = CHECK_KIND_HTTP;
	p->path = c->path;
	p->http.body = bytes_of(c->body, p->room[0]);
	if (strcmp(c->host, CONFIG_CHECK_AUTO) != 0)
		p->host = c->host;
	else
		p->host = tls_name(u);
}

static uint64_t hash_plan_bytes(uint64_t h, const struct check_bytes *b)
{
	h = hash_bytes(h, &b->n, sizeof(b->n));
	return b->p != NULL ? hash_bytes(h, b->p, b->n) : h;
}

static uint64_t hash_plan_text(uint64_t h, const char *text)
{
	return text != NULL ? hash_bytes(h, text, strlen(text) + 1) : hash_bytes(h, "", 1);
}

/* By what is written, and not by what stands in the files: a certificate that is renewed is no other check. */
static uint64_t hash_plan_tls(uint64_t h, const struct config_tls_out *t)
{
	if (t == NULL)
		return h;
	h = hash_plan_text(hash_plan_text(hash_plan_text(h, t->sni), t->name), t->ca);
	h = hash_bytes(h, &t->verify, sizeof(t->verify));
	for (size_t i = 0; i < t->nalpn; i++)
		h = hash_plan_text(h, t->alpn[i].text);
	return h;
}

/* How often it is asked is no part of what is asked. */
static uint64_t same_of(const struct check_plan *p, const struct config_tls_out *tls)
{
	uint64_t h = hash_bytes(HASH_START, &p->kind, sizeof(p->kind));

	h = hash_bytes(h, &p->port, sizeof(p->port));
	h = hash_bytes(h, &p->header, sizeof(p->header));
	h = hash_plan_tls(hash_bytes(h, &p->tls, sizeof(p->tls)), tls);
	h = hash_plan_bytes(h, &p->send);
	h = hash_plan_bytes(h, &p->wanted.expect);
	h = hash_plan_bytes(h, &p->wanted.reject);
	h = hash_bytes(h, &p->wanted.least, sizeof(p->wanted.least));
	h = hash_plan_text(hash_plan_text(h, p->path), p->host);
	h = hash_bytes(h, &p->http.low, sizeof(p->http.low));
	h = hash_bytes(h, &p->http.high, sizeof(p->http.high));
	return hash_plan_bytes(h, &p->http.body);
}

/* A port of its own is not taken for one that expects a PROXY header. */
static uint8_t header_of(const struct config_upstream *c)
{
	if (c->health.port != CONFIG_AUTO || c->proxy_protocol == CONFIG_PROXY_OUT_OFF)
		return 0;
	return c->proxy_protocol == CONFIG_PROXY_OUT_V1 ? 1 : 2;
}

int check_plan_new(const struct config_upstream *c, struct check_plan **out)
{
	struct check_plan *p;

	*out = NULL;
	if (config_check_of(c) == NULL)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -NP_ENOMEM;
	p->rules = rules_of(config_check_of(c));
	p->port = c->health.port == CONFIG_AUTO ? 0 : (int)c->health.port;
	p->header = header_of(c);
	if (c->health.send != NULL)
		plan_send(p, c->health.send);
	if (c->health.http != NULL)
		plan_http(p, c, c->health.http);
	if (c->health.tls != NULL)
		p->kind = CHECK_KIND_TLS;
	p->tls = c->health.speaks != NULL;
	p->same = same_of(p, c->health.speaks);
	*out = p;
	return 0;
}

#define AGENT_FALL 3 /* contacts in a row that fail: what it said is forgotten */

int check_plan_agent(const struct config_upstream *c, struct check_plan **out)
{
	struct check_plan *p;

	*out = NULL;
	if (c->health.agent.port == CONFIG_OFF)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -NP_ENOMEM;
	p->kind = CHECK_KIND_AGENT;
	p->rules = (struct check_rules){c->health.agent.interval, c->health.agent.timeout, 1, AGENT_FALL};
	p->port = (int)c->health.agent.port;
	p->send = bytes_of(c->health.agent.send, p->room[0]);
	p->same = same_of(p, NULL);
	*out = p;
	return 0;
}

struct check_plan *check_plan_free(struct check_plan *p)
{
	free(p);
	return NULL;
}
