/* Reads and writes the TLVs behind the addresses of a version 2 header: a type, a length in two
 * bytes, a value, and so on to the end. An SSL TLV holds TLVs of its own behind its first five
 * bytes. */
#include "proxy/proto/pp_priv.h"

#include "netpoll/check.h"
#include "netpoll/err.h"

#define SSL_HEAD 5 /* bytes: the client bits, and the result of the verification */

/* ---- reading ---- */

bool pp_tlv_next(struct pp_bytes *area, struct pp_tlv *tlv)
{
	size_t n;

	if (area->n < PP_TLV_HEAD)
		return false;
	n = pp_be16(area->p + 1);
	if (n > area->n - PP_TLV_HEAD)
		return false;
	tlv->type = area->p[0];
	tlv->value = (struct pp_bytes){area->p + PP_TLV_HEAD, n};
	area->p += PP_TLV_HEAD + n;
	area->n -= PP_TLV_HEAD + n;
	return true;
}

bool pp_tlv_find(struct pp_bytes area, uint8_t type, struct pp_bytes *value)
{
	struct pp_tlv tlv;

	while (pp_tlv_next(&area, &tlv)) {
		if (tlv.type != type)
			continue;
		*value = tlv.value;
		return true;
	}
	return false;
}

bool pp_ssl_read(struct pp_bytes value, struct pp_ssl *ssl)
{
	struct pp_bytes rest, version;
	struct pp_tlv tlv;

	if (value.n < SSL_HEAD)
		return false;
	*ssl = (struct pp_ssl){
		.client = value.p[0],
		.verify = pp_be32(value.p + 1),
		.subs = {value.p + SSL_HEAD, value.n - SSL_HEAD},
	};
	rest = ssl->subs;
	while (pp_tlv_next(&rest, &tlv))
		;
	if (rest.n > 0)
		return false;
	return !(ssl->client & PP_CLIENT_SSL) || pp_tlv_find(ssl->subs, PP_SSL_VERSION, &version);
}

/* Judges a TLV by its type and its length alone, before its value has come. */
static enum pp_result judge_length(const struct pp_header *h, uint8_t type, size_t n)
{
	if (type == PP_TLV_UNIQUE_ID && n > PP_UNIQUE_ID_MAX)
		return PP_BAD_UNIQUE_ID;
	if (type == PP_TLV_CRC32C && (n != sizeof(uint32_t) || h->crc_at != 0))
		return PP_BAD_CRC32C;
	return PP_OK;
}

/* Checks each TLV once, however many pieces the header comes in: h->walked remembers the place. */
enum pp_result pp_tlv_walk(struct pp_header *h, const uint8_t *p, size_t n)
{
	DCHECK(h->walked >= PP_V2_FIXED && h->walked <= h->len, "the place lies in the header");
	while (h->walked < h->len) {
		size_t at = h->walked, room = h->len - at, length;
		struct pp_bytes value;
		struct pp_ssl ssl;
		enum pp_result why;

		if (room < PP_TLV_HEAD)
			return PP_BAD_TLV;
		if (n < at + PP_TLV_HEAD)
			return PP_MORE;
		length = pp_be16(p + at + 1);
		if (length > room - PP_TLV_HEAD)
			return PP_BAD_TLV;
		why = judge_length(h, p[at], length);
		if (why != PP_OK)
			return why;
		at += PP_TLV_HEAD;
		if (n < at + length)
			return PP_MORE;
		value = (struct pp_bytes){p + at, length};
		if (p[h->walked] == PP_TLV_SSL && !pp_ssl_read(value, &ssl))
			return PP_BAD_SSL;
		if (p[h->walked] == PP_TLV_CRC32C)
			h->crc_at = at;
		h->walked = at + length;
	}
	return n < h->len ? PP_MORE : PP_OK;
}

/* ---- writing ---- */

/* A value that is too long for its two bytes of length makes the header too long as well, and
 * finish_header refuses that. */
void pp_tlv_put(struct text *t, uint8_t type, struct pp_bytes value)
{
	const uint8_t head[PP_TLV_HEAD] = {type, (uint8_t)(value.n >> 8), (uint8_t)value.n};

	text_bytes(t, head, sizeof(head));
	text_bytes(t, value.p, value.n);
}

/* Appends the given value, or else the received one. */
static void put_either(struct text *t, uint8_t type, struct pp_bytes value,
	struct pp_bytes received)
{
	if (value.p != NULL || pp_tlv_find(received, type, &value))
		pp_tlv_put(t, type, value);
}

/* Here the received value counts first; see struct pp_made. */
static int put_unique_id(struct text *t, const struct pp_made *made)
{
	struct pp_bytes id = made->unique_id;

	pp_tlv_find(made->received, PP_TLV_UNIQUE_ID, &id);
	if (id.n > PP_UNIQUE_ID_MAX)
		return -NP_EINVAL;
	if (id.p != NULL)
		pp_tlv_put(t, PP_TLV_UNIQUE_ID, id);
	return 0;
}

/* Appends an SSL TLV. Its length is filled in at the end, when all TLVs inside it are written. */
static int put_ssl(struct text *t, const struct pp_ssl_made *ssl)
{
	const uint8_t head[PP_TLV_HEAD] = {PP_TLV_SSL};
	size_t at = t->n, n;
	uint8_t fixed[SSL_HEAD] = {ssl->client};

	if ((ssl->client & PP_CLIENT_SSL) && ssl->version.p == NULL)
		return -NP_EINVAL;
	pp_put_be32(fixed + 1, ssl->verify);
	text_bytes(t, head, sizeof(head));
	text_bytes(t, fixed, sizeof(fixed));
#define X(code, field, type)       \
	if (ssl->field.p != NULL)  \
		pp_tlv_put(t, type, ssl->field);
	PP_SSL_TBL(X)
#undef X
	if (t->cut)
		return 0;
	n = t->n - at - PP_TLV_HEAD;
	t->p[at + 1] = (char)(n >> 8);
	t->p[at + 2] = (char)n;
	return 0;
}

static int put_customs(struct text *t, const struct pp_made *made)
{
	for (size_t i = 0; i < made->custom_count; i++) {
		const struct pp_tlv *tlv = &made->customs[i];

		if (tlv->type < PP_CUSTOM_MIN || tlv->type > PP_CUSTOM_MAX)
			return -NP_EINVAL;
		put_either(t, tlv->type, tlv->value, made->received);
	}
	return 0;
}

int pp_tlv_write(struct text *t, const struct pp_made *made)
{
	struct pp_bytes none = {NULL, 0};
	int err = 0;

	if (made->want & PP_WANT_ALPN)
		put_either(t, PP_TLV_ALPN, made->alpn, made->received);
	if (made->want & PP_WANT_AUTHORITY)
		put_either(t, PP_TLV_AUTHORITY, made->authority, made->received);
	if (made->want & PP_WANT_UNIQUE_ID)
		err = put_unique_id(t, made);
	if (err == 0 && (made->want & PP_WANT_SSL) && made->ssl != NULL)
		err = put_ssl(t, made->ssl);
	else if (err == 0 && (made->want & PP_WANT_SSL))
		put_either(t, PP_TLV_SSL, none, made->received);
	return err != 0 ? err : put_customs(t, made);
}
