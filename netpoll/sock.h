/* sock: what sock.c and dial.c share; private to netpoll/. */
#ifndef NETPOLL_SOCK_H
#define NETPOLL_SOCK_H

#include "netpoll/fd.h"

must_use int sock_open(int family); /* a stream socket, non-blocking, close-on-exec; or the error */
must_use int sock_set_nodelay(int sysfd);
must_use int sock_delay_ack(int sysfd);
must_use int sock_set_keepalive(int sysfd);

#endif
