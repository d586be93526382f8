/* probe: E69: what a connect to a server that is left out finds, and what follows. Real sockets; one worker is control
 * and health. A script never asserts, since it is a coroutine: it returns what is wrong, or NULL. */
#include "proxy/health/probe.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/health/minute.h"
#include "tests/kit/cert.h"
#include "tests/unit/proxy/health/world.h"

#define SERVERS_MOST 6

static struct scene {
	struct health_world world;
	struct inventory_reader reader;
	struct probes probes;
	struct inventory *inv;
	int64_t began;
	const char *(*script)(void);
	const char *problem;
} scene;

/* ---- the servers ---- */

static int serve(enum kit_serve how, uint64_t bytes)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = how, .bytes = bytes}));
}

static void open_at(const int *ports, unsigned n, const char *keys)
{
	char text[1024];
	size_t used = (size_t)snprintf(text, sizeof(text), "servers: [");

	memset(&scene, 0, sizeof(scene));
	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%s:%d\"", i > 0 ? ", " : "", kit_ip(0),
		                         ports[i]);
	snprintf(text + used, sizeof(text) - used, "], %s", keys);
	world_open(&scene.world, 1, text);
}

/* Of all that are well. */
static void open_well(unsigned n, const char *keys)
{
	int ports[SERVERS_MOST];

	for (unsigned i = 0; i < n; i++)
		ports[i] = serve(KIT_MUTE, 0);
	open_at(ports, n, keys);
}

static struct passive at(unsigned place)
{
	return passive_now(world_server(&scene.world, place));
}

/* Out, or spare. */
static void eject(unsigned place)
{
	struct report r = {.kind = REPORT_FAILED, .fault = FAULT_CONNECT, .began = scene.began, .now = scene.began};

	for (unsigned i = 0; i < 3; i++)
		(void)passive_report(world_upstream(&scene.world), world_server(&scene.world, place), &r);
}

/* ---- the worker ---- */

static void turn(int64_t after)
{
	probes_turn(&scene.probes, scene.inv, scene.began + after);
}

static bool all_end(void)
{
	int64_t deadline = np_deadline_after(KIT_MS * NP_MS);

	while (scene.probes.n > 0 && np_nanotime() < deadline)
		np_sleep(NP_MS);
	return scene.probes.n == 0;
}

static void script_main(void *arg)
{
	struct inventory *inv = world_inventory(&scene.world);

	(void)arg;
	scene.world.registry.control = scene.reader.worker = np_self();
	list_init(&scene.probes.running);
	if (scene.probes.most == 0)
		scene.probes.most = SERVERS_MOST;
	inventory_post(inv, &scene.reader);
	while ((scene.inv = inventory_hold(&scene.reader)) == NULL)
		np_yield();
	scene.began = np_nanotime();
	for (unsigned i = 0; i < scene.inv->upstreams[0].n; i++)
		eject(i);
	scene.problem = scene.script();
	probes_stop(&scene.probes);
	inventory_drop(scene.inv);
	inventory_reader_close(&scene.reader); /* aborts if a probe has not dropped its hold */
	np_yield();
}

static void run(const char *(*script)(void))
{
	const struct np_worker_opts o = {.name = "health", .id = 0, .cpu = -1, .main = script_main};

	scene.script = script;
	assert_int_equal(np_run(&o), 0);
	if (scene.problem != NULL)
		fail_msg("%s", scene.problem);
	assert_int_equal(scene.world.registry.inventories, 0);
	world_close(&scene.world);
}

/* ---- what a probe finds ---- */

static bool is_due(unsigned place)
{
	struct passive p = at(place);

	return p.by_probe && p.until >= scene.began && p.until <= np_nanotime();
}

static uint64_t count_of(unsigned place, enum probe_result r)
{
	return world_server(&scene.world, place)->checked.probes[r];
}

static bool is_untouched(unsigned place)
{
	struct passive p = at(place);

	return !p.by_probe && p.until == p.over && p.k == 1;
}

