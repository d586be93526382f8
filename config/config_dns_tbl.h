/* config_dns_tbl: the keys of the block `dns`, of struct config. A part of config_tbl.h, whose head explains the columns.
 *
 * Why each default is safe:
 *
 *   servers, none   as every other program of the machine asks, and a change of resolv.conf needs no reload
 *   min_ttl 1s      a TTL of 0 asks once a second, not at each connect
 *   max_ttl 1h      a TTL of a day keeps a mistake for an hour
 *   timeout, tries  14 s of one server that is silent; what is known of a name serves meanwhile
 *   hold 30s        a zone that is published half, or deleted by mistake, costs nobody for that time
 *   start 5s        a start without name servers is late by that, and then serves what it knows */
#ifndef CONFIG_CONFIG_DNS_TBL_H
#define CONFIG_CONFIG_DNS_TBL_H

#define CONFIG_DNS_ROWS(X) \
	X(MAP, "dns", dns, NULL, 0, 0, 0, none, LIVE,                                                             \
	  "how names of servers, and of OCSP responders, are looked up", NULL, NULL)                               \
	X(TEXTS, "dns.servers", dns.servers, NULL, 1, 4, 0, none, LIVE,                                           \
	  "the name servers: system, or addresses, with a port if it is not 53",                                  \
	  "Without it, and with system, those of /etc/resolv.conf, which is read at each look-up. /etc/hosts, "   \
	  "search domains and ndots count either way.",                                                           \
	  "[\"10.0.0.53\", \"127.0.0.1:5353\"]")                                                                  \
	X(DURATION, "dns.min_ttl", dns.min_ttl, "1s", 1 * UNITS_S, 1 * UNITS_D, 0, none, LIVE,                    \
	  "a name is looked up again after this time, however short its TTL is",                                  \
	  "The TTL is that of the answer, the least of all records of the way to it.",                            \
	  "5s")                                                                                                   \
	X(DURATION, "dns.max_ttl", dns.max_ttl, "1h", 1 * UNITS_S, 7 * UNITS_D, 0, none, LIVE,                    \
	  "a name is looked up again after this time, however long its TTL is",                                   \
	  "What a former process knew of names counts at a start only if it is younger than that, too.",          \
	  "10m")                                                                                                  \
	X(DURATION, "dns.timeout", dns.timeout, "2s", 100 * UNITS_MS, 30 * UNITS_S, 0, none, LIVE,                \
	  "how long a name server is waited for at the first try; later ones take longer",                        \
	  "A look-up ends after a minute at most.",                                                               \
	  "1s")                                                                                                   \
	X(COUNT, "dns.tries", dns.tries, "3", 1, 10, 0, none, LIVE,                                               \
	  "how often each name server is asked before the look-up has failed",                                    \
	  "The servers of a name stay as they were when a look-up fails.",                                        \
	  "2")                                                                                                    \
	X(ENUM, "dns.family", dns.family, "prefer_v4", 0, 0, 0, family, LIVE,                                     \
	  "which addresses of a name are used",                                                                   \
	  "Also of the hosts that SRV records name.",                                                             \
	  "both")                                                                                                 \
	X(DURATION, "dns.hold", dns.hold, "30s", 0, 7 * UNITS_D, 0, none, LIVE,                                   \
	  "how long servers stay after name servers say that the name is no more",                                \
	  "An answer that fails (SERVFAIL, no answer) removes no server, however long it lasts.",                 \
	  "5m")                                                                                                   \
	X(DURATION, "dns.start", dns.start, "5s", 0, 10 * UNITS_M, 0, none, LIVE,                                 \
	  "how long a start, or a reload with new names, waits for first answers",                                \
	  "Then it goes on with the servers that are known.",                                                     \
	  "30s")

#endif
