/* The verb server without an order: every server once, whether it is usable, why not, since when (O10, E32). And the
 * status, which names a cause as long as it is one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { SERVERS = 4 };

static struct world {
	struct kit_staunch *s;
	struct kit_peer *bad;
	int port, at[SERVERS];
} w;

/* Two tiers of `db`, of which the second server's check fails, and a server of another upstream that refuses. A server
 * that was down is up after so many good checks. */
static void begin(unsigned rise)
{
	w.port = kit_port(kit_ip(0));
	for (int i = 0; i < 3; i++) {
		struct kit_peer *p = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

		w.at[i] = kit_peer_port(p);
		w.bad = i == 1 ? p : w.bad;
	}
	w.at[3] = kit_refuser(kit_ip(0));
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\", state: off}\n"
		"listeners:\n  - {name: web, bind: \"%s:%d\", upstream: db}\n"
		"upstreams:\n  - name: db\n    servers:\n"
		"      - {address: \"%s:%d\", max_connections: 1}\n      - {address: \"%s:%d\", weight: 3}\n"
		"      - {address: \"%s:%d\", priority: 10}\n"
		"    health: {passive: off, tcp: {interval: 200ms, timeout: 1s, rise: %u}}\n"
		"  - {name: old, servers: [\"%s:%d\"]}\n",
		control_socket(), kit_ip(0), w.port, kit_ip(0), w.at[0], kit_ip(0), w.at[1], kit_ip(0), w.at[2],
		rise, kit_ip(0), w.at[3]));
}

static const char *listed(const char *words)
{
	return control_verb(0, textf("server %s --socket $S", words));
}

static bool lists(void *part)
{
	return strstr(listed(""), part) != NULL;
}

static void wait_listed(const char *part)
{
	if (!kit_wait(lists, (void *)(uintptr_t)part, KIT_MS))
		kit_fail("the list has no \"%s\":\n%s", part, listed(""));
}

/* Of a terminal with 80 columns, without one that wraps. */
static void expect_narrow(const char *text)
{
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			kit_fail("a line has more than 80 columns:\n%s", line);
}

/* E32: each server once, with the reason that one list and one explanation have in the same words. */
static void o10_every_server_once(void **state)
{
	const char *name;
	int held[4];

	(void)state;
	begin(100);
	for (size_t i = 0; i < array_len(held); i++)
		held[i] = served(kit_ip(0), w.port);
	expect_part(listed(""), "server                         usable tier    active  weight  for\n");
	expect_part(listed(""), "\n4 servers, 4 usable\n");
	wait_listed(" 1/1 ");
	expect_part(listed(""), "    full: it has max_connections\n");
	kit_peer_stop(w.bad);
	wait_listed("    its check fails: the connect is refused\n"
		    "    back when its check passes 100 times in a row; the next one is ");
	control_verb(0, textf("server drain db/%s:%d --for 10m --socket $S", kit_ip(0), w.at[0]));
	expect_part(listed("list db"), "    an operator drains it until 2");
	expect_part(listed("list db"), "    back by itself then, or now with: staunch server ready\n");
	expect_part(listed("list db"), "\n3 servers, 1 usable\n");
	expect_part(listed("list none"), "\n0 servers, 0 usable\n");
	expect_narrow(listed(""));
	name = textf("db/%s:%d", kit_ip(0), w.at[2]);
	expect_part(listed(""), name);
	expect_part(control_verb(0, "explain route --socket $S"), "    its check fails: the connect is refused\n"
		    "    back when its check passes 100 times");
	expect_part(control_verb(0, "status --socket $S"), "tier        upstream db, tier 0: 0 of 2 usable\n"
		    "tier        upstream db, tier 1: 1 of 1 usable\n");
	expect_part(control_verb(0, "status --socket $S"), "upstream db: 1 of 3 servers usable, none before tier 1 (");
	expect_part(control_verb(0, "server --json --socket $S"), "\"why\":\"check_down\",\"why_text\":\"its "
		    "check fails: the connect is refused\",\"back_text\":\"when its check passes 100 times");
	w.bad = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .port = w.at[1]});
	wait_listed("    its check passed ");
	expect_part(control_verb(0, "explain route --socket $S"), " of the 100 times in a row that it must\n");
	expect_part(control_verb(0, "status --socket $S"), "times in a row that it must; back when its check passes ");
	control_verb(2, "server drain --socket $S");
	control_verb(2, "server list db more --socket $S");
	control_verb(2, "server --for 10m --socket $S");
	for (size_t i = 0; i < array_len(held); i++)
		close(held[i]);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static bool is_quiet(void *arg)
{
	(void)arg;
	return strstr(control_verb(0, "status --socket $S"), "connection refused") == NULL;
}

/* A server that refused is in use again with its next good check: nothing is wrong any more, and nothing says so. */
static void the_warning_ends_with_its_cause(void **state)
{
	(void)state;
	begin(2);
	kit_peer_stop(w.bad);
	for (int i = 0; i < 4; i++)
		end_orderly(served(kit_ip(0), w.port));
	expect_part(control_verb(0, "status --socket $S"), "connection refused");
	wait_listed("    it fails now, the last time ");
	wait_listed("    its check fails");
	w.bad = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .port = w.at[1]});
	if (!kit_wait(is_quiet, NULL, KIT_MS))
		kit_fail("it warns still:\n%s", control_verb(0, "status --socket $S"));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o10_every_server_once, kit_end),
		cmocka_unit_test_teardown(the_warning_ends_with_its_cause, kit_end),
	};

	return cmocka_run_group_tests_name("flow/cli_server", tests, NULL, NULL);
}
