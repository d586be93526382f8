/* The members of a connection. */
#include "proxy/admin/admin_conns_row.h"

#include <string.h>

static const struct {
	const char *word;
	unsigned wants;
} fields_known[CONN_FIELDS] = {
#define X(code, word, wants, help) {#word, wants},
	CONN_FIELD_TBL(X)
#undef X
};

_Static_assert(CONN_FIELDS <= 32, "a bit for each field");

/* ---- which ones ---- */

/* Returns -1 for a word that is no field. */
static int conn_field_of(const char *word, size_t n)
{
	for (int i = 0; i < CONN_FIELDS; i++)
		if (strlen(fields_known[i].word) == n && memcmp(fields_known[i].word, word, n) == 0)
			return i;
	return -1;
}

bool conn_fields_read(const char *list, uint32_t *fields)
{
	*fields = 0;
	for (;;) {
		size_t n = strcspn(list, ",");
		int field = conn_field_of(list, n);

		if (field < 0)
			return false;
		*fields |= UINT32_C(1) << field;
		if (list[n] == '\0')
			return true;
		list += n + 1;
	}
}

/* What the worker has to look up for these fields; the rest is in the row anyway. */
unsigned conn_fields_want(uint32_t fields)
{
	unsigned wants = 0;

	for (int i = 0; i < CONN_FIELDS; i++)
		if ((fields >> i & 1) != 0)
			wants |= fields_known[i].wants;
	return wants;
}

/* ---- values ---- */

/* null where it is not known, as the own address of a socket that is gone. */
static void put_address(struct json *j, const char *name, const union np_inet *a)
{
	char text[NP_ADDR_TEXT];

	if (a->sa.sa_family == AF_UNSPEC) {
		json_null(j, name);
		return;
	}
	if (a->sa.sa_family == AF_UNIX) {
		json_str(j, name, "unix");
		return;
	}
	np_addr_format(&a->sa, sizeof(*a), text, sizeof(text));
	json_str(j, name, text);
}

static void put_row_security(struct json *j, const struct conn_row *row)
{
	if (row->tls_version == NULL) {
		json_null(j, "tls");
		return;
	}
	json_enter(j, "tls", '{');
	json_str(j, "version", row->tls_version);
	json_str(j, "cipher", row->tls_cipher);
	json_leave(j, '}');
}

/* Units are in the names; the kernel has microseconds for the times of limits. */
static void put_leg(struct json *j, const char *name, const struct np_tcp_info *t)
{
	json_enter(j, name, '{');
	json_u64(j, "rtt_us", t->rtt);
	json_u64(j, "min_rtt_us", t->min_rtt);
	json_u64(j, "retrans", t->retrans);
	json_u64(j, "lost", t->lost);
	json_u64(j, "cwnd", t->cwnd);
	json_u64(j, "notsent", t->notsent);
	json_u64(j, "unacked", t->unacked);
	json_u64(j, "delivery_bps", t->delivery * 8);
	json_u64(j, "rwnd_limited_ms", t->rwnd_limited / 1000);
	json_u64(j, "sndbuf_limited_ms", t->sndbuf_limited / 1000);
	json_u64(j, "busy_ms", t->busy / 1000);
	json_u64(j, "last_ack_ms", t->last_ack);
	json_leave(j, '}');
}

/* A leg that is no TCP, or not there yet, is null. */
static void put_legs(struct json *j, const struct conn_row *row)
{
	static const char *const names[] = {"client", "server"};

	json_enter(j, "tcp", '{');
	for (int i = 0; i < 2; i++) {
		if (row->tcp.has[i])
			put_leg(j, names[i], &row->tcp.leg[i]);
		else
			json_null(j, names[i]);
	}
	json_leave(j, '}');
}

/* ---- the line ---- */

/* The default is the last field up to CONN_FIELD_ALPN, as in put_row_state for the rest. */
static void put_names(struct json *j, const struct conn_row *row, enum conn_field field)
{
	char id[ULID_TEXT];

	switch (field) {
	case CONN_FIELD_ID:
		ulid_format(&row->id, id);
		json_str(j, "id", id);
		break;
	case CONN_FIELD_LISTENER:
		json_str(j, "listener", row->listener);
		break;
	case CONN_FIELD_UPSTREAM:
		json_str(j, "upstream", row->upstream);
		break;
	case CONN_FIELD_SERVER:
		json_str(j, "server", row->server);
		break;
	case CONN_FIELD_CLIENT:
		put_address(j, "client", &row->client);
		break;
	case CONN_FIELD_LOCAL:
		put_address(j, "local", &row->local);
		break;
	case CONN_FIELD_SNI:
		json_str(j, "sni", row->sni);
		break;
	default:
		json_str(j, "alpn", row->alpn);
		break;
	}
}

static void put_row_state(struct json *j, const struct conn_row *row, enum conn_field field)
{
	switch (field) {
	case CONN_FIELD_STAGE:
		json_str(j, "stage", conn_stage_word(row->stage));
		break;
	case CONN_FIELD_AGE_MS:
		json_i64(j, "age_ms", row->age / NP_MS);
		break;
	case CONN_FIELD_IDLE_MS:
		json_i64(j, "idle_ms", row->idle / NP_MS);
		break;
	case CONN_FIELD_BYTES_IN:
		json_u64(j, "bytes_in", row->bytes_in);
		break;
	case CONN_FIELD_BYTES_OUT:
		json_u64(j, "bytes_out", row->bytes_out);
		break;
	case CONN_FIELD_SPLICED:
		json_bool(j, "spliced", row->spliced);
		break;
	case CONN_FIELD_PENDING_CLIENT:
		json_u64(j, "pending_client", row->pending_client);
		break;
	case CONN_FIELD_PENDING_SERVER:
		json_u64(j, "pending_server", row->pending_server);
		break;
	case CONN_FIELD_BLOCKED:
		json_str(j, "blocked", conn_blocked_word(row->blocked));
		break;
	case CONN_FIELD_REASON_PENDING:
		json_str(j, "reason_pending", row->pending == CLOSE_NONE ? NULL : close_word(row->pending));
		break;
	case CONN_FIELD_TLS:
		put_row_security(j, row);
		break;
	case CONN_FIELD_TCP:
		put_legs(j, row);
		break;
	default:
		json_str(j, "bottleneck", conn_bottleneck(&row->tcp));
		break;
	}
}

/* In the order of the table, whatever order the request names. */
void conn_row_put(struct reply *r, const struct conn_row *row, uint32_t fields, uint64_t generation)
{
	struct json j;

	reply_object(r, &j, generation);
	for (int i = 0; i < CONN_FIELDS; i++) {
		if ((fields >> i & 1) == 0)
			continue;
		if (i <= CONN_FIELD_ALPN)
			put_names(&j, row, (enum conn_field)i);
		else
			put_row_state(&j, row, (enum conn_field)i);
	}
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}
