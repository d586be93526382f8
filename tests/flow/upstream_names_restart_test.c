/* E67 over a restart: what was known of names is used until DNS answers, and what an operator said of their servers
 * holds whenever they come. The name server is silent, as one that is down beside us. */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/flow/kit/names_world.h"

#define QUICK "start: 300ms, timeout: 200ms, tries: 1"

static const char *state_path(void)
{
	return textf("%s/state.yaml", kit_dir());
}

static void begin_kept(struct world *w, int peers)
{
	begin(w, peers);
	snprintf(w->control, sizeof(w->control), ", state: \"%s\"", state_path());
}

static void stop(struct world *w, int sig)
{
	assert_int_equal(kit_staunch_stop(w->s, sig), sig == SIGKILL ? 128 + SIGKILL : 0);
}

static const char *state_text(void)
{
	static char text[8192];

	kit_file_read(state_path(), text, sizeof(text));
	return text;
}

/* The seconds in the state file become others, as if the process had ended long ago. */
static void age_state(const char *name, long seconds)
{
	char text[8192], *at, path[KIT_PATH];
	long was;

	snprintf(text, sizeof(text), "%s", state_text());
	at = strstr(text, textf(" %s ", name));
	assert_non_null(at);
	at += strlen(name) + 2;
	was = strtol(at, NULL, 10);
	memcpy(at, textf("%ld", was - seconds), strcspn(at, " "));
	kit_file_write("state.yaml", text, path);
	assert_int_equal(chmod(path, 0600), 0);
}

static bool is_kept(void *arg)
{
	return strstr(state_text(), arg) != NULL;
}

/* A stop writes it, and a while after the first answers it is written for a crash. */
static void e67_what_was_known_is_used(void **state)
{
	static const int ends[] = {SIGTERM, SIGKILL};
	struct world w;

	(void)state;
	begin_kept(&w, 2);
	for (size_t i = 0; i < array_len(ends); i++) {
		zone_set(0, 3600, ip_of(0), ip_of(1), NULL);
		zone_be_silent(false);
		start(&w, QUICK, textf("\"db.example:%d\"", w.to));
		if (ends[i] == SIGKILL && !kit_wait(is_kept, (void *)(uintptr_t)ip_of(1), KIT_MS))
			kit_fail("it is not written: %s", state_text());
		stop(&w, ends[i]);
		expect_part(state_text(), textf("%s %s ;", ip_of(0), ip_of(1)));
		zone_be_silent(true);
		start(&w, QUICK, textf("\"db.example:%d\"", w.to));
		kit_staunch_wait_err(w.s, "name db.example: no answer yet; what was known of it", 1);
		assert_int_equal(failures_of(&w, 4), 0);
		kit_staunch_wait_err(w.s, "\"event\":\"dns_failed\"", 1);
		/* The first answer that has an address takes its place, at once. */
		zone_set(0, 3600, ip_of(1), NULL, NULL);
		zone_be_silent(false);
		kit_staunch_wait_err(w.s, textf("upstream app has 1 server; gone: %s:%d", ip_of(0), w.to), 1);
		assert_int_equal(failures_of(&w, 4), 0);
		stop(&w, SIGTERM);
		assert_null(strstr(state_text(), ip_of(0)));
		assert_int_equal(unlink(state_path()), 0);
	}
	name_server_stop(&ns);
}

/* Of a service, its hosts too, with ports, weights and order. */
static void e67_a_service(void **state)
{
	struct world w;

	(void)state;
	begin_kept(&w, 1);
	zone_set(0, 3600, ip_of(0), NULL, NULL);
	zone.srv[0].v[0] = 10;
	zone.srv[0].v[1] = 7;
	zone.srv[0].v[2] = (unsigned)w.to;
	zone.srv[0].target = "a.example";
	start(&w, QUICK, "\"srv:_db._tcp.example\"");
	assert_int_equal(failures_of(&w, 1), 0);
	stop(&w, SIGTERM);
	expect_part(state_text(), textf("10/7/%d/a.example ;", w.to));
	zone_be_silent(true);
	start(&w, QUICK, "\"srv:_db._tcp.example\"");
	assert_int_equal(failures_of(&w, 4), 0);
	expect_part(servers_json(), "\"weight\":7");
	stop(&w, SIGTERM); /* what was known stays known, with its age */
	expect_part(state_text(), textf("10/7/%d/a.example ;", w.to));
	name_server_stop(&ns);
}

/* Older than dns.max_ttl it is not believed. A line that is damaged is as none. */
static void e67_too_old(void **state)
{
	struct world w;
	char path[KIT_PATH];

	(void)state;
	begin_kept(&w, 1);
	zone_set(0, 3600, ip_of(0), NULL, NULL);
	start(&w, QUICK ", max_ttl: 10m", textf("\"db.example:%d\"", w.to));
	stop(&w, SIGTERM);
	zone_be_silent(true);
	age_state("db.example", 500);
	start(&w, QUICK ", max_ttl: 10m", textf("\"db.example:%d\"", w.to));
	assert_true(is_served(&w));
	stop(&w, SIGTERM);
	age_state("db.example", 101);
	start(&w, QUICK ", max_ttl: 10m", textf("\"db.example:%d\"", w.to));
	assert_false(is_served(&w));
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"dns_failed\"", 1);
	stop(&w, SIGTERM);
	kit_file_write("state.yaml",
		       "schema: 1\noverrides:\nnames: >-\n  host db.example 9000000000000 10.0.0.1 ;\n", path);
	assert_int_equal(chmod(path, 0600), 0);
	start(&w, QUICK, textf("\"db.example:%d\"", w.to));
	assert_false(is_served(&w));
	stop(&w, SIGTERM);
	name_server_stop(&ns);
}

/* An operator has drained a server of a name. The next process knows no server at first, and it is drained when it
 * comes. */
static void e67_o11_overrides_of_late_servers(void **state)
{
	struct world w;
	const char *body = "{\"state\":\"drain\"}";

	(void)state;
	begin_kept(&w, 2);
	zone_set(0, 3600, ip_of(0), ip_of(1), NULL);
	start(&w, QUICK, textf("\"db.example:%d\"", w.to));
	expect_part(control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      ip_of(0), w.to, strlen(body), body)), "\"persisted\":true");
	stop(&w, SIGTERM);
	age_state("db.example", 100000);
	zone_be_silent(true);
	start(&w, QUICK, textf("\"db.example:%d\"", w.to));
	kit_staunch_wait_err(w.s, "overrides of 1 server are in force", 1);
	assert_false(is_served(&w));
	zone_be_silent(false);
	kit_staunch_wait_err(w.s, "upstream app has 2 servers", 1);
	assert_int_equal(failures_of(&w, 4), 0);
	assert_int_equal(kit_peer_accepted(w.peer[0]), 0);
	assert_int_equal(kit_peer_accepted(w.peer[1]), 4);
	stop(&w, SIGTERM);
	expect_part(state_text(), textf("{server: \"app/%s:%d\", state: \"drain\"}", ip_of(0), w.to));
	name_server_stop(&ns);
}

#define CASE(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(e67_what_was_known_is_used),
		CASE(e67_a_service),
		CASE(e67_too_old),
		CASE(e67_o11_overrides_of_late_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
