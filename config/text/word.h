/* word: the known word nearest to what somebody typed. Keys, values, upstream names and verbs all ask here. */
#ifndef CONFIG_TEXT_WORD_H
#define CONFIG_TEXT_WORD_H

#include "netpoll/base.h"

#define WORD_MAX 64 /* longer words are compared by nobody: they are not a slip of the finger */

/* Damerau-Levenshtein distance (a swap of neighbours costs one); WORD_MAX when either word is too long. */
int word_distance(const char *a, const char *b);

/* A search in steps, for callers whose words are not an array: keep = word_nearest(...) over each candidate. */
struct word_search {
	const char *typed; /* borrowed */
	const char *best;  /* borrowed; NULL while nothing is near enough to be worth a question */
	int         distance;
};

void word_search_init(struct word_search *s, const char *typed);
void word_search_try(struct word_search *s, const char *candidate);

/* The same over an array that ends with NULL. */
const char *word_nearest(const char *typed, const char *const *words);

#endif
