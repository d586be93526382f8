/* Reads the rows of close_tbl.h: each function returns one column of a close reason. */
#include "proxy/base/close.h"

#include "netpoll/check.h"

/* The columns "class" and "by" of the table; the prefixes keep its rows short. */
enum close_class { CLASS_CLOSED, CLASS_REJECTED };
enum close_side { BY_CLIENT, BY_SERVER, BY_PROXY };

struct close_row {
	const char *word, *letters, *sentence;
	enum close_class class;
	enum close_side by;
};

static const char *const sides[] = {
	[BY_CLIENT] = "client",
	[BY_SERVER] = "server",
	[BY_PROXY] = "proxy",
};

/* Every value of the enum has a row: NONE by hand, the others by the table. */
static const struct close_row rows[CLOSE_REASONS] = {
	[CLOSE_NONE] = {"none", "--", "the connection goes on", CLASS_CLOSED, BY_PROXY},
#define X(code, word, class, by, letters, sentence) \
	[CLOSE_##code] = {#word, letters, sentence, CLASS_##class, BY_##by},
	CLOSE_TBL(X)
#undef X
};

static const struct close_row *close_row(enum close_reason why)
{
	CHECK((unsigned)why < CLOSE_REASONS, "a close reason comes from close_tbl.h");
	return &rows[why];
}

const char *close_word(enum close_reason why)
{
	return close_row(why)->word;
}

const char *close_sentence(enum close_reason why)
{
	return close_row(why)->sentence;
}

const char *close_by(enum close_reason why)
{
	return sides[close_row(why)->by];
}

const char *close_letters(enum close_reason why)
{
	return close_row(why)->letters;
}

bool close_rejected(enum close_reason why)
{
	return close_row(why)->class == CLASS_REJECTED;
}
