/* A walk over fields. Each field is a number of known width or a run of bytes as long as a number said; when its last
 * byte is there, its function judges it and opens the next. What is open nests three deep, and a field that does not
 * fit into the innermost ends the walk before a byte of it is taken. */
#include "proxy/proto/hello_message.h"

#include <string.h>

#include "proxy/base/digit.h"
#include "proxy/base/name_set.h"

/* What is open. Each lies within the one before. */
enum level { MESSAGE, EXTENSIONS, EXTENSION };

/*  field  width (0: a run of bytes)  what is done when its last byte is there  word */
#define FIELD_TBL(X)                                                                    \
	X(MESSAGE_TYPE, 1, message_type_done, "message_type")                           \
	X(MESSAGE_LENGTH, 3, message_length_done, "message_length")                     \
	X(VERSION, 2, version_done, "version")                                          \
	X(RANDOM, 0, random_done, "random")                                             \
	X(SESSION_ID_LENGTH, 1, session_id_length_done, "session_id")                   \
	X(SESSION_ID, 0, session_id_done, "session_id")                                 \
	X(CIPHERS_LENGTH, 2, ciphers_length_done, "cipher_suites")                      \
	X(CIPHERS, 0, ciphers_done, "cipher_suites")                                    \
	X(COMPRESSIONS_LENGTH, 1, compressions_length_done, "compression_methods")      \
	X(COMPRESSIONS, 0, compressions_done, "compression_methods")                    \
	X(EXTENSIONS_LENGTH, 2, extensions_length_done, "extensions")                   \
	X(EXTENSION_TYPE, 2, extension_type_done, "extensions")                         \
	X(EXTENSION_LENGTH, 2, extension_length_done, "extensions")                     \
	X(EXTENSION, 0, next_extension, "extensions")                                   \
	X(NAMES_LENGTH, 2, names_length_done, "server_name")                            \
	X(NAME_TYPE, 1, name_type_done, "server_name")                                  \
	X(NAME_LENGTH, 2, name_length_done, "server_name")                              \
	X(NAME, 0, name_done, "server_name")                                            \
	X(SURPLUS_NAME, 0, next_name, "server_name")                                    \
	X(PROTOCOLS_LENGTH, 2, protocols_length_done, "alpn")                           \
	X(PROTOCOL_LENGTH, 1, protocol_length_done, "alpn")                             \
	X(PROTOCOL, 0, next_protocol, "alpn")                                           \
	X(SURPLUS_PROTOCOL, 0, next_protocol, "alpn")                                   \
	X(VERSIONS_LENGTH, 1, versions_length_done, "supported_versions")               \
	X(SUPPORTED_VERSION, 2, supported_version_done, "supported_versions")

enum field {
#define X(field, width, done, word) FIELD_##field,
	FIELD_TBL(X)
#undef X
};

#define X(field, width, done, word) static void done(struct hello *h);
FIELD_TBL(X)
#undef X

static const struct {
	uint8_t width;
	void (*done)(struct hello *h);
	const char *word;
} fields[] = {
#define X(field, width, done, word) {width, done, word},
	FIELD_TBL(X)
#undef X
};

#define RANDOM_BYTES     32
#define SESSION_ID_MAX   32
#define HOST_NAME        0
#define TYPE_SERVER_NAME 0
#define TYPE_ALPN        16
#define TYPE_VERSIONS    43

#define SEEN_ALPN     1
#define SEEN_VERSIONS 2

/* ---- the walk ---- */

void hello_bad(struct hello *h, const char *word)
{
	h->flaw = word;
	h->result = HELLO_BAD;
}

static void bad_field(struct hello *h)
{
	hello_bad(h, fields[h->field].word);
}

/* What is left of the innermost that is open. */
static uint32_t left(const struct hello *h)
{
	return h->end[h->level] - h->at;
}

static void next_bytes(struct hello *h, enum field field, uint32_t n)
{
	h->field = field;
	h->need = n;
	h->value = 0;
	if (n > left(h))
		bad_field(h);
}

static void next(struct hello *h, enum field field)
{
	next_bytes(h, field, fields[field].width);
}

static void enclose(struct hello *h, enum level level, uint32_t n)
{
	h->level = level;
	h->end[level] = h->at + n;
}

