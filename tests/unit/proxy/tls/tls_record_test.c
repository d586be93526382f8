/* Records of TLS 1.3 against the published trace (RFC 8448, 3), and against themselves. */
#include "proxy/tls/tls_record.h"
#include "proxy/tls/tls_record_12.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

static struct tls_crypto crypto;

static int setup(void **state)
{
	(void)state;
	return tls_crypto_init(&crypto, NULL);
}

static int teardown(void **state)
{
	(void)state;
	tls_crypto_fini(&crypto);
	return 0;
}

static size_t unhex(const char *text, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (; text[0] != '\0'; text += 2)
		out[n++] = (uint8_t)((strchr(digits, text[0]) - digits) << 4 | (strchr(digits, text[1]) - digits));
	return n;
}

/* The client's and the server's application data of the trace: bytes 0 to 49, each with its secret. */
static const struct {
	const char *secret, *record;
	uint64_t seq;
} trace[] = {
	{"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
	 "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b39"
	 "5bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
	 0},
	{"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
	 "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6df"
	 "fc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d",
	 1},
};

static void the_published_records_are_made_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(trace) / sizeof(trace[0]); i++) {
		uint8_t secret[64], want[128], made[128], plain[50], got[128], type;
		size_t n = unhex(trace[i].record, want);
		struct tls_record_key in, out;

		for (uint8_t j = 0; j < 50; j++)
			plain[j] = j;
		unhex(trace[i].secret, secret);
		assert_int_equal(tls_record_key_init(&out, &crypto, TLS_SUITE_AES_128, secret, true), 0);
		assert_int_equal(tls_record_key_init(&in, &crypto, TLS_SUITE_AES_128, secret, false), 0);
		out.seq = in.seq = trace[i].seq;
		assert_int_equal(tls_record_seal(&out, TLS_TYPE_DATA, plain, 50, made), n);
		assert_memory_equal(made, want, n);
		assert_int_equal(tls_record_open(&in, want, n, got, &type), 50);
		assert_int_equal(type, TLS_TYPE_DATA);
		assert_memory_equal(got, plain, 50);
		tls_record_key_fini(&in);
		tls_record_key_fini(&out);
	}
}

static uint8_t plain[TLS_PLAIN_MOST], sealed[TLS_PLAIN_MOST + TLS_SEALED_ADD], opened[TLS_PLAIN_MOST];

static void make_keys(enum tls_suite s, struct tls_record_key *out, struct tls_record_key *in)
{
	static const uint8_t secret[TLS_SECRET] = {1, 2, 3};

	assert_int_equal(tls_record_key_init(out, &crypto, s, secret, true), 0);
	assert_int_equal(tls_record_key_init(in, &crypto, s, secret, false), 0);
}

static void every_suite_returns_what_it_took(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 1000, TLS_PLAIN_MOST - 1, TLS_PLAIN_MOST};

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (int s = 0; s < TLS_SUITES; s++) {
		struct tls_record_key in, out;

		make_keys((enum tls_suite)s, &out, &in);
		for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t n = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
			uint8_t type;

			assert_int_equal(tls_record_seal(&out, TLS_TYPE_ALERT, plain, n, sealed), n + TLS_SEALED_ADD);
			assert_int_equal(tls_record_open(&in, sealed, n + TLS_SEALED_ADD, opened, &type), n);
			assert_int_equal(type, TLS_TYPE_ALERT);
			assert_memory_equal(opened, plain, n);
			if (i % 5 != 4)
				continue;
			assert_int_equal(tls_record_key_update(&out, &crypto), 0);
			assert_int_equal(tls_record_key_update(&in, &crypto), 0);
			assert_int_equal(out.seq, 0);
		}
		tls_record_key_fini(&in);
		tls_record_key_fini(&out);
	}
}

static void a_changed_bit_is_seen(void **state)
{
	(void)state;
	for (int s = 0; s < TLS_SUITES; s++)
		for (size_t at = 0; at < 20 + TLS_SEALED_ADD; at++) {
			struct tls_record_key in, out;
			uint8_t type;

			make_keys((enum tls_suite)s, &out, &in);
			assert_int_equal(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, sealed), 20 + TLS_SEALED_ADD);
			sealed[at] ^= 1;
			assert_int_equal(tls_record_open(&in, sealed, 20 + TLS_SEALED_ADD, opened, &type), -NP_EPROTO);
			tls_record_key_fini(&in);
			tls_record_key_fini(&out);
		}
}

/* ---- TLS 1.2 --------------------------------------------------------------------------------- */

static void make_tls12_keys(enum tls_suite s, struct tls_record_key *out, struct tls_record_key *in)
{
	static const struct tls12_secret k = {.master = {1, 2, 3}, .client = {4}, .server = {5}, .servers = true};

	assert_int_equal(tls12_record_key_init(out, &crypto, s, &k, true), 0);
	assert_int_equal(tls12_record_key_init(in, &crypto, s, &k, false), 0);
	out->next_explicit = UINT64_MAX; /* it wraps, as OpenSSL's does */
}

