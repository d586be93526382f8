/* tls_ticket: the keys that session tickets are sealed with. All workers share them, and through a
 * file a fleet of machines does:
 *
 *   next       not used yet, but known: a machine that rotated a moment earlier seals with it
 *   current    seals; opens
 *   previous   opens; a ticket that it opens is replaced
 *
 * Rotation makes next current, current previous, and a new next. Two machines that rotate at the
 * same time agree on the key that seals, since both knew it before. They disagree only on the new
 * next, and the machine that writes the file last settles it, long before that key is used. So the
 * file needs no lock.
 *
 * Only the control thread changes the keys. Workers read them without a lock: they copy the words
 * between two looks at a counter (a seqlock), and copy again if it moved. */
#ifndef PROXY_CREDS_TLS_TICKET_H
#define PROXY_CREDS_TLS_TICKET_H

#include "netpoll/base.h"
#include "proxy/base/text.h"

/* RFC 5077, 4: the name tells which key sealed a ticket. */
struct tls_key {
	uint8_t name[16], aes[32], hmac[32];
};

enum { TLS_KEY_NEXT, TLS_KEY_CURRENT, TLS_KEY_PREVIOUS, TLS_KEY_COUNT };

/* A copy of all keys. Secret: cleanse it after use. */
struct tls_keys {
	struct tls_key key[TLS_KEY_COUNT];
	int64_t rotated; /* seconds since 1970 */
};

struct tls_ticket_keys;

/* tls_ticket_keys_new: keys from their file. A file that does not exist is made, mode 0600; an
 * existing one is left alone, however old: the first tls_ticket_keys_refresh rotates it. path NULL:
 * keys in memory alone. rotate: seconds that a key seals. now: seconds since 1970.
 *   Returns  0, or an error: err says it with the file's name.
 *   Calls    control thread; blocks on the disk.
 *   Owns     *out, written on success only: tls_ticket_keys_free. */
must_use int tls_ticket_keys_new(struct tls_ticket_keys **out, const char *path, int64_t rotate,
				 int64_t now, struct text *err);
/* Takes NULL, returns NULL. No context uses it any more. */
struct tls_ticket_keys *tls_ticket_keys_free(struct tls_ticket_keys *r);

/* tls_ticket_keys_refresh: reads the file if another process has written it, and rotates when it is
 * time. To be called now and then.
 *   Returns  1 if the keys changed, 0 if not, or an error (file unusable, keys kept).
 *   Calls    control thread; blocks on the disk. */
must_use int tls_ticket_keys_refresh(struct tls_ticket_keys *r, int64_t now, struct text *err);
/* tls_ticket_keys_rotate: rotates in memory alone if it is time: for keys that come into force, where
 * nothing may wait for a disk. The next refresh reads the file again and rotates there.
 * Control thread. */
void tls_ticket_keys_rotate(struct tls_ticket_keys *r, int64_t now);
/* tls_ticket_keys_put: these from now on, of keys in memory alone.   Calls  control thread. */
void tls_ticket_keys_put(struct tls_ticket_keys *r, const struct tls_keys *k);
/* A reload changed the age, in seconds, at which keys rotate. Control thread. */
void tls_ticket_keys_set_rotate(struct tls_ticket_keys *r, int64_t rotate);
/* Borrowed; NULL: keys in memory alone. */
const char *tls_ticket_keys_path(const struct tls_ticket_keys *r);
/* Copies all keys. Any thread; takes no lock. */
void tls_ticket_keys_read(const struct tls_ticket_keys *r, struct tls_keys *out);

#endif
