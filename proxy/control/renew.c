/* renew: polls ticket keys, OCSP responses and the files of TLS. All that reads files is one job of
 * file work.
 *
 * A changed file is taken over at the second poll that sees it in the same state: until then its
 * writer may not be done. A file that was refused is tried again when it changes again. */
#include "proxy/control/renew.h"

#include <stdlib.h>

#include "proxy/control/control.h"
#include "proxy/control/reload.h"
#include "proxy/control/watch_files.h"
#include "proxy/log/event.h"
#include "proxy/policy/snapshot_tls.h"

#define POLL_PERIOD   (250 * NP_MS)
#define POLL_PATIENCE (10 * NP_S)

/* ---- on the thread ---- */

struct renewal {
	struct file_job job;
	struct registry *registry;   /* lent */
	const struct config *config; /* of the current snapshot; a lent registry keeps it */
	uint64_t files;              /* out */
};

static void log_ticket_keys(const char *path, const char *why)
{
	if (why[0] == '\0')
		log_msg(LVL_INFO, "ticket_keys", "ticket keys rotated (%s)",
			path != NULL ? path : "in memory");
	else
		log_limited(LVL_WARNING, "ticket_keys_failed", path, 0, "%s; the keys in use stay", why);
}

/* A response that cannot be written is stapled all the same; the next process asks anew. */
static void log_not_kept(const char *path, int err)
{
	log_limited(LVL_WARNING, "ocsp_not_kept", path, err, "%s: %s", path, np_err_text(err));
}

static void renewal_run(struct file_job *job)
{
	struct renewal *n = container_of(job, struct renewal, job);

	registry_keep_responses(n->registry, log_not_kept);
	registry_refresh_tickets(n->registry, log_ticket_keys);
	n->files = watch_files_state(n->config);
}

/* ---- on the control thread ---- */

static void renewal_discard(struct file_job *job)
{
	struct renewal *n = container_of(job, struct renewal, job);

	registry_reclaim(n->registry);
	free(n);
	log_msg(LVL_NOTICE, "files_back", "the files of TLS can be read again");
}

/* Returns 0 and the state of the files; or an error: this poll is left out. */
static int renewal_wait(struct process *p, uint64_t *files)
{
	struct renewal *n = calloc(1, sizeof(*n));
	int err;

	if (n == NULL)
		return -NP_ENOMEM;
	*n = (struct renewal){
		.job = {.run = renewal_run, .discard = renewal_discard},
		.registry = &p->registry,
		.config = p->snap->config,
	};
	registry_lend(&p->registry);
	err = file_work_run(&p->files_thread, &n->job, POLL_PATIENCE);
	if (err == -NP_EDEADLINE || err == -NP_ECANCELED)
		return err; /* left behind, with the registry */
	registry_reclaim(&p->registry);
	*files = n->files;
	free(n);
	return err;
}

/* The files differ from those in force, and are the same as at the last poll. */
static bool files_have_changed(struct process *p, uint64_t now)
{
	uint64_t before = p->files_seen;

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
	uint64_t files = 0;
	int err;

	DCHECK(p->snap != NULL && np_self() == p->registry.control,
	       "renewal is the control worker's, while it serves");
	if (file_work_is_busy(&p->files_thread))
		return; /* it was logged when that job was late */
	err = renewal_wait(p, &files);
	if (err == -NP_EDEADLINE)
		log_msg(LVL_ERROR, "files_late",
			"the files of TLS cannot be looked at for %d s: look for a disk or a network file "
			"system that hangs; nothing is renewed and nothing reloaded until it answers",
			(int)(POLL_PATIENCE / NP_S));
	if (err != 0)
		return;
	ocsp_poll(&p->ocsp);
	if (!files_have_changed(p, files))
		return;
	event_log(event_begin(), LVL_NOTICE, "files_changed", "a certificate, key or list has changed");
	reload_again(p);
	p->files = p->files_seen; /* also after a refusal */
}
