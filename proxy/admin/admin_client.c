/* admin_client: one client's requests, one at a time.
 *
 *   wait (30 s) -> head (5 s from its first byte) -> route -> gate -> body -> handler -> answer -> wait
 *                       '--- refused: the answer, then our end, then what still comes is dropped ---> close */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/admin/admin_priv.h"
#include "proxy/admin/admin_tbl.h"

#define KEEP_ALIVE   (30 * NP_S)
#define HEAD_TIME    (5 * NP_S)
#define BODY_TIME    (30 * NP_S)
#define WRITE_TIME   (30 * NP_S)

static const struct route_row routes[] = {
#define X(path, methods, open, handle, help) {path, methods, handle, open},
	ADMIN_TBL(X)
#undef X
};

/* ---- the head ---- */

/* The buffer of a head exists from its first byte on: an idle client costs none. */
static int wait_for_byte(struct client *c)
{
	int err;

	if (c->n > 0)
		return 0;
	free(c->in);
	c->in = NULL;
	if (c->evicted || c->admin->stopping)
		return -NP_ECANCELED;
	np_fd_set_read_deadline(&c->fd, admin_deadline(c->admin, KEEP_ALIVE));
	err = np_fd_wait(&c->fd, NP_READ);
	if (err == 0)
		c->in = malloc(HTTP_REQUEST_HEAD);
	return err == 0 && c->in == NULL ? -NP_ENOMEM : err;
}

/* Returns HTTP_OK and the length of a whole head in *len; HTTP_WRONG; or HTTP_MORE: the client has gone, or was too
 * slow. */
static enum http_verdict read_head(struct client *c, size_t *len, const char **why)
{
	struct http_head h = {0};
	enum http_verdict v;

	if (wait_for_byte(c) != 0)
		return HTTP_MORE;
	np_fd_set_read_deadline(&c->fd, np_deadline_after(c->evicted || c->admin->stopping ? 0 : HEAD_TIME));
	while ((v = http_head_find(&h, c->in, c->n, why)) == HTTP_MORE) {
		ssize_t n;

		if (c->n == HTTP_REQUEST_HEAD) {
			*why = "the head is too long";
			return HTTP_WRONG;
		}
		n = np_fd_read(&c->fd, c->in + c->n, HTTP_REQUEST_HEAD - c->n);
		if (n <= 0)
			return HTTP_MORE;
		c->n += (size_t)n;
	}
	*len = h.seen;
	return v;
}

/* ---- the body ---- */

/* len: of the head. What came with it is the body's beginning; what stands behind that is the next request's.
 *   Returns  0, or why the client is to be closed. */
static int take_body(struct client *c, size_t len)
{
	size_t want = c->request.length, have = c->n - len < want ? c->n - len : want;
	int err = 0;

	if (want > 0) {
		c->body = malloc(want + 1);
		if (c->body == NULL)
			return -NP_ENOMEM;
		memcpy(c->body, c->in + len, have);
		c->body[want] = '\0';
	}
	if (have < want && c->request.expects)
		err = np_fd_write(&c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, NULL);
	np_fd_set_read_deadline(&c->fd, admin_deadline(c->admin, BODY_TIME));
	for (size_t at = have; err == 0 && at < want;) {
		ssize_t n = np_fd_read(&c->fd, c->body + at, want - at);

		if (n <= 0)
			err = n == 0 ? -NP_ESHORT : (int)n;
		else
			at += (size_t)n;
	}
	return err;
}

/* ---- the answer ---- */

