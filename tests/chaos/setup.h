/* setup: the addresses of a soak and the texts of its configurations. A shape says in which respects a configuration
 * differs from the others; everything else stays, so that what holds for connections stays the same. */
#ifndef TESTS_CHAOS_SETUP_H
#define TESTS_CHAOS_SETUP_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "tests/chaos/plan.h"
#include "tests/kit/kit.h"

/* Our servers, by upstream: app's four (the last one on a Unix socket), two that speak TLS, two that expect a PROXY
 * header. */
enum { APP_FIRST = 0, SAFE_FIRST = 4, TOLD_FIRST = 6, SERVERS = 8 };
enum server_kind { SERVER_APP, SERVER_SAFE, SERVER_TOLD };
enum server_kind server_kind(int server);
static inline bool server_is_local(int server)
{
	return server == SAFE_FIRST - 1;
}

/* Where the access log goes.
 *   id     file               format  written to by a disk that may be full, or a pipe that may not be read */
#define LOG_TBL(X) \
	X(A,     "access.a",       json) \
	X(B,     "access.b",       json) \
	X(TEXT,  "access.text",    text) \
	X(SMALL, "small/access.s", json) \
	X(PIPE,  "access.pipe",    json)

enum log_target {
#define X(id, file, format) LOG_##id,
	LOG_TBL(X)
#undef X
	LOG_TARGETS
};
const char *log_file(enum log_target t); /* its name in the directory */

/* Mistakes in a configuration that must be refused; the certificate's is on disk. */
#define MISTAKE_TBL(X) \
	X(NONE,        "none") \
	X(SYNTAX,      "no YAML") \
	X(KEY,         "unknown key") \
	X(UPSTREAM,    "upstream that does not exist") \
	X(LOG,         "log in a directory that does not exist") \
	X(PORT,        "port that another program holds") \
	X(CERTIFICATE, "certificate file that is damaged")

enum mistake {
#define X(id, text) MISTAKE_##id,
	MISTAKE_TBL(X)
#undef X
	MISTAKES
};
const char *mistake_text(enum mistake m);

struct shape {
	unsigned        servers; /* a bit each: those that the configuration names */
	bool            extra;   /* the listeners that come and go are there */
	unsigned        balance; /* index of a manner */
	enum log_target log;
	enum mistake    mistake;
};
struct shape shape_first(void);
struct shape shape_roll(struct dice *d, const struct shape *before);

union any_address {
	struct sockaddr    sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

struct setup {
	union any_address place[PLACES], server[SERVERS];
	socklen_t         place_len[PLACES], server_len[SERVERS];
	char              place_text[PLACES][KIT_PATH], server_text[SERVERS][KIT_PATH];
	char              held_text[KIT_PATH]; /* an address that another program holds */
	char              ca[KIT_PATH], back_cert[KIT_PATH], back_key[KIT_PATH];
	char              edge_cert[KIT_PATH], edge_key[KIT_PATH];
	struct kit_cert  *pairs[2]; /* for the listener that ends TLS: both are right */
	bool              living;   /* connections that live have lines, too */
	bool              small;    /* small/ is a file system of its own, with little room */
};

void setup_init(struct setup *s);
/* The pair in use; -1: a damaged certificate file. Written beside and renamed, as careful operators do. */
void setup_certificate(const struct setup *s, int pair);
/* The text of a configuration; the caller frees it. */
char *setup_text(const struct setup *s, const struct shape *h);

#endif
