/* cli_check_start: tries what a start does, one thing at a time, and takes each back at once. It
 * uses the functions of the start where there are some (np_listen_check, capacity), so that the
 * two cannot disagree. */
#include "proxy/cli/cli_check_start.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/netpoll.h"
#include "proxy/base/owner.h"
#include "proxy/cli/cli_holder.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control_path.h"
#include "proxy/control/start_errors.h"
#include "proxy/control/tokens.h"

const char *cli_check_user(char out[64])
{
	const struct passwd *p = getpwuid(geteuid());

	if (p != NULL)
		snprintf(out, 64, "%.63s", p->pw_name);
	else
		snprintf(out, 64, "%u", (unsigned)geteuid());
	return out;
}

/* remedy: NULL: none is known. */
static void help_offline(struct diag *d, const char *remedy)
{
	diag_help(d, "%s%sstaunch check --offline leaves the machine out", remedy != NULL ? remedy : "",
		  remedy != NULL ? "; " : "");
}

static void note_user(struct diag *d)
{
	char user[64];

	diag_note(d, "looked as user %s", cli_check_user(user));
}

/* ---- addresses ---- */

static void note_holder(struct diag *d, const struct cli_holder *h)
{
	char user[64];

	if (h->kind == CLI_HOLDER_NONE)
		diag_note(d, "nothing listens there: the socket is only bound");
	else if (h->kind == CLI_HOLDER_STRANGER)
		diag_note(d, "%s, process %d, holds it", h->name, (int)h->pid);
	else
		diag_note(d, "held by a process that user %s may not see: check as root names it",
			  cli_check_user(user));
}

/* Why the kernel says no, and what helps, in words about a port or about the file of a Unix socket. */
static const struct refusal {
	bool file;
	int err;
	const char *why, *help;
} refusals[] = {
	{false, NP_EADDRINUSE, "another process holds it", "stop it, or choose another address"},
	{false, NP_EACCES, "a port below 1024 needs CAP_NET_BIND_SERVICE",
	 "AmbientCapabilities= of its unit gives it, or choose a port from 1024"},
	{false, NP_EADDRNOTAVAIL, "no interface of this machine has this address",
	 "`ip address` lists those of this machine"},
	{false, NP_EAFNOSUPPORT, "this machine has no IPv6", "write an IPv4 address"},
	{true, NP_EADDRINUSE, "another process holds it", "stop it, or choose another path"},
	{true, NP_ENOTSOCK, "a file that is no socket has this name", "remove the file, or choose another path"},
	{true, NP_ENOENT, "its directory does not exist", "make the directory"},
	{true, NP_EACCES, "this user may not make a file in its directory",
	 "let the user that runs it write there"},
};

static struct refusal refusal_of(int err, const struct np_addr *a)
{
	bool file = np_addr_is_unix(a) && !np_addr_is_abstract(a);

	for (size_t i = 0; i < array_len(refusals); i++)
		if (refusals[i].file == file && refusals[i].err == -err)
			return refusals[i];
	return (struct refusal){.why = np_err_text(err)};
}

int cli_check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int err;

	if (dir == NULL)
		return -NP_ENOMEM;
	err = faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0 ? err_from_errno() : 0;
	free(dir);
	return err;
}

/* Binding would leave a file, so it is only judged whether bind could make one. A connect would
 * tell whether a file is stale, but the process that listens there would serve it. */
static int try_unix(const struct np_addr *a, const char *config_path)
{
	struct stat st;

	if (np_addr_is_abstract(a))
		return np_listen_check(a);
	if (lstat(a->u.un.sun_path, &st) < 0)
		return cli_check_directory(a->u.un.sun_path);
	if (!S_ISSOCK(st.st_mode))
		return -NP_ENOTSOCK;
	if (cli_holder_of(a, config_path).kind != CLI_HOLDER_NONE)
		return -NP_EADDRINUSE;
	return cli_check_directory(a->u.un.sun_path); /* stale: the start replaces it */
}

static void check_address(const struct config *c, const struct config_listener *l, size_t i, struct diag *d)
{
	const struct np_addr *a = &l->bind[i].addr;
	int err = np_addr_is_unix(a) ? try_unix(a, c->file) : np_listen_check(a);
	struct cli_holder h = {.kind = CLI_HOLDER_UNSEEN};
	struct refusal r = refusal_of(err, a);

	if (err == 0)
		return;
	if (err == -NP_EADDRINUSE)
		h = cli_holder_of(a, c->file);
	if (h.kind == CLI_HOLDER_SAME_FILE)
		return;
	diag_error(d, DIAG_LISTEN, l->bind[i].origin[0], "listener \"%.63s\" cannot listen on %s: %s", l->name,
		   l->bind[i].text, r.why);
	if (err == -NP_EADDRINUSE)
		note_holder(d, &h);
	else if (err == -NP_EACCES)
		note_user(d);
	help_offline(d, r.help);
}

/* May this user give a file of that directory to the owner? Tried on a file without a name; a file
 * system that makes none is left to the start. */
static int try_owner(const char *path, const struct np_unix_owner *o)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir != NULL ? open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) : -1, err = 0;

	free(dir);
	if (fd >= 0 && fchown(fd, o->uid, o->gid) < 0)
		err = err_from_errno();
	if (fd >= 0)
		close(fd);
	return err;
}

