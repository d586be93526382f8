/* Target: hand_over_read and tls_moved_read, which take apart and judge what another process wrote of a connection.
 * The input is the body of a group CONN. */
#include <string.h>

#include "netpoll/check.h"
#include "proxy/conn/hand_over.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void expect_inside(const struct handover_field *f, const uint8_t *data, size_t n)
{
	CHECK(f->n == 0 || (f->p >= data && f->p + f->n <= data + n), "a field leaves the group");
}

static void expect_sound(const struct hand_over *h, const uint8_t *data, size_t n)
{
	expect_inside(&h->listener, data, n);
	expect_inside(&h->server, data, n);
	expect_inside(&h->detail, data, n);
	expect_inside(&h->read, data, n);
	expect_inside(&h->cert, data, n);
	CHECK(h->accepted > 0 && h->first_end < CLOSE_REASONS && h->read_from <= h->read.n, "a connection");
	CHECK(h->waits == HANDOVER_WAITS_NOT ? h->ndirs == 2 && h->nfds == 2 : h->ndirs == 0 && h->nfds == 1,
	      "it relays, or waits");
	for (int i = 0; i < 2; i++) {
		expect_inside(&h->dir[i].rest, data, n);
		if (!h->has_tls[i])
			continue;
		expect_inside(&h->tls[i].unread, data, n);
		expect_inside(&h->tls[i].in.secret, data, n);
		CHECK(h->tls[i].in.secret.n >= 16 && h->tls[i].message.n <= 4, "keys, and less than a message");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct handover_field group = {.p = data, .n = (uint32_t)n};
	const char *why;
	struct hand_over h;

	if (hand_over_read(&h, &group, &why))
		expect_sound(&h, data, n);
	else
		CHECK(why != NULL, "a refusal has a sentence");
	return 0;
}
