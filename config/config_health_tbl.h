/* config_health_tbl: the keys of checks, rows of config_tbl.h in a file of their own. What a check says is
 * upstreams[].health.tcp and its like, one of them; when it says it is the same four keys in each. */
#ifndef CONFIG_CONFIG_HEALTH_TBL_H
#define CONFIG_CONFIG_HEALTH_TBL_H

#include "config/units.h"

/* How often, how long, and how many of a kind decide; path ends with its dot. */
#define CONFIG_CHECK_ROWS(X, path)                                                                                \
	X(DURATION, path "interval", every.interval, "2s", 100 * UNITS_MS, 1 * UNITS_H, 0, none, LIVE,            \
	  "time from the begin of one check of a server to that of its next",                                     \
	  "Less up to a tenth of it, by lot, so that many proxies do not ask together. While a verdict is in "    \
	  "doubt, after the first result that contradicts it, checks follow each other four times as fast.",      \
	  "5s")                                                                                                   \
	X(DURATION, path "timeout", every.timeout, "2s", 100 * UNITS_MS, 10 * UNITS_M, 0, none, LIVE,              \
	  "time one check may take, from its connect to its end",                                                 \
	  "It is absolute: no byte that comes meanwhile moves it.",                                               \
	  "500ms")                                                                                                \
	X(COUNT, path "rise", every.rise, "2", 1, 100, 0, none, LIVE,                                             \
	  "good checks in a row that bring a server up again",                                                    \
	  "The first result of all decides alone.",                                                               \
	  "1")                                                                                                    \
	X(COUNT, path "fall", every.fall, "3", 1, 100, 0, none, LIVE,                                             \
	  "bad checks in a row that take a server down",                                                          \
	  "A check that this machine could not make, or was late with, is neither good nor bad.",                 \
	  "2")

/* struct config_check_tcp */
#define CONFIG_CHECK_TCP_TBL(X) CONFIG_CHECK_ROWS(X, "upstreams[].health.tcp.")

#endif
