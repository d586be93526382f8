/* P34: a TLS end goes to another process between two operations, in each state that it can be in. */
#include "proxy/tls/tls_export.h"

#include "tests/unit/proxy/tls/tls_moves.h"

/* ---- bytes go on, both ways, from either side ---- */

/* Each end moves three times, with bytes between, so counters and changed keys go along. With three records to a key
 * (1.3, the first suite) a KeyUpdate comes before each move and after it. */
static void both_move_script(struct pair *p)
{
	for (int i = 0; i < 3; i++) {
		say_all(p);
		move_end(&p->server);
		CHECK(saw.same_facts, "facts of the server's end");
		say_all(p);
		move_end(&p->client);
		CHECK(saw.same_facts, "facts of the client's end");
	}
	say_all(p);
	note(p->server.s.tls->direct->out.seq > 0);
}

static void expect_moved(void)
{
	assert_int_equal(saw.got[0], 1);
}

static void p34_either_end_moves_and_goes_on(void **state)
{
	(void)state;
	run_each(both_move_script, expect_moved);
}

/* ---- everything waits at once ---- */

#define BULK (3 << 20)

static char bulk[BULK], taken[BULK];

static void fill_bulk(void)
{
	for (size_t i = 0; i < BULK; i++)
		bulk[i] = (char)(i * 31 + i / 251);
}

