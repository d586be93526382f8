/* probe_none: no probes: the header of systemtap-sdt-dev is not there. */
#ifndef PROXY_BASE_PROBE_NONE_H
#define PROXY_BASE_PROBE_NONE_H

#define PROBE_PLACE(name, ...) ((void)sizeof(probe_ignore(0, __VA_ARGS__)))
#define PROBES_BUILT           false

/* Never called: it makes the arguments used. */
int probe_ignore(int n, ...);

#endif
