/* value: each kind of key, text to member and back. */
#include "config/value.h"
#include "config/value_put.h"

#include "config/units.h"
#include "netpoll/err.h"
#include "tests/unit/config/load.h"

/* Refused, with its code, a part of the sentence and what is suggested; or accepted and printed
 * as `out`. */
struct row {
	const char    *path, *text, *out;
	enum diag_code code;
	const char    *why, *suggestion;
	bool           quoted;
};

#define LONG16   "0123456789abcdef"
#define LONG64   LONG16 LONG16 LONG16 LONG16
#define LONG256  LONG64 LONG64 LONG64 LONG64
#define LONG1024 LONG256 LONG256 LONG256 LONG256
#define LONG4096 LONG1024 LONG1024 LONG1024 LONG1024

static const struct row rows[] = {
	{"listeners[].timeouts.idle", "0", NULL, DIAG_RANGE, "write off", "off", false},
	{"listeners[].timeouts.idle", "0s", NULL, DIAG_RANGE, "write off", "off", false},
	{"listeners[].timeouts.idle", "10", NULL, DIAG_DURATION, "a unit is required", "10s", false},
	{"listeners[].timeouts.idle", "auto", NULL, DIAG_DURATION, "starts with a number", "", false},
	{"upstreams[].timeouts.connect", "off", NULL, DIAG_DURATION, "starts with a number", "", false},
	{"listeners[].timeouts.idle", "off", "off", 0, NULL, NULL, false},
	{"listeners[].timeouts.idle", "90m", "1h30m", 0, NULL, NULL, false},
	{"listeners[].timeouts.idle", "90m", "1h30m", 0, NULL, NULL, true},
	{"shutdown.delay", "0s", "0s", 0, NULL, NULL, false},
	{"shutdown.timeout", "0s", "0s", 0, NULL, NULL, false},
	{"workers", "0", NULL, DIAG_RANGE, "write auto", "auto", false},
	{"workers", "off", NULL, DIAG_NUMBER, "starts with a number", "", false},
	{"workers", "4", NULL, DIAG_NUMBER, "without quotes", "", true},
	{"workers", "4.0", NULL, DIAG_NUMBER, "digits alone", "", false},
	{"workers", "4", "4", 0, NULL, NULL, false},
	{"workers", "auto", "auto", 0, NULL, NULL, false},
	{"listeners[].max_connections", "0", NULL, DIAG_RANGE, "write off", "off", false},
	{"upstreams[].retries", "0", "0", 0, NULL, NULL, false},
	{"upstreams[].servers[].weight", "0", "0", 0, NULL, NULL, false},
	{"upstreams[].failover_below", "50", NULL, DIAG_NUMBER, "whole percent with the sign", "50%", false},
	{"upstreams[].failover_below", "0", NULL, DIAG_NUMBER, "whole percent with the sign", "0%", false},
	{"upstreams[].failover_below", "off", NULL, DIAG_NUMBER, "starts with a number", "", false},
	{"upstreams[].failover_below", "0%", "0%", 0, NULL, NULL, false},
	{"upstreams[].failover_below", "50%", "50%", 0, NULL, NULL, true},
	{"log.level", "warn", NULL, DIAG_WORD, "write debug, info, notice, warning or error", "", false},
	{"log.level", "waring", NULL, DIAG_WORD, "write debug", "warning", false},
	{"log.level", "Info", NULL, DIAG_WORD, "write debug", "info", false},
	{"log.level", "error", "error", 0, NULL, NULL, false},
	{"upstreams[].servers[].backup", "yes", NULL, DIAG_WORD, "write true or false", "true", false},
	{"upstreams[].servers[].backup", "off", NULL, DIAG_WORD, "write true or false", "false", false},
	{"upstreams[].servers[].backup", "true", NULL, DIAG_WORD, "without quotes", "", true},
	{"upstreams[].servers[].backup", "true", "true", 0, NULL, NULL, false},
	{"listeners[].name", "", NULL, DIAG_TEXT, "it is empty", "", true},
	{"listeners[].name", LONG4096, NULL, DIAG_TEXT, "longer than any value", "", false},
	{"listeners[].name", "web", "web", 0, NULL, NULL, false},
	{"listeners[].name", "off", "\"off\"", 0, NULL, NULL, false},
	{"listeners[].name", "1e3", "\"1e3\"", 0, NULL, NULL, false},
	{"log.access", "stdot", NULL, DIAG_TEXT, "a path that starts with /", "stdout", false},
	{"log.access", "logs/x", NULL, DIAG_TEXT, "a path that starts with /", "", false},
	{"log.access", "/" LONG4096, NULL, DIAG_TEXT, "longer than any value", "", false},
	{"log.access", "off", "off", 0, NULL, NULL, false},
	{"log.access", "stderr", "stderr", 0, NULL, NULL, false},
	{"log.access", "/a \"b\\c", "\"/a \\\"b\\\\c\"", 0, NULL, NULL, false},
	{"listeners[].preread.max_bytes", "16384", NULL, DIAG_SIZE, "a unit is required", "16384B", false},
	{"listeners[].preread.max_bytes", "16K", NULL, DIAG_SIZE, "write KiB", "", false},
	{"listeners[].preread.max_bytes", "off", NULL, DIAG_SIZE, "starts with a number", "", false},
	{"listeners[].preread.max_bytes", "16384B", "16KiB", 0, NULL, NULL, false},
	{"listeners[].preread.max_bytes", "1025B", "1025B", 0, NULL, NULL, false},
	{"upstreams[].custom_tlvs[].type", "0xG0", NULL, DIAG_NUMBER, "0x is followed by", "", false},
	{"upstreams[].custom_tlvs[].type", "0xe0", "0xE0", 0, NULL, NULL, false},
	{"upstreams[].custom_tlvs[].type", "239", "0xEF", 0, NULL, NULL, false},
	{"workers", "0x10", NULL, DIAG_NUMBER, "digits alone", "", false},
	{"listeners[].tls.min_version", "1.2", "\"1.2\"", 0, NULL, NULL, true},
	{"listeners[].proxy_protocol.accept", "off", "off", 0, NULL, NULL, false},
	{"listeners[].tls.ciphers", "", NULL, DIAG_TEXT, "it is empty", "", true},
	{"listeners[].tls.ciphers", "A:!B", "\"A:!B\"", 0, NULL, NULL, false},
	{"upstreams[].tls.sni", "a b", NULL, DIAG_NAME, "letters, digits", "", false},
	{"upstreams[].tls.sni", "::1", NULL, DIAG_NAME, "never sent as a name", "", false},
	{"upstreams[].tls.name", "::1", "\"::1\"", 0, NULL, NULL, false},
	{"upstreams[].tls.ca", "", NULL, DIAG_TEXT, "it is empty", "", true},
	{"upstreams[].tls.ca", LONG4096, NULL, DIAG_TEXT, "longer than any value", "", false},
	{"upstreams[].tls.ca", LONG1024 LONG1024 LONG1024 LONG256 LONG256 LONG256 LONG64 LONG64 LONG64 LONG16 LONG16
	 LONG16 "123", NULL, DIAG_TEXT, "longer than any value", "", false}, /* with the directory before it */
	{"upstreams[].tls.ca", "/x/ca.pem", "\"/x/ca.pem\"", 0, NULL, NULL, false},
	{"upstreams[].tls.ca", "ca.pem", "\"/etc/staunch/ca.pem\"", 0, NULL, NULL, false},
	{"upstreams[].tls.ca", "../ca.pem", "\"/etc/staunch/../ca.pem\"", 0, NULL, NULL, false},
};

