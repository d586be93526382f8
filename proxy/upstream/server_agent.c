/* server_agent: a compare and swap, and a copy under the upstream's lock. */
#include "proxy/upstream/server_agent.h"

#include <string.h>

#include "netpoll/netpoll.h"
#include "proxy/upstream/server.h"
#include "proxy/upstream/waiter.h"

/* An agent repeats itself for hours: that wakes nobody. */
bool server_set_agent(struct server *s, const struct server_inputs *in)
{
	uint64_t word = server_now(s), wanted;

	do {
		wanted = server_word_agent(word, in);
		if (wanted == word)
			return false;
	} while (!__atomic_compare_exchange_n(&s->word, &word, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
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
