/* control: the process as its control thread sees it. Private to proxy/control/ and process.c.
 *
 * The control thread runs one netpoll worker like the others, the control worker, which relays
 * nothing. Its coroutines wait for a worker, a signal or a time in straight lines. */
#ifndef PROXY_CONTROL_CONTROL_H
#define PROXY_CONTROL_CONTROL_H

#include "proxy/conn/shard.h"
#include "proxy/control/file_work.h"
#include "proxy/control/manager.h"
#include "proxy/control/names.h"
#include "proxy/control/ocsp.h"
#include "proxy/control/orders.h"
#include "proxy/control/overrides.h"
#include "proxy/control/publish.h"
#include "proxy/control/server_close.h"
#include "proxy/control/state.h"
#include "proxy/control/upgrade.h"
#include "proxy/listen/bindings.h"
#include "proxy/policy/limit_watch.h"
#include "proxy/resolve/resolver.h"

struct tokens;

/* The control thread owns every field that does not say otherwise. */
struct process {
	const char *config_path; /* const; NULL: not from a file */
	struct registry registry;
	struct snapshot *snap; /* current; NULL before the first and after the last */
	struct limit limit; /* atomics: connections of the process; workers take from it */
	struct limit admin_clients; /* atomics: the admin worker's connections */
	struct limit_watch watch; /* of all limits */
	struct np_timer limits_timer; /* limits.c */
	unsigned pipes; /* const after init: per worker, for splicing */
	struct bindings bindings; /* open addresses */
	struct shard *shards; /* owned: one per worker */
	unsigned nshards; /* const after init: workers */
	struct np_worker **workers; /* owned */
	unsigned nworkers; /* started so far */
	unsigned nwatched; /* const while they run: of `workers`, those and behind them health and admin */
	struct worker_name {
		char text[16];
	} *names; /* owned: of the workers' threads; the watchdog and the kernel keep them */
	struct np_sysmon *sysmon;
	struct manager manager; /* what the service manager is told */
	struct log *log; /* access log; NULL: off */
	struct stats stats; /* what the control thread counts */
	struct resolver resolver; /* looks names up, on a thread of its own */
	bool resolver_hangs; /* it did not end: the process leaves without freeing what that thread may use */
	struct ocsp ocsp; /* fetches the responses that are stapled */
	struct file_work files_thread; /* reads files, so that this thread never waits for a disk */
	int64_t stop_by; /* drain: when the last connection must have ended; INT64_MAX: not set */
	unsigned old_logs; /* access logs that a reload replaced, while their writers still write */
	int64_t old_logs_by; /* drain: until when they may; INT64_MAX: not set */
	int64_t logs_by; /* drain: when both logs must have ended; INT64_MAX: not set */
	struct {
		struct inventory_reader *readers[PUBLISH_READERS]; /* the first nreaders */
		unsigned nreaders;
		bool numbers; /* one of them shows numbers */
		bool warm;    /* workers keep connections ready */
		uint32_t reload_failed; /* atomic: the last one was refused */
		const struct stats **stats; /* owned: of each shard and of this thread */
		int64_t log_every; /* log.periodic, ns; 0: off */
		struct np_timer tick; /* asks for a tally each second while numbers are shown, or log_every */
	} publishing; /* publish.h */
	uint64_t files; /* watch_files_state of the files in force; 0: there are none */
	uint64_t files_seen; /* the same at the last poll */
	uint64_t texts;      /* control.watch: watch_texts_state when what they say was looked at; 0: not yet */
	uint64_t texts_seen; /* the same at the last poll */
	uint64_t texts_generation; /* in force when that was looked at */
	int64_t loaded_at;   /* wall clock, ns: when the generation in force came into force */
	char *problems;      /* owned: of the last load, if it was refused (orders.h); NULL: none */
	char *problem;       /* owned: the first of them, in one line; NULL, too */
	char why[ORDER_WHY]; /* of the last reload, if it was refused; "": it was not */
	char changes[ORDER_CHANGES]; /* of the last one that was not (changes.h) */
	struct level_hold level; /* of the process log, if an operator chose one */
	struct names dns_names; /* of servers, and what DNS says of them */
	struct overrides overrides; /* what operators say of servers */
	struct server_closes closes; /* of servers that are held out */
	struct state state; /* the file that keeps it */
	struct upgrade upgrade; /* another program takes over, or this one has */
	struct list orders;  /* of struct order: not begun yet */
	struct list drains;  /* of struct order: to be answered when the drain is over */
	int64_t drain_delay, drain_timeout; /* what an order to drain said; negative: the configuration's */
	const char *version; /* const */
	int64_t started;     /* const: monotonic */
	uint32_t stage;      /* atomic: enum stage */
	struct health *health;   /* the same; NULL: its thread could not be had */
	struct np_worker *admin; /* const while the workers run; NULL: there is no control plane */
	struct tokens *tokens;   /* the admin worker's; owned; NULL: none have come yet */
};

#endif
