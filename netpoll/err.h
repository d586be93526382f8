/* err: one space of error codes. A function returns 0 or a count on success and -NP_Exxx on
 * failure.
 *
 * A code that the kernel gave keeps its errno value, so any errno passes through unharmed; codes of
 * our own start at NP_EOWN. Callers branch on the class, never on fifty codes; logs print the name.
 *   peer      the other side did it (reset, refused, gone): this connection ends, nothing else is
 *             wrong. A dial that connected to itself is one that nobody there would have answered
 *   deadline  a deadline of ours passed
 *   closing   we are closing the descriptor, or it is closed
 *   local     this machine lacks something (descriptors, memory, ports, permission)
 *   bug       cannot happen in a correct program */
#ifndef NETPOLL_ERR_H
#define NETPOLL_ERR_H

#include <errno.h>

#include "netpoll/base.h"

enum np_err_class { NP_CLASS_PEER, NP_CLASS_DEADLINE, NP_CLASS_CLOSING, NP_CLASS_LOCAL, NP_CLASS_BUG };

#define NP_EOWN 4096

/*  code            value          class     text */
#define NP_ERR_TBL(X)                                                                      \
	X(NP_EAGAIN,       EAGAIN,        LOCAL,    "would wait")                              \
	X(NP_EINTR,        EINTR,         LOCAL,    "interrupted")                             \
	X(NP_EINVAL,       EINVAL,        BUG,      "invalid argument")                        \
	X(NP_EBADF,        EBADF,         BUG,      "bad descriptor")                          \
	X(NP_ENOTSOCK,     ENOTSOCK,      BUG,      "not a socket")                            \
	X(NP_ENOMEM,       ENOMEM,        LOCAL,    "out of memory")                           \
	X(NP_EMFILE,       EMFILE,        LOCAL,    "too many open descriptors in the process") \
	X(NP_ENFILE,       ENFILE,        LOCAL,    "too many open descriptors in the system") \
	X(NP_ENOBUFS,      ENOBUFS,       LOCAL,    "no buffer space in the kernel")           \
	X(NP_EADDRINUSE,   EADDRINUSE,    LOCAL,    "address in use")                          \
	X(NP_EADDRNOTAVAIL, EADDRNOTAVAIL, LOCAL,   "no such local address, or no free source port") \
	X(NP_EACCES,       EACCES,        LOCAL,    "permission denied")                       \
	X(NP_EPERM,        EPERM,         LOCAL,    "not permitted")                           \
	X(NP_ENOENT,       ENOENT,        PEER,     "no such file")                            \
	X(NP_EISDIR,       EISDIR,        LOCAL,    "is a directory")                          \
	X(NP_ECONNREFUSED, ECONNREFUSED,  PEER,     "connection refused")                      \
	X(NP_ECONNRESET,   ECONNRESET,    PEER,     "connection reset by peer")                \
	X(NP_ECONNABORTED, ECONNABORTED,  PEER,     "connection aborted")                      \
	X(NP_EPIPE,        EPIPE,         PEER,     "the other side no longer reads")          \
	X(NP_ENOTCONN,     ENOTCONN,      PEER,     "not connected")                           \
	X(NP_ETIMEDOUT,    ETIMEDOUT,     PEER,     "the peer no longer answers")              \
	X(NP_EHOSTUNREACH, EHOSTUNREACH,  PEER,     "no route to host")                        \
	X(NP_EHOSTDOWN,    EHOSTDOWN,     PEER,     "host is down")                            \
	X(NP_ENETUNREACH,  ENETUNREACH,   PEER,     "network unreachable")                     \
	X(NP_ENETDOWN,     ENETDOWN,      PEER,     "network is down")                         \
	X(NP_EPROTONOSUPPORT, EPROTONOSUPPORT, LOCAL, "protocol not supported")                  \
	X(NP_EAFNOSUPPORT, EAFNOSUPPORT,  LOCAL,    "address family not supported")            \
	X(NP_EPROTO,       EPROTO,        PEER,     "protocol error")                          \
	X(NP_ECLOSING,     NP_EOWN + 0,   CLOSING,  "use of closed descriptor")                \
	X(NP_EDEADLINE,    NP_EOWN + 1,   DEADLINE, "timed out")                               \
	X(NP_ENOTPOLL,     NP_EOWN + 2,   LOCAL,    "descriptor cannot be polled")             \
	X(NP_ESHORT,       NP_EOWN + 3,   PEER,     "unexpected end of stream")                \
	X(NP_ECANCELED,    NP_EOWN + 4,   CLOSING,  "canceled")                                \
	X(NP_ESELF,        NP_EOWN + 5,   PEER,     "connected to itself")

enum np_err {
#define X(code, value, class, text) code = (value),
	NP_ERR_TBL(X)
#undef X
};

/* All three take the code with either sign. Unknown errno values: class local, the C library's name
 * and text. */
enum np_err_class np_err_class(int code);
const char *np_err_name(int code); /* "ECONNRESET"; "ETIMEDOUT" for EDEADLINE too; never NULL */
const char *np_err_text(int code); /* a short phrase; never NULL */
/* What an operator does about a limit of the process or the system that has no descriptor left; NULL: another error. It
 * is never the fault of the file that could not be opened then. */
const char *np_err_remedy(int code);

/* The only reader of errno: stands on the line after the call that set it. Returns a negative
 * code. */
static inline int err_from_errno(void)
{
	return -errno;
}

#endif
