/* cidr: text to network and back. inet_pton reads the address, because its forms are the ones
 * every other tool takes; the bits are read here, because no library function takes them for
 * both families. */
#include "config/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "netpoll/err.h"

#define V4_BYTES 4
#define V4_AT    (CIDR_V4_BITS / 8) /* where an IPv4 address begins in a mapped one */

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int cidr_refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -NP_EINVAL;
}

/* A network that holds IPv4 and more, such as ::/0, has host bits inside this prefix, and those
 * are zero: it differs from the prefix and counts as IPv6. */
bool cidr_is_v4(const struct cidr *c)
{
	return memcmp(c->addr, v4_prefix, V4_AT) == 0;
}

/* The address in front of the slash; *width becomes the bits of its family. IPv6 first: a mapped
 * IPv4 address in IPv6 form is one too. */
static bool parse_host(struct cidr *c, const char *host, unsigned *width)
{
	if (inet_pton(AF_INET6, host, c->addr) == 1) {
		*width = 128;
		return true;
	}
	memcpy(c->addr, v4_prefix, V4_AT);
	*width = 32;
	return inet_pton(AF_INET, host, c->addr + V4_AT) == 1;
}

/* "0" to "128": digits alone, no leading zero, not above width. Strict, because readers differ: to
 * some 010 is eight, and to some /33 is /32. */
static bool parse_bits(const char *text, unsigned width, unsigned *bits)
{
	size_t n = strlen(text);
	unsigned v = 0;

	if (n == 0 || n > 3 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	*bits = v;
	return v <= width;
}

/* Why the part in front of the slash is not an address, by the mistakes people make. */
static const char *cidr_refusal(const char *text)
{
	if (text[0] == '\0')
		return "an address or a network is missing: write 10.0.0.0/8 or ::1";
	if (text[0] == '[')
		return "a network is written without brackets: 2001:db8::/32";
	if (strchr(text, '%') != NULL)
		return "a network has no zone: leave out the % and what follows";
	if (strchr(text, '-') != NULL && strspn(text, "0123456789.-") == strlen(text))
		return "a range is written as the networks it consists of: 10.0.0.0/30";
	if (strchr(text, '.') != NULL && strspn(text, "0123456789.:") == strlen(text))
		return "not an IPv4 address: four numbers from 0 to 255, without leading zeros or a port";
	return "not an IP address, a network, or the word unix; names are not resolved here";
}

/* Clears the bits behind the network's. Returns whether one was set: 10.0.0.1/8 may be a network
 * written by habit, or an address whose length was mistyped, so the caller warns. */
static bool clear_host_bits(struct cidr *c)
{
	bool found = false;

	for (unsigned i = 0; i < sizeof(c->addr); i++) {
		unsigned kept = c->bits <= i * 8 ? 0 : c->bits - i * 8;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

		found |= (c->addr[i] & ~mask) != 0;
		c->addr[i] &= mask;
	}
	return found;
}

int cidr_parse(struct cidr *c, const char *text, const char **why)
{
	struct cidr r = {.bits = CIDR_MAX_BITS};
	const char *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	unsigned width, bits;
	bool stray;
	char host[INET6_ADDRSTRLEN]; /* inet_pton wants a terminator where the slash stands */

	if (strcmp(text, "unix") == 0) {
		*c = (struct cidr){.bits = CIDR_UNIX};
		return 0;
	}
	if (n >= sizeof(host))
		return cidr_refuse(why, cidr_refusal(text));
	memcpy(host, text, n);
	host[n] = '\0';
	if (!parse_host(&r, host, &width))
		return cidr_refuse(why, cidr_refusal(host));
	bits = width;
	if (slash != NULL && !parse_bits(slash + 1, width, &bits))
		return cidr_refuse(why, width == 32 ? "behind the slash of an IPv4 network stand 0 to 32 bits" :
		                                 "behind the slash of an IPv6 network stand 0 to 128 bits");
	r.bits = (uint8_t)(CIDR_MAX_BITS - width + bits);
	stray = clear_host_bits(&r);
	if (stray)
		*why = "bits behind the network's are ignored: write the network, or one address without a slash";
	*c = r;
	return stray;
}

/* The smallest text: IPv4 without its mapped prefix, one address without "/32" or "/128". */
const char *cidr_format(const struct cidr *c, char *out)
{
	bool v4 = cidr_is_v4(c);
	unsigned bits = c->bits;
	char host[INET6_ADDRSTRLEN];

	if (bits == CIDR_UNIX) {
		snprintf(out, CIDR_TEXT, "unix");
		return out;
	}
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? c->addr + V4_AT : c->addr, host, sizeof(host));
	if (bits == CIDR_MAX_BITS)
		snprintf(out, CIDR_TEXT, "%s", host);
	else
		snprintf(out, CIDR_TEXT, "%s/%u", host, v4 ? bits - CIDR_V4_BITS : bits);
	return out;
}
