/* close: why a connection ended, as a value. The facts of each reason are in close_tbl.h. */
#ifndef PROXY_BASE_CLOSE_H
#define PROXY_BASE_CLOSE_H

#include "netpoll/base.h"
#include "proxy/base/close_tbl.h"

enum close_why {
	CLOSE_NONE, /* the connection goes on; the only value that is no row of the table */
#define X(code, ...) CLOSE_##code,
	CLOSE_TBL(X)
#undef X
	CLOSE_WHYS /* how many values; not one of them */
};

/* All take any enum close_why; a number that is none is a bug: CHECK. */
const char *close_word(enum close_why why);     /* "client_fin"; "none" for CLOSE_NONE */
const char *close_sentence(enum close_why why); /* for people */
const char *close_by(enum close_why why);       /* "client", "server" or "proxy" */
const char *close_letters(enum close_why why);  /* HAProxy's, "--" */
bool close_rejected(enum close_why why);        /* counted as rejected, not as closed */

#endif
