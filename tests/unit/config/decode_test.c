/* decode: each kind of key takes its values and refuses all others, with the place of the value
 * and a remedy. */
#include "config/node.h"

#include <unistd.h>

#include "config/decode.h"
#include "config/units.h"
#include "netpoll/err.h"
#include "tests/unit/config/load.h"

#define L "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n"
#define U "upstreams:\n  - name: app\n    servers: [\"10.0.0.1:80\"]\n"

static const struct load_row rows[] = {
	/* keys */
	{L U, NULL},
	{L U "upstrems: x\n", "error[E102]: unknown key \"upstrems\"\n  --> t.yaml:8:1\n"},
	{L U "upstrems: x\n", "^^^^^^^^ did you mean \"upstreams\"?\n   = help: staunch explain upstreams\n"},
	{L U "zzz: x\n", "error[E102]: unknown key \"zzz\"\n  --> t.yaml:8:1\n"},
	{L U "zzz: x\n", "   = help: staunch explain\n"},
	{L "    upstrem: x\n" U, "unknown key \"upstrem\" in listener \"web\"\n  --> t.yaml:5:5\n"},
	{L "    timeouts: {idel: 1s}\n" U, "unknown key \"idel\" in \"timeouts\" of listener \"web\"\n"},
	{L "    timeouts: {idel: 1s}\n" U,
	 "did you mean \"idle\"?\n   = help: staunch explain listeners[].timeouts.idle\n"},
	{L "    idle: 1s\n" U, "   = help: it is written as listeners[].timeouts.idle\n"},
	{L U "    connect: 1s\n", "   = help: it is written as upstreams[].timeouts.connect\n"},
	{L "    connect: first\n" U,
	 "\"connect\" cannot be \"first\": write accept or first_byte\n  --> t.yaml:5:14\n"},
	{L U "log: {levle: info}\n", "unknown key \"levle\" in \"log\"\n"},
	{L U "  - {name: b, servers: [{address: \"10.0.0.1:1\", wieght: 2}]}\n",
	 "unknown key \"wieght\" in server \"10.0.0.1:1\" of upstream \"b\"\n"},
	{L U "  - {name: b, servers: [{wieght: 2}]}\n",
	 "unknown key \"wieght\" in server 1 of upstream \"b\"\n"},
	{L "    cert: x\n" U, "   = help: it is written as listeners[].tls.certificates[].cert\n"},
	{L "    tls: {certificates: [{cert: c, key: k}], alnp: h2}\n" U,
	 "unknown key \"alnp\" in \"tls\" of listener \"web\"\n"},
	{L "    routes: [{snI: x, upstream: app}]\n" U, "unknown key \"snI\" in route 1 of listener \"web\"\n"},
	/* what is missing */
	{"", "error[E106]: the file holds no settings\n  --> t.yaml\n   = help: staunch explain\n"},
	{"# nothing\n", "error[E106]: the file holds no settings\n"},
	{L, "error[E106]: the key \"upstreams\" is missing\n  --> t.yaml:1:1\n"},
	{U, "error[E106]: the key \"listeners\" is missing\n"},
	{"listeners: [{bind: \":80\", upstream: app}]\n" U,
	 "the key \"name\" is missing in listener 1\n  --> t.yaml:1:14\n"},
	{"listeners: [{name: a, bind: \":80\"}]\n" U, "the key \"upstream\" is missing in listener \"a\"\n"},
	{"listeners: [{}]\n" U, "the key \"bind\" is missing in listener 1\n  --> t.yaml:1:13\n"},
	{L "upstreams: [{name: app, servers: [{weight: 1}]}]\n",
	 "the key \"address\" is missing in server 1 of upstream \"app\"\n"},
	/* misspelled is not missing as well */
	{"listeners: [{name: a, bind: \":80\", upsteam: app}]\n" U, "\n1 error - configuration NOT loaded\n"},
	{"listeners: [{name: a, bind: \":80\", upstraem: app}]\n" U, "\n1 error - configuration NOT loaded\n"},
	{"listeners: [{name: a, bind: \":80\", routes: [{sni: x, upstream: app}]}]\n" U, NULL},
	/* shapes */
	{L "    routes: [app]\n" U, "\"routes\" takes maps as its elements, not a plain value\n"},
	{L "    tls: ~\n" U, "error[E107]: \"tls\" has no value\n"},
	{L "    tls: {certificates: [{cert: c, key: k}], alpn: {a: b}}\n" U,
	 "\"alpn\" takes plain values as its elements, not a map\n"},
	{L "    tls: {certificates: [{cert: c, key: k}], alpn: [h2, [x]]}\n" U,
	 "\"alpn\" takes plain values as its elements, not a list\n"},
	{L "    tls: {certificates: [{cert: c, key: k}], alpn: []}\n" U, "\"alpn\" has 0 elements, it takes 1 to 32\n"},
	{L "    tls: {certificates: [{cert: c, key: k}], alpn: [h2, h2]}\n" U,
	 "error[E306]: \"alpn\" holds \"h2\" twice\n  --> t.yaml:5:57\n"},
	{L "    routes: [{sni: [A.b, a.B], upstream: app}]\n" U, "error[E306]: \"sni\" holds \"a.b\" twice\n"},
	{"[]\n", "error[E107]: a config file is a map of keys, not a list\n"},
	{"hello\n", "error[E107]: a config file is a map of keys, not a plain value\n"},
	{L U "log: info\n", "\"log\" takes a map, not a plain value\n  --> t.yaml:8:6\n"},
	{L U "log:\n", "error[E107]: \"log\" has no value\n"},
	{L U "log: ~\n", "   = help: remove the key to get its default, or write a map\n"},
	{L U "workers: [1]\n", "\"workers\" takes a plain value, not a list\n"},
	{L U "workers:\n", "\"workers\" has no value\n"},
	{L "upstreams: {name: app}\n", "\"upstreams\" takes a list, not a map\n"},
	{L "upstreams: [app]\n", "\"upstreams\" takes maps as its elements, not a plain value\n"},
	{L "upstreams: []\n", "error[E203]: \"upstreams\" has 0 elements, it takes 1 to 1000\n"},
	{L "upstreams: [{name: app, servers: [[x]]}]\n",
	 "\"servers\" takes plain values or maps as its elements, not a list\n"},
	{"listeners: [{name: a, bind: [], upstream: app}]\n" U, "\"bind\" has 0 elements, it takes 1 to 64\n"},
	{"listeners: [{name: a, bind: {x: y}, upstream: app}]\n" U,
	 "the key \"address\" is missing in address 1 of listener \"a\"\n"},
	{"listeners: [{name: a, bind: ~, upstream: app}]\n" U,
	 "\"bind\" has no value\n  --> t.yaml:1:29\n"},
	{"listeners: [{name: a, bind: {address: \":80\", mdoe: x}, upstream: app}]\n" U,
	 "unknown key \"mdoe\" in address \":80\" of listener \"a\"\n"},
	{"listeners: [{name: a, bind: [\":80\", [x]], upstream: app}]\n" U,
	 "\"bind\" takes plain values or maps as its elements, not a list\n"},
	/* values */
	{L U "workers: x\n",
	 "error[E202]: \"workers\" cannot be \"x\": it starts with a number\n  --> t.yaml:8:10\n"},
	{L U "workers: x\n", "   = help: staunch explain workers\n"},
	{L "    timeouts: {idle: 0}\n" U,
	 "error[E203]: \"idle\" cannot be \"0\": 0 does not switch it off: write off\n"},
	{L U "log: {level: inof}\n", "^^^^ did you mean \"info\"?\n"},
	{"listeners: [{name: a, bind: [\":80\", \"x:1\"], upstream: app}]\n" U,
	 "error[E208]: \"bind\" cannot be \"x:1\": a name is for servers"},
	{L "upstreams: [{name: app, servers: [\"db\"]}]\n",
	 "error[E205]: \"address\" cannot be \"db\": a name needs a port behind it, as in \"db.example:5432\"\n"},
	{L "upstreams: [{name: app, servers: [\"10.0.0.1\"]}]\n",
	 "error[E205]: \"address\" cannot be \"10.0.0.1\": "},
};

