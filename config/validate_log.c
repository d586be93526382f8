/* validate_log: where the process log is sent to. */
#include "config/validate_log.h"

#include <string.h>

#include "config/units.h"
#include "config/validate_keys.h"

#define ADDRESS  "log.syslog.address"
#define FACILITY "log.syslog.facility"

/* An address, because the log thread waits for no name server. ":514" would be this machine by chance, as with a
 * server. */
static void check_syslog_address(struct diag *d, struct config *c)
{
	const char *text = c->log.syslog.address;
	struct config_pos at = validate_origin(ADDRESS, c);
	struct units_refusal why;
	struct np_addr a;

	if (units_address(&a, text, &why) != 0) {
		diag_error(d, DIAG_ADDRESS, at, "\"address\" cannot be \"%.100s\": %s", text, why.why);
		diag_suggest(d, why.suggestion[0] != '\0' ? why.suggestion : NULL);
	} else if (text[0] == ':') {
		diag_error(d, DIAG_ADDRESS, at, "\"address\" needs the daemon's address before the colon");
	} else if (!np_addr_is_unix(&a) && np_addr_port(&a.u.sa) == 0) {
		diag_error(d, DIAG_ADDRESS, at, "\"address\" needs the daemon's port: 514 is usual");
	}
}

/* A facility without an address is a warning: the file may be prepared for later. */
void validate_log(struct diag *d, struct config *c)
{
	if (c->log.syslog.address == NULL) /* refused before */
		return;
	if (strcmp(c->log.syslog.address, "off") != 0)
		check_syslog_address(d, c);
	else if (validate_is_chosen(FACILITY, c))
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(FACILITY, c),
		          "\"facility\" has no effect without \"address\"");
}
