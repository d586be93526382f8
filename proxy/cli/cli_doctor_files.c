/* cli_doctor_files: what lies on disks: the file and what check says of it, certificates, logs, the control socket; and
 * the clock, which certificates and files are judged by.
 *
 * These look as the user who runs the verb. What he may not read is not judged here: check says of the file's own files
 * that they cannot be read, and by whom. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/cli/cli_doctor.h"
#include "proxy/control/control_path.h"
#include "proxy/control/state_file.h"
#include "proxy/creds/tls_cert.h"

#define CERT_DAYS   30
#define ROOM_LEAST  5 /* per cent */
#define CLOCK_ERROR 1000000 /* us */
#define CLOCK_SLACK 60 /* s: files of a network disk have its server's time */
#define SOCKET_MODE 0660

/* ---- the file ---- */

/* A certificate that ends soon has a row of its own. */
void doctor_check(struct doctor *d)
{
	for (size_t i = 0; d->problems != NULL && i < diag_shown(d->problems); i++) {
		const struct diag_problem *p = diag_get(d->problems, i);
		struct doctor_finding f = {.note = diag_severity(p->code) == DIAG_WARNING};

		if (p->code == DIAG_EXPIRES)
			continue;
		snprintf(f.value, sizeof(f.value), "%s in line %u: %s", diag_code_text(p->code), p->at.line,
			 p->message);
		doctor_found(d, &f);
	}
}

/* ---- certificates ---- */

/* The first end in the file counts: a chain is as short-lived as its shortest part. */
static void look_at_certificate(struct doctor *d, const char *path)
{
	char room[512];
	struct doctor_finding f = {.wanted = "30 days at least"};
	struct text why;
	int64_t expires;
	int days;

	text_init(&why, room, sizeof(room));
	if (path == NULL || tls_cert_first_end(path, &expires, &why) != 0)
		return; /* what is wrong with it is check's to say */
	days = tls_cert_days_left(expires);
	if (days >= CERT_DAYS)
		return;
	snprintf(f.subject, sizeof(f.subject), "%.300s", path);
	if (days < 0)
		snprintf(f.value, sizeof(f.value), "%.260s has expired", path);
	else
		snprintf(f.value, sizeof(f.value), "%.260s ends in %d day%s", path, days, days == 1 ? "" : "s");
	doctor_found(d, &f);
}

/* Those that are shown to clients, and to servers. */
void doctor_certificate(struct doctor *d)
{
	for (size_t i = 0; d->c != NULL && i < d->c->nlisteners; i++) {
		const struct config_tls_in *t = d->c->listeners[i].tls;

		for (size_t j = 0; t != NULL && j < t->ncertificates; j++)
			look_at_certificate(d, t->certificates[j].cert);
	}
	for (size_t i = 0; d->c != NULL && i < d->c->nupstreams; i++)
		if (d->c->upstreams[i].tls != NULL)
			look_at_certificate(d, d->c->upstreams[i].tls->cert);
}

/* ---- the clock ---- */

/* The kernel knows whether something keeps it right, and how far off it may be. */
void doctor_clock(struct doctor *d)
{
	struct doctor_finding f = {.wanted = "synchronised"};

	if (d->clock.unsynced)
		snprintf(f.value, sizeof(f.value), "not synchronised");
	else if (d->clock.error_us > CLOCK_ERROR)
		snprintf(f.value, sizeof(f.value), "may be off by %lld s", (long long)d->clock.error_us / CLOCK_ERROR);
	else
		return;
	doctor_found(d, &f);
}

/* What was written cannot lie ahead. */
void doctor_clock_behind(struct doctor *d)
{
	const char *const files[] = {"/proc/self/exe", d->file};

	for (size_t i = 0; i < array_len(files); i++) {
		struct doctor_finding f = {.wanted = "not before it"};
		struct stat st;

		if (files[i] == NULL || stat(files[i], &st) != 0 || st.st_mtime <= d->clock.now + CLOCK_SLACK)
			continue;
		snprintf(f.subject, sizeof(f.subject), "%.300s", i == 0 ? "of this program" : files[i]);
		snprintf(f.value, sizeof(f.value), "%lld s behind", (long long)(st.st_mtime - d->clock.now));
		doctor_found(d, &f);
	}
}

/* ---- disks ---- */

/* For whom is not root: f_bavail leaves out what is kept for it. */
static void look_at_disk(struct doctor *d, const char *path)
{
	struct doctor_finding f = {0};
	char dir[DOCTOR_TEXT], *slash;
	struct statvfs v;
	uint64_t percent;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return;
	slash[slash == dir] = '\0';
	if (statvfs(dir, &v) != 0 || v.f_blocks == 0)
		return;
	percent = (uint64_t)v.f_bavail * 100 / v.f_blocks;
	if (v.f_files > 0 && (uint64_t)v.f_favail * 100 / v.f_files < percent)
		percent = (uint64_t)v.f_favail * 100 / v.f_files; /* no more files can be made */
	if (percent >= ROOM_LEAST)
		return;
	snprintf(f.subject, sizeof(f.subject), "%.300s", path);
	snprintf(f.value, sizeof(f.value), "%llu %% left for %.200s", (unsigned long long)percent, path);
	snprintf(f.wanted, sizeof(f.wanted), "%d %% at least", ROOM_LEAST);
	doctor_found(d, &f);
}

/* The access log, and the file that keeps what operators say of servers. */
void doctor_disk(struct doctor *d)
{
	char path[STATE_PATH_ROOM];

	if (d->c == NULL)
		return;
	if (d->c->log.access.kind == CONFIG_SINK_FILE)
		look_at_disk(d, d->c->log.access.path);
	if (state_path_of(d->c->control.state, path) != NULL)
		look_at_disk(d, path);
}

/* ---- the control socket ---- */

/* A plain file at that path is not the control plane's. */
static bool stat_socket(const struct doctor *d, struct stat *st)
{
	return d->socket != NULL && stat(d->socket, st) == 0 && S_ISSOCK(st->st_mode);
}

/* Wider than it was made (admin_listen.c). */
void doctor_socket_mode(struct doctor *d)
{
	struct doctor_finding f = {0};
	struct stat st;

	if (!stat_socket(d, &st) || (st.st_mode & 0777 & ~SOCKET_MODE) == 0)
		return;
	snprintf(f.subject, sizeof(f.subject), "%.300s", d->socket);
	snprintf(f.value, sizeof(f.value), "%04o", (unsigned)st.st_mode & 07777);
	snprintf(f.wanted, sizeof(f.wanted), "%04o", SOCKET_MODE);
	doctor_found(d, &f);
}

/* The verbs look at who listens before they ask; other clients do not. */
void doctor_socket_directory(struct doctor *d)
{
	struct doctor_finding f = {.wanted = "not for others to write"};
	char dir[DOCTOR_TEXT];
	struct stat st;

	if (!stat_socket(d, &st) || !control_path_is_open(d->socket) || !control_path_stat(d->socket, &st))
		return;
	snprintf(dir, sizeof(dir), "%.300s", d->socket);
	if (strrchr(dir, '/') != NULL)
		*strrchr(dir, '/') = '\0';
	snprintf(f.subject, sizeof(f.subject), "%s", dir);
	snprintf(f.value, sizeof(f.value), "%04o", (unsigned)st.st_mode & 07777);
	doctor_found(d, &f);
}
