/* config_enum_tbl: the words of each enumeration of the model: constant, word, meaning. */
#ifndef CONFIG_CONFIG_ENUM_TBL_H
#define CONFIG_CONFIG_ENUM_TBL_H

/* The first severity is the least. */
#define CONFIG_LEVEL_TBL(X)                                                       \
	X(DEBUG, "debug", "everything, for people who read the source beside it") \
	X(INFO, "info", "what an operator may want to look up later")             \
	X(NOTICE, "notice", "rare events of a healthy process: start, reload, stop") \
	X(WARNING, "warning", "something is degraded and goes on")                \
	X(ERROR, "error", "something did not work")

#define CONFIG_FORMAT_TBL(X)                                                                      \
	X(AUTO, "auto", "text on a terminal, journal where systemd reads it, json elsewhere")     \
	X(JSON, "json", "one JSON object to a line")                                              \
	X(TEXT, "text", "sentences and key=value pairs, for eyes and grep")                       \
	X(JOURNAL, "journal", "text behind <N>, its level, for journalctl -p")

#define CONFIG_TCP_INFO_TBL(X)                                                                       \
	X(AUTO, "auto", "of a connection that lasted a second or did not end cleanly")               \
	X(ALWAYS, "always", "of each connection")                                                    \
	X(OFF, "off", "of none")

/* Those of syslog(3) that a program may use. */
#define CONFIG_FACILITY_TBL(X)                                  \
	X(USER, "user", "1: a program without another one")     \
	X(MAIL, "mail", "2")                                    \
	X(DAEMON, "daemon", "3: a service of the system")       \
	X(AUTH, "auth", "4")                                    \
	X(SYSLOG, "syslog", "5")                                \
	X(LPR, "lpr", "6")                                      \
	X(NEWS, "news", "7")                                    \
	X(UUCP, "uucp", "8")                                    \
	X(CRON, "cron", "9")                                    \
	X(AUTHPRIV, "authpriv", "10")                           \
	X(FTP, "ftp", "11")                                     \
	X(LOCAL0, "local0", "16: this and the next are yours")  \
	X(LOCAL1, "local1", "17")                               \
	X(LOCAL2, "local2", "18")                               \
	X(LOCAL3, "local3", "19")                               \
	X(LOCAL4, "local4", "20")                               \
	X(LOCAL5, "local5", "21")                               \
	X(LOCAL6, "local6", "22")                               \
	X(LOCAL7, "local7", "23")

/* In the order of enum dns_family. */
#define CONFIG_FAMILY_TBL(X)                                                  \
	X(PREFER_V4, "prefer_v4", "IPv4; IPv6 where a name has no IPv4")      \
	X(PREFER_V6, "prefer_v6", "IPv6; IPv4 where a name has no IPv6")      \
	X(V4, "v4", "IPv4 alone")                                             \
	X(V6, "v6", "IPv6 alone")                                             \
	X(BOTH, "both", "all of both: a host that has one of each counts twice")

#define CONFIG_ON_TIMEOUT_TBL(X)                                              \
	X(AUTO, "auto", "default where a route has tls: none, else close")    \
	X(DEFAULT, "default", "route it as a client without TLS")             \
	X(CLOSE, "close", "close it")
#define CONFIG_AT_LIMIT_TBL(X)                                                \
	X(REFUSE, "refuse", "close it at once, so the client can go elsewhere") \
	X(WAIT, "wait", "leave it in the kernel's backlog until another ends")

#define CONFIG_IDLE_POLICY_TBL(X)                                                                         \
	X(STRICT, "strict", "it is closed, whoever is still there")                                       \
	X(ALIVE, "alive", "it is kept while both sides still answer the keepalive")

/* In the order of enum source_action. */
#define CONFIG_SOURCE_ACTION_TBL(X)                                           \
	X(RESET, "reset", "it is reset at once")                              \
	X(CLOSE, "close", "it is closed in good order")                       \
	X(WAIT, "wait", "it waits until there is room")

#define CONFIG_ON_FIN_TBL(X)                                                  \
	X(PASS, "pass", "it is passed on, and the other direction goes on")   \
	X(END, "end", "it ends the connection")

#define CONFIG_CONNECT_TBL(X)                                                 \
	X(ACCEPT, "accept", "at once, so that a server may speak first")      \
	X(FIRST_BYTE, "first_byte", "when the client has sent its first byte")

