/* upgrade_names: what DNS said to the process before, for names that it tells us nothing of: they stay resolved while
 * it is down. What it says now is younger, and counts. */
#include <stdlib.h>
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/names_keep.h"
#include "proxy/control/upgrade_state.h"

#define TEXT_MOST (48 * 1024) /* of one item: what has no room in it is left to DNS */

/* Names that have never been answered have no line, and are asked for by the process that takes over as by any other.
 * In the form of the state file, so that one reader judges both. */
void part_write_names(struct state_out *o)
{
	char *room = malloc(TEXT_MOST);
	struct text t;

	if (room == NULL)
		return;
	text_init(&t, room, TEXT_MOST);
	names_keep(&o->p->dns_names, &t);
	if (t.n > 0) {
		handover_put(state_item(o, HANDOVER_TAG_STATE_NAMES), HANDOVER_TAG_NAMES_TEXT, room, t.n);
		state_item_end(o);
	}
	free(room);
}

/* The head of the block is no line of it. */
static char *lines_of(const struct handover_field *f)
{
	const uint8_t *end = memchr(f->p, '\n', f->n);
	char *text;

	if (end == NULL || memchr(f->p, '\0', f->n) != NULL)
		return NULL;
	text = malloc(f->n);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < (size_t)(f->p + f->n - end); i++)
		text[i] = end[i] == '\n' ? ' ' : (char)end[i]; /* as YAML joins them */
	text[f->p + f->n - end] = '\0';
	return text;
}

/* The servers of such names are in their upstreams before a worker may pick one. */
bool part_read_names(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	struct handover_reader r;
	struct handover_field f;
	char *text = NULL;

	handover_read_group(&r, item);
	while (handover_next(&r, &f))
		if (f.tag == HANDOVER_TAG_NAMES_TEXT && text == NULL)
			text = lines_of(&f);
	if (text != NULL)
		names_recall_late(&p->dns_names, snap, text);
	return !r.bad && text != NULL;
}
