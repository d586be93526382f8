/* server_checked: the last result in one word, so that no reader sees halves of two. */
#include "proxy/upstream/server_checked.h"

#include "netpoll/check.h"

/*   bits    0-3 result + 1    4-19 errno    20-63 milliseconds */
#define RESULT_BITS 4
#define ERR_BITS    16
#define MS          INT64_C(1000000)

_Static_assert(CHECK_RESULTS < 1 << RESULT_BITS, "a result and none fit");

void server_checked_note(struct server_checked *c, const struct server_check_last *r)
{
	uint64_t word = (uint64_t)(r->at / MS);

	DCHECK(r->err <= 0 && r->err > -(1 << ERR_BITS), "an errno fits into the word");
	relaxed_add(&c->results[r->result], 1);
	word = word << ERR_BITS | (unsigned)-r->err;
	__atomic_store_n(&c->last, word << RESULT_BITS | ((unsigned)r->result + 1), __ATOMIC_RELAXED);
}

/* A result of 0 is none: the constants are kept one higher. */
struct server_check_last server_checked_last(const struct server_checked *c)
{
	uint64_t word = __atomic_load_n(&c->last, __ATOMIC_RELAXED);
	unsigned result = word & ((1U << RESULT_BITS) - 1);

	if (result == 0)
		return (struct server_check_last){0};
	word >>= RESULT_BITS;
	return (struct server_check_last){
		.result = (enum check_result)(result - 1),
		.err = -(int)(word & ((1U << ERR_BITS) - 1)),
		.at = (int64_t)(word >> ERR_BITS) * MS,
	};
}

#define ROW_BITS 16

void server_checked_next(struct server_checked *c, struct server_check_row row, int64_t due)
{
	DCHECK(row.against < 1U << ROW_BITS && row.needed < 1U << ROW_BITS, "a row fits into its half of the word");
	__atomic_store_n(&c->row, row.needed << ROW_BITS | row.against, __ATOMIC_RELAXED);
	__atomic_store_n(&c->due, due, __ATOMIC_RELAXED);
}

struct server_check_row server_checked_row(const struct server_checked *c)
{
	uint32_t row = __atomic_load_n(&c->row, __ATOMIC_RELAXED);

	return (struct server_check_row){.against = row & ((1U << ROW_BITS) - 1), .needed = row >> ROW_BITS};
}

void server_probed_note(struct server_checked *c, enum probe_result r)
{
	relaxed_add(&c->probes[r], 1);
}

const char *probe_result_word(enum probe_result r)
{
	static const char *const words[] = {
#define X(id, word) [PROBE_##id] = word,
		PROBE_RESULT_TBL(X)
#undef X
	};

	return words[r];
}

const char *check_result_word(enum check_result r)
{
	static const char *const words[] = {
#define X(id, word, sentence) [CHECK_##id] = word,
		CHECK_RESULT_TBL(X)
#undef X
	};

	return words[r];
}

const char *check_result_sentence(enum check_result r)
{
	static const char *const sentences[] = {
#define X(id, word, sentence) [CHECK_##id] = sentence,
		CHECK_RESULT_TBL(X)
#undef X
	};

	return sentences[r];
}
