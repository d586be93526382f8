/* Each call of the start fails once, with each error it can have (V14). The program serves as
 * usual, or it ends with a documented code and says what it could not have: it does not hang,
 * crash or stop without a word, and never takes a failure of its own for an order to stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/faults.h"
#include "tests/flow/kit/tls_edge.h"

enum { START_MS = 6000 }; /* until it serves or is gone; a start takes a hundredth of it */

struct start {
	struct faults f;
	char config[KIT_PATH], unix_path[KIT_PATH];
	int tcp, tls;
	char err[8192]; /* what the latest said */
};

/* ---- the ways it may go ---- */

/* What a message says instead of the call's own name. A path that the call was given does as
 * well. */
static const struct {
	const char *call, *words;
} called[] = {
	{"accept4", "accept"},
	{"aligned_alloc", "memory"},
	{"bind", "bind|listen"},
	{"calloc", "memory"},
	{"epoll_create1", "epoll|worker|poller"},
	{"epoll_ctl", "epoll|worker|poller|signal|poll"},
	{"eventfd", "eventfd|worker"},
	{"fcntl", "descriptor|listen"},
	{"fgets", "read"},
	{"fopen", "open|read"},
	{"fread", "read"},
	{"fstat", "read|log|look"},
	{"getentropy", "random"},
	{"getrandom", "random"},
	{"getsockname", "listen|address|bind"},
	{"listen", "listen|bind"},
	{"madvise", "memory|stack"},
	{"malloc", "memory"},
	{"mmap", "memory|stack"},
	{"mprotect", "memory|stack"},
	{"open", "open|read"},
	{"poll", "log|poll"},
	{"pthread_create", "thread"},
	{"read", "read"},
	{"realloc", "memory"},
	{"recv", "signal"},
	{"setsockopt", "bind|listen|option"},
	{"socket", "socket|bind|listen"},
	{"socketpair", "signal"},
};

static bool names_one(const char *text, const char *words)
{
	size_t n;

	for (; *words != '\0'; words += n + (words[n] == '|')) {
		n = strcspn(words, "|");
		if (memmem(text, strlen(text), words, n) != NULL)
			return true;
	}
	return false;
}

/* Whether what it said lets a reader find the thing. */
static bool names_the_thing(const char *text, const struct fault_rule *r)
{
	const char *base = strrchr(r->object, '/');

	if (strstr(text, fault_call_name(r->call)) != NULL)
		return true;
	if (r->object[0] != '\0' && strstr(text, base != NULL ? base + 1 : r->object) != NULL)
		return true;
	for (size_t i = 0; i < array_len(called); i++)
		if (strcmp(called[i].call, fault_call_name(r->call)) == 0)
			return names_one(text, called[i].words);
	return false;
}

static const char *last_line(char *text)
{
	size_t n = strlen(text);
	char *at;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	at = strrchr(text, '\n');
	return at != NULL ? at + 1 : text;
}

/* What is wrong with a program that ended by itself; NULL: nothing. */
static const char *bad_end(struct start *s, const struct fault_rule *r)
{
	int status = s->f.child->status;

	if (strstr(s->err, "Sanitizer") != NULL || strstr(s->err, "runtime error") != NULL)
		return textf("sanitizer: %.300s", s->err);
	if (status >= 128)
		return textf("killed by SIG%s: %.600s", sigabbrev_np(status - 128), s->err);
	if (status != 1 && status != 69 && status != 77 && status != 78)
		return textf("exit %d: %.200s", status, last_line(s->err));
	if (s->err[0] == '\0')
		return textf("exit %d without a word", status);
	if (!names_the_thing(s->err, r))
		return textf("exit %d does not name it (%s): %.300s", status, r->object, last_line(s->err));
	return NULL;
}

/* ---- does it serve? ---- */

static bool echoes(const char *ip, int port)
{
	static const char line[] = "are you there?";
	char got[sizeof(line)];
	int fd = kit_try_connect(ip, port);
	bool same;

	if (fd < 0)
		return false;
	same = kit_io_write(fd, line, sizeof(line)) == 0 &&
	       kit_io_read_all(fd, got, sizeof(got)) == (ssize_t)sizeof(got) && memcmp(got, line, sizeof(line)) == 0;
	close(fd);
	return same;
}

static bool echoes_tls(const char *ip, int port)
{
	int fd = kit_try_connect(ip, port);
	struct tls_peer p;
	char got[4];
	size_t n;
	bool same;

	if (fd < 0)
		return false;
	same = tls_peer_dial(&p, fd, &(struct tls_peer_opts){.ca = pki.ca, .sni = "a.test"}) &&
	       SSL_write_ex(p.ssl, "here", 4, &n) == 1 && SSL_read_ex(p.ssl, got, 4, &n) == 1 &&
	       memcmp(got, "here", n) == 0;
	tls_peer_close(&p);
	return same;
}

