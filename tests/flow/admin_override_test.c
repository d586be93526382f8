/* What an operator says of a server, over the control socket and by the verb: O10, O11. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	struct kit_peer *echo[SERVERS];
	int port, fds;
	int accepted[SERVERS];
};

/* Servers from `first` on. */
static const char *config_of(const struct world *w, const char *balance, int first)
{
	const char *servers = "";

	for (int i = first; i < SERVERS; i++)
		servers = textf("%s%s\"%s:%d\"", servers, i > first ? ", " : "", kit_ip(0), kit_peer_port(w->echo[i]));
	return textf(TWO_WORKERS "control: {socket: \"%s\", state: \"@DIR@/state.yaml\"}\n"
				 "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "upstreams:\n  - {name: app, balance: %s, servers: [%s]}\n",
		     control_socket(), kit_ip(0), w->port, balance, servers);
}

static struct world start_world(void)
{
	struct world w = {.port = kit_port(kit_ip(0))};

	for (int i = 0; i < SERVERS; i++)
		w.echo[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.s = kit_staunch_start(config_of(&w, "round_robin", 0));
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

static void end_of(struct world *w)
{
	back_to_normal(w->s, w->fds, kit_ip(0), w->port);
}

static const char *name_of(const struct world *w, int i)
{
	return textf("app/%s:%d", kit_ip(0), kit_peer_port(w->echo[i]));
}

/* POST to a server; must be answered with this status.   Returns  the answer. */
static const char *say(int status, const char *server, const char *body)
{
	const char *got = control_raw(textf("POST /v1/servers/%s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
					    "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
					    server, strlen(body), body));

	expect_part(got, textf("HTTP/1.1 %d ", status));
	return got;
}

/* So many visits; how many of them each server took. */
static void visit(struct world *w, int visits, int took[SERVERS])
{
	for (int i = 0; i < SERVERS; i++)
		w->accepted[i] = kit_peer_accepted(w->echo[i]);
	for (int i = 0; i < visits; i++)
		end_orderly(served(kit_ip(0), w->port));
	for (int i = 0; i < SERVERS; i++)
		took[i] = kit_peer_accepted(w->echo[i]) - w->accepted[i];
}

static void expect_visits(struct world *w, int a, int b, int c)
{
	int took[SERVERS];

	visit(w, a + b + c, took);
	if (took[0] != a || took[1] != b || took[2] != c)
		kit_fail("%d, %d and %d visits", took[0], took[1], took[2]);
}

/* No new connection for a drained server; those it has go on; ready brings it back. */
static void o10_drain_and_ready(void **state)
{
	struct world w = start_world();
	int fd = served(kit_ip(0), w.port);
	const char *got;

	(void)state;
	got = say(200, name_of(&w, 0), "{\"state\": \"drain\"}");
	expect_part(got, "\"state\":\"drain\",\"state_until\":null");
	expect_part(got, "\"usable\":\"no\",\"why\":\"drain\",\"effective_weight\":1");
	expect_visits(&w, 0, 6, 6);
	say(200, name_of(&w, 0), "{\"state\":\"drain\"}");
	expect_part(say(200, name_of(&w, 1), "{\"state\":\"maint\"}"), "\"why\":\"maint\"");
	expect_visits(&w, 0, 0, 6);
	still_works(fd); /* drain touches no live connection */
	say(200, name_of(&w, 2), "{\"state\":\"drain\"}");
	close(kit_connect(kit_ip(0), w.port));
	kit_staunch_wait_log(w.s, "no_live_upstream", 1);
	for (int i = 0; i < SERVERS; i++)
		expect_part(say(200, name_of(&w, i), "{\"state\":\"ready\"}"), "\"usable\":\"yes\",\"why\":null");
	expect_visits(&w, 4, 4, 4);
	end_orderly(fd);
	kit_staunch_wait_err(w.s, textf("POST /v1/servers/%s by uid", name_of(&w, 0)), 3);
	end_of(&w);
}

/* The next picks follow the new weight at once. */
static void o10_weight(void **state)
{
	struct world w = start_world();

	(void)state;
	expect_part(say(200, name_of(&w, 0), "{\"weight\":3}"), "\"weight\":3,\"weight_until\":null");
	expect_visits(&w, 6, 2, 2);
	expect_part(say(200, name_of(&w, 0), "{\"max_connections\":30}"),
		    "\"weight\":3,\"weight_until\":null,\"max_connections\":30");
	say(200, name_of(&w, 1), "{\"weight\":0}");
	expect_visits(&w, 6, 0, 2);
	say(200, name_of(&w, 0), "{\"weight\":null,\"max_connections\":\"off\"}");
	expect_visits(&w, 4, 0, 4);
	end_of(&w);
}

/* for: the server is back without anybody's word. */
static void o10_undone_by_itself(void **state)
{
	struct world w = start_world();

	(void)state;
	expect_part(say(200, name_of(&w, 0), "{\"state\":\"drain\",\"for\":\"1s\"}"), "\"state_until\":\"20");
	say(200, name_of(&w, 0), "{\"weight\":5}");
	kit_staunch_wait_err(w.s, "override_ended", 1);
	expect_visits(&w, 10, 2, 2); /* the weight had no end */
	end_of(&w);
}

/* A body that is half right changes nothing. */
static void o10_what_is_refused(void **state)
{
	static const struct {
		const char *body, *part;
	} rows[] = {
		{"", "the body says nothing"},
		{"{}", "the body says nothing"},
		{"{\"state\":\"down\"}", "state is one of ready, drain, maint"},
		{"{\"state\":null}", "state is one of ready, drain, maint"},
		{"{\"weight\":257}", "weight is a number from 0 to 256"},
		{"{\"weight\":\"5\"}", "weight is a number from 0 to 256"},
		{"{\"weight\":[5]}", "only forget takes a list"},
		{"{\"max_connections\":0}", "max_connections is a number from 1"},
		{"{\"state\":\"drain\",\"for\":\"10\"}", "for is a duration"},
		{"{\"state\":\"drain\",\"for\":\"400d\"}", "for is a duration"},
		{"{\"state\":\"ready\",\"for\":\"10m\"}", "for needs something that ends"},
		{"{\"state\":\"ready\",\"forget\":[\"dns\"]}", "forget is a list of inputs: passive, check"},
		{"{\"max_connections\":4000001}", "max_connections is a number from 1 to 4000000"},
		{"{\"close_over\":\"5m\"}", "close_over goes with a state: drain or maint"},
		{"{\"state\":\"ready\",\"close_over\":\"5m\"}", "close_over goes with a state"},
		{"{\"state\":\"drain\",\"close_over\":\"0s\"}", "1s at least, 1d at most"},
		{"{\"state\":\"drain\",\"close_over\":\"2d\"}", "1s at least, 1d at most"},
		{"{\"state\":\"drain\",\"close_over\":5}", "close_over is a duration"},
		{"{\"stat\":\"drain\"}", "there are: state, weight"},
	};
	struct world w = start_world();

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		expect_part(say(400, name_of(&w, 0), rows[i].body), rows[i].part);
	expect_visits(&w, 2, 2, 2);
	expect_part(say(404, textf("ap/%s:%d", kit_ip(0), kit_peer_port(w.echo[0])), "{\"state\":\"drain\"}"),
		    "there is no upstream ap\",\"help\":\"did you mean app?");
	expect_part(say(404, textf("%s0", name_of(&w, 0)), "{\"state\":\"drain\"}"), "did you mean");
	say(404, "app", "{\"state\":\"drain\"}");
	say(404, "app/", "{\"state\":\"drain\"}");
	control_expect(405, textf("GET /v1/servers/%s", name_of(&w, 0)), "");
	end_of(&w);
}

static void reload(struct world *w, const char *balance, int first)
{
	kit_staunch_rewrite(w->s, config_of(w, balance, first));
	control_expect(200, "POST /v1/reload", "X-Staunch: 1\r\n");
}

/* O11: also where the upstream is made anew, and where the server leaves and comes back. */
static void o11_outlives_reloads(void **state)
{
	struct world w = start_world();

	(void)state;
	say(200, name_of(&w, 0), "{\"state\":\"drain\"}");
	reload(&w, "least_conn", 0);
	expect_visits(&w, 0, 3, 3);
	reload(&w, "round_robin", 1);
	expect_visits(&w, 0, 3, 3);
	reload(&w, "round_robin", 0);
	expect_visits(&w, 0, 3, 3);
	reload(&w, "round_robin", 1);
	say(200, name_of(&w, 0), "{\"state\":\"ready\"}"); /* also while it is not there */
	say(404, name_of(&w, 0), "{\"state\":\"ready\"}"); /* and then nothing is left of it */
	reload(&w, "round_robin", 0);
	expect_visits(&w, 3, 3, 3);
	end_of(&w);
}

static const char *verb(int status, const char *words)
{
	return control_verb(status, textf("server %s --socket $S", words));
}

static void o10_the_verb(void **state)
{
	struct world w = start_world();
	const char *a = name_of(&w, 0);

	(void)state;
	assert_string_equal(verb(0, textf("drain %s", a)), textf("%s: drain\n", a));
	expect_visits(&w, 0, 2, 2);
	expect_part(verb(0, textf("drain %s --for 10m", a)), textf("%s: drain until 20", a));
	expect_part(verb(0, textf("ready %s --json", a)), "\"state\":\"ready\",\"state_until\":null");
	assert_string_equal(verb(0, textf("weight %s 3 --max-connections 30", a)),
			    textf("%s: ready\n  weight 3\n  max_connections 30\n", a));
	expect_visits(&w, 3, 1, 1);
	assert_string_equal(verb(0, textf("weight %s --max-connections default", a)), textf("%s: ready\n", a));
	assert_string_equal(verb(0, textf("maint %s", a)), textf("%s: maint\n", a));
	verb(0, textf("ready %s", a));
	expect_part(verb(1, textf("drain ap%s", a + 3)), "did you mean app?");
	assert_string_equal(verb(0, textf("weight %s 0", a)),
			    textf("%s: ready\n  weight 0: it gets no new clients, those that it has go on\n", a));
	kit_staunch_wait_err(w.s, ": ready; weight 0, was as in the file; by uid ", 1);
	kit_staunch_wait_err(w.s, " ms: ready; weight 0, was as in the file\"", 1);
	expect_part(verb(0, textf("ready %s --forget both", a)),
		    "\n  forgotten: what became of its connections; it was in\n"
		    "  forgotten: the verdict of its check; it was none\n");
	verb(2, textf("weight %s 300", a));
	verb(2, textf("drain %s 3", a));
	verb(2, textf("drain %s --max-connections x", a));
	verb(1, textf("drain %s --for 10", a));
	end_of(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o10_drain_and_ready, kit_end),
		cmocka_unit_test_teardown(o10_weight, kit_end),
		cmocka_unit_test_teardown(o10_undone_by_itself, kit_end),
		cmocka_unit_test_teardown(o10_what_is_refused, kit_end),
		cmocka_unit_test_teardown(o11_outlives_reloads, kit_end),
		cmocka_unit_test_teardown(o10_the_verb, kit_end),
	};

	return cmocka_run_group_tests_name("admin_override", tests, NULL, NULL);
}
