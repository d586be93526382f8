/* publish: what there is to tell numbers of (proxy/policy/inventory.h) goes to each reader with each
 * publication; and workers hear to which servers they keep connections ready (proxy/conn/warm.h). While a
 * reader shows numbers, or log.periodic, workers are asked each second to look at live connections
 * (proxy/conn/tally.h). Control worker.
 *
 *   publish_to -> reload_publish: publish_again, ... -> publish_end
 *
 * The reader, on its worker, for each scrape:
 *
 *   struct inventory *inv = inventory_hold(&reader);        NULL: nothing is published yet
 *   metrics_page_init(&page, inv, &options);
 *   while (metrics_page_block(&page, &text)) write(text);   may park between two blocks
 *   inventory_drop(inv);
 */
#ifndef PROXY_CONTROL_PUBLISH_H
#define PROXY_CONTROL_PUBLISH_H

#include "netpoll/base.h"

#define PUBLISH_READERS 2 /* health and admin */

struct inventory;
struct inventory_reader;
struct process;
struct snapshot;

/* publish_to: from now on reader gets each publication, the current one at once. Its worker runs, and
 * reader is zero but for that. numbers: it shows them, so they are to be of this second. */
void publish_to(struct process *p, struct inventory_reader *reader, bool numbers);

/* publish_again: the snapshot in force is a new one, or has a new number. Without memory the reader
 * keeps the list it has, with a line in the log. */
void publish_again(struct process *p);

/* publish_before: reader gets what snap has, which is not in force yet; publish_again tells it of the same once more.
 *   Returns  false: no memory. */
must_use bool publish_before(struct process *p, struct inventory_reader *reader, const struct snapshot *snap);

/* publish_list: the same for this thread, of what is in force and of what lives of older ones.
 *   Returns  NULL: no memory.   Owns  the caller: inventory_free. */
must_use struct inventory *publish_list(struct process *p);

/* publish_end: the reader gets no more, and all it had is back. Before its worker is stopped, and no coroutine of it
 * holds one. Harmless for one that gets none.
 *   Parks  until its worker has answered. */
void publish_end(struct process *p, struct inventory_reader *reader);

/* publish_stop: workers are asked no more, and there is no reader. */
void publish_stop(struct process *p);

#endif