static void problems(void **state)
{
	(void)state;
	load_rows(rows, array_len(rows));
}

/* What YAML broke off is not called missing, but what stands before is still looked at. */
static void broken_text(void **state)
{
	struct load l = load_text("wrokers: 1\nlog: {level: inof}\nlisteners: [\n");

	(void)state;
	assert_int_equal(l.err, -NP_EINVAL);
	assert_int_equal(diag_count(l.d, DIAG_ERROR), 3);
	assert_non_null(strstr(l.report->text, "\"wrokers\""));
	assert_non_null(strstr(l.report->text, "\"inof\""));
	assert_non_null(strstr(l.report->text, "error[E101]"));
	load_free(&l);
}

/* The name that is not defined may stand behind the break. */
static void broken_text_defines_nothing(void **state)
{
	struct load l = load_text(L "upstreams:\n  - {name: other, servers: [\"10.0.0.1:1\"]}\n  - {name: a");

	(void)state;
	assert_int_equal(l.err, -NP_EINVAL);
	assert_int_equal(diag_count(l.d, DIAG_ERROR), 1);
	assert_int_equal(diag_count(l.d, DIAG_WARNING), 0);
	load_free(&l);
}

static void defaults(void **state)
{
	struct load l = load_text(L U);
	const struct config_listener *w = l.c->listeners;
	const struct config_upstream *u = l.c->upstreams;

	(void)state;
	assert_int_equal(l.c->workers, CONFIG_AUTO);
	assert_int_equal(l.c->log.level, CONFIG_LEVEL_INFO);
	assert_false(l.c->log.skip_empty || l.c->log.start);
	assert_int_equal(l.c->log.tcp_info, CONFIG_TCP_INFO_AUTO);
	assert_true(l.c->log.periodic == CONFIG_OFF);
	assert_string_equal(l.c->log.syslog.address, "off");
	assert_int_equal(l.c->log.syslog.facility, CONFIG_FACILITY_DAEMON);
	assert_int_equal(l.c->log.access.kind, CONFIG_SINK_STDOUT);
	assert_int_equal(l.c->log.format, CONFIG_FORMAT_AUTO);
	assert_int_equal(l.c->limits.max_connections, CONFIG_AUTO);
	assert_int_equal(l.c->shutdown.delay, 0);
	assert_int_equal(l.c->shutdown.timeout, 30 * UNITS_S);
	assert_true(w->max_connections == CONFIG_OFF);
	assert_int_equal(w->at_limit, CONFIG_AT_LIMIT_REFUSE);
	assert_int_equal(w->connect, CONFIG_CONNECT_ACCEPT);
	assert_int_equal(w->backlog, 4096);
	assert_int_equal(w->timeouts.idle, UNITS_H);
	assert_int_equal(w->timeouts.half_close, UNITS_M);
	assert_true(w->timeouts.lifetime == CONFIG_OFF);
	assert_int_equal(w->timeouts.linger, 5 * UNITS_S);
	assert_int_equal(w->proxy_protocol.accept, CONFIG_PROXY_IN_OFF);
	assert_int_equal(w->proxy_protocol.ntrusted, 0);
	assert_int_equal(w->proxy_protocol.timeout, 10 * UNITS_S);
	assert_int_equal(w->proxy_protocol.max_bytes, 4096);
	assert_null(w->tls);
	assert_int_equal(w->preread.timeout, 10 * UNITS_S);
	assert_int_equal(w->preread.max_bytes, 16384);
	assert_int_equal(w->nroutes, 0);
	assert_int_equal(u->proxy_protocol, CONFIG_PROXY_OUT_OFF);
	assert_int_equal(u->ntlvs + u->ncustom_tlvs, 0);
	assert_null(u->tls);
	assert_int_equal(u->balance, CONFIG_BALANCE_ROUND_ROBIN);
	assert_int_equal(u->timeouts.connect, 5 * UNITS_S);
	assert_int_equal(u->retries, 2);
	assert_int_equal(u->retry_budget, 10 * UNITS_S);
	assert_int_equal(u->servers->weight, 1);
	assert_true(u->servers->max_connections == CONFIG_OFF);
	assert_false(u->servers->backup);
	load_free(&l);
}

