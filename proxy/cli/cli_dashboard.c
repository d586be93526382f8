/* cli_dashboard: a small HTTP proxy for one browser, from a port of 127.0.0.1 to the control socket. Everybody on the
 * machine can connect to the port, so nothing is passed on without the secret.
 *
 *   GET /ONCE, the first time   303 to /, with the cookie
 *   the cookie, GET or HEAD     a new connection to the control socket, one request, its answer as it comes
 *   anything else               404: it does not even say what it is
 *
 * A cookie is for the host, whatever the port: its name has the port, so that two of us do not mix them up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "netpoll/netpoll.h"
#include "proxy/base/text.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/control/signals.h"
#include "proxy/proto/http_request.h"

#define SECRET_BYTES 16
#define SECRET_TEXT  (SECRET_BYTES * 2 + 1)
#define SESSIONS     32
#define BLOCK        16384
#define HEAD_TIME    (5 * NP_S)
#define FIRST_TIME   (10 * NP_S) /* for the first bytes of an answer */
#define REST_TIME    (70 * NP_S) /* between two of its bytes: a trace lasts a minute */
#define WRITE_TIME   (30 * NP_S)
#define LINGER       (1 * NP_S)

struct dashboard {
	const char *socket_path;
	struct np_addr control;
	int sysfd; /* listens; before the worker has it */
	struct np_fd listener;
	int port;
	char once[SECRET_TEXT], cookie[SECRET_TEXT];
	bool used;         /* the path */
	bool stopping;
	struct list sessions;
	unsigned nsessions;
	int err;           /* why it could not begin */
};

/* A connection of the browser, and its one request. */
struct session {
	struct dashboard *d;
	struct np_fd client, control;
	bool dialled;
	struct list link;
	struct http_request request; /* borrows from in */
	size_t n;                    /* bytes of in */
	char in[HTTP_REQUEST_HEAD];
	char block[BLOCK];
};

/* ---- secrets ---- */

