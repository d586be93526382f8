/* key: the X-macro tables as one array of rows, and the struct of the model that each part of it
 * fills. The members are found by offset, so decode, validate, dump and schema are written once
 * for all keys. Rejected: a reader function for each key, because defaults, bounds and texts
 * would then stand apart from it and drift. */
#include "config/key.h"

#include <string.h>

#include "config/units.h"
#include "netpoll/check.h"

/* The words of each enumeration; the index is the enum's constant. */
#define X(name, word, meaning) {word, meaning},
static const struct key_word words_level[] = {CONFIG_LEVEL_TBL(X) {NULL, NULL}};
static const struct key_word words_format[] = {CONFIG_FORMAT_TBL(X) {NULL, NULL}};
static const struct key_word words_tcp_info[] = {CONFIG_TCP_INFO_TBL(X) {NULL, NULL}};
static const struct key_word words_facility[] = {CONFIG_FACILITY_TBL(X) {NULL, NULL}};
static const struct key_word words_family[] = {CONFIG_FAMILY_TBL(X) {NULL, NULL}};
static const struct key_word words_on_timeout[] = {CONFIG_ON_TIMEOUT_TBL(X) {NULL, NULL}};
static const struct key_word words_at_limit[] = {CONFIG_AT_LIMIT_TBL(X) {NULL, NULL}};
static const struct key_word words_connect[] = {CONFIG_CONNECT_TBL(X) {NULL, NULL}};
static const struct key_word words_idle_policy[] = {CONFIG_IDLE_POLICY_TBL(X) {NULL, NULL}};
static const struct key_word words_source_action[] = {CONFIG_SOURCE_ACTION_TBL(X) {NULL, NULL}};
static const struct key_word words_on_fin[] = {CONFIG_ON_FIN_TBL(X) {NULL, NULL}};
static const struct key_word words_balance[] = {CONFIG_BALANCE_TBL(X) {NULL, NULL}};
static const struct key_word words_on_down[] = {CONFIG_ON_DOWN_TBL(X) {NULL, NULL}};
static const struct key_word words_check_tls[] = {CONFIG_CHECK_INHERIT_TBL(X) {NULL, NULL}};
static const struct key_word words_proxy_in[] = {CONFIG_PROXY_IN_TBL(X) {NULL, NULL}};
static const struct key_word words_untrusted[] = {CONFIG_UNTRUSTED_TBL(X) {NULL, NULL}};
static const struct key_word words_proxy_out[] = {CONFIG_PROXY_OUT_TBL(X) {NULL, NULL}};
static const struct key_word words_tlv[] = {CONFIG_TLV_TBL(X) {NULL, NULL}};
static const struct key_word words_tls_version[] = {CONFIG_TLS_VERSION_TBL(X) {NULL, NULL}};
static const struct key_word words_name_version[] = {CONFIG_NAME_VERSION_TBL(X) {NULL, NULL}};
static const struct key_word words_tls_records[] = {CONFIG_TLS_RECORDS_TBL(X) {NULL, NULL}};
static const struct key_word words_tls_truncated[] = {CONFIG_TLS_TRUNCATED_TBL(X) {NULL, NULL}};
static const struct key_word words_client_auth[] = {CONFIG_CLIENT_AUTH_TBL(X) {NULL, NULL}};
static const struct key_word words_opening[] = {CONFIG_OPENING_TBL(X) {NULL, NULL}};
#undef X
#define words_none NULL

/* Columns of config_tbl.h; `f` is spelled with these. */
#define OFF       KEY_OFF
#define AUTO      KEY_AUTO
#define NEEDED    KEY_NEEDED
#define OTHERWISE KEY_OTHERWISE
#define HEX       KEY_HEX
#define IP        KEY_IP
#define OURS      KEY_OURS
#define ALONE     KEY_ALONE
#define STAR      KEY_STAR
#define FOLDED    KEY_FOLDED
#define FILES     KEY_FILES
#define SAME      KEY_SAME
#define PER_S     KEY_PER_S

/* A row of a table becomes one of key_rows; the member's name becomes its offset in the scope's
 * struct. */
#define ROW(scope, type, kind, path, member, def, min, max, f, words, reload, help, more, example) \
	{KEY_##kind, scope, path, offsetof(type, member), def, min, max, f, words_##words, KEY_##reload, \
	 help, more, example},