#define CONFIG_BALANCE_TBL(X)                                                               \
	X(ROUND_ROBIN, "round_robin", "in turn, by weight, evenly spread")                  \
	X(LEAST_CONN, "least_conn", "the fewest connections for its weight")                \
	X(RANDOM_TWO, "random_two", "the better of two drawn by lot")                       \
	X(SOURCE_HASH, "source_hash", "the same server for the same client address")        \
	X(MAGLEV, "maglev", "the same, by a table: quicker with many servers")

#define CONFIG_ON_DOWN_TBL(X)                                                        \
	X(KEEP, "keep", "they go on: a wrong verdict costs nothing")                \
	X(CLOSE, "close", "they are reset within five seconds, so that clients go elsewhere")

#define CONFIG_CHECK_INHERIT_TBL(X)                                                  \
	X(INHERIT, "inherit", "as the upstream's tls says, where there is one")     \
	X(ON, "on", "it does, also where the upstream passes bytes as they come")  \
	X(OFF, "off", "it does not, whatever the upstream does")

/* Whether a header stands before the client's bytes is never guessed: a client could write one itself. */
#define CONFIG_PROXY_IN_TBL(X)                                                       \
	X(OFF, "off", "clients connect directly; a header would be their payload")   \
	X(REQUIRED, "required", "a header, version 1 or 2, or the connection is closed")

#define CONFIG_UNTRUSTED_TBL(X)                                                     \
	X(CLOSE, "close", "it is closed before a byte is read")                     \
	X(IGNORE, "ignore", "its header is read and not believed: the client is who connected")

#define CONFIG_PROXY_OUT_TBL(X)                            \
	X(OFF, "off", "the server sees the proxy's address") \
	X(V1, "v1", "one line of text")                    \
	X(V2, "v2", "binary, and able to carry tlvs")

#define CONFIG_TLV_TBL(X)                                                            \
	X(AUTHORITY, "authority", "the name the client asked for (SNI)")             \
	X(ALPN, "alpn", "the protocol agreed with the client")                       \
	X(UNIQUE_ID, "unique_id", "the connection's id, as in the access log")       \
	X(SSL, "ssl", "TLS version, cipher, and the client certificate's common name") \
	X(CLIENT_CERT, "client_cert", "beside ssl, and within it: the client's whole certificate, in DER") \
	X(CRC32C, "crc32c", "a checksum of the header")

#define CONFIG_TLS_VERSION_TBL(X)   \
	X(1_2, "1.2", "TLS 1.2")    \
	X(1_3, "1.3", "TLS 1.3")

/* The same for some names of a listener. */
#define CONFIG_NAME_VERSION_TBL(X)                 \
	X(AUTO, "auto", "the listener's version")  \
	CONFIG_TLS_VERSION_TBL(X)

#define CONFIG_TLS_RECORDS_TBL(X)                                                             \
	X(OWN, "own", "staunch's own layer, and OpenSSL's where that one does not fit")         \
	X(OPENSSL, "openssl", "OpenSSL's alone")

#define CONFIG_TLS_TRUNCATED_TBL(X)                                                           \
	X(PASS, "pass", "an end like any other, logged as unclean")                             \
	X(RESET, "reset", "a broken connection: the other side is reset")

#define CONFIG_CLIENT_AUTH_TBL(X)                                                           \
	X(OFF, "off", "no certificate is asked for")                                        \
	X(OPTIONAL, "optional", "one is asked for; a bad one is refused, none is accepted") \
	X(REQUIRED, "required", "without a good one the handshake fails")

#define CONFIG_OPENING_TBL(X)                                             \
	X(ANY, "any", "whatever the client sends first, or nothing")      \
	X(ONLY, "only", "its first bytes are a TLS ClientHello")          \
	X(NONE, "none", "its first bytes are anything else")              \
	X(1_0, "1.0", "TLS 1.0 is the newest that it offers")             \
	X(1_1, "1.1", "TLS 1.1 is the newest that it offers")             \
	X(1_2, "1.2", "TLS 1.2 is the newest that it offers, or was agreed on") \
	X(1_3, "1.3", "TLS 1.3 is the newest that it offers, or was agreed on")

#endif
