/* cli_check_names: look-ups by the resolver's own steps, polled here, and a second opinion by getaddrinfo_a(3). */
#include "proxy/cli/cli_check_names.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netpoll/err.h"
#include "netpoll/netpoll.h"
#include "proxy/control/names_settings.h"
#include "proxy/resolve/dns_lookup.h"

#define CHECK_NAMES_AT_ONCE 50

/* A name of the file, with the place where it stands first. */
struct name_check {
	const struct config_server *server;
	struct dns_question question;
	struct dns_lookup lookup;
	enum { NAME_WAITS, NAME_RUNS, NAME_ENDED } stage;
	struct gaicb by_libc;
	bool asked_libc;
};

struct name_checks {
	unsigned n, nrunning;
	struct name_check *all; /* owned */
};

/* ---- which ---- */

static bool is_there(const struct name_checks *checks, const struct config_server *s)
{
	for (unsigned i = 0; i < checks->n; i++)
		if (checks->all[i].server->srv == s->srv && strcmp(checks->all[i].server->host, s->host) == 0)
			return true;
	return false;
}

/* Each server has half of the time, so that a second one has its turn, and none is asked twice. */
static void add_check(struct name_checks *checks, const struct names_settings *settings, const struct config_server *s)
{
	struct name_check *one = &checks->all[checks->n++];

	*one = (struct name_check){.server = s, .question = settings->question};
	one->question.srv = s->srv;
	one->question.tries = 1;
	one->question.timeout /= 2;
	snprintf(one->question.name, sizeof(one->question.name), "%s", s->host);
}

/* Returns false: no memory. */
static bool collect_names(struct name_checks *checks, const struct config *c)
{
	struct names_settings settings;
	size_t most = 0;

	names_settings_of(c, &settings);
	for (size_t i = 0; i < c->nupstreams; i++)
		for (size_t j = 0; j < c->upstreams[i].nservers; j++)
			most += c->upstreams[i].servers[j].host != NULL;
	checks->all = most > 0 ? calloc(most, sizeof(*checks->all)) : NULL;
	for (size_t i = 0; checks->all != NULL && i < c->nupstreams; i++)
		for (size_t j = 0; j < c->upstreams[i].nservers; j++) {
			const struct config_server *s = &c->upstreams[i].servers[j];

			if (s->host != NULL && !is_there(checks, s))
				add_check(checks, &settings, s);
		}
	return checks->all != NULL || most == 0;
}

/* ---- by our own resolver ---- */

static void begin_checks(struct name_checks *checks)
{
	for (unsigned i = 0; i < checks->n && checks->nrunning < CHECK_NAMES_AT_ONCE; i++) {
		struct name_check *one = &checks->all[i];

		if (one->stage != NAME_WAITS)
			continue;
		dns_lookup_start(&one->lookup, &one->question);
		one->stage = NAME_RUNS;
		checks->nrunning++;
	}
}

static void end_checks(struct name_checks *checks, bool late)
{
	for (unsigned i = 0; i < checks->n; i++) {
		struct name_check *one = &checks->all[i];

		if (one->stage != NAME_RUNS || (!late && !one->lookup.done))
			continue;
		dns_lookup_fini(&one->lookup);
		one->stage = NAME_ENDED;
		checks->nrunning--;
	}
}

/* One poll for all that run, 100 ms at most: the time is looked at between two. */
static void poll_checks(struct name_checks *checks, struct pollfd *fds)
{
	unsigned counts[CHECK_NAMES_AT_ONCE], n = 0, k = 0;
	int ms = 100;

	for (unsigned i = 0; i < checks->n; i++)
		if (checks->all[i].stage == NAME_RUNS) {
			counts[k] = dns_lookup_polls(&checks->all[i].lookup, fds + n, &ms);
			n += counts[k++];
		}
	if (poll(fds, n, ms) < 0)
		return;
	n = k = 0;
	for (unsigned i = 0; i < checks->n; i++)
		if (checks->all[i].stage == NAME_RUNS) {
			dns_lookup_go(&checks->all[i].lookup, fds + n, counts[k]);
			n += counts[k++];
		}
}

/* All that ran may have ended in one turn, as those of /etc/hosts do: then the next ones are begun. */
static bool any_waits(const struct name_checks *checks)
{
	for (unsigned i = 0; i < checks->n; i++)
		if (checks->all[i].stage == NAME_WAITS)
			return true;
	return false;
}

