/* Ticket keys: rotation, the file, a fleet that shares it (D24, F33). */
#include "proxy/creds/tls_ticket.h"
#include "proxy/creds/tls_ticket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

static char said[512];

static struct text fresh_text(void)
{
	struct text t;

	memset(said, 0, sizeof(said));
	text_init(&t, said, sizeof(said) - 1);
	return t;
}

static const char *path_of(const char *name)
{
	static char path[KIT_PATH];

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	return path;
}

static struct tls_ticket_keys *ring_at(const char *path, int64_t now)
{
	struct text t = fresh_text();
	struct tls_ticket_keys *r = NULL;

	if (tls_ticket_keys_new(&r, path, 100, now, &t) != 0)
		kit_fail("no ring: %s", said);
	return r;
}

static int refresh(struct tls_ticket_keys *r, int64_t now)
{
	struct text t = fresh_text();

	return tls_ticket_keys_refresh(r, now, &t);
}

static struct tls_keys keys_of(const struct tls_ticket_keys *r)
{
	struct tls_keys k;

	tls_ticket_keys_read(r, &k);
	return k;
}

static bool same(const struct tls_key *a, const struct tls_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void keys_move_on_when_it_is_time(void **state)
{
	struct tls_ticket_keys *r = ring_at(NULL, 1000);
	struct tls_keys a = keys_of(r), b, c;

	(void)state;
	assert_null(tls_ticket_keys_path(r));
	assert_int_equal(refresh(r, 1099), 0);
	assert_int_equal(refresh(r, 1100), 1);
	b = keys_of(r);
	assert_true(same(&b.key[TLS_KEY_CURRENT], &a.key[TLS_KEY_NEXT]));
	assert_true(same(&b.key[TLS_KEY_PREVIOUS], &a.key[TLS_KEY_CURRENT]));
	assert_false(same(&b.key[TLS_KEY_NEXT], &a.key[TLS_KEY_NEXT]));
	assert_int_equal(b.rotated, 1100);
	assert_int_equal(refresh(r, 1100), 0);
	assert_int_equal(refresh(r, 5050), 1); /* long asleep: nothing old opens anything */
	c = keys_of(r);
	for (int i = 0; i < TLS_KEY_COUNT; i++)
		for (int j = 0; j < TLS_KEY_COUNT; j++)
			assert_false(same(&c.key[i], &b.key[j]));
	assert_int_equal(c.rotated, 5000); /* in step */
	tls_ticket_keys_set_rotate(r, 1000);
	assert_int_equal(refresh(r, 5999), 0);
	assert_int_equal(refresh(r, 6000), 1);
	tls_ticket_keys_free(r);
}

static void the_file_is_private_and_comes_back(void **state)
{
	const char *path = path_of("tickets");
	struct tls_ticket_keys *r = ring_at(path, 1000);
	struct tls_keys a = keys_of(r), b;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	tls_ticket_keys_free(r);
	r = ring_at(path, 1050); /* a restart */
	b = keys_of(r);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(refresh(r, 1100), 1);
	assert_int_equal(refresh(r, 1101), 0); /* what it wrote itself is read again, and is no change */
	a = keys_of(r);
	tls_ticket_keys_free(r);
	r = ring_at(path, 1150);
	b = keys_of(r);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	tls_ticket_keys_free(r);
}

static void a_fleet_shares_the_file(void **state)
{
	const char *path = path_of("tickets");
	struct tls_ticket_keys *a = ring_at(path, 1000), *b = ring_at(path, 1000);
	struct tls_keys ka = keys_of(a), kb = keys_of(b);

	(void)state;
	assert_memory_equal(&ka, &kb, sizeof(ka));
	assert_int_equal(refresh(a, 1100), 1);
	ka = keys_of(a);
	/* b does not know yet, and what a seals it can open already */
	assert_true(same(&ka.key[TLS_KEY_CURRENT], &kb.key[TLS_KEY_NEXT]));
	assert_int_equal(refresh(b, 1101), 1);
	kb = keys_of(b);
	assert_memory_equal(&ka, &kb, sizeof(ka));
	/* one rotates a moment after the other: both end up with one set */
	assert_int_equal(refresh(b, 1200), 1);
	assert_int_equal(refresh(a, 1201), 1);
	assert_int_equal(refresh(b, 1202) >= 0, 1);
	ka = keys_of(a);
	kb = keys_of(b);
	assert_memory_equal(&ka, &kb, sizeof(ka));
	tls_ticket_keys_free(a);
	tls_ticket_keys_free(b);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "11111111111111111111111111111111111111111111111111111111111111111111111111111111"
#define HEAD  "staunch-ticket-keys 1\nrotated 1000\n"
#define KEY(label, digits) label " " digits digits "\n"
#define GOOD  HEAD KEY("next", ONES) KEY("current", ONES) KEY("previous", ONES)

static void what_is_not_a_good_file_is_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		int err;
		const char *says;
	} rows[] = {
		{GOOD, 0600, 0, ""},
		{GOOD, 0400, 0, ""},
		{GOOD, 0640, -NP_EPERM, "other users may read it: chmod 600 it, or remove it"},
		{GOOD, 0604, -NP_EPERM, "other users may read it: chmod 600 it, or remove it"},
		{"", 0600, -NP_EINVAL, "holds no ticket keys: remove it, and new keys are made"},
		{"x", 0600, -NP_EINVAL, "holds no ticket keys"},
		{GOOD "x", 0600, -NP_EINVAL, "holds no ticket keys"},
		{HEAD KEY("next", ONES) KEY("current", ZEROS) KEY("previous", ONES), 0600, -NP_EINVAL, "holds no"},
		{HEAD KEY("next", ONES) "current " ONES "\n" KEY("previous", ONES), 0600, -NP_EINVAL, "holds no"},
		{HEAD KEY("next", ONES) KEY("current", ONES "1") KEY("previous", ONES), 0600, -NP_EINVAL, "holds no"},
		{HEAD KEY("next", ONES), 0600, -NP_EINVAL, "holds no"},
		{"staunch-ticket-keys 1\nrotated -5\n" KEY("next", ONES) KEY("current", ONES) KEY("previous", ONES),
		 0600,
		 -NP_EINVAL, "holds no"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *path = path_of("tickets");
		struct text t = fresh_text();
		struct tls_ticket_keys *r = NULL;

		unlink(path);
		write_file(path, rows[i].text, rows[i].mode);
		assert_int_equal(tls_ticket_keys_new(&r, path, 100000, 1000, &t), rows[i].err);
		assert_non_null(strstr(said, rows[i].says));
		if (rows[i].err != 0)
			assert_ptr_equal(strstr(said, path), said);
		tls_ticket_keys_free(r);
	}
}

static void a_bad_file_changes_nothing(void **state)
{
	const char *path = path_of("tickets");
	struct tls_ticket_keys *r = ring_at(path, 1000);
	struct tls_keys a = keys_of(r), b;

	(void)state;
	write_file(path, "broken", 0600);
	assert_int_equal(refresh(r, 1100), -NP_EINVAL);
	assert_ptr_equal(strstr(said, path), said);
	b = keys_of(r);
	assert_memory_equal(&a, &b, sizeof(a));
	unlink(path);
	assert_int_equal(refresh(r, 1100), -NP_ENOENT);
	b = keys_of(r);
	assert_memory_equal(&a, &b, sizeof(a));
	write_file(path, GOOD, 0600);
	assert_int_equal(refresh(r, 1010), 1);
	b = keys_of(r);
	assert_int_equal(b.key[TLS_KEY_CURRENT].aes[0], 0x11);
	tls_ticket_keys_free(r);
}

static void a_directory_that_refuses_is_told(void **state)
{
	struct text t = fresh_text();
	struct tls_ticket_keys *r = NULL;

	(void)state;
	assert_int_equal(tls_ticket_keys_new(&r, path_of("no/such/dir"), 100, 1000, &t), -NP_ENOENT);
	assert_null(r);
	assert_non_null(strstr(said, "no/such/dir: "));
}

/* ---- one writes, others read ----------------------------------------------------------------- */

static struct tls_ticket_keys *raced;
static uint32_t stop;

/* Every key of a set carries the same byte: a torn set does not. */
static void *reader(void *torn)
{
	struct tls_keys k;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		const uint8_t *bytes = (const uint8_t *)k.key;

		tls_ticket_keys_read(raced, &k);
		for (size_t i = 1; i < sizeof(k.key); i++)
			if (bytes[i] != bytes[0])
				*(bool *)torn = true;
	}
	return NULL;
}

