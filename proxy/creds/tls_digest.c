/* Feeds a SHA-256 with texts and files, each followed by its length, so that two of them never read
 * as other two. */
#include "proxy/creds/tls_digest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "netpoll/err.h"

#define PIECE 1024

struct tls_digest {
	EVP_MD_CTX *hash; /* owned */
	bool failed;      /* no memory: the sum is of no use */
};

struct tls_digest *tls_digest_begin(void)
{
	struct tls_digest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->hash = EVP_MD_CTX_new();
	d->failed = d->hash == NULL || !EVP_DigestInit_ex(d->hash, EVP_sha256(), NULL);
	return d;
}

static void feed(struct tls_digest *d, const void *p, size_t n)
{
	if (!d->failed)
		d->failed = !EVP_DigestUpdate(d->hash, p, n);
}

/* The length of what was fed; -1: a file could not be read. */
static void feed_length(struct tls_digest *d, int64_t n)
{
	feed(d, &n, sizeof(n));
}

void tls_digest_add(struct tls_digest *d, const void *p, size_t n)
{
	feed(d, p, n);
	feed_length(d, (int64_t)n);
}

/* The file may be a private key, so the copy on the stack is cleansed. */
void tls_digest_file(struct tls_digest *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char piece[PIECE];
	int64_t sum = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			feed(d, piece, (size_t)n);
		sum += n;
	}
	if (fd >= 0)
		close(fd);
	OPENSSL_cleanse(piece, sizeof(piece));
	feed_length(d, n < 0 ? -1 : sum);
}

int tls_digest_end(struct tls_digest *d, uint8_t out[TLS_DIGEST])
{
	unsigned n = 0;
	bool failed;

	if (d == NULL)
		return -NP_ENOMEM;
	failed = d->failed || !EVP_DigestFinal_ex(d->hash, out, &n);
	EVP_MD_CTX_free(d->hash);
	free(d);
	return failed ? -NP_ENOMEM : 0;
}
