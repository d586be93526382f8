/* relay_err_tbl: who is to blame for each errno that a call of the relay may return, for every call.
 *   PEER   the peer, or the way to it: the end of that side, passed on as FIN or reset says
 *   OURS   this machine or a sandbox: both sides end at once, with `overload`, and the log names it
 *   NEVER  only a mistake of ours could cause it; handled as OURS, and logged as an error. No CHECK: a
 *          sandbox may answer whatever it is told to
 *   COPY   of a splice: not a byte has moved, so the direction is copied from then on
 * Columns:
 *   socket  recv, recvmsg, send, shutdown, SIOCOUTQ   splice  splice and read of a pipe   poller  epoll_ctl
 * An errno without a row is OURS (COPY). EAGAIN and EINTR never come here.
 *
 * What a peer can cause is what tcp(7), ip(7) and icmp_err_convert of the kernel (net/ipv4/icmp.c) say:
 * an ICMP error of an established connection becomes its error when it times out. EACCES may be one
 * (ICMPv6: administratively prohibited), but also a security module's refusal; either way both sides
 * must end. */
#ifndef PROXY_CONN_RELAY_ERR_TBL_H
#define PROXY_CONN_RELAY_ERR_TBL_H

/*  errno          socket splice poller */
#define RELAY_ERR_TBL(X) \
	X(EPIPE,         PEER,  PEER,  OURS) \
	X(ECONNRESET,    PEER,  PEER,  OURS) \
	X(ECONNABORTED,  PEER,  PEER,  OURS) \
	X(ECONNREFUSED,  PEER,  PEER,  OURS) \
	X(ENOTCONN,      PEER,  PEER,  OURS) \
	X(ESHUTDOWN,     PEER,  PEER,  OURS) \
	X(ETIMEDOUT,     PEER,  PEER,  OURS) \
	X(EHOSTUNREACH,  PEER,  PEER,  OURS) \
	X(EHOSTDOWN,     PEER,  PEER,  OURS) \
	X(ENETUNREACH,   PEER,  PEER,  OURS) \
	X(ENETDOWN,      PEER,  PEER,  OURS) \
	X(ENETRESET,     PEER,  PEER,  OURS) \
	X(ENONET,        PEER,  PEER,  OURS) \
	X(ENOPROTOOPT,   PEER,  PEER,  OURS) \
	X(EPROTO,        PEER,  PEER,  OURS) \
	X(EACCES,        OURS,  COPY,  OURS) \
	X(EPERM,         OURS,  COPY,  OURS) \
	X(ENOMEM,        OURS,  COPY,  OURS) \
	X(ENOBUFS,       OURS,  COPY,  OURS) \
	X(ENOSPC,        OURS,  COPY,  OURS) \
	X(EIO,           OURS,  COPY,  OURS) \
	X(ENOSYS,        OURS,  COPY,  OURS) \
	X(EOPNOTSUPP,    OURS,  COPY,  OURS) \
	X(EMSGSIZE,      OURS,  COPY,  OURS) \
	X(EINVAL,        OURS,  COPY,  OURS) \
	X(EBADF,         NEVER, COPY,  NEVER) \
	X(EFAULT,        NEVER, COPY,  NEVER) \
	X(ENOTSOCK,      NEVER, COPY,  NEVER) \
	X(EDESTADDRREQ,  NEVER, COPY,  NEVER) \
	X(EISCONN,       NEVER, COPY,  NEVER) \
	X(EEXIST,        OURS,  COPY,  NEVER) \
	X(ENOENT,        OURS,  COPY,  NEVER)

#endif
