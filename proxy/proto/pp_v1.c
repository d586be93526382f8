/* Reads and writes the header of version 1, one line: "PROXY TCP4 192.0.2.1 192.0.2.2 56324
 * 443\r\n".
 *
 * Each call reads the line again from its first byte, at most 107 bytes, so that nothing is kept
 * between calls. Each reader below takes its part of the line and returns PP_OK, PP_MORE where the
 * bytes end, or the reason to refuse at the first byte that no valid line has there. Rejected:
 * inet_pton, which needs the whole text and accepts more than the specification does. */
#include "proxy/proto/pp_priv.h"

#include <arpa/inet.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"

/* The bytes that are not read yet. */
struct line {
	const uint8_t *p, *end;
};

/* Reads one address of a family. */
typedef enum pp_result read_host(struct line *l, struct np_addr *a);

/* ---- words and numbers ---- */

/* Reads exactly the text s; another byte there is `bad`. */
static enum pp_result literal(struct line *l, const char *s, enum pp_result bad)
{
	for (; *s != '\0'; s++, l->p++) {
		if (l->p == l->end)
			return PP_MORE;
		if (*l->p != (uint8_t)*s)
			return bad;
	}
	return PP_OK;
}

/* Reads a number up to max: digits only, no leading zero, as the specification demands. */
static enum pp_result decimal(struct line *l, uint32_t max, uint32_t *out, enum pp_result bad)
{
	const uint8_t *start = l->p;
	uint32_t v = 0;

	for (; l->p < l->end && digit_is_decimal(*l->p); l->p++) {
		v = v * 10 + (uint32_t)(*l->p - '0');
		if (v > max || (l->p > start && *start == '0'))
			return bad;
	}
	if (l->p == l->end)
		return PP_MORE;
	*out = v;
	return l->p > start ? PP_OK : bad;
}

static enum pp_result port(struct line *l, in_port_t *out)
{
	uint32_t v = 0;
	enum pp_result why = decimal(l, UINT16_MAX, &v, PP_V1_PORT);

	*out = htons((uint16_t)v);
	return why;
}

/* ---- addresses ---- */

/* Reads "192.0.2.1". */
static enum pp_result quad(struct line *l, uint8_t out[4])
{
	enum pp_result why;
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		if (i > 0 && (why = literal(l, ".", PP_V1_ADDRESS)) != PP_OK)
			return why;
		why = decimal(l, UINT8_MAX, &v, PP_V1_ADDRESS);
		if (why != PP_OK)
			return why;
		out[i] = (uint8_t)v;
	}
	return PP_OK;
}

static enum pp_result host4(struct line *l, struct np_addr *a)
{
	uint8_t b[4];
	enum pp_result why = quad(l, b);

	if (why != PP_OK)
		return why;
	*a = (struct np_addr){.len = sizeof(a->u.in4), .u.in4.sin_family = AF_INET};
	memcpy(&a->u.in4.sin_addr, b, sizeof(b));
	return PP_OK;
}

/* An IPv6 address while it is read: the groups before and behind a "::", which stands for one or
 * more zeros. */
struct groups {
	uint8_t b[16];
	size_t n;    /* groups so far */
	size_t gap;  /* how many of them stand before the "::" */
	bool gapped; /* there was a "::" */
};

/* How many groups may still follow. */
static size_t groups_left(const struct groups *g)
{
	DCHECK(g->n + g->gapped <= 8, "an address has eight groups");
	return 8 - g->n - g->gapped;
}

/* Reads one group, or the last two groups as a dotted quad, which ends the address. The first
 * number of a quad reads like a group until its dot comes. */
static enum pp_result group(struct line *l, struct groups *g, bool *ends)
{
	struct line start = *l;
	unsigned v = 0;
	enum pp_result why;

	for (; l->p < l->end && digit_hex_value(*l->p) >= 0; l->p++) {
		if (l->p - start.p == 4)
			return PP_V1_ADDRESS;
		v = v << 4 | (unsigned)digit_hex_value(*l->p);
	}
	if (l->p == l->end)
		return PP_MORE;
	if (l->p == start.p)
		return PP_V1_ADDRESS;
	if (*l->p != '.') {
		g->b[2 * g->n] = (uint8_t)(v >> 8);
		g->b[2 * g->n + 1] = (uint8_t)v;
		g->n++;
		return PP_OK;
	}
	if (groups_left(g) < 2 || (!g->gapped && g->n != 6))
		return PP_V1_ADDRESS;
	*l = start;
	why = quad(l, g->b + 2 * g->n);
	g->n += 2;
	*ends = true;
	return why;
}

/* Reads the one colon or the two before the next group. Sets *ends if no group follows. */
static enum pp_result colons(struct line *l, struct groups *g, bool *ends)
{
	*ends = *l->p != ':';
	if (*ends)
		return PP_OK;
	if (groups_left(g) == 0)
		return PP_V1_ADDRESS;
	if (++l->p == l->end)
		return PP_MORE;
	if (*l->p != ':')
		return g->n > 0 ? PP_OK : PP_V1_ADDRESS;
	if (g->gapped)
		return PP_V1_ADDRESS;
	g->gapped = true;
	g->gap = g->n;
	if (++l->p == l->end)
		return PP_MORE;
	*ends = digit_hex_value(*l->p) < 0;
	return *ends || groups_left(g) > 0 ? PP_OK : PP_V1_ADDRESS;
}

/* Reads an IPv6 address and moves the groups behind the "::" to the end. */
static enum pp_result host6(struct line *l, struct np_addr *a)
{
	struct groups g = {.n = 0};
	bool ends = false;
	enum pp_result why = PP_OK;
	size_t behind;

