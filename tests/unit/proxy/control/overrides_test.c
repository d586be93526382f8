/* overrides: what is said of a server that has left can be undone: O11. */
#include "proxy/control/overrides.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/control/override_text.h"
#include "tests/kit/kit.h"
#include "tests/unit/proxy/control/snapshot_of.h"

#define CONFIG(name)                                            \
	"listeners:\n"                                          \
	"  - {name: web, bind: \":80\", upstream: " name "}\n"   \
	"upstreams:\n"                                          \
	"  - {name: " name ", servers: [\"db.example:80\"]}\n"

struct scene {
	struct process p;
	const char *problem;
};

static struct server_change said(const char *address, enum server_admin_state state)
{
	struct server_change c = {
		.upstream = "app",
		.sets = {[SERVER_SET_STATE] = true},
		.said = {.admin = state, .admin_weight = -1, .agent_weight = -1},
	};

	snprintf(c.server, sizeof(c.server), "%s", address);
	return c;
}

/* DNS has no server of this name now. */
static const char *gone_servers(struct process *p)
{
	const struct override_row row = {
		.upstream = "app",
		.address = "10.0.0.2:80",
		.said = {.admin = SERVER_DRAIN, .admin_weight = -1, .agent_weight = -1},
	};
	struct server_change c = said("10.0.0.3:80", SERVER_DRAIN);

	if (overrides_restore(p, p->snap, &row, 1) || p->overrides.n != 1)
		return "it may come back";
	overrides_change(p, &c);
	if (c.result != CHANGE_NO_SERVER || p->overrides.n != 1)
		return "nothing new is said of who is not there";
	c = said("10.0.0.2:80", SERVER_MAINT);
	overrides_change(p, &c);
	if (c.result != CHANGE_DONE || server_inputs(c.word).admin != SERVER_MAINT || p->overrides.n != 1)
		return "a change";
	if (strcmp(c.name, "app/10.0.0.2:80") != 0 || server_usable(c.word, 1, NULL) != USABLE_NO)
		return "the answer to it";
	c = said("10.0.0.2:80", SERVER_READY);
	overrides_change(p, &c);
	if (c.result != CHANGE_DONE || p->overrides.n != 0)
		return "undone";
	overrides_change(p, &c);
	return c.result == CHANGE_NO_SERVER ? NULL : "undone once";
}

/* A reload has removed the upstream with all of its servers. */
static const char *gone_upstream(struct process *p)
{
	const struct override_row row = {
		.upstream = "app",
		.address = "10.0.0.2:80",
		.said = {.admin = SERVER_DRAIN, .admin_weight = -1, .agent_weight = -1},
	};
	struct server_change c = said("10.0.0.2:80", SERVER_READY);

	if (overrides_restore(p, p->snap, &row, 1) || p->overrides.n != 1)
		return "it may come back";
	snapshot_free(p->snap);
	p->snap = snapshot_of(p, CONFIG("other"));
	overrides_change(p, &c);
	if (c.result != CHANGE_DONE || strcmp(c.name, "app/10.0.0.2:80") != 0 || p->overrides.n != 0)
		return "undone without its upstream";
	overrides_change(p, &c);
	return c.result == CHANGE_NO_UPSTREAM ? NULL : "undone without its upstream, once";
}

static void control_main(void *arg)
{
	struct scene *s = arg;

	s->p.registry.control = np_self();
	s->p.snap = snapshot_of(&s->p, CONFIG("app"));
	snapshot_enact(s->p.snap, 1000);
	s->problem = gone_servers(&s->p);
	if (s->problem == NULL)
		s->problem = gone_upstream(&s->p);
	overrides_stop(&s->p.overrides);
	s->p.snap = snapshot_free(s->p.snap);
}

static void o11_who_has_left_can_be_undone(void **state)
{
	struct scene *s = aligned_alloc(_Alignof(struct scene), sizeof(*s));
	struct np_worker_opts control = {.name = "control", .id = UINT16_MAX, .cpu = -1, .main = control_main};

	(void)state;
	assert_non_null(s);
	memset(s, 0, sizeof(*s));
	control.arg = s;
	overrides_init(&s->p.overrides);
	server_closes_init(&s->p.closes);
	assert_int_equal(registry_init(&s->p.registry, 1), 0);
	assert_int_equal(np_run(&control), 0);
	if (s->problem != NULL)
		fail_msg("%s", s->problem);
	overrides_fini(&s->p.overrides);
	registry_fini(&s->p.registry);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o11_who_has_left_can_be_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
