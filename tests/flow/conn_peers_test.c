/* Programs that everybody runs, on both sides of the proxy: none may notice it. */
#include <stdio.h>

#include "tests/flow/kit/front.h"
#include "tests/flow/kit/programs.h"

enum { SEED = 17, BIG = 20 * MB };

static struct front front_before_port(int port)
{
	struct front_opts o = {.servers = front_to(port)};

	return front_start(&o);
}

/* --- nginx and curl --- */

static void curl_gets_a_big_file_from_nginx(void **state)
{
	char path[KIT_PATH], url[128];
	struct kit_child *nginx;
	struct front f;
	int port;

	(void)state;
	program_need("nginx");
	program_need("curl");
	nginx = kit_nginx_start(kit_ip(0), &port);
	snprintf(path, sizeof(path), "%s/www/big", kit_dir());
	kit_file_write_stream(path, SEED, BIG);
	f = front_before_port(port);
	snprintf(url, sizeof(url), "http://%s:%d/big", f.ip, f.port);
	snprintf(path, sizeof(path), "%s/got", kit_dir());
	program_run("curl", KIT_ARGV("curl", "-sSf", "-o", path, url));
	kit_file_expect_stream(path, SEED, BIG, "");
	front_wait(&f, "client_fin", 1);
	front_end(&f);
	kit_child_signal(nginx, SIGKILL);
}

/* One connection serves all of them: neither side sees a reason to open another. */
static void a_hundred_requests_on_one_connection(void **state)
{
	char url[128];
	struct kit_child *nginx, *curl;
	struct front f;
	int port;

	(void)state;
	program_need("nginx");
	program_need("curl");
	nginx = kit_nginx_start(kit_ip(0), &port);
	f = front_before_port(port);
	snprintf(url, sizeof(url), "http://%s:%d/hello?[1-100]", f.ip, f.port);
	curl = program_run("curl", KIT_ARGV("curl", "-sSf", "-w", "%{num_connects}\n", url));
	assert_int_equal(kit_file_count(curl->out, "hello"), 100);
	assert_int_equal(kit_file_count(curl->out, "1"), 1);
	assert_int_equal(kit_file_count(curl->out, "0"), 99);
	front_wait(&f, "client_fin", 1);
	front_end(&f);
	kit_child_signal(nginx, SIGKILL);
}

/* HAProxy before us, and it must not notice either. */
static void haproxy_in_front(void **state)
{
	static const char form[] = "defaults\n mode tcp\n timeout connect 5s\n timeout client 10s\n"
				   " timeout server 10s\nlisten l\n bind %s:%d\n server s %s:%d\n";
	char text[sizeof(form) + 128], path[KIT_PATH], url[128], got[KIT_PATH];
	struct kit_child *nginx, *haproxy;
	struct front f;
	int port, outer = kit_port(kit_ip(3));

	(void)state;
	program_need("nginx");
	program_need("curl");
	program_need("haproxy");
	nginx = kit_nginx_start(kit_ip(0), &port);
	snprintf(path, sizeof(path), "%s/www/big", kit_dir());
	kit_file_write_stream(path, SEED, BIG);
	f = front_before_port(port);
	snprintf(text, sizeof(text), form, kit_ip(3), outer, f.ip, f.port);
	kit_file_write("haproxy.cfg", text, path);
	haproxy = program_serve("haproxy", KIT_ARGV("haproxy", "-q", "-db", "-f", path), kit_ip(3), outer);
	snprintf(url, sizeof(url), "http://%s:%d/big", kit_ip(3), outer);
	snprintf(got, sizeof(got), "%s/got", kit_dir());
	program_run("curl", KIT_ARGV("curl", "-sSf", "-o", got, url));
	kit_file_expect_stream(got, SEED, BIG, "");
	kit_child_signal(haproxy, SIGKILL);
	kit_child_wait(haproxy);
	front_end(&f);
	kit_child_signal(nginx, SIGKILL);
}

/* --- redis --- */

struct redis {
	struct kit_child *server;
	struct front f;
	char port[16];
};

static struct redis redis_start(void)
{
	struct redis r;
	int port;

	program_need("redis-server");
	program_need("redis-cli");
	r.server = kit_redis_start(kit_ip(0), &port);
	r.f = front_before_port(port);
	snprintf(r.port, sizeof(r.port), "%d", r.f.port);
	return r;
}

static struct kit_child *redis_cli(const struct redis *r, const char *word, const char *a,
				   const char *b)
{
	return program_run("cli", KIT_ARGV("redis-cli", "-h", r->f.ip, "-p", r->port, word, a, b));
}

