/* word: edit distance, and how much of it still is a slip. */
#include "config/text/word.h"

#include <string.h>

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

/* The restricted form: no piece of text is edited twice. Three rows suffice, so the stack stays
 * small. */
int word_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	int rows[3][WORD_MAX + 1];
	int *before = rows[0], *last = rows[1], *row = rows[2];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		last[j] = (int)j;
	for (size_t i = 1; i <= n; i++) {
		int *spare = before;

		row[0] = (int)i;
		for (size_t j = 1; j <= m; j++) {
			int differs = a[i - 1] != b[j - 1];

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min3(row[j], before[j - 2] + 1, row[j]);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

/* One slip in a word of up to four letters, two up to eight, three beyond: more would suggest
 * strangers. */
static int slips_allowed(const char *typed)
{
	size_t n = strlen(typed);

	if (n <= 4)
		return 1;
	return n <= 8 ? 2 : 3;
}

void word_search_init(struct word_search *s, const char *typed)
{
	s->typed = typed;
	s->best = NULL;
	s->distance = slips_allowed(typed) + 1;
}

void word_search_try(struct word_search *s, const char *candidate)
{
	int d = word_distance(s->typed, candidate);

	/* A distance as long as the word itself would turn one word into any other of its
	 * length. */
	if (d >= s->distance || (size_t)d >= strlen(s->typed))
		return;
	s->best = candidate;
	s->distance = d;
}

const char *word_nearest(const char *typed, const char *const *words)
{
	struct word_search s;

	word_search_init(&s, typed);
	for (; *words != NULL; words++)
		word_search_try(&s, *words);
	return s.best;
}
