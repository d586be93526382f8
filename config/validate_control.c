/* validate_control: the control plane's addresses, and what the keys beside them mean without one. */
#include "config/validate_control.h"

#include <string.h>
#include <sys/un.h>

#include "config/shape.h"
#include "config/text/word.h"
#include "config/units.h"
#include "config/validate_keys.h"

#define SOCKET "control.socket"
#define HTTP   "control.http"
#define STATE  "control.state"
#define HOSTS  "control.hosts"
#define TOKENS "control.token_file"

#define STATE_MOST  500
#define SOCKET_MOST (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* A word that was misspelled must not become a path, so a path is absolute. */
static void check_control_socket(struct diag *d, struct config *c)
{
	static const char *const words[] = {"auto", "off", NULL};
	const char *text = c->control.socket;
	struct config_pos at = validate_origin(SOCKET, c);

	if (text == NULL || strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
		return;
	if (text[0] != '/') {
		diag_error(d, DIAG_TEXT, at,
		           "\"socket\" cannot be \"%.100s\": write auto, off or a path that starts with /", text);
		diag_suggest(d, word_nearest(text, words));
	} else if (strlen(text) > SOCKET_MOST) {
		diag_error(d, DIAG_TEXT, at, "\"socket\" has %zu bytes: a socket's path has at most %zu", strlen(text),
		           SOCKET_MOST);
	}
}

/* Returns whether it is a path. */
static bool check_state(struct diag *d, struct config *c)
{
	static const char *const words[] = {"auto", "off", NULL};
	const char *text = c->control.state;
	struct config_pos at = validate_origin(STATE, c);

	if (text == NULL || strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
		return false;
	if (text[0] != '/') {
		diag_error(d, DIAG_TEXT, at,
		           "\"state\" cannot be \"%.100s\": write auto, off or a path that starts with /", text);
		diag_suggest(d, word_nearest(text, words));
	} else if (strlen(text) > STATE_MOST) {
		diag_error(d, DIAG_TEXT, at, "\"state\" has %zu bytes: it may have %d", strlen(text), STATE_MOST);
	}
	return text[0] == '/';
}

/* All of 127.0.0.0/8, and ::1. */
static bool is_own_machine(const struct np_addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return ntohl(a->u.in4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr) != 0;
}

/* Returns true when there is an address, and *a is it. */
static bool check_http(struct diag *d, struct config *c, struct np_addr *a)
{
	struct units_refusal why;

	if (c->control.http == NULL || strcmp(c->control.http, "off") == 0)
		return false;
	if (units_address(a, c->control.http, &why) != 0) {
		diag_error(d, DIAG_ADDRESS, validate_origin(HTTP, c), "\"http\" cannot be \"%.100s\": %s",
		           c->control.http, why.why);
		diag_suggest(d, why.suggestion[0] != '\0' ? why.suggestion : NULL);
		return false;
	}
	if (np_addr_is_unix(a))
		diag_error(d, DIAG_ADDRESS, validate_origin(HTTP, c), "\"http\" is for TCP: \"socket\" takes a path");
	else if (np_addr_port(&a->u.sa) == 0)
		diag_error(d, DIAG_ADDRESS, validate_origin(HTTP, c), "\"http\" needs a port: others must find it");
	return true;
}

static void check_hosts(struct diag *d, const struct config *c)
{
	const char *why;

	for (size_t i = 0; i < c->control.nhosts; i++)
		if (shape_host(c->control.hosts[i].text, true, &why) != 0)
			diag_error(d, DIAG_NAME, c->control.hosts[i].at, "\"%.100s\" is no host: %s",
			           c->control.hosts[i].text, why);
}

/* A key that cannot act is a warning: the file may be prepared for later. */
void validate_control(struct diag *d, struct config *c)
{
	struct np_addr a;
	bool tcp = check_http(d, c, &a), keeps = check_state(d, c);

	check_control_socket(d, c);
	check_hosts(d, c);
	if (!tcp && c->control.nhosts > 0)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(HOSTS, c), "\"hosts\" has no effect without \"http\"");
	if (!tcp && c->control.token_file != NULL)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(TOKENS, c),
		          "\"token_file\" has no effect without \"http\"");
	if (!tcp && keeps && c->control.socket != NULL && strcmp(c->control.socket, "off") == 0)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(STATE, c),
		          "\"state\" has no effect without \"socket\" or \"http\"");
	if (tcp && c->control.token_file != NULL && !np_addr_is_unix(&a) && !is_own_machine(&a)) {
		diag_warn(d, DIAG_BARE_SECRET, validate_origin(TOKENS, c),
		          "tokens for %.100s cross the network in the clear", c->control.http);
		diag_help(d, "bind to 127.0.0.1 and reach it through ssh or a TLS listener");
	}
}
