/* admin_priv: what the files of the control plane share. Everything here is the admin worker's, unless it says
 * otherwise. */
#ifndef PROXY_ADMIN_ADMIN_PRIV_H
#define PROXY_ADMIN_ADMIN_PRIV_H

#include "netpoll/netpoll.h"
#include "proxy/base/json.h"
#include "proxy/base/wall.h"
#include "proxy/control/control.h"
#include "proxy/policy/inventory.h"
#include "proxy/proto/http_request.h"
#include "proxy/upstream/server.h"

#define ADMIN_PATHS   2 /* where it listens: the socket, and TCP */
#define ADMIN_SOURCES 64
#define ADMIN_LINGER  (1 * NP_S)
#define ADMIN_SLICE   (50 * NP_MS) /* nobody waits longer without a look whether the process ends */

/* One place where clients connect. */
struct admin_at {
	struct admin *admin;
	bool tcp;
	int sysfd;          /* before the worker has it; -1: none */
	struct np_fd fd;    /* the worker's */
	bool open;
	struct np_addr addr;
	int lock;           /* control thread: of the file; -1: none */
	bool borrowed;      /* file and lock are another process's (upgrade.h) */
	struct np_unix_file file; /* control thread */
	gid_t group;        /* const: of the file */
};

struct admin {
	struct process *p;
	const struct config *config; /* of the start: the section `control`, which holds until the end */
	struct np_worker *worker;    /* const after start */
	struct admin_at at[ADMIN_PATHS];
	struct inventory_reader reader; /* what there is to tell numbers of */
	struct sampler *sampler;        /* owned: admin_sample.h */
	struct event_keeper *events;    /* owned: admin_events.h */
	struct list clients;   /* of struct client */
	struct list waiting;   /* of struct client: no whole request yet, the longest wait first */
	unsigned nclients, ntcp, nrefused; /* nrefused: being told that there is no place */
	unsigned most, most_tcp; /* const */
	unsigned lists;        /* of connections, being read */
	int spare;             /* a descriptor that is kept back; -1: lent to a client */
	bool planning;         /* a plan is under way */
	unsigned kills;        /* orders to end connections, under way */
	unsigned traces;       /* a bit for each slot that is taken (admin_trace.c) */
	uint64_t traced;       /* so far */
	bool stopping;
	int64_t stop_by;       /* once it stops: when the last answer is cut */
	struct np_event told;  /* that it is to stop */
	int64_t next_refusal[ADMIN_SOURCES]; /* wrong tokens, by source: when the next may be answered */
	struct np_msg order;   /* from the control thread: stop */
	struct np_msg ended;   /* to the control thread: no coroutine is left */
	struct np_event gone;  /* control thread */
	struct np_worker *control; /* const */
};

/* admin_open: accept at each socket that is there and not open.   Calls  admin worker. */
void admin_open(struct admin *a);
/* admin_handover_init: p->upgrade.control: how the control thread takes the sockets to another process, and back.
 *   Calls  control thread, before a's first client. */
void admin_handover_init(struct admin *a);

/* One connection. */
#define ADMIN_WHO 128 /* bytes, with the NUL */
#define ADMIN_DID 256

struct client {
	struct admin *admin;
	struct admin_at *at;
	struct np_fd fd;
	struct list link;      /* in admin.clients */
	struct list wait;      /* in admin.waiting, while it waits */
	struct np_addr peer_addr; /* of TCP */
	struct np_peer peer;   /* of a Unix socket; its pidfd is closed */
	bool spare;            /* it uses the descriptor that is kept back */
	bool evicted;          /* it was told to go: its place is another's */
	bool beyond;           /* TCP, and not of this machine alone */
	bool authorized;       /* TCP: it showed a token */
	bool close;            /* after this answer */
	bool streams;          /* its answer goes on as something happens; its read side wakes it */
	bool linger;           /* unread bytes are taken before the close, so that the answer arrives */
	char *in;              /* bytes read; NULL between two requests */
	size_t n;              /* how many of them */
	char *body;            /* of the request under way; NULL: none */
	struct http_request request;
	bool conditional;      /* a change that is made only while generation `match` is in force: If-Match */
	uint64_t match;
	const char *rest;      /* of the path, behind a route that ends with a slash */
	int64_t began;         /* when the head was whole */
	char did[ADMIN_DID];   /* what the request changed, with the old value, for the audit line; "": nothing said */
};