	if (l->p == l->end)
		return PP_MORE;
	if (*l->p == ':')
		why = colons(l, &g, &ends);
	while (why == PP_OK && !ends) {
		why = group(l, &g, &ends);
		if (why == PP_OK && !ends)
			why = colons(l, &g, &ends);
	}
	if (why != PP_OK)
		return why;
	if (!g.gapped && g.n < 8)
		return PP_V1_ADDRESS;
	behind = g.gapped ? g.n - g.gap : 0;
	*a = (struct np_addr){.len = sizeof(a->u.in6), .u.in6.sin6_family = AF_INET6};
	memcpy(a->u.in6.sin6_addr.s6_addr, g.b, 2 * (g.n - behind));
	memcpy(a->u.in6.sin6_addr.s6_addr + 16 - 2 * behind, g.b + 2 * (g.n - behind), 2 * behind);
	return PP_OK;
}

/* ---- the line ---- */

/* Both families have the port at the same place. */
_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
	"one port field");

static enum pp_result endpoints(struct line *l, struct pp_header *h, read_host *host)
{
	struct np_addr src, dst;
	enum pp_result why;

	if ((why = host(l, &src)) != PP_OK || (why = literal(l, " ", PP_V1_ADDRESS)) != PP_OK ||
	    (why = host(l, &dst)) != PP_OK || (why = literal(l, " ", PP_V1_ADDRESS)) != PP_OK ||
	    (why = port(l, &src.u.in4.sin_port)) != PP_OK ||
	    (why = literal(l, " ", PP_V1_PORT)) != PP_OK ||
	    (why = port(l, &dst.u.in4.sin_port)) != PP_OK ||
	    (why = literal(l, "\r\n", PP_V1_SYNTAX)) != PP_OK)
		return why;
	h->proxied = true;
	h->src = src;
	h->dst = dst;
	return PP_OK;
}

/* The specification has the receiver ignore what stands behind UNKNOWN. Only CR LF ends the line,
 * though, not one of the two alone. */
static enum pp_result anything(struct line *l)
{
	if (l->p < l->end && *l->p != ' ' && *l->p != '\r')
		return PP_V1_FAMILY;
	while (l->p < l->end && *l->p != '\r' && *l->p != '\n')
		l->p++;
	return literal(l, "\r\n", PP_V1_SYNTAX);
}

static const struct family {
	const char *word;
	read_host *host; /* NULL: the rest of the line is ignored */
} families[] = {
	{"TCP4 ", host4},
	{"TCP6 ", host6},
	{"UNKNOWN", NULL},
};

/* The first family whose word fits decides; PP_MORE if the bytes end within a word. */
static enum pp_result whole_line(struct line *l, struct pp_header *h)
{
	enum pp_result why = literal(l, "PROXY ", PP_NOT_PROXY), bad = PP_V1_FAMILY;
	struct line start = *l;

	if (why != PP_OK)
		return why;
	for (const struct family *f = families; f < families + array_len(families); f++) {
		*l = start;
		why = literal(l, f->word, PP_V1_FAMILY);
		if (why == PP_OK)
			return f->host != NULL ? endpoints(l, h, f->host) : anything(l);
		if (why == PP_MORE)
			bad = PP_MORE;
	}
	return bad;
}

/* How many of the n bytes to read: no more than a line has, and the last of those only behind a CR.
 * So the result does not depend on how many bytes came at once. */
static size_t line_bytes(const uint8_t *p, size_t n)
{
	if (n < PP_V1_MAX)
		return n;
	return p[PP_V1_MAX - 2] == '\r' ? PP_V1_MAX : PP_V1_MAX - 1;
}

enum pp_result pp_v1_read(struct pp_header *h, const uint8_t *p, size_t n)
{
	size_t seen = line_bytes(p, n), least = seen + (p[seen - 1] == '\r' ? 1 : 2);
	struct line l = {p, p + seen};
	enum pp_result why = whole_line(&l, h);

	if (why == PP_OK) {
		h->version = 1;
		h->len = (size_t)(l.p - p);
		return PP_OK;
	}
	if (why != PP_MORE)
		return why;
	if (least > PP_V1_MAX)
		return PP_V1_TOO_LONG;
	if (h->need < least)
		h->need = least;
	return PP_MORE;
}

/* inet_ntop writes the form of RFC 5952: lower case, and the longest run of zeros as "::". A
 * v4-mapped address stays ::ffff:a.b.c.d. */
static void put_host(struct text *t, const struct np_addr *a)
{
	char host[INET6_ADDRSTRLEN];
	const void *bytes = &a->u.in4.sin_addr;

	if (a->u.sa.sa_family == AF_INET6)
		bytes = &a->u.in6.sin6_addr;
	inet_ntop(a->u.sa.sa_family, bytes, host, sizeof(host));
	text_str(t, host);
	text_char(t, ' ');
}

ssize_t pp_v1_write(uint8_t *out, size_t cap, const struct np_addr *src,
	const struct np_addr *dst)
{
	struct np_addr ends[2];
	enum pp_family family = pp_ends(ends, src, dst);
	struct text t;

	text_init(&t, (char *)out, cap);
	if (family == PP_INET || family == PP_INET6) {
		text_str(&t, family == PP_INET ? "PROXY TCP4 " : "PROXY TCP6 ");
		put_host(&t, &ends[0]);
		put_host(&t, &ends[1]);
		text_u64(&t, (uint64_t)np_addr_port(&ends[0].u.sa));
		text_char(&t, ' ');
		text_u64(&t, (uint64_t)np_addr_port(&ends[1].u.sa));
		text_str(&t, "\r\n");
	} else {
		text_str(&t, "PROXY UNKNOWN\r\n");
	}
	return t.cut ? -NP_ENOBUFS : (ssize_t)t.n;
}
