/* decode_report: the sentences about keys and values that decode.c cannot take, and the guess at
 * what was meant. */
#include "config/decode_report.h"

#include <stdio.h>
#include <string.h>

#include "config/peer_word_tbl.h"
#include "config/text/utf8.h"
#include "config/text/word.h"

/* The same word as a key of a section nearby: `idle` written beside `timeouts` and not in it. Every
 * row whose path begins with prefix is compared. */
static const struct config_key *key_elsewhere(const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	/* First below the section, then below each one around it: "timeouts" written in a server
	 * belongs to its upstream. */
	for (;;) {
		for (size_t i = 0; i < key_count; i++)
			if (strncmp(key_rows[i].path, prefix, n) == 0 &&
			    strcmp(key_name(&key_rows[i]), name) == 0)
				return &key_rows[i];
		if (n == 0)
			return NULL;
		while (n > 0 && prefix[n - 1] != '.')
			n--;
		n -= n > 0;
	}
}

/* Words of other programs, and ours of another section. Returns whether the word is one. */
static bool help_peer_word(const struct decode *dc, const char *prefix, const char *typed)
{
	static const struct {
		const char *word, *program, *within, *ours;
	} words[] = {
#define X(word, program, within, ours) {word, program, within, ours},
		PEER_WORD_TBL(X)
#undef X
	};
	size_t best = array_len(words);

	for (size_t i = 0; i < array_len(words); i++)
		if (strcmp(words[i].word, typed) == 0 &&
		    strncmp(words[i].within, prefix, strlen(words[i].within)) == 0)
			best = i; /* the narrower section stands behind */
	if (best == array_len(words))
		return false;
	if (words[best].program != NULL)
		diag_help(dc->d, "what %s calls %s is written as %s", words[best].program, typed, words[best].ours);
	else
		diag_help(dc->d, "it is written as %s", words[best].ours);
	return true;
}

/* A character that looks like a space or like nothing explains why a word that looks right is
 * not. */
static void note_invisible(const struct decode *dc, const char *text)
{
	uint32_t c = utf8_first_invisible(text);

	if (c != 0)
		diag_note(dc->d, "it holds the invisible character U+%04X", c);
}

static void help_explain(const struct decode *dc, const char *path)
{
	diag_help(dc->d, "staunch explain%s%s", path[0] == '\0' ? "" : " ", path);
}

/* The name of the key below prefix that `typed` was perhaps meant to be, or NULL. */
static const char *nearest_key(const char *prefix, const char *typed)
{
	const struct config_key *k = NULL;
	struct word_search s;

	word_search_init(&s, typed);
	while ((k = key_next(prefix, k)) != NULL)
		word_search_try(&s, key_name(k));
	return s.best;
}

/* Two kinds of slip, from the surer to the bolder guess: a known key in the wrong section, a
 * misspelled one. Only one of them is named: two guesses would
 * be one too many to act on. */
void decode_unknown_key(const struct decode *dc, const struct decode_place *at, const struct node *key)
{
	const struct config_key *away = key_elsewhere(at->prefix, key->text);
	const char *nearest = nearest_key(at->prefix, key->text);

	diag_error(dc->d, DIAG_UNKNOWN_KEY, key->at, "unknown key \"%s\"%s", key->text, at->where);
	note_invisible(dc, key->text);
	if (help_peer_word(dc, at->prefix, key->text))
		return;
	/* The section that the person is in comes first: "timeout" beside "timeouts" is a slip, and
	 * no wish for the key of that name in another section. */
	if (nearest == NULL && away != NULL) {
		diag_help(dc->d, "it is written as %s", away->path);
		return;
	}
	diag_suggest(dc->d, nearest);
	help_explain(dc, nearest == NULL ? at->prefix : key_child(at->prefix, nearest)->path);
}

/* `key:` without anything behind it is what is left when a value was deleted, so the remedy is
 * another one. */
void decode_wrong_shape(const struct decode *dc, const struct config_key *k, const struct node *n, const char *wanted)
{
	if (node_is_null(n)) {
		diag_error(dc->d, DIAG_SHAPE, n->at, "\"%s\" has no value", key_name(k));
		diag_help(dc->d, "remove the key to get its default, or write %s", wanted);
		return;
	}
	diag_error(dc->d, DIAG_SHAPE, n->at, "\"%s\" takes %s, not %s", key_name(k), wanted, node_kind_text(n->kind));
	help_explain(dc, k->path);
}

void decode_bad_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                      const struct value_reader *r)
{
	diag_error(dc->d, r->code, n->at, "\"%s\" cannot be \"%.100s\": %s", key_name(k), n->text, r->why);
	note_invisible(dc, n->text);
	diag_suggest(dc->d, r->suggestion);
	help_explain(dc, k->path);
}

void decode_doubtful_value(const struct decode *dc, const struct config_key *k, const struct node *n,
                           const struct value_reader *r)
{
	if (r->doubt == NULL)
		return;
	diag_warn(dc->d, DIAG_HOST_BITS, n->at, "\"%s\" is \"%.100s\": %s", key_name(k), n->text, r->doubt);
	help_explain(dc, k->path);
}

/* Written, but misspelled: an unknown key beside it is nearest to this one, and is reported
 * already. One slip is one problem. */
static bool is_misspelled(const struct decode_place *at, const struct node *map, const struct config_key *k)
{
	for (const struct node_item *it = map->items; it != NULL; it = it->next)
		if (key_child(at->prefix, it->key->text) == NULL &&
		    nearest_key(at->prefix, it->key->text) == key_name(k))
			return true;
	return false;
}

/* Of two keys, one of which must be written, the row with OTHERWISE stands right behind the
 * other one. */
static bool may_be_missing(const struct node *map, const struct config_key *k)
{
	if (k->flags & KEY_OTHERWISE)
		return node_get(map, key_name(k - 1)) != NULL;
	return !(k->flags & KEY_NEEDED);
}

void decode_missing_keys(const struct decode *dc, const struct decode_place *at, const struct node *map)
{
	const struct config_key *k = NULL;
	struct config_pos pos = map->at;

	/* A missing key has no place: the first key of its map shows which map it is. */
	if (map->items != NULL)
		pos = map->items->key->at;
	while (dc->whole && (k = key_next(at->prefix, k)) != NULL) {
		if (may_be_missing(map, k) || node_get(map, key_name(k)) != NULL || is_misspelled(at, map, k))
			continue;
		diag_error(dc->d, DIAG_MISSING, pos, "the key \"%s\" is missing%s", key_name(k), at->where);
		help_explain(dc, k->path);
	}
}
