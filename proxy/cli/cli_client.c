/* cli_client: connect, look who listens, ask, read to the end. HTTP/1.0, so that the end of the connection is that of
 * the answer. */
#include "proxy/cli/cli_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/text/utf8.h"
#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/control/control_path.h"

/* The longest list of a lawful instance: a configuration has fewer than 10,000 servers (NODE_MAX), and admin gives each
 * at most 4 KiB. Names of the DNS may stand for more. */
#define ANSWER_MOST_MIB 64
#define ANSWER_MOST     ((size_t)ANSWER_MOST_MIB * 1024 * 1024)

/* ---- who listens ---- */

/* The user himself, where it cannot be looked at: then nobody else is trusted. */
static uid_t owner_of_directory(const char *path)
{
	struct stat st;

	return control_path_stat(path, &st) ? st.st_uid : geteuid();
}

/* A stranger who made a socket there would learn what is asked, and could answer as he likes. */
bool cli_trusts(uid_t uid, const char *path)
{
	return uid == 0 || uid == geteuid() || uid == owner_of_directory(path);
}

static int check_listener(int fd, const char *path)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && cli_trusts(who.uid, path))
		return EXIT_OK;
	cli_complain("%s: user %u listens there, who is neither root nor you nor the owner of the directory", path,
		     (unsigned)who.uid);
	return EXIT_PERMISSION;
}

/* The two usual reasons have their own words: no right, and nobody there. */
static int connect_failed(const char *path)
{
	int err = err_from_errno();

	if (err == -NP_EACCES || err == -NP_EPERM) {
		cli_complain("%s: permission denied: join the group of that file, or run it as root", path);
		return EXIT_PERMISSION;
	}
	cli_complain("no running instance at %s: %s", path,
		     err == -NP_ENOENT || err == -NP_ECONNREFUSED ? "nobody listens there" : np_err_text(err));
	cli_say(stderr, "  = help: ", "another one: --socket FILE or STAUNCH_CONTROL; more: staunch doctor");
	return EXIT_FAILED;
}

