/* probe: a place where a tracer (bpftrace, perf, gdb) may attach: PROBE(name, arguments) of probe_tbl.h. With nobody
 * attached it is one nop. Without the header of systemtap-sdt-dev it is nothing: the Makefile
 * chooses PROBE_HOME. */
#ifndef PROXY_BASE_PROBE_H
#define PROXY_BASE_PROBE_H

#include "netpoll/base.h"
#include "proxy/base/probe_tbl.h"

/* How many arguments the row of each has. */
enum {
#define X(name, n, ...) PROBE_ARGS_##name = n,
	PROBE_TBL(X)
#undef X
};

#define PROBE_COUNT(...)                             PROBE_COUNT_(__VA_ARGS__, 5, 4, 3, 2, 1)
#define PROBE_COUNT_(a1, a2, a3, a4, a5, count, ...) count
#define PROBE(name, ...)                                                                              \
	do {                                                                                          \
		_Static_assert(PROBE_COUNT(__VA_ARGS__) == (int)PROBE_ARGS_##name, "as its row says"); \
		PROBE_PLACE(name, __VA_ARGS__);                                                       \
	} while (0)

#include PROBE_HOME

#endif
