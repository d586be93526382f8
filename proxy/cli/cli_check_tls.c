/* cli_check_tls: whether TLS can be made of the files that a configuration names. The contexts
 * are built by the functions that a start uses, so the two cannot differ, and are then dropped.
 * One worker's library context is enough: the contexts of all workers are built of the same
 * bytes. */
#include "proxy/cli/cli_check_tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_ticket_file.h"
#include "proxy/cli/cli_check_start.h"
#include "proxy/tls/tls_ctx.h"

/* One attempt; a failure leaves its sentence in room. */
struct trial {
	struct tls_worker *worker;
	struct diag *d;
	char room[512];
	struct text why;
};

static void trial_begin(struct trial *t)
{
	memset(t->room, 0, sizeof(t->room));
	text_init(&t->why, t->room, sizeof(t->room) - 1);
}

/* A failure without a sentence (memory, mostly) still has its code. */
static void trial_complain(struct trial *t, struct config_pos at, int err)
{
	char user[64];

	DCHECK(err != 0, "a success was complained about");
	diag_error(t->d, DIAG_TLS, at, "%s", t->room[0] != '\0' ? t->room : np_err_text(err));
	if (err == -NP_EACCES || err == -NP_ENOENT)
		diag_note(t->d, "looked as user %s", cli_check_user(user));
}

/* ---- listeners ---- */

/* The certificate is good, and so is the start; a person should still know before the clients
 * do. */
static void doubt_expiry(struct trial *t, const struct config_cert *c, int64_t expires)
{
	int days = tls_cert_days_left(expires);

	if (days < 0)
		diag_warn(t->d, DIAG_EXPIRES, c->at, "%.150s has expired", c->cert);
	else if (days < TLS_CERT_SOON)
		diag_warn(t->d, DIAG_EXPIRES, c->at, "%.150s expires in %d day%s", c->cert, days,
			  days == 1 ? "" : "s");
}

/* The directory that would take the file of ticket keys. */
static void try_keys_directory(struct trial *t, const struct config_tls_in *c, const char *path)
{
	int err = cli_check_directory(path);

	trial_begin(t);
	if (err == 0)
		return;
	text_problem(&t->why, path, err == -NP_ENOENT ? "its directory does not exist" : np_err_text(err), err);
	trial_complain(t, config_place_tls_in(c, t->room), err);
}

/* A file that is not there yet is made at the start. */
static void try_keys(struct trial *t, const struct config_tls_in *c)
{
	const char *path = c->session_tickets.enabled ? c->session_tickets.keys : NULL;
	struct tls_keys keys;
	struct stat st;
	int err;

	if (path == NULL)
		return;
	if (stat(path, &st) < 0) {
		try_keys_directory(t, c, path);
		return;
	}
	trial_begin(t);
	err = tls_keys_load(path, &keys, &t->why);
	explicit_bzero(&keys, sizeof(keys));
	if (err != 0)
		trial_complain(t, config_place_tls_in(c, t->room), err);
}

/* Each listener is tried although one before it failed: all files that are wrong are named in
 * one run. */
static void try_listener(struct trial *t, const struct config_tls_in *c)
{
	struct tls_ctx *x = NULL;
	int err;

	trial_begin(t);
	DCHECK(c->ncertificates > 0, "a listener's TLS passed validation without a certificate");
	err = tls_ctx_server(t->worker, c, NULL, &x, &t->why);
	if (err != 0)
		trial_complain(t, config_place_tls_in(c, t->room), err);
	else
		for (unsigned i = 0; i < x->ncerts; i++) /* in the order of the file */
			doubt_expiry(t, &c->certificates[i], x->certs[i].expires);
	for (unsigned i = 0; x != NULL && i < x->nwarnings; i++)
		diag_warn(t->d, DIAG_TLS_PART, config_place_tls_in(c, x->warnings[i]), "%.300s",
			  x->warnings[i]);
	tls_ctx_free(x);
	try_keys(t, c);
}

/* ---- upstreams ---- */

/* The context towards servers: its own certificate, the authorities, pins, ciphers. No server is
 * connected to. */
static void try_upstream(struct trial *t, const struct config_tls_out *c)
{
	struct tls_ctx *x = NULL;
	int err;

	trial_begin(t);
	err = tls_ctx_client(t->worker, c, &x, &t->why);
	if (err != 0)
		trial_complain(t, config_place_tls_out(c, t->room), err);
	for (unsigned i = 0; x != NULL && i < x->nwarnings; i++)
		diag_warn(t->d, DIAG_TLS_PART, config_place_tls_out(c, x->warnings[i]), "%.300s",
			  x->warnings[i]);
	tls_ctx_free(x);
}

/* The checks' own authorities, where they have any, and those of the connections where only checks believe nobody else.
 * All else of them was tried with the connections' settings. */
static void try_check(struct trial *t, const struct config_upstream *u)
{
	const struct config_tls_out *c = u->health.speaks;

	if (c != NULL && (u->tls == NULL || c->ca != u->tls->ca || (c->verify && !u->tls->verify)))
		try_upstream(t, c);
}

/* A library context of its own, made as a worker's is, and freed with everything in it. */
int cli_check_tls(const struct config *c, struct diag *d)
{
	struct trial t = {.d = d};
	int err = tls_worker_new(&t.worker);

	if (err != 0)
		return err;
	for (size_t i = 0; i < c->nlisteners; i++)
		if (c->listeners[i].tls != NULL)
			try_listener(&t, c->listeners[i].tls);
	for (size_t i = 0; i < c->nupstreams; i++) {
		if (c->upstreams[i].tls != NULL)
			try_upstream(&t, c->upstreams[i].tls);
		try_check(&t, &c->upstreams[i]);
	}
	tls_worker_free(t.worker);
	return 0;
}
