/* exit_tbl: the exit codes of the program, each once: the constant, the code, the meaning. The
 * verbs and the running process return them; the help and the manual list them. A code is that of
 * sysexits.h where it has one. */
#ifndef PROXY_BASE_EXIT_TBL_H
#define PROXY_BASE_EXIT_TBL_H

/*  id          code  meaning */
#define EXIT_TBL(X)                                             \
	X(OK,         0,  "success, also after a drain")              \
	X(FAILED,     1,  "failure at run time")                      \
	X(USAGE,      2,  "invalid command line")                       \
	X(LOSSES,     3,  "translated, with losses that are listed")   \
	X(CUT,        4,  "stopped, but shutdown.timeout or a second signal cut connections") \
	X(ADDRESS,    69, "an address is in use or cannot be reached") \
	X(PERMISSION, 77, "permission denied")                        \
	X(CONFIG,     78, "the configuration is invalid")

enum exit_codes {
#define X(id, code, meaning) EXIT_##id = (code),
	EXIT_TBL(X)
#undef X
};

#endif
