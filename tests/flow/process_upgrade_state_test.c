/* Another program takes over, and goes on with the numbers of the one before: P38. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/upgrade.h"

#define ROUNDS 3

/* What a page says of some series; all but the last only grow. */
static const char *const series[] = {
	"staunch_connections_total{listener=\"web\"}",
	"staunch_connections_closed_total{listener=\"web\",reason=\"client_fin\"}",
	"staunch_transferred_bytes_total{listener=\"web\",direction=\"in\"}",
	"staunch_connection_duration_seconds_count{listener=\"web\"}",
	"staunch_upstream_connect_duration_seconds_count{upstream=\"app\"}",
	"staunch_connections_active{listener=\"web\"}",
};
#define GROWING (array_len(series) - 1)

struct page {
	double value[array_len(series)];
};

static struct page scrape(void)
{
	const char *text = control_shell_ok("curl -sS --unix-socket $S http://localhost/metrics");
	struct page p;

	for (size_t i = 0; i < array_len(series); i++) {
		const char *line = strstr(text, textf("\n%s ", series[i]));

		if (line == NULL)
			kit_fail("no %s in %s", series[i], text);
		p.value[i] = strtod(line + strlen(series[i]) + 2, NULL);
	}
	return p;
}

static void expect_no_fall(const struct page *before, const struct page *after)
{
	for (size_t i = 0; i < GROWING; i++)
		if (after->value[i] < before->value[i])
			kit_fail("%s fell from %f to %f", series[i], before->value[i], after->value[i]);
}

static bool is_counted(void *arg)
{
	const double *wanted = arg;
	struct page p = scrape();

	for (size_t i = 0; i < array_len(series); i++)
		if (p.value[i] != wanted[i])
			return false;
	return true;
}

/* Clients come all the time; one connection lives through all of it, and is open at the end. In between no number
 * falls, and at last each is what the clients did. */
static void p38_numbers_go_on(void **state)
{
	struct world w = world_started();
	struct knocker k[KNOCKERS];
	int fd = served(kit_ip(0), w.port);
	struct page before = scrape(), after;
	double n = 0, wanted[array_len(series)];
	uint64_t bytes = (uint64_t)before.value[2];

	(void)state;
	assert_true(before.value[5] == 1);
	knockers_start(k, kit_ip(0), w.port);
	for (int i = 0; i < ROUNDS; i++) {
		upgrade(&w);
		after = scrape();
		expect_no_fall(&before, &after);
		before = after;
	}
	knockers_stop(k);
	for (int i = 0; i < KNOCKERS; i++)
		n += k[i].served;
	wanted[0] = n + 1;
	wanted[1] = wanted[3] = n;
	wanted[2] = (double)bytes + 5 * n;
	wanted[4] = n + 1;
	wanted[5] = 1;
	if (!kit_wait(is_counted, wanted, KIT_MS)) {
		after = scrape();
		for (size_t i = 0; i < array_len(series); i++)
			if (after.value[i] != wanted[i])
				kit_fail("%s is %f and not %f", series[i], after.value[i], wanted[i]);
	}
	end_orderly(fd);
	stop(&w);
}

static bool late_is_seen(void *arg)
{
	(void)arg;
	return strstr(control_verb(0, "conns --json --socket $S"), "\"late\"") != NULL;
}

/* A connection that cannot move ends in the old process, and is counted in the new one. */
static void p38_what_ends_in_the_old_process_is_added(void **state)
{
	static const char *const open = "staunch_connections_active{listener=\"late\"}";
	struct world w = world_of();
	pid_t old;
	int fd;

	(void)state;
	w.late = kit_port(kit_ip(1));
	write_world(&w, 2, tcp_bind(&w), "");
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	old = w.pid;
	fd = kit_connect(kit_ip(1), w.late);
	kit_send(fd, "PROXY", 5);
	assert_true(kit_wait(late_is_seen, NULL, KIT_MS));
	w.pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	expect_part(control_shell_ok("curl -sS --unix-socket $S http://localhost/metrics"), textf("\n%s 1\n", open));
	close(fd);
	assert_int_equal(wait_for_end(&w, old), 0);
	kit_file_wait(w.first->err, "\"predecessor_ended\"", 1);
	expect_part(control_shell_ok("curl -sS --unix-socket $S http://localhost/metrics"), textf("\n%s 0\n", open));
	stop(&w);
}

/* The id that a connection has been told stays. */
static void p38_ids_stay(void **state)
{
	struct world w = world_started();
	int fd = served(kit_ip(0), w.port);
	const char *at = strstr(control_verb(0, "conns --json --socket $S"), "\"id\":");
	char id[40] = "";

	(void)state;
	assert_non_null(at);
	memcpy(id, at, sizeof(id) - 1);
	id[33] = '\0'; /* "id":" and 26 letters */
	for (int i = 0; i < 2; i++) {
		upgrade(&w);
		expect_part(control_verb(0, "conns --json --socket $S"), id);
	}
	end_orderly(fd);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p38_numbers_go_on, kit_end),
		cmocka_unit_test_teardown(p38_what_ends_in_the_old_process_is_added, kit_end),
		cmocka_unit_test_teardown(p38_ids_stay, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
