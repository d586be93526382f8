/* access_tbl: every field of a record of the access log. The lines are written with these names, and staunch-log(7) is
 * made of them.
 *
 *   X(id, full, brief, help)
 *
 *   full   its name in JSON
 *   brief  its name in a line for people; NULL: it has no name there, or is not there. An address and its port are
 *          one word there, with the name of the address
 *   help   what it tells, as sentences; where "absent" is not said, each record has it
 *
 * Rows stand in the order of a line. A new field is a new row, and the call in log_line.c that writes it; programs of
 * users read these names, so none is taken away or given another meaning. Names with a known meaning are those of the
 * field's common conventions (client.address, network.peer.port, tls.cipher); all others begin with "staunch.". */
#ifndef PROXY_LOG_ACCESS_TBL_H
#define PROXY_LOG_ACCESS_TBL_H

/* Texts that only some connections have: a member of struct access_extra as well. All of them may hold hostile bytes. */
#define ACCESS_TEXT_TBL(X) \
	X(detail, "staunch.detail", "detail", \
	  "More words about why it ended: those of a TLS handshake, the limit's name. Absent where there are none.") \
	X(sni, "tls.client.server_name", "sni", \
	  "The name that the client asked for in its ClientHello, here or passed on. Absent if nobody looked, or none.") \
	X(alpn, "tls.next_protocol", "alpn", \
	  "The protocol that was agreed where TLS ends here. Absent if none was.") \
	X(version, "tls.protocol.version", "tls", \
	  "The version of the client's TLS. Absent where it does not end here, or was not agreed.") \
	X(cipher, "tls.cipher", "cipher", \
	  "The cipher suite of the client's TLS. Absent as the version.") \
	X(subject, "tls.client.subject", "subject", \
	  "The subject of the client's certificate. Absent if it showed none.") \
	X(upstream_version, "staunch.upstream_tls", "upstream_tls", \
	  "The version of the TLS with the server. Absent without it.")

/* Who and where. An address has its fields in JSON, a word in text. */
#define ACCESS_PEER_TBL(X) \
	X(time, "time", NULL, \
	  "When the record was made: at the end of the connection, at its begin, or at an update. The first word of a " \
	  "line of text.") \
	X(event, "event", "event", \
	  "connection_end; connection_start with log.start; connection_update with log.periodic. A line of text of an " \
	  "end leaves it out.") \
	X(client_address, "client.address", NULL, \
	  "The client: who connected, or whom a trusted PROXY header names; unix is a Unix socket. In text before the " \
	  "arrow.") \
	X(client_port, "client.port", NULL, \
	  "Its port. Absent for a Unix socket.") \
	X(accepted_address, "staunch.accepted.address", "at", \
	  "Our address to which the client connected. Absent for a Unix socket.") \
	X(accepted_port, "staunch.accepted.port", NULL, \
	  "Its port.") \
	X(local_address, "network.local.address", "local", \
	  "Our address towards the server, so that its log can be joined. Absent if none connected by TCP.") \
	X(local_port, "network.local.port", NULL, \
	  "Its port.") \
	X(peer_address, "network.peer.address", NULL, \
	  "The server's address: the last one that was tried. In text behind the arrow. Absent if none was tried.") \
	X(peer_port, "network.peer.port", NULL, \
	  "Its port.") \
	X(transport, "network.transport", NULL, \
	  "tcp or unix, on the client's side.") \
	X(type, "network.type", NULL, \
	  "ipv4, ipv6 or unix, on the client's side.")

