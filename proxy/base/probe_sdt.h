/* probe_sdt: probes by the header of systemtap-sdt-dev: a nop, and a note in the program that tells where it is and
 * where its arguments are. */
#ifndef PROXY_BASE_PROBE_SDT_H
#define PROXY_BASE_PROBE_SDT_H

#define SDT_USE_VARIADIC
#include <sys/sdt.h>

#define PROBE_PLACE(name, ...) STAP_PROBEV(staunch, name, __VA_ARGS__)
#define PROBES_BUILT           true

#endif
