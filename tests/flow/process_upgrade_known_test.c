/* Another program takes over and knows what the one before knew: P34, P6, O10, E24, E34. */
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/upgrade.h"
#include "tests/kit/cert.h"

/* No state file; health: what stands in the block of the upstream. The second server is dead. */
static void start_without_file(struct world *w, int dead, const char *health)
{
	*w = world_of();
	kit_file_write("upgrade.yaml",
		       textf("workers: 2\ncontrol: {socket: \"%s\", state: off}\nlisteners:\n"
			     "  - {name: web, bind: \"%s:%d\", upstream: app}\nupstreams:\n"
			     "  - {name: app, retries: 3, servers: [\"%s:%d\", \"%s:%d\"], health: {%s}}\n",
			     control_socket(), kit_ip(0), w->port, kit_ip(0), kit_peer_port(w->echo), kit_ip(0), dead,
			     health),
		       w->config);
	start_with(w, KIT_ARGV(kit_binary(), "run", "-c", w->config));
}

static const char *servers(void)
{
	return control_expect(200, "GET /v1/servers", "");
}

static bool says(void *part)
{
	return strstr(servers(), part) != NULL;
}

static void wait_for(const char *part)
{
	if (!kit_wait(says, (void *)(uintptr_t)part, KIT_MS))
		kit_fail("no %s in %s", part, servers());
}

/* What an operator said holds without a file, and what he takes back stays taken back. */
static void p34_o10_an_override_without_a_file(void **state)
{
	struct world w;
	const char *name;

	(void)state;
	start_without_file(&w, kit_refuser(kit_ip(0)), "passive: off");
	name = textf("app/%s:%d", kit_ip(0), kit_peer_port(w.echo));
	(void)control_verb(0, textf("server drain %s --socket $S", name));
	for (int i = 0; i < 2; i++) {
		upgrade(&w);
		expect_part(servers(), "\"why\":\"drain\"");
	}
	(void)control_verb(0, textf("server ready %s --socket $S", name));
	upgrade(&w);
	assert_null(strstr(servers(), "\"why\":\"drain\""));
	stop(&w);
}

/* One that is out stays out, without a further connection to it. */
static void p34_e34_an_ejection_goes_on(void **state)
{
	struct world w;

	(void)state;
	start_without_file(&w, kit_refuser(kit_ip(0)), "passive: {out: 60s, probe: false}");
	for (int i = 0; i < 40 && strstr(servers(), "passive_out") == NULL; i++)
		end_orderly(served(kit_ip(0), w.port));
	expect_part(servers(), "\"why\":\"passive_out\"");
	for (int i = 0; i < 2; i++) {
		upgrade(&w);
		expect_part(servers(), "\"why\":\"passive_out\"");
	}
	stop(&w);
}

/* Its check begins anew, and its verdict does not: the first check of the new process would be late. */
static void p34_e24_a_verdict_goes_on(void **state)
{
	struct world w;

	(void)state;
	start_without_file(&w, kit_refuser(kit_ip(0)), "passive: off, tcp: {interval: 200ms, timeout: 1s, fall: 3}");
	wait_for("\"why\":\"check_down\"");
	for (int i = 0; i < 2; i++) {
		upgrade(&w);
		expect_part(servers(), "\"why\":\"check_down\"");
	}
	stop(&w);
}

#define S_CLIENT "openssl s_client -connect %s:%d -servername a.test -quiet -no_ign_eof -tls1_3"

static void expect_resumed(const struct world *w, int n)
{
	control_shell_ok(textf("echo x | " S_CLIENT " -sess_in %s/session 2>&1", kit_ip(0), w->port, kit_dir()));
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_tls_handshakes_total{listener=\"web\",result=\"ok\",version=\"1.3\","
			  "resumed=\"true\"} %d\n", n));
}

/* A session goes on in the process that takes over: the keys of its ticket are in memory alone. */
static void p34_p6_a_session_is_resumed(void **state)
{
	struct kit_cert *cert = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test"});
	char pem[KIT_PATH], key[KIT_PATH];
	struct world w = world_of();

	(void)state;
	if (!kit_have("openssl"))
		skip();
	kit_cert_write(cert, "a.pem", pem);
	kit_cert_write_key(cert, "a.key", NULL, key);
	kit_file_write("upgrade.yaml",
		       textf("control: {socket: \"%s\", state: off}\nlisteners:\n  - name: web\n"
			     "    bind: \"%s:%d\"\n    upstream: app\n    tls: {certificates: [{cert: %s, key: %s}]}\n"
			     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
			     control_socket(), kit_ip(0), w.port, pem, key, kit_ip(0), kit_peer_port(w.echo)),
		       w.config);
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	/* the ticket has come when the file is there */
	control_shell_ok(textf("(echo x; until [ -s %s/session ]; do sleep 0.1; done) | " S_CLIENT
			       " -sess_out %s/session 2>&1", kit_dir(), kit_ip(0), w.port, kit_dir()));
	upgrade(&w);
	expect_resumed(&w, 1);
	upgrade(&w);
	expect_resumed(&w, 2);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p34_o10_an_override_without_a_file, kit_end),
		cmocka_unit_test_teardown(p34_e34_an_ejection_goes_on, kit_end),
		cmocka_unit_test_teardown(p34_e24_a_verdict_goes_on, kit_end),
		cmocka_unit_test_teardown(p34_p6_a_session_is_resumed, kit_end),
	};

	return cmocka_run_group_tests_name("process_upgrade_known", tests, NULL, NULL);
}