static void check_row(const struct row *row, struct arena *a)
{
	const struct config_key *k = key_find(row->path);
	struct value_reader r = {.arena = a, .dir = "/etc/staunch", .quoted = row->quoted};
	unsigned char room[64] = {0}, zero[64] = {0};
	struct paper *p = paper_new();
	int err = value_read(&r, k, row->text, room);

	if (row->out != NULL) {
		if (err != 0)
			fail_msg("%s: %.100s: %s", row->path, row->text, r.why);
		assert_int_equal(value_put(p->f, k, room), strlen(row->out));
		assert_string_equal(paper_read(p), row->out);
		paper_free(p);
		return;
	}
	paper_free(p);
	if (err != -NP_EINVAL || r.code != row->code || strstr(r.why, row->why) == NULL ||
	    strcmp(r.suggestion, row->suggestion) != 0)
		fail_msg("%s: %.100s: %d, %s, \"%s\"", row->path, row->text, err, err == 0 ? "" : r.why,
			r.suggestion);
	assert_memory_equal(room, zero, sizeof(room));
}

static void plain_values(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < array_len(rows); i++)
		check_row(&rows[i], &a);
	arena_fini(&a);
}

static void server_addresses(void **state)
{
	static const struct {
		const char    *text;
		enum diag_code code;
	} bad[] = {
		{"10.0.0.1:0", DIAG_ADDRESS},
		{":80", DIAG_ADDRESS},
		{"10.0.0.1", DIAG_ADDRESS},
		{"db.example", DIAG_ADDRESS},
		{"db.example:0", DIAG_ADDRESS},
		{"db.example:http", DIAG_ADDRESS},
		{"db.example:65536", DIAG_ADDRESS},
		{"srv:", DIAG_ADDRESS},
		{"db.example:8000-8100", DIAG_ADDRESS},
	};
	const struct config_key *k = key_find("upstreams[].servers[].address");
	struct config_server s = {0};
	struct paper *p = paper_new();
	struct arena a;
	struct value_reader r = {.arena = &a};

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < array_len(bad); i++) {
		assert_int_equal(value_read(&r, k, bad[i].text, &s.addr), -NP_EINVAL);
		assert_int_equal(r.code, bad[i].code);
		assert_null(s.text);
		assert_int_equal(s.addr.len, 0);
	}
	assert_int_equal(value_read(&r, k, "[2001:DB8::1]:80", &s.addr), 0);
	assert_int_equal(np_addr_port(&s.addr.u.sa), 80);
	value_put(p->f, k, &s.addr);
	assert_string_equal(paper_read(p), "\"[2001:DB8::1]:80\""); /* as it was written */
	paper_free(p);
	arena_fini(&a);
}