static void records_of_tls_1_2_return_what_they_took(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 1000, TLS_PLAIN_MOST - 1, TLS_PLAIN_MOST};
	static uint8_t rec[TLS_PLAIN_MOST + TLS_ADD_MOST];

	(void)state;
	for (int s = 0; s < TLS_SUITES; s++) {
		struct tls_record_key in, out;
		uint8_t type;

		make_tls12_keys((enum tls_suite)s, &out, &in);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t n = sizes[i];

			assert_int_equal(tls_record_seal(&out, TLS_TYPE_ALERT, plain, n, rec), n + out.added);
			assert_int_equal(rec[0], TLS_TYPE_ALERT);
			if (s != TLS_SUITE_CHACHA20)
				assert_int_equal(rec[TLS_HEAD + 7], (uint8_t)(i - 1)); /* never twice the same */
			assert_int_equal(tls_record_open(&in, rec, n + in.added, opened, &type), n);
			assert_int_equal(type, TLS_TYPE_ALERT);
			assert_memory_equal(opened, plain, n);
		}
		assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, rec) > 0);
		assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, rec) > 0);
		/* the second first */
		assert_int_equal(tls_record_open(&in, rec, 20U + in.added, opened, &type), -NP_EPROTO);
		tls_record_key_fini(&in);
		tls_record_key_fini(&out);
	}
}

static void a_changed_bit_of_a_tls_1_2_record_is_seen(void **state)
{
	uint8_t rec[20 + TLS_ADD_MOST];

	(void)state;
	for (int s = 0; s < TLS_SUITES; s++)
		for (size_t at = 0; at < 20 + TLS_ADD_MOST; at++) {
			struct tls_record_key in, out;
			uint8_t type;

			make_tls12_keys((enum tls_suite)s, &out, &in);
			assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, rec) > 0);
			rec[at % (20U + out.added)] ^= 1;
			/* The length is the caller's, who took the record by it. */
			assert_int_equal(tls_record_open(&in, rec, 20U + in.added, opened, &type),
					 at % (20U + out.added) == 3 || at % (20U + out.added) == 4 ? 20 : -NP_EPROTO);
			tls_record_key_fini(&in);
			tls_record_key_fini(&out);
		}
}

/* Bytes 0 to 49 as data, sealed with another implementation: the key block by HMAC alone (RFC 5246, 5 and 6.3), the
 * record by the AEAD of Python's cryptography. master: 0 to 47; client's random: from 0x80 on; server's: from 0xc0. */
static const struct {
	enum tls_suite suite;
	bool servers;
	uint64_t seq, explicit;
	const char *record;
} known_12[] = {
	{TLS_SUITE_AES_128, false, 1, 0x102030405060708,
	 "170303004a0102030405060708d4268f2c74a0473503be67c6a45233817c5edeb7e9484433063d"
	 "7834b26dd7fef253f7f380bb99effa7c3ed81b2a4d18fd649761aa3772b13e9e34060ac4281f3d86"},
	{TLS_SUITE_AES_128, true, 2, 7,
	 "170303004a00000000000000071934b130a78be3a81833c7ee6af02ca164b2d2f281bc72d7cfd9"
	 "8029c28e8e95778bbbb4a2fde1b0ec71bdc21d727280d92da10f5a69c245c3dd3fd0b3c0dc13cd5b"},
	{TLS_SUITE_AES_256, false, 1, 0x102030405060708,
	 "170303004a0102030405060708c660d73514204d63c06698bb8e94cb61f6b0a413ea259288ba34"
	 "651e55d985659d7dfdfdb927d00602a2e007517808d61d7490fdbf35a0946e7d498e20c54274856e"},
	{TLS_SUITE_AES_256, true, 2, 7,
	 "170303004a0000000000000007c570948cfe504db3f9167e4f33717b2c4b83fe8d5e270c424f17"
	 "b7de48c0161cbd3c91a5a021f1ff497fd75e831182643ac5e4833869786cda5ac10be658eaa82695"},
	{TLS_SUITE_CHACHA20, false, 1, 0,
	 "1703030042deccbe052c71147898d56a2343a38f6a8871aa38c5ad0dd2f34122d93303"
	 "956f1faf8ffabe82862ad7b2f9cb48757f2e89cf1c8c127ddfc3157f4733b140a9315651"},
	{TLS_SUITE_CHACHA20, true, 2, 0,
	 "170303004213978b996e23b4b2a19107395aee7d4431600367a33cf9f84fb7927f5d0f"
	 "b7b5d50de82671f984e0782bda71dc07950b16c1c2cf7f4df9d9cda9b3ed2ac611ef4903"},
};

