/* panic: two lines an episode, however long it is. */
#include "proxy/health/panic.h"

#include "proxy/log/event.h"
#include "proxy/upstream/upstream_live.h"

/* Also where the key is gone, or the upstream: what has begun is ended. */
bool panic_is_watched(const struct inventory_upstream *u)
{
	return u->panic != 0 || u->live->panics != 0;
}

static void tell_begin(const struct inventory_upstream *u, unsigned percent)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", u->live->name);
	event_number(e, "usable_percent", percent);
	event_log(e, LVL_WARNING, "panic",
		  "upstream %s panics: %u %% of its weight is usable, and panic is %u %%: servers that checks or "
		  "failures hold out are used again",
		  u->live->name, percent, u->panic);
}

static void tell_end(const struct inventory_upstream *u, unsigned percent, int64_t lasted)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", u->live->name);
	event_number(e, "usable_percent", percent);
	event_number(e, "lasted_ms", lasted / NP_MS);
	event_log(e, LVL_NOTICE, "panic_over",
		  "upstream %s panics no longer: %u %% of its weight is usable, after %lld s", u->live->name, percent,
		  (long long)((lasted + NP_S / 2) / NP_S));
}

void panic_look(const struct inventory *inv, const struct inventory_upstream *u, int64_t now)
{
	unsigned percent;
	bool panics = inventory_panics(inv, u, &percent);

	if (panics == (u->live->panics != 0))
		return;
	if (panics)
		tell_begin(u, percent);
	else
		tell_end(u, percent, now - u->live->panics);
	u->live->panics = panics ? now : 0;
}
