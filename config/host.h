/* host: the syntax of host names. It stands in config/ and not beside the sets that use it
 * (proxy/base/name_set.h), because a configuration is checked without the proxy: both must agree
 * on what a name is, or a route that the check accepts could never match.
 *
 * A name is labels of 1 to 63 letters, digits, '-' and '_' with single dots between them, 253
 * bytes at most (RFC 1035, 2.3.4). The underscore is in no RFC for host names (RFC 952, RFC
 * 1123) and in many names that are in use. A dot at the end is not part of the name here: the
 * caller cuts it off where it is allowed. */
#ifndef CONFIG_HOST_H
#define CONFIG_HOST_H

#include "netpoll/base.h"

#define HOST_NAME_BYTES  253 /* without a dot at its end */
#define HOST_LABEL_BYTES 63

enum host_fault {
	HOST_OK,
	HOST_TOO_LONG,       /* more than HOST_NAME_BYTES */
	HOST_BAD_BYTE,       /* a byte that no label has */
	HOST_EMPTY_LABEL,    /* no bytes at all, two dots in a row, or a dot at either end */
	HOST_LABEL_TOO_LONG, /* more than HOST_LABEL_BYTES between two dots */
};

/* host_check: the first fault of the n bytes at name, which need no terminator and may hold
 * anything.
 *   Calls  any thread; takes no memory, so workers may judge a client's SNI by it. */
enum host_fault host_check(const char *name, size_t n);

#endif
