/* Reads the message of a ClientHello field by field, in pieces of any size.
 *
 * A field is a number of known width, or a run of bytes whose length an earlier field gave. When
 * the last byte of a field has come, the function of that field checks it and opens the next one.
 * Enclosures (message, extensions, one extension) nest three deep. A field that does not fit into
 * the innermost enclosure ends the walk before a byte of it is taken. So no length that lies can
 * make the walk read past an enclosure, and the rule stands in one place, next_bytes. */
#include "proxy/proto/hello_message.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/base/digit.h"
#include "proxy/base/name_set.h"

/* The enclosures. Each lies within the one before it. */
enum level { MESSAGE, EXTENSIONS, EXTENSION };

/* The fields. `word` is what the log calls the field when it is wrong.
 *  field  width (0: a run of bytes)  called when its last byte has come  word */
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

/* From RFC 8446, 4.1.2 and 4.2; RFC 6066, 3; RFC 7301, 3.1. */
#define RANDOM_BYTES     32
#define SESSION_ID_MAX   32
#define HOST_NAME        0
#define TYPE_SERVER_NAME 0
#define TYPE_ALPN        16
#define TYPE_VERSIONS    43

/* Bits of hello.seen: the extensions that must not come twice. */
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

/* The bytes left in the innermost enclosure. */
static uint32_t bytes_left(const struct hello *h)
{
	DCHECK(h->at <= h->end[h->level], "no field reaches past its enclosure");
	return h->end[h->level] - h->at;
}

/* Opens a field of n bytes, if the enclosure has so many left. */
static void next_bytes(struct hello *h, enum field field, uint32_t n)
{
	h->field = field;
	h->need = n;
	h->value = 0;
	if (n > bytes_left(h))
		bad_field(h);
}

static void next_field(struct hello *h, enum field field)
{
	DCHECK(fields[field].width > 0, "a run of bytes has its length from a field before it");
	next_bytes(h, field, fields[field].width);
}

/* Opens an enclosure of the next n bytes; the caller has checked that they fit. */
static void enclose(struct hello *h, enum level level, uint32_t n)
{
	h->level = level;
	h->end[level] = h->at + n;
}

/* Marks an extension that must not come twice. Returns false if it came before. */
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
		next_field(h, FIELD_MESSAGE_LENGTH);
}

static void message_length_done(struct hello *h)
{
	if (h->value > h->max - HELLO_HEAD) {
		h->result = HELLO_TOO_LONG;
		return;
	}
	enclose(h, MESSAGE, h->value);
	next_field(h, FIELD_VERSION);
}

static void version_done(struct hello *h)
{
	h->legacy_version = (uint16_t)h->value;
	next_bytes(h, FIELD_RANDOM, RANDOM_BYTES);
}

static void random_done(struct hello *h)
{
	next_field(h, FIELD_SESSION_ID_LENGTH);
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
	next_field(h, FIELD_CIPHERS_LENGTH);
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
	next_field(h, FIELD_COMPRESSIONS_LENGTH);
}

static void compressions_length_done(struct hello *h)
{
	if (h->value == 0)
		bad_field(h);
	else
		next_bytes(h, FIELD_COMPRESSIONS, h->value);
}

/* A hello without extensions ends here, as those before TLS 1.2 may. */
static void compressions_done(struct hello *h)
{
	if (bytes_left(h) == 0)
		h->result = HELLO_DONE;
	else
		next_field(h, FIELD_EXTENSIONS_LENGTH);
}

/* ---- extensions ---- */

static void next_extension(struct hello *h)
{
	h->level = EXTENSIONS;
	if (bytes_left(h) == 0)
		h->result = HELLO_DONE;
	else
		next_field(h, FIELD_EXTENSION_TYPE);
}

/* The extensions must end the message. Readers do not agree on bytes behind them: one ignores what
 * another reads. */
static void extensions_length_done(struct hello *h)
{
	if (h->value != bytes_left(h)) {
		bad_field(h);
		return;
	}
	enclose(h, EXTENSIONS, h->value);
	next_extension(h);
}

static void extension_type_done(struct hello *h)
{
	h->type = (uint16_t)h->value;
	next_field(h, FIELD_EXTENSION_LENGTH);
}

static void extension_length_done(struct hello *h)
{
	if (h->value > bytes_left(h)) {
		bad_field(h);
		return;
	}
	enclose(h, EXTENSION, h->value);
	if (h->type == TYPE_SERVER_NAME)
		next_field(h, FIELD_NAMES_LENGTH);
	else if (h->type == TYPE_ALPN)
		next_field(h, FIELD_PROTOCOLS_LENGTH);
	else if (h->type == TYPE_VERSIONS)
		next_field(h, FIELD_VERSIONS_LENGTH);
	else
		next_bytes(h, FIELD_EXTENSION, h->value);
}

/* ---- the server's name ---- */

static void next_name(struct hello *h)
{
	if (bytes_left(h) == 0)
		next_extension(h);
	else
		next_field(h, FIELD_NAME_TYPE);
}