/* An extension that must not come twice. False: it did. */
static bool first_time(struct hello *h, uint8_t bit)
{
	bool first = (h->seen & bit) == 0;

	h->seen |= bit;
	return first;
}

/* ---- the message ---- */

static void message_type_done(struct hello *h)
{
	if (h->value != HELLO_TYPE)
		bad_field(h);
	else
		next(h, FIELD_MESSAGE_LENGTH);
}

static void message_length_done(struct hello *h)
{
	if (h->value > h->max - HELLO_HEAD) {
		h->result = HELLO_TOO_LONG;
		return;
	}
	enclose(h, MESSAGE, h->value);
	next(h, FIELD_VERSION);
}

static void version_done(struct hello *h)
{
	h->legacy_version = (uint16_t)h->value;
	next_bytes(h, FIELD_RANDOM, RANDOM_BYTES);
}

static void random_done(struct hello *h)
{
	next(h, FIELD_SESSION_ID_LENGTH);
}

static void session_id_length_done(struct hello *h)
{
	if (h->value > SESSION_ID_MAX)
		bad_field(h);
	else
		next_bytes(h, FIELD_SESSION_ID, h->value);
}

static void session_id_done(struct hello *h)
{
	next(h, FIELD_CIPHERS_LENGTH);
}

static void ciphers_length_done(struct hello *h)
{
	if (h->value == 0 || h->value % 2 != 0)
		bad_field(h);
	else
		next_bytes(h, FIELD_CIPHERS, h->value);
}

static void ciphers_done(struct hello *h)
{
	next(h, FIELD_COMPRESSIONS_LENGTH);
}

static void compressions_length_done(struct hello *h)
{
	if (h->value == 0)
		bad_field(h);
	else
		next_bytes(h, FIELD_COMPRESSIONS, h->value);
}

/* Before TLS 1.2 a hello may end here. */
static void compressions_done(struct hello *h)
{
	if (left(h) == 0)
		h->result = HELLO_DONE;
	else
		next(h, FIELD_EXTENSIONS_LENGTH);
}

/* ---- extensions ---- */

static void next_extension(struct hello *h)
{
	h->level = EXTENSIONS;
	if (left(h) == 0)
		h->result = HELLO_DONE;
	else
		next(h, FIELD_EXTENSION_TYPE);
}

/* They end the message: whatever stood behind them, no two readers would agree on. */
static void extensions_length_done(struct hello *h)
{
	if (h->value != left(h)) {
		bad_field(h);
		return;
	}
	enclose(h, EXTENSIONS, h->value);
	next_extension(h);
}

static void extension_type_done(struct hello *h)
{
	h->type = (uint16_t)h->value;
	next(h, FIELD_EXTENSION_LENGTH);
}

static void extension_length_done(struct hello *h)
{
	if (h->value > left(h)) {
		bad_field(h);
		return;
	}
	enclose(h, EXTENSION, h->value);
	if (h->type == TYPE_SERVER_NAME)
		next(h, FIELD_NAMES_LENGTH);
	else if (h->type == TYPE_ALPN)
		next(h, FIELD_PROTOCOLS_LENGTH);
	else if (h->type == TYPE_VERSIONS)
		next(h, FIELD_VERSIONS_LENGTH);
	else
		next_bytes(h, FIELD_EXTENSION, h->value);
}

/* ---- the server's name ---- */

static void next_name(struct hello *h)
{
	if (left(h) == 0)
		next_extension(h);
	else
		next(h, FIELD_NAME_TYPE);
}

/* A second extension is read as more names: which of two counts, readers disagree on, so none does. */
static void names_length_done(struct hello *h)
{
	if (h->value != left(h)) {
		bad_field(h);
		return;
	}
	if (h->value == 0)
		h->name = HELLO_NAME_EMPTY;
	next_name(h);
}

/* A name of any type has a length of two bytes (RFC 6066, 3). */
static void name_type_done(struct hello *h)
{
	if (h->value != HOST_NAME)
		h->name = HELLO_NAME_UNKNOWN;
	next(h, FIELD_NAME_LENGTH);
}

static void name_length_done(struct hello *h)
{
	if (h->name == HELLO_NAME_NONE) {
		if (h->value > HELLO_NAME_MAX)
			h->name = HELLO_NAME_LONG;
		next_bytes(h, FIELD_NAME, h->value);
		return;
	}
	if (h->name != HELLO_NAME_UNKNOWN)
		h->name = HELLO_NAME_TWICE;
	next_bytes(h, FIELD_SURPLUS_NAME, h->value);
}

