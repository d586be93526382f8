/* cli_check_start: what `check` asks the machine: can a start have its addresses, its files, its
 * descriptors? */
#ifndef PROXY_CLI_CLI_CHECK_START_H
#define PROXY_CLI_CLI_CHECK_START_H

#include "config/config.h"
#include "config/text/diag.h"

/* cli_check_start: add to d what a start would fail with, as the user of this process. What the
 * running instance of the same file holds is no problem. Leaves nothing behind: no file is made,
 * no socket listens.
 *   Calls  the main thread, before any worker: it raises the descriptor limit as a start does. */
void cli_check_start(const struct config *c, struct diag *d);

/* May this user make a file of that path?   Returns  0 or -NP_Exxx. */
int cli_check_directory(const char *path);

/* "root", or the number of a user without a name. out holds 64 bytes. Returns out. */
const char *cli_check_user(char out[64]);

#endif
