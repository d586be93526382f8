/* O35: whatever text comes from elsewhere, none of its bytes acts on the terminal of who reads it. The
 * kind is tried, not the place: each verb that tells of a file is given files whose names and texts are hostile, and
 * each that tells of a process an instance that puts such bytes into everything it says. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/text/utf8.h"
#include "tests/flow/kit/control.h"

/* An escape, a control of eight bits, a turn of the writing direction, a byte that is no UTF-8. */
#define BAD "\x1b]0;x\x07\xC2\x9B\xE2\x80\xAE\xFF"

/* What reached the terminal has lines and characters that are seen, and nothing else. */
static void expect_harmless(const char *words, const char *out)
{
	size_t n = strlen(out), len;
	uint32_t c;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_decode(out + i, n - i, &c);
		if (len == 0 || (utf8_is_hostile(c) && c != '\n'))
			kit_fail("%s prints byte %02x at %zu of:\n%.2000s", words, (unsigned)(unsigned char)out[i], i,
				 out);
	}
}

/* Runs it, and looks at all it says.   Returns  its exit code. */
static int try_words(const char *words)
{
	int code;
	const char *out = control_shell(&code, textf("b=$(realpath %s); cd %s; $b %s 2>&1", kit_binary(), kit_dir(),
						     words));

	if (code != 127 && code < 128 && (code == 0 || out[0] != '\0'))
		expect_harmless(words, out);
	else
		kit_fail("%s says \"%s\" and ends with %d", words, out, code);
	return code;
}

/* ---- files ---- */

static void o35_files(void **state)
{
	static const char *const verbs[] = {
		"check --offline",
		"check",
		"check --strict",
		"check --format json",
		"check --format github",
		"check --format sarif",
		"config show -c",
		"config show --annotated -c",
		"run -c",
		"doctor -c",
		"explain route --src 192.0.2.1 -c",
	};
	static const char good[] = "include: conf.d/*.yaml\n"
				   "listeners: [{name: web, bind: \"unix:x.sock\", upstream: app}]\n"
				   "control: {socket: off}\n";
	static const char *const parts[] = {
		"upstreams: [{name: app, servers: [\"unix:y.sock\"]}]\n",
		"upstreams: [{name: app, servers: [\"unix:y.sock\", \"unix:y.sock\"]}, "
		"{name: app, servers: [\"" BAD "\"]}]\n",
		"upstreams: [{name: \"" BAD "\", servers: [\"unix:\\e[31m\", \"\\u202e:80\"]}]\n\"" BAD "\": 1\n",
	};
	char path[KIT_PATH];

	(void)state;
	assert_int_equal(mkdir(textf("%s/conf.d", kit_dir()), 0755), 0);
	for (size_t i = 0; i < array_len(parts); i++) {
		kit_file_write(BAD ".yaml", good, path);
		kit_file_write("conf.d/" BAD "\n.yaml", parts[i], path);
		for (size_t j = 0; j < array_len(verbs); j++)
			if (i > 0 || strcmp(verbs[j], "run -c") != 0)
				try_words(textf("%s \"$(printf '" BAD ".yaml')\"", verbs[j]));
	}
}

/* Words of the line itself: a script may have taken them from anywhere. */
static void o35_words(void **state)
{
	static const char *const lines[] = {
		"%s", "--%s", "check --%s", "check --format %s", "check %s", "config show -c %s",
		"explain %s", "help %s",
		"proxy --from %s --to %s", "proxy --from 127.0.0.1:0 --to %s", "status --socket /%s", "status %s",
		"server drain %s --socket /none", "server weight a/b %s --socket /none",
		"drain --delay %s --socket /none",
		"events --since %s --socket /none", "conns --limit %s --socket /none", "explain route --tls %s",
		"demo --seconds %s", "doctor -c %s",
	};

	(void)state;
	for (size_t i = 0; i < array_len(lines); i++) {
		const char *at = strstr(lines[i], "%s"), *second = strstr(at + 2, "%s");
		const char *word = "\"$(printf 'a" BAD "')\"";

		try_words(textf("%.*s%s%.*s%s%s", (int)(at - lines[i]), lines[i], word,
				(int)(second != NULL ? second - at - 2 : (long)strlen(at + 2)), at + 2,
				second != NULL ? word : "", second != NULL ? second + 2 : ""));
	}
}

/* ---- an instance ---- */

