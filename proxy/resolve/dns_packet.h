/* dns_packet: the records of a reply, as a name server sent it. Foreign bytes: what is not understood makes the whole
 * reply worthless, and nothing in it ends the process. */
#ifndef PROXY_RESOLVE_DNS_PACKET_H
#define PROXY_RESOLVE_DNS_PACKET_H

#include "proxy/resolve/dns.h"

/* dns_packet_read: add the records of this type that the name of the question has, or the name that it is an alias of.
 * Records of other names are left out: a name server may not tell of hosts that nobody asked for.
 *   Returns  DNS_OK, DNS_NO_DATA or DNS_FAILED, and *a: records, ttl, cut; and why. */
enum dns_packet_type { DNS_PACKET_A = 1, DNS_PACKET_AAAA = 28, DNS_PACKET_SRV = 33 };
enum dns_status dns_packet_read(const uint8_t *p, size_t n, enum dns_packet_type type, struct dns_answer *a);

#endif
