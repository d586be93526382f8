/* Opening accounts, and settling them with the lines of the log. */
#include "tests/chaos/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	EARLY_MS = 5000,  /* two clocks are compared, on a machine that may be busy */
	LATE_MS = 30000,  /* a client may have come and gone long before it was accepted */
	SHOWN = 20,
};

void accounts_init(struct accounts *a)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*a = (struct accounts){.wall = t.tv_sec * 1000L + t.tv_nsec / 1000000 - kit_now_ms()};
}

/* ---- opening ---- */

/* Who is passed through with its TLS is counted with its TLS. */
static uint64_t bytes_of(const struct stream *st, const struct end *e, bool in)
{
	if (st->plan.place == PLACE_SNI)
		return in ? e->wire.raw_in : e->wire.raw_out;
	return in ? e->in : e->out;
}

static void set_bounds(struct account *a, const struct stream *st)
{
	const struct end *back = st->back;

	a->in_max = bytes_of(st, &st->client, false);
	a->out_min = bytes_of(st, &st->client, true);
	a->in_min = back != NULL ? bytes_of(st, back, true) : 0;
	a->out_max = back != NULL ? bytes_of(st, back, false) : 0;
	if (back == NULL && st->plan.place == PLACE_SNI)
		a->out_max = UINT64_MAX; /* a server's handshake, before it was known whose it is */
}

void accounts_add(struct accounts *a, const struct stream *st, bool planned, unsigned excuses)
{
	struct account *one;

	if (a->n == a->room) {
		a->room = a->room * 2 + 4096;
		a->all = realloc(a->all, a->room * sizeof(*a->all));
		if (a->all == NULL)
			kit_fail("no memory");
	}
	one = &a->all[a->n++];
	*one = (struct account){
		.id = st->plan.id,
		.key = st->port,
		.real_key = st->port,
		.began = st->began,
		.over = st->over,
		.place = (uint8_t)st->plan.place,
		.ending = (uint8_t)st->plan.ending,
		.server = (int8_t)(st->back != NULL ? st->back->server : -1),
		.planned = planned,
		.excuses = (uint16_t)excuses,
	};
	if (place_facts[st->plan.place].proxy)
		one->key = KEY_TOLD | (st->plan.id & 0xffffff);
	set_bounds(one, st);
}

/* ---- settling ---- */

static bool bytes_fit(const struct account *a, const struct access_entry *e)
{
	return e->in >= a->in_min && e->in <= a->in_max && e->out >= a->out_min && e->out <= a->out_max;
}

/* The reason of a stream that went as planned. */
static bool reason_fits(const struct account *a, const struct access_entry *e)
{
	/* Passed through with its TLS, either end may answer a close_notify before the FIN behind it. */
	if (a->place == PLACE_SNI &&
	    (a->ending == ENDING_CLIENT_FIN || a->ending == ENDING_ANSWER || a->ending == ENDING_SERVER_FIN) &&
	    (e->why == CLOSE_CLIENT_FIN || e->why == CLOSE_SERVER_FIN))
		return true;
	switch ((enum ending)a->ending) {
	case ENDING_CLIENT_FIN:
	case ENDING_ANSWER:
		return e->why == CLOSE_CLIENT_FIN;
	case ENDING_SERVER_FIN:
		return e->why == CLOSE_SERVER_FIN;
	case ENDING_CLIENT_RST:
		return e->why == CLOSE_CLIENT_RST;
	case ENDING_SERVER_RST: /* a Unix server cannot reset */
		return e->why == (server_is_local(a->server) ? CLOSE_SERVER_FIN : CLOSE_SERVER_RST);
	default:
		return e->why == CLOSE_CLIENT_FIN || e->why == CLOSE_CLIENT_RST;
	}
}

/* A line whose handshake with a server failed names the last one that was tried: any will have been the one. */
static bool is_killed(const struct ledger *l, const struct account *a, const struct access_entry *e)
{
	if (e->why == CLOSE_UPSTREAM_TLS_FAILED)
		return true;
	if (e->server < 0)
		return false;
	return ledger_was(l, DISTURBANCE_KILL, e->server, a->began, a->over);
}

/* Does the line bear out one of the disturbances that may have cut the stream? */
static bool excuse_fits(const struct ledger *l, const struct account *a, const struct access_entry *e)
{
	if (a->excuses & ACCOUNT_FAILED) /* the ledger has said so: any line will do */
		return true;
	if (a->excuses & 1u << DISTURBANCE_KILL && is_killed(l, a, e))
		return true;
	if (a->excuses & 1u << DISTURBANCE_DESCRIPTORS && e->no_descriptor)
		return true;
	if (a->excuses & 1u << DISTURBANCE_PLACES &&
	    (e->why == CLOSE_MAX_CONNECTIONS || e->why == CLOSE_MAX_HANDSHAKES))
		return true;
	return a->excuses & 1u << DISTURBANCE_DRAIN && e->why == CLOSE_DRAIN_DEADLINE;
}