/* An answer under way. A short body goes out whole, with its length; of a longer one each full block goes out as a
 * chunk. */
struct reply {
	struct client *c;
	struct text body;   /* the block under way; handlers append here */
	unsigned status;
	const char *type;
	const char *allow;  /* of a 405 */
	const struct asset *asset; /* its bytes are the body, and body is empty; NULL: none */
	bool begun;         /* the head has gone out, so blocks follow */
	bool head_only;
	int err;            /* of writing: what follows is dropped */
};

/* A row of admin_tbl.h. */
struct route_row {
	const char *path;  /* one that ends with a slash takes all below it, but for the root */
	unsigned methods;  /* of enum http_method */
	void (*handle)(struct client *c, struct reply *r);
	bool open;         /* beyond loopback without a token, too */
};

/* ---- admin_accept.c, admin_client.c ---- */

void admin_accept_main(void *at);     /* a coroutine's; the argument is a struct admin_at */
/* The requests of a client, one after the other.   Returns  when it is to be closed. */
void admin_client_main(struct client *c);
/* Our end is said; what still comes is read and dropped, so that a close with bytes unread does not destroy the
 * answer.   Parks  ADMIN_LINGER at most. */
void admin_linger(const struct admin *a, struct np_fd *fd);
void admin_client_wait(struct client *c); /* it has no whole request; the back of the list */
void admin_client_work(struct client *c); /* it has */
/* The deadline that is ns away, or the end of the process if that comes first. */
int64_t admin_deadline(const struct admin *a, int64_t ns);

/* ---- admin_gate.c ---- */

/* May this request be answered?   Returns  true; or false, and r is the refusal.   Parks: a wrong token. */
must_use bool admin_gate(struct client *c, const struct route_row *row, struct reply *r);
/* admin_who: who asks: "uid 0 gid 0 pid 12 comm staunch", or an address of TCP. */
void admin_who(const struct client *c, char out[ADMIN_WHO]);
/* One line for a request that changes something, or was refused to. */
/* refused: by the gate; strangers can bring that about as often as they like. */
void admin_audit(const struct client *c, unsigned status, bool refused);

/* Has a client of the socket gone without waiting for its answer? */
bool admin_hung_up(const struct client *c);

/* Has the reader of a stream ended, now that it can be read? Such a connection is closed afterwards. Does not park. */
bool admin_reader_left(struct client *c);

/* ---- admin_reply.c ---- */

#define REPLY_BLOCK 16384

/* reply_room: there is room for n bytes more, after a block has gone out where need be. n <= REPLY_BLOCK.
 *   Returns  false: the client is gone, so the handler may stop.   Parks. */
bool reply_room(struct reply *r, size_t n);
/* reply_text: append as many bytes as there are, a block at a time.   Parks. */
void reply_text(struct reply *r, const char *text);
/* reply_error: the body becomes {"schema":1,"error":{...}}. where, help: may be NULL. */
void reply_error(struct reply *r, unsigned status, const char *message, const char *help);
/* reply_object: {"schema":1,"generation":n,"time":"...", left open. */
void reply_object(struct reply *r, struct json *j, uint64_t generation);
/* reply_send: what is left.   Returns  0 or the error.   Parks. */
must_use int reply_send(struct reply *r);

/* ---- admin_orders.c ---- */

/* admin_order: post an order and wait for its answer.
 *   Returns  the order, which the caller gives to admin_order_free; NULL: no memory, or no answer within
 *            patience ns (0: as long as it takes).   Parks.   Owns  what->question, what->plan. */
