/* own: between the kit's files only. Each ends its own share of a test; kit_end calls them. */
#ifndef TESTS_KIT_OWN_H
#define TESTS_KIT_OWN_H

#include <netinet/in.h>

#include "tests/kit/kit.h"

void child_end_all(void);
void peer_end_all(void);
void sock_end_all(void);
void staunch_end_all(void);
void dir_end(void);

/* Runs on the connection's own thread: serves fd to its end, counting into r. The caller closes
 * fd. */
void peer_serve(int fd, const struct kit_peer_opts *o, struct kit_peer_report *r);

#endif
