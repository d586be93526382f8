/* Windows of disturbances, and the verdict on each stream. */
#include "tests/chaos/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STORIES = 20,    /* are printed; the rest are counted */
	AFTER_MS = 1500, /* a disturbance is still felt so long after its end: backlogs, retries, timers */
};

static const char *const disturbance_texts[] = {
#define X(id, text) text,
	DISTURBANCE_TBL(X)
#undef X
};

static const char *const known_words[] = {
#define X(id, text) #id,
	KNOWN_TBL(X)
#undef X
};

static const char *const known_texts[] = {
#define X(id, text) text,
	KNOWN_TBL(X)
#undef X
};

const char *disturbance_text(enum disturbance d)
{
	return disturbance_texts[d];
}

const char *known_word(enum known k)
{
	return known_words[k];
}

const char *known_text(enum known k)
{
	return known_texts[k];
}

/* ---- windows ---- */

void ledger_init(struct ledger *l, uint64_t seed, int64_t now)
{
	*l = (struct ledger){.seed = seed, .began = now};
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

static int64_t stream_end(const struct stream *st)
{
	return st->over != 0 ? st->over : INT64_MAX - AFTER_MS;
}

static bool window_overlaps(const struct window *w, const struct stream *st)
{
	int64_t felt = w->to == INT64_MAX ? w->to : w->to + AFTER_MS;

	return w->from <= stream_end(st) && felt >= st->began;
}

static bool overlapped(const struct ledger *l, const struct stream *st, enum disturbance what, int which)
{
	for (size_t i = l->nwindows; i-- > 0;) {
		const struct window *w = &l->windows[i];

		if (w->what == what && (which < 0 || w->which == which) && window_overlaps(w, st))
			return true;
	}
	return false;
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

/* The disturbance that may bring about a stream's early end; DISTURBANCES: none. */
static enum disturbance excuse_of(const struct ledger *l, const struct stream *st)
{
	bool served = st->back != NULL;

	if (st->wrong || st->misnamed || st->nbacks > 1 || st->stuck)
		return DISTURBANCES;
	if (served && st->back->did_reset && overlapped(l, st, DISTURBANCE_KILL, st->back->server))
		return DISTURBANCE_KILL;
	if (!st->connected && overlapped(l, st, DISTURBANCE_ABSENT, (int)st->plan.place))
		return DISTURBANCE_ABSENT;
	if (!st->connected && overlapped(l, st, DISTURBANCE_UNLINK, (int)st->plan.place))
		return DISTURBANCE_UNLINK;
	if (!st->connected || served)
		return DISTURBANCES;
	if (overlapped(l, st, DISTURBANCE_KILL, -1))
		return DISTURBANCE_KILL;
	return overlapped(l, st, DISTURBANCE_DESCRIPTORS, -1) ? DISTURBANCE_DESCRIPTORS : DISTURBANCES;
}

/* The known fault that explains it; KNOWNS: none. */
static enum known known_of(const struct ledger *l, const struct stream *st)
{
	const struct place_facts *f = &place_facts[st->plan.place];

	if (st->wrong || st->misnamed || st->nbacks > 1 || st->stuck)
		return KNOWNS;
	if (st->plan.ending == ENDING_SERVER_RST && st->plan.slow != 0 && st->client.in < st->plan.down &&
	    is_reset(st->client.failure))
		return KNOWN_V4;
	if (f->comes && st->connected && st->back == NULL && st->client.in == 0 &&
	    overlapped(l, st, DISTURBANCE_ABSENT, (int)st->plan.place))
		return KNOWN_V5;
	if (st->plan.place == PLACE_PLAIN && st->connected && st->back == NULL && st->client.in == 0 &&
	    overlapped(l, st, DISTURBANCE_RELOAD, -1))
		return KNOWN_LIMIT;
	if (f->comes && f->local && !st->connected && overlapped(l, st, DISTURBANCE_UNLINK, PLACES))
		return KNOWN_V41;
	return KNOWNS;
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
		if (window_overlaps(&l->windows[i], st))
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

void ledger_judge(void *arg, const struct stream *st)
{
	struct ledger *l = arg;
	const char *what = stream_differs(st);
	enum disturbance d;
	enum known k;

	if (place_facts[st->plan.place].comes && st->connected && st->back == NULL &&
	    overlapped(l, st, DISTURBANCE_ABSENT, (int)st->plan.place))
		l->spared++;
	if (what == NULL) {
		l->passed++;
		return;
	}
	d = excuse_of(l, st);
	k = known_of(l, st);
	if (d != DISTURBANCES) {
		l->excused++;
		l->by_disturbance[d]++;
	} else if (k != KNOWNS) {
		l->by_known[k]++;
	} else {
		if (l->failed++ < STORIES)
			tell(l, st, what);
	}
}

void ledger_check(struct ledger *l, bool holds, const char *fmt, ...)
{
	va_list ap;

	if (holds)
		l->passed++;
	else
		l->failed++;
	printf("%s ", holds ? "  ok    " : "  FAILED");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}
