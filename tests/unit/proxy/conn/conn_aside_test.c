/* P34: who waits without a server comes from another process with the bytes that were read there: its facts are found
 * in them anew, it waits on in its old place, and what contradicts itself is refused. */
#include "tests/unit/proxy/conn/hand_over_world.h"

#include <openssl/ssl.h>

#include "proxy/conn/conn_aside.h"

#define HEADER "PROXY TCP4 192.0.2.7 192.0.2.8 1000 80\r\n"

static struct {
	uint8_t read[2048];
	size_t nread;
	bool facts, back, waits;
	unsigned refused, tried;
	int fds[2];
} noted;

/* What OpenSSL says first, behind a PROXY header. */
static void make_bytes(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_tlsext_host_name(ssl, "name.test");
	SSL_connect(ssl);
	memcpy(noted.read, HEADER, strlen(HEADER));
	noted.nread = strlen(HEADER);
	noted.nread += (size_t)BIO_read(SSL_get_wbio(ssl), noted.read + noted.nread, 1900);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* What a message says of one; a test changes a field. */
struct said {
	uint64_t waits, fds, from, since, until;
	bool upstream, server;
	size_t nread;
};

static struct said sound(void)
{
	return (struct said){
		.waits = HANDOVER_WAITS_QUEUE,
		.fds = 1,
		.from = strlen(HEADER),
		.since = (uint64_t)np_nanotime() - 7 * NP_S,
		.until = (uint64_t)np_nanotime() + 7 * NP_S,
		.upstream = true,
		.nread = noted.nread,
	};
}

static size_t put_said(const struct said *is)
{
	union np_inet peer = {.in4 = {.sin_family = AF_INET, .sin_port = 5}};
	struct handover_writer w;
	uint32_t at;

	handover_write(&w, second.message, HAND_ROOM);
	at = handover_group(&w, HANDOVER_TAG_CONN);
	handover_put_number(&w, HANDOVER_TAG_CONN_FDS, is->fds);
	handover_put_text(&w, HANDOVER_TAG_CONN_LISTENER, second.listener.name);
	handover_put_text(&w, HANDOVER_TAG_CONN_UPSTREAM, is->upstream ? "u" : NULL);
	handover_put_text(&w, HANDOVER_TAG_CONN_SERVER, is->server ? "s" : NULL);
	handover_put(&w, HANDOVER_TAG_CONN_PEER, &peer, sizeof(peer));
	handover_put_number(&w, HANDOVER_TAG_CONN_ACCEPTED, (uint64_t)np_nanotime() - 9 * NP_S);
	handover_put_number(&w, HANDOVER_TAG_CONN_WAITS, is->waits);
	handover_put_number(&w, HANDOVER_TAG_CONN_WAITS_SINCE, is->since);
	handover_put_number(&w, HANDOVER_TAG_CONN_WAITS_UNTIL, is->until);
	handover_put(&w, HANDOVER_TAG_CONN_READ, noted.read, is->nread);
	handover_put_number(&w, HANDOVER_TAG_CONN_READ_FROM, is->from);
	handover_put_number(&w, HANDOVER_TAG_CONN_READ_FLAGS, HANDOVER_READ_HEADER | HANDOVER_READ_HELLO);
	handover_put(&w, HANDOVER_TAG_CONN_CERT, "cert", 4);
	handover_group_end(&w, at);
	return w.n;
}

/* NULL: it was refused, with a sentence, and its descriptor is closed. */
static struct conn *build_said(const struct said *is)
{
	struct hand_over_into into = {.shard = second.shard, .snap = &second.snap};
	int pair[2], sysfds[HAND_OVER_FDS] = {-1, -1};
	size_t n = put_said(is);
	struct hand_over h;
	struct conn *c = NULL;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "a client");
	sysfds[0] = pair[0];
	second.why = NULL;
	if (!take_apart(&h, n))
		close(pair[0]);
	else if (hand_over_build(&into, &h, sysfds, &c, &second.why) != 0)
		c = NULL;
	close(pair[1]);
	CHECK((c == NULL) == (second.why != NULL), "a refusal has a sentence");
	return c;
}

static bool facts_are_found(const struct conn *c)
{
	const struct conn_extra *x = c->extra;
	const struct preread *o = x->preread;
	const char *sni = o->tls ? hello_sni(&o->hello, NULL) : NULL;

	return sni != NULL && strcmp(sni, "name.test") == 0 && o->src.u.in4.sin_port == htons(1000) &&
	       memcmp(&x->client, &o->src.u, sizeof(x->client)) == 0 && chunk_held(o->rest) == noted.nread - 40 &&
	       o->ncert == 4 && memcmp(o->cert, "cert", 4) == 0 && x->waits_since != 0 && x->waits_until != 0;
}

static void refuse(struct said is)
{
	struct conn *c = build_said(&is);

	noted.tried++;
	if (c == NULL)
		noted.refused++;
	else
		hand_over_drop(c);
}

#define REFUSE(field, value) \
	do {                     \
		struct said is = sound(); \
		is.field = value; \
		refuse(is); \
	} while (0)

static void refuse_all(void)
{
	REFUSE(waits, 3);
	REFUSE(waits, HANDOVER_WAITS_PLACE); /* it has an upstream, and bytes */
	REFUSE(waits, HANDOVER_WAITS_NOT);
	REFUSE(fds, 2);
	REFUSE(fds, 0);
	REFUSE(upstream, false);
	REFUSE(server, true);
	REFUSE(since, (uint64_t)np_nanotime() + 60 * NP_S);
	REFUSE(until, 0);
	REFUSE(from, noted.nread + 1);
	REFUSE(from, noted.nread); /* no hello stands there */
	REFUSE(nread, 20);         /* no whole header */
	REFUSE(nread, noted.nread - 1);
}

static void early_script(void)
{
	struct said is;
	struct conn *c;

	second_begin();
	make_bytes();
	noted.fds[0] = open_descriptors();
	is = sound();
	c = build_said(&is);
	CHECK(c != NULL, "what is sound is taken");
	noted.facts = facts_are_found(c);
	noted.waits = conn_stands_aside(c) && c->setup == SETUP_QUEUE && second.limit.used == 1 &&
		      second.server.slots.used == 0;
	hand_over_drop(c);
	noted.back = second.limit.used == 0;
	refuse_all();
	noted.fds[1] = open_descriptors();
	apps_write_and_read();
	wait_until_gone();
	second_end();
}

static void p34_what_was_read_is_read_anew(void **state)
{
	const struct relay_case is = {.ends = ENDS_TCP, .up = 1000, .down = 2000, .script = early_script};

	(void)state;
	relay_world_run(&is);
	assert_true(noted.facts);
	assert_true(noted.waits);
	assert_true(noted.back);
	assert_int_equal(noted.refused, noted.tried);
	assert_int_equal(noted.fds[0], noted.fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p34_what_was_read_is_read_anew),
	};

	return cmocka_run_group_tests_name("conn_aside", tests, NULL, NULL);
}
