/* One attempt: name -> address -> connection -> GET or POST -> reply -> verdict, under one
 * deadline. It waits for a look-up, or for ask->fd: to cancel, set the event of the one, or an expired deadline on the
 * other. */
#include "proxy/control/ocsp_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netpoll/check.h"
#include "proxy/control/names.h"
#include "proxy/creds/tls_staple.h"
#include "proxy/proto/http.h"

#define TYPE_ASKED  "application/ocsp-request"
#define TYPE_WANTED "application/ocsp-response"

#define ADDRESSES 8 /* of more of one name only the first so many are tried */

/* ---- errors ---- */

static int ask_problem(struct ocsp_ask *ask, int err, const char *what, const char *why)
{
	snprintf(ask->why, sizeof(ask->why), "%s: %s", what, why);
	return err;
}

static int ask_error(struct ocsp_ask *ask, int err, const char *what)
{
	return ask_problem(ask, err, what, np_err_text(err));
}

/* Before each operation that parks, and ask->waits = false after it. Returns false if the attempt
 * was canceled before: the deadline that a cancel sets would be lost when the operation sets its
 * own. */
static bool may_wait(struct ocsp_ask *ask)
{
	DCHECK(!ask->waits, "an attempt waits for one thing at a time");
	ask->waits = !ask->canceled;
	return ask->waits;
}

void ocsp_ask_cancel(struct ocsp_ask *ask)
{
	ask->canceled = true;
	if (ask->waits)
		np_fd_set_deadline(&ask->fd, np_now());
	if (ask->looked_up != NULL)
		np_event_set(ask->looked_up);
}

/* ---- the address ---- */

/* Of a host, in the order in which they are tried. */
struct addresses {
	unsigned n;
	struct np_addr addr[ADDRESSES];
};

/* A look-up, on the stack of the coroutine that waits for it. */
struct name_wait {
	struct np_event over; /* it is answered, late or canceled */
	struct np_timer late;
	struct resolver_lookup *lookup; /* NULL: it has been answered */
	uint16_t port;
	enum dns_status status;
	const char *why;
	struct addresses *out;
};

static void on_late(struct np_timer *t)
{
	np_event_set(&container_of(t, struct name_wait, late)->over);
}

/* On this worker's loop, while the coroutine waits. The records go when it returns, so it copies what is wanted. */
static void on_looked_up(struct resolver_lookup *l, void *arg)
{
	struct name_wait *w = arg;
	const struct dns_answer *a = &l->answer;

	w->lookup = NULL;
	w->status = a->status;
	w->why = a->why;
	for (w->out->n = 0; a->status == DNS_OK && w->out->n < a->n && w->out->n < ADDRESSES; w->out->n++)
		dns_record_addr(&a->records[w->out->n], w->port, &w->out->addr[w->out->n]);
	np_event_set(&w->over);
}

/* Parks until the answer, the deadline or a cancel, whichever is first. An answer that comes later than the others is
 * nobody's: the look-up is dropped, and on_looked_up, whose argument is on this stack, is not called any more. */
static int await_name(struct ocsp_ask *ask, struct name_wait *w, int64_t deadline)
{
	w->late.fn = on_late;
	np_timer_set(&w->late, deadline);
	ask->looked_up = &w->over;
	if (!ask->canceled)
		np_event_wait(&w->over);
	ask->looked_up = NULL;
	np_timer_stop(&w->late);
	if (w->lookup == NULL)
		return 0;
	resolver_drop(w->lookup);
	return ask->canceled ? -NP_ECANCELED : -NP_EDEADLINE;
}

static int resolve_name(struct ocsp_ask *ask, const struct http_url *u, int64_t deadline, struct addresses *a)
{
	struct name_wait w = {.port = u->port, .out = a};
	int err;

	w.lookup = names_look_up(ask->names, u->host, on_looked_up, &w);
	if (w.lookup == NULL)
		return ask_error(ask, -NP_ENOMEM, "looking up its name");
	err = await_name(ask, &w, deadline);
	if (err != 0)
		return ask_error(ask, err, "looking up its name");
	return w.status == DNS_OK ? 0 : ask_problem(ask, -NP_ENOENT, "looking up its name", w.why);
}

/* A URL with an address needs no resolver. */
static int find_address(struct ocsp_ask *ask, const struct http_url *u, int64_t deadline,
			struct addresses *a)
{
	char text[HTTP_HOST + 8];

	snprintf(text, sizeof(text), "%s:%u", u->host, u->port);
	a->n = 1;
	if (np_addr_parse(&a->addr[0], text, NULL) == 0 && !np_addr_is_unix(&a->addr[0]))
		return 0;
	return resolve_name(ask, u, deadline, a);
}

/* ---- the connection ---- */

/* One address at a time: np_dial with several would park before ask->fd has a socket, and could not
 * be canceled then. Each address gets an equal share of the time that is left. */
