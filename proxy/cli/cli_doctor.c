/* cli_doctor: gathers what the probes look at (the file, as check sees it; the running process, if there is one; the
 * clock), has them look, and prints.
 *
 *   -c FILE, or STAUNCH_CONFIG    that file; then the process at the control socket that it names
 *   neither                       the process at the usual socket; then the file that it runs
 *   no process either             the usual file, if it is there; else the machine alone */
#include "proxy/cli/cli_doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_check.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_config.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control_path.h"

/* What a visit owns. */
struct visit {
	struct doctor d;
	struct config *c;
	struct diag *problems;
	struct cli_answer status, servers;
	char socket[CONTROL_PATH_ROOM];
	char file[CLI_CONFIG_ROOM];
	const char **passed, **unseen;
};

/* ---- the file ---- */

/* Without a file the machine alone is looked at.   Returns  EXIT_OK, also with problems in it; or the exit code. */
/* Errors of the file stay in the list: its row tells them beside what is wrong with the machine. */
static int load_file(struct visit *v, const char *path)
{
	int err;

	v->d.file = path;
	v->problems = diag_new();
	err = v->problems != NULL ? cli_check_look(path, false, &v->c, v->problems) : -NP_ENOMEM;
	if (err == -NP_ENOMEM) {
		cli_complain("%s: %s", path, np_err_text(err));
		return EXIT_FAILED;
	}
	v->d.problems = v->problems;
	v->d.c = v->c;
	return EXIT_OK;
}

/* ---- the process ---- */

/* Only of a file without errors: what it says of the socket may be among them.
 * The option; the path that the file names; the usual places. */
static const char *find_socket(struct visit *v, const struct cli_args *a)
{
	if (a->value[CLI_OPT_SOCKET] != NULL)
		return a->value[CLI_OPT_SOCKET];
	if (v->c != NULL && strcmp(v->c->control.socket, "auto") != 0)
		return control_path_of(v->c->control.socket, v->socket);
	return control_path_found(v->socket);
}

/* The process raised its own at its start, and prlimit(1) may have changed it since: so it is asked. */
static int64_t descriptor_limit(const char *status)
{
	size_t n = 0;

	for (const char *at = json_first(status, "limits"); at != NULL; at = json_next(at)) {
		const char *name = json_find(at, "name", &n);

		if (name != NULL && n == strlen("descriptors") && memcmp(name, "descriptors", n) == 0)
			return json_number(at, "max");
	}
	return 0;
}

/* No process is no finding, unless its socket says that there should be one.
 *   Returns  EXIT_OK, or the exit code: there is none, and the user named it. */
static int ask_instance(struct visit *v, const struct cli_args *a)
{
	bool named = a->value[CLI_OPT_SOCKET] != NULL;
	struct cli_args to = *a;
	int code;

	v->d.socket = find_socket(v, a);
	if (v->d.socket == NULL || (!named && access(v->d.socket, F_OK) != 0))
		return EXIT_OK;
	to.value[CLI_OPT_SOCKET] = v->d.socket;
	code = cli_ask(&to, "GET", "/v1/status", CLI_PATIENCE, &v->status);
	if (code == EXIT_OK && v->status.status != 200)
		code = cli_answer_failed(&v->status);
	v->d.silent = code != EXIT_OK;
	if (code != EXIT_OK)
		return named ? code : EXIT_OK;
	v->d.status = v->status.body;
	v->d.pid = (pid_t)json_number(v->d.status, "pid");
	v->d.nofile = descriptor_limit(v->d.status);
	if (cli_ask(&to, "GET", "/v1/servers", CLI_PATIENCE, &v->servers) == EXIT_OK && v->servers.status == 200)
		v->d.servers = v->servers.body;
	return EXIT_OK;
}

/* Who names a file means it, and its process; who names none means the process, and its file. */
static int gather(struct visit *v, const struct cli_args *a)
{
	struct timex t = {0};
	const char *path;
	int code = EXIT_OK;

	v->d.root = "";
	v->d.clock.unsynced = adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0;
	v->d.clock.error_us = t.maxerror;
	v->d.clock.now = time(NULL);
	capacity_raise_descriptors();
	v->d.nofile = capacity_descriptors();
	if (cli_config_is_named(a))
		code = load_file(v, cli_config_path(a, v->file));
	if (code == EXIT_OK)
		code = ask_instance(v, a);
	if (code != EXIT_OK || cli_config_is_named(a))
		return code;
	path = v->d.status != NULL ? cli_config_of_process(v->d.status, v->file) : NULL;
	if (path == NULL && access(CLI_CONFIG_PATH, F_OK) == 0)
		path = CLI_CONFIG_PATH;
	return path != NULL ? load_file(v, path) : EXIT_OK;
}

