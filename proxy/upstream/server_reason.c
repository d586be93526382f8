/* server_reason: the sentences, each with its numbers. */
#include "proxy/upstream/server_reason.h"

#include "netpoll/err.h"
#include "netpoll/netpoll.h"
#include "proxy/base/text.h"
#include "proxy/upstream/slow_start.h"

static void say_times(struct text *t, unsigned n)
{
	text_u64(t, n);
	text_str(t, n == 1 ? " time" : " times");
}

/* "in 8s", "now": of what is due by the clock. */
static void say_when(struct text *t, int64_t due, const char *now)
{
	int64_t left = due - np_nanotime();

	if (left <= 0) {
		text_str(t, now);
		return;
	}
	text_str(t, "in ");
	text_left(t, left);
}

static const char *reason_end(struct text *t, char *out)
{
	out[t->n] = '\0';
	return out;
}

/* ---- why ---- */

/* ": the connect is refused". What a check could not do for itself has an error of this machine, which says more. */
static void say_finding(struct text *t, const struct server *s)
{
	const struct server_check_last last = server_checked_last(&s->checked);

	if (last.at == 0 || last.result == CHECK_OK)
		return;
	text_str(t, ": ");
	text_str(t, check_result_sentence(last.result));
	if (last.err != 0 && last.result == CHECK_FAILED) {
		text_str(t, ": ");
		text_str(t, np_err_text(last.err));
	}
}

/* A check that is good again, but not often enough yet, does not fail. */
static void say_check(struct text *t, const struct server *s)
{
	const struct server_check_row row = server_checked_row(&s->checked);

	if (row.against == 0) {
		text_str(t, server_why_sentence(SERVER_WHY_CHECK_DOWN));
		say_finding(t, s);
		return;
	}
	text_str(t, "its check passed ");
	text_u64(t, row.against);
	text_str(t, " of the ");
	say_times(t, row.needed);
	text_str(t, " in a row that it must");
}

/* " (early_reset: it resets ...)": the word is that of metrics, events and `explain`. */
static void say_fault(struct text *t, const struct server *s)
{
	enum fault fault = (enum fault)passive_now(s).fault;

	text_str(t, " (");
	text_str(t, fault_word(fault));
	text_str(t, "): ");
	text_str(t, fault_sentence(fault));
}

/* " until 2026-11-29T22:49:19Z", where it has an end: the second in which it is over, since a person reads it. */
static void say_end(struct text *t, const struct server *s)
{
	int64_t ends = server_set_ends(s, SERVER_SET_STATE);

	if (ends == 0)
		return;
	text_str(t, " until ");
	text_time(t, ends + NP_S - 1);
	if (!t->cut) {
		t->n -= sizeof(".000000Z") - 1;
		text_char(t, 'Z');
	}
}

const char *server_reason(const struct server *s, enum server_why why, char out[SERVER_REASON])
{
	struct text t;

	if (why == SERVER_WHY_NOTHING)
		return NULL;
	text_init(&t, out, SERVER_REASON - 1);
	if (why == SERVER_WHY_CHECK_DOWN) {
		say_check(&t, s);
		return reason_end(&t, out);
	}
	text_str(&t, server_why_sentence(why));
	if (why == SERVER_WHY_CHECK_UNKNOWN)
		say_finding(&t, s);
	else if (why == SERVER_WHY_PASSIVE_OUT || why == SERVER_WHY_PASSIVE_TRIAL)
		say_fault(&t, s);
	else if (why == SERVER_WHY_DRAIN || why == SERVER_WHY_MAINT)
		say_end(&t, s);
	return reason_end(&t, out);
}

/* ---- what ends it ---- */

/* " 2 times in a row; the next one is in 2s" */
static void say_rise(struct text *t, const struct server *s)
{
	const struct server_check_row row = server_checked_row(&s->checked);
	unsigned left = row.needed > row.against ? row.needed - row.against : 1;

	text_char(t, ' ');
	say_times(t, left);
	text_str(t, row.against > 0 ? " more; the next one is " : " in a row; the next one is ");
	say_when(t, __atomic_load_n(&s->checked.due, __ATOMIC_RELAXED), "under way");
}

/* ": in 8s, or earlier if a probe of it works". A probe that let a client in too early does so no more. */
static void say_trial(struct text *t, const struct server *s, bool probed)
{
	const struct passive p = passive_now(s);

	text_str(t, ": ");
	say_when(t, p.until, "the next one");
	if (probed && !p.clock_alone && p.until > np_nanotime())
		text_str(t, ", or as soon as a probe of it works");
}

const char *server_reason_back(const struct server *s, enum server_why why, bool probed, char out[SERVER_REASON])
{
	struct text t;

	if (why == SERVER_WHY_NOTHING)
		return NULL;
	text_init(&t, out, SERVER_REASON - 1);
	if ((why == SERVER_WHY_DRAIN || why == SERVER_WHY_MAINT) && server_set_ends(s, SERVER_SET_STATE) != 0)
		text_str(&t, "by itself then, or now ");
	text_str(&t, server_why_back(why));
	if (why == SERVER_WHY_CHECK_DOWN)
		say_rise(&t, s);
	else if (why == SERVER_WHY_PASSIVE_OUT)
		say_trial(&t, s, probed);
	return reason_end(&t, out);
}

/* ---- less than its share ---- */

const char *server_reason_share(uint64_t factor, int64_t left, char out[SERVER_REASON])
{
	struct text t;

	text_init(&t, out, SERVER_REASON - 1);
	text_str(&t, "slow start: it came back a short time ago, and gets ");
	text_u64(&t, factor * 100 / SLOW_START_UNIT);
	text_str(&t, " % of its share; all of it in ");
	text_left(&t, left);
	return reason_end(&t, out);
}
