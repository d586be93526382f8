/* addr: text to address and back, compare, hash. Nothing here asks a resolver.
 *
 * Parsing is strict because an address in a configuration that means something else than it says
 * is an outage: "010.0.0.1" is octal to inet_aton, "+80" and "080" are numbers to strtol, and
 * all three are refused. */
#include "netpoll/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "netpoll/err.h"
#include "netpoll/hash.h"

#define UNIX_PREFIX  "unix:"
#define UNIX_OFFSET  ((socklen_t)offsetof(struct sockaddr_un, sun_path))
#define UNIX_MAX     (sizeof(((struct sockaddr_un *)0)->sun_path) - 1) /* a path and its NUL, or a NUL and a name */
#define ESCAPED_BYTE 4                                                 /* \xNN */

/* ---- parsing --------------------------------------------------------------------------------- */

static int addr_refuse(const char **why, const char *sentence)
{
	if (why != NULL)
		*why = sentence;
	return -NP_EINVAL;
}

/* Digits only, no sign, no leading zero: what is read is exactly what was written. */
static bool parse_decimal(const char *s, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

static bool parse_port(const char *s, in_port_t *port)
{
	uint32_t v;

	if (!parse_decimal(s, UINT16_MAX, &v))
		return false;
	*port = htons((uint16_t)v);
	return true;
}

/* An interface by its name or, as the kernel prints it, by its index. */
static bool parse_zone(const char *s, uint32_t *scope)
{
	uint32_t v;

	if (parse_decimal(s, UINT32_MAX, &v)) {
		*scope = v;
		return v != 0;
	}
	*scope = if_nametoindex(s);
	return *scope != 0;
}

static int parse_unix(struct np_addr *a, const char *name, const char **why)
{
	struct np_addr r = {.u.un.sun_family = AF_UNIX};
	size_t n = strlen(name);
	bool abstract = name[0] == '@';

	if (n == 0)
		return addr_refuse(why, "the path after unix: is missing");
	if (abstract && n == 1)
		return addr_refuse(why, "the name after unix:@ is missing");
	if (n > UNIX_MAX + abstract)
		return addr_refuse(why, "a Unix socket path is longer than 107 bytes");
	memcpy(r.u.un.sun_path, name, n);
	if (abstract)
		r.u.un.sun_path[0] = '\0';
	/* Every byte of an abstract name counts, so its NUL must not be sent; a path is sent
	 * with it. */
	r.len = UNIX_OFFSET + (socklen_t)n + (abstract ? 0 : 1);
	*a = r;
	return 0;
}

static int parse_inet6(struct np_addr *a, const char *text, const char **why)
{
	struct np_addr r = {.len = sizeof(r.u.in6), .u.in6.sin6_family = AF_INET6};
	const char *end = strchr(text, ']');
	char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE], *zone;
	size_t n;

	if (end == NULL)
		return addr_refuse(why, "the closing bracket of the IPv6 address is missing");
	if (end[1] != ':')
		return addr_refuse(why, "the port is missing: write [address]:port");
	n = (size_t)(end - text) - 1;
	if (n >= sizeof(host))
		return addr_refuse(why, "not an IPv6 address between the brackets");
	memcpy(host, text + 1, n);
	host[n] = '\0';
	zone = strchr(host, '%');
	if (zone != NULL)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, &r.u.in6.sin6_addr) != 1)
		return addr_refuse(why, "not an IPv6 address between the brackets");
	if (zone != NULL && !parse_zone(zone, &r.u.in6.sin6_scope_id))
		return addr_refuse(why, "the zone after % is not an interface of this machine");
	if (!parse_port(end + 2, &r.u.in6.sin6_port))
		return addr_refuse(why, "the port must be a number from 0 to 65535");
	*a = r;
	return 0;
}

static int parse_inet4(struct np_addr *a, const char *text, const char *colon, const char **why)
{
	struct np_addr r = {.len = sizeof(r.u.in4), .u.in4.sin_family = AF_INET};
	char host[INET_ADDRSTRLEN];
	size_t n = (size_t)(colon - text);

	if (strchr(colon + 1, ':') != NULL)
		return addr_refuse(why, "an IPv6 address needs brackets: write [::1]:80");
	if (n >= sizeof(host))
		return addr_refuse(why, "not an IPv4 address before the port");
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, &r.u.in4.sin_addr) != 1)
		return addr_refuse(why, "not an IPv4 address before the port");
	if (!parse_port(colon + 1, &r.u.in4.sin_port))
		return addr_refuse(why, "the port must be a number from 0 to 65535");
	*a = r;
	return 0;
}