#define TOP(...)        ROW(KEY_TOP, struct config, __VA_ARGS__)
#define LISTENER(...)   ROW(KEY_LISTENER, struct config_listener, __VA_ARGS__)
#define BIND_AT(...)    ROW(KEY_BIND_AT, struct config_bind, __VA_ARGS__)
#define BIND_PROXY(...) ROW(KEY_BIND_PROXY, struct config_bind_proxy, __VA_ARGS__)
#define TLS_IN(...)     ROW(KEY_TLS_IN, struct config_tls_in, __VA_ARGS__)
#define CLIENT_ALLOW(...) ROW(KEY_CLIENT_ALLOW, struct config_client_allow, __VA_ARGS__)
#define CERT(...)       ROW(KEY_CERT, struct config_cert, __VA_ARGS__)
#define NAME_AUTH(...)  ROW(KEY_NAME_AUTH, struct config_name_auth, __VA_ARGS__)
#define NAME_ALLOW(...) ROW(KEY_NAME_ALLOW, struct config_client_allow, __VA_ARGS__)
#define ROUTE(...)      ROW(KEY_ROUTE, struct config_route, __VA_ARGS__)
#define UPSTREAM(...)   ROW(KEY_UPSTREAM, struct config_upstream, __VA_ARGS__)
#define CUSTOM_TLV(...) ROW(KEY_CUSTOM_TLV, struct config_custom_tlv, __VA_ARGS__)
#define TLS_OUT(...)    ROW(KEY_TLS_OUT, struct config_tls_out, __VA_ARGS__)
#define CHECK_TCP(...)  ROW(KEY_CHECK_TCP, struct config_check_tcp, __VA_ARGS__)
#define CHECK_SEND(...)  ROW(KEY_CHECK_SEND, struct config_check_send, __VA_ARGS__)
#define CHECK_HTTP(...)  ROW(KEY_CHECK_HTTP, struct config_check_http, __VA_ARGS__)
#define CHECK_TLS(...)   ROW(KEY_CHECK_TLS, struct config_check_tls, __VA_ARGS__)
#define SERVER(...)     ROW(KEY_SERVER, struct config_server, __VA_ARGS__)

const struct config_key key_rows[] = {
	CONFIG_TOP_TBL(TOP) CONFIG_LISTENER_TBL(LISTENER) CONFIG_BIND_TBL(BIND_AT) CONFIG_BIND_PROXY_TBL(BIND_PROXY)
	CONFIG_TLS_IN_TBL(TLS_IN) CONFIG_CLIENT_ALLOW_TBL(CLIENT_ALLOW) CONFIG_CERT_TBL(CERT)
	CONFIG_NAME_AUTH_TBL(NAME_AUTH) CONFIG_NAME_ALLOW_TBL(NAME_ALLOW)
	CONFIG_ROUTE_TBL(ROUTE) CONFIG_UPSTREAM_TBL(UPSTREAM) CONFIG_CUSTOM_TLV_TBL(CUSTOM_TLV)
	CONFIG_TLS_OUT_TBL(TLS_OUT) CONFIG_CHECK_TCP_TBL(CHECK_TCP) CONFIG_CHECK_SEND_TBL(CHECK_SEND)
	CONFIG_CHECK_HTTP_TBL(CHECK_HTTP) CONFIG_CHECK_TLS_TBL(CHECK_TLS) CONFIG_SERVER_TBL(SERVER)
};
const size_t key_count = array_len(key_rows);

/* The first row of each scope: behind those of the scope before it. */
enum {
	FIRST_TOP = 0,
	FIRST_LISTENER = FIRST_TOP + CONFIG_TOP_KEYS,
	FIRST_BIND_AT = FIRST_LISTENER + CONFIG_LISTENER_KEYS,
	FIRST_BIND_PROXY = FIRST_BIND_AT + CONFIG_BIND_AT_KEYS,
	FIRST_TLS_IN = FIRST_BIND_PROXY + CONFIG_BIND_PROXY_KEYS,
	FIRST_CLIENT_ALLOW = FIRST_TLS_IN + CONFIG_TLS_IN_KEYS,
	FIRST_CERT = FIRST_CLIENT_ALLOW + CONFIG_CLIENT_ALLOW_KEYS,
	FIRST_NAME_AUTH = FIRST_CERT + CONFIG_CERT_KEYS,
	FIRST_NAME_ALLOW = FIRST_NAME_AUTH + CONFIG_NAME_AUTH_KEYS,
	FIRST_ROUTE = FIRST_NAME_ALLOW + CONFIG_NAME_ALLOW_KEYS,
	FIRST_UPSTREAM = FIRST_ROUTE + CONFIG_ROUTE_KEYS,
	FIRST_CUSTOM_TLV = FIRST_UPSTREAM + CONFIG_UPSTREAM_KEYS,
	FIRST_TLS_OUT = FIRST_CUSTOM_TLV + CONFIG_CUSTOM_TLV_KEYS,
	FIRST_CHECK_TCP = FIRST_TLS_OUT + CONFIG_TLS_OUT_KEYS,
	FIRST_CHECK_SEND = FIRST_CHECK_TCP + CONFIG_CHECK_TCP_KEYS,
	FIRST_CHECK_HTTP = FIRST_CHECK_SEND + CONFIG_CHECK_SEND_KEYS,
	FIRST_CHECK_TLS = FIRST_CHECK_HTTP + CONFIG_CHECK_HTTP_KEYS,
	FIRST_SERVER = FIRST_CHECK_TLS + CONFIG_CHECK_TLS_KEYS,
};

