/* Target: agent_answer_read. The input is what an agent sends. What it says is within its bounds, comes out the same
 * however the bytes arrive, and no byte outside of the block is looked at. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/agent_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* In a block of its own, so that one byte too far is seen. */
static enum agent_answer read_exactly(struct agent_said *said, const uint8_t *p, size_t n)
{
	uint8_t *block = malloc(n > 0 ? n : 1);
	enum agent_answer a;
	size_t line;

	CHECK(block != NULL, "out of memory");
	memcpy(block, p, n);
	agent_forget(said);
	a = agent_answer_read(said, block, n, &line);
	CHECK(line <= n && line <= AGENT_LINE_MOST, "a line is within its bytes");
	CHECK(a == AGENT_ANSWER_GOOD || (said->weight == -1 && said->most == 0 && !said->down), "only a line says it");
	CHECK(said->weight >= -1 && said->weight <= 100 && said->most <= AGENT_MOST_MOST, "bounds");
	free(block);
	return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	enum agent_answer was = AGENT_ANSWER_MORE, is;
	struct agent_said said;

	for (size_t at = 0; at <= n; at += at < 64 ? 1 : 61) {
		is = read_exactly(&said, data, at);
		CHECK(was == AGENT_ANSWER_MORE || is == was, "an answer has changed");
		was = is;
	}
	is = read_exactly(&said, data, n);
	CHECK(was == AGENT_ANSWER_MORE || is == was, "an answer has changed at the end");
	return 0;
}
