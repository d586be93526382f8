/* forbidden_tbl: calls that the kernel refuses with EPERM where sandbox.seccomp is on: who asks for one of these shall
 * know that it is forbidden, and not look for another way. Calls that stand in neither table are answered as by a kernel
 * that does not have them.
 *
 *   X(name)  the call, without its SYS_ */
#ifndef PROXY_SANDBOX_FORBIDDEN_TBL_H
#define PROXY_SANDBOX_FORBIDDEN_TBL_H

#define FORBIDDEN_TBL(X) \
	X(acct) X(add_key) X(bpf) X(chroot) X(delete_module) X(execve) X(execveat) X(finit_module) X(fork) \
	X(init_module) X(ioperm) X(iopl) X(kexec_load) X(keyctl) X(mknod) X(mknodat) X(mount) \
	X(perf_event_open) X(personality) X(pivot_root) X(process_vm_readv) X(process_vm_writev) X(ptrace) \
	X(reboot) X(request_key) X(setdomainname) X(setgid) X(setgroups) X(sethostname) X(setns) X(setregid) \
	X(setresgid) X(setresuid) X(setreuid) X(settimeofday) X(setuid) X(swapoff) X(swapon) X(umount2) \
	X(unshare) X(userfaultfd) X(vfork)

#endif