static int parse_wildcard(struct np_addr *a, const char *port, const char **why)
{
	struct np_addr r = {.len = sizeof(r.u.in6), .u.in6.sin6_family = AF_INET6};

	if (!parse_port(port, &r.u.in6.sin6_port))
		return addr_refuse(why, "the port must be a number from 0 to 65535");
	*a = r;
	return 0;
}

int np_addr_parse(struct np_addr *a, const char *text, const char **why)
{
	const char *colon;

	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_unix(a, text + strlen(UNIX_PREFIX), why);
	if (text[0] == '[')
		return parse_inet6(a, text, why);
	colon = strchr(text, ':');
	if (colon == NULL)
		return addr_refuse(why, "the port is missing: write address:port");
	if (strchr(colon + 1, ':') == NULL && colon == text)
		return parse_wildcard(a, colon + 1, why);
	return parse_inet4(a, text, colon, why);
}

/* A name is kept where the path of a Unix address stands, under the family that no address has. */
int np_addr_set_name(struct np_addr *a, const char *name)
{
	struct np_addr r = {.u.un.sun_family = AF_UNSPEC};
	size_t n = strlen(name);

	if (n == 0 || n > UNIX_MAX)
		return -NP_EINVAL;
	memcpy(r.u.un.sun_path, name, n);
	r.len = UNIX_OFFSET + (socklen_t)n + 1;
	*a = r;
	return 0;
}

bool np_addr_is_named(const struct np_addr *a)
{
	return a->u.sa.sa_family == AF_UNSPEC && a->len > UNIX_OFFSET;
}

const char *np_addr_name_of(const struct np_addr *a)
{
	return np_addr_is_named(a) ? a->u.un.sun_path : "";
}

/* ---- formatting ------------------------------------------------------------------------------ */

/* Text under construction. It always ends in NUL, and an escape is never cut in half: once
 * something did not fit, nothing later is let in, so what is there is a prefix of the whole. */
struct text {
	char  *out;
	size_t room, len; /* room is what is left for text, the NUL set apart */
};

static struct text text_open(char *out, size_t n)
{
	struct text t = {.out = out, .room = n > 0 ? n - 1 : 0};

	if (n > 0)
		out[0] = '\0';
	return t;
}

static void text_add(struct text *t, const char *s, size_t n)
{
	if (n > t->room) {
		t->room = 0;
		return;
	}
	memcpy(t->out + t->len, s, n);
	t->len += n;
	t->room -= n;
	t->out[t->len] = '\0';
}

static void text_add_hex(struct text *t, unsigned char c)
{
	static const char digit[] = "0123456789abcdef";
	char esc[ESCAPED_BYTE] = {'\\', 'x', digit[c >> 4], digit[c & 15]};

	text_add(t, esc, sizeof(esc));
}

/* A peer chooses the bytes of its path: none may end a log line, move a terminal's cursor or
 * pass as an escape. */
static void text_add_byte(struct text *t, char byte)
{
	unsigned char c = (unsigned char)byte;

	if (c < 0x20 || c > 0x7e || c == '\\')
		text_add_hex(t, c);
	else
		text_add(t, &byte, 1);
}

static void text_add_decimal(struct text *t, uint32_t v)
{
	char digits[10];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	text_add(t, digits + at, sizeof(digits) - at);
}

/* The bytes of a Unix address that name it: a path up to its NUL, which the kernel may leave out
 * when the path fills the field; an abstract name whole, its leading NUL first; none for a
 * socket that was never bound. */
static size_t unix_name(const struct sockaddr *sa, socklen_t len, const char **name)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)sa;
	size_t n;

	*name = un->sun_path;
	if (len <= UNIX_OFFSET)
		return 0;
	n = len - UNIX_OFFSET;
	if (n > sizeof(un->sun_path))
		n = sizeof(un->sun_path);
	return un->sun_path[0] == '\0' ? n : strnlen(un->sun_path, n);
}

static void text_add_unix(struct text *t, const struct sockaddr *sa, socklen_t len)
{
	const char *name;
	size_t n = unix_name(sa, len, &name);

	if (n == 0)
		return;
	if (name[0] == '\0')
		text_add(t, "@", 1);
	else if (name[0] == '@')
		text_add_hex(t, '@'); /* a path that would read as an abstract name */
	else
		text_add_byte(t, name[0]);
	for (size_t i = 1; i < n; i++)
		text_add_byte(t, name[i]);
}

/* The zone is written as its number: the name would cost a system call for each log line.
 * parse_zone takes both. */