static void relative_paths(void **state)
{
	static const struct {
		const char *dir, *path;
	} bases[] = {{NULL, "a.pem"}, {"/", "/a.pem"}, {"/x", "/x/a.pem"}, {"/x/", "/x/a.pem"}};
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < array_len(bases); i++) {
		struct value_reader r = {.arena = &a, .dir = bases[i].dir};
		const char *path;

		assert_int_equal(value_read(&r, key_find("upstreams[].tls.ca"), "a.pem", &path), 0);
		assert_string_equal(path, bases[i].path);
	}
	arena_fini(&a);
}

/* One element of what takes several: refused with its code, or printed as `out`, perhaps with a
 * doubt. */
static const struct item_row {
	const char    *path, *text, *out;
	enum diag_code code;
	const char    *why;
} items[] = {
	{"listeners[].routes[].sni", "", NULL, DIAG_TEXT, "it is empty"},
	{"listeners[].routes[].sni", LONG4096, NULL, DIAG_TEXT, "longer than any value"},
	{"listeners[].routes[].sni", "*", "\"*\"", 0, NULL},
	{"listeners[].routes[].sni", "**", NULL, DIAG_NAME, "one * stands for"},
	{"listeners[].tls.client_auth.allow.dns", "*", NULL, DIAG_NAME, "one * stands for"},
	{"listeners[].routes[].sni", "*.DB.Example.com", "\"*.db.example.com\"", 0, NULL},
	{"listeners[].routes[].alpn", "a b", NULL, DIAG_TEXT, "printable"},
	{"listeners[].routes[].alpn", "H2", "\"H2\"", 0, NULL},
	{"listeners[].routes[].source", "10.0.0.0/33", NULL, DIAG_NETWORK, "0 to 32 bits"},
	{"listeners[].routes[].source", "10.0.0.0/8", "\"10.0.0.0/8\"", 0, NULL},
	{"listeners[].routes[].source", "10.0.0.1/8", "\"10.0.0.1/8\"", 0, "are ignored: write the network"},
	{"upstreams[].tls.pins", "x", NULL, DIAG_TEXT, "44 letters"},
	{"upstreams[].tlvs", "alpm", NULL, DIAG_WORD, "write authority, alpn, unique_id, ssl, client_cert or crc32c"},
	{"upstreams[].tlvs", "crc32c", "crc32c", 0, NULL},
};

