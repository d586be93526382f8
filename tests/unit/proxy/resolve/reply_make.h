/* reply_make: replies of name servers, byte by byte, right ones and wrong ones. */
#ifndef TESTS_UNIT_PROXY_RESOLVE_REPLY_MAKE_H
#define TESTS_UNIT_PROXY_RESOLVE_REPLY_MAKE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

struct reply {
	uint8_t b[65536];
	size_t n;
	uint32_t ttl; /* of the next record */
};

enum { REPLY_A = 1, REPLY_CNAME = 5, REPLY_AAAA = 28, REPLY_SRV = 33 };
enum { REPLY_SERVFAIL = 2, REPLY_NXDOMAIN = 3, REPLY_REFUSED = 5 };

static inline void reply_16(struct reply *r, unsigned v)
{
	r->b[r->n++] = (uint8_t)(v >> 8);
	r->b[r->n++] = (uint8_t)v;
}

static inline void reply_name(struct reply *r, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		r->b[r->n++] = (uint8_t)n;
		memcpy(r->b + r->n, name, n);
		r->n += n;
		name += n + (name[n] == '.');
	}
	r->b[r->n++] = 0;
}

/* A header with one question, as a server repeats it; no record yet. */
static inline void reply_begin(struct reply *r, unsigned id, const char *name, unsigned type)
{
	r->n = 0;
	reply_16(r, id);
	reply_16(r, 0x8180);
	reply_16(r, 1);
	memset(r->b + r->n, 0, 6);
	r->n += 6;
	reply_name(r, name);
	reply_16(r, type);
	reply_16(r, 1);
}

static inline void reply_rcode(struct reply *r, unsigned rcode)
{
	r->b[3] = (uint8_t)((r->b[3] & 0xf0) | rcode);
}

static inline void reply_truncated(struct reply *r)
{
	r->b[2] |= 2;
}

/* A record of the answer; data of n bytes. */
static inline void reply_record(struct reply *r, const char *owner, unsigned type, const void *data, size_t n)
{
	unsigned count = (unsigned)(r->b[6] << 8 | r->b[7]) + 1;

	r->b[6] = (uint8_t)(count >> 8);
	r->b[7] = (uint8_t)count;
	reply_name(r, owner);
	reply_16(r, type);
	reply_16(r, 1);
	reply_16(r, r->ttl >> 16);
	reply_16(r, r->ttl & 0xffff);
	reply_16(r, (unsigned)n);
	memcpy(r->b + r->n, data, n);
	r->n += n;
}

static inline void reply_addr(struct reply *r, const char *owner, uint32_t ttl, const char *ip)
{
	uint8_t bytes[16];

	r->ttl = ttl;
	if (inet_pton(AF_INET, ip, bytes) == 1)
		reply_record(r, owner, REPLY_A, bytes, 4);
	else if (inet_pton(AF_INET6, ip, bytes) == 1)
		reply_record(r, owner, REPLY_AAAA, bytes, 16);
}

static inline void reply_cname(struct reply *r, const char *owner, uint32_t ttl, const char *name)
{
	static struct reply data;

	data.n = 0;
	r->ttl = ttl;
	reply_name(&data, name);
	reply_record(r, owner, REPLY_CNAME, data.b, data.n);
}

static inline void reply_srv(struct reply *r, const char *owner, uint32_t ttl, const unsigned v[3], const char *target)
{
	static struct reply data;

	data.n = 0;
	r->ttl = ttl;
	for (int i = 0; i < 3; i++)
		reply_16(&data, v[i]);
	reply_name(&data, target);
	reply_record(r, owner, REPLY_SRV, data.b, data.n);
}

#endif