static void tls_defaults(void **state)
{
	struct load l = load_text(L "    tls: {certificates: [{cert: /c, key: /k}]}\n" U "    tls: {}\n");
	const struct config_tls_in *in = l.c->listeners->tls;
	const struct config_tls_out *out = l.c->upstreams->tls;

	(void)state;
	assert_int_equal(in->min_version, CONFIG_TLS_VERSION_1_2);
	assert_int_equal(in->max_version, CONFIG_TLS_VERSION_1_3);
	assert_string_equal(in->ciphers, CONFIG_TLS_CIPHERS);
	assert_string_equal(in->ciphersuites, CONFIG_TLS_SUITES);
	assert_string_equal(in->groups, CONFIG_TLS_GROUPS);
	assert_int_equal(in->nalpn, 0);
	assert_false(in->strict_sni);
	assert_int_equal(in->client_auth.mode, CONFIG_CLIENT_AUTH_OFF);
	assert_true(in->client_auth.ca == NULL && in->client_auth.crl == NULL && in->client_auth.names == NULL);
	assert_int_equal(in->client_auth.depth, 10);
	assert_null(in->client_auth.allow);
	assert_true(in->session_tickets.enabled);
	assert_null(in->session_tickets.keys);
	assert_int_equal(in->session_tickets.rotate, UNITS_H);
	assert_int_equal(in->session_tickets.lifetime, 5 * UNITS_M);
	assert_int_equal(in->handshake_timeout, 10 * UNITS_S);
	assert_int_equal(in->max_handshakes, CONFIG_AUTO);
	assert_true(in->certificates->password_file == NULL && in->certificates->ocsp == NULL);
	assert_int_equal(in->certificates->nnames + in->certificates->nalpn + in->nrefuse_sni, 0);
	assert_int_equal(in->certificates->min_version, CONFIG_NAME_VERSION_AUTO);
	assert_int_equal(in->certificates->max_version, CONFIG_NAME_VERSION_AUTO);
	assert_null(in->certificates->client_auth);
	assert_true(out->verify && out->session_reuse);
	assert_true(out->ca == NULL && out->name == NULL && out->sni == NULL && out->cert == NULL);
	assert_int_equal(out->npins + out->nalpn, 0);
	assert_string_equal(out->ciphers, CONFIG_TLS_CIPHERS);
	assert_int_equal(out->handshake_timeout, 5 * UNITS_S);
	load_free(&l);
}

