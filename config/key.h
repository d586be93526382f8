/* key: the rows of config_tbl.h at run time, and the tree their paths form. Private to config/. */
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include "config/config.h"

enum key_kind {
	KEY_MAP, KEY_LIST, KEY_BLOCK, /* sections */
	KEY_DURATION, KEY_COUNT, KEY_SIZE, KEY_SHARE, KEY_RATE, /* one number */
	KEY_ENUM, KEY_BOOL, KEY_SINK, KEY_ADDRESS, KEY_BIND, /* one value */
	KEY_NAME, KEY_REF, KEY_TEXT, KEY_BYTES, KEY_HOST, KEY_PATH,                       /* one text */
	KEY_WORDS, KEY_PATTERNS, KEY_PROTOCOLS, KEY_CIDRS, KEY_PINS, KEY_TEXTS,      /* one or several */
};

/* Flags of a row; config_tbl.h says what each allows. */
#define KEY_OFF       1u
#define KEY_AUTO      2u
#define KEY_NEEDED    4u
#define KEY_OTHERWISE 8u
#define KEY_HEX       16u
#define KEY_IP        32u
#define KEY_OURS      64u
#define KEY_ALONE     128u
#define KEY_STAR      256u
#define KEY_FOLDED    512u
#define KEY_SAME      1024u
#define KEY_FILES     2048u
#define KEY_PER_S     4096u

/* What a reload does with a changed value; schema_reload has the sentence. */
enum key_reload { KEY_LIVE, KEY_NEW, KEY_REOPEN, KEY_RESTART };

/* One word of an enumeration. The last of an array is {NULL, NULL}. */
struct key_word {
	const char *word, *meaning;
};

/* In the order of their rows. */
enum key_scope_id {
	KEY_TOP, KEY_LISTENER, KEY_BIND_AT, KEY_BIND_PROXY, KEY_TLS_IN, KEY_CLIENT_ALLOW, KEY_CERT,
	KEY_NAME_AUTH, KEY_NAME_ALLOW, KEY_ROUTE,
	KEY_UPSTREAM, KEY_CUSTOM_TLV, KEY_TLS_OUT, KEY_CHECK_TCP, KEY_CHECK_SEND,
	KEY_CHECK_HTTP, KEY_CHECK_TLS, KEY_SERVER,
	KEY_SCOPES,
};

/* One row, const from the start. */
struct config_key {
	enum key_kind          kind;
	enum key_scope_id      scope;
	const char            *path;
	size_t                 offset; /* of the member in the scope's struct */
	const char            *def;    /* NULL: none */
	int64_t                min, max;
	unsigned               flags;
	const struct key_word *words;  /* of an ENUM or WORDS; ends with a NULL word */
	enum key_reload        reload;
	const char            *help, *more, *example; /* the last two NULL for sections */
};

/* One struct of the model, and the table that fills it. */
struct key_scope {
	const char *prefix;    /* of its keys' paths: "", "listeners[]" or, of a BLOCK, "listeners[].tls" */
	const char *noun;      /* "listener" */
	const char *title;     /* the key that names an element: "name"; NULL where there is none */
	const char *shorthand; /* the key that a plain value in the element's place stands for, or NULL */
	size_t      size, origin, at; /* of the struct; offsets of origin[] and, for elements, at */
	size_t      first, n;  /* its rows */
};

extern const struct config_key key_rows[];
extern const size_t            key_count;
extern const struct key_scope  key_scopes[KEY_SCOPES];

/* The row of `name` right below prefix, or NULL. */
const struct config_key *key_child(const char *prefix, const char *name);
/* The rows right below prefix, in order: the one after k, the first for k == NULL. */
const struct config_key *key_next(const char *prefix, const struct config_key *k);
/* A key of this name takes bytes, wherever it stands. */
bool key_takes_bytes(const char *name);
/* The row of exactly this path, or NULL. */
const struct config_key *key_find(const char *path);
/* The path's last part: "idle". */
const char *key_name(const struct config_key *k);
/* The scope of a LIST's elements or of a BLOCK's map; CHECK for any other kind of row. */
const struct key_scope *key_elements(const struct config_key *k);
/* The prefix of the rows below a section. */
const char *key_inside(const struct config_key *k);
static inline bool key_is_section(const struct config_key *k)
{
	return k->kind <= KEY_BLOCK;
}
/* It takes a list of values, or one of them in the list's place. */
static inline bool key_is_number(const struct config_key *k)
{
	return k->kind >= KEY_DURATION && k->kind <= KEY_RATE;
}

static inline bool key_is_several(const struct config_key *k)
{
	return k->kind >= KEY_WORDS;
}

/* The member of obj, which is its scope's struct, and where its value was written. */
void *key_field(const struct config_key *k, void *obj);
const void *key_field_const(const struct config_key *k, const void *obj);
struct config_pos *key_origin(const struct config_key *k, void *obj);

/* Nothing stands there: no default, and not written. */
bool key_is_absent(const struct config_key *k, const void *obj);

/* The member of a LIST or of what takes several values: a pointer to the elements, and right
 * behind it their number. */
struct key_list {
	void  *elements;
	size_t n;
};

/* Read and write such a member. The elements belong to the config's arena. */
struct key_list key_get_list(const struct config_key *k, const void *obj);
void key_set_list(const struct config_key *k, void *obj, struct key_list list);
/* A BLOCK's member: the struct it points to, or NULL. */
void *key_get_block(const struct config_key *k, const void *obj);
void key_set_block(const struct config_key *k, void *obj, void *block);

#endif