static bool ready_or_gone(void *arg)
{
	const struct start *s = arg;

	return kit_file_count(s->f.child->err, "\"ready\"") > 0 || !kit_child_alive(s->f.child);
}

static bool gone(void *arg)
{
	return !kit_child_alive(((const struct start *)arg)->f.child);
}

static bool serves(struct start *s)
{
	return echoes(kit_ip(1), s->tcp) && echoes(s->unix_path, 0) && echoes_tls(kit_ip(1), s->tls);
}

static const char *bad_service(struct start *s)
{
	unsigned hits = faults_hits(&s->f);

	/* A fault that came after "ready" may have struck one connection. */
	if (!serves(s) && (faults_hits(&s->f) == hits || !serves(s)))
		return "ready, and does not relay";
	if (!kit_child_alive(s->f.child))
		return textf("stopped by itself with %d: %s", s->f.child->status, s->err);
	kit_child_signal(s->f.child, SIGTERM);
	if (!kit_wait(gone, s, START_MS))
		return "does not stop at SIGTERM";
	kit_file_read(s->f.child->err, s->err, sizeof(s->err));
	if (strstr(s->err, "Sanitizer") != NULL || strstr(s->err, "runtime error") != NULL)
		return textf("sanitizer: %.300s", s->err);
	if (s->f.child->status != 0)
		return textf("SIGTERM ends it with %d: %s", s->f.child->status, last_line(s->err));
	return NULL;
}

static void forget(struct start *s)
{
	if (kit_child_alive(s->f.child)) {
		kit_child_signal(s->f.child, SIGKILL);
		kit_child_wait(s->f.child);
	}
	unlink(s->f.child->out);
	unlink(s->f.child->err);
	unlink(s->unix_path);
}

static const char *start_with(struct start *s, const struct fault_rule *r)
{
	const char *bad;
	bool decided;

	faults_arm(&s->f, r);
	faults_spawn(&s->f, s->config);
	/* The line that could not be written may be "ready": then serving says so. */
	decided = kit_wait(ready_or_gone, s, START_MS) || serves(s);
	kit_file_read(s->f.child->err, s->err, sizeof(s->err));
	if (!decided)
		bad = textf("hangs: %.300s", last_line(s->err));
	else if (kit_child_alive(s->f.child))
		bad = bad_service(s);
	else
		bad = bad_end(s, &s->f.table->rule[0]);
	forget(s);
	faults_disarm(&s->f);
	return bad;
}

/* ---- the tests ---- */

static struct fault_ledger ledger; /* no row of what is wrong today */

static void start_open(struct start *s)
{
	struct kit_peer *echo;

	memset(s, 0, sizeof(*s));
	pki_write();
	echo = echo_start();
	s->tcp = kit_port(kit_ip(1));
	s->tls = kit_port(kit_ip(1));
	snprintf(s->unix_path, sizeof(s->unix_path), "%s/web.sock", kit_dir());
	kit_file_write("staunch.yaml",
		       textf("workers: 1\n"
			     "log: {access: \"@DIR@/access.log\", format: text}\n"
			     "shutdown: {timeout: 1s}\n"
			     "listeners:\n"
			     "  - {name: tcp, bind: \"%s:%d\", upstream: back}\n"
			     "  - {name: file, bind: \"unix:%s\", upstream: back}\n"
			     "  - {name: tls, bind: \"%s:%d\", %s}\n"
			     "upstreams:\n%s",
			     kit_ip(1), s->tcp, s->unix_path, kit_ip(1), s->tls, tls_edge_keys(""),
			     edge_upstream("back", kit_peer_port(echo), "")),
		       s->config);
	faults_open(&s->f);
}

static void each_call_of_the_start_fails_once(void **state)
{
	struct fault_walk w = {.when = FAULT_AT_START};
	struct fault_rule r = {.thread = FAULT_THREADS};
	struct start s;

	(void)state;
	start_open(&s);
	faults_spawn(&s.f, s.config);
	assert_true(kit_wait(ready_or_gone, &s, KIT_MS) && kit_child_alive(s.f.child));
	fault_walk_init(&w, &s.f, FAULT_THREADS);
	assert_null(bad_service(&s));
	forget(&s);
	while (fault_walk_next(&w, &r))
		fault_note(&ledger, "start", &r, start_with(&s, &r));
	faults_close(&s.f);
	fault_ledger_close(&ledger);
	fault_ledger_healed(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_call_of_the_start_fails_once, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's write raises it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
