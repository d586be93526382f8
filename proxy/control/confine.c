/* confine: which paths, and what is told of it. The kernel's part stands in proxy/sandbox/.
 *
 * Rules are for directories, since a file that is replaced is another one. Where a path is a link, those that it leads
 * through count, too, for the next target mostly lies beside the last: /etc/resolv.conf -> /run/systemd/resolve/. */
#include "proxy/control/confine.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/key_paths.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/base/text.h"
#include "proxy/control/control_path.h"
#include "proxy/control/state_file.h"
#include "proxy/control/upgrade.h"
#include "proxy/control/upgrade_spawn.h"
#include "proxy/log/log.h"
#include "proxy/sandbox/landlock.h"
#include "proxy/sandbox/privilege.h"
#include "proxy/sandbox/seccomp.h"

#define LINKS_MOST 16
#define NOT_THERE  " (the kernel has none, or a filter of calls forbids it)"

static struct confined confined; /* written once, before there is a second thread */

/* ---- what every start needs ----
 * Paths are too large for a frame: their rooms are static, as long as there is one thread. */

static const struct {
	const char *path;
	enum landlock_use use;
} of_system[] = {
	{"/etc", LANDLOCK_READ},               /* resolv.conf, hosts, nsswitch.conf, passwd, ssl */
	{"/proc", LANDLOCK_READ},              /* of itself, and of the kernel's limits */
	{"/sys/devices/system", LANDLOCK_READ}, /* processors */
	{"/sys/fs/cgroup", LANDLOCK_READ},
	{"/sys/kernel/mm", LANDLOCK_READ},
	{"/usr/share", LANDLOCK_READ},         /* time zones, certificates of authorities */
	{"/usr/local/share", LANDLOCK_READ},
	{"/usr/lib/ssl", LANDLOCK_READ},
	{"/usr/lib/locale", LANDLOCK_READ},
	{"/run/systemd", LANDLOCK_READ},       /* users and names that systemd knows */
	{"/dev/null", LANDLOCK_WRITE},
	{"/dev/urandom", LANDLOCK_READ},
	{"/dev/random", LANDLOCK_READ},
	{"/run/staunch", LANDLOCK_WRITE},
	{"/var/lib/staunch", LANDLOCK_WRITE},
	{"/var/log/staunch", LANDLOCK_WRITE},
};

/* Files there that may be links to elsewhere. */
static const char *const linked[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime",
				     "/etc/ssl/openssl.cnf"};

/* Lists of directories that the service manager names, and files that OpenSSL is told of. */
static const struct {
	const char *variable;
	enum landlock_use use;
	bool file;
} of_environment[] = {
	{"CONFIGURATION_DIRECTORY", LANDLOCK_READ, false},
	{"CREDENTIALS_DIRECTORY", LANDLOCK_READ, false},
	{"RUNTIME_DIRECTORY", LANDLOCK_WRITE, false},
	{"STATE_DIRECTORY", LANDLOCK_WRITE, false},
	{"LOGS_DIRECTORY", LANDLOCK_WRITE, false},
	{"OPENSSL_CONF", LANDLOCK_READ, true},
	{"SSL_CERT_FILE", LANDLOCK_READ, true},
	{"SSL_CERT_DIR", LANDLOCK_READ, false},
};

/* The length of the directory's name within path, at least 1; 0: it has none. */
static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return 0;
	return slash == path ? 1 : (size_t)(slash - path);
}

/* The directory of a file. One of the root is allowed by itself, and a device, such as /dev/stderr. */
static void allow_around(struct landlock *l, const char *path, enum landlock_use use)
{
	static char dir[PATH_MAX];
	size_t n = directory_length(path);

	snprintf(dir, sizeof(dir), "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path);
	if (strcmp(dir, "/dev") == 0 || !landlock_allow(l, dir, use))
		(void)landlock_allow(l, path, use);
}

/* What the link at `path` names, where it names it from.   Returns  false: it is no link. */
static bool follow_link(char path[PATH_MAX])
{
	static char target[PATH_MAX], next[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int len;

	if (n <= 0)
		return false;
	target[n] = '\0';
	len = target[0] == '/' ? 0 : (int)directory_length(path);
	n = snprintf(next, sizeof(next), "%.*s%s%s", len, path, len > 0 ? "/" : "", target);
	if (n >= PATH_MAX)
		return false;
	memcpy(path, next, (size_t)n + 1);
	return true;
}

/* The directory of a file, and of each link on the way to it. */
static void allow_file(struct landlock *l, const char *file, enum landlock_use use)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", file);
	for (int i = 0; i < LINKS_MOST; i++) {
		allow_around(l, path, use);
		if (!follow_link(path))
			return;
	}
}

static void allow_list(struct landlock *l, const char *list, enum landlock_use use, bool file)
{
	static char path[PATH_MAX];

	for (const char *p = list; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ":");

		snprintf(path, sizeof(path), "%.*s", (int)n, p);
		if (file)
			allow_file(l, path, use);
		else
			(void)landlock_allow(l, path, use);
		p += n + (p[n] == ':');
	}
}

