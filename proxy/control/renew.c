/* renew: polls ticket keys, OCSP responses and the files of TLS.
 *
 * A changed file is taken over at the second poll that sees it in the same state: until then its
 * writer may not be done. A file that was refused is tried again when it changes again. */
#include "proxy/control/renew.h"

#include "proxy/control/control.h"
#include "proxy/control/reload.h"
#include "proxy/control/watch_files.h"
#include "proxy/policy/snapshot_tls.h"

#define POLL_PERIOD (250 * NP_MS)

static void log_ticket_keys(const char *path, const char *why)
{
	static struct log_site site;

	if (why[0] == '\0')
		log_msg(LVL_INFO, "ticket_keys", "ticket keys rotated (%s)",
			path != NULL ? path : "in memory");
	else
		log_limited(&site, LVL_WARNING, "ticket_keys_failed", "%s; the keys in use stay",
			    why);
}

/* The files differ from those in force, and are the same as at the last poll. */
static bool files_have_changed(struct process *p)
{
	uint64_t now = watch_files_state(p->snap->config), before = p->files_seen;

	p->files_seen = now;
	return now != p->files && now == before;
}

int64_t renew_next_poll(const struct process *p)
{
	return p->files != 0 || !list_empty(&p->registry.tickets) ? np_deadline_after(POLL_PERIOD) :
								    0;
}

void renew_poll(struct process *p)
{
	DCHECK(p->snap != NULL && np_self() == p->registry.control,
	       "renewal is the control worker's, while it serves");
	registry_refresh_tickets(&p->registry, log_ticket_keys);
	ocsp_poll(&p->ocsp);
	if (!files_have_changed(p))
		return;
	log_msg(LVL_NOTICE, "files_changed", "a certificate, key or list has changed");
	reload_again(p);
	p->files = p->files_seen; /* also after a refusal */
}
