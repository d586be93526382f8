/* node: YAML text to a tree whose every node knows its place in the file. Syntax only: what a
 * key means is decode's business. libyaml is used through its events, because its document form
 * accepts a key twice without a word and lets an alias point at its own ancestor.
 *
 * Refused: a key twice, tags, merge keys, a second document, cycles, more than NODE_ALIASES
 * aliases, more than NODE_MAX nodes once every alias is followed, depth over NODE_DEPTH. Every
 * walk over a tree is bounded by these. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "config/text/arena.h"
#include "config/text/diag.h"
#include "config/text/pos.h"

#define NODE_DEPTH   32
#define NODE_ALIASES 64
#define NODE_MAX     10000

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

/* One element of a list, or one key of a map with its value; in the order of the file. */
struct node_item {
	struct node_item  *next;
	const struct node *key; /* NULL in a list; always a scalar */
	struct node       *value;
};

/* A value that is used through an alias is one node reached twice, so nothing may write to it
 * after node_parse. */
struct node {
	enum node_kind    kind;
	bool              quoted; /* a scalar in quotes or block form: text, whatever it looks like */
	struct config_pos at;     /* of the anchored node, when reached through an alias */
	bool              refused; /* a scalar whose text was reported and is not kept */
	const char       *text;   /* of a scalar: terminated, no NUL, no control character but where bytes are taken */
	struct node_item *items, **tail;
	uint32_t          n;      /* items */
	uint32_t          nodes, height; /* of the whole subtree, aliases followed; final once `open` is false */
	bool              open;   /* its end was not seen: an alias to it would be a cycle */
	bool              joined; /* made by include.c: nothing else reaches it, so it may be added to */
};

struct node_tree {
	struct arena arena; /* owns every node */
	struct node *root;  /* NULL: the file holds nothing, or nothing readable */
	bool         whole; /* false: a text ended in an error, so what is missing may stand behind it */
	uint32_t     nodes, aliases; /* of all texts so far: the bounds are those of a load */
};

/* node_parse: reads src into *t; problems go to d.
 *   Returns  0, also with problems; -NP_ENOMEM.
 *   Owns     *t in either case: give it to node_fini. */
must_use int node_parse(struct node_tree *t, const struct source *src, struct diag *d);
/* node_parse_part: one text more, into the same tree's memory and bounds; *root is its root or NULL. */
must_use int node_parse_part(struct node_tree *t, const struct source *src, struct diag *d, struct node **root);
/* Frees every node. Texts that decode copied live on. */
void node_fini(struct node_tree *t);

/* The value of a key, or NULL. Takes any kind of node. */
const struct node *node_get(const struct node *map, const char *key);
/* A plain empty value, `~` or `null`: the key was written and nothing after it. */
bool node_is_null(const struct node *n);
const char *node_kind_text(enum node_kind kind); /* "a map" */

#endif