static void digits(char *out, int digit)
{
	size_t n = (size_t)snprintf(out, 1024, "%s", GOOD);

	for (size_t i = strlen(HEAD); i < n; i++)
		if (out[i] == '1')
			out[i] = (char)('0' + digit);
}

static void no_reader_sees_half_a_set(void **state)
{
	const char *path = path_of("tickets");
	bool torn[2] = {false, false};
	pthread_t t[2];
	char text[1024];

	(void)state;
	write_file(path, GOOD, 0600);
	raced = ring_at(path, 1000);
	tls_ticket_keys_set_rotate(raced, 1000000);
	__atomic_store_n(&stop, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, &torn[i]), 0);
	for (int i = 0; i < 300; i++) {
		digits(text, 1 + i % 9);
		unlink(path);
		write_file(path, text, 0600);
		assert_true(refresh(raced, 1000) >= 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_false(torn[0] || torn[1]);
	tls_ticket_keys_free(raced);
}

#define ROW(ids, f) {ids " " #f, f, NULL, kit_end, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D24", keys_move_on_when_it_is_time),
		ROW("D24", the_file_is_private_and_comes_back),
		ROW("D24 F33", a_fleet_shares_the_file),
		ROW("D24", what_is_not_a_good_file_is_refused),
		ROW("D24 D26", a_bad_file_changes_nothing),
		ROW("D24", a_directory_that_refuses_is_told),
		ROW("D24", no_reader_sees_half_a_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
