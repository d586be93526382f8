/* Formats one access record: as JSON with full field names, or as a line for people with short
 * ones. One sequence of fields serves both; their names are those of access_tbl.h. Names and texts
 * may hold hostile bytes: a peer sent the texts, and the names come from a configuration that
 * another program may have generated. */
#include "proxy/log/log_priv.h"

#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

/* One for each row of access_tbl.h, so that a line has no name that is not there. */
enum access_field {
#define X(id, ...) FIELD_##id,
	ACCESS_FIELD_TBL(X)
#undef X
};

/* Of each field: as programs know it, and as it stands in a line for people. */
static const struct {
	const char *full, *brief;
} names[] = {
#define X(id, full, brief, help) {full, brief},
	ACCESS_FIELD_TBL(X)
#undef X
};

/* A line while it is written. */
struct line {
	struct text *t;
	bool         json;
};

/* Begins a field that has two names. The text form leaves out a field whose short name is NULL.
 * Returns whether the value is to follow. */
static bool line_key(const struct line *l, enum access_field field)
{
	const char *full = names[field].full, *brief = names[field].brief;

	if (l->json) {
		text_str(l->t, ",\"");
		text_str(l->t, full);
		text_str(l->t, "\":");
		return true;
	}
	if (brief == NULL)
		return false;
	text_char(l->t, ' ');
	text_str(l->t, brief);
	text_char(l->t, '=');
	return true;
}

static void line_u64(const struct line *l, enum access_field field, uint64_t v)
{
	if (line_key(l, field))
		text_u64(l->t, v);
}

/* A time of -1 was never reached: the line has no such field. */
static void line_ms(const struct line *l, enum access_field field, int64_t ns)
{
	if (ns >= 0 && line_key(l, field))
		text_ms(l->t, (uint64_t)ns);
}

/* A wall clock time, in quotes in JSON. */
static void line_time(const struct line *l, int64_t ns)
{
	if (l->json)
		text_char(l->t, '"');
	text_time(l->t, ns);
	if (l->json)
		text_char(l->t, '"');
}

/* A text: always in quotes in JSON, in the text form only if it has a blank. NULL and "" are left
 * out. */
static void line_name(const struct line *l, enum access_field field, const char *s)
{
	bool quoted;

	if (s == NULL || s[0] == '\0' || !line_key(l, field))
		return;
	quoted = l->json || strchr(s, ' ') != NULL;
	if (quoted)
		text_char(l->t, '"');
	text_field(l->t, s, strlen(s), l->json ? TEXT_JSON : TEXT_PLAIN);
	if (quoted)
		text_char(l->t, '"');
}

static socklen_t inet_len(const union np_inet *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
}

