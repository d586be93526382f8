/* The alerts for Prometheus and the dashboard for Grafana: promtool understands every expression, the alerts' own tests
 * hold, and each number that one names is on the page of a running process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/kit/control.h"
#include "tests/kit/cert.h"

#define RULES     "deploy/prometheus/staunch.rules.yml"
#define DASHBOARD "deploy/grafana/staunch.json"
/* The expressions of the dashboard, with what Grafana puts in place of its variables. */
#define EXPRESSIONS \
	"jq -r '.. | .expr? // empty' " DASHBOARD " | sed 's/\\$__rate_interval/5m/g; s/\\$[a-z]*/.*/g'"
/* The families that a text names, as the page writes them. */
#define FAMILIES "grep -oE '\\b(staunch|process)_[a-z0-9_]+' | sed -E 's/_(bucket|sum|count)$//' | sort -u"

#define NOT_ON_PAGE " | comm -23 - \"$(dirname $S)/page\""

/* A process that has every family of the page: TLS at a listener, a checked server, warm connections, a name. */
static struct kit_staunch *everything(void)
{
	struct kit_peer *server = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_cert *own = kit_cert_make(&(struct kit_cert_opts){.dns = "a.example"});
	char cert[KIT_PATH], key[KIT_PATH];
	const char *tls;

	kit_cert_write(own, "a.pem", cert);
	kit_cert_write_key(own, "a.key", NULL, key);
	tls = textf("\"%s:%d\", tls: {certificates: [{cert: %s, key: %s}]}", kit_ip(0), kit_port(kit_ip(0)), cert,
		    key);
	return kit_staunch_start(
		textf("listeners: [{name: web, bind: %s, upstream: app}]\n"
		      "upstreams: [{name: app, servers: [\"%s:%d\"], health: {tcp: {interval: 1s}}, "
		      "warm: {connections: 1}}]\n"
		      "control: {socket: \"%s\"}\n",
		      tls, kit_ip(0), kit_peer_port(server), control_socket()));
}

/* P31: what an alert or a panel asks for is told; a name that is misspelt would be an alert that never fires. */
static void p31_every_number_is_on_the_page(void **state)
{
	struct kit_staunch *s;

	(void)state;
	if (!kit_have("curl") || !kit_have("jq"))
		skip();
	s = everything();
	control_shell_ok("curl -sS --unix-socket $S http://localhost/metrics | "
			 "sed -n 's/^# TYPE \\([^ ]*\\) .*/\\1/p' | "
			 "sort -u > \"$(dirname $S)/page\"");
	assert_string_not_equal(control_shell_ok("wc -l < \"$(dirname $S)/page\""), "0\n");
	assert_string_equal(control_shell_ok("sed 's/#.*//' " RULES " | " FAMILIES NOT_ON_PAGE), "");
	assert_string_equal(control_shell_ok(EXPRESSIONS " | " FAMILIES NOT_ON_PAGE), "");
	assert_string_not_equal(control_shell_ok(EXPRESSIONS " | " FAMILIES), "");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void p31_promtool_reads_alerts_and_panels(void **state)
{
	(void)state;
	if (!kit_have("promtool") || !kit_have("jq"))
		skip();
	control_shell_ok("promtool check rules " RULES " && promtool test rules deploy/prometheus/staunch.test.yml");
	/* Grafana has no checker of its own: its expressions become rules. */
	control_shell_ok(EXPRESSIONS " | jq -R . | "
				     "jq -s '{groups: [{name: \"panels\", rules: "
				     "[to_entries[] | {record: \"panel_\\(.key)\", expr: .value}]}]}'"
				     " > \"$(dirname $S)/panels.json\" && "
				     "promtool check rules \"$(dirname $S)/panels.json\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p31_every_number_is_on_the_page, kit_end),
		cmocka_unit_test_teardown(p31_promtool_reads_alerts_and_panels, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
