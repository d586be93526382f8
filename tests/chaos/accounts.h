/* accounts: what the access log must say of each stream. The ledger opens one account for each connection that the
 * kernel granted; at the end every account claims its line: one whose listener, client, time, server, bytes and reason
 * fit. What no line fits must be among those that the process counted as dropped or lost, and no line may be left. */
#ifndef TESTS_CHAOS_ACCOUNTS_H
#define TESTS_CHAOS_ACCOUNTS_H

#include "tests/chaos/access.h"
#include "tests/chaos/ledger.h"

enum { ACCOUNT_FAILED = 1 << DISTURBANCES }; /* of the excuses: the stream failed */
struct account {
	uint64_t id, key, real_key; /* key, or real_key where the PROXY header was never read */
	int64_t  began, over;       /* ms, as the streams count */
	uint64_t in_min, in_max, out_min, out_max;
	uint8_t  place, ending;
	int8_t   server;  /* -1: none has seen it */
	bool     planned, has_line;
	uint16_t excuses; /* a bit for each disturbance that may have cut it */
};

struct accounts {
	struct account *all;
	size_t          n, room;
	int64_t         wall; /* ms to add for the wall clock */
	uint64_t        without, strangers; /* streams without a line; lines without a stream */
};

void accounts_init(struct accounts *a);
void accounts_add(struct accounts *a, const struct stream *st, bool planned, unsigned excuses);
/* Claims. */
void accounts_settle(struct accounts *a, const struct ledger *l, struct access_log *log);
/* The first lines that are left, and the first streams without one. */
void accounts_show(const struct accounts *a, const struct ledger *l, const struct access_log *log);

#endif
