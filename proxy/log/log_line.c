/* One sequence of fields in two manners: JSON with the full names, or one line for people with
 * short ones. Names and peers' texts are hostile bytes, whoever wrote the configuration. */
#include <string.h>

#include "netpoll/err.h"
#include "proxy/log/log_priv.h"

struct line {
	struct text *t;
	bool         json;
};

/* Both names of a field; the text manner leaves out a field whose short name is NULL. Returns
 * whether to go on. */
static bool put_key(const struct line *l, const char *full, const char *brief)
{
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

static void put_u64(const struct line *l, const char *full, const char *brief, uint64_t v)
{
	if (put_key(l, full, brief))
		text_u64(l->t, v);
}

/* A time that was never reached (-1) is a field that is not there. */
static void put_ms(const struct line *l, const char *full, const char *brief, int64_t ns)
{
	if (ns >= 0 && put_key(l, full, brief))
		text_ms(l->t, (uint64_t)ns);
}

static void put_name(const struct line *l, const char *full, const char *brief, const char *s)
{
	bool quoted;

	if (s == NULL || s[0] == '\0' || !put_key(l, full, brief))
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

/* JSON only: the host and the port apart. A Unix address has kept its family alone. */
static void put_address(const struct line *l, const char *host, const char *port,
			const union np_inet *a)
{
	char text[NP_ADDR_TEXT];

	if (a->sa.sa_family == AF_UNSPEC)
		return;
	if (!is_inet(a)) {
		put_name(l, host, NULL, "unix");
		return;
	}
	np_addr_format_host(&a->sa, inet_len(a), text, sizeof(text));
	put_name(l, host, NULL, text);
	put_u64(l, port, NULL, (uint64_t)np_addr_port(&a->sa));
}

/* Text only: "1.2.3.4:80", "unix", or "-" where there is no address. */
static void put_endpoint(const struct line *l, const union np_inet *a)
{
	char text[NP_ADDR_TEXT];

	if (!is_inet(a)) {
		text_str(l->t, a->sa.sa_family == AF_UNSPEC ? "-" : "unix");
		return;
	}
	np_addr_format(&a->sa, inet_len(a), text, sizeof(text));
	text_escape(l->t, text, strlen(text), TEXT_PLAIN);
}

static const char *network_type(const union np_inet *a)
{
	if (a->sa.sa_family == AF_INET6)
		return "ipv6";
	return a->sa.sa_family == AF_INET ? "ipv4" : "unix";
}

static void open_json(const struct line *l, const struct access_record *rec, int64_t end)
{
	text_str(l->t, "{\"time\":\"");
	text_time(l->t, end);
	text_str(l->t, "\",\"event\":\"connection_end\"");
	put_address(l, "client.address", "client.port", &rec->client);
	put_address(l, "network.peer.address", "network.peer.port", &rec->server);
	put_name(l, "network.transport", NULL, is_inet(&rec->client) ? "tcp" : "unix");
	put_name(l, "network.type", NULL, network_type(&rec->client));
}

static void open_text(const struct line *l, const struct access_record *rec, int64_t end)
{
	text_time(l->t, end);
	text_char(l->t, ' ');
	put_endpoint(l, &rec->client);
	text_str(l->t, " -> ");
	put_endpoint(l, &rec->server);
}

static void put_extra(const struct line *l, const struct access_extra *x)
{
	static const char *const sides[] = {"", "client", "server", "both"};

	if (l->json)
		put_address(l, "staunch.connected.address", "staunch.connected.port", &x->connected);
	else if (x->connected.sa.sa_family != AF_UNSPEC && put_key(l, NULL, "via"))
		put_endpoint(l, &x->connected);
#define X(field, full, brief) put_name(l, full, brief, x->field);
	ACCESS_TEXT_TBL(X)
#undef X
	if (x->tls && put_key(l, "tls.resumed", "resumed"))
		text_str(l->t, x->resumed ? "true" : "false");
	put_name(l, "staunch.unclean", "unclean", sides[x->unclean]);
}

/* The time of a line is that of the end, because lines are sorted and shipped by it; the start is
 * duration_ms ago. */
void log_line(struct text *t, const struct access_record *rec, bool json)
{
	const struct line l = {.t = t, .json = json};
	char id[ULID_TEXT];

	(json ? open_json : open_text)(&l, rec, rec->start + rec->duration);
	put_name(&l, "staunch.close_reason", "reason", close_word(rec->why));
	put_name(&l, "staunch.close_by", "by", close_by(rec->why));
	put_name(&l, "staunch.errno", "errno", rec->err != 0 ? np_err_name(rec->err) : NULL);
	put_u64(&l, "staunch.bytes_in", "in", rec->bytes_in);
	put_u64(&l, "staunch.bytes_out", "out", rec->bytes_out);
	put_ms(&l, "staunch.duration_ms", "ms", rec->duration);
	put_ms(&l, "staunch.connect_ms", "connect_ms", rec->connect);
	put_ms(&l, "staunch.first_byte_ms", "first_byte_ms", rec->first_byte);
	put_u64(&l, "staunch.retries", "retries", rec->retries);
	put_name(&l, "staunch.listener", "listener", rec->listener);
	put_name(&l, "staunch.upstream", "upstream", rec->upstream);
	put_name(&l, "staunch.server", "server", rec->server_name);
	if (rec->extra != NULL)
		put_extra(&l, rec->extra);
	ulid_format(&rec->id, id);
	put_name(&l, "staunch.conn_id", "id", id);
	text_str(t, json ? "}\n" : "\n");
}
