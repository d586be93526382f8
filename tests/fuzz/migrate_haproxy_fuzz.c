/* Targets: migrate_haproxy_read, migrate_haproxy, migrate_check. A file of HAProxy of any bytes is translated or
 * refused; what comes of it loads. Conditions and maps name no file that is there. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/check.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/migrate/migrate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1), *out = NULL; /* on the heap, so that one byte too far is seen */
	struct migrate_opts o = {.program = "haproxy", .file = "fuzz.conf", .text = text, .n = n};
	struct config *c = NULL;
	struct diag *d = diag_new();
	size_t nout = 0;
	int code;

	CHECK(text != NULL && d != NULL, "out of memory");
	memcpy(text, data, n);
	text[n] = '\0';
	o.err = fopen("/dev/null", "we");
	CHECK(o.err != NULL, "no /dev/null");
	code = migrate_run(&o, &out, &nout);
	CHECK((code == EXIT_OK || code == EXIT_LOSSES) == (out != NULL), "an output and an error, or neither");
	CHECK(code == EXIT_OK || code == EXIT_LOSSES || code == EXIT_CONFIG || code == EXIT_FAILED,
		"another exit code");
	if (out != NULL) {
		CHECK(config_parse_given("out", out, nout, &c, d) == 0, "what was made does not load");
		config_free(c);
	}
	(void)fclose(o.err);
	diag_free(d);
	free(out);
	free(text);
	return 0;
}
