/* cli_holder: which process holds an address, as far as this user may see. There is no socket
 * yet on which a running instance could be asked, so /proc is read, as ss(8) reads it. */
#ifndef PROXY_CLI_CLI_HOLDER_H
#define PROXY_CLI_CLI_HOLDER_H

#include <sys/types.h>

#include "netpoll/addr.h"

enum cli_holder_kind {
	CLI_HOLDER_NONE,      /* no socket of this network namespace listens there */
	CLI_HOLDER_UNSEEN,    /* a process whose descriptors this user may not list, or one that has just ended */
	CLI_HOLDER_STRANGER,
	CLI_HOLDER_SAME_FILE, /* a running instance of this program with the same config file */
};

struct cli_holder {
	enum cli_holder_kind kind;
	pid_t pid;     /* not of UNSEEN */
	char name[32]; /* of the process, as ps(1) shows it */
};

/* cli_holder_of: who listens on an address that overlaps with a, or is a file of a's name.
 * config_path is the file that a running instance would have to have loaded.
 *   Calls  any thread that may block. */
struct cli_holder cli_holder_of(const struct np_addr *a, const char *config_path);

#endif
