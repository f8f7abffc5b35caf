/* x86-64: the system call instruction, and the two-word compare-and-swap behind struct os_owned.
 * Included by os_impl.h alone. */
#ifndef LP_SYSCALL_ARCH_H
#define LP_SYSCALL_ARCH_H

/* The function of the kernel's that reads a clock (clock.c). */
#define LP_CLOCK_NAME "__vdso_clock_gettime"

OS_INLINE long os_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return r;
}

/* Replace *o if it is *expected; if not, *expected is what was found. cmpxchg16b is in every x86-64
 * processor since 2006, though not in the compilers' default set, hence the assembly. */
OS_INLINE bool os_owned_cas(struct os_owned *o, struct os_owned *expected, struct os_owned v)
{
	bool done;

	__asm__ volatile("lock cmpxchg16b %1"
	                 : "=@cce"(done), "+m"(*o), "+a"(expected->owner), "+d"(expected->value)
	                 : "b"(v.owner), "c"(v.value)
	                 : "memory");
	return done;
}

OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v)
{
	struct os_owned expected = {owner, __atomic_load_n(&o->value, __ATOMIC_RELAXED)};

	while (!os_owned_cas(o, &expected, (struct os_owned){owner, v}))
		if (expected.owner != owner)
			return false;
	return true;
}

OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v)
{
	struct os_owned expected = {
		__atomic_load_n(&o->owner, __ATOMIC_RELAXED),
		__atomic_load_n(&o->value, __ATOMIC_RELAXED),
	};

	while (!os_owned_cas(o, &expected, (struct os_owned){owner, v}))
		;
}

#endif
