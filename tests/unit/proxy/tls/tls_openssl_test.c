/* Hostile clients that hold no keys by hand, over either version (D18, D20, D21). With keys: tls_direct_test.c. */
#include "tests/unit/proxy/tls/tls_saw.h"

#include <openssl/err.h>

/* n KeyUpdates of the client's, in one go. */
static void key_updates(struct pair *p, int n, int kind)
{
	struct tls *t = p->client.s.tls;

	tls_bio_begin(t, NULL, 0);
	for (int i = 0; i < n; i++) {
		CHECK(SSL_key_update(t->ssl, kind) == 1, "no KeyUpdate");
		CHECK(SSL_do_handshake(t->ssl) == 1, "no KeyUpdate sent");
	}
	if (tls_bio_end(t, false) < 0)
		saw.err = -1;
}

static void some_updates(struct pair *p)
{
	for (int i = 0; i < 20; i++) {
		key_updates(p, 1, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
		saw.wrote |= pair_write(&p->client.s, out + (size_t)i * 100, 100);
		saw.read = pair_read(&p->server.s, in, 100);
		saw.flag |= saw.read != 100 || memcmp(in, out + (size_t)i * 100, 100) != 0;
		saw.wrote |= pair_write(&p->server.s, out, 100);
		saw.flag |= pair_read(&p->client.s, in, 100) != 100 || memcmp(in, out, 100) != 0;
	}
}

static void keys_may_be_updated(void **state)
{
	struct pair p = {.script = some_updates};

	(void)state;
	run_as(&p, CONFIG_TLS_VERSION_1_3);
	assert_int_equal(saw.err, 0);
	assert_int_equal(saw.wrote, 0);
	assert_false(saw.flag);
}

static void flood(struct pair *p)
{
	key_updates(p, 150, SSL_KEY_UPDATE_NOT_REQUESTED);
	saw.wrote = pair_write(&p->client.s, "x", 1);
	saw.read = stream_try_read(&p->server.s, in, 100);
	saw.buffered = stream_buffered(&p->server.s);
	while ((saw.again = stream_try_read(&p->server.s, in, 100)) == -NP_EAGAIN && stream_buffered(&p->server.s))
		saw.bytes++;
	saw.err = (int)stream_try_write(&p->server.s, "x", 1);
}

static void a_flood_of_updates_ends_the_connection(void **state)
{
	struct pair p = {.script = flood};

	(void)state;
	run_as(&p, CONFIG_TLS_VERSION_1_3);
	assert_int_equal(saw.read, -NP_EAGAIN); /* not all at once: others' turn */
	assert_true(saw.buffered);
	assert_true(saw.bytes >= 4);
	assert_int_equal(saw.again, -NP_EPROTO);
	assert_int_equal(saw.err, -NP_EPROTO);
}

/* The answer to a KeyUpdate finds the socket full: it waits behind the backlog, and is not lost (D21). */
static void update_against_a_full_socket(struct pair *p)
{
	ssize_t n = 0;

	small_sockets(p);
	while (saw.bytes < BULK && (n = stream_try_write(&p->server.s, out + saw.bytes, 64 * 1024)) > 0)
		saw.bytes += (size_t)n;
	key_updates(p, 1, SSL_KEY_UPDATE_REQUESTED);
	saw.wrote = pair_write(&p->client.s, "x", 1);
	saw.read = pair_read(&p->server.s, in, 1);
	read_all(p);
	saw.err = pair_write(&p->server.s, "after", 5);
	saw.again = pair_read(&p->client.s, in + saw.bytes, 5);
}

static void a_read_that_must_write_does_not_wait(void **state)
{
	struct pair p = {.script = update_against_a_full_socket};

	(void)state;
	run_as(&p, CONFIG_TLS_VERSION_1_3);
	assert_int_equal(saw.wrote, 0);
	assert_false(saw.flag);
	assert_int_equal(saw.read, 1);
	assert_int_equal(saw.err, 0);
	assert_memory_equal(in, out, saw.bytes);
	assert_int_equal(saw.again, 5);
	assert_memory_equal(in + saw.bytes, "after", 5);
}

/* D31: OpenSSL's error queue is the thread's, and all connections of a worker share it. */
static void after_an_error_of_another(struct pair *p)
{
	ERR_raise(ERR_LIB_USER, 1);
	saw.again = stream_try_read(&p->client.s, in, 100);
	ERR_raise(ERR_LIB_USER, 1);
	saw.wrote = pair_write(&p->client.s, "to", 2);
	saw.read = pair_read(&p->server.s, in, 2);
	saw.err = pair_write(&p->server.s, "back", 4);
	ERR_raise(ERR_LIB_USER, 1);
	saw.bytes = (size_t)pair_read(&p->client.s, in, 4);
	saw.flag = ERR_peek_error() != 0;
}

static void an_error_left_behind_is_not_the_next_ones(void **state)
{
	struct pair p = {.script = after_an_error_of_another};

	(void)state;
	run_as(&p, CONFIG_TLS_VERSION_1_3);
	assert_int_equal(saw.again, -NP_EAGAIN);
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.read, 2);
	assert_int_equal(saw.err, 0);
	assert_int_equal(saw.bytes, 4);
	assert_false(saw.flag);
}

static const char *forged;
static size_t forged_n;

static void forge(struct pair *p)
{
	saw.wrote = send(p->client.raw, forged, forged_n, 0) == (ssize_t)forged_n ? 0 : -1;
	saw.read = pair_read(&p->server.s, in, 100);
	saw.again = stream_try_read(&p->server.s, in, 100);
	saw.err = (int)stream_try_write(&p->server.s, "x", 1);
	saw.bytes = (size_t)recv(p->client.raw, in, 100, 0); /* the alert */
}

/* D20: what nobody with the keys sent. */
static void forged_records_end_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef", 37}, /* no key made this */
		{"\x17\x03\x03\x00\x01" "x", 6},       /* too short for a tag */
		{"\x17\x03\x03\xff\xff" "x", 6},       /* longer than any record */
		{"\x16\x03\x03\x00\x04\x00\x00\x00\x00", 9}, /* a handshake in the clear */
		{"GET / HTTP/1.1\r\n\r\n", 18},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		forged = rows[i].bytes;
		forged_n = rows[i].n;
		for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
			struct pair p = {.script = forge};

			memset(&saw, 0, sizeof(saw));
			run_as(&p, (enum config_tls_version)v);
			assert_int_equal(saw.wrote, 0);
			assert_int_equal(saw.read, -NP_EPROTO);
			assert_int_equal(saw.again, -NP_EPROTO);
			assert_int_equal(saw.err, -NP_EPROTO);
			assert_true((ssize_t)saw.bytes > 5);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D18", keys_may_be_updated),
		ROW("D18 F26", a_flood_of_updates_ends_the_connection),
		ROW("D21 F28", a_read_that_must_write_does_not_wait),
		ROW("D31", an_error_left_behind_is_not_the_next_ones),
		ROW("D20", forged_records_end_the_connection),
	};

	client_is_openssl = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
