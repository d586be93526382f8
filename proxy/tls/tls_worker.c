/* Makes and frees what one worker owns of TLS, and lends all workers the system's CA certificates.
 * */
#include "proxy/tls/tls_worker.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "netpoll/check.h"
#include "proxy/creds/tls_trust.h"
#include "proxy/tls/tls_bio.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_selfcheck.h"

/* RFC 8446, 5.5 allows AES-GCM 24 million full records with one key; OpenSSL does not count. */
#define SEAL_MOST (UINT64_C(1) << 24)

/* In older versions SSL_free_buffers frees a buffer that a half-read record still needs
 * (CVE-2024-4741). */
static bool frees_buffers(void)
{
	static const unsigned fixed[] = {14, 6, 2, 1}; /* patch level of 3.0, 3.1, 3.2 and 3.3 */
	unsigned long v = OpenSSL_version_num();
	unsigned major = (unsigned)(v >> 28), minor = (unsigned)(v >> 20 & 0xff),
		 patch = (unsigned)(v >> 4 & 0xff);

	return major > 3 || minor >= array_len(fixed) || patch >= fixed[minor];
}

int tls_worker_new(struct tls_worker **out)
{
	struct tls_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -NP_ENOMEM;
	list_init(&w->all_roots);
	w->seal_most = SEAL_MOST;
	w->proves = true;
	w->frees_buffers = frees_buffers();
	w->lib = OSSL_LIB_CTX_new();
	w->in = malloc(TLS_IN);
	w->out = malloc(TLS_OUT);
	w->method = tls_bio_method();
	if (w->lib != NULL && w->method != NULL && tls_kdf_load(w) == 0) {
		w->bio = BIO_new(w->method);
		w->ticket_cipher = EVP_CIPHER_fetch(w->lib, "AES-256-CBC", NULL);
	}
	if (w->in == NULL || w->out == NULL || w->bio == NULL || w->ticket_cipher == NULL ||
	    tls_crypto_init(&w->crypto, w->lib) != 0) {
		tls_worker_free(w);
		return -NP_ENOMEM;
	}
	BIO_set_data(w->bio, w);
	BIO_set_init(w->bio, 1);
	tls_selfcheck(w);
	*out = w;
	return 0;
}

struct tls_worker *tls_worker_free(struct tls_worker *w)
{
	if (w == NULL)
		return NULL;
	DCHECK(w->active == NULL, "a worker that goes is in no operation");
	tls_roots_put(w->roots);
	tls_crypto_fini(&w->crypto);
	EVP_CIPHER_free(w->ticket_cipher);
	BIO_free(w->bio);
	BIO_meth_free(w->method);
	tls_kdf_unload(w);
	OSSL_LIB_CTX_free(w->lib);
	free(w->in);
	free(w->out);
	free(w);
	return NULL;
}

/* ---- the system's CA certificates ---- */

void tls_trust_end(struct tls_worker **workers, unsigned n)
{
	for (unsigned i = 0; i < n && workers[i] != NULL; i++) {
		tls_roots_put(workers[i]->roots);
		workers[i]->roots = NULL;
	}
}

int tls_trust_share(struct tls_worker **workers, unsigned n, struct text *err)
{
	struct tls_trust *t;
	int code = tls_trust_load(&t, err);

	if (code != 0)
		return code;
	for (unsigned i = 0; i < n && code == 0; i++) {
		DCHECK(workers[i]->roots == NULL, "the last generation's share has ended");
		workers[i]->roots = tls_roots_new(&workers[i]->all_roots, t,
						  workers[i]->lib);
		if (workers[i]->roots == NULL)
			code = -NP_ENOMEM;
	}
	tls_trust_put(t);
	if (code != 0)
		tls_trust_end(workers, n);
	return code;
}