/* The members of all answers in one object: each verb finds its own. */
#define ANSWER                                                                                                      \
	"{\"schema\":1,\"generation\":1,\"version\":\"" BAD "\",\"pid\":1,\"state\":\"" BAD "\",\"uptime_ms\":1,"   \
	"\"config\":{\"path\":\"" BAD "\",\"loaded_at\":\"" BAD "\",\"last_error\":\"" BAD "\",\"changes\":\"" BAD  \
	"; " BAD "\"},\"connections\":{\"active\":1,\"max\":2,\"total\":3},\"workers\":[{\"id\":0,\"silent_ms\":9}]," \
	"\"warnings\":[{\"text\":\"" BAD "\",\"severity\":\"" BAD "\",\"code\":\"" BAD "\",\"message\":\"" BAD      \
	"\",\"line\":1,\"column\":1,\"file\":\"" BAD "\"}],\"limits\":[{\"name\":\"" BAD "\",\"listener\":\"" BAD  \
	"\",\"used\":1,\"max\":1,\"high\":1,\"hits\":1,\"episode\":true,\"acts\":true,\"effect\":\"" BAD "\"}],"    \
	"\"server\":\"" BAD "\",\"state_until\":\"" BAD "\",\"weight\":1,\"weight_until\":\"" BAD "\","            \
	"\"max_connections\":\"" BAD "\",\"persisted\":false,\"asked\":{\"src\":\"" BAD "\",\"sni\":\"" BAD         \
	"\",\"alpn\":[\"" BAD "\"],\"tls\":\"" BAD "\"},\"tls\":{\"version\":\"" BAD "\",\"alpn\":\"" BAD           \
	"\",\"client_auth\":\"" BAD "\"},\"rule\":{\"file\":\"" BAD "\",\"line\":1,\"index\":0},\"listener\":\"" BAD \
	"\",\"upstream\":\"" BAD "\",\"close\":{\"reason\":\"" BAD "\",\"why\":\"" BAD "\"},\"candidates\":[{"      \
	"\"server\":\"a/" BAD "\",\"usable\":\"" BAD "\",\"why\":\"" BAD "\"}],\"error\":{\"message\":\"" BAD       \
	"\",\"help\":\"" BAD "\"},\"problems\":[{\"severity\":\"" BAD "\",\"code\":\"" BAD "\",\"message\":\"" BAD  \
	"\",\"file\":\"" BAD "\",\"line\":1,\"column\":1}],\"errors\":[],\"changes\":[{\"kind\":\"" BAD             \
	"\",\"object\":\"" BAD "\",\"effect\":\"" BAD "\",\"keys\":[\"" BAD "\"]}],\"matched\":1,\"killed\":1,"     \
	"\"listeners\":[{\"name\":\"" BAD "\"}],\"servers\":[{\"server\":\"" BAD "\",\"why\":\"" BAD "\"}]}"
#define LINE                                                                                                        \
	"{\"time\":\"2026-01-02T" BAD BAD "\",\"kind\":\"" BAD "\",\"message\":\"" BAD "\",\"id\":\"" BAD           \
	"\",\"stage\":\"" BAD "\",\"us\":1,\"client\":\"" BAD "\",\"server\":\"" BAD "\",\"reason\":\"" BAD         \
	"\",\"sni\":\"" BAD "\",\"bottleneck\":\"" BAD "\",\"detail\":\"" BAD "\"}\n"
#define AUDIT "{\"kind\":\"audit\",\"facts\":{\"path\":\"" BAD "\",\"status\":200,\"client\":\"" BAD "\"}}\n"

static struct instance {
	int listener, status;
	pthread_t thread;
} instance;

static void answer_one(int fd)
{
	static const char lines[] = LINE AUDIT LINE "{\"events\":\"over\",\"seq\":1,\"why\":\"" BAD "\"}\n";
	char head[8192], out[256];
	size_t n = 0;
	ssize_t got;
	const char *body, *length;
	bool streams;

	while (n < sizeof(head) - 1 && (got = read(fd, head + n, sizeof(head) - 1 - n)) > 0) {
		n += (size_t)got;
		head[n] = '\0';
		length = strstr(head, "Content-Length: ");
		body = strstr(head, "\r\n\r\n");
		if (body != NULL && (length == NULL || strlen(body + 4) >= strtoul(length + 16, NULL, 10)))
			break;
	}
	streams = strstr(head, "/v1/events") != NULL || strstr(head, "/v1/trace") != NULL ||
		  strstr(head, "GET /v1/conns") != NULL;
	body = streams && instance.status == 200 ? lines : ANSWER;
	snprintf(out, sizeof(out), "HTTP/1.1 %d OK\r\nContent-Length: %zu\r\n\r\n",
		 strstr(head, "/livez") != NULL ? 200 : instance.status, strlen(body));
	if (kit_io_write(fd, out, strlen(out)) == 0)
		(void)kit_io_write(fd, body, strlen(body));
	close(fd);
}

static void *serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(instance.listener, NULL, NULL)) >= 0)
		answer_one(fd);
	return NULL;
}

static void o35_an_instance(void **state)
{
	static const int statuses[] = {200, 403, 409, 422, 503};
	static const char *const verbs[] = {
		"status", "status --limits", "status --json", "conns", "conns --tcp", "conns --json",
		"conns --kill --yes --all", "server drain a/b", "server ready a/b --json",
		"explain route --src 192.0.2.1",
		"reload", "reload --json", "drain", "events", "events --json", "trace", "trace --json", "doctor",
		"doctor --json", "check --against-live f.yaml", "check --against-live f.yaml --json",
		"config show --diff running -c f.yaml",
	};
	char path[KIT_PATH];
	int port = 0;

	(void)state;
	kit_file_write("f.yaml", "listeners: [{name: web, bind: \"unix:x.sock\", upstream: app}]\n"
				 "upstreams: [{name: app, servers: [\"unix:y.sock\"]}]\n", path);
	instance.listener = kit_listen(control_socket(), &port, 10);
	assert_int_equal(pthread_create(&instance.thread, NULL, serve, NULL), 0);
	for (size_t i = 0; i < array_len(statuses); i++)
		for (size_t j = 0; j < array_len(verbs); j++) {
			instance.status = statuses[i];
			try_words(textf("%s --socket $S", verbs[j]));
		}
	shutdown(instance.listener, SHUT_RDWR);
	pthread_join(instance.thread, NULL);
	close(instance.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o35_files, kit_end),
		cmocka_unit_test_teardown(o35_words, kit_end),
		cmocka_unit_test_teardown(o35_an_instance, kit_end),
	};

	return cmocka_run_group_tests_name("cli_hostile", tests, NULL, NULL);
}