static const char everything[] =
	"workers: 8\n"
	"log: {level: error, access: \"/x\", format: text, skip_empty: true, start: true, periodic: 5m,"
	" tcp_info: always,"
	"  syslog: {address: \"unix:/dev/log\", facility: local7}}\n"
	"limits: {max_connections: 50000}\n"
	"listeners:\n"
	"  - name: web\n"
	"    bind: [\"127.0.0.1:8080\", \"unix:@x\"]\n"
	"    upstream: app\n"
	"    max_connections: 10000\n"
	"    at_limit: wait\n"
	"    connect: first_byte\n"
	"    backlog: 5\n"
	"    timeouts: {idle: off, half_close: 1ms, lifetime: 1d, linger: off}\n"
	"    proxy_protocol: {accept: required, trusted: [10.0.0.0/8, unix], timeout: 5s, max_bytes: 1KiB}\n"
	"    preread: {timeout: 3s, max_bytes: 32KiB}\n"
	"    routes:\n"
	"      - {sni: [\"*.B.c\", d.*], alpn: h2, source: 192.0.2.0/24, tls: only, upstream: other}\n"
	"    tls:\n"
	"      certificates: [{cert: c, key: k, password_file: p, ocsp: o}, {cert: /c2, key: /k2, ocsp_fetch: true,\n"
	"        names: [N.a, \"*.b\"], min_version: \"1.2\", max_version: \"1.3\", alpn: h3,\n"
	"        client_auth: {mode: optional, ca: ca2, names: n2, depth: 2, allow: {ou: them}}}]\n"
	"      refuse_sni: [X.y, \"z.*\"]\n"
	"      min_version: \"1.3\"\n"
	"      max_version: 1.3\n"
	"      ciphersuites: S\n"
	"      groups: G\n"
	"      alpn: [h2, http/1.1]\n"
	"      strict_sni: true\n"
	"      client_auth: {mode: required, ca: a, names: n, crl: r, depth: 3, "
	"allow: {cn: Me, dns: [\"*.B.c\", d], ip: \"::1\"}}\n"
	"      session_tickets: {enabled: true, keys: t, rotate: 12h, lifetime: 1h}\n"
	"      handshake_timeout: 4s\n"
	"      max_handshakes: 77\n"
	"upstreams:\n"
	"  - name: other\n"
	"    servers: [\"10.0.0.9:9\"]\n"
	"  - name: app\n"
	"    balance: source_hash\n"
	"    servers:\n"
	"      - \"10.0.0.1:9001\"\n"
	"      - {address: \"10.0.0.2:9002\", weight: 0, max_connections: 100, backup: true}\n"
	"    timeouts: {connect: 200ms}\n"
	"    retries: 0\n"
	"    retry_budget: 1s\n"
	"    proxy_protocol: v2\n"
	"    tlvs: [ssl, authority]\n"
	"    custom_tlvs: [{type: 0xE1, value: x}, {type: 0xE2}]\n"
	"    tls: {verify: true, ca: a, name: n, sni: s, pins: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=,\n"
	"          cert: c, key: k, password_file: p, alpn: [x], min_version: \"1.2\", max_version: \"1.2\",\n"
	"          ciphers: C, groups: G, session_reuse: false, handshake_timeout: 1s}\n"
	"shutdown: {delay: 5s, timeout: off}\n";

