/* snapshot_upstream: what the health thread speaks TLS by, before DNS has told an address. */
#include "proxy/policy/snapshot_upstream.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/snapshot.h"
#include "proxy/tls/tls_ctx.h"
#include "tests/kit/cert.h"
#include "tests/kit/kit.h"

static struct registry registry;
static char ca[KIT_PATH];

static int setup(void **state)
{
	(void)state;
	kit_cert_write(kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true}), "ca.pem", ca);
	return registry_init(&registry, 1);
}

static int teardown(void **state)
{
	registry_fini(&registry);
	return kit_end(state);
}

static struct snapshot *make(const char *upstream)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct snapshot *s = NULL;
	char text[5 * KIT_PATH], room[256];
	struct text why;

	snprintf(text, sizeof(text), "listeners: [{name: web, bind: \":80\", upstream: app}]\n"
		 "upstreams: [{name: app, %s}]\n", upstream);
	assert_non_null(d);
	text_init(&why, room, sizeof(room));
	if (config_parse("test", text, strlen(text), &c, d) != 0)
		fail_msg("%s is refused", text);
	diag_free(d);
	assert_int_equal(snapshot_new(&registry, c, NULL, &s, &why), 0);
	return s;
}

/* ---- names of checks ---- */

#define ADDRESS "192.0.2.1:443"
#define HOST    "a.test:443"

/* What a check asks for and what its certificate must have, "asked/verified": "-" is no name, and the server's address.
 * Columns: the check has a sni of its own, or none and perhaps a host of http; its server is an address, or a name. */
static const struct names_row {
	const char *tls; /* of the upstream; NULL: it has no such block */
	const char *own;
	const char *address, *address_host, *name, *name_host;
	bool verify; /* written in the check */
} names[] = {
	{NULL, "o.test/o.test", "-/-", "h.test/h.test", "a.test/a.test", "h.test/h.test", false},
	{"", "o.test/o.test", "-/-", "-/-", "a.test/a.test", "a.test/a.test", false},
	{"name: n.test", "o.test/n.test", "n.test/n.test", "n.test/n.test", "n.test/n.test", "n.test/n.test", false},
	{"name: \"::1\"", "o.test/::1", "-/::1", "-/::1", "-/::1", "-/::1", false},
	{"sni: s.test", "o.test/o.test", "s.test/s.test", "s.test/s.test", "s.test/s.test", "s.test/s.test", false},
	{"sni: s.test, name: n.test", "o.test/n.test", "s.test/n.test", "s.test/n.test", "s.test/n.test",
	 "s.test/n.test", false},
	{"sni: client", "o.test/o.test", "-/-", "h.test/h.test", "a.test/a.test", "h.test/h.test", false},
	{"sni: client, name: n.test", "o.test/n.test", "n.test/n.test", "n.test/n.test", "n.test/n.test",
	 "n.test/n.test", false},
	{"verify: false", "o.test/o.test", "-/-", "-/-", "a.test/a.test", "a.test/a.test", true},
};

static void expect_names(const struct names_row *row, const char *server, const char *keys, const char *want)
{
	char upstream[4 * KIT_PATH], tls[2 * KIT_PATH] = "", got[128];
	struct snapshot *s;
	const struct tls_ctx *x;

	if (row->tls != NULL)
		snprintf(tls, sizeof(tls), ", tls: {ca: \"%s\"%s%s}", ca, row->tls[0] != '\0' ? ", " : "", row->tls);
	snprintf(upstream, sizeof(upstream), "servers: [\"%s\"], health: {http: {tls: on, ca: \"%s\"%s%s}}%s", server,
		 ca, row->verify ? ", verify: true" : "", keys, tls);
	s = make(upstream);
	assert_non_null(s->targets[0].check_tls);
	x = s->targets[0].check_tls[0];
	assert_true(x->verify);
	snprintf(got, sizeof(got), "%s/%s", x->sni != NULL ? x->sni : "-", x->name != NULL ? x->name : "-");
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s and not %s", upstream, got, want);
	snapshot_free(s);
}

static void e17_a_check_verifies_what_it_asks_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(names); i++) {
		const struct names_row *row = &names[i];

		expect_names(row, ADDRESS, ", sni: o.test", row->own);
		expect_names(row, ADDRESS, ", sni: o.test, host: h.test", row->own);
		expect_names(row, HOST, ", sni: o.test", row->own);
		expect_names(row, HOST, ", sni: o.test, host: h.test", row->own);
		expect_names(row, ADDRESS, "", row->address);
		expect_names(row, ADDRESS, ", host: h.test", row->address_host);
		expect_names(row, HOST, "", row->name);
		expect_names(row, HOST, ", host: h.test", row->name_host);
	}
}

/* ---- probes ---- */

/* A name may have many addresses, and at a start it has none yet. */
static void probes_of_a_name_speak_tls_from_the_start(void **state)
{
	static const struct {
		const char *servers, *more;
		bool speaks;
	} rows[] = {
		{"\"a.test:443\"", "", true},
		{"\"srv:_x._tcp.a.test\"", ", name: a.test", true},
		{"\"192.0.2.1:443\", \"192.0.2.2:443\"", "", true},
		{"\"192.0.2.1:443\"", "", false},
		{"\"a.test:443\"", ", sni: client", false},
	};
	char upstream[2 * KIT_PATH];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct snapshot *s;

		snprintf(upstream, sizeof(upstream), "servers: [%s], tls: {ca: \"%s\"%s}", rows[i].servers, ca,
			 rows[i].more);
		s = make(upstream);
		if ((s->targets[0].probe_tls != NULL) != rows[i].speaks)
			fail_msg("%s: probes speak TLS or not", upstream);
		snapshot_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(e17_a_check_verifies_what_it_asks_for, setup, teardown),
		cmocka_unit_test_setup_teardown(probes_of_a_name_speak_tls_from_the_start, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