must_use struct order *admin_order(struct client *c, const struct order *what, int64_t patience);
/* admin_order_conflict: why o, which came back with -NP_ECANCELED or -EBUSY, is not obeyed now; NULL is the former. */
const char *admin_order_conflict(const struct order *o);
void admin_order_free(struct order *o);

/* admin_match_read: what If-Match of a change asks for, into c->conditional and c->match.
 *   Returns  false: it is neither a generation nor *, and r is the refusal. */
must_use bool admin_match_read(struct client *c, struct reply *r);
/* admin_match_refuse: another generation than c->match is in force. */
void admin_match_refuse(const struct client *c, struct reply *r, uint64_t in_force);
/* admin_order_stale: did o come back because of its generation? Then r is the refusal. o may be NULL. */
must_use bool admin_order_stale(const struct client *c, struct reply *r, const struct order *o);

/* ---- admin_limits.c ---- */

/* admin_limits: each limit, as the member "limits" of the status.   Parks. */
void admin_limits(struct json *j, struct client *c, struct reply *r, const struct order *o);

/* ---- admin_warnings.c ---- */

/* admin_warnings: what to look at, as the member "warnings" of the status.   Parks. */
void admin_warnings(struct json *j, struct client *c, struct reply *r, const struct order *o);

/* ---- admin_listeners.c ---- */

/* show_begin: the object of what there is, with its list open.
 *   Returns  the inventory, held until show_end; NULL: r is the refusal. */
must_use struct inventory *show_begin(struct client *c, struct reply *r, struct json *j, const char *list);
/* The list and the object are closed. */
void show_end(struct reply *r, struct json *j, struct inventory *inv);

/* ---- admin_upstreams.c ---- */

/* show_tier: one tier of u as an object: how many servers, and how many of them are usable; named: with the upstream's
 * name, too. */
void show_tier(struct json *j, const struct inventory *inv, const struct inventory_upstream *u, unsigned tier,
	       bool named);

/* ---- admin_override.c ---- */

/* override_put: what an operator has set, as members of the open object: each setting, and when it ends. */
void override_put(struct json *j, const struct server_inputs *in, const int64_t ends[SERVER_SETS]);

/* ---- admin_dashboard.c ---- */

/* A file of the dashboard, as the build made it. */
struct asset {
	const char *path, *type;
	const char *bytes, *end; /* by gzip */
	const char *etag;        /* of the bytes, with its quotes */
};
/* The lines of the head that only an asset's answer has. */
void asset_put_head(const struct asset *a, struct text *t);

/* ---- handlers ---- */

void admin_livez(struct client *c, struct reply *r);
void admin_readyz(struct client *c, struct reply *r);
void admin_metrics(struct client *c, struct reply *r);
void admin_status(struct client *c, struct reply *r);
void admin_listeners(struct client *c, struct reply *r);
void admin_upstreams(struct client *c, struct reply *r);
void admin_servers(struct client *c, struct reply *r);
void admin_certificates(struct client *c, struct reply *r);
void admin_config(struct client *c, struct reply *r);
void admin_dashboard(struct client *c, struct reply *r);
void admin_history(struct client *c, struct reply *r);
void admin_events(struct client *c, struct reply *r);
void admin_explain(struct client *c, struct reply *r);
void admin_plan(struct client *c, struct reply *r);
void admin_conns(struct client *c, struct reply *r);
void admin_kill(struct client *c, struct reply *r);
void admin_trace(struct client *c, struct reply *r);
void admin_reload(struct client *c, struct reply *r);
void admin_drain(struct client *c, struct reply *r);
void admin_upgrade(struct client *c, struct reply *r);
void admin_logs(struct client *c, struct reply *r);
void admin_log(struct client *c, struct reply *r);
void admin_override(struct client *c, struct reply *r);

#endif
