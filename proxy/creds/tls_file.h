/* tls_file: small private files that the proxy itself writes: ticket keys, and OCSP responses that
 * it keeps. */
#ifndef PROXY_CREDS_TLS_FILE_H
#define PROXY_CREDS_TLS_FILE_H

#include "netpoll/base.h"

/* tls_file_replace: put n bytes in the file's place, mode 0600, on the disk before the old ones are
 * gone. fresh: the file must not exist.
 *   Returns  0; -EEXIST: fresh, and another process made it first; or an error.
 *   Calls    control thread; blocks on the disk. */
must_use int tls_file_replace(const char *path, const void *text, size_t n, bool fresh);

#endif
