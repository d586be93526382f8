/* Targets: dns_packet_read, dns_answer_add. The first byte chooses the type, the rest is a name server's reply: what is
 * read is bounded, sorted and complete, and no byte behind the reply is looked at. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/resolve/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_records(const struct dns_answer *a, enum dns_packet_type type)
{
	CHECK(a->n <= DNS_MEMBERS, "no more than a bounded number of records is kept");
	CHECK(a->n > 0 && a->ttl >= 0 && a->ttl <= INT32_MAX, "good means records and a time to live");
	for (unsigned i = 0; i < a->n; i++) {
		const struct dns_record *r = &a->records[i];

		CHECK(i == 0 || dns_record_compare(r - 1, r) < 0, "records are sorted, each once");
		CHECK(memchr(r->target, '\0', sizeof(r->target)) != NULL, "a target is a text");
		CHECK((r->family == 0) == (type == DNS_PACKET_SRV), "the type is the one that was asked for");
		CHECK((r->target[0] != '\0') == (type == DNS_PACKET_SRV), "a service has a target");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum dns_packet_type types[] = {DNS_PACKET_A, DNS_PACKET_AAAA, DNS_PACKET_SRV};
	struct dns_answer a = {.ttl = INT32_MAX};
	enum dns_packet_type type;
	uint8_t *block;

	if (n == 0)
		return 0;
	type = types[data[0] % array_len(types)];
	block = malloc(n); /* of exactly its size: the sanitizer sees a byte behind it */
	CHECK(block != NULL, "memory for the input");
	memcpy(block, data + 1, n - 1);
	block = realloc(block, n - 1 > 0 ? n - 1 : 1);
	if (dns_packet_read(block, n - 1, type, &a) == DNS_OK)
		check_records(&a, type);
	dns_answer_fini(&a);
	free(block);
	return 0;
}
