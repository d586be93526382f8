/* Windows of disturbances, and the verdict on each stream. */
#include "tests/chaos/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/accounts.h"

enum {
	STORIES = 20,    /* are printed; the rest are counted */
	TURN_MS = 300,  /* times are those of a turn of ours, which a busy machine makes long */
	DRAIN_MS = 3000, /* shutdown.timeout */
};

static const char *const disturbance_texts[] = {
#define X(id, text) text,
	DISTURBANCE_TBL(X)
#undef X
};

const char *disturbance_text(enum disturbance d)
{
	return disturbance_texts[d];
}

/* ---- windows ---- */

void ledger_init(struct ledger *l, struct accounts *accounts, uint64_t seed, int64_t now)
{
	*l = (struct ledger){.accounts = accounts, .seed = seed, .began = now};
}

void ledger_open(struct ledger *l, enum disturbance what, int which, int64_t now)
{
	if (l->nwindows == l->room) {
		l->room = l->room * 2 + 64;
		l->windows = realloc(l->windows, l->room * sizeof(*l->windows));
		if (l->windows == NULL)
			kit_fail("no memory");
	}
	l->windows[l->nwindows++] = (struct window){what, which, now, INT64_MAX};
	l->count[what]++;
}

void ledger_close(struct ledger *l, enum disturbance what, int which, int64_t now)
{
	for (size_t i = l->nwindows; i-- > 0;)
		if (l->windows[i].what == what && l->windows[i].which == which && l->windows[i].to == INT64_MAX) {
			l->windows[i].to = now;
			return;
		}
}

static bool window_overlaps(const struct window *w, int64_t from, int64_t to)
{
	int64_t end = w->to == INT64_MAX ? w->to : w->to + TURN_MS;

	return w->from <= to + TURN_MS && end >= from;
}

bool ledger_was(const struct ledger *l, enum disturbance what, int which, int64_t from, int64_t to)
{
	for (size_t i = l->nwindows; i-- > 0;) {
		const struct window *w = &l->windows[i];

		if (w->what == what && (which < 0 || w->which == which) && window_overlaps(w, from, to))
			return true;
	}
	return false;
}

static bool overlapped(const struct ledger *l, const struct stream *st, enum disturbance what, int which)
{
	return ledger_was(l, what, which, st->began, st->over);
}

/* ---- as planned? ---- */

static bool is_reset(int failure)
{
	return failure == -ECONNRESET || failure == -EPIPE;
}

/* The side that sees a reset: every byte, then the reset. A Unix socket knows no reset: there an end will do. */
static const char *reset_differs(const struct stream *st, const struct end *e, uint64_t bytes)
{
	if (e->in < bytes)
		return is_reset(e->failure) ? "reset before all bytes had come" : "ended before all bytes had come";
	if (e->in > bytes)
		return "more bytes than were sent";
	if (e->failure == 0)
		return server_is_local(st->back->server) ? NULL : "an orderly end where a reset was due";
	return is_reset(e->failure) ? NULL : "another failure than a reset";
}

static const char *fin_differs(const struct end *e, uint64_t bytes)
{
	if (e->in > bytes)
		return "more bytes than were sent";
	if (is_reset(e->failure))
		return "reset where an orderly end was due";
	if (e->failure != 0)
		return "failed where an orderly end was due";
	return e->in < bytes ? "ended before all bytes had come" : NULL;
}

/* One that says nothing may be turned away where a header or a handshake is due. */
static const char *probe_differs(const struct stream *st)
{
	const struct place_facts *f = &place_facts[st->plan.place];

	if (!st->connected)
		return "not connected";
	if (st->client.in > 0)
		return "bytes for somebody who sent none";
	if (st->client.did_reset || f->tls || f->proxy || st->plan.place == PLACE_TLS_BACK)
		return NULL;
	return st->client.failure != 0 ? "failed where an orderly end was due" : NULL;
}

/* NULL: both ends saw what the plan says. */
static const char *stream_differs(const struct stream *st)
{
	const struct plan *p = &st->plan;
	const char *client, *server;

	if (st->wrong)
		return "a wrong byte";
	if (st->misnamed)
		return "the PROXY header names another client";
	if (st->nbacks > 1)
		return "two servers have it";
	if (st->stuck)
		return "stuck: nothing moved for a minute";
	if (p->ending == ENDING_PROBE)
		return probe_differs(st);
	if (!st->connected)
		return "not connected";
	if (st->back == NULL)
		return "no server has seen it";
	client = p->ending == ENDING_SERVER_RST ? reset_differs(st, &st->client, p->down)
						: fin_differs(&st->client, p->down);
	server = p->ending == ENDING_CLIENT_RST ? reset_differs(st, st->back, p->up) : fin_differs(st->back, p->up);
	if (p->ending == ENDING_CLIENT_RST && st->client.did_reset)
		client = NULL;
	if (p->ending == ENDING_SERVER_RST && st->back->did_reset)
		server = NULL;
	return client != NULL ? client : server;
}

/* ---- excuses ---- */

/* A client that was told an orderly end before it had all bytes. A Unix socket has no other end. */
static bool is_truncated(const struct stream *st)
{
	const struct end *e = &st->client;

	return e->eof && e->failure == 0 && e->in < st->plan.down && !place_facts[st->plan.place].local &&
	       !server_is_local(st->back->server);
}

