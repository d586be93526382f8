/* shape: texts that must have a form of their own to mean anything to a peer. Each check returns
 * 0, or -NP_EINVAL with *why set to a static sentence a person can act on. Private to config/. */
#ifndef CONFIG_SHAPE_H
#define CONFIG_SHAPE_H

#include "netpoll/base.h"

/* A host name as DNS and certificates write it. `ip`: an IP address will do as well. */
must_use int shape_host(const char *text, bool ip, const char **why);
bool shape_is_ip(const char *text);

/* A host name, or one with "*." before or ".*" behind it; with star also "*" alone. */
must_use int shape_pattern(const char *text, bool star, const char **why);

/* An ALPN protocol: 1 to 255 bytes; here they are printable ones. */
must_use int shape_protocol(const char *text, const char **why);

/* Base64 of 32 bytes, in the one way that encodes them: a SHA-256 hash, as RFC 7469 writes a
 * pin. */
must_use int shape_pin(const char *text, const char **why);

#endif
