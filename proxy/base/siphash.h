/* siphash: SipHash-1-3, a hash with a secret: who does not know the key cannot choose
 * inputs that share a bucket. For
 * tables whose keys come from clients; where only we make the keys, netpoll/hash.h is cheaper.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one round for
 * each word and three at the end.
 *
 * OpenSSL has SipHash-2-4 as an EVP_MAC: an allocation and some microseconds for each
 * value, and another library that
 * must be there where no TLS is. */
#ifndef PROXY_BASE_SIPHASH_H
#define PROXY_BASE_SIPHASH_H

#include "netpoll/base.h"

/* siphash13: of n bytes, which need not be aligned. One round for each word and three at
 * the end are what hash tables
 * use: the value never leaves the process, so it need not be a signature. The key is
 * drawn once, at random, and is told to
 * nobody; another process draws another.   Calls  any thread. */
uint64_t siphash13(const uint64_t key[2], const void *p, size_t n);

#endif
