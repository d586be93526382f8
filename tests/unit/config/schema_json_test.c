/* schema_json: the schema accepts what the reader accepts and refuses what it refuses, as far as
 * a schema can. */
#include "config/schema.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/config/load.h"

/* What both must agree on: the reader and the schema, the first directly and the second through
 * an independent validator (schema_json_test.py). */
#define L "listeners: [{name: web, bind: \":80\", upstream: app}]\n"
#define U "upstreams: [{name: app, servers: [\"10.0.0.1:80\"]}]\n"

#define TLS(keys) \
	"listeners: [{name: web, bind: \":80\", upstream: app, tls: {certificates: [{cert: /c, key: /k}], " \
	keys "}}]\n" U
#define ROUTE(keys) "listeners: [{name: web, bind: \":80\", routes: [{upstream: app, " keys "}]}]\n" U
#define HEADER(keys) \
	"listeners: [{name: web, bind: \":80\", upstream: app, proxy_protocol: {trusted: unix, " keys "}}]\n" U
#define OUT(keys) L "upstreams: [{name: app, servers: [\"10.0.0.1:80\"], " keys "}]\n"

#define NAMES(keys) \
	"listeners: [{name: web, bind: \":80\", upstream: app, tls: {certificates: [{cert: /c, key: /k, " \
	keys "}]}}]\n" U

static const char *const good[] = {
	NAMES("names: [a.b, \"*.c\"], min_version: auto, max_version: \"1.2\", alpn: h2"),
	NAMES("names: a.b, client_auth: {mode: \"off\"}"),
	TLS("refuse_sni: [a.b, \"*.c.d\", \"e.*\"]"),
	TLS("min_version: \"1.3\", alpn: h2, max_handshakes: 5, groups: \"X25519:P-256\""),
	TLS("client_auth: {mode: required, ca: a, allow: {cn: \"A B\", uri: [\"x:y\"], dns: \"*.a.b\"}}"),
	TLS("alpn: [h2, http/1.1], client_auth: {mode: required, ca: a, names: n}, "
	    "session_tickets: {keys: t, rotate: 12h}"),
	ROUTE("sni: [\"*.a.b\", \"a.*\", A-b_c], alpn: [h2], source: [10.0.0.0/8, \"::1\", unix], tls: only"),
	ROUTE("sni: \"*\", tls: [none, \"1.2\", \"1.3\"]"),
	HEADER("accept: required, max_bytes: 1KiB"),
	OUT("proxy_protocol: v2, tlvs: [ssl, alpn], custom_tlvs: [{type: 0xE0, value: x}, {type: 239}]"),
	OUT("tls: {name: \"::1\", sni: a.b, verify: true, pins: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=}"),
	L U,
	L U "workers: 4\n",
	L U "workers: auto\n",
	L U "log: {level: error, access: /x/y, format: text}\nshutdown: {delay: 1m30s, timeout: off}\n",
	"listeners: [{name: 0-a, bind: [\"[::1]:80\", \"[fe80::1%1]:80\", \"unix:@x\"], upstream: app, "
	"max_connections: off}]\n" U,
	L "upstreams: [{name: app, servers: [{address: \"unix:/x\", weight: 0, max_connections: 1, "
	"backup: true}]}]\n",
};