static bool fits(const struct ledger *l, const struct account *a, const struct access_entry *e)
{
	if ((e->key != a->key && e->key != a->real_key) || !bytes_fit(a, e))
		return false;
	if (a->server >= 0 && e->server != a->server)
		return false;
	if (a->excuses != 0 && excuse_fits(l, a, e))
		return true;
	return a->planned && reason_fits(a, e);
}

struct settling {
	struct accounts     *accounts;
	const struct ledger *ledger;
	struct access_log   *log;
	uint32_t             round;
};

/* The first of the account's entries that may be taken from `at` on; NULL: there is none. */
static struct access_entry *next_fit(const struct settling *s, const struct account *a, size_t *at)
{
	int64_t to = a->over + s->accounts->wall + LATE_MS;

	for (; *at < s->log->n; ++*at) {
		struct access_entry *e = &s->log->entries[*at];

		if (e->place != a->place || e->start > to)
			return NULL;
		if (fits(s->ledger, a, e)) {
			++*at;
			return e;
		}
	}
	return NULL;
}

/* Clients of a Unix socket have no port, so several lines may fit: one that is taken is had if its owner finds another
 * (augmenting paths: the most accounts that can have a line at all have one). */
static bool claim(struct settling *s, const struct account *a)
{
	size_t from = access_from(s->log, (enum place)a->place, a->began + s->accounts->wall - EARLY_MS), at;
	struct access_entry *e;

	for (at = from; (e = next_fit(s, a, &at)) != NULL;)
		if (e->owner == NULL) {
			e->owner = a;
			return true;
		}
	for (at = from; (e = next_fit(s, a, &at)) != NULL;) {
		if (e->round == s->round)
			continue;
		e->round = s->round;
		if (claim(s, e->owner)) {
			e->owner = a;
			return true;
		}
	}
	return false;
}

static void show_account(const struct ledger *l, const struct account *a)
{
	printf("    stream %llu has no line: %s, %s, key %llx, server %d, in %llu..%llu, out %llu..%llu,\n"
	       "      from %.3f to %.3f s, excuses %x\n",
	       (unsigned long long)a->id, place_facts[a->place].word, ending_text((enum ending)a->ending),
	       (unsigned long long)a->key, a->server, (unsigned long long)a->in_min, (unsigned long long)a->in_max,
	       (unsigned long long)a->out_min, (unsigned long long)a->out_max, (double)(a->began - l->began) / 1000,
	       (double)(a->over - l->began) / 1000, a->excuses);
}

static void show_entry(const struct accounts *as, const struct ledger *l, const struct access_entry *e)
{
	printf("    line of no stream: %s, %s, key %llx, server %d, in %llu, out %llu, from %.3f s%s\n",
	       place_facts[e->place].word, close_word(e->why), (unsigned long long)e->key, e->server,
	       (unsigned long long)e->in, (unsigned long long)e->out,
	       (double)(e->start - as->wall - l->began) / 1000, e->no_descriptor ? ", EMFILE" : "");
}

/* First those whose bytes are known exactly: they leave the others few to choose from. */
void accounts_settle(struct accounts *as, const struct ledger *l, struct access_log *log)
{
	struct settling s = {.accounts = as, .ledger = l, .log = log};

	for (int excused = 0; excused < 2; excused++)
		for (size_t i = 0; i < as->n; i++) {
			struct account *a = &as->all[i];

			if ((a->excuses != 0) != (excused != 0))
				continue;
			s.round++;
			a->has_line = claim(&s, a);
			as->without += !a->has_line;
		}
	for (size_t i = 0; i < log->n; i++)
		as->strangers += log->entries[i].owner == NULL;
}

/* The streams without a line that could be this line's. */
static void show_near(const struct accounts *as, const struct ledger *l, const struct access_entry *e)
{
	int64_t start = e->start - as->wall;

	for (size_t i = 0; i < as->n; i++) {
		const struct account *a = &as->all[i];

		if (!a->has_line && a->place == e->place && (e->key == a->key || e->key == a->real_key) &&
		    start >= a->began - EARLY_MS && start <= a->over + LATE_MS)
			show_account(l, a);
	}
}

void accounts_show(const struct accounts *as, const struct ledger *l, const struct access_log *log)
{
	unsigned shown = 0;

	for (size_t i = 0; i < log->n && shown < SHOWN; i++)
		if (log->entries[i].owner == NULL) {
			show_entry(as, l, &log->entries[i]);
			show_near(as, l, &log->entries[i]);
			shown++;
		}
	for (size_t i = 0; i < as->n && shown < SHOWN; i++)
		if (!as->all[i].has_line) {
			show_account(l, &as->all[i]);
			shown++;
		}
}