/* 128 bits, in hexadecimal, so that it may stand in a path and in a cookie. */
static bool draw_secret(char out[SECRET_TEXT])
{
	unsigned char bytes[SECRET_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

/* How long it takes does not depend on where they differ. */
static bool is_secret(const char *p, size_t n, const char *secret)
{
	unsigned char differ = 0;

	if (n != SECRET_TEXT - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(p[i] ^ secret[i]);
	return differ == 0;
}

/* ---- what we answer ourselves ---- */

/* In the form of the process's own answers; the path with the secret must not be passed on as a referrer. */
static void answer(struct session *s, const char *status, const char *fields, const char *message)
{
	char text[640];
	int n;

	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
		     "Referrer-Policy: no-referrer\r\nConnection: close\r\n%s\r\n"
		     "{\"schema\":1,\"error\":{\"code\":\"E%.3s\",\"message\":\"%s\"}}\n",
		     status, fields, status, message);
	if (n <= 0 || (size_t)n >= sizeof(text) || np_fd_write(&s->client, text, (size_t)n, NULL) != 0)
		return; /* the browser has gone: there is nobody to tell */
}

/* The path is used up before the answer goes out: a second one finds nothing, even if this browser is lost. */
static void let_in(struct session *s)
{
	char fields[256];

	s->d->used = true;
	snprintf(fields, sizeof(fields),
		 "Location: /\r\nSet-Cookie: staunch-%d=%s; Path=/; HttpOnly; SameSite=Strict\r\n", s->d->port,
		 s->d->cookie);
	answer(s, "303 See Other", fields, "the dashboard is at /");
}

/* ---- who may ---- */

/* A page of a stranger can reach this port under a name of its own (DNS rebinding): its Host is that name. */
static bool is_our_host(const struct session *s)
{
	char host[32];

	snprintf(host, sizeof(host), "127.0.0.1:%d", s->d->port);
	if (http_span_is(s->request.host, host))
		return true;
	snprintf(host, sizeof(host), "localhost:%d", s->d->port);
	return http_span_is(s->request.host, host);
}

/* Browsers send all cookies of the host in one header. */
static bool has_cookie(const struct session *s)
{
	struct http_span all = s->request.cookie;
	char name[32];
	size_t len = (size_t)snprintf(name, sizeof(name), "staunch-%d=", s->d->port);

	for (size_t at = 0; at < all.n;) {
		const char *p = all.p + at, *end = memchr(p, ';', all.n - at);
		size_t n = end != NULL ? (size_t)(end - p) : all.n - at;

		at += n + 1;
		for (; n > 0 && *p == ' '; n--)
			p++;
		if (n > len && memcmp(p, name, len) == 0 && is_secret(p + len, n - len, s->d->cookie))
			return true;
	}
	return false;
}

/* Returns false when the request was answered here. */
static bool may_pass(struct session *s)
{
	const struct http_request *q = &s->request;

	if (!is_our_host(s)) {
		answer(s, "403 Forbidden", "", "the Host is none of ours");
		return false;
	}
	if (q->method == HTTP_GET && !s->d->used && is_secret(q->path + 1, strlen(q->path + 1), s->d->once)) {
		let_in(s);
		return false;
	}
	if (!has_cookie(s)) {
		answer(s, "404 Not Found", "", "there is nothing here");
		return false;
	}
	if (q->method == HTTP_POST) {
		answer(s, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "this only reads");
		return false;
	}
	return true;
}

/* ---- the request ---- */

/* Returns false when there is none, or it was answered. */
static bool read_browser(struct session *s)
{
	struct http_head h = {0};
	const char *why = NULL;
	enum http_verdict v;

	np_fd_set_read_deadline(&s->client, np_deadline_after(HEAD_TIME));
	while ((v = http_head_find(&h, s->in, s->n, &why)) == HTTP_MORE) {
		ssize_t n = s->n < sizeof(s->in) ? np_fd_read(&s->client, s->in + s->n, sizeof(s->in) - s->n) : 0;

		if (n <= 0)
			return false;
		s->n += (size_t)n;
	}
	if (v == HTTP_OK)
		v = http_request_read(s->in, h.seen, &s->request);
	if (v != HTTP_OK)
		answer(s, "400 Bad Request", "", "this is no request that it understands");
	return v == HTTP_OK;
}

/* ---- the control socket ---- */

/* The process may have been restarted by somebody else since the start of the verb: it is looked at anew. */
static bool dial_control(struct session *s)
{
	const struct np_dial_opts opts = {.deadline = np_deadline_after(FIRST_TIME), .watch = &s->client};
	struct np_peer peer = {.pidfd = -1};
	bool trusted;

	if (np_dial(&s->control, &s->d->control, 1, &opts) != 0)
		return false;
	s->dialled = true;
	trusted = np_fd_unix_peer(&s->control, &peer) == 0 && cli_trusts(peer.uid, s->d->socket_path);
	if (peer.pidfd >= 0)
		np_sock_close(peer.pidfd);
	return trusted;
}

static void put_field(struct text *t, const char *name, struct http_span v)
{
	if (v.p == NULL)
		return;
	text_str(t, name);
	text_bytes(t, v.p, v.n);
	text_str(t, "\r\n");
}

/* The target is passed on as it came.   Returns  false: it did not go out whole. */
static bool pass_request(struct session *s)
{
	size_t method = strcspn(s->in, " ") + 1, target = strcspn(s->in + method, " ");
	struct text t;

	text_init(&t, s->block, sizeof(s->block));
	text_str(&t, s->request.method == HTTP_HEAD ? "HEAD " : "GET ");
	text_bytes(&t, s->in + method, target);
	text_str(&t, s->request.chunks ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
	text_str(&t, "Host: localhost\r\nConnection: close\r\n");
	put_field(&t, "Accept: ", s->request.accept);
	put_field(&t, "Accept-Encoding: ", s->request.accept_encoding);
	put_field(&t, "If-None-Match: ", s->request.if_none_match);
	text_str(&t, "\r\n");
	np_fd_set_write_deadline(&s->control, np_deadline_after(FIRST_TIME));
	return !t.cut && np_fd_write(&s->control, t.p, t.n, NULL) == 0;
}

/* As it comes, so that events and traces show at once. */
static void pass_answer(struct session *s)
{
	ssize_t n;
	size_t all = 0;

	np_fd_set_read_deadline(&s->control, np_deadline_after(FIRST_TIME));
	while ((n = np_fd_read(&s->control, s->block, sizeof(s->block))) > 0) {
		np_fd_set_write_deadline(&s->client, np_deadline_after(WRITE_TIME));
		if (np_fd_write(&s->client, s->block, (size_t)n, NULL) != 0)
			return;
		all += (size_t)n;
		np_fd_set_read_deadline(&s->control, np_deadline_after(REST_TIME));
	}
	if (all == 0)
		answer(s, "504 Gateway Timeout", "", "the process does not answer");
}

static void serve_session(struct session *s)
{
	np_fd_set_write_deadline(&s->client, np_deadline_after(WRITE_TIME));
	if (!read_browser(s) || !may_pass(s))
		return;
	if (s->in[strcspn(s->in, " ") + 1] != '/')
		answer(s, "400 Bad Request", "", "the target is no path");
	else if (!dial_control(s) || !pass_request(s))
		answer(s, "502 Bad Gateway", "", "the process is not there");
	else
		pass_answer(s);
}

/* ---- connections ---- */

/* What still comes is dropped, so that a close with bytes unread does not destroy the answer. */
static void end_session(struct session *s)
{
	int64_t until = np_deadline_after(LINGER);

	if (np_fd_close_write(&s->client) == 0) {
		np_fd_set_read_deadline(&s->client, until);
		while (np_fd_read(&s->client, s->block, sizeof(s->block)) > 0)
			;
	}
	list_remove(&s->link);
	s->d->nsessions--;
	if (s->dialled)
		np_fd_close(&s->control);
	np_fd_close(&s->client);
	free(s);
}

static void session_main(void *arg)
{
	struct session *s = arg;

	serve_session(s);
	end_session(s);
}

/* One too many is closed without a word: browsers try again. */
static void begin_session(struct dashboard *d, int sysfd)
{
	struct session *s = d->nsessions < SESSIONS ? malloc(sizeof(*s)) : NULL;

	if (s == NULL) {
		np_sock_close(sysfd);
		return;
	}
	s->d = d;
	s->n = 0;
	s->dialled = false;
	if (np_fd_init(&s->client, sysfd) != 0) {
		np_sock_close(sysfd);
		free(s);
		return;
	}
	list_push_back(&d->sessions, &s->link);
	d->nsessions++;
	if (np_go("dashboard session", session_main, s) != 0)
		end_session(s);
}

static void accept_browser(void *arg)
{
	struct dashboard *d = arg;

	while (!d->stopping) {
		int fd = np_fd_accept(&d->listener, NULL);

		if (fd >= 0)
			begin_session(d, fd);
		else if (!d->stopping)
			np_sleep(100 * NP_MS); /* no descriptor is free */
	}
}

/* Each session ends at the closing of its descriptors, and frees itself. */
static void stop(struct dashboard *d)
{
	d->stopping = true;
	np_fd_close(&d->listener);
	list_for_each(it, &d->sessions) {
		struct session *s = list_entry(it, struct session, link);

		np_fd_set_deadline(&s->client, np_now());
		if (s->dialled)
			np_fd_set_deadline(&s->control, np_now());
	}
}

static void say_where(const struct dashboard *d)
{
	printf("http://127.0.0.1:%d/%s\n", d->port, d->once);
	printf("Open it in a browser: it works once. Ctrl-C ends the dashboard.\n");
	fflush(stdout);
}

static void dashboard_main(void *arg)
{
	struct dashboard *d = arg;

	d->err = np_fd_init(&d->listener, d->sysfd);
	if (d->err != 0) {
		np_sock_close(d->sysfd);
		return;
	}
	d->err = signals_start();
	if (d->err == 0)
		d->err = np_go("dashboard accept", accept_browser, d);
	if (d->err == 0) {
		say_where(d);
		if (signals_wait(SIGNALS_STOP, 0) < 0)
			d->err = -NP_ECANCELED;
	}
	stop(d);
	signals_stop();
}

/* ---- the verb ---- */

static int read_port_option(const struct cli_args *a, int *port)
{
	const char *text = a->value[CLI_OPT_PORT];
	char *end;
	long n;

	*port = 0;
	if (text == NULL)
		return EXIT_OK;
	n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 1 || n > 65535)
		return cli_misused(a->verb, "--port takes a number from 1 to 65535, not \"%s\"", text);
	*port = (int)n;
	return EXIT_OK;
}

/* Port 0 lets the system choose; d->port is the one that it chose. */
static int listen_at(struct dashboard *d, int port)
{
	const struct np_listen_opts opts = {.nodelay = true};
	char text[32];
	struct np_addr a;

	snprintf(text, sizeof(text), "127.0.0.1:%d", port);
	if (np_addr_parse(&a, text, NULL) != 0)
		return -NP_EINVAL;
	d->sysfd = np_listen(&a, &opts);
	if (d->sysfd < 0)
		return d->sysfd;
	if (np_sock_addr(d->sysfd, &a) == 0)
		d->port = np_addr_port(&a.u.sa);
	return 0;
}

/* A process that is not there, or not ours, is said before a browser is opened. */
static int look_for_process(const struct cli_args *a)
{
	struct cli_answer w = {0};
	int code = cli_ask(a, "GET", "/v1/status", CLI_PATIENCE, &w);

	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	cli_answer_free(&w);
	return code;
}

static int run_dashboard(struct dashboard *d, int port)
{
	const struct np_worker_opts opts = {.name = "dashboard", .cpu = -1, .main = dashboard_main, .arg = d};
	char text[CONTROL_PATH_ROOM + 8];
	int err;

	snprintf(text, sizeof(text), "unix:%s", d->socket_path);
	if (np_addr_parse(&d->control, text, NULL) != 0 || !draw_secret(d->once) || !draw_secret(d->cookie)) {
		cli_complain("no random bytes for the address: allow getrandom");
		return EXIT_FAILED;
	}
	err = listen_at(d, port);
	if (err < 0) {
		cli_complain("127.0.0.1:%d: %s", port, np_err_text(err));
		return EXIT_FAILED;
	}
	err = signals_open();
	if (err == 0)
		err = np_run(&opts);
	if (err == 0)
		err = d->err;
	if (err == 0)
		return EXIT_OK;
	cli_complain("the dashboard cannot start: %s", np_err_text(err));
	return EXIT_FAILED;
}

int cli_dashboard(const struct cli_args *a)
{
	struct dashboard d = {.sysfd = -1};
	char where[CONTROL_PATH_ROOM];
	int port, code = read_port_option(a, &port);

	if (code == EXIT_OK)
		code = look_for_process(a);
	if (code != EXIT_OK)
		return code;
	d.socket_path = cli_socket_path(a, where);
	list_init(&d.sessions);
	return d.socket_path != NULL ? run_dashboard(&d, port) : EXIT_FAILED;
}