static const char *const bad[] = {
	NAMES("names: []"),
	NAMES("names: a.b, min_version: \"1.1\""),
	NAMES("names: a.b, client_auth: {ca: x}"),
	TLS("refuse_sni: \"*\""),
	TLS("min_version: \"1.1\""),
	TLS("alpn: []"),
	TLS("alpn: [\"a b\"]"),
	TLS("alpn: [h2, h2]"),
	TLS("session_tickets: {enabled: yes}"),
	TLS("max_handshakes: off"),
	TLS("certs: x"),
	"listeners: [{name: web, bind: \":80\", upstream: app, tls: {}}]\n" U,
	"listeners: [{name: web, bind: \":80\", upstream: app, tls: {certificates: [{cert: /c}]}}]\n" U,
	"listeners: [{name: web, bind: \":80\"}]\n" U,
	ROUTE("sni: \"**\""),
	ROUTE("tls: [\"1.4\"]"),
	TLS("client_auth: {mode: required, ca: a, allow: {dns: \"*\"}}"),
	ROUTE("sni: \"a.*.b\""),
	ROUTE("sni: \"a..b\""),
	ROUTE("source: 10.0.0.0/x"),
	ROUTE("tls: true"),
	"listeners: [{name: web, bind: \":80\", routes: [{sni: a.b}]}]\n" U,
	HEADER("accept: yes"),
	HEADER("max_bytes: 4096"),
	OUT("proxy_protocol: v3"),
	OUT("proxy_protocol: v2, tlvs: [name]"),
	OUT("proxy_protocol: v2, custom_tlvs: [{type: 0xF0}]"),
	OUT("tls: {pins: [x]}"),
	OUT("tls: {sni: \"a b\"}"),
	OUT("tls: true"),
	L,
	U,
	"[]\n",
	L U "workres: 4\n",
	L U "workers: 0\n",
	L U "workers: 513\n",
	L U "workers: \"4\"\n",
	L U "workers: off\n",
	L U "log: {level: inof}\n",
	L U "log: {access: stdot}\n",
	L U "log:\n",
	L U "shutdown: {delay: 5}\n",
	L U "shutdown: {delay: off}\n",
	L U "shutdown: {delay: 1.5s}\n",
	"listeners: []\n" U,
	"listeners: [{name: Web, bind: \":80\", upstream: app}]\n" U,
	"listeners: [{name: web, bind: \"80\", upstream: app}]\n" U,
	"listeners: [{name: web, bind: \"localhost:80\", upstream: app}]\n" U,
	"listeners: [{name: web, bind: \":8000-8100\", upstream: app}]\n" U,
	"listeners: [{name: web, bind: [], upstream: app}]\n" U,
	"listeners: [{name: web, upstream: app}]\n" U,
	"listeners: [{name: web, bind: \":80\", upstream: app, timeouts: {idle: 0}}]\n" U,
	L "upstreams: [{name: app, servers: [\":80\"]}]\n",
	L "upstreams: [{name: app, servers: [\"db.example\"]}]\n",
	L "upstreams: [{name: app, servers: [\"srv:\"]}]\n",
	L U "dns: {servers: []}\n",
	L U "dns: {family: v5}\n",
	L "upstreams: [{name: app, servers: [{address: \"10.0.0.1:80\", backup: yes}]}]\n",
	L "upstreams: [{name: app, servers: [{address: \"10.0.0.1:80\", weight: 257}]}]\n",
	L "upstreams: [{name: app, servers: [{weight: 1}]}]\n",
};

static void the_reader_agrees(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(good) + array_len(bad); i++) {
		const char *text = i < array_len(good) ? good[i] : bad[i - array_len(good)];
		struct load l = load_text(text);

		if ((l.err == 0) != (i < array_len(good)))
			fail_msg("%s\nsays %s", text, l.report->text);
		load_free(&l);
	}
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	if (text == NULL)
		schema_json(f);
	else
		fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* The files named PREFIX0, PREFIX1, ... for the command line. */
static void write_files(const char *dir, const char *prefix, const char *const *texts, size_t n)
{
	char name[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%02zu", prefix, i);
		write_file(dir, name, texts[i]);
	}
}

static void a_validator_agrees(void **state)
{
	char dir[] = "/tmp/schema_json_test.XXXXXX", command[600];
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "schema", NULL);
	write_files(dir, "good", good, array_len(good));
	write_files(dir, "bad", bad, array_len(bad));
	snprintf(command, sizeof(command),
	         "command -v python3 >/dev/null || exit 77; "
	         "python3 tests/unit/config/schema_json_test.py %s/schema %s/good* config/examples/*.yaml -- %s/bad*",
	         dir, dir, dir);
	status = system(command);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* no python3 with jsonschema and yaml here */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reader_agrees),
		cmocka_unit_test(a_validator_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
