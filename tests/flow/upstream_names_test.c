/* Servers that are names: E56, E58, E60 to E64, E66, E67, over two workers, with a name server of the test's own, which
 * says what a test wants. Rules over time are dns_set_test.c's, by a clock of the test; here the servers really
 * change. */
#include "tests/flow/kit/names_world.h"

/* E56: each address is a server of its own, in the API, in logs and for the balancer. */
static void e56_each_address_is_a_server(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 2);
	zone_set(0, 3600, ip_of(0), ip_of(1), NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	assert_int_equal(failures_of(&w, 10), 0);
	assert_int_equal(kit_peer_accepted(w.peer[0]), 5);
	assert_int_equal(kit_peer_accepted(w.peer[1]), 5);
	expect_part(servers_json(), textf("\"server\":\"%s:%d\"", ip_of(0), w.to));
	expect_part(servers_json(), textf("\"server\":\"%s:%d\"", ip_of(1), w.to));
	kit_staunch_wait_log(w.s, textf("\"staunch.server\":\"%s:%d\"", ip_of(1), w.to), 5);
	expect_part(control_expect(200, "GET /metrics", ""), "\nstaunch_dns_members{upstream=\"app\"} 2\n");
	end(&w);
}

/* E56, O11: a server is shown with the name that has its address, and the name means each of them for an operator. */
static void e56_o11_names_are_shown_and_steered(void **state)
{
	struct world w;
	int to;

	(void)state;
	begin(&w, 3);
	to = w.to;
	zone_set(0, 3600, ip_of(0), ip_of(1), NULL);
	start(&w, "", textf("\"db.example:%d\", \"%s:%d\"", to, ip_of(2), to));
	expect_part(servers_json(),
		    textf("\"server\":\"%s:%d\",\"name\":\"db.example:%d\"", ip_of(1), to, to));
	expect_part(servers_json(), textf("\"server\":\"%s:%d\",\"name\":null", ip_of(2), to));
	expect_part(control_verb(0, "server --socket $S"), textf("\n    of db.example:%d\n", to));
	expect_part(control_verb(0, textf("server drain app/db.example:%d --socket $S", to)),
		    textf("app/db.example:%d: drain, each of 2 servers\n", to));
	assert_int_equal(failures_of(&w, 4), 0);
	assert_int_equal(kit_peer_accepted(w.peer[2]), 4);
	expect_part(control_verb(0, textf("server ready app/db.example:%d --socket $S", to)),
		    "ready, each of 2 servers");
	assert_int_equal(failures_of(&w, 6), 0);
	assert_int_equal(kit_peer_accepted(w.peer[2]), 6);
	kit_peer_stop(w.peer[0]);
	assert_int_equal(failures_of(&w, 6), 0);
	expect_part(control_verb(0, "status --socket $S"),
		    textf("server app/%s:%d (db.example:%d): connection refused ", ip_of(0), to, to));
	end(&w);
}

/* E61: a name without an address beside servers that are there is told. */
static void e61_a_name_that_brings_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	zone_set(3, 1, NULL, NULL, NULL);
	start(&w, "", textf("\"%s:%d\", \"a.example:%d\", \"b.example:%d\", \"c.example:%d\"", ip_of(0), w.to, w.to,
			    w.to, w.to));
	expect_part(control_verb(0, "status --socket $S"),
		    textf("upstream app: the name b.example:%d brings no server; the events dns_failed and dns_dropped "
			  "say why", w.to));
	expect_part(control_verb(0, "status --socket $S"), "upstream app: 1 more name brings no server");
	assert_int_equal(failures_of(&w, 2), 0);
	end(&w);
}

/* E58, E20: what one answer lacks stays; what two lack leaves, and its connections go on. The second question comes
 * over TCP. */
