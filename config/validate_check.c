/* validate_check: an upstream's checks. */
#include "config/validate_check.h"

#include <string.h>

#include "config/check_status.h"
#include "config/check_tls.h"
#include "config/validate_keys.h"
#include "config/validate_tls.h"

#define HEALTH "upstreams[].health."

/* The kinds that are written, in the order of their rows. */
static unsigned list_kinds(struct config_upstream *u, const char *paths[4])
{
	const struct {
		const void *written;
		const char *path;
	} kinds[] = {
		{u->health.tcp, HEALTH "tcp"},
		{u->health.send, HEALTH "send"},
		{u->health.http, HEALTH "http"},
		{u->health.tls, HEALTH "tls"},
	};
	unsigned n = 0;

	for (size_t i = 0; i < array_len(kinds); i++)
		if (kinds[i].written != NULL)
			paths[n++] = kinds[i].path;
	return n;
}

/* Two checks could contradict each other, and none of them would be the verdict. */
static void check_one_kind(struct diag *d, struct config_upstream *u)
{
	const char *paths[4];
	unsigned n = list_kinds(u, paths);

	for (unsigned i = 1; i < n; i++)
		diag_error(d, DIAG_CONFLICT, validate_origin(paths[i], u),
		           "an upstream has one check: %s, or %s", strrchr(paths[0], '.') + 1,
		           strrchr(paths[i], '.') + 1);
}

/* ---- each kind ---- */

static void check_send(struct diag *d, struct config_check_send *c)
{
	validate_values(d, KEY_CHECK_SEND, c);
	if (!validate_is_written(HEALTH "send.expect", c) && !validate_is_written(HEALTH "send.reject", c) &&
	    !validate_is_written(HEALTH "send.send", c) && c->min_bytes <= 1)
		diag_warn(d, DIAG_NO_EFFECT, c->at,
		          "this check sends nothing and expects nothing: "
		          "a server that greets is well, whatever it says");
}

/* What would end the line of the request, or begin another header. */
static bool is_word(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static void check_request(struct diag *d, struct config_check_http *c)
{
	unsigned low, high;

	validate_values(d, KEY_CHECK_HTTP, c);
	if (c->path != NULL && (c->path[0] != '/' || !is_word(c->path)))
		diag_error(d, DIAG_TEXT, validate_origin(HEALTH "http.path", c),
		           "\"path\" cannot be \"%.100s\": it begins with a slash and has no space", c->path);
	if (c->host != NULL && !is_word(c->host))
		diag_error(d, DIAG_TEXT, validate_origin(HEALTH "http.host", c),
		           "\"host\" cannot be \"%.100s\": write a name or an address, or auto", c->host);
	if (c->status != NULL && check_status_read(c->status, &low, &high) != 0)
		diag_error(d, DIAG_NUMBER, validate_origin(HEALTH "http.status", c),
		           "\"status\" cannot be \"%.100s\": write one from 200 to 599, as \"200\", "
		           "or two, as \"200-399\"",
		           c->status);
}

/* ---- TLS of its own ---- */

/* The row of a check's own key. */
static const char *own_path(const struct check_speaker *s, const char *name)
{
	return key_child(s->path, name)->path;
}

/* What is said of TLS that is not spoken, or of authorities that nobody asks. */
static void doubt_own(struct diag *d, const struct check_speaker *s, bool speaks)
{
	static const char *const texts[] = {"sni", "ca"};

	for (size_t i = 0; i < array_len(texts); i++)
		if (!speaks && validate_is_written(own_path(s, texts[i]), s->check)) {
			diag_warn(d, DIAG_NO_EFFECT, validate_origin(own_path(s, texts[i]), s->check),
			          "\"%s\" has no effect: this check speaks no TLS", texts[i]);
			validate_explain(d, own_path(s, "tls"));
		}
	if (speaks && !s->own->verify && validate_is_written(own_path(s, "ca"), s->check))
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(own_path(s, "ca"), s->check),
		          "\"ca\" has no effect: verify is off");
}

/* Is there something that the certificate must have? What connections lack is told of the upstream's tls already; with
 * sni: client, or without verification, they lack nothing, and the check still may. */
static bool has_checked_name(const struct config_upstream *u)
{
	if (check_asked_name(u) != NULL || check_has_written_name(u))
		return true;
	return u->tls != NULL && u->tls->verify && !config_sni_is_clients(u->tls);
}

