/* OpenSSL cleanses the secrets that it knows of, and leaves copies: in freed buffers of its key
 * schedule, in a realloc, in the frames of functions that returned. A search of our memory found 4
 * of 10 traffic secrets of closed connections (nginx, HAProxy: 10 of 10). With these two none is
 * found: tests/flow/tls_secrets_test.c.
 *
 * Rejected: OPENSSL_secure_malloc, which covers private keys only; wiping in malloc's own free, for
 * all of the process, which costs the relay. */
#include "proxy/tls/tls_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* Smaller blocks hold no secret, which is the length of a cipher's key at least; larger ones are record
 * and file buffers, and were half of all bytes. Without them wiping costs an in-memory handshake 4 % more
 * instructions, and 9.5 % with them and a call of explicit_bzero for each. */
#define SECRET_MIN  16
#define SECRET_MAX  16384
#define FRAME       1024
#define WIPE_FRAMES 40 /* 40 KiB: a handshake was measured to use 30, of a stack of 128 and more */

static unsigned failures; /* atomic */

static void *noting_malloc(size_t n)
{
	void *p = malloc(n);

	if (p == NULL && n > 0)
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	return p;
}

static void *wiping_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return noting_malloc(n);
}

static inline void wipe(void *p, size_t n)
{
	if (n < SECRET_MIN || n > SECRET_MAX)
		return;
	memset(p, 0, n);
	__asm__ volatile("" ::"r"(p) : "memory"); /* or the compiler drops it, since p is freed next */
}

static void wiping_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p != NULL)
		wipe(p, malloc_usable_size(p));
	free(p);
}

/* realloc would leave the old block as it was when it moves. */
static void *wiping_realloc(void *p, size_t n, const char *file, int line)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *fresh;

	if (n == 0) {
		wiping_free(p, file, line);
		return NULL;
	}
	fresh = noting_malloc(n);
	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old < n ? old : n);
	wiping_free(p, file, line);
	return fresh;
}

bool tls_memory_init(void)
{
	return CRYPTO_set_mem_functions(wiping_malloc, wiping_realloc, wiping_free) == 1;
}

unsigned tls_memory_failures(void)
{
	return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

void tls_memory_leave(void)
{
	OPENSSL_thread_stop();
}

bool tls_memory_ready(void)
{
	return OSSL_LIB_CTX_get0_global_default() != NULL;
}

static no_inline void wipe_frame(unsigned left)
{
	volatile char frame[FRAME];

	explicit_bzero((void *)(uintptr_t)frame, sizeof(frame));
	if (left > 0)
		wipe_frame(left - 1);
	frame[0] = 0; /* behind the call, so that it is no jump and each has its frame */
}

void tls_memory_wipe_stack(void)
{
	wipe_frame(WIPE_FRAMES);
}
