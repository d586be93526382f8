/* Targets: source_check, node_parse, decode_run, validate_run, diag_print, config_dump_help
 * (config_parse: the whole way from text to model). Whatever loads must print as text that loads
 * to the same; whatever does not must say why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct text {
	char  *s;
	size_t n;
};

static struct config *load(const char *s, size_t n)
{
	struct config *c = NULL;
	struct diag *d = diag_new();
	struct text report = {0};
	FILE *f = open_memstream(&report.s, &report.n);
	int err = config_parse("/nonexistent/fuzz.yaml", s, n, &c, d);

	CHECK(err == 0 ? c != NULL : c == NULL, "the result and the model disagree");
	CHECK((err == 0) == (diag_count(d, DIAG_ERROR) == 0), "the result and the report disagree");
	diag_print(f, d, (struct diag_look){.colour = true}, NULL);
	fclose(f);
	free(report.s);
	diag_free(d);
	return c;
}

static struct text dump(const struct config *c)
{
	struct text t = {0};
	FILE *f = open_memstream(&t.s, &t.n);

	config_dump_help(f, c, 0);
	fclose(f);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config *c = load((const char *)data, n), *again;
	struct text first, second;

	if (c == NULL)
		return 0;
	first = dump(c);
	again = load(first.s, first.n);
	CHECK(again != NULL, "what was dumped does not load");
	second = dump(again);
	CHECK(first.n == second.n && memcmp(first.s, second.s, first.n) == 0,
	      "what was dumped loads as something else");
	free(first.s);
	free(second.s);
	config_free(c);
	config_free(again);
	return 0;
}
