/* cells: arrays of numbers, one cell a worker, each on lines of its own. Private to proxy/metrics/. */
#ifndef PROXY_METRICS_CELLS_H
#define PROXY_METRICS_CELLS_H

#include "netpoll/base.h"

/* cells_new: n zeroed cells of so many bytes, a multiple of two lines.
 *   Returns  NULL: no memory. */
must_use void *cells_new(unsigned n, size_t bytes);

/* cells_sum: add so many bytes of 64-bit numbers, which their worker may be counting, to a total. */
void cells_sum(void *total, const void *one, size_t bytes);

#endif
