/* renew: polls ticket keys, OCSP responses, the files of TLS and, if asked to, those of the configuration. All that
 * reads files is one job of file work.
 *
 * A changed file is taken over at the second poll that sees it in the same state: until then its
 * writer may not be done. A file that was refused is tried again when it changes again. */
#include "proxy/control/renew.h"

#include <stdlib.h>

#include "config/config.h"
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
	uint64_t texts_seen;         /* watch_texts_state at the last poll */
	uint64_t texts;              /* out: now */
	bool texts_judged;           /* what they say is known, or looked at no more */
	bool texts_differ;           /* out: they have stayed the same since the last poll, and say something else */
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
	if (!n->config->control.watch)
		return;
	n->texts = watch_texts_state(n->config);
	n->texts_differ = n->texts == n->texts_seen && !n->texts_judged && watch_texts_differ(n->config);
}

/* ---- on the control thread ---- */

static void renewal_discard(struct file_job *job)
{
	struct renewal *n = container_of(job, struct renewal, job);

	registry_reclaim(n->registry);
	free(n);
	log_msg(LVL_NOTICE, "files_back", "the files of TLS can be read again");
}

/* What the configuration's files say has to be looked at once for each generation and for each of their states, and
 * again after a refusal: who undoes a mistake wants to see that it is gone. */
static bool texts_are_judged(const struct process *p)
{
	return p->texts == p->texts_seen && p->texts_generation == p->snap->generation;
}

/* Keeps what the look at the configuration's files found.   Returns  whether they are to be loaded. */
static bool texts_note(struct process *p, const struct renewal *n)
{
	bool settled = n->texts != 0 && n->texts == n->texts_seen;
	bool mended = settled && !n->texts_judged &&
		      __atomic_load_n(&p->publishing.reload_failed, __ATOMIC_RELAXED) != 0;

	p->texts_seen = n->texts;
	if (settled) {
		p->texts = n->texts;
		p->texts_generation = p->snap->generation;
	}
	if (settled && !n->texts_judged && !n->texts_differ && !mended)
		log_msg(LVL_DEBUG, "config_same", "the configuration's files say what is in force");
	return n->texts_differ || mended;
}

/* Returns 0 and the state of the files; or an error: this poll is left out. */
static int renewal_wait(struct process *p, uint64_t *files, bool *texts_differ)
{
	struct renewal *n = calloc(1, sizeof(*n));
	int err;

	if (n == NULL)
		return -NP_ENOMEM;
	*n = (struct renewal){
		.job = {.run = renewal_run, .discard = renewal_discard},
		.registry = &p->registry,
		.config = p->snap->config,
		.texts_seen = p->texts_seen,
		.texts_judged = texts_are_judged(p),
	};
	registry_lend(&p->registry);
	err = file_work_run(&p->files_thread, &n->job, POLL_PATIENCE);
	if (err == -NP_EDEADLINE || err == -NP_ECANCELED)
		return err; /* left behind, with the registry */
	registry_reclaim(&p->registry);
	*files = n->files;
	*texts_differ = err == 0 && texts_note(p, n);
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
	bool polls = p->files != 0 || !list_empty(&p->registry.tickets) || p->snap->config->control.watch;

	return polls ? np_deadline_after(POLL_PERIOD) : 0;
}

void renew_poll(struct process *p)
{
	uint64_t files = 0;
	bool texts_differ = false;
	int err;

	DCHECK(p->snap != NULL && np_self() == p->registry.control,
	       "renewal is the control worker's, while it serves");
	if (file_work_is_busy(&p->files_thread))
		return; /* it was logged when that job was late */
	err = renewal_wait(p, &files, &texts_differ);
	if (err == -NP_EDEADLINE)
		log_msg(LVL_ERROR, "files_late",
			"the files of TLS cannot be looked at for %d s: look for a disk or a network file "
			"system that hangs; nothing is renewed and nothing reloaded until it answers",
			(int)(POLL_PATIENCE / NP_S));
	if (err != 0)
		return;
	ocsp_poll(&p->ocsp);
	if (texts_differ) {
		event_log(event_begin(), LVL_NOTICE, "config_changed", "the configuration's files have changed");
		(void)reload_file(p, NULL); /* the files of TLS, too */
		return;
	}
	if (!files_have_changed(p, files))
		return;
	event_log(event_begin(), LVL_NOTICE, "files_changed", "a certificate, key or list has changed");
	reload_again(p);
	p->files = p->files_seen; /* also after a refusal */
}
