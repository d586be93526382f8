/* admin_fields_tbl: the members of the objects in /v1/upstreams and /v1/servers, in their order, and what each means. A
 * member of a member is written with a dot. staunch-api(7) is made of these rows, and tests/flow/admin_fields_test.c
 * holds the answers to them: no member without its row, no row without its member.
 *
 *   X(member, help)     help: one sentence or two, in words that need no other page */
#ifndef PROXY_ADMIN_ADMIN_FIELDS_TBL_H
#define PROXY_ADMIN_ADMIN_FIELDS_TBL_H

/* Of both. */
#define COUNT_FIELD_TBL(X) \
	X("connects.ok", "Connects to it that worked, since the start.") \
	X("connects.refused", "Connects that were refused.") \
	X("connects.timeout", "Connects that nobody answered in time (timeouts.connect).") \
	X("connects.reset", "Connects that were reset.") \
	X("connects.failed", "Connects that failed in another way, TLS handshakes with it too.") \
	X("replayed", "Connections that it ended before its first byte, and that another server was given (replay).") \
	X("bytes_in", "Bytes from clients towards it.") \
	X("bytes_out", "Bytes from it towards clients.") \
	X("connect_ms.count", "Connects that were measured.") \
	X("connect_ms.p50", "Half of the connects took no longer, in ms; null: none was measured. As the next two, a bound " \
	  "of a bucket of the histogram.") \
	X("connect_ms.p90", "Nine in ten took no longer.") \
	X("connect_ms.p99", "99 in a hundred took no longer.") \
	X("first_byte_ms.count", "Connections that got a first byte.") \
	X("first_byte_ms.p50", "From the connect to the first byte of the server, as connect_ms.") \
	X("first_byte_ms.p90", "The same, nine in ten.") \
	X("first_byte_ms.p99", "The same, 99 in a hundred.") \
	X("rates.connects", "Connects that worked, a second, over the last ten seconds; as all rates.") \
	X("rates.failed", "Connects that did not work, and connections that were replayed, a second.") \
	X("rates.bytes_in", "Bytes towards it, a second.") \
	X("rates.bytes_out", "Bytes from it, a second.")

#define UPSTREAM_FIELD_TBL(X) \
	X("name", "The name in the file.") \
	X("balance", "How a server is chosen, as in the file.") \
	X("tls", "Whether its servers are spoken to over TLS.") \
	X("servers", "How many servers it has now, those that its names have included.") \
	X("usable", "How many of them may take connections.") \
	X("spare", "How many are used only where no other server of their tier is left.") \
	X("tiers.tier", "The rank of a tier, from 0: servers of a later one are used where those before it have no usable " \
	  "server, or too little weight (failover_below). Tiers come from priority, backup and zone.") \
	X("tiers.servers", "How many servers the tier has.") \
	X("tiers.usable", "How many of them are usable.") \
	X("tiers.spare", "How many of them are spare.") \
	X("panics", "Whether so little of it is usable that servers which checks or failures hold out are used again " \
	  "(panic).") \
	X("dns_members", "How many of its servers come from names, by what DNS says now; null: it lists no name.") \
	X("active", "Connections of its servers now, dials included.") \
	X("retries", "Attempts at another server after a failed one of the same connection, since the start.") \
	X("queue.length", "How many connections wait now, because every server has its max_connections.") \
	X("queue.max", "How many may wait (queue.max).") \
	X("queue.high", "The most that waited at a time.") \
	X("queue.refused", "How many were turned away, because the queue was full.") \
	X("queue.timed_out", "How many left it because timeouts.queue was over.") \
	X("rates.retries", "Such attempts, a second.")

