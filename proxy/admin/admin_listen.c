/* admin_listen: the Unix socket, whose privacy is that of its file and directory, and the TCP address. */
#include "proxy/admin/admin_listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/control/control_path.h"
#include "proxy/listen/handed.h"
#include "proxy/log/log.h"

#define SOCKET_MODE 0660
#define BACKLOG     128

static void say_off(const char *what, const char *why)
{
	log_msg(LVL_WARNING, "control_off", "no control plane at %.200s: %s", what, why);
}

/* The process before this one listens here, and has sent its socket. */
static bool take_handed(struct admin_at *at)
{
	struct handed *from = handed_take(&at->admin->p->bindings.handed, &at->addr);

	if (from == NULL)
		return false;
	at->sysfd = from->sysfd[0];
	at->lock = from->lock;
	at->borrowed = true;
	from->sysfd[0] = from->lock = -1;
	handed_free(from);
	return true;
}

static int listen_unix(struct admin_at *at)
{
	const struct np_listen_opts o = {.backlog = BACKLOG, .mode = SOCKET_MODE};
	struct stat st;
	int err = take_handed(at) ? 0 : np_unix_lock(&at->addr, &at->lock);

	if (err != 0)
		return err;
	if (at->sysfd < 0)
		at->sysfd = np_listen(&at->addr, &o);
	if (at->sysfd < 0)
		return at->sysfd;
	err = np_unix_file_of(&at->addr, &at->file);
	if (err == 0 && lstat(at->addr.u.un.sun_path, &st) < 0)
		err = err_from_errno();
	if (err == 0)
		at->group = st.st_gid;
	return err;
}

static const char *why_not(int err)
{
	return err == -NP_EADDRINUSE ? "another process holds it" : np_err_text(err);
}

/* A path that is too long cannot come from the configuration, but from the environment. */
static int open_socket(struct admin_at *at, const char *configured)
{
	char path[CONTROL_PATH_ROOM], text[CONTROL_PATH_ROOM + 8];
	const char *why = NULL;
	int err;

	if (control_path_of(configured, path) == NULL)
		return EXIT_OK;
	if (control_path_is_open(path)) {
		log_msg(LVL_ERROR, "control_failed",
			"the control socket %.200s: others may write to its directory, and so put their own in "
			"its place: chmod o-w it, or choose another one", path);
		return EXIT_PERMISSION;
	}
	snprintf(text, sizeof(text), "unix:%s", path);
	if (np_addr_parse(&at->addr, text, &why) != 0) {
		say_off(path, why != NULL ? why : "it is no path of a socket");
		return EXIT_OK;
	}
	err = listen_unix(at);
	if (err != 0) {
		say_off(path, why_not(err));
		np_unix_unlock(&at->addr, at->lock, true);
		at->lock = -1;
		at->sysfd = -1;
	}
	return EXIT_OK;
}

static void open_tcp(struct admin_at *at, const char *configured)
{
	const struct np_listen_opts o = {.backlog = BACKLOG, .keepalive = true};
	int sysfd;

	if (strcmp(configured, "off") == 0 || np_addr_parse(&at->addr, configured, NULL) != 0)
		return;
	at->tcp = true;
	if (take_handed(at))
		return;
	sysfd = np_listen(&at->addr, &o);
	if (sysfd < 0)
		say_off(configured, why_not(sysfd));
	at->sysfd = sysfd < 0 ? -1 : sysfd;
}

int admin_listen_open(struct admin *a, const struct config *c)
{
	int code;

	for (size_t i = 0; i < ADMIN_PATHS; i++)
		a->at[i] = (struct admin_at){.admin = a, .sysfd = -1, .lock = -1};
	code = open_socket(&a->at[0], c->control.socket);
	if (code == EXIT_OK)
		open_tcp(&a->at[1], c->control.http);
	return code;
}

void admin_listen_close(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++) {
		struct admin_at *at = &a->at[i];

		if (at->sysfd >= 0)
			np_sock_close(at->sysfd);
		if (!at->borrowed) {
			np_unix_file_remove(&at->addr, &at->file);
			np_unix_unlock(&at->addr, at->lock, true);
		} else if (at->lock >= 0) {
			np_sock_close(at->lock);
		}
	}
}
