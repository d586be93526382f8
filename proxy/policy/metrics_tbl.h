/* metrics_tbl: the families of the page, each once: scope, which objects have series of it, name, kind,
 * the names of its labels, help, the function that writes one object's, and the most series of one object. The families of
 * servers are the last, in the order in which they are left out beyond metrics.series. */
#ifndef PROXY_POLICY_METRICS_TBL_H
#define PROXY_POLICY_METRICS_TBL_H

#define METRICS_REASONS   (CLOSE_REASONS - 1)
#define METRICS_HISTOGRAM (HISTOGRAM_BUCKETS + 2)

#define METRICS_TBL(X) \
	X(PROCESS, ONE, "staunch_build_info", gauge, "version", \
	  "The running program.", build_info, 1) \
	X(PROCESS, ONE, "staunch_config_generation", gauge, "", \
	  "Number of the configuration in force.", generation, 1) \
	X(PROCESS, ONE, "staunch_config_last_reload_successful", gauge, "", \
	  "Whether the last reload was put into force; a start is one.", reloaded, 1) \
	X(PROCESS, ONE, "staunch_config_last_reload_success_timestamp_seconds", gauge, "", \
	  "When the configuration in force was put into force.", published, 1) \
	X(PROCESS, DROPPABLE, "staunch_metrics_left_out", gauge, "family", \
	  "Families that this page leaves out, since it would exceed metrics.series.", left_out, 1) \
	X(PROCESS, THREADS, "staunch_poll_wakeups_total", counter, "thread", \
	  "Calls of the poller, by thread.", wakeups, 1) \
	X(PROCESS, THREADS, "staunch_poll_loop_busy_seconds_total", counter, "thread", \
	  "CPU time of a worker's thread.", busy, 1) \
	X(PROCESS, ONE, "staunch_memory_bytes", gauge, "kind", \
	  "Memory of the process, by kind: anonymous is its own, file that of its program and libraries.", memory, 2) \
	X(PROCESS, ONE, "process_cpu_seconds_total", counter, "", \
	  "CPU time of all threads, in user and kernel mode.", process_cpu, 1) \
	X(PROCESS, ONE, "process_start_time_seconds", gauge, "", \
	  "When the process began.", process_began, 1) \
	X(PROCESS, ONE, "process_resident_memory_bytes", gauge, "", \
	  "Memory that is in use.", process_resident, 1) \
	X(PROCESS, ONE, "process_virtual_memory_bytes", gauge, "", \
	  "Addresses that are in use.", process_virtual, 1) \
	X(PROCESS, ONE, "process_open_fds", gauge, "", \
	  "Descriptors that are open.", process_descriptors, 1) \
	X(PROCESS, ONE, "process_max_fds", gauge, "", \
	  "Descriptors that may be open.", process_most_descriptors, 1) \
	X(PROCESS, ONE, "staunch_sources", gauge, "", \
	  "Sources that the table of per_source knows now: with connections, or with a rate that was used.", sources, 1) \
	X(PROCESS, LIMITS, "staunch_limit_usage", gauge, "limit, listener, upstream, server", \
	  "Places of a limit that are taken now.", limit_usage, 1) \
	X(PROCESS, LIMITS, "staunch_limit_max", gauge, "limit, listener, upstream, server", \
	  "Places that a limit has.", limit_max, 1) \
	X(PROCESS, LIMITS, "staunch_limit_high_water", gauge, "limit, listener, upstream, server", \
	  "The most places that were taken at a time.", limit_high, 1) \
	X(PROCESS, LIMITS, "staunch_limit_hits_total", counter, "limit, listener, upstream, server", \
	  "Times that a limit refused or held up a client.", limit_hits, 1) \
	X(LISTENER, CERTIFICATES, "staunch_tls_certificate_not_after_timestamp_seconds", gauge, "listener, file", \
	  "When a certificate expires.", certificate, 1) \
	X(LISTENER, LISTENERS, "staunch_connections_total", counter, "listener", \
	  "Client connections accepted, including those that a limit turned away.", connections, 1) \
	X(LISTENER, LISTENERS, "staunch_connections_active", gauge, "listener", \
	  "Client connections open now.", active, 1) \
	X(LISTENER, LISTENERS, "staunch_connections_closed_total", counter, "listener, reason", \
	  "Client connections ended, by reason.", closed, METRICS_REASONS) \
	X(LISTENER, LISTENERS, "staunch_connections_rejected_total", counter, "listener, reason", \
	  "Client connections turned away, by reason.", rejected, 0) \
	X(LISTENER, LISTENERS, "staunch_transferred_bytes_total", counter, "listener, direction", \
	  "Bytes relayed, also of live connections: in from the client, out to it.", bytes, 2) \
	X(LISTENER, LISTENERS, "staunch_splice_bytes_total", counter, "listener", \
	  "Those of the relayed bytes that went through a pipe, without a copy.", spliced, 1) \
	X(LISTENER, LISTENERS, "staunch_accept_queue_overflow_total", counter, "listener", \
	  "Clients that the kernel turned away because the accept queue was full.", overflows, 1) \
	X(LISTENER, LISTENERS, "staunch_source_limited_total", counter, "listener, limit, action", \
	  "Client connections beyond a limit of their source, by what became of them; dry_run: they were admitted.", \
	  source_limited, 2 * LIMITED_HOWS) \
	X(LISTENER, LISTENERS, "staunch_connection_blocked_seconds_total", counter, "listener, on", \
	  "Time in which bytes waited for room, looked at once a second: towards the server, towards the client.", \
	  blocked, 2) \
	X(LISTENER, LISTENERS, "staunch_connection_duration_seconds", histogram, "listener", \
	  "From the accept to the end of a connection.", lifetime, METRICS_HISTOGRAM) \
	X(LISTENER, LISTENERS, "staunch_upgrade_pause_seconds", histogram, "listener", \
	  "How long connections stood still while an upgrade moved them.", upgrade_pause, METRICS_HISTOGRAM) \
	X(LISTENER, LISTENERS, "staunch_tls_handshakes_total", counter, "listener, result, version, resumed", \
	  "TLS handshakes with clients, by result.", handshakes, 5) \
	X(LISTENER, LISTENERS, "staunch_tls_handshake_duration_seconds", histogram, "listener, side", \
	  "Durations of TLS handshakes that worked, with clients and with servers.", handshake, 2 * METRICS_HISTOGRAM) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_connect_duration_seconds", histogram, "upstream", \
	  "From the dial of a server until it accepted.", connect, METRICS_HISTOGRAM) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_first_byte_seconds", histogram, "upstream", \
	  "From the connect of a server to its first byte.", first_byte, METRICS_HISTOGRAM) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_retries_total", counter, "upstream", \
	  "Attempts to connect after a failed one of the same connection.", retries, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_panic", gauge, "upstream", \
	  "Whether servers that checks or failures hold out are used, since too little weight is usable.", panic, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_dns_members", gauge, "upstream", \
	  "Servers of an upstream that DNS has for the names among them.", dns_members, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_hedges_total", counter, "upstream, result", \
	  "Second dials beside a slow one, by what became of them; limited: none was made, for there were too many.", \
	  hedges, HEDGE_RESULTS) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_replays_total", counter, "upstream, result", \
	  "Connections that a server ended before its first byte: another was sent their bytes, or why not.", \
	  replays, REPLAY_RESULTS) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_queue_length", gauge, "upstream", \
	  "Connections that wait because every server is full.", queue_length, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_queue_high_water", gauge, "upstream", \
	  "The most connections that waited at a time.", queue_high, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_queue_timeouts_total", counter, "upstream", \
	  "Connections that left the queue because timeouts.queue was over.", queue_timeouts, 1) \
	X(UPSTREAM, UPSTREAMS, "staunch_upstream_queue_wait_seconds", histogram, "upstream", \
	  "How long connections waited in the queue, whether they got a server or not.", queue_wait, METRICS_HISTOGRAM) \
	X(SERVER, WARMED, "staunch_upstream_warm_connections", gauge, "upstream, server, state", \
	  "Connections to a server kept ready for clients: idle ones, those being made, and what is missing.", warm, 3) \
	X(SERVER, CHECKED, "staunch_healthcheck_total", counter, "upstream, server, result", \
	  "Checks of a server that have ended, by result; those that came too late are not among them.", checks, \
	  CHECK_RESULTS - 1) \
	X(SERVER, CHECKED, "staunch_healthcheck_late_total", counter, "upstream, server", \
	  "Checks of a server that failed while this machine was late with them: they prove nothing.", checks_late, 1) \
	X(SERVER, SERVERS, "staunch_upstream_early_ends_total", counter, "upstream, server, reason", \
	  "Connections that a server ended before its first byte, by reason; not all of them are its fault.", \
	  early_ends, 2) \
	X(SERVER, SERVERS, "staunch_upstream_ejections_total", counter, "upstream, server, reason", \
	  "Times that a server was left out for what became of its connections, by the last failure's reason.", \
	  ejections, FAULTS) \
	X(SERVER, SERVERS, "staunch_upstream_ejections_capped_total", counter, "upstream, server", \
	  "Times that a server was not left out, since too few would have stayed.", ejections_capped, 1) \
	X(SERVER, SERVERS, "staunch_upstream_probes_total", counter, "upstream, server, result", \
	  "Probes of a server that was left out, by result; left_out: not made, for want of a place or a descriptor.", \
	  probes, PROBE_RESULTS) \
	X(SERVER, SERVERS, "staunch_upstream_server_state", gauge, "upstream, server, input", \
	  "What holds a server out, by input: 0 it is good, 1 it holds the server out, 2 in between.", \
	  server_inputs, 5) \
	X(SERVER, SERVERS, "staunch_upstream_bytes_total", counter, "upstream, server, direction", \
	  "Bytes relayed by server, as those of listeners.", server_bytes, 2) \
	X(SERVER, SERVERS, "staunch_upstream_server_weight", gauge, "upstream, server", \
	  "Weight of a server; 0 takes no connections.", weight, 1) \
	X(SERVER, SERVERS, "staunch_upstream_connects_total", counter, "upstream, server, result", \
	  "Attempts to connect to a server, by result.", connects, 5) \
	X(SERVER, SERVERS, "staunch_upstream_connections_active", gauge, "upstream, server", \
	  "Connections and dials of a server now.", server_active, 1) \
	X(SERVER, SERVERS, "staunch_upstream_server_up", gauge, "upstream, server", \
	  "Whether a server may be picked; 0: one of its inputs, or its weight, holds it out.", server_up, 1)

#endif