static const char *find_who_is_well(void)
{
	static const char *const bad[] = {"one that refuses", "one that ends at once", "one that resets at once",
					  "one that hangs"};

	turn(0);
	if (scene.probes.n != 6)
		return "all are probed, each once";
	turn(0);
	if (scene.probes.n != 6 || scene.probes.left_out != 0)
		return "one is under way for each already";
	if (!all_end())
		return "each probe ends";
	for (unsigned i = 0; i < array_len(bad); i++)
		if (!is_untouched(i))
			return bad[i];
	if (!is_due(4))
		return "one that waits for the client is well";
	return is_due(5) ? NULL : "one that greets is well";
}

static void e69_only_who_is_well_is_tried(void **state)
{
	const int ports[] = {kit_refuser(kit_ip(0)), serve(KIT_SOURCE, 0), serve(KIT_RESET, 0),
			     kit_black_hole(kit_ip(0)), serve(KIT_MUTE, 0), serve(KIT_SOURCE, 20)};

	(void)state;
	open_at(ports, array_len(ports), "timeouts: {connect: 300ms}");
	run(find_who_is_well);
}

/* What a connect of a probe took is a sample of the server, if it came about, whatever became of it then. */
static const char *sample_connects(void)
{
	struct minute_counts sums[4] = {0};

	for (unsigned i = 0; i < 3; i++) { /* nobody looks at the minute of the last one */
		world_server(&scene.world, i)->minute = calloc(1, sizeof(struct server_minute));
		if (world_server(&scene.world, i)->minute == NULL)
			return "memory";
	}
	turn(0);
	if (!all_end())
		return "each probe ends";
	for (unsigned i = 0; i < 3; i++)
		minute_add(&sums[i], world_server(&scene.world, i)->minute);
	if (histogram_count(&sums[0].connect) != 0)
		return "who refuses has no sample";
	return histogram_count(&sums[1].connect) == 1 && histogram_count(&sums[2].connect) == 1 ? NULL : "one of each";
}

static void e69_a_connect_is_a_sample(void **state)
{
	const int ports[] = {kit_refuser(kit_ip(0)), serve(KIT_SOURCE, 0), serve(KIT_MUTE, 0), serve(KIT_MUTE, 0)};

	(void)state;
	open_at(ports, array_len(ports), "retries: 1");
	run(sample_connects);
}

static const char *probe_who_is_in(void)
{
	(void)passive_forget(world_server(&scene.world, 0), np_nanotime());
	turn(0);
	return scene.probes.n == 1 && all_end() && is_due(1) ? NULL : "only the one that is out";
}

static void e69_who_is_in_is_left_alone(void **state)
{
	(void)state;
	open_well(2, "retries: 1");
	run(probe_who_is_in);
}

static const char *probe_nobody(void)
{
	turn(0);
	return scene.probes.n == 0 && scene.probes.left_out == 0 ? NULL : "its upstream does not probe";
}

static void e69_probe_no(void **state)
{
	(void)state;
	open_well(2, "health: {passive: {probe: false}}");
	run(probe_nobody);
}

/* ---- when, and how many ---- */

static const char *count_seconds(void)
{
	static const struct {
		int64_t after;
		unsigned n;
	} turns[] = {{1, 2}, {2, 2}, {59, 2}, {61, 0}, {64, 0}, {65, 2}, {66, 0}, {69, 0}, {70, 2}};

	for (unsigned i = 0; i < array_len(turns); i++) {
		turn(turns[i].after * NP_S);
		if (scene.probes.n != turns[i].n)
			return "each second for a minute, then every five";
		if (!all_end())
			return "each probe ends";
	}
	return NULL;
}

static void e69_each_second_and_later_every_five(void **state)
{
	const int ports[] = {kit_refuser(kit_ip(0)), kit_refuser(kit_ip(0))};

	(void)state;
	open_at(ports, array_len(ports), "health: {passive: {out: 1h, max_out: 1d}}");
	run(count_seconds);
}

static const char *want_four_places_of_two(void)
{
	turn(0);
	if (scene.probes.n != 2 || scene.probes.left_out != 2)
		return "two at once";
	turn(NP_S);
	if (scene.probes.n != 2 || scene.probes.left_out != 4)
		return "two are still under way";
	if (!all_end())
		return "each probe ends";
	if (!is_due(0) || !is_due(1) || !is_untouched(2) || !is_untouched(3))
		return "who had no place has not failed, and is not well";
	turn(2 * NP_S);
	return scene.probes.n == 2 && all_end() ? NULL : "a place is free again";
}

