/* capability_tbl: what staunch keeps of the capabilities that it was started with. Every other is dropped.
 *
 *   X(number, name, root)
 *
 *   number  the kernel's
 *   name    as operators know it
 *   root    1: only for user 0, whose files and limits depend on it: certificates of other users, owners of Unix
 *           sockets, descriptors and pipes beyond the limits of a user
 *
 * There are kernels on which only net_admin may put the filter on a socket by which an address is given up without
 * resets: who wants that for another user has to give it. */
#ifndef PROXY_SANDBOX_CAPABILITY_TBL_H
#define PROXY_SANDBOX_CAPABILITY_TBL_H

#define CAPABILITY_TBL(X)            \
	X(0, "chown", 1)             \
	X(1, "dac_override", 1)      \
	X(3, "fowner", 1)            \
	X(10, "net_bind_service", 0) \
	X(12, "net_admin", 0)        \
	X(24, "sys_resource", 1)

#endif
