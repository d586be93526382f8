/* Verbs whose answer is as large as a lawful configuration makes it, or larger than any: a list of servers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define UPSTREAMS 10
#define SERVERS   990 /* a file has at most 10,000 keys and values */
#define STATUS    "{\"schema\":1,\"pid\":1,\"version\":\"1\",\"state\":\"serving\",\"limits\":[],\"warnings\":[]}"

/* ---- an instance of 9,900 servers ---- */

static const char *many_servers(void)
{
	static char text[24 * UPSTREAMS * SERVERS];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "control: {socket: \"%s\"}\nlisteners: [{name: web, bind: \"%s:%d\", upstream: u0}]\n"
			     "upstreams:\n", control_socket(), kit_ip(0), kit_port(kit_ip(0)));
	for (int u = 0; u < UPSTREAMS; u++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- {name: u%d, servers: [", u);
		for (int i = 0; i < SERVERS; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"192.0.2.%d:%d\"", i > 0 ? "," : "",
					      u + 1, 10000 + i);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "]}\n");
	}
	return text;
}

/* O23: with more than 4 MiB of servers doctor looks at each, and a part can be asked for. */
static void o23_thousands_of_servers(void **state)
{
	struct kit_staunch *s = kit_staunch_start(many_servers());

	(void)state;
	control_shell_ok("[ $(curl -s --unix-socket $S http://localhost/v1/servers | wc -c) -gt 4194304 ]");
	control_shell_ok(textf("%s doctor --json --socket $S 2>$S.said | jq -e '.passed | index(\"ports_used\")'; "
			       "[ ! -s $S.said ]", kit_binary()));
	control_shell_ok("[ $(curl -s --unix-socket $S 'http://localhost/v1/servers?upstream=u7' | "
			 "jq '.servers | length') = 990 ]");
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* ---- one without end ---- */

static int listener;

/* Until the reader has enough. */
static void pour(int fd)
{
	static char block[1 << 20];

	memset(block, 'x', sizeof(block));
	while (kit_io_write(fd, block, sizeof(block)) == 0)
		;
}

static void *serve(void *arg)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	char question[4096];
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		ssize_t got = read(fd, question, sizeof(question) - 1);

		question[got > 0 ? got : 0] = '\0';
		(void)kit_io_write(fd, head, sizeof(head) - 1);
		if (strstr(question, "/v1/servers") != NULL || strstr(question, "/v1/explain") != NULL)
			pour(fd);
		else
			(void)kit_io_write(fd, STATUS, sizeof(STATUS) - 1);
		close(fd);
	}
	return NULL;
}

/* O23: beyond the bound the question is named, and for servers the one that asks for a part; what could not be looked
 * at is not said to be well. */
static void o23_an_answer_beyond_the_bound(void **state)
{
	pthread_t thread;
	int code, port = 0;
	const char *out;

	(void)state;
	listener = kit_listen(control_socket(), &port, 10);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	out = control_shell(&code, textf("COLUMNS=1000 %s explain route --src 192.0.2.1 --socket $S 2>&1",
					 kit_binary()));
	assert_int_equal(code, 1);
	assert_string_equal(out, textf("staunch: the answer of the instance at %s to GET /v1/explain?src=192.0.2.1 is "
				       "larger than 64 MiB\n", control_socket()));
	out = control_shell(&code, textf("COLUMNS=1000 %s doctor --json --socket $S 2>&1 >$S.json", kit_binary()));
	assert_string_equal(out, textf("staunch: the answer of the instance at %s to GET /v1/servers is larger than "
				       "64 MiB\n  = help: ask for one upstream: curl --unix-socket %s "
				       "'http://localhost/v1/servers?upstream=NAME'\n",
				       textf("%s", control_socket()), textf("%s", control_socket())));
	control_shell_ok("jq -e '.unseen | index(\"ports_used\")' $S.json");
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o23_thousands_of_servers, kit_end),
		cmocka_unit_test_teardown(o23_an_answer_beyond_the_bound, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
