/* ocsp_ask: one attempt, under one deadline. Everything it waits for is ask->fd, so to cancel it,
 * ocsp_ask_cancel sets an expired deadline on that one descriptor. */
#include "proxy/control/ocsp_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/creds/tls_staple.h"
#include "proxy/proto/http.h"
#include "proxy/resolve/dns.h"

#define TYPE_ASKED  "application/ocsp-request"
#define TYPE_WANTED "application/ocsp-response"

/* ---- words ---- */

static int ask_failed_with(struct ocsp_ask *ask, int err, const char *what, const char *why)
{
	snprintf(ask->why, sizeof(ask->why), "%s: %s", what, why);
	return err;
}

static int ask_failed(struct ocsp_ask *ask, int err, const char *what)
{
	return ask_failed_with(ask, err, what, np_err_text(err));
}

/* Before each operation that parks. False: it was canceled while nothing waited, when a deadline on
 * fd would have been lost. */
static bool begin_wait(struct ocsp_ask *ask)
{
	ask->waits = !ask->canceled;
	return ask->waits;
}

void ocsp_ask_cancel(struct ocsp_ask *ask)
{
	ask->canceled = true;
	if (ask->waits)
		np_fd_set_deadline(&ask->fd, np_now());
}

/* ---- the address ---- */

static int look_up_responder(struct ocsp_ask *ask, const struct http_url *u, int64_t deadline,
		   struct dns_answer *a)
{
	int err = dns_ask(&ask->fd, u->host, u->port);

	if (err != 0)
		return ask_failed(ask, err, "looking up its name");
	np_fd_set_deadline(&ask->fd, deadline);
	err = begin_wait(ask) ? dns_take(&ask->fd, a) : -NP_ECANCELED;
	ask->waits = false;
	np_fd_close(&ask->fd);
	if (err != 0)
		return ask_failed(ask, err, "looking up its name");
	return a->err == 0 ?
		       0 :
		       ask_failed_with(ask, -NP_ENOENT, "looking up its name", dns_text(a->err));
}

/* A URL that names an address needs no resolver, and so no thread. */
static int responder_address(struct ocsp_ask *ask, const struct http_url *u, int64_t deadline,
		struct dns_answer *a)
{
	char text[HTTP_HOST + 8];

	snprintf(text, sizeof(text), "%s:%u", u->host, u->port);
	a->n = 1;
	if (np_addr_parse(&a->addr[0], text, NULL) == 0 && !np_addr_is_unix(&a->addr[0]))
		return 0;
	return look_up_responder(ask, u, deadline, a);
}

/* ---- the connection ---- */

/* One address at a time: a dial parks only once its socket stands, and then fd can be given a
 * deadline. */
static int dial_responder(struct ocsp_ask *ask, const struct dns_answer *a, int64_t deadline)
{
	int err = -NP_ENOENT;

	for (unsigned i = 0; i < a->n; i++) {
		int64_t now = np_nanotime();
		const struct np_dial_opts o = {
			.deadline = now < deadline ? now + (deadline - now) / (a->n - i) : now,
			.nodelay = true,
		};

		err = begin_wait(ask) ? np_dial(&ask->fd, &a->addr[i], 1, &o) : -NP_ECANCELED;
		ask->waits = false;
		if (err == 0 || ask->canceled)
			break;
	}
	return err == 0 ? 0 : ask_failed(ask, err, "connecting");
}

static int send_request(struct ocsp_ask *ask, char *room, const struct http_url *u)
{
	unsigned char *der;
	struct text t;
	int n = tls_ocsp_request(ask->question, &der), err;

	if (n < 0)
		return ask_failed(ask, n, "asking");
	text_init(&t, room, HTTP_REPLY_MOST);
	http_post_head(&t, u, TYPE_ASKED, (size_t)n);
	text_bytes(&t, der, (size_t)n);
	tls_ocsp_request_free(der);
	/* The URL is a part of the certificate, whose maker may have written a very long one. */
	err = t.cut ? -NP_EINVAL : np_fd_write(&ask->fd, room, t.n, NULL);
	return err == 0 ? 0 : ask_failed(ask, err, "asking");
}

/* ---- the reply ---- */

static int reply_refused(struct ocsp_ask *ask, const struct http_reply *r)
{
	char status[32];

	snprintf(status, sizeof(status), "HTTP %u", r->status);
	return ask_failed_with(ask, -NP_EPROTO, r->status != 0 ? status : "its reply", r->why);
}

/* room has HTTP_REPLY_MOST + 1 bytes: a reply that fills it is too large. */
static int receive_reply(struct ocsp_ask *ask, char *room, struct http_reply *r)
{
	enum http_verdict v = HTTP_MORE;
	size_t have = 0;

	while (v == HTTP_MORE) {
		ssize_t n = np_fd_read(&ask->fd, room + have, HTTP_REPLY_MOST + 1 - have);

		if (n < 0)
			return ask_failed(ask, (int)n, "waiting for its reply");
		have += (size_t)n;
		v = http_reply_read(room, have, n == 0, TYPE_WANTED, r);
	}
	return v == HTTP_OK ? 0 : reply_refused(ask, r);
}

static int judge_reply(struct ocsp_ask *ask, const struct http_reply *r, struct ocsp_reply *out)
{
	struct tls_ocsp_verdict *v = &out->verdict;
	int err = tls_ocsp_judge(ask->question, (const uint8_t *)r->body, r->n, time(NULL), v);

	if (err != 0)
		return ask_failed_with(ask, err, "its answer", v->why);
	out->answer = tls_answer_new(r->body, r->n, v->until);
	return out->answer != NULL ? 0 : ask_failed(ask, -NP_ENOMEM, "its answer");
}

/* Request and reply, over ask->fd, which is connected. */
static int ask_over(struct ocsp_ask *ask, const struct http_url *u, struct ocsp_reply *out)
{
	char *room = malloc(HTTP_REPLY_MOST + 1);
	struct http_reply r;
	int err;

	if (room == NULL)
		return ask_failed(ask, -NP_ENOMEM, "asking");
	err = send_request(ask, room, u);
	if (err == 0)
		err = receive_reply(ask, room, &r);
	if (err == 0)
		err = judge_reply(ask, &r, out);
	free(room);
	return err;
}

int ocsp_ask(struct ocsp_ask *ask, struct ocsp_reply *out)
{
	const struct http_url *u = tls_ocsp_url(ask->question);
	int64_t deadline = np_deadline_after(OCSP_PATIENCE);
	struct dns_answer a;
	int err = responder_address(ask, u, deadline, &a);

	if (err == 0)
		err = dial_responder(ask, &a, deadline);
	if (err != 0)
		return err;
	np_fd_set_deadline(&ask->fd, deadline);
	err = begin_wait(ask) ? ask_over(ask, u, out) : -NP_ECANCELED;
	ask->waits = false;
	np_fd_close(&ask->fd);
	return err;
}
