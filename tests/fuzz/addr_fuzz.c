/* Targets: np_addr_parse, np_addr_format, np_addr_format_host, units_address. An IP address that parses must print as
 * text that parses to an equal one; a Unix address prints with escapes and need not. Any bytes may come from a peer's
 * sockaddr: formatting must take them all. */
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "netpoll/addr.h"
#include "netpoll/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_text(const char *text)
{
	struct np_addr a, again;
	const char *why = NULL;
	struct units_refusal r = {.why = NULL};
	char out[NP_ADDR_TEXT];
	size_t len;

	if (units_address(&a, text, &r) != 0) {
		CHECK(r.why != NULL, "refused without a sentence");
		return;
	}
	CHECK(np_addr_parse(&again, text, &why) == 0 && np_addr_equal(&a, &again), "two readers disagree");
	len = np_addr_format(&a.u.sa, a.len, out, sizeof(out));
	CHECK(len == strlen(out) && len < sizeof(out), "the length is not that of the text");
	if (np_addr_is_unix(&a))
		return;
	CHECK(np_addr_parse(&again, out, &why) == 0, "what was printed does not parse");
	CHECK(np_addr_equal(&a, &again), "what was printed is another address");
	CHECK(np_addr_hash_host(&a.u.sa, a.len, 1) == np_addr_hash_host(&again.u.sa, again.len, 1),
	      "equal addresses differ in their hash");
}

static void as_bytes(const uint8_t *data, size_t n)
{
	struct np_addr a = {0};
	char out[NP_ADDR_TEXT];
	size_t len;

	n = n < sizeof(a.u) ? n : sizeof(a.u);
	memcpy(&a.u, data, n);
	a.len = (socklen_t)n;
	len = np_addr_format(&a.u.sa, a.len, out, sizeof(out));
	CHECK(len == strlen(out), "the length is not that of the text");
	len = np_addr_format_host(&a.u.sa, a.len, out, sizeof(out));
	CHECK(len == strlen(out), "the length is not that of the host");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1); /* on the heap, so that one byte too far is seen */

	if (text == NULL)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	as_text(text);
	as_bytes(data, n);
	free(text);
	return 0;
}
