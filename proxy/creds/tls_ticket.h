/* tls_ticket: the keys that session tickets are sealed with. One ring for all workers, and by its file for a fleet:
 *
 *   next       not used yet, but known: a machine that rotated a moment earlier seals with it
 *   current    seals; opens
 *   previous   opens; its tickets are replaced
 *
 * Rotation makes next current, current previous, and a new next. Two machines that rotate at the same time agree on
 * what seals, since both knew it before; what they disagree on, the new next, is settled by who writes the file last,
 * long before it is used. So the file needs no lock.
 *
 * The control thread alone changes a ring. Workers read it without a lock: words are copied between two looks at a
 * counter (a seqlock), and again if it moved. */
#ifndef PROXY_CREDS_TLS_TICKET_H
#define PROXY_CREDS_TLS_TICKET_H

#include <openssl/types.h>

#include "netpoll/base.h"
#include "proxy/base/text.h"

struct tls_key {
	uint8_t name[16], aes[32], hmac[32];
};

enum { TLS_KEY_NEXT, TLS_KEY_CURRENT, TLS_KEY_PREVIOUS, TLS_KEY_COUNT };

struct tls_keys {
	struct tls_key key[TLS_KEY_COUNT];
	int64_t rotated; /* seconds since 1970 */
};

struct tls_ticket_keys;

/* tls_ticket_keys_new: from its file; one that is not there is made, mode 0600; one that is stays as it is, however
 * old: the first tls_ticket_keys_refresh rotates it. path NULL: in memory alone. rotate: seconds
 * that a key seals. now: seconds since 1970.
 *   Returns  0, or why there is none; err says it with the file's name.   Calls  control thread. */
must_use int tls_ticket_keys_new(struct tls_ticket_keys **out, const char *path, int64_t rotate, int64_t now,
				 struct text *err);
struct tls_ticket_keys *tls_ticket_keys_free(struct tls_ticket_keys *r); /* NULL is fine; no context uses it */

/* tls_ticket_keys_refresh: takes over what another process wrote to the file, and rotates when it is time. To be
 * called now and then.
 *   Returns  1: the keys are others now; 0; or what is wrong with the file: then the keys stay as they were.
 *   Calls    control thread. */
must_use int tls_ticket_keys_refresh(struct tls_ticket_keys *r, int64_t now, struct text *err);
void tls_ticket_keys_set_rotate(struct tls_ticket_keys *r, int64_t rotate); /* a reload changed it. Control thread */
const char *tls_ticket_keys_path(const struct tls_ticket_keys *r);          /* NULL: none */
void tls_ticket_keys_read(const struct tls_ticket_keys *r, struct tls_keys *out); /* any thread */

/* What SSL_CTX_set_tlsext_ticket_key_evp_cb calls. */
int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		   int seal);

/* ---- tls_ticket_file.c ----------------------------------------------------------------------- */

must_use int tls_keys_load(const char *path, struct tls_keys *k, struct text *err);
/* Whole or not at all. fresh: -EEXIST when another process made it first. */
must_use int tls_keys_save(const char *path, const struct tls_keys *k, bool fresh, struct text *err);

#endif
