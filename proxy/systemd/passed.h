/* passed: the descriptors that the service manager hands to a start, as systemd's page on listening descriptors has it:
 * they begin at 3, LISTEN_FDS says how many, LISTEN_FDNAMES how each is called, LISTEN_PID whom they are for.
 *
 * LISTEN_PID of another process: the variables were meant for it, and a program between systemd and us has not taken
 * them; the descriptors are not ours then. LISTEN_FDNAMES with fewer names than there are descriptors: the rest is
 * called "unknown", systemd's own word. A number that is not open is passed over, since a library may get it later.
 *
 * All descriptors become close-on-exec, and the variables leave the environment: no program that we start could believe
 * that they are its own. A program that takes over gets its sockets in another way (proxy/handover), and those of
 * systemd under the names that they have here, so that the next reload finds them. A descriptor that is no socket, or
 * one that does not listen, is taken as well: only who names it can say which line of the file is wrong.
 */
#ifndef PROXY_SYSTEMD_PASSED_H
#define PROXY_SYSTEMD_PASSED_H

#include "netpoll/base.h"

#define PASSED_NAME 255 /* bytes of a name: systemd has no longer one */

struct passed_fd {
	int fd; /* close-on-exec; the caller's */
	char name[PASSED_NAME + 1];
};

struct passed {
	struct passed_fd *at; /* owned: n of them, in their order */
	unsigned n;
};

/* passed_take: what the environment names, and takes it out of the environment, so that no child believes it is his. Of
 * another process, or damaged: none.
 *   Returns  0; or -NP_ENOMEM.
 *   Calls    before there is a second thread, once.   Owns  *out: passed_free; the descriptors are the caller's. */
must_use int passed_take(struct passed *out);
void passed_free(struct passed *p);

#endif
