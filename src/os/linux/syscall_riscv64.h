/* riscv64: the system call instruction, and struct os_owned without a two-word atomic: the top bit
 * of the owner, which no owner uses, is a lock held for two stores. Included by os_impl.h alone. */
#ifndef LP_SYSCALL_ARCH_H
#define LP_SYSCALL_ARCH_H

/* The function of the kernel's that reads a clock (clock.c). */
#define LP_CLOCK_NAME "__vdso_clock_gettime"

OS_INLINE long os_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
	                 : "+r"(a0)
	                 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
	                 : "memory");
	return a0;
}

#define OS_OWNED_LOCK (UINT64_C(1) << 63)

/* True with the lock held; false if the owner is another. */
OS_INLINE bool os_owned_lock(struct os_owned *o, uint64_t owner)
{
	for (;;) {
		uint64_t found = owner;

		if (__atomic_compare_exchange_n(&o->owner, &found, owner | OS_OWNED_LOCK, false,
		                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
		if (found != (owner | OS_OWNED_LOCK))
			return false;
	}
}

OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v)
{
	if (!os_owned_lock(o, owner))
		return false;
	__atomic_store_n(&o->value, v, __ATOMIC_SEQ_CST);
	__atomic_store_n(&o->owner, owner, __ATOMIC_SEQ_CST);
	return true;
}

OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v)
{
	while (!os_owned_lock(o, __atomic_load_n(&o->owner, __ATOMIC_RELAXED) & ~OS_OWNED_LOCK))
		;
	__atomic_store_n(&o->value, v, __ATOMIC_SEQ_CST);
	__atomic_store_n(&o->owner, owner, __ATOMIC_SEQ_CST);
}

#endif
