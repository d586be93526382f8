/* handover_tbl: the kinds of message and the tags of fields with which a process hands its work to the next one. A number
 * is never used for anything else: releases of one major version read each other. The order of the kinds is that of a
 * hand-over's steps.
 *
 * Message kinds       HANDOVER_KIND_TBL(X)  X(NAME, number)
 * Tags of fields      HANDOVER_TAG_TBL(X)   X(NAME, number): unique over all messages; `must` is said by the writer */
#ifndef PROXY_PROTO_HANDOVER_TBL_H
#define PROXY_PROTO_HANDOVER_TBL_H

/* old: the process that serves; new: the one that it has started. */
#define HANDOVER_KIND_TBL(X)                                                                      \
	X(HELLO, 1)       /* both: who I am; the first message of each */                         \
	X(REFUSED, 2)     /* new: I cannot take over, and this is why; then it ends */            \
	X(LISTENERS, 3)   /* old: listening sockets, with their descriptors */                    \
	X(READY, 4)       /* new: the configuration is loaded, workers run, nothing is accepted */ \
	X(STATE, 5)       /* old: what it knows; as many as it takes */                           \
	X(GO, 6)          /* old: accept */                                                       \
	X(ACCEPTING, 7)   /* new: clients are accepted here */                                    \
	X(CONNS, 8)       /* old: connections, with their descriptors */                          \
	X(ACK, 9)         /* new: built, not running; those it cannot take, by index */           \
	X(RUN, 10)        /* old: they are yours; it has forgotten them */                        \
	X(DONE, 11)       /* old: all that can move at once has moved */                          \
	X(COUNTERS, 12)   /* old: what is new of its state; a body as STATE's */                  \
	X(SIGNAL, 13)     /* new: an order to stop or to reopen logs, passed on to old */         \
	X(BYE, 14)        /* old: nothing is left here */

