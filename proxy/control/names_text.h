/* names_text: the sets of names as lines of text, which outlive the process in its state file, and back. A line is a
 * question, the second at which its set was seen last, and the set:
 *
 *   host db.internal 1796083200 10.0.0.1 2001:db8::1 ;
 *   srv _pg._tcp.db.internal 1796083200 10/60/5432/a.db.internal 10/40/5432/b.db.internal ;
 *
 * YAML joins the lines, for it is read by the reader of configurations, which takes no line break in a value. */
#ifndef PROXY_CONTROL_NAMES_TEXT_H
#define PROXY_CONTROL_NAMES_TEXT_H

#include "proxy/base/text.h"
#include "proxy/resolve/dns_set.h"

/* names_text_put: append the line of a set that has members, indented as in a block of YAML. wall: the wall clock, ns,
 * when it was seen. One that has no room is left out whole, and t can be used as before. */
void names_text_put(struct text *t, const struct dns_set *s, int64_t wall);

/* The lines of a text, in the order of their questions: hundreds of names are looked up in it at a start. */
struct names_lines {
	char *text;              /* owned; NULL: none */
	struct names_line *line; /* owned */
	size_t n;
};

/* names_lines_init: those of the text; without memory for them it is as if there were none.
 *   Owns  text: free(3). */
void names_lines_init(struct names_lines *l, char *text);
/* Zeroed is fine, and so it is afterwards. */
void names_lines_fini(struct names_lines *l);

/* names_text_find: the line of this question. A line that is damaged is not there.
 *   Returns  false: there is none. Else *a with its records, and *wall.   Owns  a->records: dns_answer_fini. */
must_use bool names_text_find(const struct names_lines *l, const struct dns_set *s, struct dns_answer *a,
			      int64_t *wall);

#endif
