/* validate_dns: the name servers, and times that contradict each other. */
#include "config/validate_dns.h"

#include <string.h>

#include "config/server_name.h"
#include "config/text/diag.h"
#include "config/validate_keys.h"

/* The word stands alone: beside addresses it would say nothing. */
static void check_name_servers(struct diag *d, const struct config *c)
{
	struct np_addr a;

	for (size_t i = 0; i < c->dns.nservers; i++) {
		const struct config_text *t = &c->dns.servers[i];

		if (strcmp(t->text, "system") == 0 && c->dns.nservers == 1)
			continue;
		if (server_name_of_dns(&a, t->text) == 0)
			continue;
		diag_error(d, DIAG_ADDRESS, t->at,
		           "\"servers\" cannot be \"%.100s\": write system alone, or IP addresses, as in \"10.0.0.53\" "
		           "or \"127.0.0.1:5353\"", t->text);
	}
}

void validate_dns(struct diag *d, struct config *c)
{
	struct config_pos least = validate_origin("dns.min_ttl", c);

	check_name_servers(d, c);
	if (c->dns.min_ttl > c->dns.max_ttl)
		diag_error(d, DIAG_CONFLICT, pos_known(least) ? least : validate_origin("dns.max_ttl", c),
		           "\"min_ttl\" is longer than \"max_ttl\"");
}
