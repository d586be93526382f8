/* cli_top: the running process as a screen that is drawn each second.
 *
 *   every second   GET status, listeners, servers --> the model --> the screen
 *   a key          --> the order, the filter, the place --> the screen
 *   d, then y      POST servers/U/S, as the verb server does --> what came of it, in the last line
 *   nobody there   the last numbers stay, greyed, with the time; asked again each second
 *
 * It is a client as others are: the process does nothing for it but answer. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_server.h"
#include "proxy/cli/cli_top_screen.h"

#define EVERY    1000 /* ms between an answer and the next question */
#define PATIENCE 1000 /* ms: no key is looked at meanwhile */

struct top {
	const struct cli_args *args;
	struct top_model model;
	struct top_screen screen;
	int signals; /* a signalfd */
	bool gone;
	char why[400]; /* while it is gone */
};

/* ---- questions ---- */

/* An answer other than 200 is a failure here, too: the screen has no place for it but the line of what is wrong. */
static int ask_checked(const struct cli_args *a, const char *path, struct cli_answer *w)
{
	int code = cli_ask(a, "GET", path, PATIENCE, w);

	return code == EXIT_OK && w->status != 200 ? cli_answer_failed(w) : code;
}

/* The three are asked one after the other: each is of one moment, all three nearly.   Returns  the exit code. */
static int ask_all(struct top *t)
{
	static const char *const paths[] = {"/v1/status", "/v1/listeners", "/v1/servers"};
	struct cli_answer w[array_len(paths)] = {{0}};
	int code = EXIT_OK;

	for (size_t i = 0; i < array_len(paths) && code == EXIT_OK; i++)
		code = ask_checked(t->args, paths[i], &w[i]);
	if (code == EXIT_OK && top_model_take(&t->model, w[0].body, w[1].body, w[2].body) != 0) {
		cli_complain("out of memory");
		code = EXIT_FAILED;
	}
	for (size_t i = 0; i < array_len(paths); i++)
		cli_answer_free(&w[i]);
	return code;
}

/* "gone since 12:34:56: no running instance at ...": the time of the first question without an answer. */
static void note_gone(struct top *t, const char *why)
{
	time_t now = time(NULL);
	struct tm tm;
	char since[16] = "", *words = strstr(why, ": ");

	if (t->gone)
		return;
	t->gone = true;
	if (gmtime_r(&now, &tm) != NULL)
		strftime(since, sizeof(since), "%H:%M:%S", &tm);
	words = words != NULL ? words + 2 : NULL;
	snprintf(t->why, sizeof(t->why), "gone since %s, asked each second: %.*s", since,
		 words != NULL ? (int)strcspn(words, "\n") : 0, words != NULL ? words : "");
}

/* What the client says on stderr is caught, for it would stand in the middle of the screen.
 *   Returns  the exit code of ask, and *said, owned; NULL: no memory, and nothing was asked. */
static int ask_quietly(struct top *t, int (*ask)(struct top *t), char **said)
{
	FILE *kept = stderr, *caught;
	size_t n = 0;
	int code;

	*said = NULL;
	caught = open_memstream(said, &n);
	if (caught == NULL)
		return EXIT_FAILED;
	stderr = caught;
	code = ask(t);
	stderr = kept;
	fclose(caught); /* its text is NULL where there was no memory for it */
	return code;
}

/* Without memory nothing changes: the next second may have some. */
static void ask_again(struct top *t)
{
	char *said;
	int code = ask_quietly(t, ask_all, &said);

	if (said != NULL && code != EXIT_OK)
		note_gone(t, said);
	else if (code == EXIT_OK)
		t->gone = false;
	free(said);
}

/* ---- orders ---- */

/* What the screen was told to do.   Returns  the exit code, with what is in force now in the last line. */
static int give_order(struct top *t)
{
	const struct top_order *o = &t->screen.order;
	struct cli_answer w;
	char body[32];
	int n = snprintf(body, sizeof(body), "{\"state\":\"%s\"}", o->word);
	int code = cli_server_post(t->args, o->name, body, (size_t)n, &w);

	if (code == EXIT_OK && w.status != 200)
		code = cli_answer_failed(&w);
	else if (code == EXIT_OK)
		snprintf(t->screen.said, sizeof(t->screen.said), "%s: %s%s", o->name, o->word,
			 cli_server_is_kept(w.body) ? "" : "; not kept over a restart");
	cli_answer_free(&w);
	return code;
}