/* The linker among them, without which no program starts. */
static int allow_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (strchr(info->dlpi_name, '/') != NULL)
		allow_file(arg, info->dlpi_name, LANDLOCK_RUN);
	return 0;
}

static void allow_system(struct landlock *l)
{
	static char program[PATH_MAX];

	for (size_t i = 0; i < array_len(of_system); i++)
		(void)landlock_allow(l, of_system[i].path, of_system[i].use);
	for (size_t i = 0; i < array_len(linked); i++)
		allow_file(l, linked[i], LANDLOCK_READ);
	for (size_t i = 0; i < array_len(of_environment); i++)
		allow_list(l, getenv(of_environment[i].variable), of_environment[i].use, of_environment[i].file);
	dl_iterate_phdr(allow_library, l);
	allow_file(l, upgrade_binary(NULL, program, sizeof(program)), LANDLOCK_RUN);
}

/* ---- what a configuration names ---- */

/* fn is called for each path of a file that is read, and of each that is made. */
struct places {
	void (*fn)(struct places *p, const char *path, struct config_pos at, enum landlock_use use);
	struct landlock *l;           /* of allow_place */
	struct confine_denied denied; /* of deny_place */
};

static void place_read(void *arg, const char *path, struct config_pos at)
{
	struct places *p = arg;

	p->fn(p, path, at, LANDLOCK_READ);
}

static void place_written(void *arg, const char *path, struct config_pos at)
{
	struct places *p = arg;

	p->fn(p, path, at, LANDLOCK_WRITE);
}

/* Abstract ones are no files. */
static void each_unix_socket(const struct config *c, struct places *p)
{
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].nbind; j++) {
			const struct config_bind *b = &c->listeners[i].bind[j];

			if (b->addr.u.sa.sa_family == AF_UNIX && b->addr.u.un.sun_path[0] != '\0')
				place_written(p, b->addr.u.un.sun_path, config_place_bind(b, "address"));
		}
}

static void each_place(const struct config *c, struct places *p)
{
	key_each_path(c, place_read, p);
	key_each_own_path(c, place_written, p);
	each_unix_socket(c, p);
	if (c->log.access.path != NULL)
		place_written(p, c->log.access.path, config_place(c, "log.access"));
}

/* What only a start opens. */
static void each_place_of_control(const struct config *c, struct places *p)
{
	char state[STATE_PATH_ROOM], control[CONTROL_PATH_ROOM];
	const char *path = control_path_of(c->control.socket, control);

	if (path != NULL)
		place_written(p, path, config_place(c, "control.socket"));
	path = control_is_on(c) ? state_path_of(c->control.state, state) : NULL;
	if (path != NULL)
		place_written(p, path, config_place(c, "control.state"));
}

static void allow_place(struct places *p, const char *path, struct config_pos at, enum landlock_use use)
{
	(void)at;
	allow_file(p->l, path, use);
}

/* The first one stays. */
static void deny_place(struct places *p, const char *path, struct config_pos at, enum landlock_use use)
{
	if (p->denied.path == NULL && landlock_denies(path, use))
		p->denied = (struct confine_denied){path, at};
}

bool confine_denies(const struct config *c, struct confine_denied *out)
{
	struct places p = {.fn = deny_place};

	if (confined.landlock != 0)
		each_place(c, &p);
	*out = p.denied;
	return p.denied.path != NULL;
}

/* ---- the start ---- */

