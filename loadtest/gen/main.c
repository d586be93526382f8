/* gen VERB name=value...: runs one verb of the load generator; gen.h has the driver's protocol. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "loadtest/gen/gen.h"

struct verb {
	const char *name;
	int (*run)(const struct gen_opts *o);
	const char *help;
};

static const struct verb verbs[] = {
	{"echo",    gen_echo,    "server: sends back what it receives"},
	{"http",    gen_http,    "server: answers each HTTP request with a fixed page"},
	{"source",  gen_source,  "server: sends without end"},
	{"sink",    gen_sink,    "server: discards what it receives, in the kernel (MSG_TRUNC)"},
	{"rate",    gen_rate,    "client: requests over open connections, open or closed loop"},
	{"connect", gen_connect, "client: connection, request, answer, close; it closes first"},
	{"bulk",    gen_bulk,    "client: as many bytes as possible, one way"},
	{"hold",    gen_hold,    "client: idle connections; commands: open N, exchange BYTES"},
};

static void print_help(FILE *f)
{
	fprintf(f, "usage: gen VERB at=ADDRESS:PORT name=value...\n\n");
	for (size_t i = 0; i < array_len(verbs); i++)
		fprintf(f, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	fprintf(f, "\n");
	opts_help(f);
}

/* Timers fire up to 50 us late by default, which would count as the proxy's latency. */
static void set_limits(void)
{
	struct rlimit limit;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		gen_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		gen_die("setrlimit");
}

int main(int argc, char **argv)
{
	struct gen_opts o;

	if (argc == 2 && strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < array_len(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		opts_parse(&o, argv + 2);
		set_limits();
		return verbs[i].run(&o);
	}
	print_help(stderr);
	return 2;
}
