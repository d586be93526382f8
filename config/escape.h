/* escape: bytes as people write them in a configuration: \r \n \t \\ and \xNN stand for what cannot be typed; all else
 * is itself. Pure. */
#ifndef CONFIG_ESCAPE_H
#define CONFIG_ESCAPE_H

#include "netpoll/base.h"

#define ESCAPE_BYTES 256                    /* that a text may stand for */
#define ESCAPE_ROOM  (4 * ESCAPE_BYTES + 1) /* its longest form, and a NUL */

/* escape_settle: the one form of a text: control characters as escapes, which a YAML reader may have made of escapes of
 * its own.   Returns  0 and out, terminated; -NP_EINVAL: *why is a sentence. */
must_use int escape_settle(const char *text, char out[ESCAPE_ROOM], const char **why);

/* escape_read: the bytes of a text that escape_settle has made.   Returns  their number. */
size_t escape_read(const char *text, uint8_t out[ESCAPE_BYTES]);

#endif