static void top_values(const struct config *c)
{
	assert_int_equal(c->workers, 8);
	assert_int_equal(c->log.level, CONFIG_LEVEL_ERROR);
	assert_int_equal(c->log.access.kind, CONFIG_SINK_FILE);
	assert_string_equal(c->log.access.path, "/x");
	assert_int_equal(c->log.format, CONFIG_FORMAT_TEXT);
	assert_true(c->log.skip_empty && c->log.start);
	assert_int_equal(c->log.periodic, 5 * UNITS_M);
	assert_int_equal(c->log.tcp_info, CONFIG_TCP_INFO_ALWAYS);
	assert_string_equal(c->log.syslog.address, "unix:/dev/log");
	assert_int_equal(c->log.syslog.facility, CONFIG_FACILITY_LOCAL7);
	assert_int_equal(c->limits.max_connections, 50000);
	assert_int_equal(c->shutdown.delay, 5 * UNITS_S);
	assert_true(c->shutdown.timeout == CONFIG_OFF);
}

static void listener_values(const struct config_listener *l)
{
	assert_string_equal(l->name, "web");
	assert_int_equal(l->nbind, 2);
	assert_int_equal(np_addr_port(&l->bind[0].addr.u.sa), 8080);
	assert_true(np_addr_is_abstract(&l->bind[1].addr));
	assert_string_equal(l->bind[1].text, "unix:@x");
	assert_int_equal(l->bind[1].at.column, 30);
	assert_int_equal(l->upstream, 1);
	assert_int_equal(l->max_connections, 10000);
	assert_int_equal(l->at_limit, CONFIG_AT_LIMIT_WAIT);
	assert_int_equal(l->connect, CONFIG_CONNECT_FIRST_BYTE);
	assert_int_equal(l->backlog, 5);
	assert_true(l->timeouts.idle == CONFIG_OFF && l->timeouts.linger == CONFIG_OFF);
	assert_int_equal(l->timeouts.half_close, UNITS_MS);
	assert_int_equal(l->timeouts.lifetime, UNITS_D);
	assert_int_equal(l->at.line, 5);
}

static void upstream_values(const struct config_upstream *u)
{
	assert_string_equal(u->name, "app");
	assert_int_equal(u->balance, CONFIG_BALANCE_SOURCE_HASH);
	assert_int_equal(u->timeouts.connect, 200 * UNITS_MS);
	assert_int_equal(u->retries, 0);
	assert_int_equal(u->retry_budget, UNITS_S);
	assert_int_equal(u->nservers, 2);
	assert_string_equal(u->servers[0].text, "10.0.0.1:9001");
	assert_int_equal(u->servers[0].at.line, 38);
	assert_int_equal(u->servers[1].weight, 0);
	assert_int_equal(u->servers[1].max_connections, 100);
	assert_true(u->servers[1].backup);
	assert_int_equal(np_addr_port(&u->servers[1].addr.u.sa), 9002);
}

