/* terminal: how wide a line may be where it is read. */
#ifndef PROXY_BASE_TERMINAL_H
#define PROXY_BASE_TERMINAL_H

#include "netpoll/base.h"

/* terminal_columns: asked at each use, since a terminal may change its size.
 *   Returns  the terminal's columns, 40 at least: narrower, the margins would be all there is; what COLUMNS
 *            says where fd is a file or a pipe, which somebody reads later or searches, 80 without it; 0, no bound,
 *            where it is no descriptor (a text in memory). */
int terminal_columns(int fd);

#endif
