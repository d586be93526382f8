/* close: why a connection ended, as a value. The facts of each reason are in close_tbl.h. */
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

/* All take any enum close_reason; a number that is none is a bug: CHECK. */
const char *close_word(enum close_reason why);     /* "client_fin"; "none" for CLOSE_NONE */
const char *close_sentence(enum close_reason why); /* for people */
const char *close_by(enum close_reason why);       /* "client", "server" or "proxy" */
const char *close_letters(enum close_reason why);  /* HAProxy's, "--" */
bool close_rejected(enum close_reason why);        /* counted as rejected, not as closed */

#endif