static void e58_it_leaves_the_second_time(void **state)
{
	struct world w;
	unsigned tcp;
	int fd;

	(void)state;
	begin(&w, 2);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	fd = kit_connect(kit_ip(0), w.port);
	kit_send(fd, "a", 1);
	kit_expect(fd, "a", 1);
	tcp = name_server_asked(&ns.tcp);
	zone_set(0, 1, ip_of(1), NULL, NULL);
	kit_staunch_wait_err(w.s, textf("gone: %s:%d", ip_of(0), w.to), 1);
	assert_true(name_server_asked(&ns.tcp) > tcp);
	kit_staunch_wait_err(w.s, textf("upstream app has 2 servers; come: %s:%d", ip_of(1), w.to), 1);
	expect_part(servers_json(), "\"active\":0");
	assert_int_equal(failures_of(&w, 4), 0);
	assert_int_equal(kit_peer_accepted(w.peer[0]), 1);
	kit_send(fd, "b", 1);
	kit_expect(fd, "b", 1);
	close(fd);
	end(&w);
}

/* E60: all at once, and no client is lost. */
static void e60_all_are_replaced(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 4);
	zone_set(0, 1, ip_of(0), ip_of(1), NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	zone_set(0, 1, ip_of(2), ip_of(3), NULL);
	for (int i = 0; kit_file_count(w.s->child->err, "gone: ") == 0; i++) {
		if (i == 100000)
			kit_fail("the first servers do not leave");
		assert_true(is_served(&w));
	}
	assert_int_equal(failures_of(&w, 10), 0);
	assert_true(kit_peer_accepted(w.peer[2]) >= 5 && kit_peer_accepted(w.peer[3]) >= 5);
	assert_int_equal(kit_file_count(w.s->child->err, "has 0 servers"), 0);
	end(&w);
}

/* E61: a name server that fails takes nobody's servers; a name that is no more keeps them for `hold`. */
static void e61_failures_keep_what_is_known(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	start(&w, "hold: 2s", textf("\"db.example:%d\"", w.to));
	zone_set(REPLY_SERVFAIL, 1, NULL, NULL, NULL);
	kit_staunch_wait_err(w.s, "name db.example: each name server fails, refuses or cannot be reached; "
			     "what is known of it stays", 1);
	assert_int_equal(failures_of(&w, 4), 0);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	kit_staunch_wait_err(w.s, "name db.example is answered again", 1);
	zone_set(REPLY_NXDOMAIN, 1, NULL, NULL, NULL);
	kit_staunch_wait_err(w.s, "\"event\":\"dns_failed\"", 2);
	assert_int_equal(failures_of(&w, 1), 0);
	kit_staunch_wait_err(w.s, "name db.example: Domain name not found, for longer than dns.hold; "
			     "its servers are dropped", 1);
	kit_staunch_wait_err(w.s, "has 0 servers", 1);
	assert_false(is_served(&w));
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"no_live_upstream\"", 1);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	kit_staunch_wait_err(w.s, "upstream app has 1 server", 2);
	assert_int_equal(failures_of(&w, 4), 0);
	end(&w);
}

/* E61, E64: a name without an answer costs a start no more than dns.start; its clients are told dns_failed. */
static void e64_a_start_without_an_answer(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	zone.silent = true;
	start(&w, "start: 300ms, timeout: 200ms, tries: 1", textf("\"db.example:%d\"", w.to));
	kit_staunch_wait_err(w.s, "name db.example: Timeout while contacting DNS servers; "
			     "nothing is known of it", 1);
	assert_false(is_served(&w));
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"dns_failed\"", 1);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	zone_be_silent(false);
	kit_staunch_wait_err(w.s, "upstream app has 1 server", 1);
	assert_int_equal(failures_of(&w, 4), 0);
	end(&w);
}

