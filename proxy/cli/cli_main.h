/* cli_main: from the words of a command line to the verb that they name. */
#ifndef PROXY_CLI_CLI_MAIN_H
#define PROXY_CLI_CLI_MAIN_H

/* cli_main: run the command line of the process.
 *   Returns  the exit code (exit_tbl.h).
 *   Calls    the main thread, once; argv as main got it. */
int cli_main(int argc, char **argv);

#endif
