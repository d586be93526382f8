/* Clients that send nothing, on listeners with routes that look at the first bytes: closed, or routed as
 * clients without TLS, so that servers that speak first are reached. */
#include "tests/flow/kit/crossing.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WITH_NONE \
	"routes: [{sni: [db.example.com], upstream: db}, {tls: none, upstream: lab}], upstream: app"
#define NAMES_ONLY "routes: [{sni: [db.example.com], upstream: db}], upstream: app"

/* A client that sends nothing gets the greeting of the server at `place`. */
static void greeted(struct crossing *x, int place)
{
	int fd = edge_connect(&x->e), server = kit_accept(x->listener[place]);

	kit_send(server, "220 hello", 9);
	kit_expect(fd, "220 hello", 9);
	kit_send(fd, "QUIT", 4);
	kit_expect(server, "QUIT", 4);
	close(fd);
	kit_expect_fin(server);
	close(server);
}

static void v7_a_silent_client_is_routed(void **state)
{
	static const struct {
		const char *keys;
		int place;
	} rows[] = {
		{"preread: {timeout: 300ms}, " WITH_NONE, LAB},
		{"preread: {timeout: 300ms, on_timeout: default}, " NAMES_ONLY, APP},
		{"preread: {timeout: 10m, silence: 200ms}, " NAMES_ONLY, APP},
		{"preread: {timeout: 10m, silence: 200ms, on_timeout: close}, " WITH_NONE, LAB},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct crossing x = crossing_start(rows[i].keys);

		greeted(&x, rows[i].place);
		edge_ended(&x.e, "client_fin", (int)i + 1);
		crossing_end(&x);
	}
}

static void v7_a_silent_client_is_closed(void **state)
{
	static const char *const keys[] = {
		"preread: {timeout: 300ms}, " NAMES_ONLY,
		"preread: {timeout: 300ms, on_timeout: close}, " WITH_NONE,
	};

	(void)state;
	for (size_t i = 0; i < array_len(keys); i++) {
		struct crossing x = crossing_start(keys[i]);

		expect_closed(edge_connect(&x.e));
		edge_ended(&x.e, "preread_timeout", (int)i + 1);
		crossing_end(&x);
	}
}

/* A part of a hello: its server is not known, and no other one gets it. */
static void v7_a_part_of_a_hello_is_not_silence(void **state)
{
	struct crossing x = crossing_start(
		"preread: {timeout: 2s, silence: 1s, on_timeout: default}, " WITH_NONE);
	static struct hello_text h;
	int fd = edge_connect(&x.e);

	(void)state;
	real_hello(&h, "db.example.com", NULL);
	kit_send(fd, h.p, 20);
	expect_closed(fd);
	edge_ended(&x.e, "preread_timeout", 1);
	crossing_end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(v7_a_silent_client_is_routed, kit_end),
		cmocka_unit_test_teardown(v7_a_silent_client_is_closed, kit_end),
		cmocka_unit_test_teardown(v7_a_part_of_a_hello_is_not_silence, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
