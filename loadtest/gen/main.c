/* gen VERB name=value...: the load test's generator; gen.h says how a driver talks to it. */
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
	{"echo",    gen_echo,    "server: sends back what it gets"},
	{"http",    gen_http,    "server: answers each HTTP request with a fixed page"},
	{"source",  gen_source,  "server: sends without end"},
	{"sink",    gen_sink,    "server: discards what it gets, in the kernel (MSG_TRUNC)"},
	{"rate",    gen_rate,    "requests over open connections, at a rate or one after the other; latencies"},
	{"connect", gen_connect, "a connection, a request, its answer, close; the client closes first"},
	{"bulk",    gen_bulk,    "as many bytes as possible, one way"},
	{"hold",    gen_hold,    "connections that do nothing, as commanded on standard input: open N, exchange BYTES"},
};

static void help(FILE *f)
{
	fprintf(f, "usage: gen VERB at=ADDRESS:PORT name=value...\n\n");
	for (size_t i = 0; i < array_len(verbs); i++)
		fprintf(f, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	fprintf(f, "\n");
	opts_help(f);
}

/* A timer that is 50 us late, the default, would be counted as the proxy's latency. */
static void prepare(void)
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
		help(stdout);
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < array_len(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		opts_parse(&o, argv + 2);
		prepare();
		return verbs[i].run(&o);
	}
	help(stderr);
	return 2;
}
