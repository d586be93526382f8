/* Target: handover_packet_read, and the fields of bodies and groups. The checksum is made to fit, since none that is
 * guessed does. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define DEEPEST 4

static void walk(const uint8_t *p, size_t n, int depth)
{
	struct handover_reader r;
	struct handover_field f;
	char text[64];

	handover_read(&r, p, n);
	while (handover_next(&r, &f)) {
		struct handover_reader other = r;

		CHECK(f.p >= p && f.p + f.n <= p + n, "a field leaves its body");
		(void)handover_number(&other, &f);
		if (handover_text(&other, &f, text, sizeof(text)))
			CHECK(strlen(text) == f.n, "a text is another one");
		if (depth < DEEPEST)
			walk(f.p, f.n, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct handover_packet p;
	uint8_t *copy = malloc(n + HANDOVER_HEAD);

	if (copy == NULL)
		return 0;
	if (handover_packet_read(data, n, &p) == 0)
		walk(p.body, p.n, 0);
	if (n <= HANDOVER_BODY_MOST) {
		memcpy(copy + HANDOVER_HEAD, data, n);
		handover_packet_head(copy, n > 0 ? data[0] : 0, n % 2 == 1, (uint32_t)n);
		CHECK(handover_packet_read(copy, n + HANDOVER_HEAD, &p) == 0, "a packet of ours is refused");
		CHECK(p.n == n && memcmp(p.body, data, n) == 0, "its body is another one");
		walk(p.body, p.n, 0);
	}
	free(copy);
	return 0;
}