/* Returns  0, or why files are not confined. */
static int confine_files(const struct config *c)
{
	struct landlock l;
	struct places p = {.fn = allow_place, .l = &l};
	int err = landlock_begin(&l);

	if (err != 0)
		return err;
	allow_system(&l);
	if (c->file != NULL)
		allow_file(&l, c->file, LANDLOCK_READ);
	if (c->directory != NULL)
		(void)landlock_allow(&l, c->directory, LANDLOCK_READ);
	each_place(c, &p);
	each_place_of_control(c, &p);
	confined.landlock = l.abi;
	err = landlock_enforce(&l);
	if (err != 0)
		confined.landlock = 0;
	return err;
}

/* Said by the process that started this one, and not for who else reads the environment. */
static void inherit(void)
{
	const char *said = getenv(CONFINE_ENV);

	if (said != NULL && upgrade_asked()) {
		confined.landlock = (unsigned)strtoul(said, NULL, 10);
		confined.inherited = confined.landlock != 0;
	}
	unsetenv(CONFINE_ENV);
}

bool confine_environment(char room[CONFINE_ROOM])
{
	snprintf(room, CONFINE_ROOM, CONFINE_ENV "=%u", confined.landlock);
	return confined.landlock != 0;
}

/* Its own files are asked for as a start opens them: a socket that is given stays where it is.
 *   Returns  EXIT_OK or EXIT_CONFIG. */
static int check_inherited(const struct config *c)
{
	struct confine_denied d;
	static char why[CONFINE_TEXT + PATH_MAX];

	if (!confine_denies(c, &d))
		return EXIT_OK;
	snprintf(why, sizeof(why),
		 "%s (%s) is outside of what landlock allows the process before this one, which this one "
		 "inherits: it needs a restart", d.path, config_line(c, d.at).text);
	log_msg(LVL_ERROR, "sandbox_denies", "E407: %s", why);
	upgrade_refuse(EXIT_CONFIG, why);
	return EXIT_CONFIG;
}

const struct confined *confine_state(void)
{
	return &confined;
}

static void words_of_capabilities(struct text *t)
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = {
#define X(number, name, root) {number, name},
		CAPABILITY_TBL(X)
#undef X
	};
	uint64_t rest = confined.capabilities;
	const char *between = "";

	for (size_t i = 0; i < array_len(names); i++) {
		if ((rest & 1ULL << names[i].number) == 0)
			continue;
		rest &= ~(1ULL << names[i].number);
		text_str(t, between);
		text_str(t, names[i].name);
		between = " ";
	}
	if (rest != 0) {
		text_str(t, between);
		text_str(t, "others");
	} else if (between[0] == '\0') {
		text_str(t, "none");
	}
}

/* Behind the words for landlock: why there is less than the file asks for, or more. */
static const char *note_of_landlock(const struct config *c, int err)
{
	if (confined.inherited)
		return c->sandbox.landlock ? ", inherited)" : ", inherited, on until a restart)";
	if (confined.landlock != 0)
		return ")";
	if (err == -E2BIG)
		return " (it is stacked sixteen times already)";
	return err != 0 ? NOT_THERE : "";
}

static const char *note_of_seccomp(const struct config *c)
{
	if (confined.closed)
		return ", seccomp";
	return c->sandbox.seccomp ? ", no seccomp" NOT_THERE : "";
}

/* The last byte stays 0. */
static void tell_confined(const char *note, const char *calls)
{
	struct text t;

	text_init(&t, confined.text, sizeof(confined.text) - 1);
	text_str(&t, confined.landlock != 0 ? "landlock (ABI " : "no landlock");
	if (confined.landlock != 0)
		text_u64(&t, confined.landlock);
	text_str(&t, note);
	text_str(&t, confined.fixed ? ", no_new_privs" : "");
	text_str(&t, calls);
	text_str(&t, ", capabilities: ");
	words_of_capabilities(&t);
}

void confine_say(void)
{
	log_msg(LVL_NOTICE, "confined", "confined by %s", confined.text);
}

int confine_start(const struct config *c)
{
	int err = 0;

	confined.fixed = privilege_fix() == 0;
	inherit();
	if (!confined.inherited && c->sandbox.landlock)
		err = confine_files(c);
	(void)!privilege_drop(); /* refused by a filter of calls: what is held is said */
	confined.capabilities = privilege_held();
	confined.closed = c->sandbox.seccomp && seccomp_close() == 0;
	tell_confined(note_of_landlock(c, err), note_of_seccomp(c));
	return confined.inherited ? check_inherited(c) : EXIT_OK;
}
