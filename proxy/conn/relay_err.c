/* Whose fault a failed call of the relay is, by relay_err_tbl.h, and the end of a connection that
 * this machine cannot serve. */
#include "proxy/conn/relay.h"

#include <errno.h>

#include "proxy/conn/relay_err_tbl.h"

struct relay_err_row {
	int code;
	enum relay_blame of[RELAY_CALLS];
};

static const struct relay_err_row relay_err_rows[] = {
#define X(code, socket, splice, poller) {code, {BLAME_##socket, BLAME_##splice, BLAME_##poller}},
	RELAY_ERR_TBL(X)
#undef X
};

/* err without a row: a code of our own has a class, every other errno is this machine's. */
static enum relay_blame blame_unlisted(enum relay_call call, int err)
{
	enum np_err_class class = np_err_class(err);

	if (err > NP_EOWN && class != NP_CLASS_LOCAL && class != NP_CLASS_BUG)
		return BLAME_PEER; /* of TLS: the peer cut it short */
	return call == RELAY_SPLICE ? BLAME_COPY : BLAME_OURS;
}

enum relay_blame relay_blame(enum relay_call call, int err)
{
	DCHECK(err < 0, "an error is negative");
	for (size_t i = 0; i < array_len(relay_err_rows); i++)
		if (relay_err_rows[i].code == -err)
			return relay_err_rows[i].of[call];
	return blame_unlisted(call, -err);
}

enum close_reason relay_failed(struct conn *c, enum relay_call call, int err)
{
	static const char *const calls[RELAY_CALLS] = {"a socket call", "a splice", "epoll_ctl"};
	bool never = relay_blame(call, err) == BLAME_NEVER;

	DCHECK_RELAY(c);
	c->err = (int16_t)-err; /* this is why it ends, whatever went wrong before */
	log_limited(never ? LVL_ERROR : LVL_WARNING, "relay_failed", calls[call], err,
		"a connection was ended: %s failed: %s (%s)%s", calls[call], np_err_text(err), np_err_name(err),
		never ? "; please report it" : "");
	return CLOSE_OVERLOAD;
}
