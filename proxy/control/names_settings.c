/* names_settings: words of the file to those of the resolver. */
#include "proxy/control/names_settings.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

/* In the order of their words. */
static enum dns_family dns_family_of(enum config_family f)
{
	static const enum dns_family families[] = {
		[CONFIG_FAMILY_PREFER_V4] = DNS_PREFER_V4, [CONFIG_FAMILY_PREFER_V6] = DNS_PREFER_V6,
		[CONFIG_FAMILY_V4] = DNS_V4, [CONFIG_FAMILY_V6] = DNS_V6, [CONFIG_FAMILY_BOTH] = DNS_BOTH,
	};

	return families[f];
}

/* As c-ares takes them; the check bounds their number and length. */
static void put_servers(const struct config *c, char out[DNS_SERVERS])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->dns.nservers; i++) {
		const char *text = c->dns.servers[i].text;

		if (strcmp(text, "system") != 0 && at < DNS_SERVERS)
			at += (size_t)snprintf(out + at, DNS_SERVERS - at, "%s%s", at > 0 ? "," : "", text);
	}
}

void names_settings_of(const struct config *c, struct names_settings *out)
{
	*out = (struct names_settings){
		.rules = {.min_ttl = c->dns.min_ttl, .max_ttl = c->dns.max_ttl, .hold = c->dns.hold},
		.question = {
			.family = dns_family_of(c->dns.family),
			.timeout = c->dns.timeout,
			.tries = (unsigned)c->dns.tries,
		},
	};
	put_servers(c, out->question.servers);
}
