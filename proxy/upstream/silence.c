/* silence: the share of the others, and the chance of a row by it. */
#include "proxy/upstream/silence.h"

#define QUIET_TIME INT64_C(10000000000) /* silences are counted beside answers for twice as long at most */
#define QUIET_PRIOR 20 /* answers of the others before their first silence */
#define CHANCE_LEAST 1e-8 /* what is less likely is no accident: at 50 a second it is one in three weeks */

static uint64_t answered_by(const struct upstream *u, const struct server *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < server_registry_workers(u->registry); i++)
		n += histogram_count(&s->stats[i].first_byte);
	return n;
}

static bool knows_silence(const struct passive *p, int64_t now)
{
	return p->quiet.began != 0 && now - p->quiet.began <= 2 * QUIET_TIME;
}

/* What is older counts half, again and again. */
static void count_silence(const struct upstream *u, struct server *s, int64_t now)
{
	struct passive *p = &s->passive;

	if (!knows_silence(p, now)) {
		p->quiet.began = now;
		p->quiet.answered = answered_by(u, s);
		p->quiet.n = 0;
	} else if (now - p->quiet.began > QUIET_TIME) {
		p->quiet.began += QUIET_TIME / 2;
		p->quiet.answered += (answered_by(u, s) - p->quiet.answered) / 2;
		p->quiet.n /= 2;
	}
	p->quiet.n++;
}

/* The chance that a connection to one of the others is silent. A time is learnt only from a hundred answers, so some
 * are taken to have been there: the first silence of all is not one of one. */
static double silent_share(const struct upstream *u, const struct server *s, const struct tier *t, int64_t now)
{
	uint64_t silent = 0, answered = QUIET_PRIOR;

	for (unsigned i = t->first; i < t->end; i++) {
		const struct member *m = &u->members->at[i];
		const struct passive *p = &m->server->passive;

		if (m->server == s || p->state != SERVER_IN || !knows_silence(p, now) ||
		    server_usable(server_now(m->server), m->weight, NULL) == USABLE_NO)
			continue;
		silent += p->quiet.n;
		answered += answered_by(u, m->server) - p->quiet.answered;
	}
	return (double)silent / (double)(silent + answered);
}

/* Are so many in a row an accident, as they come where the others are silent so often? */
static bool row_is_chance(unsigned row, double share)
{
	double chance = 1;

	for (unsigned i = 0; i < row && chance > CHANCE_LEAST; i++)
		chance *= share;
	return chance > CHANCE_LEAST;
}

bool silence_is_chance(const struct upstream *u, struct server *s, const struct tier *t, int64_t now)
{
	count_silence(u, s, now);
	if (s->passive.row < u->passive.failures)
		return true; /* it ejects nobody yet, and the others' cells are many */
	return row_is_chance(s->passive.row, silent_share(u, s, t, now));
}
