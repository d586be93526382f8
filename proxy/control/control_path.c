/* control_path: the rule of `socket: auto`, for both sides. */
#include "proxy/control/control_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define SYSTEM_DIRECTORY "/run/staunch"
#define SYSTEM_SOCKET    SYSTEM_DIRECTORY "/control.sock"

/* Returns whether the environment says something, and then *path is it, or NULL for off. */
static bool path_of_environment(const char **path)
{
	*path = getenv(CONTROL_ENV);
	if (*path == NULL || (*path)[0] == '\0')
		return false;
	if (strcmp(*path, "off") == 0)
		*path = NULL;
	return true;
}

/* With the rights that count for opening files: a set-uid start must not write where its user may not. */
bool control_path_is_ours(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

/* Returns NULL where the user has no such directory. */
static const char *users_own(char *path, const char *suffix)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (dir == NULL || dir[0] != '/')
		return NULL;
	snprintf(path, CONTROL_PATH_ROOM, "%s%s", dir, suffix);
	return path;
}

/* Where the process listens: what is configured, then the environment, the system's directory, the user's own. */
const char *control_path_of(const char *configured, char path[CONTROL_PATH_ROOM])
{
	const char *said;

	if (strcmp(configured, "off") == 0)
		return NULL;
	if (strcmp(configured, "auto") == 0 && path_of_environment(&said)) {
		if (said != NULL)
			snprintf(path, CONTROL_PATH_ROOM, "%s", said);
		return said != NULL ? path : NULL;
	}
	if (strcmp(configured, "auto") != 0)
		snprintf(path, CONTROL_PATH_ROOM, "%s", configured);
	else if (control_path_is_ours(SYSTEM_DIRECTORY))
		snprintf(path, CONTROL_PATH_ROOM, "%s", SYSTEM_SOCKET);
	else
		return users_own(path, "") != NULL && control_path_is_ours(path) ? users_own(path, "/staunch.sock") :
										    NULL;
	return path;
}

/* Where a verb looks: the same places, but by what is there. The system's is the answer when nothing is, because
 * its name is what the message then shows. */
const char *control_path_found(char path[CONTROL_PATH_ROOM])
{
	const char *said;

	if (path_of_environment(&said)) {
		if (said != NULL)
			snprintf(path, CONTROL_PATH_ROOM, "%s", said);
		return said != NULL ? path : NULL;
	}
	if (access(SYSTEM_SOCKET, F_OK) != 0 && users_own(path, "/staunch.sock") != NULL && access(path, F_OK) == 0)
		return path;
	snprintf(path, CONTROL_PATH_ROOM, "%s", SYSTEM_SOCKET);
	return path;
}

/* Of the directory that the socket is in. */
bool control_path_stat(const char *path, struct stat *out)
{
	char dir[CONTROL_PATH_ROOM];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return false;
	slash[slash == dir] = '\0';
	return stat(dir, out) == 0;
}

/* May anybody put a socket of his own there? */
bool control_path_is_open(const char *path)
{
	struct stat st;

	if (strchr(path, '/') == NULL)
		return true;
	return control_path_stat(path, &st) && (st.st_mode & S_IWOTH) != 0;
}

bool control_is_on(const struct config *c)
{
	char path[CONTROL_PATH_ROOM];

	return strcmp(c->control.http, "off") != 0 || control_path_of(c->control.socket, path) != NULL;
}
