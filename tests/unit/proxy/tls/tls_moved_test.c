/* P34, P22: a TLS end that another process has written down is foreign bytes. Whatever they are, they are refused, or
 * make an end that can be read, written and forgotten. */
#include "tests/unit/proxy/tls/tls_moves.h"

/* Each byte of the message once damaged, and the message cut at each: it is refused, or makes an end that can be used
 * and forgotten. */
static void hostile_script(struct pair *p)
{
	size_t n = write_down(&p->server), refused = 0;
	uint8_t *good = malloc(n);
	char buf[64];

	CHECK(good != NULL, "memory for a copy");
	memcpy(good, message, n);
	for (size_t i = 0; i < 2 * n; i++) {
		struct tls *t = NULL;
		struct tls_moved m;

		memcpy(message, good, n);
		message[i / 2] ^= i % 2 == 0 ? 0xff : 0x01;
		if (!read_again(&m, n) || tls_import(&t, &p->server.s.fd, p->server.ctx, &m, &saw.why) != 0) {
			refused += saw.why != NULL;
			continue;
		}
		(void)!tls_try_read(t, buf, sizeof(buf));
		tls_forget(t);
	}
	for (size_t i = 0; i < n - 8; i++) {
		const uint32_t less = (uint32_t)i;
		struct tls_moved m;

		memcpy(message, good, n);
		memcpy(message + 4, &less, sizeof(less));
		refused += !read_again(&m, n);
	}
	note((ssize_t)refused);
	free(good);
}

static void expect_refusals(void)
{
	assert_true(saw.got[0] > 100);
}

static void p34_p22_foreign_bytes_are_refused(void **state)
{
	(void)state;
	run_each(hostile_script, expect_refusals);
}

/* The group with one field more, which takes the place of the one that was there. */
static bool is_taken_with(struct pair *p, enum handover_tag tag, const void *bytes, size_t n, bool must)
{
	size_t whole = write_down(&p->server);
	struct handover_writer w = {.p = message, .n = (uint32_t)whole, .room = MESSAGE_ROOM};
	struct tls_moved m;
	uint32_t length;

	handover_put(&w, tag, bytes, n);
	if (must)
		handover_must(&w, (uint32_t)whole);
	length = w.n - 8;
	memcpy(message + 4, &length, sizeof(length));
	return read_again(&m, w.n);
}

#define TAKES(tag, n, ...) is_taken_with(p, HANDOVER_TAG_##tag, (const uint8_t[]){__VA_ARGS__}, n, false)
#define TAKES_NUMBER(tag, number) is_taken_with(p, HANDOVER_TAG_##tag, &(const uint64_t){number}, 8, false)

/* What this layer could never have come into by itself. The first and the last row are sound. */
static void contradicts_script(struct pair *p)
{
	bool tls12 = p->server.s.tls->direct->in.tls12;
	static uint8_t much[TLS_BACKLOG_MOST + 1];

	say_all(p); /* no ticket is held any more */
	note(TAKES(TLS_CAUSE, 1, 'a') && TAKES_NUMBER(TLS_ERR, NP_EPROTO) && TAKES(TLS_UNREAD, 1, 1) &&
	     TAKES(TLS_MESSAGE, 1, tls12 ? 1 : 24) && (tls12 || TAKES(TLS_MESSAGE, 4, 24, 0, 0, 1)));
	note(TAKES(TLS_MESSAGE, 5, 24, 0, 0, 1, 0) || TAKES(TLS_MESSAGE, 4, 24, 0, 0, 2) ||
	     TAKES(TLS_MESSAGE, 1, tls12 ? 24 : 4) || (tls12 && TAKES(TLS_MESSAGE, 4, 1, 0, 0, 1)));
	note(TAKES_NUMBER(TLS_SKIP, 1 << 18) || TAKES_NUMBER(TLS_ERR, NP_EAGAIN) || TAKES_NUMBER(TLS_ERR, NP_EINTR) ||
	     TAKES_NUMBER(TLS_ERR, NP_EDEADLINE) || TAKES_NUMBER(TLS_ERR, NP_EMFILE));
	note(TAKES_NUMBER(TLS_FLAGS, HANDOVER_TLS_SERVER | HANDOVER_TLS_TRUNCATED) ||
	     TAKES_NUMBER(TLS_FLAGS, HANDOVER_TLS_SERVER | HANDOVER_TLS_HELD) || TAKES_NUMBER(TLS_FLAGS, 1 << 8));
	note(TAKES_NUMBER(TLS_VERSION, 0x0302) || TAKES_NUMBER(TLS_SUITE, 0x1304) || TAKES_NUMBER(TLS_SIDE, 2) ||
	     TAKES_NUMBER(TLS_VERSION, tls12 ? 0x0304 : 0x0303) || TAKES_NUMBER(TLS_UP_SINCE, UINT64_MAX));
	note(is_taken_with(p, HANDOVER_TAG_TLS_BACKLOG, much, sizeof(much), false) ||
	     is_taken_with(p, HANDOVER_TAG_TLS_UNREAD, much, TLS_IN + 1, false) ||
	     is_taken_with(p, HANDOVER_TAG_TLS_SPILT, much, TLS_PLAIN_MOST + 1, false));
	note(is_taken_with(p, (enum handover_tag)9999, much, 1, true));
	note(is_taken_with(p, (enum handover_tag)9999, much, 1, false));
}

static void expect_contradictions(void)
{
	static const ssize_t want[] = {1, 0, 0, 0, 0, 0, 0, 1};

	for (size_t i = 0; i < array_len(want); i++)
		assert_int_equal(saw.got[i], want[i]);
}

static void p34_what_contradicts_itself_is_refused(void **state)
{
	(void)state;
	run_each(contradicts_script, expect_contradictions);
}

/* Sound bytes, and a worker that has another part in TLS, or does not trust its cipher. */
static void elsewhere_script(struct pair *p)
{
	struct tls_moved m;
	struct tls *t;
	bool read = read_again(&m, write_down(&p->server));

	note(read);
	note(tls_import(&t, &p->server.s.fd, p->client.ctx, &m, &saw.why)); /* we were the server */
	pair_worker->suites_off[1] = pair_worker->suites_off[0] = 0xff;
	note(tls_import(&t, &p->server.s.fd, p->server.ctx, &m, &saw.why));
	pair_worker->suites_off[1] = pair_worker->suites_off[0] = 0;
}

static void expect_elsewhere(void)
{
	assert_int_equal(saw.got[0], 1);
	assert_int_equal(saw.got[1], -NP_EINVAL);
	assert_int_equal(saw.got[2], -NP_EINVAL);
	assert_string_equal(saw.why, "its cipher is not to be had here");
}

static void p34_a_worker_that_cannot_serve_it_refuses(void **state)
{
	(void)state;
	run_each(elsewhere_script, expect_elsewhere);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVE_ROW(p34_p22_foreign_bytes_are_refused),
		MOVE_ROW(p34_what_contradicts_itself_is_refused),
		MOVE_ROW(p34_a_worker_that_cannot_serve_it_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
