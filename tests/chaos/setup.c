/* Addresses, certificates and configurations. */
#include "tests/chaos/setup.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/cert.h"

/* Shorter than the slowest reader, and longer than a busy machine leaves our own thread without a turn. */
#if defined(NP_TSAN)
#define HALF_CLOSE "30s"
#else
#define HALF_CLOSE "8s"
#endif

enum { ALL_SERVERS = (1 << SERVERS) - 1 };

static const char *const log_files[LOG_TARGETS] = {
#define X(id, file, format) file,
	LOG_TBL(X)
#undef X
};

static const char *const log_formats[LOG_TARGETS] = {
#define X(id, file, format) #format,
	LOG_TBL(X)
#undef X
};

static const char *const mistake_texts[MISTAKES] = {
#define X(id, text) text,
	MISTAKE_TBL(X)
#undef X
};

const char *log_file(enum log_target t)
{
	return log_files[t];
}

const char *mistake_text(enum mistake m)
{
	return mistake_texts[m];
}

enum server_kind server_kind(int server)
{
	if (server < SAFE_FIRST)
		return SERVER_APP;
	return server < TOLD_FIRST ? SERVER_SAFE : SERVER_TOLD;
}

/* ---- shapes ---- */

struct shape shape_first(void)
{
	return (struct shape){.servers = ALL_SERVERS, .log = LOG_A};
}

/* Each upstream keeps two servers at least, so that one that is killed leaves another. */
static unsigned shape_servers(struct dice *d)
{
	unsigned set = ALL_SERVERS;

	if (dice_percent(d, 60))
		set &= ~(1u << dice_below(d, SAFE_FIRST));
	if (dice_percent(d, 30))
		set &= ~(1u << dice_below(d, SAFE_FIRST));
	return set;
}

struct shape shape_roll(struct dice *d, const struct shape *before)
{
	struct shape h = {
		.servers = shape_servers(d),
		.extra = dice_percent(d, before->extra ? 80 : 60),
		.balance = (unsigned)dice_below(d, 3),
		.log = dice_percent(d, 65) ? before->log : (enum log_target)dice_below(d, LOG_TARGETS),
	};

	if (dice_percent(d, 25))
		h.mistake = (enum mistake)dice_between(d, 1, MISTAKES - 1);
	return h;
}

/* ---- addresses ---- */

static socklen_t setup_inet(union any_address *a, char text[KIT_PATH], const char *ip)
{
	int port = kit_port(ip);

	a->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a->in.sin_addr);
	snprintf(text, KIT_PATH, "%s:%d", ip, port);
	return sizeof(a->in);
}

static socklen_t setup_unix(union any_address *a, char text[KIT_PATH], const char *name)
{
	a->un = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s/%s.sock", kit_dir(), name) >=
	    (int)sizeof(a->un.sun_path))
		kit_fail("TMPDIR is too long for a Unix socket");
	snprintf(text, KIT_PATH, "unix:%s", a->un.sun_path);
	return sizeof(a->un);
}

static void setup_addresses(struct setup *s)
{
	int port = 0;

	for (int i = 0; i < PLACES; i++)
		s->place_len[i] = place_facts[i].local
					  ? setup_unix(&s->place[i], s->place_text[i], place_facts[i].word)
					  : setup_inet(&s->place[i], s->place_text[i], kit_ip(0));
	for (int i = 0; i < SERVERS; i++)
		s->server_len[i] = server_is_local(i) ? setup_unix(&s->server[i], s->server_text[i], "server")
						       : setup_inet(&s->server[i], s->server_text[i], kit_ip(1));
	(void)!kit_listen(kit_ip(0), &port, 1);
	snprintf(s->held_text, KIT_PATH, "%s:%d", kit_ip(0), port);
}

/* ---- files ---- */

/* In a mount namespace of our own, so that the mount ends with us, however we end. */
static bool setup_small_disk(const char *path)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("small", path, "tmpfs", 0, "size=48m") == 0;
}

static void setup_files(struct setup *s)
{
	struct kit_cert *root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	struct kit_cert *back =
		kit_cert_make(&(struct kit_cert_opts){.cn = "back.test", .dns = "back.test", .issuer = root});
	char path[KIT_PATH];

	for (size_t i = 0; i < array_len(s->pairs); i++)
		s->pairs[i] = kit_cert_make(
			&(struct kit_cert_opts){.cn = "edge.test", .dns = "edge.test", .issuer = root});
	kit_cert_write(root, "ca.pem", s->ca);
	kit_cert_write(back, "back.pem", s->back_cert);
	kit_cert_write_key(back, "back.key", NULL, s->back_key);
	snprintf(s->edge_cert, KIT_PATH, "%s/edge.pem", kit_dir());
	snprintf(s->edge_key, KIT_PATH, "%s/edge.key", kit_dir());
	setup_certificate(s, 0);
	snprintf(path, sizeof(path), "%s/small", kit_dir());
	if (mkdir(path, 0755) != 0)
		kit_fail("cannot make %s", path);
	s->small = setup_small_disk(path);
	snprintf(path, sizeof(path), "%s/%s", kit_dir(), log_file(LOG_PIPE));
	if (mkfifo(path, 0600) != 0)
		kit_fail("cannot make %s", path);
}

