/* server_name: servers that DNS knows: "db.example:5432", a host and a port, and "srv:_pg._tcp.db.example", a service.
 * Private to config/.
 *
 * A host name without a port is refused and not guessed at: no port is usual for TCP. A dot at the end is kept, for it
 * says that resolv.conf's search domains are not tried. */
#ifndef CONFIG_SERVER_NAME_H
#define CONFIG_SERVER_NAME_H

#include "config/host.h"

struct np_addr;

struct server_name {
	char host[HOST_NAME_BYTES + 2]; /* in lower case; a dot at its end (no search domains) stays */
	uint16_t port;                  /* of a host; 0: of a service */
	bool srv;
};

/* server_name_read: what text says.
 *   Returns  0; 1: it is no name, but perhaps an address; -NP_EINVAL: it is meant as a name and is none, and *why is a
 *            static sentence a person can act on. */
must_use int server_name_read(struct server_name *out, const char *text, const char **why);

/* server_name_of_dns: the address of a name server: an IP address, and a port where it is not 53.
 *   Returns  0 or -NP_EINVAL.   Calls  any thread. */
must_use int server_name_of_dns(struct np_addr *a, const char *text);

#endif
