/* Dice, content and plans. Sizes are mixed as those of a busy edge: many small exchanges, few large transfers. */
#include "tests/chaos/plan.h"

#include <string.h>

enum { CONTENT = 1048583 }; /* a prime: no size of a buffer or pipe divides it */
/* Bytes a turn of the slowest reader, above its share: half of its window, after which the other side sees that it has
 * read, lasts a fraction of half_close. */
enum { SLOW_LEAST = 16 };

static uint8_t content[CONTENT];

const struct place_facts place_facts[PLACES] = {
#define X(id, word, tls, proxy, local, comes) {#word, tls, proxy, local, comes},
	PLACE_TBL(X)
#undef X
};

const char *ending_text(enum ending e)
{
	static const char *const texts[] = {
#define X(id, text) text,
		ENDING_TBL(X)
#undef X
	};

	return texts[e];
}

/* ---- dice ---- */

void dice_init(struct dice *d, uint64_t seed)
{
	d->state = seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
	if (d->state == 0)
		d->state = 1;
}

uint64_t dice_roll(struct dice *d)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return d->state * 0x2545f4914f6cdd1dU;
}

uint64_t dice_below(struct dice *d, uint64_t n)
{
	return (dice_roll(d) >> 16) % n;
}

uint64_t dice_between(struct dice *d, uint64_t a, uint64_t b)
{
	return a + dice_below(d, b - a + 1);
}

bool dice_percent(struct dice *d, unsigned percent)
{
	return dice_below(d, 100) < percent;
}

/* ---- content ---- */

void content_init(uint64_t seed)
{
	struct dice d;

	dice_init(&d, seed);
	for (size_t i = 0; i < CONTENT; i++)
		content[i] = (uint8_t)(dice_roll(&d) >> 32);
}

const uint8_t *content_at(uint64_t key, uint64_t at, size_t *n)
{
	size_t from = (size_t)((key * 7919 + at) % CONTENT);

	if (*n > CONTENT - from)
		*n = CONTENT - from;
	return content + from;
}

static const char mark[] = "chaos:";

/* The mark, the number, and its two lowest bytes again. */
void preamble_put(uint64_t id, uint8_t out[PREAMBLE])
{
	memcpy(out, mark, 6);
	memcpy(out + 6, &id, 8);
	memcpy(out + 14, &id, 2);
}

bool preamble_get(const uint8_t in[PREAMBLE], uint64_t *id)
{
	memcpy(id, in + 6, 8);
	return memcmp(in, mark, 6) == 0 && memcmp(in + 14, in + 6, 2) == 0;
}

/* ---- plans ---- */

static uint64_t plan_size(struct dice *d)
{
	unsigned kind = (unsigned)dice_below(d, 1000);

	if (kind < 50)
		return 0;
	if (kind < 700)
		return dice_between(d, 1, 16 << 10);
	if (kind < 940)
		return dice_between(d, 16 << 10, 512 << 10);
	if (kind < 994)
		return dice_between(d, 512 << 10, 4 << 20);
	return dice_between(d, 4 << 20, 32 << 20);
}

static enum ending plan_ending(struct dice *d, const struct place_facts *f)
{
	unsigned kind = (unsigned)dice_below(d, 100);

	if (kind < 8)
		return ENDING_PROBE;
	if (kind < 24 && !f->local) /* a Unix socket has no reset to send */
		return kind < 16 ? ENDING_CLIENT_RST : ENDING_SERVER_RST;
	if (kind < 40)
		return ENDING_SERVER_FIN;
	return kind < 55 ? ENDING_ANSWER : ENDING_CLIENT_FIN;
}

static void plan_turns(struct dice *d, struct plan *p)
{
	uint64_t turns = dice_between(d, 1, 40);

	p->request = (uint32_t)dice_between(d, 1, dice_percent(d, 80) ? 512 : 20000);
	p->answer = (uint32_t)dice_between(d, 1, dice_percent(d, 80) ? 4096 : 60000);
	p->up = PREAMBLE + turns * p->request;
	p->down = turns * p->answer;
}

/* Who resets sends alone: what it would still be sent may be dropped on the way, and then nobody can tell which bytes
 * were lost by right. */
static void plan_one_way(struct plan *p)
{
	if (p->ending == ENDING_CLIENT_RST)
		p->down = 0;
	if (p->ending == ENDING_SERVER_RST)
		p->up = PREAMBLE;
}

struct plan plan_make(struct dice *d, uint64_t id)
{
	struct plan p = {.id = id, .place = (enum place)dice_below(d, PLACES)};

	p.ending = plan_ending(d, &place_facts[p.place]);
	if (p.ending == ENDING_PROBE)
		return p;
	p.up = PREAMBLE + plan_size(d);
	p.down = plan_size(d);
	if (p.ending == ENDING_CLIENT_FIN && dice_percent(d, 60))
		plan_turns(d, &p);
	plan_one_way(&p);
	if (dice_percent(d, 15)) {
		p.pause_at = dice_below(d, p.up + 1);
		p.pause_ms = (uint32_t)dice_between(d, 50, 2500);
	}
	if (dice_percent(d, 8)) /* a reset must wait longer than a listener's half_close for the slowest */
		p.slow = (uint32_t)(SLOW_LEAST +
				    p.down / dice_between(d, 50, p.ending == ENDING_SERVER_RST ? 3000 : 300));
	return p;
}
