/* Targets: cidr_parse, cidr_format, cidr_set_init, cidr_set_has. A network that parses must print as text that parses
 * to the same one. A set, made of the input's bytes taken as networks, must say of each address what asking its
 * networks one by one says. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/cidr.h"
#include "netpoll/check.h"
#include "proxy/base/cidr_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NETS 32

static bool has_host_bits(const struct cidr *c)
{
	for (unsigned bit = c->bits; bit < CIDR_MAX_BITS; bit++)
		if (c->addr[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	return false;
}

static void as_text(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1), out[CIDR_TEXT]; /* on the heap, so that one byte too far is seen */
	struct cidr c, again;
	const char *why = NULL;
	int got;

	CHECK(text != NULL, "out of memory");
	memcpy(text, data, n);
	text[n] = '\0';
	got = cidr_parse(&c, text, &why);
	CHECK((got == 0) == (why == NULL), "what is not plainly right has its sentence");
	if (got >= 0) {
		CHECK(!has_host_bits(&c), "host bits were kept");
		CHECK(cidr_parse(&again, cidr_format(&c, out), &why) == 0, "what was printed does not parse");
		CHECK(memcmp(&c, &again, sizeof(c)) == 0, "what was printed is another network");
	}
	free(text);
}

/* The plain way: family, then bit by bit. */
static bool plain_has(const struct cidr *nets, size_t n, const struct in6_addr *a)
{
	for (size_t i = 0; i < n; i++) {
		unsigned bit = 0;

		if (nets[i].bits == CIDR_UNIX || cidr_is_v4(&nets[i]) != IN6_IS_ADDR_V4MAPPED(a))
			continue;
		while (bit < nets[i].bits && ((nets[i].addr[bit / 8] ^ a->s6_addr[bit / 8]) >> (7 - bit % 8) & 1) == 0)
			bit++;
		if (bit == nets[i].bits)
			return true;
	}
	return false;
}

/* Four bytes make a network: bits, family, and the first two bytes of the address that vary; so they meet often. */
static struct cidr make_net(const uint8_t *p)
{
	struct cidr c = {.bits = p[0] == 0xfe ? CIDR_UNIX : p[0] % 129};
	unsigned at = p[1] & 1 ? 12 : 0;

	if (c.bits == CIDR_UNIX)
		return c;
	if (p[1] & 1)
		c.addr[10] = c.addr[11] = 0xff;
	c.addr[at] = p[2];
	c.addr[at + 1] = p[3];
	if (p[1] & 2)
		c.addr[15] = p[1];
	for (unsigned bit = c.bits; bit < 128; bit++)
		c.addr[bit / 8] &= 0xff ^ 0x80 >> bit % 8;
	return c;
}

static void ask(const struct cidr_set *s, const struct cidr *nets, size_t n, const struct in6_addr *a)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = *a};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	bool want = plain_has(nets, n, a);

	CHECK(cidr_set_has(s, (struct sockaddr *)&in6, sizeof(in6)) == want, "the set disagrees with its networks");
	if (!IN6_IS_ADDR_V4MAPPED(a))
		return;
	memcpy(&in4.sin_addr, a->s6_addr + 12, sizeof(in4.sin_addr));
	CHECK(cidr_set_has(s, (struct sockaddr *)&in4, sizeof(in4)) == want, "mapped and plain IPv4 differ");
}

static void as_set(const uint8_t *data, size_t n)
{
	struct cidr nets[NETS] = {{{0}, 0}};
	struct cidr_set s;
	size_t count = n / 4 < NETS ? n / 4 : NETS;

	for (size_t i = 0; i < count; i++)
		nets[i] = make_net(data + 4 * i);
	CHECK(cidr_set_init(&s, nets, count) == 0, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct in6_addr a;

		memcpy(&a, nets[i].addr, sizeof(a));
		ask(&s, nets, count, &a);
		for (unsigned bit = 0; bit < 128; bit += 5 + data[4 * i] % 7) { /* its neighbours */
			a.s6_addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			ask(&s, nets, count, &a);
		}
	}
	cidr_set_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	as_text(data, n);
	as_set(data, n);
	return 0;
}