/* How it ended, what passed, how long it took, and which objects of the configuration it had to do with. */
#define ACCESS_STORY_TBL(X) \
	X(close_reason, "staunch.close_reason", "reason", \
	  "Why it ended: one of the words under REASONS. Absent where it goes on.") \
	X(close_by, "staunch.close_by", "by", \
	  "Who ended it: client, server or proxy. Absent where it goes on.") \
	X(error, "staunch.errno", "errno", \
	  "The first error of a system call, by its name. Absent where there was none.") \
	X(bytes_in, "staunch.bytes_in", "in", \
	  "Bytes from the client that the server's socket took; with replay the last server's.") \
	X(bytes_out, "staunch.bytes_out", "out", \
	  "Bytes from the server that the client's socket took.") \
	X(start, "event.start", "start", \
	  "When it was accepted.") \
	X(duration, "staunch.duration_ms", "ms", \
	  "How long it lasted, or lasts so far, from the accept on.") \
	X(connect, "staunch.connect_ms", "connect_ms", \
	  "From the accept until a server had accepted. Absent if none did.") \
	X(first_byte, "staunch.first_byte_ms", "first_byte_ms", \
	  "From the accept until the server's first byte. Absent if none came.") \
	X(retries, "staunch.retries", "retries", \
	  "How many servers were tried after the first.") \
	X(listener, "staunch.listener", "listener", \
	  "The listener's name.") \
	X(upstream, "staunch.upstream", "upstream", \
	  "The upstream's name. Absent if no rule chose one.") \
	X(server, "staunch.server", "server", \
	  "The last server that was tried, as the configuration writes it. Absent if none was.")

/* What only some connections have, behind the texts. */
#define ACCESS_SOME_TBL(X) \
	X(connected_address, "staunch.connected.address", "via", \
	  "Who connected, where a PROXY header names another client.") \
	X(connected_port, "staunch.connected.port", NULL, \
	  "Its port.") \
	ACCESS_TEXT_TBL(X) \
	X(resumed, "tls.resumed", "resumed", \
	  "Whether the client resumed a TLS session. Absent where TLS does not end here.") \
	X(queued, "staunch.queue_ms", "queue_ms", \
	  "How long it waited in its upstream's queue for a server. Absent if it did not.") \
	X(interval, "staunch.interval_ms", "interval_ms", \
	  "The time since the update before, or since the accept. In an update, and in the end of who had one.") \
	X(bytes_in_delta, "staunch.bytes_in_delta", "in_delta", \
	  "What came to staunch.bytes_in in that time.") \
	X(bytes_out_delta, "staunch.bytes_out_delta", "out_delta", \
	  "What came to staunch.bytes_out in that time.") \
	X(unclean, "staunch.unclean", "unclean", \
	  "Who ended TLS without saying so: client, server or both. Bytes may be missing. Absent if nobody did.") \
	X(client_rtt, "staunch.client_rtt_us", "client_rtt_us", \
	  "The kernel's smoothed round trip to the client at the end, in microseconds. This and the next four: " \
	  "log.tcp_info says which records have them; absent for a Unix socket.") \
	X(client_retrans, "staunch.client_retrans", "client_retrans", \
	  "How many segments to the client were sent again.") \
	X(server_rtt, "staunch.server_rtt_us", "server_rtt_us", \
	  "The round trip to the server. Absent if none connected.") \
	X(server_retrans, "staunch.server_retrans", "server_retrans", \
	  "How many segments to the server were sent again. Absent as its round trip.") \
	X(bottleneck, "staunch.bottleneck", "bottleneck", \
	  "Who held it up: client_app or server_app took bytes too slowly, client_net or server_net is a network that " \
	  "did. Absent if nobody did.") \
	X(tried, "staunch.tried", "tried", \
	  "The first eight servers that were tried, in order, each with its server, result (connected, a reason, " \
	  "slow_connect and hedge_lost where another one was faster, or early_end and early_reset where it ended before " \
	  "its first byte and replay sent the client's bytes to another), errno and ms. Absent where the first one " \
	  "connected.") \
	X(tried_more, "staunch.tried_more", "tried_more", \
	  "How many servers were tried after those.")

/* The id is the last word of a line, so that it is found at once. */
#define ACCESS_FIELD_TBL(X) \
	ACCESS_PEER_TBL(X) \
	ACCESS_STORY_TBL(X) \
	ACCESS_SOME_TBL(X) \
	X(conn_id, "staunch.conn_id", "id", \
	  "The connection's id, a ULID: the same in all its records, in staunch trace, in /v1/conns and in the PROXY " \
	  "header that a server is sent.")

#endif