static void check_path(const char *path, const char *name)
{
	char *cwd = get_current_dir_name();

	assert_memory_equal(path, cwd, strlen(cwd));
	assert_string_equal(path + strlen(cwd) + 1, name);
	free(cwd);
}

static void header_and_routes(const struct config_listener *l)
{
	const struct config_route *r = l->routes;

	assert_int_equal(l->proxy_protocol.accept, CONFIG_PROXY_IN_REQUIRED);
	assert_int_equal(l->proxy_protocol.ntrusted, 2);
	assert_int_equal(l->proxy_protocol.trusted[0].net.bits, CIDR_V4_BITS + 8);
	assert_int_equal(l->proxy_protocol.trusted[1].net.bits, CIDR_UNIX);
	assert_int_equal(l->proxy_protocol.trusted[1].written.at.column, 62);
	assert_int_equal(l->proxy_protocol.timeout, 5 * UNITS_S);
	assert_int_equal(l->proxy_protocol.max_bytes, 1024);
	assert_int_equal(l->preread.timeout, 3 * UNITS_S);
	assert_int_equal(l->preread.max_bytes, 32768);
	assert_int_equal(l->nroutes, 1);
	assert_int_equal(r->nsni, 2);
	assert_string_equal(r->sni[0].text, "*.b.c");
	assert_string_equal(r->sni[1].text, "d.*");
	assert_int_equal(r->nalpn, 1);
	assert_string_equal(r->alpn[0].text, "h2");
	assert_int_equal(r->nsource, 1);
	assert_int_equal(r->ntls, 1);
	assert_int_equal(r->tls[0].word, CONFIG_OPENING_ONLY);
	assert_int_equal(r->upstream, 0);
}

static void name_values(const struct config_tls_in *t)
{
	const struct config_cert *c = &t->certificates[1];

	assert_int_equal(c->nnames, 2);
	assert_string_equal(c->names[0].text, "n.a");
	assert_string_equal(c->names[1].text, "*.b");
	assert_int_equal(config_version(c->min_version, CONFIG_TLS_VERSION_1_3), CONFIG_TLS_VERSION_1_2);
	assert_int_equal(config_version(c->max_version, CONFIG_TLS_VERSION_1_2), CONFIG_TLS_VERSION_1_3);
	assert_int_equal(config_version(CONFIG_NAME_VERSION_AUTO, CONFIG_TLS_VERSION_1_3), CONFIG_TLS_VERSION_1_3);
	assert_string_equal(c->alpn[0].text, "h3");
	assert_int_equal(c->client_auth->auth.mode, CONFIG_CLIENT_AUTH_OPTIONAL);
	check_path(c->client_auth->auth.ca, "ca2");
	check_path(c->client_auth->auth.names, "n2");
	assert_int_equal(c->client_auth->auth.depth, 2);
	assert_string_equal(c->client_auth->auth.allow->ou[0].text, "them");
	assert_string_equal(t->refuse_sni[0].text, "x.y");
	assert_string_equal(t->refuse_sni[1].text, "z.*");
}

static void tls_in_values(const struct config_tls_in *t)
{
	name_values(t);
	assert_int_equal(t->ncertificates, 2);
	check_path(t->certificates[0].cert, "c");
	check_path(t->certificates[0].key, "k");
	check_path(t->certificates[0].password_file, "p");
	check_path(t->certificates[0].ocsp, "o");
	assert_true(!t->certificates[0].ocsp_fetch && t->certificates[1].ocsp_fetch);
	assert_string_equal(t->certificates[1].key, "/k2");
	assert_int_equal(t->min_version, CONFIG_TLS_VERSION_1_3);
	assert_int_equal(t->max_version, CONFIG_TLS_VERSION_1_3);
	assert_string_equal(t->ciphersuites, "S");
	assert_string_equal(t->groups, "G");
	assert_int_equal(t->nalpn, 2);
	assert_string_equal(t->alpn[1].text, "http/1.1");
	assert_true(t->strict_sni && t->session_tickets.enabled);
	assert_int_equal(t->client_auth.mode, CONFIG_CLIENT_AUTH_REQUIRED);
	check_path(t->client_auth.ca, "a");
	check_path(t->client_auth.names, "n");
	check_path(t->client_auth.crl, "r");
	assert_int_equal(t->client_auth.depth, 3);
	assert_string_equal(t->client_auth.allow->cn[0].text, "Me");
	assert_int_equal(t->client_auth.allow->ndns, 2);
	assert_string_equal(t->client_auth.allow->dns[0].text, "*.b.c");
	assert_int_equal(t->client_auth.allow->ip[0].net.bits, CIDR_MAX_BITS);
	assert_true(t->client_auth.allow->nuri == 0 && t->client_auth.allow->nspki == 0);
	check_path(t->session_tickets.keys, "t");
	assert_int_equal(t->session_tickets.rotate, 12 * UNITS_H);
	assert_int_equal(t->session_tickets.lifetime, UNITS_H);
	assert_int_equal(t->handshake_timeout, 4 * UNITS_S);
	assert_int_equal(t->max_handshakes, 77);
}

