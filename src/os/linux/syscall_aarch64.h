/* aarch64: the system call instruction, and the exclusive pair behind struct os_owned. Included by
 * os_impl.h alone. */
#ifndef LP_SYSCALL_ARCH_H
#define LP_SYSCALL_ARCH_H

/* The function of the kernel's that reads a clock (clock.c). */
#define LP_CLOCK_NAME "__kernel_clock_gettime"

OS_INLINE long os_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory", "cc");
	return x0;
}

/* ldaxp and stlxp order like seq_cst accesses, among themselves and with ldar and stlr. Each pair is
 * one piece of assembly: a store of the compiler's in between might make every attempt fail. */
OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v)
{
	uint64_t found, before, failed;

	__asm__ volatile("1:	ldaxp	%0, %1, %3\n"
	                 "	cmp	%0, %4\n"
	                 "	b.ne	2f\n"
	                 "	stlxp	%w2, %4, %5, %3\n"
	                 "	cbnz	%w2, 1b\n"
	                 "2:"
	                 : "=&r"(found), "=&r"(before), "=&r"(failed), "+Q"(*o)
	                 : "r"(owner), "r"(v)
	                 : "memory", "cc");
	return found == owner;
}

OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v)
{
	uint64_t found, before, failed;

	__asm__ volatile("1:	ldaxp	%0, %1, %3\n"
	                 "	stlxp	%w2, %4, %5, %3\n"
	                 "	cbnz	%w2, 1b\n"
	                 : "=&r"(found), "=&r"(before), "=&r"(failed), "+Q"(*o)
	                 : "r"(owner), "r"(v)
	                 : "memory");
}

#endif