/* A second extension is read as more names. Readers disagree on which of two names counts, so
 * neither is used. */
static void names_length_done(struct hello *h)
{
	if (h->value != bytes_left(h)) {
		bad_field(h);
		return;
	}
	if (h->value == 0)
		h->name = HELLO_NAME_EMPTY;
	next_name(h);
}

/* All types of names are assumed to have a length of two bytes, as host names do (RFC 6066, 3). */
static void name_type_done(struct hello *h)
{
	if (h->value != HOST_NAME)
		h->name = HELLO_NAME_UNKNOWN;
	next_field(h, FIELD_NAME_LENGTH);
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

/* Is the name an IP address? IPv6 shows by its colons; IPv4, in every form that resolvers take, by
 * a last label that is all digits. */
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

/* The first rule that a name breaks decides its word; the order is that of HELLO_NAME_TBL. */
enum hello_name hello_judge_name(const char *name, size_t n)
{
	if (n == 0)
		return HELLO_NAME_EMPTY;
	if (memchr(name, '\0', n) != NULL)
		return HELLO_NAME_NUL;
	if (is_address(name, n))
		return HELLO_NAME_IP;
	if (!name_is_valid(name, name[n - 1] == '.' ? n - 1 : n))
		return HELLO_NAME_NOT_HOST;
	return HELLO_NAME_USABLE;
}

static void name_done(struct hello *h)
{
	if (h->name == HELLO_NAME_NONE)
		h->name = hello_judge_name(h->sent, h->nsent);
	next_name(h);
}

/* Keeps the name in lower case. Bytes past the maximum are left out; name_length_done has marked
 * such a name. */
static void keep_name(struct hello *h, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n && h->nsent < HELLO_NAME_MAX; i++)
		h->sent[h->nsent++] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : (char)p[i];
}

/* ---- application protocols ---- */

static void next_protocol(struct hello *h)
{
	if (bytes_left(h) == 0)
		next_extension(h);
	else
		next_field(h, FIELD_PROTOCOL_LENGTH);
}

static void protocols_length_done(struct hello *h)
{
	if (h->value == 0 || h->value != bytes_left(h) || !first_time(h, SEEN_ALPN))
		bad_field(h);
	else
		next_protocol(h);
}

/* Keeps whole protocols only. Once one does not fit, no later one is kept either, so that the list
 * keeps its order. */
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
	if (bytes_left(h) == 0)
		next_extension(h);
	else
		next_field(h, FIELD_SUPPORTED_VERSION);
}

static void versions_length_done(struct hello *h)
{
	if (h->value == 0 || h->value != bytes_left(h) || !first_time(h, SEEN_VERSIONS))
		bad_field(h);
	else
		next_version(h);
}

/* Drafts (RFC 8446, appendix) and GREASE values (RFC 8701) have another first byte, and do not
 * count. */
static void supported_version_done(struct hello *h)
{
	if (h->value >> 8 == 3 && h->value > h->supported_version)
		h->supported_version = (uint16_t)h->value;
	next_version(h);
}

/* ---- bytes ---- */

/* Takes n bytes of the open field: adds them to its number, or keeps them if the field is one to
 * keep. */
static void absorb(struct hello *h, const uint8_t *p, uint32_t n)
{
	if (fields[h->field].width > 0) {
		for (uint32_t i = 0; i < n; i++)
			h->value = h->value << 8 | p[i];
	} else if (h->field == FIELD_NAME) {
		keep_name(h, p, n);
	} else if (h->field == FIELD_PROTOCOL) {
		DCHECK(h->nalpn + n <= HELLO_ALPN_MAX, "protocol_length_done checked it");
		memcpy(h->alpn + h->nalpn, p, n);
		h->nalpn = (uint16_t)(h->nalpn + n);
	}
	h->need -= n;
	h->at += n;
}

void hello_message_init(struct hello *h)
{
	enclose(h, MESSAGE, HELLO_HEAD);
	next_field(h, FIELD_MESSAGE_TYPE);
}

uint32_t hello_message_feed(struct hello *h, const uint8_t *p, uint32_t n)
{
	DCHECK(h->need > 0 && h->result == HELLO_MORE, "a field is open until the result is final");
	if (n > h->need)
		n = h->need;
	absorb(h, p, n);
	while (h->need == 0 && h->result == HELLO_MORE)
		fields[h->field].done(h);
	return n;
}

void hello_read_name(struct hello *h, const void *body, size_t n)
{
	const uint8_t *p = body;
	uint32_t at = 0, end = n <= HELLO_MAX ? (uint32_t)n : 0;

	hello_init(h, HELLO_MAX);
	h->result = HELLO_MORE;
	h->at = 0;
	enclose(h, MESSAGE, end);
	enclose(h, EXTENSIONS, end);
	enclose(h, EXTENSION, end);
	h->type = TYPE_SERVER_NAME;
	next_field(h, FIELD_NAMES_LENGTH);
	while (at < end && h->result == HELLO_MORE)
		at += hello_message_feed(h, p + at, end - at);
}
