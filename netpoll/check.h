/* check: impossible states crash at once, in release too. A peer's bytes, a full table and a failed
 * allocation are not impossible: they are errors, and no CHECK may stand on them.
 *   CHECK(cond, "sentence")   always on: prints the sentence, the place and a backtrace, then aborts.
 *   DCHECK(cond, "sentence")  on in debug and test builds only; for what is too dear on the data path.
 *   OBJ_CAST(p, type, MAGIC)  a void * that must carry `uint32_t magic == MAGIC` becomes a type *. */
#ifndef NETPOLL_CHECK_H
#define NETPOLL_CHECK_H

#include "netpoll/base.h"

no_return void check_failed(const char *file, int line, const char *cond, const char *sentence);

#define CHECK(cond, sentence)                                                  \
	do {                                                                   \
		if (unlikely(!(cond)))                                         \
			check_failed(__FILE__, __LINE__, #cond, sentence);     \
	} while (0)

#ifdef NP_DEBUG
#define DCHECK(cond, sentence) CHECK(cond, sentence)
#else
#define DCHECK(cond, sentence)         \
	do {                           \
		(void)sizeof(!(cond)); \
	} while (0)
#endif

#define OBJ_CHECK(p, MAGIC) CHECK((p) != NULL && (p)->magic == (MAGIC), "object is not a live " #MAGIC)
/* Not through OBJ_CHECK: on its way there the tag's name would become a number. */
#define OBJ_CAST(p, type, MAGIC)                                                   \
	({                                                                         \
		struct type *obj_cast_ = (struct type *)(void *)(p);               \
		CHECK(obj_cast_ != NULL && obj_cast_->magic == (MAGIC),            \
		      "object is not a live " #MAGIC);                             \
		obj_cast_;                                                         \
	})

#endif
