/* tls_staple: the OCSP response that is stapled to a certificate and fetched from its responder.
 * There is one per certificate, issuer's file and cache in the process, whatever listeners and
 * generations serve it, so a reload that changes none of them fetches nothing. One of another
 * issuer or cache begins with the response that the certificate has, and asks anew.
 *
 *   control thread   current = a new response; a message to each worker; then it frees the old response
 *   worker i         now[i], its own pointer, which only that message changes: read and copied in a handshake
 *
 * So a handshake takes no lock, no reference and no atomic. Rejected: a reload per response, which
 * would build every context anew, and a seqlock like that of the ticket keys, whose readers would
 * copy up to 64 KiB. */
#ifndef PROXY_CREDS_TLS_STAPLE_H
#define PROXY_CREDS_TLS_STAPLE_H

#include "netpoll/base.h"
#include "proxy/creds/tls_digest.h"
#include "proxy/creds/tls_ocsp.h"

/* An OCSP response that was verified. Frozen. */
struct tls_answer {
	int64_t until; /* seconds since 1970: not sent from then on */
	size_t n;
	uint8_t der[];
};

/* Control thread, but for now[]. */
struct tls_staple {
	struct list link;           /* in tls_staple_wanted.all */
	uint8_t key[TLS_DIGEST];    /* const: which certificate, and issuer and cache as configured */
	uint8_t cert[TLS_OCSP_KEY]; /* const: which certificate */
	char *name;                 /* owned, const: the certificate's file, for the log */
	char *cache;                /* owned, const: the file that keeps the response; NULL: none */
	struct tls_ocsp *question;  /* owned, const */
	struct tls_answer *current; /* owned; NULL: none has been verified yet */
	int64_t until;              /* atomic: current's, for any thread; 0: there is none */
	unsigned users;             /* contexts that serve it, and the attempt under way */
	int64_t due;                /* when the responder is asked next; seconds since 1970 */
	unsigned failures;          /* in a row */
	bool asking;                /* an attempt is under way */
	bool unkept;                /* the cache has another response than current */
	bool told;                  /* the log says that there is a response */
	unsigned nworkers;          /* const: the length of now[] */
	struct tls_answer *now[];   /* one per worker. Owner worker i; borrowed from current */
};

/* tls_answer_new: a copy of n bytes. Returns NULL if there is no memory. Owns: the caller, free(3).
 * */
must_use struct tls_answer *tls_answer_new(const void *der, size_t n, int64_t until);

/* What tls_staple_get is asked for. All borrowed; name is copied. */
struct tls_staple_wanted {
	struct list *all;            /* of struct tls_staple: the process's */
	const struct tls_cert *cert;
	const char *name;            /* the certificate's file */
	const char *issuer; /* a file with its issuer's certificate; NULL: it is in the chain */
	const char *cache;  /* the file that keeps the response over restarts; NULL: none */
	unsigned nworkers;
};

/* tls_staple_get: the staple for the certificate's leaf, with this issuer and cache, made if there
 * is none yet.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: *why as tls_ocsp_new's.
 *   Calls    control thread.
 *   Owns     one use of it, to be given back with tls_staple_put. */
must_use int tls_staple_get(const struct tls_staple_wanted *w, struct tls_staple **out,
			    const char **why);
/* tls_staple_keep: write the current response to its cache file, if it has one that does not hold it
 * yet. One attempt for each response.
 *   Returns  0 or the error.
 *   Calls    the thread that has the registry; blocks on the disk. */
must_use int tls_staple_keep(struct tls_staple *s);
void tls_staple_use(struct tls_staple *s); /* one use more */
/* Gives a use back; takes NULL. The last one frees it: by then no worker's context reads now[]. */
void tls_staple_put(struct tls_staple *s);

#endif