static void records_of_tls_1_2_are_those_of_another_implementation(void **state)
{
	struct tls12_secret secret;

	(void)state;
	for (size_t i = 0; i < sizeof(secret.master); i++)
		secret.master[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(secret.client); i++) {
		secret.client[i] = (uint8_t)(0x80 + i);
		secret.server[i] = (uint8_t)(0xc0 + i);
	}
	for (size_t i = 0; i < 50; i++)
		plain[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(known_12) / sizeof(known_12[0]); i++) {
		uint8_t want[128], made[128], type;
		size_t n = unhex(known_12[i].record, want);
		struct tls_record_key in, out;

		secret.servers = known_12[i].servers;
		assert_int_equal(tls12_record_key_init(&out, &crypto, known_12[i].suite, &secret, true), 0);
		assert_int_equal(tls12_record_key_init(&in, &crypto, known_12[i].suite, &secret, false), 0);
		out.seq = in.seq = known_12[i].seq;
		out.next_explicit = known_12[i].explicit;
		assert_int_equal(tls_record_seal(&out, TLS_TYPE_DATA, plain, 50, made), n);
		assert_memory_equal(made, want, n);
		assert_int_equal(tls_record_open(&in, want, n, opened, &type), 50);
		assert_int_equal(type, TLS_TYPE_DATA);
		assert_memory_equal(opened, plain, 50);
		tls_record_key_fini(&in);
		tls_record_key_fini(&out);
	}
}

static void suites_of_tls_1_2_are_known_by_number(void **state)
{
	(void)state;
	assert_int_equal(tls12_suite_of(0xc02f), TLS_SUITE_AES_128);
	assert_int_equal(tls12_suite_of(0xc02c), TLS_SUITE_AES_256);
	assert_int_equal(tls12_suite_of(0xcca8), TLS_SUITE_CHACHA20);
	assert_int_equal(tls12_suite_of(0xc024), -1); /* CBC */
	assert_int_equal(tls12_suite_of(0x1301), -1);
}

static void order_and_generation_count(void **state)
{
	struct tls_record_key in, out;
	uint8_t type;

	(void)state;
	make_keys(TLS_SUITE_AES_256, &out, &in);
	assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, sealed) > 0);
	assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, sealed) > 0);
	/* the second first */
	assert_int_equal(tls_record_open(&in, sealed, 20 + TLS_SEALED_ADD, opened, &type), -NP_EPROTO);
	tls_record_key_fini(&in);
	tls_record_key_fini(&out);
	make_keys(TLS_SUITE_AES_256, &out, &in);
	assert_int_equal(tls_record_key_update(&out, &crypto), 0);
	assert_true(tls_record_seal(&out, TLS_TYPE_DATA, plain, 20, sealed) > 0);
	assert_int_equal(tls_record_open(&in, sealed, 20 + TLS_SEALED_ADD, opened, &type), -NP_EPROTO);
	tls_record_key_fini(&in);
	tls_record_key_fini(&out);
}

/* Zeros after the type are padding; a record of nothing else has no type. */
static void padding_is_taken_off(void **state)
{
	static const uint8_t padded[] = {'a', 0, 'b', TLS_TYPE_DATA, 0, 0, 0};
	struct tls_record_key in, out;
	uint8_t type;

	(void)state;
	make_keys(TLS_SUITE_AES_128, &out, &in);
	assert_true(tls_record_seal(&out, (enum tls_type)0, padded, sizeof(padded), sealed) > 0);
	assert_int_equal(tls_record_open(&in, sealed, sizeof(padded) + TLS_SEALED_ADD, opened, &type), 3);
	assert_int_equal(type, TLS_TYPE_DATA);
	assert_memory_equal(opened, "a\0b", 3);
	assert_true(tls_record_seal(&out, (enum tls_type)0, "\0\0\0", 3, sealed) > 0);
	assert_int_equal(tls_record_open(&in, sealed, 3 + TLS_SEALED_ADD, opened, &type), 0);
	assert_int_equal(type, 0);
	assert_true(tls_record_seal(&out, (enum tls_type)0, "", 0, sealed) > 0);
	assert_int_equal(tls_record_open(&in, sealed, TLS_SEALED_ADD, opened, &type), 0);
	assert_int_equal(type, 0);
	tls_record_key_fini(&in);
	tls_record_key_fini(&out);
}

static void suites_are_known_by_number(void **state)
{
	(void)state;
	assert_int_equal(tls_suite_of(0x1301), TLS_SUITE_AES_128);
	assert_int_equal(tls_suite_of(0x1302), TLS_SUITE_AES_256);
	assert_int_equal(tls_suite_of(0x1303), TLS_SUITE_CHACHA20);
	assert_int_equal(tls_suite_of(0x1304), -1); /* CCM */
	assert_int_equal(tls_suite_of(0xc02b), -1); /* TLS 1.2's */
	assert_int_equal(tls_suite_secret(TLS_SUITE_AES_256), 48);
}

#define ROW(ids, f) {ids " " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D20", the_published_records_are_made_and_read),
		ROW("D20", every_suite_returns_what_it_took),
		ROW("D20", a_changed_bit_is_seen),
		ROW("D20", order_and_generation_count),
		ROW("D20", records_of_tls_1_2_return_what_they_took),
		ROW("V34", records_of_tls_1_2_are_those_of_another_implementation),
		ROW("D20", a_changed_bit_of_a_tls_1_2_record_is_seen),
		ROW("D20", suites_of_tls_1_2_are_known_by_number),
		ROW("D20", padding_is_taken_off),
		ROW("D20", suites_are_known_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
