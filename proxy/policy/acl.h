/* acl: who may connect to a listener: its lists allow and deny, made into one table. The longest network that holds an
 * address decides, and deny where two are of one length; who is in none may connect, unless the listener has an allow
 * list.
 *
 * The table is the addresses at which the answer changes, sorted, for each family: between two neighbours the answer is
 * one and the same, and it alternates, so it is not stored. A look-up is one bisection of every 32nd of them, which
 * together stay in the cache, and one of the 32 behind that. A network takes 8 bytes of IPv4 and 32 of IPv6 at most,
 * however they lie in each other, and half a byte for its part of the first step.
 *
 * Rejected: a trie, which is no quicker at 100,000 networks and takes some hundred bytes for each; cidr_set, which
 * drops networks that lie inside others.
 *
 * Const after acl_new. Generations with the same lists share one: acl_new and acl_put are the loading thread's and the
 * control thread's, as the registry (registry_lend). */
#ifndef PROXY_POLICY_ACL_H
#define PROXY_POLICY_ACL_H

#include <sys/socket.h>

#include "netpoll/base.h"

struct cidr;
struct config_cidr;
struct text;

typedef unsigned __int128 acl_u128;

/* Every 32nd address of a family, or the first half of it where it is one of IPv6. */
struct acl_fences {
	uint64_t *at; /* owned */
	uint32_t n;
};

/* The answers of one family. */
struct acl_v4 {
	struct acl_fences fences;
	uint32_t *at; /* owned: ascending, in host order */
	uint32_t n;
	bool denied;  /* the answer below at[0]; the other one from there on, and so on */
};

struct acl_v6 {
	struct acl_fences fences;
	acl_u128 *at; /* owned: ascending */
	uint32_t n;
	bool denied;
};

struct acl {
	unsigned refs;
	struct acl_v4 v4;
	struct acl_v6 v6;
	bool unix_denied;
};

/* What is read into an acl: the elements of a list, each a network or a file of them (config_cidr.file). */
struct acl_lists {
	const struct config_cidr *allow, *deny;
	size_t nallow, ndeny;
};

/* acl_new: make it, or take one more reference to prev (may be NULL) where that answers the same.
 *   Returns  0; *out is NULL where both lists are empty. -NP_ENOMEM; -NP_EINVAL: why names the file, its line, and what
 *            is wrong there.
 *   Calls    a thread that may block on the disk.   Owns  a reference: acl_put, which takes NULL. */
must_use int acl_new(const struct acl_lists *lists, struct acl *prev, struct acl **out, struct text *why);
void acl_put(struct acl *a);

/* acl_denies: is this client kept out? A v4-mapped address counts as IPv4; ports and zones do not matter. Takes
 * O(log n) steps, allocates nothing.   Calls  any thread. */
bool acl_denies(const struct acl *a, const struct sockaddr *sa);

#endif
