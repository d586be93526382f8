/* server_name: a text is a name if it cannot be an address: it has a letter before its only colon. */
#include "config/server_name.h"

#include <stdio.h>
#include <string.h>

#include "config/shape.h"
#include "config/text/ascii.h"
#include "netpoll/addr.h"
#include "netpoll/err.h"

#define SRV "srv:"
#define DNS_PORT 53

static int name_refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -NP_EINVAL;
}

/* An IPv6 address has more colons, one of IPv4 no letter. */
static bool may_be_name(const char *text, size_t n)
{
	size_t letters = 0;

	if (text[n] == ':' && strchr(text + n + 1, ':') != NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_letter(text[i]) && !ascii_is_digit(text[i]) && strchr("._-", text[i]) == NULL)
			return false;
		letters += ascii_is_letter(text[i]);
	}
	return letters > 0;
}

/* The dot at the end is allowed, and no part of what is checked. */
static int take_host(struct server_name *out, const char *text, size_t n, const char **why)
{
	size_t bare = n > 0 && text[n - 1] == '.' ? n - 1 : n;
	int err;

	if (bare > HOST_NAME_BYTES)
		return name_refuse(why, "a name has at most 253 letters");
	snprintf(out->host, sizeof(out->host), "%.*s", (int)bare, text);
	err = shape_host(out->host, false, why);
	if (err != 0)
		return err;
	for (char *c = out->host; *c != '\0'; c++)
		*c = ascii_lower(*c);
	if (bare < n)
		memcpy(out->host + bare, ".", sizeof("."));
	return 0;
}

static int take_port(struct server_name *out, const char *text, const char **why)
{
	size_t n = strspn(text, ASCII_DIGITS);
	unsigned port = 0;

	if (n == 0 || n > 5 || text[n] != '\0')
		return name_refuse(why, "the port behind a name is a number up to 65535");
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned)(text[i] - '0');
	if (port > UINT16_MAX)
		return name_refuse(why, "the port behind a name is a number up to 65535");
	if (port == 0)
		return name_refuse(why, "port 0 cannot be connected to");
	out->port = (uint16_t)port;
	return 0;
}

int server_name_read(struct server_name *out, const char *text, const char **why)
{
	size_t n = strcspn(text, ":");
	int err;

	*out = (struct server_name){.srv = strncmp(text, SRV, strlen(SRV)) == 0};
	if (out->srv)
		return take_host(out, text + strlen(SRV), strlen(text + strlen(SRV)), why);
	if (strncmp(text, "unix:", n + 1) == 0 || strncmp(text, "systemd:", n + 1) == 0 || !may_be_name(text, n))
		return 1;
	if (text[n] == '\0')
		return name_refuse(why, "a name needs a port behind it, as in \"db.example:5432\"");
	err = take_host(out, text, n, why);
	return err != 0 ? err : take_port(out, text + n + 1, why);
}

/* What an address lacks for np_addr_parse is put in: brackets, the port. */
int server_name_of_dns(struct np_addr *a, const char *text)
{
	char whole[INET6_ADDRSTRLEN + 16];
	bool six = strchr(text, ':') != NULL;

	if (strlen(text) >= INET6_ADDRSTRLEN + 8)
		return -NP_EINVAL;
	if (shape_is_ip(text))
		snprintf(whole, sizeof(whole), "%s%s%s:%d", six ? "[" : "", text, six ? "]" : "", DNS_PORT);
	else if (text[0] == '[' && text[strlen(text) - 1] == ']')
		snprintf(whole, sizeof(whole), "%s:%d", text, DNS_PORT);
	else
		snprintf(whole, sizeof(whole), "%s", text);
	if (whole[0] == ':' || np_addr_parse(a, whole, NULL) != 0 || np_addr_is_unix(a) || np_addr_port(&a->u.sa) == 0)
		return -NP_EINVAL;
	return 0;
}
