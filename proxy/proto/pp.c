/* Tells the two versions of a PROXY header apart, names its errors, and sorts its ends for
 * writing. */
#include "proxy/proto/pp.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/pp_priv.h"

/* ---- reading ---- */

/* The two versions differ in their first byte. No other protocol in use begins with a CR, and the
 * bytes that follow show whether a P begins "PROXY". */
enum pp_result pp_read(struct pp_header *h, const uint8_t *p, size_t n, size_t max)
{
	h->need = sizeof("PROXY UNKNOWN\r\n") - 1; /* the shortest header of both */
	if (n == 0)
		return PP_MORE;
	if (p[0] == 'P')
		return pp_v1_read(h, p, n);
	return pp_v2_read(h, p, n, max);
}

/* What the log says about each result. */
static const struct {
	const char *word, *sentence;
} rows[PP_WHYS] = {
	[PP_OK] = {"ok", "the header is whole"},
#define X(code, word, sentence) [PP_##code] = {#word, sentence},
	PP_WHY_TBL(X)
#undef X
};

const char *pp_word(enum pp_result why)
{
	DCHECK((unsigned)why < PP_WHYS, "a result comes from pp_tbl.h");
	return rows[why].word;
}

const char *pp_sentence(enum pp_result why)
{
	DCHECK((unsigned)why < PP_WHYS, "a result comes from pp_tbl.h");
	return rows[why].sentence;
}

/* ---- writing ---- */

/* The family of an end, or PP_UNSPEC if it is unknown or cut short. */
static enum pp_family family_of(const struct np_addr *a)
{
	if (a == NULL || a->len < sizeof(a->u.sa.sa_family))
		return PP_UNSPEC;
	if (a->u.sa.sa_family == AF_INET && a->len >= sizeof(a->u.in4))
		return PP_INET;
	if (a->u.sa.sa_family == AF_INET6 && a->len >= sizeof(a->u.in6))
		return PP_INET6;
	return a->u.sa.sa_family == AF_UNIX ? PP_UNIX : PP_UNSPEC;
}

/* Makes an IPv4 end the IPv6 address ::ffff:a.b.c.d. */
static void map_to_inet6(struct np_addr *a)
{
	struct np_addr mapped = {.len = sizeof(a->u.in6), .u.in6.sin6_family = AF_INET6};

	DCHECK(a->u.sa.sa_family == AF_INET, "only an IPv4 address has a mapped form");
	mapped.u.in6.sin6_port = a->u.in4.sin_port;
	mapped.u.in6.sin6_addr.s6_addr[10] = 0xff;
	mapped.u.in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(mapped.u.in6.sin6_addr.s6_addr + 12, &a->u.in4.sin_addr, sizeof(a->u.in4.sin_addr));
	*a = mapped;
}

enum pp_family pp_ends(struct np_addr out[2], const struct np_addr *src, const struct np_addr *dst)
{
	enum pp_family from = family_of(src), to = family_of(dst);

	/* A Unix end has no form in an IP header, nor the other way round. */
	if (from == PP_UNSPEC || to == PP_UNSPEC || (from == PP_UNIX) != (to == PP_UNIX))
		return PP_UNSPEC;
	out[0] = *src;
	out[1] = *dst;
	if (from == to)
		return from;
	map_to_inet6(&out[from == PP_INET ? 0 : 1]);
	return PP_INET6;
}