#define SERVER_FIELD_TBL(X) \
	X("upstream", "The name of its upstream.") \
	X("server", "Its address. UPSTREAM/SERVER is its name for the verb server.") \
	X("name", "The name in the file that has this address, by what DNS says; null: none has.") \
	X("usable", "yes: it may take connections. spare: where no other server of its tier is left. no: it may not, but " \
	  "for a panic.") \
	X("why", "The first of the inputs below that is not good, as a word that never changes; null: all are good.") \
	X("why_text", "The same as a sentence, with what is known beside it.") \
	X("back_text", "What ends that, and when, behind \"back\"; null as why.") \
	X("note_text", "What is to be said of one that takes connections all the same: full, slow start; null: nothing.") \
	X("since", "Since when the same input decides; of a server that nothing has ever held out, since it is known.") \
	X("for_ms", "How long ago that is.") \
	X("admin", "What an operator says: ready, drain (no new connections), maint (and no checks).") \
	X("check", "What its check says: up, down, unknown (no result yet); null: it has none.") \
	X("last_check.result", "What the last check has found: ok, or what went wrong. null where there was none.") \
	X("last_check.errno", "The error of the system, if one was the cause.") \
	X("last_check.text", "The result as a sentence.") \
	X("last_check.at", "When that was.") \
	X("last_check.ago_ms", "How long ago that is.") \
	X("last_check.verdict_for_ms", "How long check has been as it is: it changes after rise or fall results in a row.") \
	X("passive.state", "What became of its clients' connections (health.passive): in; spare: its connects fail, but too " \
	  "few others would be left; out: it is left out for a time; trial: one connection tries it after that.") \
	X("passive.failures", "Failures in a row so far; at health.passive.failures it is left out.") \
	X("passive.last_failure", "The last of them: connect, slow_connect, early_end, early_reset, silent; null: none.") \
	X("passive.for_ms", "How long it has not been in; null: it is in.") \
	X("passive.trial_in_ms", "After how long one connection tries it: how long it is still left out; null: it is in.") \
	X("passive.ejections_remembered", "So often it was left out of late: each time doubles how long the next one lasts, " \
	  "and each such time of good service takes one off.") \
	X("dns", "What DNS says of the name that has this address: present; leaving: the name has it no longer, so its " \
	  "connections go on and no new one comes. Of an address in the file: present.") \
	X("agent.state", "What its agent says (health.agent): ready, drain, down. ready as well where there is no agent.") \
	X("agent.weight", "The share of its weight that the agent leaves it, in percent; null: it says none.") \
	X("agent.max_connections", "The limit that the agent gives; null: none.") \
	X("agent.said", "The agent's last line, as it came; null: none was heard.") \
	X("agent.last", "What became of the last contact to the agent, in the words of last_check.result.") \
	X("agent.last_ago_ms", "How long ago that is.") \
	X("answer_ms", "Within what time it must answer, or be counted as silent, as learnt from the other servers; null: " \
	  "too little is known.") \
	X("hedge_ms", "How long a dial of it may take before another server is dialled beside it, as learnt from its own " \
	  "connects; null: too little is known, so hedge alone says it.") \
	X("early_ends_count", "Whether an end before its first byte counts as a failure: only while other servers answer.") \
	X("slow_start_ms", "How long it has been back and gets less than its share (slow_start); null: it gets all of it.") \
	X("share_percent", "How much of its share it gets: less than 100 only while slow_start holds it back.") \
	X("slow_start_left_ms", "How long it is until it gets all of it; null: it does.") \
	X("backup", "Whether it stands in another tier than the first.") \
	X("priority", "Its priority, as in the file or from SRV.") \
	X("zone", "Its zone, as in the file.") \
	X("tier", "The rank of its tier, from 0, by priority and zone.") \
	X("weight", "Its weight in the file, or from SRV.") \
	X("effective_weight", "The weight that counts: with what an operator and its agent say of it.") \
	X("active", "Connections now, dials included.") \
	X("max_connections", "The most that it may have; null: no limit.") \
	X("full", "Whether it has that many.") \
	X("last_connect_error.reason", "Of the last connect that failed, or connection that was replayed: the close reason it would be; " \
	  "null: none has.") \
	X("last_connect_error.errno", "The error of the system.") \
	X("last_connect_error.text", "The same as words.") \
	X("last_connect_error.at", "When that was.") \
	X("last_connect_error.ago_ms", "How long ago that is.")

#endif