static void setup_replace(const char *from, const char *to)
{
	if (rename(from, to) != 0)
		kit_fail("cannot replace %s", to);
}

void setup_certificate(const struct setup *s, int pair)
{
	char fresh[KIT_PATH];

	if (pair < 0) {
		kit_file_write("fresh.pem", "-----BEGIN CERTIFICATE-----\nnot a certificate\n", fresh);
		setup_replace(fresh, s->edge_cert);
		return;
	}
	kit_cert_write_key(s->pairs[pair], "fresh.key", NULL, fresh);
	setup_replace(fresh, s->edge_key);
	kit_cert_write(s->pairs[pair], "fresh.pem", fresh);
	setup_replace(fresh, s->edge_cert);
}

void setup_init(struct setup *s)
{
	*s = (struct setup){0};
	setup_addresses(s);
	setup_files(s);
}

/* ---- texts ---- */

static void put_place(FILE *f, const struct setup *s, enum place p, const char *rest)
{
	fprintf(f, "  - {name: %s, bind: \"%s\", %s}\n", place_facts[p].word, s->place_text[p], rest);
}

static void put_listeners(FILE *f, const struct setup *s, const struct shape *h)
{
	fputs("listeners:\n", f);
	put_place(f, s, PLACE_PLAIN,
		  "upstream: app, max_connections: 15, at_limit: wait, timeouts: {half_close: " HALF_CLOSE "}");
	put_place(f, s, PLACE_UNIX, "upstream: app");
	fprintf(f,
		"  - {name: tls, bind: \"%s\", upstream: app, tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}}\n",
		s->place_text[PLACE_TLS], s->edge_cert, s->edge_key);
	put_place(f, s, PLACE_TLS_BACK, "upstream: safe");
	put_place(f, s, PLACE_SNI, "upstream: app, routes: [{sni: \"back.test\", upstream: through}]");
	put_place(f, s, PLACE_PROXY_IN,
		  "upstream: told, proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"]}");
	put_place(f, s, PLACE_PROXY_OUT, h->mistake == MISTAKE_UPSTREAM ? "upstream: nobody" : "upstream: told");
	if (h->extra) {
		put_place(f, s, PLACE_EXTRA, "upstream: app");
		put_place(f, s, PLACE_EXTRA_UNIX, "upstream: app");
	}
	if (h->mistake == MISTAKE_PORT)
		fprintf(f, "  - {name: held, bind: \"%s\", upstream: app}\n", s->held_text);
	if (h->mistake == MISTAKE_KEY)
		fputs("upsteam: app\n", f);
}

struct upstream {
	const char *name, *rest;
	int         first, end; /* its servers, if the shape has them */
};

static void put_upstream(FILE *f, const struct setup *s, const struct shape *h, const struct upstream *u)
{
	const char *comma = "";

	fprintf(f, "  - {name: %s, %s, servers: [", u->name, u->rest);
	for (int i = u->first; i < u->end; i++)
		if (h->servers & 1u << i) {
			fprintf(f, "%s\"%s\"", comma, s->server_text[i]);
			comma = ", ";
		}
	fputs("]}\n", f);
}

char *setup_text(const struct setup *s, const struct shape *h)
{
	static const char *const balances[] = {"balance: round_robin", "balance: least_conn", "balance: random_two"};
	char *text = NULL, tls[KIT_PATH * 2];
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (f == NULL)
		kit_fail("no memory");
	fprintf(f, "workers: 2\nshutdown: {timeout: 3s}\nlog: {access: \"%s/%s%s\", format: %s%s}\n", kit_dir(),
		h->mistake == MISTAKE_LOG ? "missing/" : "", log_file(h->log), log_formats[h->log],
		s->living ? ", start: true, periodic: 1s" : "");
	put_listeners(f, s, h);
	fputs("upstreams:\n", f);
	snprintf(tls, sizeof(tls), "tls: {ca: \"%s\", name: \"back.test\"}", s->ca);
	{
		const struct upstream all[] = {
			{"app", balances[h->balance], APP_FIRST, SAFE_FIRST},
			{"safe", tls, SAFE_FIRST, TOLD_FIRST},
			{"through", balances[h->balance], SAFE_FIRST, TOLD_FIRST},
			{"told", "proxy_protocol: v2", TOLD_FIRST, SERVERS},
		};

		for (size_t i = 0; i < array_len(all); i++)
			put_upstream(f, s, h, &all[i]);
	}
	if (h->mistake == MISTAKE_SYNTAX)
		fputs("upstreams: [\n", f);
	if (fclose(f) != 0)
		kit_fail("no memory");
	return text;
}
