/* health: a thread of its own for what is found out about servers beside the traffic: a netpoll worker that carries
 * none. It checks those that are to be checked (checks.h). Once a second it teaches servers what their neighbours'
 * connections say (lesson.h), and connects to those that are left out (probe.h). A busy worker makes none of it late,
 * and it makes no worker late. Where nobody is checked or judged, it sleeps.
 *
 *   control   health_start -> inventories, one for each publication ... health_stop -> health_free
 *   health                    a turn each second ...................... probes end ->
 *
 * It knows what there is from inventories, as admin does: they hold their servers, so it needs no snapshot, no lock and
 * no reference. What it finds out goes into words of the servers, which workers read. */
#ifndef PROXY_HEALTH_HEALTH_H
#define PROXY_HEALTH_HEALTH_H

#include "proxy/policy/inventory.h"
#include "proxy/upstream/server_state.h"

#define HEALTH_WORKER (UINT16_MAX - 2) /* its number among the netpoll workers */
#define HEALTH_PROBES 32               /* the most under way at once, a descriptor each */
#define HEALTH_CHECKS 256              /* the same of checks */

struct health;

/* health_start: the thread, with so many probes and checks at once. What it knows of servers comes to its reader.
 *   Returns  0 and *out; or the error: then servers are judged by their connects alone.
 *   Calls    the control worker, as the others. */
must_use int health_start(struct health **out, unsigned probes, unsigned checks);
struct np_worker *health_worker(const struct health *h); /* for the watchdog */
struct inventory_reader *health_reader(struct health *h); /* what it reads */
/* health_tells: for each server of an upstream with on_down: close, fn hears that its check took it down, or that it is
 * not down any more; server is "upstream/address".
 *   Calls  control, before an inventory is posted; fn on control's loop. */
typedef void health_heard(void *arg, const char *server, bool down);
void health_tells(struct health *h, health_heard *fn, void *arg);

/* health_forget: the check of this server is unknown from now on, and made at once (E76).
 *   Calls  control. Takes NULL.   Returns  false: no memory. */
bool health_forget(struct health *h, const char *server);

/* health_recall: the check of this server has this verdict, of `since`, which the process before had: the next results
 * count against it. Does nothing where it is not checked.   Calls  control. Takes NULL.   Parks  until it holds. */
void health_recall(struct health *h, const char *server, enum server_check verdict, int64_t since);

/* health_has_tried: has each check of the inventories that have arrived, `of` so far, been made once, with whatever
 * result? Until then nothing is known of some servers.   Takes NULL: there is nobody to try.   Any thread. */
bool health_has_tried(const struct health *h, unsigned of);
/* health_stop: no turn and no probe any more; the reader holds nothing. Takes NULL.
 *   Parks  for a moment: probes are given up. */
void health_stop(struct health *h);
/* health_free: after its reader was closed. Takes NULL. */
void health_free(struct health *h);

#endif
