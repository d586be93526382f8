/* What `check` tries out beside the config: whether TLS can be made of the files it names. The contexts are built as a
 * start would build them, and dropped. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/err.h"
#include "proxy/cli/cli.h"
#include "proxy/creds/tls_ticket_file.h"
#include "proxy/tls/tls_ctx.h"

/* One attempt: what went wrong is a sentence in room. */
struct trial {
	struct tls_worker *worker;
	struct diag *d;
	char room[512];
	struct text why;
};

static void begin(struct trial *t)
{
	memset(t->room, 0, sizeof(t->room));
	text_init(&t->why, t->room, sizeof(t->room) - 1);
}

static void complain(struct trial *t, struct config_pos at, int err)
{
	diag_error(t->d, DIAG_TLS, at, "%s", t->room[0] != '\0' ? t->room : np_err_text(err));
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void doubt_expiry(struct trial *t, const struct config_cert *c, int64_t expires)
{
	int days = tls_cert_days_left(expires);

	if (days < 0)
		diag_warn(t->d, DIAG_EXPIRES, c->at, "%.150s has expired", c->cert);
	else if (days < TLS_CERT_SOON)
		diag_warn(t->d, DIAG_EXPIRES, c->at, "%.150s expires in %d days", c->cert, days);
}

/* A file that is not there yet is made at the start. */
static void try_keys(struct trial *t, const struct config_tls_in *c)
{
	const char *path = c->session_tickets.enabled ? c->session_tickets.keys : NULL;
	struct tls_keys keys;
	struct stat st;
	int err;

	if (path == NULL || stat(path, &st) < 0)
		return;
	begin(t);
	err = tls_keys_load(path, &keys, &t->why);
	explicit_bzero(&keys, sizeof(keys));
	if (err != 0)
		complain(t, c->at, err);
}

static void try_listener(struct trial *t, const struct config_tls_in *c)
{
	struct tls_ctx *x = NULL;
	int err;

	begin(t);
	err = tls_ctx_server(t->worker, c, NULL, &x, &t->why);
	if (err != 0)
		complain(t, c->at, err);
	else
		for (unsigned i = 0; i < x->ncerts; i++)
			doubt_expiry(t, &c->certificates[i], x->certs[i].expires);
	tls_ctx_free(x);
	try_keys(t, c);
}

/* ---- upstreams ------------------------------------------------------------------------------- */

static void try_upstream(struct trial *t, const struct config_tls_out *c)
{
	struct tls_ctx *x = NULL;
	int err;

	begin(t);
	err = tls_ctx_client(t->worker, c, &x, &t->why);
	if (err != 0)
		complain(t, c->at, err);
	else if (x->warning != NULL)
		diag_warn(t->d, DIAG_TLS, c->at, "%.300s", x->warning);
	tls_ctx_free(x);
}

int cli_check_tls(const struct config *c, struct diag *d)
{
	struct trial t = {.d = d};
	int err = tls_worker_new(&t.worker);

	if (err != 0)
		return err;
	for (size_t i = 0; i < c->nlisteners; i++)
		if (c->listeners[i].tls != NULL)
			try_listener(&t, c->listeners[i].tls);
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].tls != NULL)
			try_upstream(&t, c->upstreams[i].tls);
	tls_worker_free(t.worker);
	return 0;
}
