/* tls_ticket_file: the file of ticket keys. It is text, so that a fleet's tools can move it, and
 * private, because its reader can decrypt every session that it sealed.
 *
 *   staunch-ticket-keys 1
 *   rotated 1735689600
 *   next HEX            160 digits: 16 bytes of name, 32 for AES, 32 for HMAC
 *   current HEX
 *   previous HEX */
#ifndef PROXY_CREDS_TLS_TICKET_FILE_H
#define PROXY_CREDS_TLS_TICKET_FILE_H

#include "proxy/base/text.h"
#include "proxy/creds/tls_ticket.h"

/* tls_keys_load: read the file. A file that others may read is refused.
 *   Returns  0, or an error: err says it with the file's name.   Calls  control thread; blocks on
 *            the disk. */
must_use int tls_keys_load(const char *path, struct tls_keys *k, struct text *err);
/* tls_keys_save: replace the file as a whole, so that no reader ever sees half of one. fresh: the
 * file must not exist.
 *   Returns  0; -EEXIST: fresh, and another process made it first; or an error as tls_keys_load's.
 *            */
must_use int tls_keys_save(const char *path, const struct tls_keys *k, bool fresh,
			   struct text *err);

#endif