/* 0: for ever. */
static void set_patience(int fd, int ms)
{
	struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* Returns EXIT_OK and *fd, connected to one of us. */
static int open_control(const char *path, int *fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int code;

	if (strlen(path) >= sizeof(un.sun_path)) {
		cli_complain("%s: a socket's path has at most %zu bytes", path, sizeof(un.sun_path) - 1);
		return EXIT_FAILED;
	}
	memcpy(un.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return connect_failed(path);
	set_patience(*fd, CLI_PATIENCE); /* a full backlog is one more way not to answer */
	code = connect(*fd, (const struct sockaddr *)&un, sizeof(un)) == 0 ? check_listener(*fd, path) :
									     connect_failed(path);
	if (code != EXIT_OK)
		close(*fd);
	return code;
}

/* ---- the question ---- */

/* Without SIGPIPE: who refuses early has closed. */
static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* Whoever wrote it: no byte of an answer acts on a terminal. Our own process escapes such bytes, so what it writes
 * stays as it is. */
static void disarm(char *p)
{
	size_t n = strlen(p), len;
	uint32_t c;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_decode(p + i, n - i, &c);
		if (len == 1 && (c == '\n' || c == '\r'))
			continue;
		if (len == 0 || utf8_is_hostile(c)) {
			len = len == 0 ? 1 : len;
			memset(p + i, '?', len);
		}
	}
}

/* Returns the answer's bytes, terminated; NULL: it did not come whole, or *large: it has more than this program
 * reads. */
static char *read_answer(int fd, bool *large)
{
	size_t room = 65536, n = 0;
	char *p = malloc(room);
	ssize_t got = -1;

	while (p != NULL && (got = recv(fd, p + n, room - n - 1, 0)) > 0) {
		char *more;

		n += (size_t)got;
		if (n + 1 < room)
			continue;
		*large = room >= ANSWER_MOST;
		more = *large ? NULL : realloc(p, room * 2);
		if (more == NULL)
			break;
		p = more;
		room *= 2;
	}
	if (p != NULL && got == 0) {
		p[n] = '\0';
		disarm(p);
		return p;
	}
	free(p);
	return NULL;
}

/* The room is the answer's, so body stays valid until cli_answer_free. */
static bool take_apart(struct cli_answer *w)
{
	char *body = strstr(w->room, "\r\n\r\n");

	if (body == NULL || strncmp(w->room, "HTTP/1.", 7) != 0 || strlen(w->room) < 12)
		return false;
	w->status = (unsigned)strtoul(w->room + 9, NULL, 10);
	w->body = body + 4;
	return true;
}

/* Sends the question.   Returns  false: it did not go out whole. */
static bool send_question(int fd, const struct cli_question *q)
{
	bool posts = strcmp(q->method, "POST") == 0;
	char *head = NULL;
	bool sent;

	if (posts && asprintf(&head,
			      "POST %s HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\nContent-Length: %zu\r\n\r\n",
			      q->path, q->n) < 0)
		return false;
	if (!posts && asprintf(&head, "%s %s HTTP/1.%d\r\nHost: localhost\r\nConnection: close\r\n\r\n", q->method,
			       q->path, q->lines) < 0)
		return false;
	sent = send_all(fd, head, strlen(head)) && send_all(fd, q->body, q->n);
	free(head);
	return sent;
}

const char *cli_socket_path(const struct cli_args *a, char where[CONTROL_PATH_ROOM])
{
	const char *path = a->value[CLI_OPT_SOCKET];

	if (path == NULL)
		path = control_path_found(where);
	if (path == NULL)
		cli_complain("no instance to ask: STAUNCH_CONTROL is off");
	return path;
}

/* Opens the control socket and sends q.   Returns  EXIT_OK, and *fd; where has who was asked. */
static int put_question(const struct cli_args *a, const struct cli_question *q, int patience, int *fd,
			char where[CONTROL_PATH_ROOM])
{
	const char *socket_path = cli_socket_path(a, where);
	int code;

	if (socket_path == NULL)
		return EXIT_FAILED;
	if (socket_path != where)
		snprintf(where, CONTROL_PATH_ROOM, "%s", socket_path);
	code = open_control(socket_path, fd);
	if (code != EXIT_OK)
		return code;
	set_patience(*fd, patience);
	(void)send_question(*fd, q); /* a failure shows at the answer: who refuses a body early answers all the same */
	return EXIT_OK;
}

/* It took the connection, so it is there: stopped, or stuck. */
static int no_answer_from(const char *where)
{
	cli_complain("the instance at %s does not answer", where);
	return EXIT_FAILED;
}

/* The list of servers alone can be asked for in parts. */
static int too_large_from(const char *where, const struct cli_question *q)
{
	cli_complain("the answer of the instance at %s to %s %s is larger than %d MiB", where, q->method, q->path,
		     ANSWER_MOST_MIB);
	if (strcmp(q->path, "/v1/servers") == 0)
		cli_say(stderr, "  = help: ", "ask for one upstream: curl --unix-socket %s "
			"'http://localhost/v1/servers?upstream=NAME'", where);
	return EXIT_FAILED;
}

/* Takes fd. */
static int take_answer(int fd, const char *where, const struct cli_question *q, struct cli_answer *out)
{
	bool large = false;

	out->room = read_answer(fd, &large);
	close(fd);
	if (out->room != NULL && take_apart(out))
		return EXIT_OK;
	cli_answer_free(out);
	return large ? too_large_from(where, q) : no_answer_from(where);
}

int cli_ask(const struct cli_args *a, const char *method, const char *path, int patience, struct cli_answer *out)
{
	return cli_ask_with(a, &(struct cli_question){.method = method, .path = path}, patience, out);
}

int cli_ask_with(const struct cli_args *a, const struct cli_question *q, int patience, struct cli_answer *out)
{
	char where[CONTROL_PATH_ROOM];
	int fd, code = put_question(a, q, patience, &fd, where);

	*out = (struct cli_answer){0};
	return code == EXIT_OK ? take_answer(fd, where, q, out) : code;
}

int cli_look_alive(const struct cli_args *a)
{
	struct cli_answer w;
	int code = cli_ask(a, "GET", "/livez", CLI_PATIENCE, &w);

	if (code == EXIT_OK && w.status == 403)
		code = cli_answer_failed(&w);
	cli_answer_free(&w);
	return code;
}

/* n bytes of whole lines: the process ends a chunk at the end of a line.   Returns  false: they did not all come. */
static bool take_line_block(FILE *in, size_t n, void (*take)(void *arg, char *line), void *arg)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t got;

	while (n > 0 && (got = getline(&line, &room, in)) > 0 && (size_t)got <= n && line[got - 1] == '\n') {
		n -= (size_t)got;
		disarm(line);
		take(arg, line);
	}
	free(line);
	return n == 0;
}

/* Each chunk has its size in front and an empty line behind; the last one is empty. */
static bool take_chunks(FILE *in, void (*take)(void *arg, char *line), void *arg)
{
	char size[32];

	while (fgets(size, sizeof(size), in) != NULL) {
		size_t n = strtoul(size, NULL, 16);

		if (n == 0)
			return true;
		if (!take_line_block(in, n, take, arg) || fgets(size, sizeof(size), in) == NULL)
			return false;
	}
	return false;
}

/* The lines of an answer of 200, one after the other. What has no proper end has failed: a list that broke off at the
 * end of a line would look whole. */
static int take_answer_lines(FILE *in, void (*take)(void *arg, char *line), void *arg)
{
	static const char length_is[] = "Content-Length: ";
	char *line = NULL;
	size_t room = 0, length = 0;
	bool chunks = false, body = false, whole;

	while (!body && getline(&line, &room, in) > 0) {
		if (strncmp(line, length_is, sizeof(length_is) - 1) == 0)
			length = strtoul(line + sizeof(length_is) - 1, NULL, 10);
		chunks = chunks || strcmp(line, "Transfer-Encoding: chunked\r\n") == 0;
		body = strcmp(line, "\r\n") == 0;
	}
	free(line);
	whole = body && (chunks ? take_chunks(in, take, arg) : take_line_block(in, length, take, arg));
	if (!whole)
		cli_complain("the answer broke off: the instance is gone");
	return whole ? EXIT_OK : EXIT_FAILED;
}

