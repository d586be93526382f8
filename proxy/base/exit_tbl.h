/* exit_tbl: the exit codes of the program, each once: the constant, the code, the meaning. The
 * verbs and the running process return them; the help and the manual list them. A code is that of
 * sysexits.h where it has one. */
#ifndef PROXY_BASE_EXIT_TBL_H
#define PROXY_BASE_EXIT_TBL_H

/*  id          code  start  meaning; start: `run` may end so before it serves */
#define EXIT_TBL(X)                                                    \
	X(OK,         0,  false, "success, also after a drain")           \
	X(FAILED,     1,  true,  "failure at run time")                   \
	X(USAGE,      2,  true,  "invalid command line")                  \
	X(LOSSES,     3,  false, "translated, with losses that are listed") \
	X(CUT,        4,  false, "stopped, but shutdown.timeout or a second signal cut connections") \
	X(ADDRESS,    69, true,  "an address is in use or cannot be reached") \
	X(PERMISSION, 77, true,  "permission denied")                     \
	X(CONFIG,     78, true,  "the configuration is invalid")

enum exit_codes {
#define X(id, code, start, meaning) EXIT_##id = (code),
	EXIT_TBL(X)
#undef X
};

#endif
