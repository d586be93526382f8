/* tls_moves: a TLS end that is written down, forgotten and made again at the same socket, in each version and suite.
 * The scripts of a test note what they saw; the test asserts when run_each calls its `expect`. */
#ifndef TESTS_UNIT_PROXY_TLS_TLS_MOVES_H
#define TESTS_UNIT_PROXY_TLS_TLS_MOVES_H

#include "proxy/tls/tls_export.h"
#include "tests/unit/proxy/tls/tls_hands.h"

#define MESSAGE_ROOM (2 << 20)

/* Where the group stands that goes to the other process. */
static uint8_t *message;
/* What the script of a test saw. */
static struct {
	const char *why;
	int err;
	bool read;
	bool same_facts, same_keys;
	ssize_t got[8];
	unsigned n;
	bool altered;
} saw;

static inline void note(ssize_t got)
{
	CHECK(saw.n < array_len(saw.got), "a script notes no more");
	saw.got[saw.n++] = got;
}

/* The group of e.   Returns  its length. */
static inline size_t write_down(const struct side *e)
{
	struct handover_writer w;

	handover_write(&w, message, MESSAGE_ROOM);
	tls_export(e->s.tls, &w, 1);
	CHECK(!w.cut, "the message has room");
	return w.n;
}

/* Of one group that begins the message. */
static inline bool read_again(struct tls_moved *m, size_t n)
{
	struct handover_reader r;
	struct handover_field f;

	handover_read(&r, message, n);
	return handover_next(&r, &f) && f.tag == HANDOVER_TAG_CONN_TLS && f.must && tls_moved_read(m, &f, &saw.why);
}

/* A nonce that is used twice with one key gives the key away: both counters go on where they were. */
static inline bool is_same_key(const struct tls_record_key *a, const struct tls_record_key *b)
{
	return a->seq == b->seq && a->suite == b->suite && a->tls12 == b->tls12 && a->added == b->added &&
	       memcmp(a->iv, b->iv, sizeof(a->iv)) == 0 && memcmp(a->secret, b->secret, sizeof(a->secret)) == 0;
}

/* The other process's end takes the place of this one. */
static inline void move_end(struct side *e)
{
	size_t n = write_down(e);
	struct tls_facts before, after;
	struct tls_moved m;
	struct tls_record_key keys[2] = {e->s.tls->direct->in, e->s.tls->direct->out};
	struct tls *again = NULL;

	tls_facts(e->s.tls, &before);
	e->s.tls = tls_forget(e->s.tls);
	saw.read = read_again(&m, n);
	saw.err = saw.read ? tls_import(&again, &e->s.fd, e->ctx, &m, &saw.why) : -1;
	memset(message, 0xee, MESSAGE_ROOM); /* nothing may point there any more */
	CHECK(saw.err == 0, "an end of ours is taken");
	saw.same_keys = is_same_key(&again->direct->in, &keys[0]) && is_same_key(&again->direct->out, &keys[1]);
	CHECK(saw.same_keys, "the keys and counters of before");
	tls_facts(again, &after);
	saw.same_facts = strcmp(before.version, after.version) == 0 && strcmp(before.cipher, after.cipher) == 0;
	saw.same_facts = saw.same_facts && strcmp(before.sni, after.sni) == 0 &&
			 strcmp(before.alpn, after.alpn) == 0 && strcmp(before.subject, after.subject) == 0 &&
			 strcmp(before.cn, after.cn) == 0 && before.protocol == after.protocol &&
			 before.resumed == after.resumed && before.verified == after.verified;
	e->s.tls = again;
}

/* A handshake of both ends, then the script. */
static inline void run_with(void (*script)(struct pair *p))
{
	struct pair p = {.script = script, .sni = "a.test"};

	memset(&saw, 0, sizeof(saw));
	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	assert_int_equal(p.client.err, 0);
	assert_int_equal(p.server.err, 0);
	assert_true(p.client.direct && p.server.direct);
	assert_false(saw.altered);
}

/* Every version, suite and number of records between two changes of the key. */
static inline void run_each(void (*script)(struct pair *p), void (*expect)(void))
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	static const char *const ciphers[] = {
		"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305"};

	for (int tls12 = 0; tls12 < 2; tls12++) {
		for (size_t i = 0; i < array_len(suites); i++) {
			in.min_version = in.max_version = tls12 ? CONFIG_TLS_VERSION_1_2 : CONFIG_TLS_VERSION_1_3;
			in.ciphersuites = tls12 ? NULL : suites[i];
			in.ciphers = tls12 ? ciphers[i] : NULL;
			pair_worker->seal_most = i == 0 ? 3 : UINT32_MAX;
			run_with(script);
			expect();
		}
	}
}

/* One message, there. */
static inline void say(struct pair *p, const char *text, struct stream *from, struct stream *to)
{
	char buf[64] = "";
	size_t n = strlen(text);

	(void)p;
	if (pair_write(from, text, n) != 0 || pair_read(to, buf, sizeof(buf)) != (ssize_t)n)
		saw.altered = true;
	saw.altered |= memcmp(buf, text, n) != 0;
}

static inline void say_all(struct pair *p)
{
	for (int i = 0; i < 5; i++) {
		say(p, "from the client", &p->client.s, &p->server.s);
		say(p, "from the server", &p->server.s, &p->client.s);
	}
}

static inline int setup_message(void **state)
{
	if (message == NULL)
		message = malloc(MESSAGE_ROOM);
	return setup(state);
}

#define MOVE_ROW(f) {"P34 " #f, f, setup_message, teardown, NULL}

#endif
