/* tokens: the texts that allow changes over TCP, from control.token_file. They are made by a load, on the thread of
 * file work, and belong to the admin worker from their publication on. */
#ifndef PROXY_CONTROL_TOKENS_H
#define PROXY_CONTROL_TOKENS_H

#include "netpoll/base.h"
#include "proxy/base/text.h"

#define TOKEN_LEAST 32  /* bytes */
#define TOKEN_MOST  512
#define TOKENS_MOST 64

struct process;
struct tokens;

/* tokens_load: read the file, one token a line. path NULL: none are allowed.
 *   Returns  0, and *out, which may hold none; or the error, and why says what is wrong with the file and what to do.
 *   Blocks on the disk.   Owns  *out: tokens_free. */
must_use int tokens_load(const char *path, struct tokens **out, struct text *why);
struct tokens *tokens_free(struct tokens *t); /* wiped; takes NULL, returns NULL */

/* tokens_match: is this one of them? Takes the same time wherever a wrong one differs. */
must_use bool tokens_match(const struct tokens *t, const char *p, size_t n);

/* tokens_publish: these are in force from now on, on the admin worker, which frees those before.
 *   Owns  t.   Calls  control thread. */
void tokens_publish(struct process *p, struct tokens *t);

#endif
