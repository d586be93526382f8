/* plan: what happens in a soak, decided by its seed: the content of every stream, its sizes, its end. The same seed
 * gives the same plans in the same order; only how they overlap is the machine's. */
#ifndef TESTS_CHAOS_PLAN_H
#define TESTS_CHAOS_PLAN_H

#include "netpoll/base.h"

enum { PREAMBLE = 16 }; /* bytes with which a client says which stream it is; the first of its bytes */

/* xorshift64*; a state of zero is never given. */
struct dice {
	uint64_t state;
};
void dice_init(struct dice *d, uint64_t seed);
uint64_t dice_roll(struct dice *d);
uint64_t dice_below(struct dice *d, uint64_t n);              /* 0 to n - 1; n > 0 */
uint64_t dice_between(struct dice *d, uint64_t a, uint64_t b); /* both included */
bool dice_percent(struct dice *d, unsigned percent);

/* Listeners, and what a client does there beside its bytes. A row that comes and goes may refuse connections while the
 * configuration leaves it out.
 *   id          word         TLS    PROXY  unix   comes and goes */
#define PLACE_TBL(X) \
	X(PLAIN,    plain,       false, false, false, false) \
	X(UNIX,     unix,        false, false, true,  false) \
	X(TLS,      tls,         true,  false, false, false) \
	X(TLS_BACK, tls_back,    false, false, false, false) \
	X(SNI,      sni,         true,  false, false, false) \
	X(PROXY_IN, proxy_in,    false, true,  false, false) \
	X(PROXY_OUT, proxy_out,  false, false, false, false) \
	X(EXTRA,    extra,       false, false, false, true)  \
	X(EXTRA_UNIX, extra_unix, false, false, true, true)

enum place {
#define X(id, word, tls, proxy, local, comes) PLACE_##id,
	PLACE_TBL(X)
#undef X
	PLACES
};

struct place_facts {
	const char *word;
	bool        tls, proxy, local, comes;
};
extern const struct place_facts place_facts[PLACES];

/* How a stream ends. */
#define ENDING_TBL(X) \
	X(CLIENT_FIN, "client FIN first") \
	X(SERVER_FIN, "server FIN first") \
	X(ANSWER,     "answer after the client's FIN") \
	X(CLIENT_RST, "client RST after its last byte") \
	X(SERVER_RST, "server RST after its last byte") \
	X(PROBE,      "probe that sends nothing")

enum ending {
#define X(id, text) ENDING_##id,
	ENDING_TBL(X)
#undef X
	ENDINGS
};
const char *ending_text(enum ending e);

struct plan {
	uint64_t    id;
	enum place  place;
	enum ending ending;
	uint64_t    up, down;         /* bytes that client and server send in all; the preamble counts */
	uint32_t    request, answer;  /* sizes, when they take turns; request 0: both send at once */
	uint64_t    pause_at;         /* of the client's bytes; the client is silent there */
	uint32_t    pause_ms;         /* 0: never */
	uint32_t    slow;             /* bytes the client reads a turn; 0: as fast as it can */
};

/* The next plan of these dice. */
struct plan plan_make(struct dice *d, uint64_t id);

/* Content: the bytes of a direction from `at` on, as many as lie together (at most n). No two directions are alike, and
 * a byte lost or doubled shows as a wrong one. */
const uint8_t *content_at(uint64_t key, uint64_t at, size_t *n);
void content_init(uint64_t seed);
static inline uint64_t content_key(uint64_t id, bool down)
{
	return id * 2 + down;
}

void preamble_put(uint64_t id, uint8_t out[PREAMBLE]);
/* False: these bytes are no preamble. */
bool preamble_get(const uint8_t in[PREAMBLE], uint64_t *id);

#endif