/* E62: its address refuses, and the name has another one by now: the next client that fails has it asked for. */
static void e62_a_failed_connect_asks_again(void **state)
{
	struct world w;
	unsigned before;

	(void)state;
	begin(&w, 2);
	zone_set(0, 3600, ip_of(0), NULL, NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	assert_true(is_served(&w));
	before = questions();
	kit_peer_stop(w.peer[0]);
	zone_set(0, 3600, ip_of(1), NULL, NULL);
	assert_false(is_served(&w));
	kit_staunch_wait_err(w.s, textf("come: %s:%d", ip_of(1), w.to), 1);
	assert_int_equal(failures_of(&w, 4), 0); /* the old one is still there, and refuses: the retry is the new one */
	assert_true(questions() > before);
	end(&w);
}

/* E63: SRV records say ports, weights and order, and their hosts are asked for by themselves. */
static void e63_services(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	w.peer[1] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = ip_of(0), .port = 0});
	w.peer[2] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .ip = ip_of(0), .port = 0});
	zone_set(0, 3600, ip_of(0), NULL, NULL);
	for (int i = 0; i < 3; i++) {
		const unsigned v[][2] = {{10, 300}, {10, 100}, {20, 5}}; /* priority and weight */

		zone.srv[i].v[0] = v[i][0];
		zone.srv[i].v[1] = v[i][1];
		zone.srv[i].v[2] = (unsigned)kit_peer_port(w.peer[i]);
		zone.srv[i].target = i == 1 ? "b.example" : "a.example";
	}
	start(&w, "", "\"srv:_db._tcp.example\"");
	assert_int_equal(failures_of(&w, 341), 0); /* 256 and 85: scaled down together */
	assert_int_equal(kit_peer_accepted(w.peer[0]), 256);
	assert_int_equal(kit_peer_accepted(w.peer[1]), 85);
	assert_int_equal(kit_peer_accepted(w.peer[2]), 0);
	kit_peer_stop(w.peer[0]);
	kit_peer_stop(w.peer[1]);
	assert_int_equal(failures_of(&w, 4), 0);
	assert_true(kit_peer_accepted(w.peer[2]) >= 4);
	end(&w);
}

/* E66: addresses that are no servers are left out, with one line. */
static void e66_hostile_answers(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	zone_set(0, 1, "0.0.0.0", "224.0.0.1", ip_of(0));
	start(&w, "", textf("\"db.example:%d\", \"own.example:%d\"", w.to, w.port));
	pthread_mutex_lock(&name_server_lock);
	zone.ip[3] = kit_ip(0);
	pthread_mutex_unlock(&name_server_lock);
	assert_int_equal(failures_of(&w, 2), 0);
	kit_staunch_wait_err(w.s, "\"event\":\"dns_left_out\"", 1);
	kit_staunch_wait_err(w.s, "is left out: it is no host's address", 1);
	end(&w);
}

/* E67: a reload asks nothing again, and no server leaves, not even for a moment. */
static void e67_a_reload_keeps_the_set(void **state)
{
	struct world w;
	unsigned before;

	(void)state;
	begin(&w, 3);
	zone_set(0, 3600, ip_of(0), ip_of(1), NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	before = questions();
	zone_set(0, 3600, ip_of(2), NULL, NULL);
	assert_int_equal(failures_of(&w, 1), 0);
	kit_staunch_rewrite(w.s, config(&w, "", textf("\"db.example:%d\"", w.to), ", retries: 1"));
	kit_child_signal(w.s->child, SIGHUP);
	kit_staunch_wait_err(w.s, "generation 2 is in force", 1);
	assert_int_equal(failures_of(&w, 10), 0);
	assert_int_equal(kit_peer_accepted(w.peer[0]) + kit_peer_accepted(w.peer[1]), 11);
	assert_int_equal(questions(), before);
	assert_int_equal(kit_file_count(w.s->child->err, "gone: "), 0);
	end(&w);
}

/* A reload with a new name waits for its first answer: no client meets an upstream without servers. */
static void a_reload_brings_a_name(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 2);
	zone_set(0, 3600, ip_of(1), NULL, NULL);
	start(&w, "", textf("\"%s:%d\"", ip_of(0), w.to));
	assert_int_equal(failures_of(&w, 2), 0);
	assert_int_equal(questions(), 0);
	kit_staunch_rewrite(w.s, config(&w, "", textf("\"new.example:%d\"", w.to), ""));
	kit_child_signal(w.s->child, SIGHUP);
	kit_staunch_wait_err(w.s, "generation 2 is in force", 1);
	assert_int_equal(failures_of(&w, 4), 0);
	assert_int_equal(kit_peer_accepted(w.peer[1]), 4);
	end(&w);
}