static void check_own(struct diag *d, struct config_upstream *u)
{
	const struct check_speaker s = check_speaker_of(u);
	const struct config_server *unnamed = validate_unnamed(u);

	if (s.check == NULL)
		return;
	if (u->tls != NULL && !validate_is_written(own_path(&s, "verify"), s.check))
		s.own->verify = u->tls->verify;
	doubt_own(d, &s, check_speaks_tls(u));
	if (!check_speaks_tls(u) || !s.own->verify || unnamed == NULL || has_checked_name(u))
		return;
	diag_error(d, DIAG_MISSING, validate_origin(s.path, u),
	           "the key \"sni\" is missing in \"%s\": %.80s has no name to verify", strrchr(s.path, '.') + 1,
	           unnamed->text);
	validate_explain(d, own_path(&s, "sni"));
}

/* ---- what goes with them ---- */

/* The next check begins when the last has ended, so a server that hangs is asked more seldom than the interval says,
 * and found out later. A default is left alone: it is for intervals of seconds. */
static void doubt_time(struct diag *d, const char *path, void *check, const struct config_check *every)
{
	const char *timeout = key_child(path, "timeout")->path;

	if (validate_is_written(timeout, check) && every->timeout > every->interval)
		diag_warn(d, DIAG_LONG_CHECK, validate_origin(timeout, check),
		          "a check may last longer than its interval: of a server that hangs the next one is late");
}

static void doubt_times(struct diag *d, struct config_upstream *u)
{
	if (u->health.tcp != NULL)
		doubt_time(d, HEALTH "tcp", u->health.tcp, &u->health.tcp->every);
	if (u->health.send != NULL)
		doubt_time(d, HEALTH "send", u->health.send, &u->health.send->every);
	if (u->health.http != NULL)
		doubt_time(d, HEALTH "http", u->health.http, &u->health.http->every);
	if (u->health.tls != NULL)
		doubt_time(d, HEALTH "tls", u->health.tls, &u->health.tls->every);
}

/* A port is looked for where there is none. */
static void doubt_port(struct diag *d, struct config_upstream *u)
{
	if (config_check_of(u) == NULL) {
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(HEALTH "port", u),
		          "health.port has no effect: there is no check beside it");
		return;
	}
	for (size_t i = 0; i < u->nservers; i++) {
		if (u->servers[i].text == NULL || !np_addr_is_unix(&u->servers[i].addr))
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(HEALTH "port", u),
		          "health.port has no effect for %.100s, which is a Unix socket", u->servers[i].text);
		return;
	}
}

/* Without its port there is no agent; where a server is no machine, there is none beside it. */
static void doubt_agent(struct diag *d, struct config_upstream *u)
{
	static const char *const rest[] = {HEALTH "agent.send", HEALTH "agent.interval", HEALTH "agent.timeout"};

	if (u->health.agent.port != CONFIG_OFF) {
		for (size_t i = 0; i < u->nservers; i++)
			if (u->servers[i].text != NULL && np_addr_is_unix(&u->servers[i].addr))
				diag_warn(d, DIAG_NO_EFFECT, validate_origin(HEALTH "agent.port", u),
				          "health.agent has no effect for %.100s, which is a Unix socket",
				          u->servers[i].text);
		return;
	}
	for (size_t i = 0; i < array_len(rest); i++) {
		if (!validate_is_chosen(rest[i], u))
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(rest[i], u),
		          "health.agent has no effect: write the port at which agents answer, as port: 9999");
		return;
	}
}

void validate_checks(struct diag *d, struct config_upstream *u)
{
	doubt_agent(d, u);
	check_one_kind(d, u);
	if (u->health.tcp != NULL)
		validate_values(d, KEY_CHECK_TCP, u->health.tcp);
	if (u->health.send != NULL)
		check_send(d, u->health.send);
	if (u->health.http != NULL)
		check_request(d, u->health.http);
	if (u->health.tls != NULL)
		validate_values(d, KEY_CHECK_TLS, u->health.tls);
	check_own(d, u);
	doubt_times(d, u);
	if (u->on_down == CONFIG_ON_DOWN_CLOSE && config_check_of(u) == NULL)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].on_down", u),
		          "on_down has no effect: no check of health takes a server down");
	if (validate_is_chosen(HEALTH "port", u))
		doubt_port(d, u);
}
