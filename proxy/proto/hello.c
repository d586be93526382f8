/* Reads the records of a ClientHello: checks their header bytes one by one, and gives what is
 * between them to hello_message.c. */
#include "proxy/proto/hello.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/hello_message.h"

#define RECORD_HANDSHAKE 22
#define RECORD_MAX       16384 /* bytes of a plain record */
#define SSLV2_LEAST      9     
/* The record is not a handshake. The first record decides what the stream is; a later one makes the
 * hello bad. */
static void wrong_record(struct hello *h)
{
	if (h->at == 0)
		h->result = HELLO_NOT_TLS;
	else
		hello_bad(h, "record_type");
}

/* Checks the next byte of a record header: type, major version, minor version, and a length of two
 * bytes. */
static void header_byte(struct hello *h, uint8_t c)
{
	switch (h->header++) {
	case 0:
		if (c != RECORD_HANDSHAKE)
			wrong_record(h);
		return;
	case 1:
		if (c != 3)
			wrong_record(h);
		return;
	case 2:
		return;
	case 3:
		h->record_length = (uint16_t)(c << 8);
		return;
	}
	h->record = h->record_length | c;
	h->header = 0;
	if (h->record == 0 || h->record > RECORD_MAX)
		hello_bad(h, "record_length");
}

/* The client sends nothing else before the server answers, so a record that goes on behind the
 * hello is wrong. */
static size_t record_bytes(struct hello *h, const uint8_t *p, size_t n)
{
	uint32_t used = hello_message_feed(h, p, n < h->record ? (uint32_t)n : h->record);

	DCHECK(used > 0 && used <= h->record, "a field takes 1 byte or more");

	h->record = (uint16_t)(h->record - used);
	if (h->result == HELLO_DONE && h->record > 0)
		hello_bad(h, "record_length");
	return used;
}

/* Reads the hello of an old client that would also speak SSL 2: a length with its high bit set,
 * type 1, the version, then lists that name no server. Only the version is of use. */
static void sslv2_byte(struct hello *h, uint8_t c)
{
	bool wrong = false;

	switch (h->header++) {
	case 0:
		h->record_length = (uint16_t)((c & 0x7f) << 8);
		break;
	case 1:
		wrong = (h->record_length | c) < SSLV2_LEAST;
		break;
	case 2:
		wrong = c != HELLO_TYPE;
		break;
	case 3:
		h->legacy_version = (uint16_t)(c << 8);
		wrong = c != 0 && c != 3;
		break;
	case 4:
		h->legacy_version |= c;
		wrong = h->legacy_version < 0x300 && h->legacy_version != 2;
		h->result = HELLO_DONE;
		break;
	}
	if (wrong)
		h->result = HELLO_NOT_TLS;
}

/* ---- the calls of hello.h ---- */

void hello_init(struct hello *h, uint32_t max)
{
	DCHECK(max > HELLO_HEAD, "every message is longer than its head");
	memset(h, 0, sizeof(*h));
	h->max = max;
	hello_message_init(h);
}

enum hello_result hello_feed(struct hello *h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t used; n > 0 && h->result == HELLO_MORE; p += used, n -= used) {
		used = 1;
		if (h->header == 0 && h->at == 0 && h->record == 0 && *p >= 0x80)
			h->sslv2 = true; /* the first byte decides that */
		if (h->sslv2) {
			sslv2_byte(h, *p);
		} else if (h->record == 0) {
			header_byte(h, *p);
		} else {
			used = record_bytes(h, p, n);
		}
	}
	return h->result;
}

const char *hello_sni(const struct hello *h, size_t *n)
{
	if (h->result != HELLO_DONE || h->name != HELLO_NAME_USABLE)
		return NULL;
	if (n != NULL)
		*n = h->nsent;
	return h->sent;
}

uint16_t hello_version(const struct hello *h)
{
	if (h->supported_version != 0)
		return h->supported_version;
	/* RFC 8446, 4.2.1: without the extension nothing newer than TLS 1.2 is spoken. */
	return h->legacy_version > 0x0303 ? 0x0303 : h->legacy_version;
}

const char *hello_name_word(enum hello_name name)
{
	static const char *const words[] = {
#define X(name, word) word,
		HELLO_NAME_TBL(X)
#undef X
	};

	DCHECK((unsigned)name < array_len(words), "a word of HELLO_NAME_TBL");
	return words[name];
}