#define HANDOVER_TAG_TBL(X)                                                                       \
	/* HELLO */                                                                               \
	X(VERSION, 1)          /* text */                                                         \
	X(MINOR, 2)            /* of the protocol */                                              \
	X(CLOCK, 3)            /* CLOCK_MONOTONIC now, ns */                                      \
	/* REFUSED */                                                                             \
	X(EXIT_CODE, 10)                                                                          \
	X(TEXT, 11)            /* a sentence, or a report of several lines */                     \
	/* LISTENERS: a group each */                                                             \
	X(SOCKET, 20)          /* group: one bind address */                                      \
	X(SOCKET_ADDR, 21)     /* struct sockaddr, as configured */                               \
	X(SOCKET_FDS, 23)      /* how many of the message's descriptors are its, in order */      \
	X(SOCKET_LOCK, 25)     /* 1: the last of its descriptors is the lock of its file */       \
	X(SOCKET_KEPT, 26)     /* 1: the service manager keeps its sockets, too */                \
	/* STATE: a group for each item of a part (proxy/control/upgrade_state.h) */              \
	X(STATE_IDS, 200)                                                                         \
	X(IDS_EPOCH, 201)      /* wall clock less monotonic, ns */                                \
	X(IDS_SEED, 202)                                                                          \
	X(IDS_LAST, 203)       /* the accept of the latest connection */                          \
	X(STATE_COUNTS, 210)   /* numbers of one object */                                        \
	X(COUNTS_CELL, 211)    /* what they are of: struct cell_names */                          \
	X(COUNTS_NAME, 212)    /* of the listener, of the upstream; none: those that are no more */ \
	X(COUNTS_SERVER, 213)                                                                     \
	X(COUNTS_ROW, 214)     /* of the numbers that follow: struct cell_row */                  \
	X(COUNTS_NUMBERS, 215) /* 8 bytes each: to be added */                                    \
	X(STATE_TICKETS, 240)                                                                     \
	X(TICKETS_KEYS, 241)   /* next, current, previous: name, AES key, HMAC key of each */      \
	X(TICKETS_ROTATED, 242) /* seconds since 1970 */                                          \
	X(STATE_OVERRIDES, 243)                                                                   \
	X(OVERRIDES_TEXT, 244) /* as in the state file; some of them, or none at all */           \
	X(STATE_SERVERS, 245)  /* one server */                                                   \
	X(SERVER_NAME, 246)    /* "upstream/address" */                                           \
	X(SERVER_CHECK, 247)   /* the verdict, by its word */                                     \
	X(SERVER_CHECK_SINCE, 248)                                                                \
	X(SERVER_BACK, 249)    /* when it was usable again: slow start */                         \
	X(SERVER_PASSIVE, 250) /* the state, by its word */                                       \
	X(SERVER_FAULT, 251)   /* the same of the last failure */                                 \
	X(SERVER_ROW, 252)                                                                        \
	X(SERVER_EJECTIONS, 253) /* those that are not lived down */                              \
	X(SERVER_UNTIL, 254)                                                                      \
	X(SERVER_OVER, 255)                                                                       \
	X(SERVER_SINCE, 256)                                                                      \
	X(SERVER_FLAGS, 257)   /* enum handover_server_flag */                                    \
	X(STATE_NAMES, 258)                                                                       \
	X(NAMES_TEXT, 259)     /* as in the state file */                                         \
	X(STATE_LIMITS, 260)   /* one limit */                                                    \
	X(LIMITS_KIND, 261)    /* its word: proxy/control/upgrade_limits.c */                     \
	X(LIMITS_NAME, 262)    /* of the listener, the upstream; of a server "upstream/address" */ \
	X(LIMITS_USED, 263)    /* places that are taken there; absolute */                        \
	X(LIMITS_HITS, 264)    /* to be added */                                                  \
	X(LIMITS_HIGH, 265)                                                                       \
	X(STATE_SOURCES, 280)  /* one source of clients, or a listener's rate: without an address */ \
	X(SOURCE_LISTENER, 281)                                                                   \
	X(SOURCE_ADDR, 282)    /* 16 bytes: a prefix */                                           \
	X(SOURCE_BITS, 283)                                                                       \
	X(SOURCE_CONNS, 284)                                                                      \
	X(SOURCE_FULL, 285)    /* when its bucket is full again: CLOCK_MONOTONIC, ns */           \
	/* CONNS, ACK, RUN */                                                                     \
	X(BATCH, 80)           /* its number */                                                   \
	X(CONN, 81)            /* group: one connection, in the order of the descriptors */       \
	X(NOT_TAKEN, 82)       /* of ACK and RUN: a connection's index there */                 \
	X(SIGNAL_BY, 84)       /* of SIGNAL, TERM: what is left there ends by then; CLOCK_MONOTONIC, ns */ \
	X(INDEX, 83)                                                                              \
	X(FROZEN, 85)          /* of CONNS: when the first of them stood still; CLOCK_MONOTONIC, ns */ \
	X(CONN_FDS, 90)        /* how many descriptors are its: client, server, pipes */          \
	X(CONN_ID, 91)         /* 16 bytes, if it was told */                                     \
	X(CONN_LISTENER, 92)                                                                      \
	X(CONN_UPSTREAM, 93)                                                                      \
	X(CONN_SERVER, 94)                                                                        \
	X(CONN_PEER, 95)       /* struct sockaddr */                                              \
	X(CONN_CLIENT, 96)     /* struct sockaddr: whom a PROXY header named */                   \
	X(CONN_SNI, 97)                                                                           \
	X(CONN_DETAIL, 98)                                                                        \
	X(CONN_ACCEPTED, 99)                                                                      \
	X(CONN_CONNECTED, 100)                                                                    \
	X(CONN_FIRST_BYTE, 101)                                                                   \
	X(CONN_HARD_DEADLINE, 102)                                                                \
	X(CONN_RETRIES, 103)                                                                      \
	X(CONN_ERR, 104)                                                                          \
	X(CONN_FIRST_END, 105)                                                                    \
	X(CONN_FLAGS, 106)     /* enum handover_conn_flag */                                      \
	X(CONN_RULE, 107)                                                                         \
	X(CONN_QUEUED, 108)                                                                       \
	X(CONN_DIR, 110)       /* group, twice: client to server, server to client */             \
	X(DIR_BYTES, 111)                                                                         \
	X(DIR_ACTIVE, 112)                                                                        \
	X(DIR_FLAGS, 113)      /* enum handover_dir_flag */                                       \
	X(DIR_REST, 114)                                                                          \
	X(CONN_TLS, 130)       /* group, once for each side that speaks TLS */                    \
	X(TLS_SIDE, 131)       /* 0: towards the client, 1: towards the server */                 \
	X(TLS_VERSION, 132)                                                                       \
	X(TLS_SUITE, 133)                                                                         \
	X(TLS_KEY_IN, 134)     /* group */                                                        \
	X(TLS_KEY_OUT, 135)    /* group */                                                        \
	X(KEY_SECRET, 136)     /* TLS 1.3: the traffic secret; TLS 1.2: the key */                \
	X(KEY_IV, 137)                                                                            \
	X(KEY_SEQ, 138)                                                                           \
	X(KEY_EXPLICIT, 139)                                                                      \
	X(TLS_UNREAD, 140)     /* ciphertext that was received and not opened */                  \
	X(TLS_BACKLOG, 141)    /* ciphertext that waits for room */                               \
	X(TLS_SPILT, 142)      /* opened, not taken */                                            \
	X(TLS_MESSAGE, 143)    /* the beginning of a handshake message */                         \
	X(TLS_SKIP, 144)                                                                          \
	X(TLS_FLAGS, 145)      /* enum handover_tls_flag */                                       \
	X(TLS_ERR, 146)                                                                           \
	X(TLS_KNOWN, 147)      /* group: facts for the log */                                     \
	X(TLS_LIMITS, 148)     /* counts of empty records, warnings, changes of keys */           \
	X(TLS_UP_SINCE, 149)                                                                      \
	X(TLS_CAUSE, 160)      /* text: why it broke */                                           \
	X(LIMIT_EMPTIES, 161)                                                                     \
	X(LIMIT_WARNINGS, 162)                                                                    \
	X(LIMIT_UPDATES, 163)                                                                     \
	X(LIMIT_SINCE, 164)                                                                       \
	X(KNOWN_PROTOCOL, 165)                                                                    \
	X(KNOWN_CIPHER, 166)   /* as OpenSSL names it */                                          \
	X(KNOWN_FLAGS, 167)    /* enum handover_known_flag */                                     \
	X(KNOWN_SNI, 168)                                                                         \
	X(KNOWN_ALPN, 169)                                                                        \
	X(KNOWN_SUBJECT, 170)                                                                     \
	X(KNOWN_CN, 171)                                                                          \
	X(CONN_UPDATE_AT, 172) /* the last record of log.periodic: its time, and the bytes then */ \
	X(CONN_UPDATE_IN, 173)                                                                    \
	X(CONN_UPDATE_OUT, 174)                                                                   \
	X(DIR_UNDELIVERED, 175)                                                                   \
	X(CONN_WAITS, 176)     /* enum handover_waits: it has no server; one descriptor */        \
	X(CONN_WAITS_SINCE, 177)                                                                  \
	X(CONN_WAITS_UNTIL, 178)                                                                  \
	X(CONN_READ, 179)      /* what the client has sent so far, from its first byte on */      \
	X(CONN_READ_FROM, 180) /* the first of these bytes that is passed on */                   \
	X(CONN_READ_FLAGS, 181) /* enum handover_read_flag */                                     \
	X(CONN_CERT, 182)      /* of the client, in DER: a server is to be told */

#endif