/* A failure is said in one line, without the name of this program, which everybody sees. */
static void carry_out(struct top *t)
{
	static const char self[] = "staunch: ";
	char *said;

	if (ask_quietly(t, give_order, &said) != EXIT_OK) {
		const char *why = said != NULL ? said : "out of memory";

		why += strncmp(why, self, sizeof(self) - 1) == 0 ? sizeof(self) - 1 : 0;
		snprintf(t->screen.said, sizeof(t->screen.said), "%s", why);
		for (char *p = t->screen.said; (p = strchr(p, '\n')) != NULL;)
			*p = p[1] != '\0' ? ' ' : '\0';
	}
	free(said);
	t->screen.order.word = NULL;
}

/* ---- the loop ---- */

/* Signals come through a descriptor, so that none of them ends the process before the terminal is restored.
 *   Returns  0, or a negative error. */
static int open_signals(struct top *t)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return err_from_errno();
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signals < 0 ? err_from_errno() : 0;
}

/* Returns false: one of them asks for the end. */
static bool take_signals(struct top *t)
{
	struct signalfd_siginfo info;

	while (read(t->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGWINCH)
			return false;
		top_screen_resize(&t->screen);
	}
	return true;
}

/* Monotonic, so that a clock that is set back does not stop the questions. */
static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Drawn after each key and each answer; ncurses sends only what changed. */
static void show(struct top *t)
{
	top_screen_draw(&t->screen, &t->model, t->gone ? t->why : NULL);
}

/* Returns at q, at a signal, and when the terminal is closed. */
static void watch(struct top *t)
{
	int64_t next = now_ms() + EVERY;

	for (show(t);; show(t)) {
		struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = t->signals, .events = POLLIN}};
		int64_t left = next - now_ms();

		if (poll(p, 2, left > 0 ? (int)left : 0) > 0) {
			if ((p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 || !take_signals(t) ||
			    !top_screen_keys(&t->screen, &t->model))
				return;
		}
		if (t->screen.order.word != NULL) {
			carry_out(t);
			next = 0; /* what came of it is seen at once */
		}
		if (now_ms() >= next) {
			ask_again(t);
			next = now_ms() + EVERY;
		}
	}
}

/* ---- the verb ---- */

/* A pipe, or a terminal that cannot place its cursor, gets no screen but a hint. */
static int look_at_terminal(const struct cli_args *a)
{
	const char *term = getenv("TERM");

	if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
		return cli_misused(a->verb, "top needs a terminal; a script asks: staunch status --json");
	if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)
		return cli_misused(a->verb, "TERM is \"%s\": top needs a terminal that places its cursor; "
				   "without one, ask: "
				   "staunch status --json", term != NULL ? term : "");
	return EXIT_OK;
}

/* The first answer comes before the screen: where nobody is there, the terminal stays as it is. */
static int run_top(struct top *t)
{
	int err, code = ask_all(t);

	if (code != EXIT_OK)
		return code;
	err = open_signals(t);
	if (err != 0) {
		cli_complain("top cannot start: %s", np_err_text(err));
		return EXIT_FAILED;
	}
	if (top_screen_open(&t->screen, cli_colour(t->args, stdout)) != 0)
		return cli_misused(t->args->verb, "TERM is \"%s\", which nobody knows here; without a screen, ask: "
				   "staunch status --json", getenv("TERM"));
	watch(t);
	top_screen_close(&t->screen);
	return EXIT_OK;
}

/* What it holds is on the heap: the lists' heads are large, and a frame under ASan has little room. */
int cli_top(const struct cli_args *a)
{
	int code = look_at_terminal(a);
	struct top *t = code == EXIT_OK ? calloc(1, sizeof(*t)) : NULL;

	if (code != EXIT_OK)
		return code;
	if (t == NULL) {
		cli_complain("out of memory");
		return EXIT_FAILED;
	}
	t->args = a;
	t->signals = -1;
	top_model_init(&t->model);
	code = run_top(t);
	if (t->signals >= 0)
		close(t->signals);
	top_model_fini(&t->model);
	free(t);
	return code;
}
