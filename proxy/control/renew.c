/* What TLS needs from time to time: fresh ticket keys and OCSP answers, the certificates of today, a word before one
 * expires.
 *
 * Files are asked for their time, size and number a few times a second. Rejected: inotify. It tells of directories, and
 * what stands in a configuration are often links through links (Kubernetes swaps the one in the middle) or files on a
 * network, of whose changes no event comes; a stat sees them all. */
#include "proxy/control/signals.h"

#include <sys/stat.h>

#include "config/config.h"
#include "proxy/creds/tls_cert.h"

/* ---- ticket keys ----------------------------------------------------------------------------- */

static void say_keys(const char *path, const char *why)
{
	static struct log_site site;

	if (why[0] == '\0')
		log_msg(LVL_INFO, "ticket_keys", "ticket keys are others now (%s)", path != NULL ? path : "in memory");
	else
		log_limited(&site, LVL_WARNING, "ticket_keys_failed", "%s; the keys stay as they are", why);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void warn_of_one(void *arg, const char *listener, const char *file, int64_t expires)
{
	int days = tls_cert_days_left(expires);

	(void)arg;
	if (days < 0)
		log_msg(LVL_WARNING, "certificate_expired", "listener \"%s\": %s has expired", listener, file);
	else if (days < TLS_CERT_SOON)
		log_msg(LVL_WARNING, "certificate_expires", "listener \"%s\": %s expires in %d days", listener,
			file, days);
}

void reload_warn_of_expiry(const struct snapshot *snap)
{
	snapshot_certificates(snap, warn_of_one, NULL);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void mix(uint64_t *h, const char *path)
{
	struct stat st = {.st_size = 0};
	uint64_t facts[5];

	if (path == NULL)
		return;
	if (stat(path, &st) < 0)
		st.st_size = -1; /* gone is a state, too */
	facts[0] = (uint64_t)st.st_mtim.tv_sec;
	facts[1] = (uint64_t)st.st_mtim.tv_nsec;
	facts[2] = (uint64_t)st.st_size;
	facts[3] = (uint64_t)st.st_ino;
	facts[4] = (uint64_t)st.st_dev;
	for (size_t i = 0; i < array_len(facts); i++)
		*h = (*h ^ facts[i]) * 0x100000001b3u;
}

static void mix_listener(uint64_t *h, const struct config_tls_in *t)
{
	for (size_t i = 0; i < t->ncertificates; i++) {
		const struct config_cert *c = &t->certificates[i];

		mix(h, c->cert);
		mix(h, c->key);
		mix(h, c->password_file);
		mix(h, c->ocsp);
		mix(h, c->ocsp_issuer);
	}
	mix(h, t->client_auth.ca);
	mix(h, t->client_auth.crl);
}

static void mix_upstream(uint64_t *h, const struct config_tls_out *t)
{
	mix(h, t->ca);
	mix(h, t->cert);
	mix(h, t->key);
	mix(h, t->password_file);
}

/* Of all files that TLS is made of; 0: there are none. */
uint64_t reload_files(const struct config *c)
{
	uint64_t none = 0xcbf29ce484222325u, h = none;

	for (size_t i = 0; i < c->nlisteners; i++)
		if (c->listeners[i].tls != NULL)
			mix_listener(&h, c->listeners[i].tls);
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].tls != NULL)
			mix_upstream(&h, c->upstreams[i].tls);
	return h == none ? 0 : h;
}

/* Other files than those in force, and the same ones as a moment ago: whoever writes them is done. */
static bool have_changed(struct process *p)
{
	uint64_t now = reload_files(p->snap->config), before = p->files_seen;

	p->files_seen = now;
	return now != p->files && now == before;
}

/* ---- now and then ---------------------------------------------------------------------------- */

int64_t renew_next_poll(const struct process *p)
{
	return p->files != 0 || !list_empty(&p->registry.rings) ? np_deadline_after(RENEW_POLL) : 0;
}

void renew_poll(struct process *p)
{
	registry_refresh_tickets(&p->registry, say_keys);
	ocsp_poll(&p->ocsp);
	if (!have_changed(p))
		return;
	log_msg(LVL_NOTICE, "files_changed", "a certificate, key or list has changed");
	reload_again(p);
	p->files = p->files_seen; /* also when it was refused: it is tried again when they change again */
}
