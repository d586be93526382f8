/* conn_hash: keys out of what the client said before a server is chosen. */
#include "proxy/conn/conn_hash.h"

#include <string.h>

#include "netpoll/hash.h"
#include "proxy/base/name_set.h"
#include "proxy/proto/pp.h"

#define NAME_MOST 253 /* of a host name: RFC 1035 */

/* FNV leaves the high bits of a short text alone; a table looks at all of them. Never 0, which is no key. */
static uint64_t key_of_bytes(const void *p, size_t n)
{
	uint64_t h = hash_bytes(HASH_START, p, n);

	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (h ^ h >> 33) | 1;
}

/* Names are the same in any case. */
uint64_t conn_hash_name(const char *sni, size_t n)
{
	char lower[NAME_MOST];

	if (sni == NULL || n == 0 || n > sizeof(lower))
		return 0;
	for (size_t i = 0; i < n; i++)
		lower[i] = name_lower(sni[i]);
	return key_of_bytes(lower, n);
}

/* Of the TLS that ends here, or of a hello that is passed on. */
static no_inline uint64_t key_of_sni(const struct conn *c, const struct preread *o)
{
	struct tls_facts f;
	const char *sni = NULL;
	size_t n = 0;

	if (!stream_is_plain(&c->client)) {
		tls_facts(c->client.tls, &f);
		return conn_hash_name(f.sni, strlen(f.sni));
	}
	if (o != NULL && o->tls)
		sni = hello_sni(&o->hello, &n);
	return conn_hash_name(sni, n);
}

uint64_t conn_hash_told(const struct conn *c, uint8_t hash_on)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	struct pp_bytes all, value;

	if (hash_on == TARGET_HASH_SNI)
		return key_of_sni(c, o);
	if (o == NULL || o->ntlvs == 0)
		return 0;
	all = (struct pp_bytes){(const uint8_t *)o->rest->bytes + o->tlvs, o->ntlvs};
	return pp_tlv_find(all, hash_on, &value) && value.n > 0 ? key_of_bytes(value.p, value.n) : 0;
}
