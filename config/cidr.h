/* cidr: one network as a value, and its text. It stands here and not beside the sets that use it
 * (proxy/base/cidr_set.h), because a configuration is checked without the proxy.
 *
 * IPv4 is kept as v4-mapped IPv6, so there is one form for a network whichever way it or a
 * client's address came in: 10.0.0.0/8 and ::ffff:10.0.0.0/104 are the same value. */
#ifndef CONFIG_CIDR_H
#define CONFIG_CIDR_H

#include "netpoll/base.h"

#define CIDR_V4_BITS 96   /* the bits in front of an IPv4 address: 10.0.0.0/8 has 104 */
#define CIDR_MAX_BITS 128 /* one address */
#define CIDR_UNIX    0xff /* as bits: every client of a Unix socket; addr is all zero */
#define CIDR_TEXT    64   /* enough for every text cidr_format writes, NUL included */

struct cidr {
	uint8_t addr[16]; /* network order; the host's bits are zero */
	uint8_t bits;     /* 0 to CIDR_MAX_BITS, or CIDR_UNIX */
};

/* cidr_parse: text to network. Takes "10.0.0.0/8", "2001:db8::/32", an address alone ("::1") and
 * the word "unix". Strict: no names, no ports, no zones, no ranges, no leading zeros.
 *   Returns  0; 1 when bits behind the network's were set: they are cleared, and *why says so, for a warning;
 *            -NP_EINVAL with *why set to a static sentence a person can act on. *c is written unless refused. */
must_use int cidr_parse(struct cidr *c, const char *text, const char **why);

/* The text that parses to the same value: IPv4 as IPv4, an address alone without its bits.
 * Returns out, which holds CIDR_TEXT bytes. */
const char *cidr_format(const struct cidr *c, char *out);

/* Does the network lie within IPv4? Not for CIDR_UNIX. */
bool cidr_is_v4(const struct cidr *c);

#endif
