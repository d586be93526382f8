/* cli_doctor_instance: the running process, by what it says of itself at the control socket, and by /proc.
 *
 * The process knows its limits and its warnings best, so they are not worked out here a second time: each code of a
 * warning has a row that adds what to do. A code that has none yet, of a newer process, is told as it is.
 *
 * /proc shows program and directory of a process to its own user and to root. Where it hides them, the row is
 * unseen. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_doctor.h"

/* Per cent of a limit from which on it is told: early enough to raise it, late enough to be rare. */
#define NEAR 80

/* Quotes and backslashes alone are undone, as in json_print. */
static void copy_text(char *out, size_t room, const char *at, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; at != NULL && i < n && k + 1 < room; i++) {
		if (at[i] == '\\' && i + 1 < n && (at[i + 1] == '"' || at[i + 1] == '\\'))
			i++;
		out[k++] = at[i];
	}
	out[k] = '\0';
}

/* A socket that nobody answers is what a process leaves that was killed. */
void doctor_instance(struct doctor *d)
{
	struct doctor_finding f = {.value = "nobody answers", .wanted = "an answer"};

	if (!d->silent)
		return;
	snprintf(f.subject, sizeof(f.subject), "%.300s", d->socket);
	doctor_found(d, &f);
}

/* ---- its program and its file ---- */

/* The file that /proc/PID/exe names, whole or deleted.   Owns  the text; NULL: it may not be seen. */
static char *program_path(pid_t pid)
{
	static const char deleted[] = " (deleted)";
	char link[64], *path = calloc(1, PATH_MAX);
	size_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	if (path == NULL || readlink(link, path, PATH_MAX - 1) < 0) {
		free(path);
		return NULL;
	}
	n = strlen(path);
	if (n >= sizeof(deleted) && strcmp(path + n - (sizeof(deleted) - 1), deleted) == 0)
		path[n - (sizeof(deleted) - 1)] = '\0';
	return path;
}

/* Is the file that the process runs the one that stands at its path? */
static bool runs_disks(pid_t pid, const char *path)
{
	struct stat theirs, disk;
	char link[64];

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	return stat(link, &theirs) == 0 && stat(path, &disk) == 0 && disk.st_ino == theirs.st_ino &&
	       disk.st_dev == theirs.st_dev;
}

/* After an upgrade of the package the old one runs on until somebody restarts it. */
void doctor_binary(struct doctor *d)
{
	struct doctor_finding f = {.value = "another than the one on disk"};
	char *path = d->pid != 0 ? program_path(d->pid) : NULL;

	if (d->pid != 0 && path == NULL)
		doctor_unseen(d);
	if (path != NULL && !runs_disks(d->pid, path)) {
		snprintf(f.subject, sizeof(f.subject), "%.300s", path);
		doctor_found(d, &f);
	}
	free(path);
}

/* The path of its file as this process sees it: a relative one is seen from where it was started.
 *   Owns  the text; NULL: it has none, or it is not there. */
static char *their_file(const struct doctor *d)
{
	char path[DOCTOR_TEXT], whole[DOCTOR_TEXT + 32];
	size_t n = 0;
	const char *at = d->status != NULL ? json_find(d->status, "config.path", &n) : NULL;

	if (at == NULL || n == 0 || !json_is_there(d->status, "config.path"))
		return NULL;
	copy_text(path, sizeof(path), at, n);
	if (path[0] == '/')
		snprintf(whole, sizeof(whole), "%s", path);
	else
		snprintf(whole, sizeof(whole), "/proc/%d/cwd/%s", (int)d->pid, path);
	return realpath(whole, NULL);
}

/* The hash is of the text: a comment counts, for it may be half of a change. */
void doctor_file(struct doctor *d)
{
	struct doctor_finding f = {.value = "changed since it was loaded"};
	char *theirs = d->c != NULL ? their_file(d) : NULL, *ours = theirs != NULL ? realpath(d->file, NULL) : NULL;
	char hash[20];

	if (ours != NULL && strcmp(ours, theirs) == 0) {
		snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)d->c->hash);
		snprintf(f.subject, sizeof(f.subject), "%.300s", ours);
		if (!json_is(d->status, "config.hash", hash))
			doctor_found(d, &f);
	}
	free(theirs);
	free(ours);
}

/* Only where the user named a file. */
void doctor_other_file(struct doctor *d)
{
	struct doctor_finding f = {.note = true};
	char *theirs = d->file != NULL ? their_file(d) : NULL, *ours = theirs != NULL ? realpath(d->file, NULL) : NULL;

	if (theirs != NULL && (ours == NULL || strcmp(ours, theirs) != 0)) {
		snprintf(f.value, sizeof(f.value), "%.300s", theirs);
		doctor_found(d, &f);
	}
	free(theirs);
	free(ours);
}

/* A process of a release before it says nothing. */
void doctor_sandbox(struct doctor *d)
{
	struct doctor_finding f = {.note = true};
	size_t n = 0;
	const char *text = json_is_there(d->status, "sandbox.text") ? json_find(d->status, "sandbox.text", &n) : NULL;

	if (text == NULL || json_number(d->status, "sandbox.landlock") != 0)
		return;
	copy_text(f.value, sizeof(f.value), text, n);
	doctor_found(d, &f);
}

/* ---- what it says ---- */

/* In the words of the process. */
static void tell_warning(struct doctor *d, const char *warning)
{
	struct doctor_finding f = {0};
	size_t n = 0;
	const char *text = json_find(warning, "text", &n);

	copy_text(f.value, sizeof(f.value), text, n);
	doctor_found(d, &f);
}

/* The warnings whose code is the row's word. */
void doctor_warned(struct doctor *d)
{
	for (const char *w = json_first(d->status, "warnings"); w != NULL; w = json_next(w))
		if (json_is(w, "code", d->row->word))
			tell_warning(d, w);
}

/* Those that have no row; certificates have one that looks at the files. */
void doctor_warned_more(struct doctor *d)
{
	for (const char *w = json_first(d->status, "warnings"); w != NULL; w = json_next(w)) {
		bool told = d->c != NULL && (json_is(w, "code", "certificate_expires") ||
					     json_is(w, "code", "certificate_expired"));

		for (size_t i = 0; i < doctor_row_count && !told; i++)
			told = json_is(w, "code", doctor_rows[i].word);
		if (!told)
			tell_warning(d, w);
	}
}

/* One that acts is a warning already. */
void doctor_limit_near(struct doctor *d)
{
	for (const char *l = json_first(d->status, "limits"); l != NULL; l = json_next(l)) {
		long long used = json_number(l, "used"), max = json_number(l, "max");
		struct doctor_finding f = {.note = true};
		char name[DOCTOR_TEXT];
		size_t n = 0;
		const char *at = json_find(l, "name", &n);

		if (max <= 0 || used * 100 < max * NEAR || json_is(l, "episode", "true"))
			continue;
		copy_text(name, sizeof(name), at, n);
		snprintf(f.value, sizeof(f.value), "%.100s, %lld of %lld used", name, used, max);
		at = json_find(l, json_is_there(l, "upstream") ? "upstream" : "listener", &n);
		if (at != NULL && (json_is_there(l, "upstream") || json_is_there(l, "listener")))
			copy_text(f.subject, sizeof(f.subject), at, n);
		doctor_found(d, &f);
	}
}