static void tls_out_values(const struct config_upstream *u)
{
	const struct config_tls_out *t = u->tls;

	assert_int_equal(u->proxy_protocol, CONFIG_PROXY_OUT_V2);
	assert_int_equal(u->ntlvs, 2);
	assert_int_equal(u->tlvs[0].word, CONFIG_TLV_SSL);
	assert_int_equal(u->tlvs[1].word, CONFIG_TLV_AUTHORITY);
	assert_int_equal(u->ncustom_tlvs, 2);
	assert_int_equal(u->custom_tlvs[0].type, 0xE1);
	assert_string_equal(u->custom_tlvs[0].value, "x");
	assert_null(u->custom_tlvs[1].value);
	assert_true(t->verify && !t->session_reuse);
	check_path(t->ca, "a");
	check_path(t->cert, "c");
	check_path(t->key, "k");
	check_path(t->password_file, "p");
	assert_string_equal(t->name, "n");
	assert_string_equal(t->sni, "s");
	assert_int_equal(t->npins, 1);
	assert_int_equal(t->nalpn, 1);
	assert_int_equal(t->max_version, CONFIG_TLS_VERSION_1_2);
	assert_string_equal(t->ciphers, "C");
	assert_string_equal(t->groups, "G");
	assert_int_equal(t->handshake_timeout, UNITS_S);
}

static void every_key(void **state)
{
	struct load l = load_text(everything);

	(void)state;
	assert_int_equal(l.err, 0);
	top_values(l.c);
	listener_values(&l.c->listeners[0]);
	upstream_values(&l.c->upstreams[1]);
	header_and_routes(&l.c->listeners[0]);
	tls_in_values(l.c->listeners[0].tls);
	tls_out_values(&l.c->upstreams[1]);
	load_free(&l);
}

static void aliases_are_values(void **state)
{
	struct load l = load_text("listeners:\n"
	                          "  - {name: a, bind: \":1\", upstream: &u app, timeouts: &t {idle: 1s}}\n"
	                          "  - {name: b, bind: \":2\", upstream: *u, timeouts: *t}\n" U);

	(void)state;
	assert_int_equal(l.err, 0);
	assert_int_equal(l.c->listeners[1].timeouts.idle, UNITS_S);
	load_free(&l);
}

/* One piece of memory less each time, until it suffices. */
static void out_of_memory(void **state)
{
	struct diag *d = diag_new();
	struct source *s;
	struct node_tree t;
	int err = -NP_ENOMEM;
	size_t limit = 0;

	(void)state;
	assert_int_equal(source_new(&s, "t", everything, strlen(everything)), 0);
	diag_take_source(d, s);
	assert_int_equal(node_parse(&t, s, d), 0);
	for (; err == -NP_ENOMEM && limit < 100000; limit += 16) {
		struct config c = {0};

		arena_init(&c.arena, limit);
		err = decode_run(&c, &t, d);
		arena_fini(&c.arena);
	}
	assert_int_equal(err, 0);
	assert_true(limit > 1000);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	node_fini(&t);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems),
		cmocka_unit_test(broken_text),
		cmocka_unit_test(broken_text_defines_nothing),
		cmocka_unit_test(defaults),
		cmocka_unit_test(tls_defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(aliases_are_values),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