static bool is_inet(const union np_inet *a)
{
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

/* JSON only: the host and the port are two fields. Of a Unix address only the family is known. */
static void line_address(const struct line *l, enum access_field host, enum access_field port,
			 const union np_inet *a)
{
	char text[NP_ADDR_TEXT];

	if (a->sa.sa_family == AF_UNSPEC)
		return;
	if (!is_inet(a)) {
		line_name(l, host, "unix");
		return;
	}
	np_addr_format_host(&a->sa, inet_len(a), text, sizeof(text));
	line_name(l, host, text);
	line_u64(l, port, (uint64_t)np_addr_port(&a->sa));
}

/* Text only: "1.2.3.4:80", "unix", or "-" where there is no address. */
static void line_endpoint(const struct line *l, const union np_inet *a)
{
	char text[NP_ADDR_TEXT];

	if (!is_inet(a)) {
		text_str(l->t, a->sa.sa_family == AF_UNSPEC ? "-" : "unix");
		return;
	}
	np_addr_format(&a->sa, inet_len(a), text, sizeof(text));
	text_escape(l->t, text, strlen(text), TEXT_PLAIN);
}

/* Text only: nothing where there is no address. */
static void text_endpoint(const struct line *l, enum access_field field, const union np_inet *a)
{
	if (!l->json && a->sa.sa_family != AF_UNSPEC && line_key(l, field))
		line_endpoint(l, a);
}

static const char *network_type(const union np_inet *a)
{
	if (a->sa.sa_family == AF_INET6)
		return "ipv6";
	return a->sa.sa_family == AF_INET ? "ipv4" : "unix";
}

/* Unlike those of the process log these words are not in event_tbl.h: they tell of a connection, and have no level. */
static const char *event_word(enum access_event event)
{
	static const char *const words[] = {
		[ACCESS_END] = "connection_end",
		[ACCESS_START] = "connection_start",
		[ACCESS_UPDATE] = "connection_update",
	};

	return words[event];
}

static void begin_json(const struct line *l, const struct access_record *rec, int64_t end)
{
	text_str(l->t, "{\"time\":");
	line_time(l, end);
	line_name(l, FIELD_event, event_word(rec->event));
	line_address(l, FIELD_client_address, FIELD_client_port, &rec->client);
	line_address(l, FIELD_accepted_address, FIELD_accepted_port, &rec->accepted);
	line_address(l, FIELD_local_address, FIELD_local_port, &rec->local);
	line_address(l, FIELD_peer_address, FIELD_peer_port, &rec->server);
	line_name(l, FIELD_transport, is_inet(&rec->client) ? "tcp" : "unix");
	line_name(l, FIELD_type, network_type(&rec->client));
}

static void begin_text(const struct line *l, const struct access_record *rec, int64_t end)
{
	text_time(l->t, end);
	text_char(l->t, ' ');
	line_endpoint(l, &rec->client);
	text_str(l->t, " -> ");
	line_endpoint(l, &rec->server);
	if (rec->event != ACCESS_END)
		line_name(l, FIELD_event, event_word(rec->event));
}

static void try_name(const struct line *l, const char *s)
{
	text_field(l->t, s, strlen(s), l->json ? TEXT_JSON : TEXT_PLAIN);
}

/* {"server":"a:80","result":"connect_failed","errno":"ECONNREFUSED","ms":0.123}, or as text
 * a:80,connect_failed,ECONNREFUSED,0.123 */
static void line_try(const struct line *l, const struct access_try *one)
{
	text_str(l->t, l->json ? "{\"server\":\"" : "");
	try_name(l, one->server);
	text_str(l->t, l->json ? "\",\"result\":\"" : ",");
	if (one->result != NULL)
		text_str(l->t, one->result);
	else
		text_str(l->t, one->why != CLOSE_NONE ? close_word(one->why) : "connected");
	if (one->err != 0) {
		text_str(l->t, l->json ? "\",\"errno\":\"" : ",");
		text_str(l->t, np_err_name(one->err));
	}
	text_str(l->t, l->json ? "\",\"ms\":" : ",");
	text_ms(l->t, (uint64_t)one->took);
	text_str(l->t, l->json ? "}" : "");
}

static bool has_blank(const struct access_tried *tried)
{
	for (unsigned i = 0; i < tried->n; i++)
		if (strchr(tried->tries[i].server, ' ') != NULL)
			return true;
	return false;
}

static void line_tried(const struct line *l, const struct access_tried *tried)
{
	const char *quote = !l->json && has_blank(tried) ? "\"" : "";

	if (!line_key(l, FIELD_tried))
		return;
	text_str(l->t, l->json ? "[" : quote);
	for (unsigned i = 0; i < tried->n; i++) {
		if (i > 0)
			text_char(l->t, l->json ? ',' : ';');
		line_try(l, &tried->tries[i]);
	}
	text_str(l->t, l->json ? "]" : quote);
	if (tried->more > 0)
		line_u64(l, FIELD_tried_more, tried->more);
}

/* A leg that the kernel said nothing of has no fields. */
static void line_tcp(const struct line *l, const struct access_extra *x)
{
	if (x->tcp & 1) {
		line_u64(l, FIELD_client_rtt, x->rtt[0]);
		line_u64(l, FIELD_client_retrans, x->retrans[0]);
	}
	if (x->tcp & 2) {
		line_u64(l, FIELD_server_rtt, x->rtt[1]);
		line_u64(l, FIELD_server_retrans, x->retrans[1]);
	}
	line_name(l, FIELD_bottleneck, x->tcp != 0 ? x->bottleneck : NULL);
}

static void line_extra(const struct line *l, const struct access_extra *x)
{
	static const char *const sides[] = {"", "client", "server", "both"};

	if (l->json)
		line_address(l, FIELD_connected_address, FIELD_connected_port, &x->connected);
	text_endpoint(l, FIELD_connected_address, &x->connected);
#define X(field, ...) line_name(l, FIELD_##field, x->field);
	ACCESS_TEXT_TBL(X)
#undef X
	if (x->tls && line_key(l, FIELD_resumed))
		text_str(l->t, x->resumed ? "true" : "false");
	if (x->queued > 0)
		line_ms(l, FIELD_queued, x->queued);
	if (x->updated) {
		line_ms(l, FIELD_interval, x->interval);
		line_u64(l, FIELD_bytes_in_delta, x->new_in);
		line_u64(l, FIELD_bytes_out_delta, x->new_out);
	}
	DCHECK(x->unclean < array_len(sides), "two sides, a bit for each");
	line_name(l, FIELD_unclean, sides[x->unclean]);
	line_tcp(l, x);
	if (x->tried != NULL)
		line_tried(l, x->tried);
}

/* The time of a line is that of the end, or of what else it tells, because programs sort and ship lines by it. Workers
 * write into rings of their own, so lines may be out of order by some milliseconds; each says when its
 * connection began. */
void log_line(struct text *t, const struct access_record *rec, bool json)
{
	const struct line l = {.t = t, .json = json};
	char id[ULID_TEXT];

	if (json)
		begin_json(&l, rec, rec->start + rec->duration);
	else
		begin_text(&l, rec, rec->start + rec->duration);
	if (rec->event == ACCESS_END) {
		line_name(&l, FIELD_close_reason, close_word(rec->why));
		line_name(&l, FIELD_close_by, close_by(rec->why));
	}
	line_name(&l, FIELD_error, rec->err != 0 ? np_err_name(rec->err) : NULL);
	line_u64(&l, FIELD_bytes_in, rec->bytes_in);
	line_u64(&l, FIELD_bytes_out, rec->bytes_out);
	if (line_key(&l, FIELD_start))
		line_time(&l, rec->start);
	line_ms(&l, FIELD_duration, rec->duration);
	line_ms(&l, FIELD_connect, rec->connect);
	line_ms(&l, FIELD_first_byte, rec->first_byte);
	line_u64(&l, FIELD_retries, rec->retries);
	line_name(&l, FIELD_listener, rec->listener);
	line_name(&l, FIELD_upstream, rec->upstream);
	line_name(&l, FIELD_server, rec->server_name);
	text_endpoint(&l, FIELD_accepted_address, &rec->accepted);
	text_endpoint(&l, FIELD_local_address, &rec->local);
	if (rec->extra != NULL)
		line_extra(&l, rec->extra);
	ulid_format(&rec->id, id);
	line_name(&l, FIELD_conn_id, id);
	text_str(t, json ? "}\n" : "\n");
}
