/* snapshot_of: a generation of a configuration's text, for what control does with it. */
#ifndef TESTS_UNIT_PROXY_CONTROL_SNAPSHOT_OF_H
#define TESTS_UNIT_PROXY_CONTROL_SNAPSHOT_OF_H

#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/control/control.h"
#include "proxy/policy/snapshot.h"

/* On the control worker; the caller frees it. */
static inline struct snapshot *snapshot_of(struct process *p, const char *text)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	struct snapshot *s = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	CHECK(d != NULL && config_parse("test", text, strlen(text), &c, d) == 0, "a config");
	CHECK(snapshot_new(&p->registry, c, NULL, &s, &why) == 0, "a snapshot");
	diag_free(d);
	return s;
}

#endif
