/* cli_check_tls: authorities that only checks believe are tried as a start tries them. */
#include "proxy/cli/cli_check_tls.h"

#include "tests/unit/config/load.h"

/* What a start would fail with, and a context that believes nobody never reads. */
static void authorities_of_checks(void **state)
{
	static const struct {
		const char *keys;
		size_t errors;
	} rows[] = {
		{"tls: {verify: false, ca: /missing.pem}", 0},
		{"tls: {verify: false, ca: /missing.pem}, health: {http: {}}", 0},
		{"tls: {verify: false, ca: /missing.pem}, health: {http: {verify: true}}", 1},
		{"tls: {verify: false}, health: {http: {verify: true, ca: /missing.pem}}", 1},
		{"tls: {ca: /missing.pem}, health: {http: {}}", 1}, /* told once */
		{"health: {tls: {ca: /missing.pem}}", 1},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct load l;

		snprintf(text, sizeof(text), "listeners: [{name: l, bind: \":80\", upstream: u}]\n"
			 "upstreams: [{name: u, servers: [\"192.0.2.1:443\"], %s}]\n", rows[i].keys);
		l = load_text(text);
		assert_non_null(l.c);
		assert_int_equal(cli_check_tls(l.c, l.d), 0);
		if (diag_count(l.d, DIAG_ERROR) != rows[i].errors)
			fail_msg("%s: %zu errors", rows[i].keys, diag_count(l.d, DIAG_ERROR));
		load_free(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorities_of_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
