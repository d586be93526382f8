/* check_tls: the TLS that a check speaks. It is put together of two blocks: the upstream's tls, where it has one, and
 * what the check itself says (sni, ca, verify, alpn), which stands in its place. So an upstream that passes TLS on
 * unopened, which has no block of its own, is checked by a handshake all the same, and verified as strictly as
 * connections to servers are: by the system's authorities, unless the check names others.
 *
 * Rejected: to ask for the upstream's block, since it would end TLS for the sake of a check; and not to verify by
 * default, for then a certificate that has expired is found by clients first. Private to config/. */
#ifndef CONFIG_CHECK_TLS_H
#define CONFIG_CHECK_TLS_H

#include "config/config.h"

/* The check of an upstream, if its kind can speak TLS. */
struct check_speaker {
	void *check;                  /* its struct; NULL: there is none of these kinds */
	const char *path;             /* of that: "upstreams[].health.http" */
	struct config_check_own *own; /* within it */
	enum config_check_tls_use use;
};

struct check_speaker check_speaker_of(const struct config_upstream *u);
/* check_speaks_tls: by what is written. */
bool check_speaks_tls(const struct config_upstream *u);
/* check_asked_name: the name that the check asks for: its own, that of the upstream's tls, or, where neither says one,
 * the host of http. NULL: none is said; then it is the name to verify. */
const char *check_asked_name(const struct config_upstream *u);
/* check_has_written_name: a tls.name of the file, which counts whatever is asked for. One that validation filled in
 * (validate_tls.c) does not. */
bool check_has_written_name(const struct config_upstream *u);

/* check_tls_resolve: health.speaks of each upstream of a config that is valid.   Returns  0 or -NP_ENOMEM. */
must_use int check_tls_resolve(struct config *c);

#endif