static void e69_so_many_at_once(void **state)
{
	(void)state;
	open_well(4, "retries: 1");
	scene.probes.most = 2;
	run(want_four_places_of_two);
}

/* Those that had no place are the next turn's first, and no turn is lost to one that hangs. */
static const char *rotate(void)
{
	static const unsigned after[][5] = {{1, 1, 0, 0, 0}, {1, 1, 1, 1, 0}, {2, 1, 1, 1, 1}, {2, 2, 2, 1, 1}};

	for (unsigned i = 0; i < array_len(after); i++) {
		turn(i * NP_S);
		if (!all_end())
			return "each probe ends";
		for (unsigned j = 0; j < array_len(after[i]); j++)
			if (count_of(j, PROBE_FAILED) != after[i][j])
				return "each in its turn";
	}
	if (count_of(4, PROBE_LEFT_OUT) != 3 || scene.probes.left_out != 3 * 4)
		return "who had no place is counted";
	return NULL;
}

static void e73_places_go_round(void **state)
{
	int ports[5];

	(void)state;
	for (unsigned i = 0; i < array_len(ports); i++)
		ports[i] = kit_refuser(kit_ip(0));
	open_at(ports, array_len(ports), "retries: 1");
	scene.probes.most = 2;
	run(rotate);
}

/* With the connect's timeout as it is without a word. */
static const char *hang_for_a_turn(void)
{
	int64_t begun = np_nanotime();

	turn(0);
	if (scene.probes.n != 2 || !all_end())
		return "a probe of it ends";
	if (np_nanotime() - begun < 500 * NP_MS)
		return "it was waited for";
	turn(NP_S);
	return scene.probes.n == 2 && all_end() && count_of(0, PROBE_FAILED) == 2 ? NULL : "one a second";
}

static void e69_silence_takes_no_turn(void **state)
{
	const int ports[] = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))};

	(void)state;
	_Static_assert(PROBE_LONGEST < NP_S, "it ends before the next turn");
	open_at(ports, array_len(ports), "retries: 1");
	run(hang_for_a_turn);
}

/* ---- as a connection of a client ---- */

/* A server of TLS on a thread of its own: it takes so many connections, and reads until each ends. */
struct tls_server {
	pthread_t thread;
	SSL_CTX *ctx;
	int listener, port, connections;
};