/* ---- the verb ---- */

/* The words for people of a row that is known by its word for machines. */
static const char *what_of(const char *word)
{
	for (size_t i = 0; i < doctor_row_count; i++)
		if (strcmp(doctor_rows[i].word, word) == 0)
			return doctor_rows[i].what;
	return word;
}

/* Several rows look at one thing: it is told once, and not as in order where one of them found something. */
static bool is_told(const struct doctor *d, const char *const *words, const char *const *word)
{
	const char *what = what_of(*word);

	for (; words < word; words++)
		if (strcmp(what_of(*words), what) == 0)
			return true;
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->findings[i].row->what, what) == 0)
			return true;
	return false;
}

/* What was looked at and is well: a person sees what the silence covers. */
static void print_whats(const struct doctor *d, const char *title, const char *const *words)
{
	const char *before = "";
	struct cli_paragraph p;

	if (*words == NULL || !cli_paragraph_begin(&p))
		return;
	for (const char *const *word = words; *word != NULL; word++) {
		if (is_told(d, words, word))
			continue;
		fprintf(p.f, "%s%s", before, what_of(*word));
		before = ", ";
	}
	cli_paragraph_end(&p, stdout, title);
}

/* What was looked at: the wrong file is the first thing to rule out. */
static void print_world(const struct doctor *d)
{
	cli_say(stdout, "file     ", "%s", d->file != NULL ? d->file : "none: the machine alone");
	if (d->pid == 0) {
		puts("process  none: what a start would meet");
		return;
	}
	printf("process  %d, staunch ", (int)d->pid);
	json_print(stdout, d->status, "version");
	printf(", generation %lld\n", json_number(d->status, "generation"));
}

/* What sysctl sets is gone with the next boot. */
static bool names_sysctl(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (strncmp(d->findings[i].row->fix, "sysctl ", strlen("sysctl ")) == 0)
			return true;
	return false;
}

/* Findings first, then what is in order, and the count last, where the eye is. */
static void print_all(const struct visit *v, const struct cli_args *a, size_t problems)
{
	size_t notes = v->d.n + v->d.more - problems;

	print_world(&v->d);
	for (size_t i = 0; i < v->d.n; i++) {
		putchar('\n');
		doctor_print(stdout, &v->d, &v->d.findings[i], cli_colour(a, stdout));
	}
	putchar('\n');
	print_whats(&v->d, "in order: ", v->passed);
	print_whats(&v->d, "not seen: ", v->unseen);
	printf("%zu problem%s, %zu note%s%s\n", problems, problems == 1 ? "" : "s", notes, notes == 1 ? "" : "s",
	       names_sysctl(&v->d) ? "; what sysctl sets, /etc/sysctl.d keeps over a reboot" : "");
}

/* A file with errors ends with 78, as check does: whoever calls check by script may call this instead. */
static int look(struct visit *v, const struct cli_args *a)
{
	int code = gather(v, a);
	size_t problems;

	if (code != EXIT_OK)
		return code;
	v->d.findings = calloc(DOCTOR_FINDINGS, sizeof(*v->d.findings));
	v->passed = calloc(doctor_row_count + 1, sizeof(*v->passed));
	v->unseen = calloc(doctor_row_count + 1, sizeof(*v->unseen));
	if (v->d.findings == NULL || v->passed == NULL || v->unseen == NULL)
		return EXIT_FAILED;
	problems = doctor_run(&v->d, v->passed, v->unseen);
	if (a->value[CLI_OPT_JSON] != NULL)
		doctor_print_json(stdout, &v->d, v->passed, v->unseen);
	else
		print_all(v, a, problems);
	if (v->problems != NULL && diag_count(v->problems, DIAG_ERROR) > 0)
		return EXIT_CONFIG;
	return problems > 0 ? EXIT_FAILED : EXIT_OK;
}

int cli_doctor(const struct cli_args *a)
{
	struct visit *v = calloc(1, sizeof(*v));
	int code = v != NULL ? look(v, a) : EXIT_FAILED;

	if (v == NULL)
		return code;
	config_free(v->c);
	diag_free(v->problems);
	cli_answer_free(&v->status);
	cli_answer_free(&v->servers);
	free(v->d.findings);
	free(v->passed);
	free(v->unseen);
	free(v);
	return code;
}
