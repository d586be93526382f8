/* close: the reason why a connection ended, as a value. close_tbl.h holds the facts of each
 * reason. */
#ifndef PROXY_BASE_CLOSE_H
#define PROXY_BASE_CLOSE_H

#include "netpoll/base.h"
#include "proxy/base/close_tbl.h"

enum close_reason {
	CLOSE_NONE, /* the connection goes on; the only value that is no row of the table */
#define X(code, ...) CLOSE_##code,
	CLOSE_TBL(X)
#undef X
	CLOSE_REASONS /* how many values; not one of them */
};

/* Each takes any enum close_reason and returns a static text. A number outside the enum is our own
 * mistake: CHECK. Any thread may call them. */
const char *close_word(enum close_reason why);     /* "client_fin"; "none" for CLOSE_NONE */
const char *close_sentence(enum close_reason why); /* "the client reset the connection" */
const char *close_by(enum close_reason why);       /* "client", "server" or "proxy" */
const char *close_letters(enum close_reason why);  /* HAProxy's two letters: "--" */
bool close_rejected(enum close_reason why);        /* counted as rejected, not as closed */

#endif
