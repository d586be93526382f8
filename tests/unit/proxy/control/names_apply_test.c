/* names_apply: what DNS says comes into force with the words of servers: no client gets one that an operator holds out.
 * The first server is full, so that a client waits for whatever comes. */
#include "proxy/control/names_apply.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/control/override_text.h"
#include "proxy/upstream/waiter.h"
#include "tests/kit/kit.h"
#include "tests/unit/proxy/control/snapshot_of.h"

#define CONFIG                                                               \
	"listeners:\n"                                                       \
	"  - {name: web, bind: \":80\", upstream: app}\n"                    \
	"upstreams:\n"                                                       \
	"  - name: app\n"                                                    \
	"    queue: {max: 10}\n"                                             \
	"    health: {tcp: {}}\n"                                            \
	"    servers:\n"                                                     \
	"      - {address: \"10.0.0.1:80\", max_connections: 1}\n"           \
	"      - {address: \"db.example:80\", max_connections: 1}\n"

struct scene {
	struct process p;
	struct named name;
	const char *problem;
};

/* As after an answer. */
static void name_has(struct scene *s, const char *ip)
{
	struct dns_record r = {.family = AF_INET};
	struct dns_answer a = {.status = DNS_OK};

	CHECK(inet_pton(AF_INET, ip, r.ip) == 1 && dns_answer_add(&a, &r) == 0, "an answer");
	s->name = (struct named){.names = &s->p.dns_names};
	dns_name_init(&s->name.dns, "db.example", false, DNS_V4, 80);
	dns_set_recall(&s->name.dns.set, &a, 1);
	dns_answer_fini(&a);
	list_push_back(&s->p.dns_names.all, &s->name.link);
}

static unsigned woken;

static void on_wake(struct waiter *w)
{
	(void)w;
	woken++;
}

/* An operator has drained 10.0.0.2, which then left: nobody holds it, and nothing is known of it any more. */
static const char *drained_one_comes(struct scene *s, struct snapshot *snap)
{
	const struct override_row row = {
		.upstream = "app",
		.address = "10.0.0.2:80",
		.said = {.admin = SERVER_DRAIN, .admin_weight = -1, .agent_weight = -1},
	};
	struct upstream *u = snap->upstreams[0]->u;
	struct pick_args taken = {.may_retry = true}, args = {.may_retry = true};
	struct waiter w = {.u = u, .args = &args, .wake = on_wake};
	struct server *full;
	struct server_inputs in;

	if (overrides_restore(&s->p, snap, &row, 1) || upstream_pick(u, &taken, &full) != 0)
		return "one connection for the first server";
	if (waiter_join(&w) != -NP_EAGAIN)
		return "the next one waits";
	name_has(s, "10.0.0.2");
	names_adopt(&s->p, snap);
	if (u->members->n != 2)
		return "the name brings a server";
	if (woken != 0 || !waiter_leave(&w))
		return "a client that waits gets a drained server";
	in = server_inputs(server_now(u->members->at[1].server));
	if (in.admin != SERVER_DRAIN || in.check != SERVER_CHECK_UNKNOWN)
		return "it has its word";
	server_release(full);
	return NULL;
}

static void control_main(void *arg)
{
	static char health;
	struct scene *s = arg;
	struct snapshot *snap;

	s->p.registry.control = np_self();
	s->p.health = (void *)&health; /* there is one; nobody asks it */
	snap = snapshot_of(&s->p, CONFIG);
	snapshot_enact(snap, 1000);
	s->problem = drained_one_comes(s, snap);
	list_remove(&s->name.link);
	dns_name_fini(&s->name.dns, NULL);
	snapshot_free(snap);
}

static void o11_who_comes_is_held_out_at_once(void **state)
{
	struct scene *s = aligned_alloc(_Alignof(struct scene), sizeof(*s));
	struct np_worker_opts control = {.name = "control", .id = UINT16_MAX, .cpu = -1, .main = control_main};

	(void)state;
	assert_non_null(s);
	memset(s, 0, sizeof(*s));
	control.arg = s;
	overrides_init(&s->p.overrides);
	names_init(&s->p.dns_names, &s->p);
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
		cmocka_unit_test(o11_who_comes_is_held_out_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