/* The status is looked at without taking it, so that a refusal is read as any other answer. */
int cli_ask_lines(const struct cli_args *a, const char *path, void (*take)(void *arg, char *line), void *arg,
		  struct cli_answer *out)
{
	struct cli_question q = {.method = "GET", .path = path, .lines = true};
	char where[CONTROL_PATH_ROOM], start[13] = "";
	int fd, code = put_question(a, &q, CLI_PATIENCE, &fd, where);
	FILE *in;

	*out = (struct cli_answer){0};
	if (code != EXIT_OK)
		return code;
	if (recv(fd, start, sizeof(start) - 1, MSG_PEEK | MSG_WAITALL) != sizeof(start) - 1) {
		close(fd);
		return no_answer_from(where);
	}
	out->status = (unsigned)strtoul(start + 9, NULL, 10);
	if (out->status != 200)
		return take_answer(fd, where, &q, out);
	set_patience(fd, CLI_STREAM);
	in = fdopen(fd, "r");
	if (in == NULL) {
		close(fd);
		return EXIT_FAILED;
	}
	code = take_answer_lines(in, take, arg);
	fclose(in);
	return code;
}

/* Also of one that was never filled. */
void cli_answer_free(struct cli_answer *w)
{
	free(w->room);
	*w = (struct cli_answer){0};
}

/* The process's own words, which are written for this reader. */
int cli_answer_failed(const struct cli_answer *w)
{
	struct cli_paragraph p;
	size_t n = 0;

	if (cli_paragraph_begin(&p)) {
		fprintf(p.f, "the instance refuses (%u): ", w->status);
		json_print(p.f, w->body, "error.message");
		cli_paragraph_end(&p, stderr, "staunch: ");
	}
	if (json_find(w->body, "error.help", &n) != NULL)
		cli_show_value(stderr, "  = help: ", w->body, "error.help");
	return w->status == 403 ? EXIT_PERMISSION : EXIT_FAILED;
}

void cli_show_value(FILE *f, const char *label, const char *body, const char *path)
{
	struct cli_paragraph p;

	if (!cli_paragraph_begin(&p))
		return;
	json_print(p.f, body, path);
	cli_paragraph_end(&p, f, label);
}

/* What may have been meant, and where more is said; both may be missing. */
static void show_advice(const char *problem)
{
	size_t n = 0;
	const char *meant = json_find(problem, "suggestion", &n);

	if (meant != NULL && json_is_there(problem, "suggestion"))
		cli_say(stderr, "  = ", "did you mean \"%.*s\"?", (int)n, meant);
	if (json_is_there(problem, "help"))
		cli_show_value(stderr, "  = help: ", problem, "help");
}

/* In the form of every other report, but for the excerpt: the instance does not send the text of its file. */
bool cli_show_problems(const char *body, const char *list,
		       void (*name)(const void *arg, FILE *f, const char *file, size_t n), const void *arg)
{
	const char *at = json_first(body, list);
	bool some = at != NULL;

	for (; at != NULL; at = json_next(at)) {
		struct cli_paragraph p;
		char label[32] = "";
		size_t n = 0, m = 0;
		const char *file, *severity = json_find(at, "severity", &n), *code = json_find(at, "code", &m);

		if (severity != NULL && code != NULL)
			snprintf(label, sizeof(label), "%.*s[%.*s]: ", (int)(n < 8 ? n : 8), severity,
				 (int)(m < 8 ? m : 8), code);
		cli_show_value(stderr, label, at, "message");
		if (json_number(at, "line") == 0 || !cli_paragraph_begin(&p)) {
			show_advice(at);
			continue;
		}
		file = name != NULL ? json_find(at, "file", &n) : NULL;
		if (file != NULL)
			name(arg, p.f, file, n);
		else
			json_print(p.f, at, "file");
		fprintf(p.f, ":%lld:%lld", json_number(at, "line"), json_number(at, "column"));
		cli_paragraph_end(&p, stderr, "  --> ");
		show_advice(at);
	}
	return some;
}

/* Changes are divided by "; ". */
void cli_show_changes(const char *before, const char *body, const char *path)
{
	size_t n = 0;
	const char *at = json_find(body, path, &n), *end = at != NULL ? at + n : NULL;
	char label[32];

	if (!json_is_there(body, path))
		return;
	snprintf(label, sizeof(label), "%s", before);
	while (at < end) {
		const char *next = memmem(at, (size_t)(end - at), "; ", 2);

		cli_say(stdout, label, "%.*s", (int)((next != NULL ? next : end) - at), at);
		at = next != NULL ? next + 2 : end;
		snprintf(label, sizeof(label), "%*s", (int)strlen(before), "");
	}
}
