/* cli_check_names: V22: more names than are looked up at once, all of which end in one turn: each has its own. */
#include "proxy/cli/cli_check_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "tests/kit/kit.h"

#define NAMES 120

/* Names below localhost are answered without a name server, and so at once (RFC 6761). */
static void v22_names_that_end_at_once(void **state)
{
	static char text[NAMES * 32 + 512];
	size_t n = 0;
	struct config *c = NULL;
	struct diag *d = diag_new();

	(void)state;
	n += (size_t)snprintf(text + n, sizeof(text) - n, "dns: {timeout: 30s}\n"
			      "listeners: [{name: l, bind: \":80\", upstream: u}]\n"
			      "upstreams:\n  - name: u\n    servers:\n");
	for (int i = 0; i < NAMES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "      - \"n%d.localhost:1\"\n", i);
	assert_int_equal(config_parse("t", text, n, &c, d), 0);
	cli_check_names(c, d);
	assert_int_equal(diag_count(d, DIAG_WARNING), 0);
	config_free(c);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v22_names_that_end_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
