/* state: a file that is damaged is moved aside only by a process that runs: O11. */
#include "proxy/control/state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/control/control.h"
#include "proxy/control/signals.h"
#include "proxy/policy/snapshot.h"
#include "tests/kit/kit.h"

struct scene {
	struct process p;
	struct config *config;
	bool succeeds;
};

/* One start, which succeeds or not, and the end of that process. */
static void control_main(void *arg)
{
	struct scene *s = arg;
	struct snapshot snap = {.config = s->config};

	CHECK(signals_start() == 0, "signals");
	s->p.registry.control = np_self();
	state_load(&s->p, s->config);
	if (s->succeeds)
		state_start(&s->p, &snap);
	state_end(&s->p);
	signals_stop();
}

static void run_start(struct config *c, bool succeeds)
{
	struct scene *s = aligned_alloc(_Alignof(struct scene), sizeof(*s));
	struct np_worker_opts control = {.name = "control", .id = UINT16_MAX, .cpu = -1, .main = control_main};

	assert_non_null(s);
	memset(s, 0, sizeof(*s));
	s->config = c;
	s->succeeds = succeeds;
	control.arg = s;
	overrides_init(&s->p.overrides);
	state_init(&s->p.state);
	names_init(&s->p.dns_names, &s->p);
	assert_int_equal(signals_open(), 0);
	assert_int_equal(np_run(&control), 0);
	state_fini(&s->p.state);
	free(s);
}

static void o11_a_failed_start_moves_nothing_aside(void **state)
{
	struct config *c = NULL;
	struct diag *d = diag_new();
	char path[KIT_PATH], aside[KIT_PATH + 8], text[KIT_PATH + 256];

	(void)state;
	kit_file_write("state.yaml", "schema: 2\nnobody knows it yet\n", path);
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(aside, sizeof(aside), "%s.bad", path);
	snprintf(text, sizeof(text), "control: {socket: \"%s/socket\", state: \"%s\"}\n"
		 "listeners: [{name: l, bind: \":80\", upstream: u}]\n"
		 "upstreams: [{name: u, servers: [\"192.0.2.1:1\"]}]\n", kit_dir(), path);
	assert_int_equal(config_parse("t", text, strlen(text), &c, d), 0);
	run_start(c, false);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(aside, F_OK), 0);
	run_start(c, true);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(access(aside, F_OK), 0);
	config_free(c);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o11_a_failed_start_moves_nothing_aside, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
