/* check_tls: the TLS of a check, from the upstream's block and its own: E17. */
#include "config/check_tls.h"

#include "tests/unit/config/load.h"

#define LISTENER "listeners: [{name: l, bind: \":80\", upstream: u}]\n"

static struct load load_upstream(const char *keys)
{
	char text[1024];

	snprintf(text, sizeof(text), LISTENER "upstreams: [{name: u, %s}]\n", keys);
	return load_text(text);
}

#define AT   "servers: [\"192.0.2.1:443\"], "
#define HOST "servers: [\"a.example:443\"], "

static void check_text(const char *got, const char *want, const char *row)
{
	if ((got == NULL) != (want == NULL) || (want != NULL && strcmp(got, want) != 0))
		fail_msg("%s: \"%s\" and not \"%s\"", row, got != NULL ? got : "", want != NULL ? want : "");
}

struct row {
	const char *keys;
	bool speaks, unverified;
	const char *sni, *name, *ca;
};

static void check_row(const struct row *r)
{
	struct load l = load_upstream(r->keys);
	const struct config_upstream *u;
	const struct config_tls_out *t;

	if (l.c == NULL)
		fail_msg("%s: %s", r->keys, l.report->text);
	u = &l.c->upstreams[0];
	t = u->health.speaks;
	if ((t != NULL) != r->speaks)
		fail_msg("%s: speaks TLS or not", r->keys);
	if (t != NULL) {
		check_text(t->sni, r->sni, r->keys);
		check_text(t->name, r->name, r->keys);
		check_text(t->ca, r->ca, r->keys);
		if (t->verify == r->unverified)
			fail_msg("%s: verified or not", r->keys);
		assert_string_equal(t->ciphers, u->tls != NULL ? u->tls->ciphers : t->ciphers);
		assert_true(t->handshake_timeout > 0);
	}
	load_free(&l);
}

/* What is not said of a check is as the upstream's tls says, and else as that block is by default. */
static void e17_two_blocks_are_one(void **state)
{
	static const struct row rows[] = {
		{AT "health: {http: {}}", .speaks = false},
		{AT "health: {send: {send: a, tls: off}}, tls: {}", .speaks = false},
		{AT "health: {tcp: {}}, tls: {}", .speaks = false},
		{AT "health: {http: {}}, tls: {sni: a.test}", .speaks = true, .sni = "a.test"},
		{AT "health: {http: {}}, tls: {sni: client, name: b.test}", .speaks = true, .name = "b.test"},
		{AT "health: {http: {host: c.test}}, tls: {name: b.test}", .speaks = true, .name = "b.test"},
		{AT "health: {tls: {sni: c.test}}, tls: {sni: client}", .speaks = true, .sni = "c.test"},
		{AT "health: {tls: {}}, tls: {verify: false, ca: /a}", .speaks = true, .unverified = true, .ca = "/a"},
		{AT "health: {tls: {verify: true, ca: /b}}, tls: {verify: false, ca: /a}", .speaks = true, .ca = "/b"},
		{AT "health: {tls: {}}", .speaks = true},
		{AT "health: {tls: {verify: false}}", .speaks = true, .unverified = true},
		{AT "health: {tls: {sni: a.test, ca: /a}}", .speaks = true, .sni = "a.test", .ca = "/a"},
		{AT "health: {http: {tls: on, host: c.test}}", .speaks = true, .sni = "c.test"},
		{AT "health: {http: {tls: on, host: \"c.test:8443\"}}", .speaks = true},
		{AT "health: {http: {tls: on, host: \"192.0.2.1\"}}", .speaks = true},
		{AT "health: {http: {tls: on, host: c.test, sni: d.test}}", .speaks = true, .sni = "d.test"},
		{AT "health: {send: {send: a, tls: on}}", .speaks = true},
		{HOST "health: {tls: {}}", .speaks = true, .name = "a.example"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		check_row(&rows[i]);
}

/* A check's own protocols; none where they are a client's. */
static void protocols(void **state)
{
	static const struct {
		const char *keys, *alpn;
	} rows[] = {
		{AT "health: {tls: {}}, tls: {alpn: client}", NULL},
		{AT "health: {tls: {alpn: [x, y]}}, tls: {alpn: client}", "x"},
		{AT "health: {tls: {}}, tls: {alpn: [z]}", "z"},
		{AT "health: {tls: {alpn: [x]}}", "x"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct load l = load_upstream(rows[i].keys);
		const struct config_tls_out *t = l.c->upstreams[0].health.speaks;

		check_text(t->nalpn > 0 ? t->alpn[0].text : NULL, rows[i].alpn, rows[i].keys);
		load_free(&l);
	}
}

/* Problems of its files are told at its own keys. */
static void places(void **state)
{
	struct load l = load_text(LISTENER "upstreams:\n  - name: u\n    servers: [\"192.0.2.1:443\"]\n"
				  "    health:\n      tls:\n        ca: /none\n");
	const struct config_tls_out *t = l.c->upstreams[0].health.speaks;

	(void)state;
	assert_int_equal(config_place_tls_out(t, "/none: no such file").line, 7);
	assert_int_equal(config_place_tls_out(t, "something else").line, 7); /* where the block begins */
	load_free(&l);
}

static void without_a_name(void **state)
{
	static const char *const rows[] = {
		"servers: [\"unix:/a\"], health: {tls: {}}",
		"servers: [\"a.example:1\", \"b.example:1\"], health: {tls: {}}",
		"servers: [\"unix:/a\"], health: {http: {tls: on}}",
		"servers: [\"unix:/a\"], health: {http: {}}, tls: {sni: client}",
		"servers: [\"a.example:1\", \"b.example:1\"], health: {tls: {}}, tls: {sni: client}",
		"servers: [\"unix:/a\"], health: {send: {verify: true}}, tls: {verify: false}",
	};
	static const char *const good[] = {
		"servers: [\"unix:/a\"], health: {tls: {sni: a.test}}",
		"servers: [\"unix:/a\"], health: {tls: {verify: false}}",
		"servers: [\"unix:/a\"], health: {http: {tls: on, host: a.test}}",
		"servers: [\"unix:/a\"], health: {http: {host: a.test}}, tls: {sni: client}",
		"servers: [\"a.example:1\", \"b.example:1\"], health: {tls: {}}, tls: {sni: client, name: a.test}",
		"servers: [\"unix:/a\"], health: {send: {verify: true, sni: a.test}}, tls: {verify: false}",
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct load bad = load_upstream(rows[i]), fine = load_upstream(good[i]);

		assert_null(bad.c);
		assert_non_null(strstr(bad.report->text, "the key \"sni\" is missing in \""));
		assert_non_null(fine.c);
		load_free(&bad);
		load_free(&fine);
	}
}

/* What is said of TLS that is not spoken is told. */
static void without_effect(void **state)
{
	static const struct {
		const char *keys, *said;
	} rows[] = {
		{AT "health: {http: {ca: /a}}", "\"ca\" has no effect: this check speaks no TLS"},
		{AT "health: {http: {tls: off, sni: a.test}}, tls: {}", "\"sni\" has no effect: this check"},
		{AT "health: {http: {tls: on, verify: false, ca: /a}}", "\"ca\" has no effect: verify is off"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct load l = load_upstream(rows[i].keys);

		assert_non_null(l.c);
		if (strstr(l.report->text, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].keys, l.report->text);
		load_free(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e17_two_blocks_are_one),
		cmocka_unit_test(protocols),
		cmocka_unit_test(places),
		cmocka_unit_test(without_a_name),
		cmocka_unit_test(without_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
