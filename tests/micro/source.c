/* source: one connection's place among those of its source, taken and given back: of one that is known, and of one that
 * is not, in a table of 65,536. */
#include "tests/micro/micro.h"

#include <netinet/in.h>

#include "proxy/policy/source.h"

#define COUNT 32768

static struct source_rule rule = {.listener = 1, .most = 100, .v4 = 32, .v6 = 64};

static void take_and_give(uint32_t addr)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = addr};
	struct source_place p;

	if (source_take(&rule, (const struct sockaddr *)&in4, 0, &p) == SOURCE_TAKEN)
		source_release(rule.table, p.source, 0);
}

static void of_one(void *arg)
{
	(void)arg;
	for (int i = 0; i < COUNT; i++)
		take_and_give(7);
}

static void of_many(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		take_and_give(i * 2654435761u);
}

int main(void)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = 7};
	struct source_place p;

	rule.table = micro_need(source_table_new(65536));
	micro_best("source: take, give, new ones", COUNT, NULL, of_many, NULL);
	if (source_take(&rule, (const struct sockaddr *)&in4, 0, &p) != SOURCE_TAKEN)
		return 1;
	micro_best("source: take, give, a known one", COUNT, NULL, of_one, NULL);
	source_table_free(rule.table);
	return 0;
}