static void *serve_tls(void *arg)
{
	struct tls_server *t = arg;
	char byte;

	for (int i = 0; i < t->connections; i++) {
		int fd = kit_accept(t->listener);
		SSL *ssl = SSL_new(t->ctx);

		if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)
			while (SSL_read(ssl, &byte, 1) > 0)
				;
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

/* Its certificate is of root, and good for so many days. */
static void start_tls(struct tls_server *t, struct kit_cert *root, int days)
{
	struct kit_cert *leaf = kit_cert_make(&(struct kit_cert_opts){
		.ip = kit_ip(0), .issuer = root, .from_days = -30, .to_days = days});
	char cert[KIT_PATH], key[KIT_PATH];

	kit_cert_write(leaf, "leaf.pem", cert);
	kit_cert_write_key(leaf, "leaf.key", NULL, key);
	*t = (struct tls_server){.connections = 1, .ctx = SSL_CTX_new(TLS_server_method())};
	assert_non_null(t->ctx);
	assert_int_equal(SSL_CTX_use_certificate_file(t->ctx, cert, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM), 1);
	t->listener = kit_listen(kit_ip(0), &t->port, 16);
	assert_int_equal(pthread_create(&t->thread, NULL, serve_tls, t), 0);
}

static void stop_tls(struct tls_server *t)
{
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	SSL_CTX_free(t->ctx);
	close(t->listener);
}

/* A plain server takes the connection and never answers the ClientHello. */
static const char *find_good_tls(void)
{
	turn(0);
	if (!all_end())
		return "each probe ends";
	if (!is_due(0) || count_of(0, PROBE_GOOD) != 1)
		return "a good certificate";
	if (!is_untouched(1) || count_of(1, PROBE_FAILED) != 1)
		return "one that has expired";
	return is_untouched(2) && count_of(2, PROBE_FAILED) == 1 ? NULL : "no TLS at all";
}

static void e69_tls_as_clients_have_it(void **state)
{
	struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	struct tls_server good, expired;
	char ca[KIT_PATH], keys[2 * KIT_PATH];
	int ports[3];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	kit_cert_write(root, "ca.pem", ca);
	start_tls(&good, root, 30);
	start_tls(&expired, root, -1);
	ports[0] = good.port;
	ports[1] = expired.port;
	ports[2] = serve(KIT_MUTE, 0);
	snprintf(keys, sizeof(keys), "tls: {ca: \"%s\"}", ca);
	open_at(ports, array_len(ports), keys);
	run(find_good_tls);
	stop_tls(&good);
	stop_tls(&expired);
}

static const char *probe_first(void)
{
	turn(0);
	return all_end() && is_due(0) && count_of(0, PROBE_GOOD) == 1 ? NULL : "it is well";
}

/* The header, and then nothing but an orderly end. */
static void expect_header(const char *version, const void *header, size_t n)
{
	char keys[64];
	int ports[2], listener, fd;

	ports[0] = 0;
	listener = kit_listen(kit_ip(0), &ports[0], 16);
	ports[1] = kit_refuser(kit_ip(0));
	snprintf(keys, sizeof(keys), "proxy_protocol: %s", version);
	open_at(ports, array_len(ports), keys);
	run(probe_first);
	fd = kit_accept(listener);
	kit_expect(fd, header, n);
	kit_expect_fin(fd);
	close(fd);
	close(listener);
}

static void e69_a_header_that_says_local(void **state)
{
	(void)state;
	expect_header("v2", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
	expect_header("v1", "PROXY UNKNOWN\r\n", 15);
}

/* ---- the end ---- */

static const char *stop_while_held(void)
{
	turn(0);
	np_yield(); /* connected: the rest is waiting */
	if (scene.probes.n != 2)
		return "both are under way";
	probes_stop(&scene.probes);
	if (scene.probes.n != 0)
		return "none is under way any more";
	if (count_of(0, PROBE_FAILED) + count_of(0, PROBE_LEFT_OUT) != 0)
		return "what was given up is no result";
	return is_untouched(0) && is_untouched(1) ? NULL : "what was given up proves nothing";
}

static void e69_a_stop_is_no_good_probe(void **state)
{
	(void)state;
	open_well(2, "retries: 1");
	run(stop_while_held);
}

/* A connect that hangs would take a second more. */
static const char *stop_while_connecting(void)
{
	int64_t asked;

	turn(0);
	np_yield();
	if (scene.probes.n != 2)
		return "both are under way";
	asked = np_nanotime();
	probes_stop(&scene.probes);
	return scene.probes.n == 0 && np_nanotime() - asked < NP_S * 9 / 10 ? NULL : "given up at once";
}

static void e69_a_stop_gives_up_connects(void **state)
{
	const int ports[] = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))};

	(void)state;
	open_at(ports, array_len(ports), "retries: 1");
	run(stop_while_connecting);
}

/* The turn and the order to stop may come in one turn of the loop. */
static const char *stop_before_the_first_step(void)
{
	turn(0);
	if (scene.probes.n != 2)
		return "both have begun";
	probes_stop(&scene.probes);
	if (scene.probes.n != 0)
		return "none is under way any more";
	return is_untouched(0) && is_untouched(1) ? NULL : "what was given up proves nothing";
}

static void e69_a_stop_right_after_a_turn(void **state)
{
	(void)state;
	open_well(2, "retries: 1");
	run(stop_before_the_first_step);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e69_only_who_is_well_is_tried),
		TEST(e69_a_connect_is_a_sample),
		TEST(e69_who_is_in_is_left_alone),
		TEST(e69_probe_no),
		TEST(e69_each_second_and_later_every_five),
		TEST(e69_so_many_at_once),
		TEST(e73_places_go_round),
		TEST(e69_silence_takes_no_turn),
		TEST(e69_tls_as_clients_have_it),
		TEST(e69_a_header_that_says_local),
		TEST(e69_a_stop_is_no_good_probe),
		TEST(e69_a_stop_gives_up_connects),
		TEST(e69_a_stop_right_after_a_turn),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
