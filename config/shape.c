#include "config/shape.h"

#include <arpa/inet.h>
#include <string.h>

#include "netpoll/err.h"

#define LABEL_MAX    63
#define PROTOCOL_MAX 255
#define PIN_LETTERS  43 /* base64 of 32 bytes: 42 letters of six bits, one of four, and a "=" */

static int refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -NP_EINVAL;
}

bool shape_is_ip(const char *text)
{
	unsigned char room[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

/* What people write for a host name and none is. */
static const char *host_refusal(const char *text)
{
	if (strchr(text, ':') != NULL)
		return "a name has no port";
	if (strpbrk(text, "/@") != NULL)
		return "a name alone, not a URL";
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return "a name beyond ASCII is written in its xn-- form";
	return "a name has letters, digits, - and _, with dots between";
}

/* The labels of n bytes. The underscore is no letter of a host name, but names with one are in use. */
static int check_labels(const char *text, size_t n, const char **why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (n > SHAPE_NAME_MAX)
		return refuse(why, "a name has at most 253 letters");
	for (size_t at = 0, len; at <= n; at += len + 1) {
		len = strspn(text + at, letters);
		if (len > n - at)
			len = n - at;
		if (at + len < n && text[at + len] != '.')
			return refuse(why, host_refusal(text));
		if (len == 0)
			return refuse(why, "a dot stands between two parts of a name, each of a letter at least");
		if (len > LABEL_MAX)
			return refuse(why, "a part of a name has at most 63 letters");
	}
	return 0;
}

int shape_host(const char *text, bool ip, const char **why)
{
	if (shape_is_ip(text))
		return ip ? 0 : refuse(why, "an IP address is never sent as a name");
	return check_labels(text, strlen(text), why);
}

int shape_pattern(const char *text, const char **why)
{
	size_t n = strlen(text);

	if (shape_is_ip(text))
		return refuse(why, "an IP address is never sent as a name");
	if (strcmp(text, "*") == 0)
		return refuse(why, "leave the key out to match every name");
	if (n > 2 && strncmp(text, "*.", 2) == 0) {
		text += 2;
		n -= 2;
	} else if (n > 2 && strcmp(text + n - 2, ".*") == 0) {
		n -= 2;
	}
	if (memchr(text, '*', n) != NULL)
		return refuse(why, "one * stands for the first or the last part: *.example.com or example.*");
	return check_labels(text, n, why);
}

int shape_protocol(const char *text, const char **why)
{
	if (strlen(text) > PROTOCOL_MAX)
		return refuse(why, "a protocol has at most 255 letters");
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return refuse(why, "a protocol is printable ASCII, without spaces");
	return 0;
}

int shape_pin(const char *text, const char **why)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (strncmp(text, "sha256/", strlen("sha256/")) == 0)
		return refuse(why, "the hash alone, without sha256/ before it");
	if (strspn(text, letters) != PIN_LETTERS || strcmp(text + PIN_LETTERS, "=") != 0)
		return refuse(why, "a SHA-256 hash is 44 letters of base64, of which the last is =");
	if ((strchr(letters, text[PIN_LETTERS - 1]) - letters) % 4 != 0)
		return refuse(why, "base64 of 32 bytes does not end like this: a letter is wrong or missing");
	return 0;
}