/* It reached the end of the drain. */
static bool is_drained(const struct ledger *l, const struct stream *st)
{
	for (size_t i = 0; i < l->nwindows; i++)
		if (l->windows[i].what == DISTURBANCE_DRAIN)
			return st->over + TURN_MS >= l->windows[i].from + DRAIN_MS;
	return false;
}

static unsigned bit(enum disturbance d, bool set)
{
	return set ? 1u << d : 0;
}

static unsigned excuses_refused(const struct ledger *l, const struct stream *st)
{
	int place = (int)st->plan.place;

	return bit(DISTURBANCE_ABSENT, overlapped(l, st, DISTURBANCE_ABSENT, place)) |
	       bit(DISTURBANCE_UNLINK, overlapped(l, st, DISTURBANCE_UNLINK, place)) |
	       bit(DISTURBANCE_DRAIN, overlapped(l, st, DISTURBANCE_DRAIN, -1));
}

/* The disturbances that may have cut it, a bit each. */
static unsigned excuses_of(const struct ledger *l, const struct stream *st)
{
	if (st->wrong || st->misnamed || st->nbacks > 1 || st->stuck)
		return 0;
	if (!st->connected)
		return excuses_refused(l, st);
	if (st->back != NULL && is_truncated(st))
		return bit(DISTURBANCE_DRAIN, is_drained(l, st));
	if (st->back != NULL)
		return bit(DISTURBANCE_KILL, st->back->killed) | bit(DISTURBANCE_DRAIN, is_drained(l, st));
	return bit(DISTURBANCE_KILL, overlapped(l, st, DISTURBANCE_KILL, -1)) |
	       bit(DISTURBANCE_DESCRIPTORS, overlapped(l, st, DISTURBANCE_DESCRIPTORS, -1)) |
	       bit(DISTURBANCE_PLACES, overlapped(l, st, DISTURBANCE_PLACES, -1)) |
	       bit(DISTURBANCE_DRAIN, is_drained(l, st));
}

/* ---- stories ---- */

static const char *end_story(const struct end *e)
{
	if (e->did_reset)
		return "it sent RST";
	if (e->failure != 0)
		return strerrorname_np(-e->failure);
	return e->eof ? "FIN" : "open";
}

static void tell_windows(const struct ledger *l, const struct stream *st)
{
	unsigned n[DISTURBANCES] = {0};

	for (size_t i = 0; i < l->nwindows; i++)
		if (window_overlaps(&l->windows[i], st->began, st->over))
			n[l->windows[i].what]++;
	printf("    overlapped by:");
	for (int i = 0; i < DISTURBANCES; i++)
		if (n[i] > 0)
			printf(" %s %u,", disturbance_texts[i], n[i]);
	printf(" nothing else\n");
}

static void tell(const struct ledger *l, const struct stream *st, const char *what)
{
	const struct plan *p = &st->plan;

	printf("FAILED stream %llu (SEED=%llu) at %s, %s: %s\n", (unsigned long long)p->id, (unsigned long long)l->seed,
	       place_facts[p->place].word, ending_text(p->ending), what);
	printf("    client port %u: sent %llu of %llu, read %llu, then %s\n", st->port,
	       (unsigned long long)st->client.out,
	       (unsigned long long)p->up, (unsigned long long)st->client.in, end_story(&st->client));
	if (st->back != NULL)
		printf("    server %d: sent %llu of %llu, read %llu, then %s\n", st->back->server,
		       (unsigned long long)st->back->out, (unsigned long long)p->down, (unsigned long long)st->back->in,
		       end_story(st->back));
	if (st->wrong)
		printf("    the first wrong piece begins at byte %llu\n", (unsigned long long)st->wrong_at);
	printf("    turns %u/%u, silent %u ms at %llu, slow %u; from %.3f to %.3f s\n", p->request,
	       p->answer, p->pause_ms,
	       (unsigned long long)p->pause_at, p->slow, (double)(st->began - l->began) / 1000,
	       (double)(st->over - l->began) / 1000);
	tell_windows(l, st);
	fflush(stdout);
}

/* Some cannot tell from their own end whether they were cut: a probe, and a client that had all of its bytes before the
 * drain ended. Their lines may say either. */
static void open_account(struct ledger *l, const struct stream *st, bool planned, unsigned excuses)
{
	if (planned)
		excuses = st->plan.ending == ENDING_PROBE ? excuses_of(l, st)
							  : bit(DISTURBANCE_DRAIN, is_drained(l, st));
	if (st->connected)
		accounts_add(l->accounts, st, planned, excuses);
}

void ledger_judge(void *arg, const struct stream *st)
{
	struct ledger *l = arg;
	const char *what = stream_differs(st);
	unsigned excuses = what != NULL ? excuses_of(l, st) : 0;
	bool failed = what != NULL && excuses == 0;

	open_account(l, st, what == NULL, failed ? ACCOUNT_FAILED : excuses);
	if (failed) {
		l->failed++;
		if (l->wrong++ < STORIES)
			tell(l, st, what);
	} else if (what != NULL) {
		l->cut++;
		l->by_disturbance[__builtin_ctz(excuses)]++;
	} else {
		l->planned++;
	}
}

void ledger_check(struct ledger *l, bool holds, const char *fmt, ...)
{
	va_list ap;

	if (holds)
		l->passed++;
	else
		l->failed++;
	printf("%s", holds ? "  ok      " : "  FAILED  ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (!holds)
		printf(" (SEED=%llu)", (unsigned long long)l->seed);
	printf("\n");
	fflush(stdout);
}
