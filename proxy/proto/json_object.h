/* json_object: the body of a request: one flat JSON object (RFC 8259), read in place. Its values are
 * strings, whole numbers, true, false, null, and lists of these; an object inside, a name twice, a
 * fraction or a byte that is not UTF-8 is refused. Foreign bytes: fuzz target. Allocates nothing.
 *
 *   {"weight": 50, "forget": ["passive", "check"]}   three members: weight; forget, forget (listed)
 *   {"forget": []}                                   one member: forget, JSON_NOTHING, listed */
#ifndef PROXY_PROTO_JSON_OBJECT_H
#define PROXY_PROTO_JSON_OBJECT_H

#include "netpoll/base.h"

enum json_kind { JSON_STRING, JSON_NUMBER, JSON_BOOL, JSON_NULL, JSON_NOTHING };

struct json_member {
	const char *name;    /* decoded and terminated, in the body's memory, as text */
	enum json_kind kind;
	bool listed;         /* an element of the list of that name; JSON_NOTHING: the list is empty */
	bool truth;          /* of JSON_BOOL */
	int64_t number;      /* of JSON_NUMBER */
	const char *text;    /* of JSON_STRING: holds no NUL; else NULL */
};

/* json_object_read: take apart the n bytes at body; body[n] is a NUL, and all of it is written over.
 *   Returns  how many members there are; -NP_EINVAL: it is no such object, and *why says what is wrong. */
must_use int json_object_read(char *body, size_t n, struct json_member *members, unsigned most, const char **why);

#endif
