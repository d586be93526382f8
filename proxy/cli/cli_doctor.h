/* cli_doctor: the world that `doctor` looks at, and the list of what it found there. A probe looks at one thing and
 * says doctor_found for each finding, or doctor_unseen where it may not look; what to do about it stands in its row.
 *
 *   void doctor_pipe_size(struct doctor *d)
 *   {
 *           struct doctor_finding f = {.wanted = "4"};
 *           int64_t is;
 *
 *           if (!doctor_number(d, "/proc/sys/fs/pipe-max-size", &is))
 *                   doctor_unseen(d);
 *           else if (is < 4) {
 *                   snprintf(f.value, sizeof(f.value), "%lld", (long long)is);
 *                   doctor_found(d, &f);
 *           }
 *   }
 *
 * A problem limits the proxy now, or will under the load that the file allows. A note is worth knowing: a default that
 * is low, a feature that is missing, a warning of check. Only problems change the exit code, so that a machine whose
 * kernel is old can still be told from one that needs somebody.
 *
 * Nothing is changed, and nothing is asked of servers. */
#ifndef PROXY_CLI_CLI_DOCTOR_H
#define PROXY_CLI_CLI_DOCTOR_H

#include <stdio.h>
#include <sys/types.h>

#include "netpoll/base.h"
#include "proxy/cli/cli_doctor_tbl.h"

#define DOCTOR_FINDINGS 256 /* more tell nobody more: the rest are counted */
#define DOCTOR_TEXT     320

struct config;
struct diag;
struct doctor;

/* One row of the table. Frozen. */
struct doctor_row {
	const char *word, *what; /* for machines; for people */
	void (*probe)(struct doctor *d);
	const char *why, *fix; /* with {names} */
};

/* What a probe found: short texts, for the sentences are the row's. */
struct doctor_finding {
	const struct doctor_row *row;
	bool note; /* worth knowing; the others are problems */
	char subject[DOCTOR_TEXT];
	char value[DOCTOR_TEXT];
	char wanted[64]; /* "": it goes without saying */
};

/* What the probes look at: frozen but for the findings. Texts are borrowed. */
struct doctor {
	const char *root;           /* "" for the machine; a test gives a directory that holds proc/ and sys/ */
	const struct config *c;     /* NULL: there is no file, or it has errors */
	const struct diag *problems; /* of check; NULL: there is no file */
	const char *file;           /* its path; NULL: there is none */
	const char *socket;         /* where an instance would be asked; NULL: nowhere */
	const char *status, *servers; /* what it answered, as JSON; NULL: there is none */
	bool silent;                /* a socket is there, and nobody answers */
	pid_t pid;                  /* of the instance; 0: there is none */
	struct {
		bool unsynced;
		int64_t error_us;   /* so far off it may be */
		int64_t now;        /* seconds since 1970 */
	} clock;
	int64_t nofile;             /* the descriptor limit of the instance, or the most that this user may have */

	const struct doctor_row *row; /* whose probe runs */
	struct doctor_finding *findings;
	size_t n, more;             /* kept; not kept */
	bool unseen;                /* the probe that runs could not look */
};

extern const struct doctor_row doctor_rows[];
extern const size_t doctor_row_count;

/* doctor_run: all rows. Words of rows that could not look go to unseen, of those without a finding to passed: one NULL
 * behind the last.   Returns  how many problems there are. */
size_t doctor_run(struct doctor *d, const char **passed, const char **unseen);

/* ---- for probes ---- */

/* Keeps a copy of f, as one of the row whose probe runs. */
void doctor_found(struct doctor *d, const struct doctor_finding *f);
/* Nothing can be said: /proc is hidden, or the process belongs to another user. */
void doctor_unseen(struct doctor *d);
/* A number, or the first line, of a file of proc or sys.   Returns  false: it is not there. */
must_use bool doctor_number(const struct doctor *d, const char *path, int64_t *out);
must_use bool doctor_line(const struct doctor *d, const char *path, char out[DOCTOR_TEXT]);
/* How many connections the file or the process allows at a time.   Returns  false: no number was chosen: auto. */
must_use bool doctor_connections(const struct doctor *d, int64_t *out);
/* How many workers the process has, or would have. */
unsigned doctor_workers(const struct doctor *d);

#define X(word, what, probe, why, fix) void probe(struct doctor *d);
DOCTOR_TBL(X)
#undef X

/* ---- printing ---- */

/* doctor_expand: a text of a row with what was found in the place of its {names}.   Owns  the text; NULL: no memory. */
char *doctor_expand(const struct doctor *d, const struct doctor_finding *f, const char *text);
/* One finding for people: what it is, why it matters, what mends it. */
void doctor_print(FILE *out, const struct doctor *d, const struct doctor_finding *f, bool colour);
/* All of them as one object, for programs: a change that breaks one raises "schema". */
void doctor_print_json(FILE *out, const struct doctor *d, const char *const *passed, const char *const *unseen);

#endif
