/* tls_memory: secrets do not outlive their connection: OpenSSL's freed memory, and the stacks of
 * coroutines that shook hands, are wiped. */
#ifndef PROXY_TLS_TLS_MEMORY_H
#define PROXY_TLS_TLS_MEMORY_H

#include "netpoll/base.h"

/* From now on every block that OpenSSL frees is wiped first, up to its usable size.
 *   Returns  false: OpenSSL has allocated already, and goes on without.   Calls  first in main. */
bool tls_memory_init(void);

/* Wipes the stack below the caller's frame, as deep as a handshake goes. Owner worker, a coroutine:
 * the thread's own stack may be shorter. */
void tls_memory_wipe_stack(void);

#endif
