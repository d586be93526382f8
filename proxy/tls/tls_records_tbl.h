/* tls_records_tbl: who makes the records of a connection after its handshake, once: our own layer, or
 * OpenSSL's and for which reason. The word is the label of staunch_tls_records_total. */
#ifndef PROXY_TLS_TLS_RECORDS_TBL_H
#define PROXY_TLS_TLS_RECORDS_TBL_H

/*  code        word          sentence */
#define TLS_RECORDS_TBL(X)                                                                          \
	X(NONE, none, "the handshake is not complete")                                              \
	X(OWN, own, "our own layer")                                                                \
	X(CONFIGURED, configured, "the configuration says tls.records: openssl")                    \
	X(TICKET, ticket, "OpenSSL waits for the session ticket of a server")                       \
	X(CIPHER, cipher, "the own layer does not have the cipher")                                 \
	X(FRAGMENT, fragment, "shorter records were negotiated")                                    \
	X(EXTENSION, extension, "an extension was agreed on that the own layer does not know")      \
	X(UNREAD, unread, "OpenSSL holds a part of the next record")                                \
	X(COUNT, count, "it is not known how many records OpenSSL has sealed")                      \
	X(SECRET, secret, "the secrets were not seen: another provider derived them")               \
	X(CHECK, check, "the own keys did not open the last record that OpenSSL sealed")            \
	X(SUITE, suite, "the check at start has turned the own layer off for this suite")           \
	X(MEMORY, memory, "out of memory")

#endif
