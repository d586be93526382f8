/* config_dns: the block `dns` of the model: how names of servers are looked up. A part of config.h. */
#ifndef CONFIG_CONFIG_DNS_H
#define CONFIG_CONFIG_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config_enum.h"

struct config_text;

/* Times are nanoseconds. */
struct config_dns {
	struct config_text *servers; /* name servers, or the word system alone; none: the system's */
	size_t              nservers;
	int64_t             min_ttl, max_ttl;
	int64_t             timeout; /* of the first try of each name server */
	int64_t             tries;   /* of each */
	int64_t             hold, start;
	enum config_family  family;
};

#endif