/* Until a part of a record waits for room. The buffer is small, so that it soon does. */
static size_t write_until_full(struct stream *s)
{
	size_t done = 0;
	ssize_t n = 0;
	int room = 1 << 16;

	CHECK(setsockopt(s->fd.sysfd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0, "a small buffer");
	while (done < BULK && stream_backlog(s) == 0 && (n = stream_try_write(s, bulk + done, BULK - done)) > 0)
		done += (size_t)n;
	return done;
}

/* Reads n bytes of which the first `have` are there; whoever wrote them flushes what waits. */
static void read_bulk(struct stream *from, struct stream *to, size_t have, size_t n)
{
	while (have < n) {
		ssize_t some;

		(void)!stream_flush(from);
		some = pair_read(to, taken + have, n - have);
		if (some <= 0)
			break;
		have += (size_t)some;
	}
	saw.altered |= have != n || memcmp(bulk, taken, n) != 0;
}

/* Both ends have a backlog; the server has read a hundred bytes of a record, and the beginning of the next one. */
static void much_waits_script(struct pair *p)
{
	size_t up = write_until_full(&p->client.s), down = write_until_full(&p->server.s);
	const struct tls *t = p->server.s.tls;
	ssize_t first = pair_read(&p->server.s, taken, 100);

	note(first);
	note(t->in != NULL && t->direct->spilt != NULL && t->out != NULL);
	move_end(&p->server);
	move_end(&p->client);
	read_bulk(&p->client.s, &p->server.s, (size_t)first, up);
	read_bulk(&p->server.s, &p->client.s, 0, down);
	say_all(p);
}

static void expect_waited(void)
{
	assert_int_equal(saw.got[0], 100);
	assert_int_equal(saw.got[1], 1);
}

static void p34_unread_spilt_and_backlog_move(void **state)
{
	(void)state;
	fill_bulk();
	run_each(much_waits_script, expect_waited);
}

/* ---- ends ---- */

/* close_notify received, then ours made, each before a move. */
static void ends_script(struct pair *p)
{
	char byte;

	note(stream_close_write(&p->client.s));
	note(pair_read(&p->server.s, &byte, 1));
	move_end(&p->server);
	note(stream_try_read(&p->server.s, &byte, 1));
	note(stream_truncated(&p->server.s));
	move_end(&p->client);
	note(p->client.s.tls->notified && p->client.s.tls->shut);
	say(p, "the other direction", &p->server.s, &p->client.s);
	note(stream_close_write(&p->server.s));
	move_end(&p->server);
	note(pair_read(&p->client.s, &byte, 1));
	note(stream_truncated(&p->client.s));
}

static void expect_ends(void)
{
	static const ssize_t want[] = {0, 0, 0, 0, 1, 0, 0, 0};

	for (size_t i = 0; i < array_len(want); i++)
		assert_int_equal(saw.got[i], want[i]);
}

static void p34_ends_that_were_said_stay_said(void **state)
{
	(void)state;
	run_each(ends_script, expect_ends);
}

/* FIN without close_notify: bytes may be missing, and the reader must go on saying so. */
static void cut_script(struct pair *p)
{
	char byte;

	note(np_fd_close_write(&p->client.s.fd));
	note(pair_read(&p->server.s, &byte, 1));
	move_end(&p->server);
	note(stream_try_read(&p->server.s, &byte, 1));
	note(stream_truncated(&p->server.s));
}

static void expect_cut(void)
{
	assert_int_equal(saw.got[1], 0);
	assert_int_equal(saw.got[2], 0);
	assert_int_equal(saw.got[3], 1);
}

static void p34_a_missing_close_notify_is_still_missing(void **state)
{
	(void)state;
	run_each(cut_script, expect_cut);
}

/* Broken by the peer: the alert is ours to send, and the words of the log come along. */
static void broken_script(struct pair *p)
{
	static const char junk[] = "\x17\x03\x03\x00\x20 this is no record of this key....";
	const char *cause;
	char byte, words[256];

	note(np_fd_write(&p->client.s.fd, junk, sizeof(junk) - 1, NULL));
	note(pair_read(&p->server.s, &byte, 1));
	cause = tls_cause(p->server.s.tls);
	CHECK(cause != NULL && strlen(cause) < sizeof(words), "the log has words");
	memcpy(words, cause, strlen(cause) + 1);
	move_end(&p->server);
	note(stream_try_read(&p->server.s, &byte, 1));
	note(stream_try_write(&p->server.s, "x", 1));
	note(strcmp(tls_cause(p->server.s.tls), words));
	note(p->server.s.tls->alerted);
}

static void expect_broken(void)
{
	assert_int_equal(saw.got[1], -NP_EPROTO);
	assert_int_equal(saw.got[2], -NP_EPROTO);
	assert_int_equal(saw.got[3], -NP_EPROTO);
	assert_int_equal(saw.got[4], 0);
	assert_int_equal(saw.got[5], 1);
}

static void p34_what_broke_stays_broken(void **state)
{
	(void)state;
	run_each(broken_script, expect_broken);
}

/* ---- what does not move ---- */

static void stays_script(struct pair *p)
{
	note(tls_movable(p->client.s.tls));
	note(tls_movable(p->server.s.tls));
}

static void p34_an_end_of_openssl_stays(void **state)
{
	struct pair p = {.script = stays_script};

	(void)state;
	memset(&saw, 0, sizeof(saw));
	in.records = CONFIG_TLS_RECORDS_OPENSSL;
	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	assert_int_equal(saw.got[0], TLS_MOVES);
	assert_int_equal(saw.got[1], TLS_STAYS);
}

/* ---- the log's words ---- */

/* Names are static, so each cipher of the record layer must be in the table that a name is looked up in. */
static void p34_every_cipher_keeps_its_name(void **state)
{
	SSL_CTX *x = SSL_CTX_new(TLS_method());
	STACK_OF(SSL_CIPHER) *list;
	unsigned ours = 0;

	(void)state;
	assert_non_null(x);
	assert_int_equal(SSL_CTX_set_cipher_list(x, "ALL:@SECLEVEL=0"), 1);
	list = SSL_CTX_get_ciphers(x);
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		struct tls_known *k;
		struct handover_writer w;
		struct tls_facts f;

		uint16_t number = SSL_CIPHER_get_protocol_id(c);

		if (tls_suite_of(number) < 0 && tls12_suite_of(number) < 0)
			continue;
		ours++;
		handover_write(&w, message, MESSAGE_ROOM);
		handover_put_text(&w, HANDOVER_TAG_KNOWN_CIPHER, SSL_CIPHER_get_name(c));
		k = tls_known_import(&(struct handover_field){.p = message, .n = w.n});
		assert_non_null(k);
		tls_known_facts(k, &f);
		assert_non_null(f.cipher);
		assert_string_equal(f.cipher, SSL_CIPHER_get_name(c));
		free(k);
	}
	assert_true(ours >= 12);
	SSL_CTX_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVE_ROW(p34_either_end_moves_and_goes_on),
		MOVE_ROW(p34_unread_spilt_and_backlog_move),
		MOVE_ROW(p34_ends_that_were_said_stay_said),
		MOVE_ROW(p34_a_missing_close_notify_is_still_missing),
		MOVE_ROW(p34_what_broke_stays_broken),
		MOVE_ROW(p34_an_end_of_openssl_stays),
		MOVE_ROW(p34_every_cipher_keeps_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
