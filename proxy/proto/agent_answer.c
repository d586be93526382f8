/* agent_answer: words of one line. */
#include "proxy/proto/agent_answer.h"

#include <string.h>
#include <strings.h>

/* A word of the line; it has no terminator. */
struct word {
	const char *p;
	size_t n;
};

void agent_forget(struct agent_said *said)
{
	*said = (struct agent_said){.weight = -1};
}

static bool said_is(struct word w, const char *text)
{
	return w.n == strlen(text) && strncasecmp(w.p, text, w.n) == 0;
}

/* Takes the prefix away. */
static bool word_begins(struct word *w, const char *prefix)
{
	size_t n = strlen(prefix);

	if (w->n < n || strncasecmp(w->p, prefix, n) != 0)
		return false;
	w->p += n;
	w->n -= n;
	return true;
}

/* Digits alone; beyond most it is most, however many digits there are.   Returns  false: it is no number. */
static bool word_number(struct word w, uint32_t most, uint32_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(w.p[i] - '0');
		if (n > most)
			n = most;
	}
	*out = n;
	return w.n > 0;
}

static bool read_weight(struct agent_said *said, struct word w)
{
	uint32_t percent;

	(void)word_begins(&w, "weight:");
	if (w.n == 0 || w.p[w.n - 1] != '%')
		return false;
	w.n--;
	if (!word_number(w, 100, &percent))
		return false;
	said->weight = (int)percent;
	return true;
}

static bool read_most(struct agent_said *said, struct word w)
{
	return word_begins(&w, "maxconn:") && word_number(w, AGENT_MOST_MOST, &said->most);
}

static bool read_state(struct agent_said *said, struct word w)
{
	static const char *const wishes[] = {
		[AGENT_WISH_READY] = "ready", [AGENT_WISH_DRAIN] = "drain", [AGENT_WISH_MAINT] = "maint"};
	static const char *const downs[] = {"down", "fail", "failed", "stopped"};

	for (size_t i = 0; i < array_len(wishes); i++) {
		if (!said_is(w, wishes[i]))
			continue;
		said->wish = (enum agent_wish)i;
		return true;
	}
	for (size_t i = 0; i < array_len(downs); i++)
		if (said_is(w, downs[i]))
			return said->down = true;
	if (!said_is(w, "up"))
		return false;
	said->down = false;
	return true;
}

/* The next word at or behind *p, which ends at end or at a sharp: what follows that is no word.
 *   Returns  n 0: none. */
static struct word next_said(const char **p, const char *end)
{
	struct word w;

	while (*p < end && (**p == ' ' || **p == '\t' || **p == ','))
		++*p;
	w.p = *p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != ',' && **p != '#')
		++*p;
	w.n = (size_t)(*p - w.p);
	return w;
}

static enum agent_answer read_said(struct agent_said *said, const char *p, size_t n)
{
	const char *end = p + n;
	bool any = false, known = false;
	struct word w;

	while ((w = next_said(&p, end)).n > 0) {
		any = true;
		known |= read_weight(said, w) || read_most(said, w) || read_state(said, w);
	}
	return known || !any ? AGENT_ANSWER_GOOD : AGENT_ANSWER_ALIEN;
}

enum agent_answer agent_answer_read(struct agent_said *said, const uint8_t *p, size_t n, size_t *line)
{
	const size_t seen = n < AGENT_LINE_MOST ? n : AGENT_LINE_MOST;
	size_t at = 0;

	while (at < seen && p[at] != '\r' && p[at] != '\n')
		at++;
	*line = at;
	if (at == seen)
		return seen == AGENT_LINE_MOST ? AGENT_ANSWER_LONG : AGENT_ANSWER_MORE;
	return read_said(said, (const char *)p, at);
}