static void text_add_host(struct text *t, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
	char host[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_UNIX) {
		text_add_unix(t, sa, len);
		return;
	}
	if (sa->sa_family == AF_INET && len >= sizeof(*in4)) {
		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		text_add(t, host, strlen(host));
		return;
	}
	if (sa->sa_family != AF_INET6 || len < sizeof(*in6)) {
		text_add(t, "?", 1);
		return;
	}
	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	text_add(t, host, strlen(host));
	if (in6->sin6_scope_id != 0) {
		text_add(t, "%", 1);
		text_add_decimal(t, in6->sin6_scope_id);
	}
}

size_t np_addr_format_host(const struct sockaddr *sa, socklen_t len, char *out, size_t n)
{
	struct text t = text_open(out, n);

	text_add_host(&t, sa, len);
	return t.len;
}

size_t np_addr_format(const struct sockaddr *sa, socklen_t len, char *out, size_t n)
{
	struct text t = text_open(out, n);
	bool inet6 = sa->sa_family == AF_INET6;

	if (sa->sa_family == AF_UNSPEC && len > UNIX_OFFSET) {
		text_add(&t, "systemd:", strlen("systemd:"));
		text_add_unix(&t, sa, len);
		return t.len;
	}
	if (sa->sa_family == AF_UNIX) {
		text_add(&t, UNIX_PREFIX, strlen(UNIX_PREFIX));
		text_add_unix(&t, sa, len);
		return t.len;
	}
	if (inet6)
		text_add(&t, "[", 1);
	text_add_host(&t, sa, len);
	text_add(&t, inet6 ? "]:" : ":", inet6 ? 2 : 1);
	text_add_decimal(&t, (uint32_t)np_addr_port(sa));
	return t.len;
}

/* ---- questions ------------------------------------------------------------------------------- */

int np_addr_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return 0;
}

bool np_addr_is_unix(const struct np_addr *a)
{
	return a->u.sa.sa_family == AF_UNIX;
}

bool np_addr_is_abstract(const struct np_addr *a)
{
	return np_addr_is_unix(a) && a->len > UNIX_OFFSET && a->u.un.sun_path[0] == '\0';
}

/* The bytes that are the host, family apart. A v4-mapped IPv6 address is its IPv4 address here:
 * a client is the same client through either listener. */
static size_t host_bytes(const struct sockaddr *sa, socklen_t len, const char **bytes)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	if (sa->sa_family == AF_UNIX || sa->sa_family == AF_UNSPEC)
		return unix_name(sa, len, bytes);
	if (sa->sa_family == AF_INET) {
		*bytes = (const char *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		return sizeof(struct in_addr);
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	*bytes = (const char *)&in6->sin6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return sizeof(struct in6_addr);
	*bytes += sizeof(struct in6_addr) - sizeof(struct in_addr);
	return sizeof(struct in_addr);
}

void np_addr_unmap(struct np_addr *a)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};

	if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return;
	in4.sin_port = a->u.in6.sin6_port;
	memcpy(&in4.sin_addr, &a->u.in6.sin6_addr.s6_addr[12], sizeof(in4.sin_addr));
	a->u.in4 = in4;
	a->len = sizeof(in4);
}

/* One form per address, so that two spellings of an address are equal: flow labels and the bytes
 * behind a path's NUL name nothing. Unlike the hash this keeps a v4-mapped address apart: they
 * bind and connect differently. */
bool np_addr_equal(const struct np_addr *a, const struct np_addr *b)
{
	const char *an = NULL, *bn = NULL;
	size_t n = host_bytes(&a->u.sa, a->len, &an);

	if (a->u.sa.sa_family != b->u.sa.sa_family || np_addr_port(&a->u.sa) != np_addr_port(&b->u.sa))
		return false;
	if (a->u.sa.sa_family == AF_INET6 && a->u.in6.sin6_scope_id != b->u.in6.sin6_scope_id)
		return false;
	/* Only of wildcards: an address that the kernel filled in never had the flag written. */
	if (a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr) &&
	    IN6_IS_ADDR_UNSPECIFIED(&b->u.in6.sin6_addr) && a->v6_alone != b->v6_alone)
		return false;
	return n == host_bytes(&b->u.sa, b->len, &bn) && (n == 0 || memcmp(an, bn, n) == 0);
}

/* FNV-1a over the bytes, then murmur's finaliser, whose every output bit depends on every input
 * bit: FNV alone leaves the high bits of short keys poor, and a balancer takes those. Not for
 * hostile keys that fill a table: the seed is no secret. Stable: the figures in addr_test.c may
 * not change, or every client moves to another server. */
uint64_t np_addr_hash_host(const struct sockaddr *sa, socklen_t len, uint64_t seed)
{
	const char *bytes = NULL;
	size_t n = host_bytes(sa, len, &bytes);
	uint64_t h = hash_bytes(HASH_START ^ seed, bytes, n);

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ (h >> 33);
}
