/* syscall: the kernel's entry in line, as Go's runtime has it (src/runtime/sys_linux_*.s). libc's
 * syscall(2) is a call that moves seven registers into place at every use; in line the compiler has
 * the arguments where they belong already. Another architecture uses libc's. */
#ifndef NETPOLL_SYSCALL_H
#define NETPOLL_SYSCALL_H

#include <errno.h>
#include <unistd.h>

#include "netpoll/base.h"

#if defined(__x86_64__)
static inline long syscall_enter(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}
#elif defined(__aarch64__)
static inline long syscall_enter(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
}
#endif

/* As syscall(2): the result, or -1 and errno. */
static inline long np_syscall(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__) || defined(__aarch64__)
	long r = syscall_enter(n, a, b, c, d, e, f);

	if (likely((unsigned long)r < -4095UL))
		return r;
	errno = (int)-r;
	return -1;
#else
	return syscall(n, a, b, c, d, e, f);
#endif
}

/* The number and up to six arguments of any type that fits a register. */
#define SYSCALL(...) SYSCALL_FILLED(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYSCALL_FILLED(n, a, b, c, d, e, f, ...) \
	np_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
