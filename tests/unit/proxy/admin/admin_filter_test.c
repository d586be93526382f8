/* admin_filter: each parameter, what it takes, and the 400 that names it and says what may stand there. */
#include "proxy/admin/admin_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

static char body[REPLY_BLOCK + 1];
static struct reply reply;
static struct client client;
static struct conn_filter filter;
static uint64_t limit;

static bool take_limit(void *into, const char *value)
{
	return admin_number(value, 1, 100, into);
}

static const struct admin_param own[] = {{"limit", take_limit, "a number from 1 to 100"}};

static const struct admin_params params = {
	.filter = &filter, .own = own, .nown = array_len(own), .into = &limit};

static bool ask(const char *query)
{
	memset(&filter, 0, sizeof(filter));
	limit = 0;
	client.request.query = (struct http_span){query, strlen(query)};
	reply = (struct reply){.c = &client, .status = 200};
	memset(body, 0, sizeof(body));
	text_init(&reply.body, body, REPLY_BLOCK);
	return admin_query_read(&client, &reply, &params);
}

static void o7_what_is_refused(void **state)
{
	static const struct {
		const char *query, *message;
	} rows[] = {
		{"listener=", "listener cannot be \\\"\\\": it is empty, or too long; a listener's name"},
		{"src=10.0.0.300", "; a network such as 10.0.0.0/8"},
		{"src=localhost", "src cannot be \\\"localhost\\\": "},
		{"older=5", "older cannot be \\\"5\\\": "},
		{"idle=-1s", "; a duration such as 200ms, 5s or 1h30m"},
		{"sni=.", "sni cannot be \\\".\\\": it is empty, or too long"},
		{"sni=*x", "sni cannot be \\\"*x\\\": a star stands in front of a dot"},
		{"sni=a.*", "a star stands in front of a dot"},
		{"sni=*.a.*", "a star stands in front of a dot"},
		{"reason_pending=gone", "there is no such close reason; a close reason such as client_fin, or any"},
		{"limit=0", "limit cannot be \\\"0\\\": a number from 1 to 100"},
		{"limit=101", "a number from 1 to 100"},
		{"limit=1x", "a number from 1 to 100"},
		{"limit=1&limit=2", "limit stands there twice"},
		{"src=::1&src=::2", "src stands there twice"},
		{"lisener=web", "there is no parameter \\\"lisener\\\" here\",\"help\":\"did you mean listener?\""},
		{"zzzzzzzz=1", "there are: listener, upstream, server, src, sni, older, idle, reason_pending, limit\""},
		{"src=%", "the query cannot be decoded, or a part of it is too long"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		if (ask(rows[i].query) || reply.status != 400)
			fail_msg("%s was taken", rows[i].query);
		if (strstr(body, rows[i].message) == NULL)
			fail_msg("%s: %s", rows[i].query, body);
	}
}

static void o7_what_is_taken(void **state)
{
	(void)state;
	assert_true(ask(""));
	assert_true(conn_filter_is_empty(&filter));
	assert_true(ask("listener=web&upstream=app&server=app/10.0.0.1:80&src=10.0.0.0/8&sni=*.A.Example.&older=1h"
			"&idle=1m30s&reason_pending=client_fin&limit=7"));
	assert_string_equal(filter.listener, "web");
	assert_string_equal(filter.upstream, "app");
	assert_string_equal(filter.server, "app/10.0.0.1:80");
	assert_true(filter.has_src && filter.src.bits == 104);
	assert_string_equal(filter.sni, "*.a.example");
	assert_true(filter.older == 3600 * NP_S && filter.idle == 90 * NP_S);
	assert_true(filter.has_pending && filter.pending == CLOSE_CLIENT_FIN);
	assert_int_equal(limit, 7);
	assert_true(ask("reason_pending=any") && filter.has_pending && filter.pending == CLOSE_NONE);
	assert_true(ask("src=unix") && filter.src.bits == CIDR_UNIX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o7_what_is_refused),
		cmocka_unit_test(o7_what_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
