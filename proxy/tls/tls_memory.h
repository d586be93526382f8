/* tls_memory: secrets do not outlive their connection: OpenSSL's freed memory, and the stacks of
 * coroutines that shook hands, are wiped. And whether OpenSSL itself got its memory. */
#ifndef PROXY_TLS_TLS_MEMORY_H
#define PROXY_TLS_TLS_MEMORY_H

#include "netpoll/base.h"

/* From now on each block that OpenSSL frees is wiped first, up to its usable size, if its size can be
 * that of a secret: tls_memory.c.
 *   Returns  false: OpenSSL has allocated already, and goes on without.   Calls  first in main. */
bool tls_memory_init(void);

/* Wipes the stack below the caller's frame, as deep as a handshake goes. Owner worker, a coroutine:
 * the thread's own stack may be shorter. */
void tls_memory_wipe_stack(void);

/* tls_memory_failures: how often OpenSSL got no memory. It goes on and says something else: that a key
 * is broken, or that no cipher fits. Any thread. */
unsigned tls_memory_failures(void);

/* tls_memory_leave: a thread that called OpenSSL calls it no more. Otherwise its end frees what OpenSSL
 * kept for it, and may do so while exit(3) on another thread takes OpenSSL down. */
void tls_memory_leave(void);

/* tls_memory_ready: OpenSSL has its own context. Where there was no memory for it, functions that
 * use it crash instead of failing (3.0: RAND_priv_bytes takes a lock that is not there). */
must_use bool tls_memory_ready(void);

#endif
