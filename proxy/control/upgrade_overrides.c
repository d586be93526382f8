/* upgrade_overrides: what operators said of servers to the process before. It is the truth, whatever the state file
 * says, which may be none, or on a disk that is full. */
#include <stdlib.h>

#include "proxy/control/control.h"
#include "proxy/control/override_text.h"
#include "proxy/control/upgrade_state.h"

#define TEXT_MOST (48 * 1024) /* of one item */
#define ROW_MOST  1024

/* As many as an item has room for: a row is far shorter than ROW_MOST.
 *   Returns  where to go on; the list's head: that was the last one. */
static struct list *print_some(const struct overrides *o, struct list *from, struct text *t)
{
	struct list *it = from;

	override_text_head(t);
	for (; it != &o->all && t->n + ROW_MOST < TEXT_MOST; it = it->next) {
		const struct override *one = list_entry(it, struct override, link);

		override_text_row(t, one->upstream, one->address, &one->said, one->ends);
	}
	return it;
}

/* One item even where nothing is said: then nothing is, here as well. */
void part_write_overrides(struct state_out *o)
{
	struct overrides *all = &o->p->overrides;
	char *room = malloc(TEXT_MOST);
	struct list *at = all->all.next;

	if (room == NULL)
		return;
	do {
		struct text t;

		text_init(&t, room, TEXT_MOST);
		at = print_some(all, at, &t);
		handover_put(state_item(o, HANDOVER_TAG_STATE_OVERRIDES), HANDOVER_TAG_OVERRIDES_TEXT, room, t.n);
		state_item_end(o);
	} while (at != &all->all);
	free(room);
}

/* By the reader of the state file, which judges each row; the rows are judged again by what the configuration has. */
static bool take_text(struct process *p, const struct snapshot *snap, const struct handover_field *f)
{
	struct override_row *rows = NULL;
	char *names = NULL, why[OVERRIDE_TEXT_WHY];
	int n = override_text_read((const char *)f->p, f->n, &rows, &names, why);

	if (n > 0)
		(void)overrides_restore(p, snap, rows, (unsigned)n);
	free(rows);
	free(names);
	return n >= 0;
}

/* The file's rows are older, or the same: state_start passes them over. */
bool part_read_overrides(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	struct handover_reader r;
	struct handover_field f;
	bool sound = true;

	p->state.told = true;
	handover_read_group(&r, item);
	while (handover_next(&r, &f))
		if (f.tag == HANDOVER_TAG_OVERRIDES_TEXT)
			sound = sound && take_text(p, snap, &f);
	return sound && !r.bad;
}
