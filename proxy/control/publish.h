/* publish: what there is to tell numbers of (proxy/policy/inventory.h) goes to the one reader with each
 * publication, and while there is one, or log.periodic, workers are asked each second to look at live
 * connections (proxy/conn/tally.h). Control worker.
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

struct inventory_reader;
struct process;

/* publish_to: from now on reader gets each publication, the current one at once. Its worker runs, and
 * reader is zero but for that.   Calls  once. */
void publish_to(struct process *p, struct inventory_reader *reader);

/* publish_again: the snapshot in force is a new one, or has a new number. Without memory the reader
 * keeps the list it has, with a line in the log. */
void publish_again(struct process *p);

/* publish_end: the reader gets no more, and all it had is back; workers are asked no more. Before its worker is
 * stopped, and no coroutine of it holds one. Harmless without a reader, and a second time.
 *   Parks  until its worker has answered. */
void publish_end(struct process *p);

#endif
