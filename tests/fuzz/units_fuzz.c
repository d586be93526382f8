/* Targets: units_duration, units_size, units_count, units_bool, and the formats of the first two. Whatever reads must
 * print as text that reads as the same value; whatever does not must say why. */
#include <string.h>

#include "config/units.h"
#include "netpoll/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TEXT 256

static void round_trip(const char *text, int (*read)(int64_t *, const char *, struct units_refusal *),
                       const char *(*format)(int64_t, char *))
{
	int64_t v, again;
	struct units_refusal r = {.why = NULL};
	char out[UNITS_TEXT];

	if (read(&v, text, &r) != 0) {
		CHECK(r.why != NULL, "refused without a sentence");
		return;
	}
	CHECK(v >= 0, "a negative value was read");
	CHECK(read(&again, format(v, out), &r) == 0, "what was printed does not read");
	CHECK(v == again, "what was printed reads as another value");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[TEXT];
	struct units_refusal r = {.why = NULL};
	int64_t count;
	bool b;

	n = n < TEXT - 1 ? n : TEXT - 1;
	memcpy(text, data, n);
	text[n] = '\0';
	round_trip(text, units_duration, units_duration_format);
	round_trip(text, units_size, units_size_format);
	CHECK(units_count(&count, text, &r) == 0 || r.why != NULL, "refused without a sentence");
	CHECK(units_bool(&b, text, &r) == 0 || r.why != NULL, "refused without a sentence");
	return 0;
}