static int dial_responder(struct ocsp_ask *ask, const struct addresses *a, int64_t deadline)
{
	int err = -NP_ENOENT;

	for (unsigned i = 0; i < a->n; i++) {
		int64_t now = np_nanotime();
		const struct np_dial_opts o = {
			.deadline = now < deadline ? now + (deadline - now) / (a->n - i) : now,
			.nodelay = true,
		};

		err = may_wait(ask) ? np_dial(&ask->fd, &a->addr[i], 1, &o) : -NP_ECANCELED;
		ask->waits = false;
		if (err == 0 || ask->canceled)
			break;
	}
	return err == 0 ? 0 : ask_error(ask, err, "connecting");
}

static int send_request(struct ocsp_ask *ask, char *room, const struct http_url *u)
{
	char encoded[TLS_OCSP_GET];
	unsigned char *der;
	struct text t;
	int n = tls_ocsp_request(ask->question, &der), err;

	if (n < 0)
		return ask_error(ask, n, "asking");
	text_init(&t, room, HTTP_REPLY_MOST);
	ask->by_get = !ask->by_post && tls_ocsp_get_path(ask->question, encoded);
	if (ask->by_get) {
		http_get_head(&t, u, encoded);
	} else {
		http_post_head(&t, u, TYPE_ASKED, (size_t)n);
		text_bytes(&t, der, (size_t)n);
	}
	tls_ocsp_request_free(der);
	/* The URL comes from the certificate and may be longer than any request should be. */
	err = t.cut ? -NP_EINVAL : np_fd_write(&ask->fd, room, t.n, NULL);
	return err == 0 ? 0 : ask_error(ask, err, "asking");
}

/* ---- the reply ---- */

static int reply_problem(struct ocsp_ask *ask, const struct http_reply *r)
{
	char status[32];

	snprintf(status, sizeof(status), "HTTP %u", r->status);
	return ask_problem(ask, -NP_EPROTO, r->status != 0 ? status : "its reply", r->why);
}

/* room has HTTP_REPLY_MOST + 1 bytes: a reply that fills it is too large, and http_reply_read says
 * so. */
static int receive(struct ocsp_ask *ask, char *room, struct http_reply *r)
{
	enum http_verdict v = HTTP_MORE;
	size_t have = 0;

	while (v == HTTP_MORE) {
		ssize_t n = np_fd_read(&ask->fd, room + have, HTTP_REPLY_MOST + 1 - have);

		if (n < 0)
			return ask_error(ask, (int)n, "waiting for its reply");
		have += (size_t)n;
		v = http_reply_read(room, have, n == 0, TYPE_WANTED, r);
	}
	return v == HTTP_OK ? 0 : reply_problem(ask, r);
}

static int judge_reply(struct ocsp_ask *ask, const struct http_reply *r, struct ocsp_reply *out)
{
	struct tls_ocsp_verdict *v = &out->verdict;
	int err = tls_ocsp_judge(ask->question, (const uint8_t *)r->body, r->n, time(NULL), v);

	if (err != 0)
		return ask_problem(ask, err, "its response", v->why);
	out->answer = tls_answer_new(r->body, r->n, v->until);
	return out->answer != NULL ? 0 : ask_error(ask, -NP_ENOMEM, "its response");
}

/* Request and reply, over the connection. */
static int request_reply(struct ocsp_ask *ask, const struct http_url *u, struct ocsp_reply *out)
{
	char *room = malloc(HTTP_REPLY_MOST + 1);
	struct http_reply r;
	int err;

	if (room == NULL)
		return ask_error(ask, -NP_ENOMEM, "asking");
	err = send_request(ask, room, u);
	if (err == 0)
		err = receive(ask, room, &r);
	if (err == 0)
		err = judge_reply(ask, &r, out);
	free(room);
	return err;
}

/* One request over a connection of its own. */
static int ask_once(struct ocsp_ask *ask, const struct addresses *a, int64_t deadline,
		    struct ocsp_reply *out)
{
	int err = dial_responder(ask, a, deadline);

	if (err != 0)
		return err;
	np_fd_set_deadline(&ask->fd, deadline);
	err = may_wait(ask) ? request_reply(ask, tls_ocsp_url(ask->question), out) : -NP_ECANCELED;
	ask->waits = false;
	np_fd_close(&ask->fd);
	return err;
}

/* RFC 6960, A.1 lets a responder know POST alone, and some answer a GET with an error, with bytes
 * that are no response, or with a reset: then POST has the rest of the time. Not tried twice: a
 * responder that cannot be reached, one that takes all the time, and a certificate that is revoked.
 */
static bool is_worth_a_post(const struct ocsp_ask *ask, int err)
{
	return err != 0 && ask->by_get && !ask->canceled && err != -NP_EACCES &&
	       np_err_class(err) != NP_CLASS_DEADLINE;
}

int ocsp_ask(struct ocsp_ask *ask, struct ocsp_reply *out)
{
	int64_t deadline = np_deadline_after(OCSP_PATIENCE);
	struct addresses a;
	int err = find_address(ask, tls_ocsp_url(ask->question), deadline, &a);

	if (err == 0)
		err = ask_once(ask, &a, deadline, out);
	if (!is_worth_a_post(ask, err))
		return err;
	ask->by_post = true;
	return ask_once(ask, &a, deadline, out);
}