static void check_owner(const struct config_bind *b, struct diag *d)
{
	struct np_unix_owner o;
	const char *why = owner_find(b->owner, &o);

	if (why == NULL && try_owner(b->addr.u.un.sun_path, &o) != 0)
		why = "only root may give a file away, and anybody else to his own groups alone";
	if (why == NULL)
		return;
	diag_error(d, DIAG_LISTEN, config_place_bind(b, "owner"), "%s cannot be given to %.100s: %s", b->text,
		   b->owner, why);
	note_user(d);
	help_offline(d, NULL);
}

/* ---- files ---- */

/* A file that is there is opened as the log thread opens it, but nothing is made and nothing is
 * written. */
static int try_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err = fd < 0 ? err_from_errno() : 0;

	if (fd >= 0)
		close(fd);
	/* ENXIO: a FIFO that nobody reads yet. */
	if (err == -ENXIO)
		return 0;
	return err == -NP_ENOENT ? cli_check_directory(path) : err;
}

static void check_log(const struct config *c, struct diag *d)
{
	int err;

	if (c->log.access.kind != CONFIG_SINK_FILE)
		return;
	err = try_append(c->log.access.path);
	if (err == 0)
		return;
	diag_error(d, DIAG_LOG, config_place(c, "log.access"), "the access log %.150s cannot be written: %s",
		   c->log.access.path, np_err_text(err));
	note_user(d);
	help_offline(d, start_remedy(START_FILE, err));
}

/* ---- the control plane ---- */

static void check_token_file(const struct config *c, struct diag *d)
{
	char room[256] = "";
	struct tokens *t = NULL;
	struct text why;

	text_init(&why, room, sizeof(room) - 1);
	if (tokens_load(c->control.token_file, &t, &why) == 0) {
		tokens_free(t);
		return;
	}
	diag_error(d, DIAG_TOKENS, config_place(c, "control.token_file"), "%s", room);
	note_user(d);
	help_offline(d, NULL);
}

/* A running instance of the same file holds it rightly. Another process's, and a directory that is not ours, leave a
 * start without a control plane: that is a warning there, and an error here, for here somebody reads it. */
static void check_control_http(const struct config *c, struct diag *d)
{
	struct cli_holder h = {.kind = CLI_HOLDER_UNSEEN};
	struct np_addr a;
	int err;

	if (strcmp(c->control.http, "off") == 0 || np_addr_parse(&a, c->control.http, NULL) != 0)
		return;
	err = np_listen_check(&a);
	if (err == -NP_EADDRINUSE)
		h = cli_holder_of(&a, c->file);
	if (err == 0 || h.kind == CLI_HOLDER_SAME_FILE)
		return;
	diag_error(d, DIAG_LISTEN, config_place(c, "control.http"), "the control plane cannot listen on %.100s: %s",
		   c->control.http, refusal_of(err, &a).why);
	if (err == -NP_EADDRINUSE)
		note_holder(d, &h);
}

static void check_control_directory(const struct config *c, struct diag *d)
{
	char path[CONTROL_PATH_ROOM];
	const char *remedy = "make the directory, or choose another path";

	if (c->control.socket[0] != '/' || control_path_of(c->control.socket, path) == NULL)
		return;
	if (control_path_is_open(path)) {
		diag_error(d, DIAG_LISTEN, config_place(c, "control.socket"),
			   "others may write to the directory of %.150s, and put their own socket in its place", path);
		remedy = "chmod o-w the directory, or choose another path";
	} else if (cli_check_directory(path) != 0) {
		diag_error(d, DIAG_LISTEN, config_place(c, "control.socket"), "no socket can be made at %.150s: %s",
			   path, np_err_text(cli_check_directory(path)));
	} else {
		return;
	}
	help_offline(d, remedy);
}

static void check_control(const struct config *c, struct diag *d)
{
	check_token_file(c, d);
	check_control_directory(c, d);
	check_control_http(c, d);
}

/* ---- figures ---- */

static void check_capacity(const struct config *c, struct diag *d)
{
	unsigned workers = c->workers == CONFIG_AUTO ? capacity_cpus() : (unsigned)c->workers;
	int64_t max = c->limits.max_connections, most;

	DCHECK(workers > 0, "a machine without a processor");
	capacity_raise_descriptors();
	most = capacity_connections(workers, capacity_binds(c), capacity_pipes(workers), capacity_aside(workers, c));
	if (max == CONFIG_AUTO || max <= most)
		return;
	diag_error(d, DIAG_LIMIT, config_place(c, "limits.max_connections"),
		   "limits.max_connections is %lld, but the descriptor limit allows %lld", (long long)max,
		   (long long)most);
	diag_help(d, "raise ulimit -n or LimitNOFILE, or write auto");
}

static void check_entry(const struct config *c, const struct config_listener *l, size_t i, struct diag *d)
{
	if (!np_addr_is_named(&l->bind[i].addr)) /* known at a start by systemd alone */
		check_address(c, l, i, d);
	if (l->bind[i].owner != NULL)
		check_owner(&l->bind[i], d);
}

void cli_check_start(const struct config *c, struct diag *d)
{
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].nbind; j++)
			check_entry(c, &c->listeners[i], j, d);
	check_log(c, d);
	check_control(c, d);
	check_capacity(c, d);
}
