/* admin_reply: the head of an answer, and its body whole or in chunks. */
#include <stdio.h>
#include <string.h>

#include "proxy/admin/admin_priv.h"

#define HEAD_ROOM 800

/* For people: programs read the number. */
static const char *reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{200, "OK"}, {304, "Not Modified"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {409, "Conflict"}, {411, "Length Required"},
		{413, "Content Too Large"}, {422, "Unprocessable Content"}, {429, "Too Many Requests"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"},
	};

	for (size_t i = 0; i < array_len(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* An asset is sent from the binary, without a copy. */
static size_t body_length(const struct reply *r)
{
	return r->asset != NULL ? (size_t)(r->asset->end - r->asset->bytes) : r->body.n;
}

/* chunked: the length is not known yet. Without chunks the end of the connection is the end of the body. */
static void put_head(struct reply *r, struct text *t, bool known)
{
	struct client *c = r->c;
	bool chunked = !known && c->request.chunks;

	if (!known && !c->request.chunks)
		c->close = true;
	text_str(t, "HTTP/1.1 ");
	text_u64(t, r->status);
	text_char(t, ' ');
	text_str(t, reason_of(r->status));
	text_str(t, "\r\nContent-Type: ");
	text_str(t, r->type);
	text_str(t, "\r\nX-Content-Type-Options: nosniff\r\n");
	if (r->asset != NULL)
		asset_put_head(r->asset, t);
	else
		text_str(t, "Cache-Control: no-store\r\n");
	if (r->allow != NULL) {
		text_str(t, "Allow: ");
		text_str(t, r->allow);
		text_str(t, "\r\n");
	}
	if (known) {
		text_str(t, "Content-Length: ");
		text_u64(t, body_length(r));
		text_str(t, "\r\n");
	} else if (chunked) {
		text_str(t, "Transfer-Encoding: chunked\r\n");
	}
	if (c->close)
		text_str(t, "Connection: close\r\n");
	else if (!c->request.chunks)
		text_str(t, "Connection: keep-alive\r\n");
	text_str(t, "\r\n");
}

/* Head, body and end in one system call where they fit. */
static void write_parts(struct reply *r, const struct text *head, const char *end)
{
	const char *body = r->asset != NULL ? r->asset->bytes : r->body.p;
	struct iovec iov[3] = {
		{.iov_base = head->p, .iov_len = head->n},
		{.iov_base = (void *)(uintptr_t)body, .iov_len = r->head_only ? 0 : body_length(r)},
		{.iov_base = (void *)(uintptr_t)end, .iov_len = r->head_only ? 0 : strlen(end)},
	};

	DCHECK(!head->cut, "the head of an answer has room");
	if (r->err == 0 && iov[0].iov_len + iov[1].iov_len + iov[2].iov_len > 0)
		r->err = np_fd_writev(&r->c->fd, iov, 3, NULL);
	r->body.n = 0;
}

/* The block becomes a chunk. */
static void write_block(struct reply *r, const char *end)
{
	char room[HEAD_ROOM];
	struct text head;
	bool chunks = r->c->request.chunks;

	text_init(&head, room, sizeof(room));
	if (!r->begun)
		put_head(r, &head, false);
	r->begun = true;
	if (chunks && r->body.n > 0 && !r->head_only) {
		char size[20];

		snprintf(size, sizeof(size), "%zx\r\n", r->body.n);
		text_str(&head, size);
	}
	if (!chunks)
		end = "";
	else if (r->body.n == 0)
		end += 2; /* no chunk, so no line ends one */
	write_parts(r, &head, end);
}

/* A body that outgrows its block is sent in chunks; until then its length is known at the end. */
bool reply_room(struct reply *r, size_t n)
{
	DCHECK(n <= REPLY_BLOCK, "no block is so large");
	if (r->body.cap - r->body.n < n)
		write_block(r, "\r\n");
	return r->err == 0;
}

/* In parts, so that a text may be longer than a block. */
void reply_text(struct reply *r, const char *text)
{
	size_t n = strlen(text);

	for (size_t at = 0, part; at < n && reply_room(r, REPLY_BLOCK / 2); at += part) {
		part = n - at < REPLY_BLOCK / 2 ? n - at : REPLY_BLOCK / 2;
		text_bytes(&r->body, text + at, part);
	}
}

/* Once, at the end: the rest of a body in chunks, or the whole answer. */
int reply_send(struct reply *r)
{
	char room[HEAD_ROOM];
	struct text head;

	CHECK(!r->body.cut, "a handler wrote more than it made room for");
	if (r->begun) {
		write_block(r, "\r\n0\r\n\r\n");
		return r->err;
	}
	text_init(&head, room, sizeof(room));
	put_head(r, &head, true);
	write_parts(r, &head, "");
	return r->err;
}

/* The frame that every answer of /v1 has. */
void reply_object(struct reply *r, struct json *j, uint64_t generation)
{
	*j = (struct json){.t = &r->body};
	r->type = "application/json";
	json_enter(j, NULL, '{');
	json_u64(j, "schema", 1);
	json_u64(j, "generation", generation);
	json_time(j, "time", wall_now());
}

/* Replaces what the handler has written so far. */
void reply_error(struct reply *r, unsigned status, const char *message, const char *help)
{
	struct json j = {.t = &r->body};
	char code[8];

	r->body.n = 0;
	r->body.cut = false;
	r->status = status;
	r->type = "application/json";
	snprintf(code, sizeof(code), "E%03u", status);
	json_enter(&j, NULL, '{');
	json_u64(&j, "schema", 1);
	json_enter(&j, "error", '{');
	json_str(&j, "code", code);
	json_str(&j, "message", message);
	if (help != NULL)
		json_str(&j, "help", help);
	json_leave(&j, '}');
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}
