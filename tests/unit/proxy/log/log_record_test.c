/* log_record: what a worker packs is what the writer unpacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_ring.h"

static struct log_bell bell;
static struct log_ring ring;
static struct log_record_room room;

static int fresh(void **state)
{
	(void)state;
	log_bell_init(&bell);
	return log_ring_init(&ring, 4096, &bell);
}

static int gone(void **state)
{
	(void)state;
	log_ring_fini(&ring);
	log_bell_fini(&bell);
	return 0;
}

static void take(struct access_record *rec)
{
	const void *p;
	size_t n;

	log_ring_look(&ring);
	p = log_ring_peek(&ring, &n);
	assert_non_null(p);
	log_record_unpack(rec, &room, p, n);
}

static void everything_arrives(void **state)
{
	char listener[] = "web", upstream[] = "app", server[] = "app/a";
	struct access_record out, in = {
		.id = ulid_make(1, 2, 3), .start = 4, .duration = 6, .connect = 5, .first_byte = -1,
		.bytes_in = 7, .bytes_out = UINT64_MAX, .client.in4.sin_family = AF_INET,
		.accepted.in4.sin_family = AF_INET, .local.in6.sin6_family = AF_INET6,
		.server.in6.sin6_family = AF_INET6, .why = CLOSE_SERVER_RST, .err = -NP_ECONNRESET,
		.retries = 8, .listener = listener, .upstream = upstream, .server_name = server,
	};

	(void)state;
	assert_true(log_access(&ring, &in));
	memset(listener, 'x', 3); /* the caller's strings may go as soon as log_access has returned */
	memset(upstream, 'x', 3);
	memset(server, 'x', 3);
	take(&out);
	assert_string_equal(out.listener, "web");
	assert_string_equal(out.upstream, "app");
	assert_string_equal(out.server_name, "app/a");
	out.listener = in.listener;
	out.upstream = in.upstream;
	out.server_name = in.server_name;
	assert_memory_equal(&out, &in, sizeof(in));
}

static void the_extra_arrives(void **state)
{
	struct access_extra x = {.tls = true, .unclean = 1, .sni = "a.test", .upstream_version = "TLSv1.3"};
	struct access_record out, in = {.listener = "web", .extra = &x};

	(void)state;
	assert_true(log_access(&ring, &in));
	memset(&x, 0, sizeof(x));
	take(&out);
	assert_string_equal(out.listener, "web");
	assert_ptr_equal(out.extra, &room.extra);
	assert_true(room.extra.tls && room.extra.unclean == 1);
	assert_string_equal(room.extra.sni, "a.test");
	assert_string_equal(room.extra.detail, "");
	assert_string_equal(room.extra.upstream_version, "TLSv1.3");
	assert_null(room.extra.tried);
}

static void the_servers_tried_arrive(void **state)
{
	char first[] = "a:1";
	struct access_tried tried = {.n = 2, .more = 3};
	struct access_extra x = {.sni = "a.test", .tried = &tried};
	struct access_record out, in = {.listener = "web", .extra = &x};

	(void)state;
	tried.tries[0] = (struct access_try){first, 4, -NP_ECONNREFUSED, CLOSE_CONNECT_FAILED, NULL};
	tried.tries[1] = (struct access_try){"b:2", 5, 0, CLOSE_NONE, NULL};
	assert_true(log_access(&ring, &in));
	memset(first, 'x', 3);
	memset(&tried, 0, sizeof(tried));
	take(&out);
	assert_string_equal(room.extra.sni, "a.test");
	assert_ptr_equal(out.extra->tried, &room.tried);
	assert_int_equal(room.tried.n, 2);
	assert_int_equal(room.tried.more, 3);
	assert_string_equal(room.tried.tries[0].server, "a:1");
	assert_int_equal(room.tried.tries[0].err, -NP_ECONNREFUSED);
	assert_int_equal(room.tried.tries[0].took, 4);
	assert_string_equal(room.tried.tries[1].server, "b:2");
	assert_int_equal(room.tried.tries[1].why, CLOSE_NONE);
}

static void no_name_is_an_empty_name(void **state)
{
	struct access_record out, in = {.listener = "", .upstream = NULL, .server_name = "s"};

	(void)state;
	assert_true(log_access(&ring, &in));
	take(&out);
	assert_string_equal(out.listener, "");
	assert_string_equal(out.upstream, "");
	assert_string_equal(out.server_name, "s");
}

/* 64 KiB would not even fit into this ring. One byte over the limit arrives, to be told from a name of just that. */
static void a_long_name_is_cut_but_not_to_the_limit(void **state)
{
	static char big[65536];
	struct access_record out, in = {.listener = big, .upstream = big, .server_name = big};

	(void)state;
	memset(big, 'n', sizeof(big) - 1);
	assert_true(log_access(&ring, &in));
	take(&out);
	assert_int_equal(strlen(out.listener), TEXT_FIELD_MAX + 1);
	assert_int_equal(strlen(out.upstream), TEXT_FIELD_MAX + 1);
	assert_int_equal(strlen(out.server_name), TEXT_FIELD_MAX + 1);
}

static void a_full_ring_says_so(void **state)
{
	struct access_record in = {.listener = "web"};
	int n = 0;

	(void)state;
	while (log_access(&ring, &in))
		n++;
	assert_in_range(n, 4096 / (sizeof(in) + 48), 4096 / sizeof(in));
	assert_int_equal(log_ring_dropped(&ring), 1);
}

static void a_log_that_is_off_takes_everything(void **state)
{
	struct access_record in = {.listener = "web"};

	(void)state;
	assert_true(log_access(NULL, &in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_arrives, fresh, gone),
		cmocka_unit_test_setup_teardown(the_extra_arrives, fresh, gone),
		cmocka_unit_test_setup_teardown(the_servers_tried_arrive, fresh, gone),
		cmocka_unit_test_setup_teardown(no_name_is_an_empty_name, fresh, gone),
		cmocka_unit_test_setup_teardown(a_long_name_is_cut_but_not_to_the_limit, fresh, gone),
		cmocka_unit_test_setup_teardown(a_full_ring_says_so, fresh, gone),
		cmocka_unit_test(a_log_that_is_off_takes_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
