/* aarch64: the system call instruction, and the exclusive pair behind struct os_owned. Included by
 * os_impl.h alone. */
#ifndef LP_SYSCALL_ARCH_H
#define LP_SYSCALL_ARCH_H

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

/* Load both words exclusively; store both unless another processor came between. ldaxp and stlxp
 * order like seq_cst accesses among themselves and with ldar and stlr. */
OS_INLINE struct os_owned os_owned_load_exclusive(const struct os_owned *o)
{
	struct os_owned r;

	__asm__ volatile("ldaxp %0, %1, %2" : "=&r"(r.owner), "=&r"(r.value) : "Q"(*o) : "memory");
	return r;
}

OS_INLINE bool os_owned_store_exclusive(struct os_owned *o, struct os_owned v)
{
	uint32_t failed;

	__asm__ volatile("stlxp %w0, %2, %3, %1"
	                 : "=&r"(failed), "=Q"(*o)
	                 : "r"(v.owner), "r"(v.value)
	                 : "memory");
	return !failed;
}

OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v)
{
	for (;;) {
		if (os_owned_load_exclusive(o).owner != owner)
			return false;
		if (os_owned_store_exclusive(o, (struct os_owned){owner, v}))
			return true;
	}
}

OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v)
{
	do
		(void)os_owned_load_exclusive(o);
	while (!os_owned_store_exclusive(o, (struct os_owned){owner, v}));
}

#endif