union item {
	struct config_text text;
	struct config_word word;
	struct config_cidr cidr;
};

static void check_item(const struct item_row *row, struct arena *a)
{
	const struct config_key *k = key_find(row->path);
	struct value_reader r = {.arena = a};
	union item item = {.text = {.text = NULL}};
	int err = value_read_item(&r, k, row->text, &item.text);
	struct paper *p;

	assert_true(value_item_size(k) <= sizeof(item));
	if (row->out == NULL) {
		if (err != -NP_EINVAL || r.code != row->code || strstr(r.why, row->why) == NULL)
			fail_msg("%s: %.100s: %d, %s", row->path, row->text, err, err == 0 ? "" : r.why);
		assert_null(item.text.text);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(r.doubt != NULL, row->why != NULL);
	assert_true(r.doubt == NULL || strstr(r.doubt, row->why) != NULL);
	p = paper_new();
	assert_int_equal(value_put_item(p->f, k, &item.text), strlen(row->out));
	assert_string_equal(paper_read(p), row->out);
	paper_free(p);
}

static void one_of_several(void **state)
{
	struct arena a;
	struct value_reader r = {.arena = &a};
	struct config_word w = {.word = 99};
	struct config_cidr c;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < array_len(items); i++)
		check_item(&items[i], &a);
	assert_int_equal(value_read_item(&r, key_find("upstreams[].tlvs"), "unique_id", &w.written), 0);
	assert_int_equal(w.word, CONFIG_TLV_UNIQUE_ID);
	assert_int_equal(value_read_item(&r, key_find("listeners[].routes[].source"), "::1", &c.written), 0);
	assert_int_equal(c.net.bits, CIDR_MAX_BITS);
	assert_int_equal(c.net.addr[15], 1);
	arena_fini(&a);
}

static void out_of_memory(void **state)
{
	struct arena none;
	struct value_reader r = {.arena = &none};
	const char *name = NULL;
	struct config_sink sink = {0};
	struct config_text item = {.text = NULL};

	(void)state;
	arena_init(&none, 0);
	assert_int_equal(value_read(&r, key_find("upstreams[].tls.ca"), "/x", &name), -NP_ENOMEM);
	assert_int_equal(value_read_item(&r, key_find("listeners[].tls.alpn"), "h2", &item), -NP_ENOMEM);
	r.dir = "/x";
	assert_int_equal(value_read(&r, key_find("upstreams[].tls.ca"), "x", &name), -NP_ENOMEM);
	assert_null(item.text);
	assert_int_equal(value_read(&r, key_find("listeners[].name"), "web", &name), -NP_ENOMEM);
	assert_int_equal(value_read(&r, key_find("log.access"), "/x", &sink), -NP_ENOMEM);
	assert_null(name);
	assert_int_equal(sink.kind, CONFIG_SINK_OFF);
}

static void bounds_as_text(void **state)
{
	char out[UNITS_TEXT];

	(void)state;
	assert_string_equal(value_number(key_find("listeners[].timeouts.idle"), UNITS_H, out), "1h");
	assert_string_equal(value_number(key_find("listeners[].timeouts.idle"), CONFIG_OFF, out), "off");
	assert_string_equal(value_number(key_find("workers"), CONFIG_AUTO, out), "auto");
	assert_string_equal(value_number(key_find("upstreams[].retries"), 0, out), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values),
		cmocka_unit_test(server_addresses),
		cmocka_unit_test(relative_paths),
		cmocka_unit_test(one_of_several),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(bounds_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