/* A path with a slash at its end takes all that begins so; c->rest is what stands behind it. */
static const struct route_row *find_route(struct client *c)
{
	for (size_t i = 0; i < array_len(routes); i++) {
		size_t n = strlen(routes[i].path);

		c->rest = c->request.path + n;
		if (n > 1 && routes[i].path[n - 1] == '/' ? strncmp(c->request.path, routes[i].path, n) == 0 :
						   strcmp(c->request.path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}

/* Before the handler: what the request is refused for.   Returns  false: r is the refusal. */
static bool may_be_handled(struct client *c, const struct route_row *row, struct reply *r)
{
	if (!admin_gate(c, row, r))
		return false;
	if (row == NULL) {
		reply_error(r, 404, "there is nothing at this path",
			    "staunch explain control.http lists what there is");
		return false;
	}
	if ((row->methods & c->request.method) != 0)
		return admin_match_read(c, r);
	reply_error(r, 405, "this path does not take this method", NULL);
	r->allow = row->methods & HTTP_POST ? "POST" : "GET, HEAD";
	return false;
}

/* Who only ended what he sends still waits for the answer. Over TCP the two look the same. */
bool admin_hung_up(const struct client *c)
{
	struct pollfd p = {.fd = c->fd.sysfd};

	return !c->at->tcp && poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* Its end is the reader's end; bytes that it sends meanwhile are dropped. */
bool admin_reader_left(struct client *c)
{
	char bytes[256];
	ssize_t n;

	do {
		n = np_fd_try_read(&c->fd, bytes, sizeof(bytes));
	} while (n > 0);
	return n == 0 || (n != -NP_EAGAIN && n != -NP_EDEADLINE);
}

/* The spans of the request point into c->in, which holds still until the answer has gone out. */
static void answer_request(struct client *c, size_t len, struct reply *r)
{
	const struct route_row *row = find_route(c);
	bool refused = !may_be_handled(c, row, r);

	c->linger = true;
	c->close = c->close || !c->request.keep_alive;
	if (refused) {
		c->close = c->close || c->request.length > 0;
	} else if (take_body(c, len) != 0) {
		c->close = true;
		r->err = -NP_ESHORT;
	} else if (c->request.method == HTTP_POST && admin_hung_up(c)) {
		c->close = true; /* he was told, or has seen, that there is no answer: then nothing may be done */
		r->err = -NP_ECANCELED;
	} else {
		c->linger = false;
		row->handle(c, r);
	}
	if (c->request.method == HTTP_POST && r->err == 0)
		admin_audit(c, r->status, refused);
}

/* What stands behind this request is the next one's. */
static void drop_request(struct client *c, size_t len)
{
	size_t in_body = c->request.length < c->n - len ? c->request.length : c->n - len;

	memmove(c->in, c->in + len + in_body, c->n - len - in_body);
	c->n -= len + in_body;
	free(c->body);
	c->body = NULL;
}

/* Text, until a handler says something else. */
static void init_reply(struct client *c, struct reply *r, char *block)
{
	*r = (struct reply){.c = c, .status = 200, .type = "text/plain; charset=utf-8"};
	text_init(&r->body, block, REPLY_BLOCK);
}

/* Returns false when the client is to be closed. */
static bool serve_request(struct client *c, enum http_verdict found, size_t len, const char *why)
{
	char *block = malloc(REPLY_BLOCK);
	struct reply r;

	if (block == NULL)
		return false;
	init_reply(c, &r, block);
	c->began = np_nanotime();
	c->did[0] = '\0';
	c->close = c->spare || c->admin->stopping;
	if (found == HTTP_OK)
		found = http_request_read(c->in, len, &c->request);
	else
		c->request = (struct http_request){.status = 400, .why = why};
	np_fd_set_write_deadline(&c->fd, admin_deadline(c->admin, WRITE_TIME));
	if (found == HTTP_WRONG) {
		c->close = c->linger = true;
		reply_error(&r, c->request.status, c->request.why, NULL);
		r.allow = c->request.status == 405 ? "GET, HEAD, POST" : NULL;
	} else {
		r.head_only = c->request.method == HTTP_HEAD;
		answer_request(c, len, &r);
	}
	if (r.err != 0 || reply_send(&r) != 0)
		c->close = true;
	if (found == HTTP_OK)
		drop_request(c, len);
	free(block);
	return !c->close;
}

/* A client that was sent away while it waited gets no answer: it has asked nothing. */
void admin_client_main(struct client *c)
{
	for (;;) {
		const char *why = NULL;
		enum http_verdict found;
		size_t len = 0;

		admin_client_wait(c);
		found = read_head(c, &len, &why);
		if (c->evicted || found == HTTP_MORE)
			return;
		admin_client_work(c);
		if (!serve_request(c, found, len, why))
			break;
	}
	if (c->linger)
		admin_linger(c->admin, &c->fd);
}