static bool has_asked_more(void *arg)
{
	return questions() >= *(unsigned *)arg;
}

static void wait_for_questions(unsigned more)
{
	unsigned n = questions() + more;

	assert_true(kit_wait(has_asked_more, &n, KIT_MS));
}

static unsigned counted(void)
{
	unsigned n;

	pthread_mutex_lock(&name_server_lock);
	n = zone.asked;
	pthread_mutex_unlock(&name_server_lock);
	return n;
}

/* A name that the file has no more is asked for no more. Another one is asked for each second, and tells the time. */
static void a_reload_drops_a_name(void **state)
{
	struct world w;
	unsigned asked;

	(void)state;
	begin(&w, 1);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	zone.counted = "old.example";
	start(&w, "", textf("\"db.example:%d\", \"old.example:%d\"", w.to, w.to));
	wait_for_questions(2);
	kit_staunch_rewrite(w.s, config(&w, "", textf("\"db.example:%d\"", w.to), ""));
	kit_child_signal(w.s->child, SIGHUP);
	kit_staunch_wait_err(w.s, "generation 2 is in force", 1);
	wait_for_questions(1); /* what was under way has come */
	asked = counted();
	assert_true(asked > 0);
	wait_for_questions(3);
	assert_int_equal(counted(), asked);
	assert_int_equal(failures_of(&w, 2), 0);
	end(&w);
}

/* A refused reload leaves nothing behind: its names are asked for no more, and its block `dns` holds for nothing. That
 * has a name server of its own, and another family. */
static void a_refused_reload_leaves_nothing(void **state)
{
	struct name_server other = {.script = answer_by_zone};
	int port = 0, taken = kit_listen(kit_ip(9), &port, 1);
	struct world w;
	unsigned asked;

	(void)state;
	begin(&w, 1);
	name_server_start(&other);
	zone_set(0, 1, ip_of(0), NULL, NULL);
	start(&w, "", textf("\"db.example:%d\"", w.to));
	kit_staunch_rewrite(w.s, textf(TWO_WORKERS "control: {socket: \"%s\"}\ndns: {servers: \"%s\", family: v6, "
				       "hold: 0s}\nlisteners:\n  - {name: web, bind: [\"%s:%d\", \"%s:%d\"], "
				       "upstream: app}\nupstreams:\n  - {name: app, servers: [\"db.example:%d\", "
				       "\"new.example:%d\"]}\n",
				       control_socket(), other.text, kit_ip(0), w.port, kit_ip(9), port, w.to, w.to));
	kit_child_signal(w.s->child, SIGHUP);
	kit_staunch_wait_err(w.s, "reload refused", 1);
	asked = name_server_asked(&other.udp);
	assert_int_equal(asked, 1);
	wait_for_questions(4); /* db.example, each second, where it was asked before */
	assert_int_equal(name_server_asked(&other.udp), asked);
	assert_int_equal(failures_of(&w, 4), 0);
	assert_int_equal(kit_file_count(w.s->child->err, "gone: "), 0);
	close(taken);
	end(&w);
	name_server_stop(&other);
}

#define CASE(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(e56_each_address_is_a_server),
		CASE(e56_o11_names_are_shown_and_steered),
		CASE(e61_a_name_that_brings_nothing),
		CASE(e58_it_leaves_the_second_time),
		CASE(e60_all_are_replaced),
		CASE(e61_failures_keep_what_is_known),
		CASE(e64_a_start_without_an_answer),
		CASE(e62_a_failed_connect_asks_again),
		CASE(e63_services),
		CASE(e66_hostile_answers),
		CASE(e67_a_reload_keeps_the_set),
		CASE(a_reload_brings_a_name),
		CASE(a_reload_drops_a_name),
		CASE(a_refused_reload_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