/* IPv6 by its colons; IPv4, in all the forms that resolvers take, by a last label of digits alone. */
static bool is_address(const char *name, size_t n)
{
	size_t digits = 0;

	if (memchr(name, ':', n) != NULL)
		return strspn(name, "0123456789abcdef:.[]") == n;
	n -= n > 0 && name[n - 1] == '.';
	while (digits < n && digit_is_decimal(name[n - 1 - digits]))
		digits++;
	return digits > 0 && (digits == n || name[n - 1 - digits] == '.');
}

static enum hello_name judge_name(const char *name, size_t n)
{
	if (n == 0)
		return HELLO_NAME_EMPTY;
	if (memchr(name, '\0', n) != NULL)
		return HELLO_NAME_NUL;
	if (is_address(name, n))
		return HELLO_NAME_IP;
	return name_is_valid(name, name[n - 1] == '.' ? n - 1 : n) ? HELLO_NAME_USABLE : HELLO_NAME_NOT_HOST;
}

static void name_done(struct hello *h)
{
	if (h->name == HELLO_NAME_NONE)
		h->name = judge_name(h->sent, h->nsent);
	next_name(h);
}

/* What is beyond the maximum is left out: the name is no longer usable then. */
static void keep_name(struct hello *h, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n && h->nsent < HELLO_NAME_MAX; i++)
		h->sent[h->nsent++] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : (char)p[i];
}

/* ---- application protocols ---- */

static void next_protocol(struct hello *h)
{
	if (left(h) == 0)
		next_extension(h);
	else
		next(h, FIELD_PROTOCOL_LENGTH);
}

static void protocols_length_done(struct hello *h)
{
	if (h->value == 0 || h->value != left(h) || !first_time(h, SEEN_ALPN))
		bad_field(h);
	else
		next_protocol(h);
}

/* Protocols are kept whole: from the first that does not fit none is. */
static void protocol_length_done(struct hello *h)
{
	uint32_t n = h->value;

	if (n == 0) {
		bad_field(h);
		return;
	}
	if (h->alpn_cut || h->nalpn + 1 + n > HELLO_ALPN_MAX) {
		h->alpn_cut = true;
		next_bytes(h, FIELD_SURPLUS_PROTOCOL, n);
		return;
	}
	h->alpn[h->nalpn++] = (uint8_t)n;
	next_bytes(h, FIELD_PROTOCOL, n);
}

/* ---- supported versions ---- */

static void next_version(struct hello *h)
{
	if (left(h) == 0)
		next_extension(h);
	else
		next(h, FIELD_SUPPORTED_VERSION);
}

static void versions_length_done(struct hello *h)
{
	if (h->value == 0 || h->value != left(h) || !first_time(h, SEEN_VERSIONS))
		bad_field(h);
	else
		next_version(h);
}

/* Drafts and the values that are sent to keep servers tolerant have another first byte. */
static void supported_version_done(struct hello *h)
{
	if (h->value >> 8 == 3 && h->value > h->supported_version)
		h->supported_version = (uint16_t)h->value;
	next_version(h);
}

/* ---- bytes ---- */

static void absorb(struct hello *h, const uint8_t *p, uint32_t n)
{
	if (fields[h->field].width > 0) {
		for (uint32_t i = 0; i < n; i++)
			h->value = h->value << 8 | p[i];
	} else if (h->field == FIELD_NAME) {
		keep_name(h, p, n);
	} else if (h->field == FIELD_PROTOCOL) {
		memcpy(h->alpn + h->nalpn, p, n);
		h->nalpn = (uint16_t)(h->nalpn + n);
	}
	h->need -= n;
	h->at += n;
}

void hello_message_init(struct hello *h)
{
	enclose(h, MESSAGE, HELLO_HEAD);
	next(h, FIELD_MESSAGE_TYPE);
}

uint32_t hello_message_feed(struct hello *h, const uint8_t *p, uint32_t n)
{
	if (n > h->need)
		n = h->need;
	absorb(h, p, n);
	while (h->need == 0 && h->result == HELLO_MORE)
		fields[h->field].done(h);
	return n;
}
