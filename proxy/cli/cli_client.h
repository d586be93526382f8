/* cli_client: one question to the running process over its control socket, for the verbs that steer it. */
#ifndef PROXY_CLI_CLI_CLIENT_H
#define PROXY_CLI_CLI_CLIENT_H

#include <stdio.h>

#include "netpoll/base.h"
#include "proxy/cli/cli_json.h"
#include "proxy/control/control_path.h"

struct cli_args;

struct cli_answer {
	unsigned status; /* of HTTP */
	char *body;      /* terminated; within room */
	char *room;      /* owned: cli_answer_free */
};

#define CLI_PATIENCE 5000 /* ms within which a running process answers */
#define CLI_STREAM   70000 /* ms within which an answer that goes on has its next line */

/* cli_ask: send METHOD PATH, and wait `patience` ms (0: as long as it takes) for the answer. Nothing is sent before it
 * is known that the one who listens there is root, the user himself, or the owner of the socket's directory.
 *   Returns  EXIT_OK, and *out whatever its status is; or the exit code, with its line on stderr: EXIT_FAILED: nobody
 *            is there, or does not answer; EXIT_PERMISSION.   Owns  *out: cli_answer_free. */
must_use int cli_ask(const struct cli_args *a, const char *method, const char *path, int patience,
		     struct cli_answer *out);
/* cli_ask_with: the same with a body. */
struct cli_question {
	const char *method, *path;
	const char *body; /* of n bytes */
	size_t n;
	bool lines; /* by HTTP/1.1, whose answers have an end of their own */
};
must_use int cli_ask_with(const struct cli_args *a, const struct cli_question *q, int patience,
			  struct cli_answer *out);
void cli_answer_free(struct cli_answer *w);

/* cli_ask_lines: the same for an answer that comes line by line: each goes to take as it comes, with its newline.
 *   Returns  EXIT_OK, and out->status; a body is in *out where that is not 200. */
must_use int cli_ask_lines(const struct cli_args *a, const char *path, void (*take)(void *arg, char *line), void *arg,
			   struct cli_answer *out);
/* cli_socket_path: where the verb is to ask.
 *   Returns  the option's text, or where; NULL, with its line on stderr: there is no control plane. */
const char *cli_socket_path(const struct cli_args *a, char where[CONTROL_PATH_ROOM]);
/* May the listener of this socket be told anything? It is root, the user himself, or the owner of the directory. */
bool cli_trusts(uid_t uid, const char *path);

/* cli_show_value: the value at the path as a paragraph. */
void cli_show_value(FILE *f, const char *label, const char *body, const char *path);
/* cli_show_problems: those of a list of problems, on stderr. name writes the name of the file that the instance calls
 * so; NULL: that is its name.   Returns  whether there are any. */
bool cli_show_problems(const char *body, const char *list,
		       void (*name)(const void *arg, FILE *f, const char *file, size_t n), const void *arg);

/* cli_show_changes: the list of changes at the path, a line for each; "before" stands in front of the first, and as
 * many spaces in front of the others. Nothing where there are none. */
void cli_show_changes(const char *before, const char *body, const char *path);

/* cli_look_alive: for a verb whose order may take long. A process that was stopped (SIGSTOP) takes the connection and
 * never answers: that is found before the order is given.   Returns  EXIT_OK: it answers. */
must_use int cli_look_alive(const struct cli_args *a);

/* cli_answer_failed: say what an answer other than 200 holds.   Returns  the exit code. */
must_use int cli_answer_failed(const struct cli_answer *w);

#endif