static void redis_end(struct redis *r)
{
	front_end(&r->f);
	kit_child_signal(r->server, SIGKILL);
}

static void redis_answers(void **state)
{
	struct redis r = redis_start();

	(void)state;
	program_said(redis_cli(&r, "PING", NULL, NULL), "PONG\n");
	program_said(redis_cli(&r, "SET", "key", "value"), "OK\n");
	program_said(redis_cli(&r, "GET", "key", NULL), "value\n");
	front_wait(&r.f, "client_fin", 3);
	redis_end(&r);
}

static void redis_takes_a_long_pipeline(void **state)
{
	struct redis r = redis_start();
	char sets[KIT_PATH], command[KIT_PATH * 2];
	struct kit_child *pipe;
	FILE *file;

	(void)state;
	snprintf(sets, sizeof(sets), "%s/sets", kit_dir());
	file = fopen(sets, "we");
	assert_non_null(file);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "SET key:%d value:%d\r\n", i, i * 7);
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof(command), "redis-cli -h %s -p %s --pipe < %s", r.f.ip, r.port,
		 sets);
	pipe = program_run("pipe", KIT_ARGV("sh", "-c", command));
	assert_int_equal(kit_file_count(pipe->out, "errors: 0, replies: 10000"), 1);
	program_said(redis_cli(&r, "DBSIZE", NULL, NULL), "10000\n");
	program_said(redis_cli(&r, "GET", "key:9999", NULL), "value:69993\n");
	redis_end(&r);
}

/* Silent for a second on a connection that the server alone will speak on. */
static void redis_subscriber_waits(void **state)
{
	struct redis r = redis_start();
	struct kit_child *subscriber;

	(void)state;
	subscriber = kit_child_start("sub", KIT_ARGV("redis-cli", "-h", r.f.ip, "-p", r.port,
						     "SUBSCRIBE", "news"));
	kit_file_wait(subscriber->out, "subscribe", 1);
	assert_in_range(front_cpu_of_a_second(&r.f), 0, 10);
	program_said(redis_cli(&r, "PUBLISH", "news", "it-arrived"), "1\n");
	kit_file_wait(subscriber->out, "it-arrived", 1);
	kit_child_signal(subscriber, SIGKILL);
	kit_child_wait(subscriber);
	front_wait(&r.f, "client_fin", 2);
	redis_end(&r);
}

/* --- openssl: TLS goes through untouched --- */

static void curl_speaks_tls_to_openssl(void **state)
{
	char cert[KIT_PATH], key[KIT_PATH], url[128], accept[64];
	struct kit_child *server, *curl;
	int port = kit_port(kit_ip(0));
	struct front f;

	(void)state;
	program_need("openssl");
	program_need("curl");
	snprintf(cert, sizeof(cert), "%s/cert.pem", kit_dir());
	snprintf(key, sizeof(key), "%s/key.pem", kit_dir());
	snprintf(accept, sizeof(accept), "%s:%d", kit_ip(0), port);
	program_run("req", KIT_ARGV("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
			    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=staunch.test",
			    "-keyout", key, "-out", cert));
	server = program_serve("tls", KIT_ARGV("openssl", "s_server", "-quiet", "-www", "-accept", accept,
					       "-cert", cert, "-key", key), kit_ip(0), port);
	f = front_before_port(port);
	snprintf(url, sizeof(url), "staunch.test:%d:%s", f.port, f.ip);
	snprintf(accept, sizeof(accept), "https://staunch.test:%d/", f.port);
	curl = program_run("curl", KIT_ARGV("curl", "-sSf", "--cacert", cert, "--resolve", url, accept));
	assert_true(kit_file_count(curl->out, "Ciphers") > 0);
	kit_staunch_wait_log(f.s, "_fin by=", 1);
	front_end(&f);
	kit_child_signal(server, SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(curl_gets_a_big_file_from_nginx, kit_end),
		cmocka_unit_test_teardown(a_hundred_requests_on_one_connection, kit_end),
		cmocka_unit_test_teardown(haproxy_in_front, kit_end),
		cmocka_unit_test_teardown(redis_answers, kit_end),
		cmocka_unit_test_teardown(redis_takes_a_long_pipeline, kit_end),
		cmocka_unit_test_teardown(redis_subscriber_waits, kit_end),
		cmocka_unit_test_teardown(curl_speaks_tls_to_openssl, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