/* Returns false: no memory. */
static bool look_up_all(struct name_checks *checks, int64_t deadline)
{
	struct pollfd *fds = calloc((size_t)CHECK_NAMES_AT_ONCE * DNS_SOCKETS, sizeof(*fds));

	if (fds == NULL)
		return false;
	for (;;) {
		begin_checks(checks);
		end_checks(checks, np_nanotime() >= deadline);
		if (np_nanotime() >= deadline)
			break;
		if (checks->nrunning > 0)
			poll_checks(checks, fds);
		else if (!any_waits(checks))
			break;
	}
	free(fds);
	return true;
}

static bool is_found(const struct name_check *one)
{
	return one->stage == NAME_ENDED && one->lookup.done && one->lookup.answer.status == DNS_OK;
}

/* ---- by the C library ---- */

/* It has no services. A look-up that cannot be begun is one without an answer. */
static bool begin_by_libc(struct name_check *one)
{
	struct gaicb *list[] = {&one->by_libc};

	one->by_libc.ar_name = one->question.name;
	one->asked_libc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0;
	return one->asked_libc;
}

/* Until it has told of each, or the time is over.   Returns  whether all is told: else its threads still use checks. */
static bool await_libc(struct name_checks *checks, int64_t deadline)
{
	for (unsigned i = 0; i < checks->n; i++) {
		const struct gaicb *const list[] = {&checks->all[i].by_libc};

		while (checks->all[i].asked_libc && gai_error(&checks->all[i].by_libc) == EAI_INPROGRESS) {
			int64_t left = deadline - np_nanotime();
			struct timespec ts = {.tv_sec = left / NP_S, .tv_nsec = left % NP_S};

			if (left <= 0)
				return false;
			(void)gai_suspend(list, 1, &ts);
		}
	}
	return true;
}

static bool libc_finds(const struct name_check *one)
{
	return one->asked_libc && gai_error((struct gaicb *)(uintptr_t)&one->by_libc) == 0;
}

static bool ask_libc(struct name_checks *checks, int64_t deadline)
{
	for (unsigned i = 0; i < checks->n; i++)
		if (!is_found(&checks->all[i]) && !checks->all[i].server->srv && !begin_by_libc(&checks->all[i]))
			break;
	return await_libc(checks, deadline);
}

/* ---- what is said ---- */

static const char *why_not_found(const struct name_check *one)
{
	return one->stage == NAME_ENDED && one->lookup.done ? one->lookup.answer.why : "no answer within dns.timeout";
}

static void warn_of_name(const struct name_check *one, struct diag *d)
{
	diag_warn(d, DIAG_NOT_FOUND, one->server->at, "the name \"%.150s\" is not found now: %s", one->server->text,
		  why_not_found(one));
	if (libc_finds(one) && one->question.servers[0] != '\0')
		diag_note(d, "the C library finds it; dns.servers, which are asked instead, do not know it");
	else if (libc_finds(one))
		diag_note(d, "the C library finds it, by a module of nsswitch.conf; staunch asks /etc/hosts and name "
			     "servers alone");
	diag_help(d, "staunch check --offline leaves the machine out");
}

/* Threads of the C library that still wait use the list: then it is theirs for good. */
static void free_checks(struct name_checks *checks, bool told)
{
	for (unsigned i = 0; i < checks->n; i++) {
		dns_answer_fini(&checks->all[i].lookup.answer);
		if (libc_finds(&checks->all[i]))
			freeaddrinfo(checks->all[i].by_libc.ar_result);
	}
	if (told)
		free(checks->all);
}

/* Without memory nothing is known of names, and so nothing is said. */
void cli_check_names(const struct config *c, struct diag *d)
{
	struct name_checks checks = {0};
	bool told = true;

	if (!collect_names(&checks, c) || checks.n == 0)
		return;
	if (look_up_all(&checks, np_deadline_after(c->dns.timeout))) {
		told = ask_libc(&checks, np_deadline_after(c->dns.timeout));
		for (unsigned i = 0; i < checks.n; i++)
			if (!is_found(&checks.all[i]))
				warn_of_name(&checks.all[i], d);
	}
	free_checks(&checks, told);
}
