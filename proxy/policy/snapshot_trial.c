/* snapshot_trial: a registry that only looks, and one snapshot in it. */
#include "proxy/policy/snapshot_trial.h"

int snapshot_trial(struct config *c, struct snapshot_trial *out, struct text *why)
{
	int err = registry_init(&out->registry, 1);

	out->snap = NULL;
	out->registry.looks_only = true;
	if (err == 0)
		err = snapshot_new(&out->registry, c, NULL, &out->snap, why);
	if (err != 0)
		registry_fini(&out->registry);
	return err;
}

void snapshot_trial_end(struct snapshot_trial *t)
{
	t->snap = snapshot_free(t->snap);
	registry_fini(&t->registry);
}
