/* tls_staple: what is stapled to a certificate, where it is fetched: one per certificate in the process, whichever
 * listeners and generations have it, so that a reload asks nobody anew.
 *
 *   control thread   current = a new answer; a message to each worker; then frees the old one
 *   worker i         now[i], a word of its own that only its message changes: read in a handshake, and copied
 *
 * So a handshake takes no lock, no reference and no atomic. Rejected: a reload per answer, which would build every
 * context anew, and a seqlock like that of the ticket keys, whose readers would copy up to 64 KiB. */
#ifndef PROXY_CREDS_TLS_STAPLE_H
#define PROXY_CREDS_TLS_STAPLE_H

#include "netpoll/base.h"
#include "proxy/creds/tls_ocsp.h"

/* Frozen. */
struct tls_answer {
	int64_t until; /* seconds since 1970: not sent from then on */
	size_t n;
	uint8_t der[];
};

struct tls_staple {
	struct list link;           /* control thread, as all below but now[] */
	uint8_t key[TLS_OCSP_KEY];  /* which certificate */
	char *name;                 /* owned: its file, for the log */
	struct tls_ocsp *question;  /* owned */
	struct tls_answer *current; /* owned; NULL: none */
	unsigned users;             /* contexts that serve it, and the attempt under way */
	int64_t due;                /* when it is asked about next; seconds since 1970 */
	unsigned failures;          /* in a row */
	bool asking;
	bool told;                  /* that there is an answer */
	unsigned nworkers;          /* const */
	struct tls_answer *now[];   /* one per worker, its owner's alone */
};

must_use struct tls_answer *tls_answer_new(const void *der, size_t n, int64_t until); /* NULL: no memory */

/* tls_staple_get: the one of `all` for c's first certificate, made when there is none yet. name: its file.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: *why as tls_ocsp_new's.
 *   Owns     a use of it, to be given back with put. Control thread. */
struct tls_staple_wanted {
	struct list *all;
	const struct tls_cert *cert;
	const char *name;
	unsigned nworkers;
};
must_use int tls_staple_get(const struct tls_staple_wanted *w, struct tls_staple **out, const char **why);
void tls_staple_use(struct tls_staple *s); /* one more */
void tls_staple_put(struct tls_staple *s); /* the last one frees it: no worker reads it any more. Takes NULL */

#endif
