/* close: the words are a promise to logs, metrics and alerts, so they stand here once more. */
#include "proxy/base/close.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	enum close_reason why;
	const char *word, *by, *letters;
	bool rejected;
} promised[] = {
	{CLOSE_CLIENT_FIN, "client_fin", "client", "--", false},
	{CLOSE_SERVER_FIN, "server_fin", "server", "--", false},
	{CLOSE_CLIENT_RST, "client_rst", "client", "CD", false},
	{CLOSE_SERVER_RST, "server_rst", "server", "SD", false},
	{CLOSE_IDLE_TIMEOUT, "idle_timeout", "proxy", "cD", false},
	{CLOSE_HALF_CLOSE_TIMEOUT, "half_close_timeout", "proxy", "cD", false},
	{CLOSE_LIFETIME, "lifetime", "proxy", "cD", false},
	{CLOSE_CONNECT_FAILED, "connect_failed", "server", "SC", false},
	{CLOSE_CONNECT_TIMEOUT, "connect_timeout", "proxy", "sC", false},
	{CLOSE_NO_LIVE_UPSTREAM, "no_live_upstream", "proxy", "SC", false},
	{CLOSE_QUEUE_TIMEOUT, "queue_timeout", "proxy", "sQ", false},
	{CLOSE_QUEUE_FULL, "queue_full", "proxy", "SQ", true},
	{CLOSE_DNS_FAILED, "dns_failed", "proxy", "SC", false},
	{CLOSE_PREREAD_TIMEOUT, "preread_timeout", "proxy", "cR", false},
	{CLOSE_PROXY_HEADER_TIMEOUT, "proxy_header_timeout", "proxy", "cR", false},
	{CLOSE_TLS_TIMEOUT, "tls_timeout", "proxy", "cR", false},
	{CLOSE_TLS_BROKEN, "tls_broken", "client", "CD", false},
	{CLOSE_UPSTREAM_TLS_FAILED, "upstream_tls_failed", "server", "SC", false},
	{CLOSE_UPSTREAM_TLS_NAME, "upstream_tls_name", "server", "SC", false},
	{CLOSE_PROXY_HEADER_INVALID, "proxy_header_invalid", "client", "PR", true},
	{CLOSE_PROXY_UNTRUSTED, "proxy_untrusted", "proxy", "PR", true},
	{CLOSE_HELLO_INVALID, "hello_invalid", "client", "PR", true},
	{CLOSE_HELLO_TOO_LONG, "hello_too_long", "proxy", "PR", true},
	{CLOSE_NO_ROUTE, "no_route", "proxy", "PR", true},
	{CLOSE_TLS_FAILED, "tls_failed", "client", "PR", true},
	{CLOSE_TLS_NO_ALPN, "tls_no_alpn", "client", "PR", true},
	{CLOSE_TLS_CLIENT_CERT, "tls_client_cert", "client", "PR", true},
	{CLOSE_DENIED, "denied", "proxy", "PR", true},
	{CLOSE_RATE_LIMITED, "rate_limited", "proxy", "RC", true},
	{CLOSE_MAX_HANDSHAKES, "max_handshakes", "proxy", "RC", true},
	{CLOSE_MAX_CONNECTIONS, "max_connections", "proxy", "RC", true},
	{CLOSE_LOOP, "loop", "proxy", "PR", true},
	{CLOSE_OVERLOAD, "overload", "proxy", "RC", true},
	{CLOSE_ADMIN, "admin", "proxy", "KD", false},
	{CLOSE_DRAIN, "drain", "proxy", "KD", false},
	{CLOSE_SERVER_DOWN, "server_down", "proxy", "DD", false},
	{CLOSE_DRAIN_DEADLINE, "drain_deadline", "proxy", "KD", false},
	{CLOSE_INTERNAL, "internal", "proxy", "ID", false},
};

static void every_reason_keeps_its_promise(void **state)
{
	(void)state;
	assert_int_equal(array_len(promised), CLOSE_REASONS - 1);
	for (size_t i = 0; i < array_len(promised); i++) {
		assert_string_equal(close_word(promised[i].why), promised[i].word);
		assert_string_equal(close_by(promised[i].why), promised[i].by);
		assert_string_equal(close_letters(promised[i].why), promised[i].letters);
		assert_int_equal(close_rejected(promised[i].why), promised[i].rejected);
	}
}

static void none_is_zero_and_no_reason(void **state)
{
	(void)state;
	assert_int_equal(CLOSE_NONE, 0);
	assert_string_equal(close_word(CLOSE_NONE), "none");
	assert_false(close_rejected(CLOSE_NONE));
}

static void words_are_unique_and_fit_for_labels(void **state)
{
	(void)state;
	for (enum close_reason a = CLOSE_NONE; a < CLOSE_REASONS; a++) {
		for (const char *c = close_word(a); *c != '\0'; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
		assert_true(strlen(close_sentence(a)) > 0);
		assert_int_equal(strlen(close_letters(a)), 2);
		for (enum close_reason b = a + 1; b < CLOSE_REASONS; b++)
			assert_string_not_equal(close_word(a), close_word(b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_keeps_its_promise),
		cmocka_unit_test(none_is_zero_and_no_reason),
		cmocka_unit_test(words_are_unique_and_fit_for_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
