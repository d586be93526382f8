/* event_tbl: every event of the process log: its word, which never changes, how severe it is, and what it means.
 * staunch-log(7) is made of these rows; tests/flow/cli_man_log_test.c holds the sources to them.
 *
 *   X(event, levels, help)     in the order of the alphabet
 *
 *   event   what programs look for. A new one is a new row; a word that is there is never given another meaning
 *   levels  of its lines, as log_msg is told. error: somebody must act, or a configuration was refused. warning: it
 *           goes on, but not as configured, or not for everybody. notice: what an operator wants to find afterwards.
 *           info and debug: what else may help
 *   help    one sentence: what happened, and what becomes of it. The line itself says to whom, and why */
#ifndef PROXY_LOG_EVENT_TBL_H
#define PROXY_LOG_EVENT_TBL_H

#define EVENT_TBL(X) \
	X(accept_paused, "warning", "A listening socket cannot accept, mostly for want of descriptors; it is tried again soon.") \
	X(accept_resumed, "notice", "It accepts again.") \
	X(access_log_dropping, "warning", "The access log is not taken fast enough: records are lost from here on.") \
	X(access_log_failed, "error", "The access log cannot be written; records wait meanwhile.") \
	X(access_log_lost, "warning", "So many access records could not be written before the end.") \
	X(access_log_recovered, "warning", "The access log is taken again; so many records were lost.") \
	X(access_log_reopen_failed, "error", "The access log's file cannot be opened again; the old one stays in use.") \
	X(audit, "notice", "A request changed something, or tried to: who, what, the answer.") \
	X(backlog_clipped, "warning", "The kernel's net.core.somaxconn is smaller than a listener's backlog.") \
	X(capacity, "notice", "How many workers there are, and for how many connections there are descriptors.") \
	X(certificate_expired, "warning", "A certificate in use has expired.") \
	X(certificate_expires, "warning", "A certificate in use expires within 30 days.") \
	X(config_changed, "notice", "The configuration's files have changed, and are loaded (control.watch).") \
	X(config_problem, "warning, error", "One problem of a configuration, where lines are no JSON.") \
	X(config_problems, "warning, error", "All problems of a configuration, as a list in problems.") \
	X(config_same, "debug", "The configuration's files were written again, and say what is in force (control.watch).") \
	X(confined, "notice", "What the kernel denies this process from its start on (sandbox), and what it lacks for more.") \
	X(connect_failed, "warning", "A server cannot be reached; who and why.") \
	X(control_accept, "warning", "The control plane cannot accept.") \
	X(control_failed, "error", "The control socket's directory is not safe; the start is refused.") \
	X(control_off, "warning", "The process runs without a control plane, or without one of its addresses.") \
	X(cpu_quota, "notice", "A control group allows less time than there are processors: so many workers.") \
	X(dns_back, "notice", "A name of servers is answered again.") \
	X(dns_changed, "info", "The servers of an upstream have changed, by DNS: which have come, which are gone.") \
	X(dns_cut, "warning", "A name has more addresses than are taken: so many are used.") \
	X(dns_dropped, "warning", "A name has had no address for longer than dns.hold: its servers are dropped.") \
	X(dns_failed, "warning", "A name cannot be looked up, and why; what is known of it stays in use.") \
	X(dns_left_out, "warning", "An address that a name has is not used as a server, and why.") \
	X(dns_recalled, "notice", "A name has no answer at a start: what a former process knew of it is used.") \
	X(drain_cut, "warning", "A second signal ended the drain.") \
	X(drain_deadline, "warning", "shutdown.timeout is over; what is left is cut.") \
	X(drained, "notice", "All connections have ended.") \
	X(draining, "notice", "The process was told to stop; so many connections are left.") \
	X(ejection_capped, "warning", "A server fails its connections, and is not left out: too few others would stay.") \
	X(few_descriptors, "warning", "The descriptor limit is lower than what is configured needs.") \
	X(files_back, "notice", "The files of TLS can be read again.") \
	X(files_changed, "notice", "A certificate, key or list has changed and is taken over.") \
	X(files_failed, "error", "A file cannot be read.") \
	X(files_late, "error", "A file is not read in time: a disk that hangs, or no file.") \
	X(health_off, "warning", "Servers that are left out are not probed, for want of a thread.") \
	X(killed, "notice", "An operator ended connections: how many, of how many, and which were meant.") \
	X(limit_over, "notice", "A limit does not act any more; so often it did.") \
	X(limit_reached, "warning", "A limit acts; what happens to who comes beyond it.") \
	X(limit_too_high, "error", "limits.max_connections is more than the descriptors are enough for.") \
	X(listen_failed, "error", "An address cannot be bound.") \
	X(listener_closed, "notice", "An address is no longer listened on.") \
	X(listener_lost, "warning", "An address's socket is gone, or another process has its file.") \
	X(listening, "notice", "An address is listened on.") \
	X(log_failed, "error", "The access log cannot be opened.") \
	X(log_level, "notice", "An operator chose another level of this log, or its time is over.") \
	X(log_lines_missing, "warning", "Lines of this log could not be written; missed says how many.") \
	X(logs_reopened, "notice", "USR1 or an order: logs are opened again.") \
	X(loop, "error", "A server's address leads back to this process.") \
	X(metrics_failed, "error", "Metrics are of older objects, for want of memory.") \
	X(notify_failed, "warning", "The service manager is told nothing: its socket cannot be used.") \
	X(ocsp_failed, "warning", "No OCSP response could be had from a responder.") \
	X(ocsp_not_kept, "warning", "An OCSP response could not be written beside its certificate.") \
	X(ocsp_revoked, "error", "A responder says that a certificate in use is revoked.") \
	X(ocsp_stapled, "debug, notice", "An OCSP response is stapled from here on.") \
	X(openssl_conf, "warning", "OpenSSL's own configuration file cannot be used.") \
	X(out_of_memory, "error", "A connection was closed, or something was not done for a server, for want of memory.") \
	X(override, "notice", "An operator changed a server's state, weight or limit.") \
	X(override_dropped, "notice, error", "An override is gone, because its server is, or for want of memory.") \
	X(override_ended, "notice", "The time of an override is over.") \
	X(overrides_in_force, "notice", "The state file holds overrides: which servers have them.") \
	X(panic, "warning", "So little of an upstream is usable that servers which checks or failures hold out are used again.") \
	X(panic_over, "notice", "Enough of it is usable again; for how long it was not.") \
	X(passed_lost, "error", "Sockets that systemd passed are not used, for want of memory.") \
	X(passed_unused, "warning", "No bind names a socket that systemd passed; it is closed.") \
	X(predecessor_ended, "notice", "The process from which this one has taken over has ended.") \
	X(rate_reached, "notice", "A listener has new connections faster than its rate: they are refused, or wait.") \
	X(ready, "notice", "All addresses are listened on; connections are served.") \
	X(relay_failed, "warning, error", "A system call failed as only this machine can be to blame for.") \
	X(reload_failed, "error", "A configuration is refused; the one before stays in force.") \
	X(reload_given_up, "notice", "An order to stop came before a reload was done.") \
	X(reload_partial, "warning, error", "A part of a new configuration waits for the next start, or failed.") \
	X(reloaded, "notice", "A configuration is in force; its generation.") \
	X(sandbox_denies, "error", "A configuration names a path that this process may not use before a restart; it is refused.") \
	X(server_agent, "notice", "A server's agent says something new, or is heard again: its line, and what counts of it.") \
	X(server_agent_lost, "warning", "A server's agent was not heard three times: what it said is forgotten.") \
	X(server_closed, "notice", "Connections of a server that is held out were ended (close_over), or that was called off.") \
	X(server_down, "warning", "The checks of a server that was up fail: no connection goes to it; why, and how many are left.") \
	X(server_in, "notice", "A server that was left out takes connections again; for how long it was out.") \
	X(server_not_up, "warning", "The first check of a server failed: no connection goes to it until one is good.") \
	X(server_out, "notice, warning", "A server is left out for a time: its connections failed; usable and servers count what is left.") \
	X(server_spare, "warning", "A server that takes no connection is used only where no other is left.") \
	X(server_up, "info, notice", "A server's checks are good: connections go to it; for how long it was down.") \
	X(signal, "notice", "A signal was received.") \
	X(source_limited, "notice", "A source of clients is at a limit of per_source: its new connections are refused, or wait.") \
	X(source_table_full, "warning", "All limits.sources have connections: new sources are not counted.") \
	X(splice_unavailable, "warning", "Bulk is copied, since the kernel refuses splice or pipes.") \
	X(start_failed, "error", "The process could not start; what it lacked.") \
	X(state_bad, "warning", "The state file cannot be read; it is moved aside.") \
	X(state_failed, "error", "The state file cannot be written.") \
	X(state_late, "warning", "The state file is not written in time.") \
	X(state_off, "warning", "There is no state file: overrides end with the process.") \
	X(state_written, "notice", "The state file is written again.") \
	X(stopped, "notice", "The process ends.") \
	X(store_full, "warning", "The service manager keeps fewer sockets than there are: the others would not survive a crash.") \
	X(stored_dropped, "notice", "A socket of a process that died is named no longer; it is closed.") \
	X(suppressed, "as of", "The end of an episode of event of: so many lines were left out.") \
	X(syslog_failed, "warning", "The syslog daemon takes nothing; its lines are counted, and it is tried again each second.") \
	X(syslog_recovered, "warning", "It takes lines again; so many it missed.") \
	X(ticket_keys, "info", "The keys of TLS tickets were rotated, or read anew.") \
	X(ticket_keys_failed, "warning", "The keys of TLS tickets cannot be had; the older ones stay.") \
	X(tls_check_failed, "error", "Records of our own do not fit OpenSSL's, which keeps such connections.") \
	X(tls_failed, "error", "A file of TLS cannot be used; the configuration is refused.") \
	X(tls_setting, "warning", "A setting of TLS has no effect, or is weak.") \
	X(tls_suite_off, "warning", "Connections with this cipher stay with OpenSSL.") \
	X(tokens_failed, "error", "control.token_file cannot be used; the configuration is refused.") \
	X(upgrade_failed, "error", "Another program could not take over, and why; the one before serves on.") \
	X(upgrade_forgets, "warning", "A part of what the process before knows is not understood by the one that takes over.") \
	X(upgrade_started, "notice", "Another program is started to take over.") \
	X(upgrade_stays, "warning", "A connection cannot move to the process that has taken over, and why.") \
	X(upgraded, "notice", "Another process serves; how many connections have moved there.") \
	X(upstream_down, "warning", "No server of an upstream can be used any more.") \
	X(upstream_tls_failed, "warning", "A TLS handshake with a server failed; who and why.") \
	X(upstream_up, "notice", "A server of an upstream can be used again, after there was none.") \
	X(watchdog_blind, "warning", "The service manager hears of the control thread alone, for want of memory.") \
	X(worker_stalled, "warning", "A worker's loop has not turned for half a second; what it runs.") \
	X(workers_clamped, "warning", "More workers than are supported.") \
	X(would_deny, "notice", "A source is at a limit of per_source; with dry_run its connections are admitted.")

#endif