/* The prefix says which rows of key_rows belong to the struct, and the noun what messages call
 * it. */
#define SCOPE(name, type, prefix, noun, title, shorthand) \
	[KEY_##name] = {prefix, noun, title, shorthand, sizeof(type), offsetof(type, origin), offsetof(type, at), \
	                FIRST_##name, CONFIG_##name##_KEYS}

const struct key_scope key_scopes[KEY_SCOPES] = {
	[KEY_TOP] = {"", "config", NULL, NULL, sizeof(struct config), offsetof(struct config, origin), 0, FIRST_TOP,
	             CONFIG_TOP_KEYS},
	SCOPE(LISTENER, struct config_listener, "listeners[]", "listener", "name", NULL),
	SCOPE(BIND_AT, struct config_bind, "listeners[].bind[]", "address", "address", "address"),
	SCOPE(BIND_PROXY, struct config_bind_proxy, "listeners[].bind[].proxy_protocol", "proxy_protocol", NULL, NULL),
	SCOPE(TLS_IN, struct config_tls_in, "listeners[].tls", "tls", NULL, NULL),
	SCOPE(CLIENT_ALLOW, struct config_client_allow, "listeners[].tls.client_auth.allow", "allow", NULL, NULL),
	SCOPE(CERT, struct config_cert, "listeners[].tls.certificates[]", "certificate", "cert", NULL),
	SCOPE(NAME_AUTH, struct config_name_auth, "listeners[].tls.certificates[].client_auth", "client_auth", NULL,
	      NULL),
	SCOPE(NAME_ALLOW, struct config_client_allow, "listeners[].tls.certificates[].client_auth.allow", "allow", NULL,
	      NULL),
	SCOPE(ROUTE, struct config_route, "listeners[].routes[]", "route", NULL, NULL),
	SCOPE(UPSTREAM, struct config_upstream, "upstreams[]", "upstream", "name", NULL),
	SCOPE(CUSTOM_TLV, struct config_custom_tlv, "upstreams[].custom_tlvs[]", "TLV", "type", NULL),
	SCOPE(TLS_OUT, struct config_tls_out, "upstreams[].tls", "tls", NULL, NULL),
	SCOPE(CHECK_TCP, struct config_check_tcp, "upstreams[].health.tcp", "check", NULL, NULL),
	SCOPE(CHECK_SEND, struct config_check_send, "upstreams[].health.send", "check", NULL, NULL),
	SCOPE(CHECK_HTTP, struct config_check_http, "upstreams[].health.http", "check", NULL, NULL),
	SCOPE(CHECK_TLS, struct config_check_tls, "upstreams[].health.tls", "check", NULL, NULL),
	SCOPE(SERVER, struct config_server, "upstreams[].servers[]", "server", "address", "address"),
};

/* The last part of path when it stands right below prefix, otherwise NULL. By the text alone: the
 * rows below "listeners[]" begin with "listeners[].", and those right below have no further dot. */
static const char *below(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	if (n > 0 && (strncmp(path, prefix, n) != 0 || path[n] != '.'))
		return NULL;
	path += n > 0 ? n + 1 : 0;
	return strchr(path, '.') == NULL ? path : NULL;
}

/* The tables have some hundred rows: a walk is fast enough for a config file, and keeps their
 * order, which dump and manual promise. */
const struct config_key *key_next(const char *prefix, const struct config_key *k)
{
	size_t i = k == NULL ? 0 : (size_t)(k - key_rows) + 1;

	for (; i < key_count; i++)
		if (below(prefix, key_rows[i].path) != NULL)
			return &key_rows[i];
	return NULL;
}

const struct config_key *key_child(const char *prefix, const char *name)
{
	const struct config_key *k = NULL;

	while ((k = key_next(prefix, k)) != NULL)
		if (strcmp(key_name(k), name) == 0)
			return k;
	return NULL;
}

bool key_takes_bytes(const char *name)
{
	for (size_t i = 0; i < key_count; i++)
		if (key_rows[i].kind == KEY_BYTES && strcmp(key_name(&key_rows[i]), name) == 0)
			return true;
	return false;
}

const struct config_key *key_find(const char *path)
{
	for (size_t i = 0; i < key_count; i++)
		if (strcmp(key_rows[i].path, path) == 0)
			return &key_rows[i];
	return NULL;
}

const char *key_name(const struct config_key *k)
{
	const char *dot = strrchr(k->path, '.');

	return dot == NULL ? k->path : dot + 1;
}

/* A section without a scope would be a slip in the tables, and each load would meet it. */
const struct key_scope *key_elements(const struct config_key *k)
{
	const char *end = k->kind == KEY_LIST ? "[]" : "";
	size_t n = strlen(k->path);

	for (size_t i = 0; i < KEY_SCOPES; i++)
		if (strncmp(key_scopes[i].prefix, k->path, n) == 0 && strcmp(key_scopes[i].prefix + n, end) == 0)
			return &key_scopes[i];
	CHECK(false, "a LIST or BLOCK row has no scope");
	return NULL;
}

const char *key_inside(const struct config_key *k)
{
	return k->kind == KEY_LIST ? key_elements(k)->prefix : k->path;
}

void *key_field(const struct config_key *k, void *obj)
{
	return (char *)obj + k->offset;
}

const void *key_field_const(const struct config_key *k, const void *obj)
{
	return (const char *)obj + k->offset;
}

/* Origins are kept by row: the row's number within its scope is the index. */
struct config_pos *key_origin(const struct config_key *k, void *obj)
{
	const struct key_scope *s = &key_scopes[k->scope];
	struct config_pos *origin = (void *)((char *)obj + s->origin);

	return &origin[(size_t)(k - key_rows) - s->first];
}

/* Each list of the model is read through struct key_list: a pointer, and its count right behind
 * it. */
#define LIST_MEMBER(type, list, count) \
	_Static_assert(offsetof(type, count) - offsetof(type, list) == offsetof(struct key_list, n), \
	               "a LIST member is laid out as a struct key_list")

LIST_MEMBER(struct config, include, ninclude);
LIST_MEMBER(struct config, dns.servers, dns.nservers);
LIST_MEMBER(struct config, listeners, nlisteners);
LIST_MEMBER(struct config, upstreams, nupstreams);
LIST_MEMBER(struct config_listener, bind, nbind);
LIST_MEMBER(struct config_bind_proxy, in.trusted, in.ntrusted);
LIST_MEMBER(struct config_listener, proxy_protocol.trusted, proxy_protocol.ntrusted);
LIST_MEMBER(struct config_listener, routes, nroutes);
LIST_MEMBER(struct config_tls_in, certificates, ncertificates);
LIST_MEMBER(struct config_tls_in, alpn, nalpn);
LIST_MEMBER(struct config_tls_in, refuse_sni, nrefuse_sni);
LIST_MEMBER(struct config_cert, names, nnames);
LIST_MEMBER(struct config_cert, alpn, nalpn);
LIST_MEMBER(struct config_client_allow, cn, ncn);
LIST_MEMBER(struct config_client_allow, ou, nou);
LIST_MEMBER(struct config_client_allow, dns, ndns);
LIST_MEMBER(struct config_client_allow, uri, nuri);
LIST_MEMBER(struct config_client_allow, ip, nip);
LIST_MEMBER(struct config_client_allow, spki, nspki);
LIST_MEMBER(struct config_route, sni, nsni);
LIST_MEMBER(struct config_route, alpn, nalpn);
LIST_MEMBER(struct config_route, source, nsource);
LIST_MEMBER(struct config_route, tls, ntls);
LIST_MEMBER(struct config_upstream, servers, nservers);
LIST_MEMBER(struct config_upstream, tlvs, ntlvs);
LIST_MEMBER(struct config_upstream, custom_tlvs, ncustom_tlvs);
LIST_MEMBER(struct config_check_tls, alpn, nalpn);
LIST_MEMBER(struct config_tls_out, pins, npins);
LIST_MEMBER(struct config_tls_out, alpn, nalpn);

/* Copied, because the member's pointer has another type than void *. */
struct key_list key_get_list(const struct config_key *k, const void *obj)
{
	struct key_list list;

	memcpy(&list, key_field_const(k, obj), sizeof(list));
	return list;
}

void key_set_list(const struct config_key *k, void *obj, struct key_list list)
{
	memcpy(key_field(k, obj), &list, sizeof(list));
}

void *key_get_block(const struct config_key *k, const void *obj)
{
	void *block;

	memcpy(&block, key_field_const(k, obj), sizeof(block));
	return block;
}

void key_set_block(const struct config_key *k, void *obj, void *block)
{
	memcpy(key_field(k, obj), &block, sizeof(block));
}

/* A text's member is a pointer as a BLOCK's is. */
bool key_is_absent(const struct config_key *k, const void *obj)
{
	if (k->kind == KEY_LIST || key_is_several(k))
		return key_get_list(k, obj).n == 0;
	if (k->kind == KEY_BLOCK || (k->kind >= KEY_NAME && k->kind <= KEY_PATH))
		return key_get_block(k, obj) == NULL;
	return false;
}
