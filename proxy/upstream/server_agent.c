/* server_agent: three fields of the word, and a copy of its line under the upstream's lock. */
#include "proxy/upstream/server_agent.h"

#include <string.h>

#include "netpoll/netpoll.h"
#include "proxy/upstream/server.h"
#include "proxy/upstream/waiter.h"

static uint64_t agent_to(uint64_t word, const void *in)
{
	return server_word_agent(word, in);
}

/* An agent repeats itself for hours: that wakes nobody. */
bool server_set_agent(struct server *s, const struct server_inputs *in)
{
	uint64_t before = server_change_word(s, agent_to, in);

	if (server_word_agent(before, in) == before)
		return false;
	upstream_wake(s->live, np_nanotime());
	return true;
}

void server_agent_note(struct server *s, const void *line, size_t n)
{
	char *to = s->agent_heard.line;

	if (n > SERVER_AGENT_LINE - 1)
		n = SERVER_AGENT_LINE - 1;
	pthread_mutex_lock(&s->live->lock);
	memcpy(to, line, n);
	to[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (to[i] == '\0')
			to[i] = '?';
	pthread_mutex_unlock(&s->live->lock);
}

void server_agent_line(const struct server *s, char line[SERVER_AGENT_LINE])
{
	pthread_mutex_lock(&s->live->lock);
	memcpy(line, s->agent_heard.line, SERVER_AGENT_LINE);
	pthread_mutex_unlock(&s->live->lock);
}
