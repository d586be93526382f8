/* word: the known word nearest to a typed one. Keys, values, upstream names and verbs all ask
 * here, so that a guess is equally bold everywhere: one slip in four letters, two in eight,
 * three beyond. */
#ifndef CONFIG_TEXT_WORD_H
#define CONFIG_TEXT_WORD_H

#include "netpoll/base.h"

#define WORD_MAX 64 /* bytes; a longer word is never compared: it is not a slip of the finger */

/* Damerau-Levenshtein distance (a swap of neighbours costs one); WORD_MAX when either word is
 * too long. */
int word_distance(const char *a, const char *b);

/* A search in steps, for callers whose words are not an array: init, then try each candidate,
 * then read best. */
struct word_search {
	const char *typed; /* borrowed */
	const char *best;  /* borrowed; NULL while nothing is near enough to be worth a question */
	int         distance;
};

void word_search_init(struct word_search *s, const char *typed);
void word_search_try(struct word_search *s, const char *candidate);

/* The same over an array that ends with NULL. Returns the nearest word, borrowed, or NULL. */
const char *word_nearest(const char *typed, const char *const *words);

#endif
