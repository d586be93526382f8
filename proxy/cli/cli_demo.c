/* cli_demo: the story of `staunch demo`, in order. The parts are in demo_*.c.
 *
 *   hold ports -> start the proxy -> servers -> traffic: half, one server away for a second, the rest -> sum */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "proxy/cli/cli_args.h"
#include "proxy/demo/demo.h"

#define TICKS_PER_S     (unsigned)(NP_S / DEMO_TICK)
#define SECONDS_DEFAULT 10
#define SECONDS_MIN     2
#define SECONDS_MAX     3600

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
}

/* The second Ctrl-C is the kernel's: it ends us at once, and our end ends the proxy. */
static void watch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	interrupted = 0;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* ---- before there is a worker ---- */

/* Ports are taken before the child starts: it gets their numbers on its command line. */
static int hold_ports(struct demo *d)
{
	d->listener_hold = demo_port_hold(&d->load.listener);
	if (d->listener_hold < 0)
		return d->listener_hold;
	for (int i = 0; i < DEMO_SERVERS; i++) {
		struct demo_server *s = &d->servers[i];

		s->name = (char)('a' + i);
		s->hold = demo_port_hold(&s->addr);
		if (s->hold < 0)
			return s->hold;
	}
	return 0;
}

/* ---- on the worker ---- */

static int start_servers(struct demo *d)
{
	int err = 0;

	for (int i = 0; i < DEMO_SERVERS && err == 0; i++)
		err = demo_server_start(&d->servers[i]);
	return err;
}

static void stop_servers(struct demo *d)
{
	for (int i = 0; i < DEMO_SERVERS; i++)
		demo_server_stop(&d->servers[i]);
}

/* The connection of demo_child_await is no part of the traffic. */
static void forget_accepted(struct demo *d)
{
	for (int i = 0; i < DEMO_SERVERS; i++)
		d->servers[i].accepted = 0;
}

static void take_server_away(struct demo *d)
{
	DCHECK(d->servers[1].up, "server b leaves twice");
	demo_view_event(&d->view, "server b goes away for a second: the proxy has to take a and c");
	demo_server_stop(&d->servers[1]);
	d->away_opened = d->load.n.opened;
}

static void bring_server_back(struct demo *d)
{
	DCHECK(!d->servers[1].up, "server b comes back without having left");
	d->away_opened = d->load.n.opened - d->away_opened;
	d->err = demo_server_start(&d->servers[1]);
	demo_view_event(&d->view, "server b is back: %llu connections were opened meanwhile, %llu requests lost",
			(unsigned long long)d->away_opened, (unsigned long long)(d->load.lost + d->load.corrupt));
}

/* Ticks until the time is over, a signal comes, a byte came back wrong or the proxy has ended. */
static void watch_traffic(struct demo *d)
{
	unsigned half = d->ticks / 2;

	for (unsigned i = 1; i <= d->ticks && d->err == 0; i++) {
		np_sleep(d->began + i * DEMO_TICK - np_nanotime());
		demo_view_tick(&d->view, d);
		if (interrupted != 0 || d->load.stopping || !demo_child_alive(&d->child))
			break;
		if (i == half)
			take_server_away(d);
		if (i == half + TICKS_PER_S)
			bring_server_back(d);
	}
	/* Cut short while b was away: its second was not whole, so nothing is said about it. */
	if (!d->servers[1].up)
		d->away_opened = 0;
}

/* The worker's main coroutine. Stops in exact reverse of its start; the child drains while its
 * servers still run. */
static void demo_story(void *arg)
{
	struct demo *d = arg;

	DCHECK(d->ticks > 0 && d->child.pid != 0, "the story begins without a proxy");
	d->err = start_servers(d);
	if (d->err == 0)
		d->err = demo_child_await(&d->child, &d->load.listener);
	if (d->err == 0) {
		forget_accepted(d);
		d->began = np_nanotime();
		demo_view_open(&d->view, d);
		d->err = demo_load_start(&d->load);
		watch_traffic(d);
		demo_load_stop(&d->load);
		d->ended = np_nanotime();
	}
	demo_child_stop(&d->child);
	stop_servers(d);
}

/* ---- after it ---- */

/* Lines that can be typed as they stand: they begin with the name that this program was started
 * by. The other examples are the verbs to go on with. */
static void print_examples(void)
{
	const char *name = program_invocation_name;

	if (strchr(name, '/') == NULL)
		name = "staunch";
	fputs("\nNext:\n", stdout);
	for (size_t i = 0; i < cli_example_count; i++) {
		const struct cli_example *e = &cli_examples[i];

		if (e->verb != CLI_VERB_DEMO && e->verb != CLI_VERB_EXPLAIN)
			printf("  %s%-48s  # %s\n", name, e->line + strlen("staunch"), e->meaning);
	}
}

/* The sum, and the exit code: 0 only if every byte arrived and the proxy drained. */
static int demo_verdict(struct demo *d)
{
	bool well;

	if (d->began != 0) {
		demo_view_sum(&d->view, d);
		print_examples();
	}
	well = d->err == 0 && d->child.status == 0 && d->load.lost + d->load.corrupt == 0;
	if (d->err != 0)
		cli_complain("the demo cannot run: %s", np_err_text(d->err));
	if (!well)
		demo_child_show_log(&d->child);
	return well ? EXIT_OK : EXIT_FAILED;
}

static int demo_run(struct demo *d)
{
	const struct np_worker_opts opts = {.name = "demo", .cpu = -1, .main = demo_story, .arg = d};
	int err = hold_ports(d);

	if (err == 0)
		err = demo_child_start(&d->child, &d->load.listener, d->servers);
	if (err == 0)
		err = np_run(&opts);
	if (err != 0) {
		cli_complain("the demo cannot start: %s", np_err_text(err));
		return EXIT_FAILED;
	}
	return demo_verdict(d);
}

/* *seconds; returns 0, or the exit code with the reason on stderr. */
static int read_seconds(const struct cli_args *a, long *seconds)
{
	const char *text = a->value[CLI_OPT_SECONDS];
	char *end;

	*seconds = SECONDS_DEFAULT;
	if (text == NULL)
		return 0;
	*seconds = strtol(text, &end, 10);
	if (end == text || *end != '\0' || *seconds < SECONDS_MIN || *seconds > SECONDS_MAX)
		return cli_misused(a->verb, "--seconds takes a number from %d to %d, not \"%s\"", SECONDS_MIN,
				   SECONDS_MAX, text);
	return 0;
}

int cli_demo(const struct cli_args *a)
{
	struct demo *d;
	long seconds;
	int status = read_seconds(a, &seconds);

	if (status != 0)
		return status;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return EXIT_FAILED;
	d->ticks = (unsigned)seconds * TICKS_PER_S;
	d->view.colour = cli_colour(a, stdout);
	d->view.live = isatty(STDOUT_FILENO) == 1;
	watch_signals();
	status = demo_run(d);
	free(d);
	return status;
}
