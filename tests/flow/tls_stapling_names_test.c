/* Responders of OCSP that are names: they are looked up as the block `dns` says. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/ocsp_responder.h"
#include "tests/unit/proxy/resolve/name_server.h"

static uint8_t der[8192];

/* kit_ip(3) for one name; the other is not answered. */
static void two_names(struct name_server *ns, const struct name_asked *q, struct reply *r)
{
	(void)ns;
	if (strcmp(q->name, "silent.example") == 0)
		r->n = 0;
	else if (q->type == REPLY_A)
		reply_addr(r, q->name, 60, kit_ip(3));
}

/* The block `dns` says whom to ask, and for how long: silence for the default time would take all of the attempt's. */
static void a_responder_is_asked_for_as_dns_says(void **state)
{
	struct name_server ns = {.script = two_names};
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a[] = {
		asked_make("a.test", textf("http://ocsp.example:%d/ask", port)),
		asked_make("b.test", textf("http://silent.example:%d/ask", port)),
	};
	struct edge e;
	size_t n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = a[0].x, .until = 3600}, der, sizeof(der));

	(void)state;
	name_server_start(&ns);
	e = edge_start(asked_keys(a, 2), textf("%sdns: {servers: \"%s\", timeout: 200ms, tries: 1, family: v4}\n",
					       edge_upstream("back", kit_peer_port(echo), ""), ns.text));
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	kit_staunch_wait_err(e.s, "looking up its name: Timeout while contacting DNS servers", 1);
	assert_int_equal(name_server_asked(&ns.tcp), 0);
	edge_no_complaint(&e);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
	name_server_stop(&ns);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_responder_is_asked_for_as_dns_says, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
