/* bindings_give: all addresses go to another process, or come back: proxy/control/upgrade.h says when. */
#include "proxy/listen/bindings.h"

#include "proxy/listen/binding.h"
#include "proxy/listen/handed.h"
#include "proxy/log/log.h"

int bindings_suspend(struct bindings *bindings, struct shard *shards)
{
	list_for_each(it, &bindings->open) {
		int err = binding_suspend(list_entry(it, struct binding, link), shards);

		if (err == 0)
			continue;
		/* Those before it accept again; this one does already. */
		list_for_each(back, &bindings->open) {
			if (back == it)
				return err;
			if (binding_serve(list_entry(back, struct binding, link), shards) != 0)
				return -NP_ENOMEM;
		}
	}
	return 0;
}

void bindings_resume(struct bindings *bindings, const struct snapshot *snap, struct shard *shards)
{
	if (bindings_serve(bindings, snap, shards) != 0)
		log_msg(LVL_ERROR, "reload_partial", "a listener could not start on every worker: %s",
			np_err_text(-NP_ENOMEM));
}

void bindings_stays(struct bindings *bindings, const struct np_addr *a)
{
	list_for_each(it, &bindings->open) {
		struct binding *b = list_entry(it, struct binding, link);

		b->stays |= np_addr_equal(&b->addr, a);
	}
}

void bindings_give(struct bindings *bindings, struct shard *shards)
{
	list_for_each_safe(it, &bindings->open) {
		struct binding *b = list_entry(it, struct binding, link);

		if (b->stays && binding_serve(b, shards) == 0)
			continue;
		binding_give(b);
		binding_free(b);
	}
}

unsigned bindings_own(struct bindings *bindings)
{
	list_for_each(it, &bindings->open)
		binding_own(list_entry(it, struct binding, link));
	return handed_close(&bindings->handed);
}
