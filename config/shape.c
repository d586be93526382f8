/* shape: forms that mean something to a peer: names, protocols, hashes. Each refusal names the
 * slip that people make. */
#include "config/shape.h"

#include <arpa/inet.h>
#include <string.h>

#include "config/host.h"
#include "config/text/ascii.h"
#include "netpoll/err.h"

#define PROTOCOL_MAX 255
#define PIN_LETTERS  43 /* base64 of 32 bytes: 42 letters of six bits, one of four, and a "=" */

static int shape_refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -NP_EINVAL;
}

bool shape_is_ip(const char *text)
{
	unsigned char room[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

/* The slip behind a byte that no host name has. */
static const char *name_refusal(const char *text)
{
	if (strpbrk(text, "/@") != NULL)
		return "a name alone, not a URL";
	if (strchr(text, ':') != NULL)
		return "a name has no port";
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return "a name beyond ASCII is written in its xn-- form";
	return "a name has letters, digits, - and _, with dots between";
}

static int check_labels(const char *text, size_t n, const char **why)
{
	switch (host_check(text, n)) {
	case HOST_OK:             return 0;
	case HOST_TOO_LONG:       return shape_refuse(why, "a name has at most 253 letters");
	case HOST_BAD_BYTE:       return shape_refuse(why, name_refusal(text));
	case HOST_LABEL_TOO_LONG: return shape_refuse(why, "a part of a name has at most 63 letters");
	case HOST_EMPTY_LABEL:    break;
	}
	return shape_refuse(why, "a dot stands between two parts of a name, and each has a letter at least");
}

/* An IP address looks like a name and is none: TLS sends no SNI for it (RFC 6066, 3). */
int shape_host(const char *text, bool ip, const char **why)
{
	if (shape_is_ip(text))
		return ip ? 0 : shape_refuse(why, "an IP address is never sent as a name");
	return check_labels(text, strlen(text), why);
}

/* The star replaces whole labels at one end. More freedom (a*.example.com) would need a search
 * instead of a hash. */
int shape_pattern(const char *text, bool star, const char **why)
{
	size_t n = strlen(text);

	if (shape_is_ip(text))
		return shape_refuse(why, "an IP address is never sent as a name");
	if (star && strcmp(text, "*") == 0)
		return 0;
	if (n > 2 && strncmp(text, "*.", 2) == 0) {
		text += 2;
		n -= 2;
	} else if (n > 2 && strcmp(text + n - 2, ".*") == 0) {
		n -= 2;
	}
	if (memchr(text, '*', n) != NULL)
		return shape_refuse(why, "one * stands for the first or the last part: *.example.com or example.*");
	return check_labels(text, n, why);
}

/* RFC 7301 allows any bytes; those in use are printable, and a space is a list written as one
 * text. */
int shape_protocol(const char *text, const char **why)
{
	if (strlen(text) > PROTOCOL_MAX)
		return shape_refuse(why, "a protocol has at most 255 letters");
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return shape_refuse(why, "a protocol is printable ASCII, without spaces");
	return 0;
}

int shape_pin(const char *text, const char **why)
{
	static const char letters[] = ASCII_UPPER ASCII_LOWER ASCII_DIGITS "+/"; /* in the order of their values */

	if (strncmp(text, "sha256/", strlen("sha256/")) == 0)
		return shape_refuse(why, "the hash alone, without sha256/ before it");
	if (strspn(text, letters) != PIN_LETTERS || strcmp(text + PIN_LETTERS, "=") != 0)
		return shape_refuse(why, "a SHA-256 hash is 44 letters of base64, of which the last is =");
	/* The last letter holds four bits of the hash and two that are zero: any other value was
	 * cut off or mistyped. */
	if ((strchr(letters, text[PIN_LETTERS - 1]) - letters) % 4 != 0)
		return shape_refuse(why, "base64 of 32 bytes does not end like this: a letter is wrong or missing");
	return 0;
}
