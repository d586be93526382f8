/* agent: from a line to the fields of a word. */
#include "proxy/health/agent.h"

#include <stdio.h>

#include "proxy/health/check_verdict.h"
#include "proxy/upstream/server.h"

/* Into a copy that nobody keeps: what the words are worth beside earlier ones is seen once the contact has ended. */
enum check_answer agent_judge(struct check_run *r, size_t n)
{
	struct agent_said said;
	enum agent_answer is;

	agent_forget(&said);
	is = agent_answer_read(&said, r->answer, n, &r->line);
	if (is == AGENT_ANSWER_MORE)
		return CHECK_ANSWER_MORE;
	if (is == AGENT_ANSWER_GOOD)
		return CHECK_ANSWER_GOOD;
	snprintf(r->detail, sizeof(r->detail), "%s", is == AGENT_ANSWER_LONG ? "its line has no end within 512 bytes" :
	                                                                      "it has no word of an agent");
	return CHECK_ANSWER_BAD;
}

/* What an operator beside the server wants, and how the service is, are two things to an agent; a pick has one
 * answer. */
static struct server_inputs inputs_of(const struct agent_said *said)
{
	enum server_agent state = SERVER_AGENT_READY;

	if (said->down || said->wish == AGENT_WISH_MAINT)
		state = SERVER_AGENT_DOWN;
	else if (said->wish == AGENT_WISH_DRAIN)
		state = SERVER_AGENT_DRAIN;
	return (struct server_inputs){.agent = state, .agent_weight = said->weight, .agent_most = said->most};
}

void agent_outcome(struct check *c, const struct check_run *r, const struct check_change *change)
{
	struct server_inputs in;
	size_t n;

	if (r->result.result == CHECK_OK) {
		/* judged as good before, so it is read to its end here */
		if (agent_answer_read(&c->said, r->answer, r->line + 1, &n) == AGENT_ANSWER_GOOD)
			server_agent_note(c->server, r->answer, n);
	} else if (change->from != change->to && change->to == SERVER_CHECK_DOWN) {
		agent_forget(&c->said);
		server_agent_note(c->server, "", 0);
	}
	in = inputs_of(&c->said);
	verdict_agent(r, &in, change);
}

void agent_none(struct check *c)
{
	struct server_inputs in;

	agent_forget(&c->said);
	in = inputs_of(&c->said);
	server_agent_note(c->server, "", 0);
	__atomic_store_n(&c->server->agent_heard.contacts.last, 0, __ATOMIC_RELAXED);
	(void)server_set_agent(c->server, &in);
}
