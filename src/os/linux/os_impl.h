/* Linux behind the doors of os.h: the hot ones, inline. Decides nothing. Included by os.h alone. */
#ifndef LP_OS_IMPL_H
#define LP_OS_IMPL_H

#include <linux/futex.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include "syscall_x86_64.h"
#elif defined(__aarch64__)
#include "syscall_aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "syscall_riscv64.h"
#else
#error "lapse runs on x86-64, aarch64 and riscv64"
#endif

#if defined(__SANITIZE_THREAD__)
#define OS_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OS_THREAD_SANITIZER
#endif
#endif

/* Newer than the oldest headers that build this. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

/* ---- Atomics ---- */

OS_INLINE uint32_t os_load_u32(const os_u32 *a, enum os_order order)
{
	return __atomic_load_n(&a->v, order);
}

OS_INLINE uint64_t os_load_u64(const os_u64 *a, enum os_order order)
{
	return __atomic_load_n(&a->v, order);
}

OS_INLINE int64_t os_load_i64(const os_i64 *a, enum os_order order)
{
	return __atomic_load_n(&a->v, order);
}

OS_INLINE void *os_load_ptr(const os_ptr *a, enum os_order order)
{
	return __atomic_load_n(&a->v, order);
}

OS_INLINE void os_store_u32(os_u32 *a, uint32_t v, enum os_order order)
{
	__atomic_store_n(&a->v, v, order);
}

OS_INLINE void os_store_u64(os_u64 *a, uint64_t v, enum os_order order)
{
	__atomic_store_n(&a->v, v, order);
}

OS_INLINE void os_store_i64(os_i64 *a, int64_t v, enum os_order order)
{
	__atomic_store_n(&a->v, v, order);
}

OS_INLINE void os_store_ptr(os_ptr *a, void *v, enum os_order order)
{
	__atomic_store_n(&a->v, v, order);
}

OS_INLINE uint32_t os_swap_u32(os_u32 *a, uint32_t v)
{
	return __atomic_exchange_n(&a->v, v, __ATOMIC_SEQ_CST);
}

OS_INLINE uint64_t os_swap_u64(os_u64 *a, uint64_t v)
{
	return __atomic_exchange_n(&a->v, v, __ATOMIC_SEQ_CST);
}

OS_INLINE uint32_t os_add_u32(os_u32 *a, uint32_t v)
{
	return __atomic_fetch_add(&a->v, v, __ATOMIC_SEQ_CST);
}

OS_INLINE uint64_t os_add_u64(os_u64 *a, uint64_t v)
{
	return __atomic_fetch_add(&a->v, v, __ATOMIC_SEQ_CST);
}

OS_INLINE uint64_t os_or_u64(os_u64 *a, uint64_t v)
{
	return __atomic_fetch_or(&a->v, v, __ATOMIC_SEQ_CST);
}

OS_INLINE bool os_cas_u32(os_u32 *a, uint32_t *expected, uint32_t v)
{
	return __atomic_compare_exchange_n(&a->v, expected, v, false, __ATOMIC_SEQ_CST,
	                                   __ATOMIC_SEQ_CST);
}

OS_INLINE bool os_cas_u64(os_u64 *a, uint64_t *expected, uint64_t v)
{
	return __atomic_compare_exchange_n(&a->v, expected, v, false, __ATOMIC_SEQ_CST,
	                                   __ATOMIC_SEQ_CST);
}

OS_INLINE int64_t os_owned_get(const struct os_owned *o)
{
	return __atomic_load_n(&o->value, __ATOMIC_SEQ_CST);
}

OS_INLINE void os_owned_renew(struct os_owned *o, uint64_t owner, int64_t v)
{
	__atomic_store_n(&o->value, v, __ATOMIC_SEQ_CST);
	__atomic_store_n(&o->owner, owner, __ATOMIC_SEQ_CST);
}

/* ---- Clock ---- */

/* clock_gettime(2) without a system call, where the kernel offers that (clock.c). By whoever reads a
 * clock first, relaxed: whatever is found there works. */
typedef int lp_clock_fn(clockid_t clock, struct timespec *t);
extern lp_clock_fn *lp_clock __attribute__((visibility("hidden")));

OS_INLINE lapse_time os_clock_read(clockid_t clock)
{
	struct timespec ts = {0, 0};
	lp_clock_fn *read = __atomic_load_n(&lp_clock, __ATOMIC_RELAXED);

	(void)read(clock, &ts); /* fails only for clocks that do not exist */
	return (lapse_time)ts.tv_sec * LAPSE_S + ts.tv_nsec;
}

OS_INLINE lapse_time os_now(void)
{
	return os_clock_read(CLOCK_MONOTONIC);
}

OS_INLINE lapse_time os_now_coarse(void)
{
	return os_clock_read(CLOCK_MONOTONIC_COARSE);
}

OS_INLINE struct timespec os_timespec(int64_t ns)
{
	return (struct timespec){ns / LAPSE_S, ns % LAPSE_S};
}

/* ---- Threads ---- */

/* Sixty-four bytes of the room that every C library keeps for such variables of libraries that are
 * loaded late; the other models cost a call each time. */
extern __thread struct os_self lp_os_self __attribute__((tls_model("initial-exec")));

OS_INLINE struct os_self *os_self(void)
{
	return &lp_os_self;
}

OS_INLINE int os_futex_wait(os_u32 *a, uint32_t v, lapse_time until)
{
	struct timespec ts = os_timespec(until > 0 ? until : 0);

	return (int)os_syscall(SYS_futex, (long)a, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, (int)v,
	                       until == LAPSE_NEVER ? 0 : (long)&ts, 0, -1);
}

OS_INLINE void os_futex_wake(os_u32 *a)
{
	(void)os_syscall(SYS_futex, (long)a, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

#include "lock.h"

/* ---- Interrupts ---- */

#ifdef OS_THREAD_SANITIZER
OS_INLINE bool os_interrupt_may_be_deaf(void)
{
	return true; /* in the sanitizer's runtime (signal.c) */
}
#else
OS_INLINE bool os_interrupt_may_be_deaf(void)
{
	return false;
}
#endif

/* ---- System calls ---- */

OS_INLINE long os_read(int fd, void *buf, size_t n)
{
	return os_syscall(SYS_read, fd, (long)buf, (long)n, 0, 0, 0);
}

OS_INLINE long os_write(int fd, const void *buf, size_t n)
{
	return os_syscall(SYS_write, fd, (long)buf, (long)n, 0, 0, 0);
}

OS_INLINE long os_pread(int fd, void *buf, size_t n, off_t offset)
{
	return os_syscall(SYS_pread64, fd, (long)buf, (long)n, offset, 0, 0);
}

OS_INLINE long os_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	return os_syscall(SYS_pwrite64, fd, (long)buf, (long)n, offset, 0, 0);
}

OS_INLINE long os_readv(int fd, const struct iovec *iov, int count)
{
	return os_syscall(SYS_readv, fd, (long)iov, count, 0, 0, 0);
}

OS_INLINE long os_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return os_syscall(SYS_preadv2, fd, (long)iov, count, offset, 0, flags);
}

OS_INLINE long os_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return os_syscall(SYS_pwritev2, fd, (long)iov, count, offset, 0, flags);
}

OS_INLINE long os_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
                           socklen_t *from_size)
{
	return os_syscall(SYS_recvfrom, fd, (long)buf, (long)n, flags, (long)from, (long)from_size);
}

OS_INLINE long os_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
                         socklen_t to_size)
{
	return os_syscall(SYS_sendto, fd, (long)buf, (long)n, flags, (long)to, to_size);
}

OS_INLINE long os_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return os_syscall(SYS_recvmsg, fd, (long)msg, flags, 0, 0, 0);
}

OS_INLINE long os_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return os_syscall(SYS_sendmsg, fd, (long)msg, flags, 0, 0, 0);
}

OS_INLINE long os_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	return os_syscall(SYS_recvmmsg, fd, (long)msgs, count, flags, 0, 0);
}

OS_INLINE long os_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	return os_syscall(SYS_sendmmsg, fd, (long)msgs, count, flags, 0, 0);
}

OS_INLINE long os_accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags)
{
	return os_syscall(SYS_accept4, fd, (long)from, (long)from_size, flags, 0, 0);
}

OS_INLINE long os_connect(int fd, const struct sockaddr *to, socklen_t to_size)
{
	return os_syscall(SYS_connect, fd, (long)to, to_size, 0, 0, 0);
}

OS_INLINE long os_shutdown(int fd, int how)
{
	return os_syscall(SYS_shutdown, fd, how, 0, 0, 0, 0);
}

OS_INLINE long os_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return os_syscall(SYS_getsockopt, fd, level, name, (long)value, (long)size, 0);
}

OS_INLINE long os_getpeername(int fd, struct sockaddr *addr, socklen_t *size)
{
	return os_syscall(SYS_getpeername, fd, (long)addr, (long)size, 0, 0, 0);
}

OS_INLINE long os_socket(int domain, int type, int protocol)
{
	return os_syscall(SYS_socket, domain, type, protocol, 0, 0, 0);
}

OS_INLINE long os_socketpair(int domain, int type, int protocol, int fds[2])
{
	return os_syscall(SYS_socketpair, domain, type, protocol, (long)fds, 0, 0);
}

OS_INLINE long os_pipe2(int fds[2], int flags)
{
	return os_syscall(SYS_pipe2, (long)fds, flags, 0, 0, 0, 0);
}

OS_INLINE long os_pipe_held(int fd)
{
	int held = 0;
	long r = os_syscall(SYS_ioctl, fd, FIONREAD, (long)&held, 0, 0, 0);

	return r < 0 ? r : held;
}

OS_INLINE long os_pipe_capacity(int fd)
{
	return os_syscall(SYS_fcntl, fd, F_GETPIPE_SZ, 0, 0, 0, 0);
}

OS_INLINE long os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return os_syscall(SYS_openat, dirfd, (long)path, flags, (long)mode, 0, 0);
}

/* ThreadSanitizer learns from the C library alone that a number was given up and may come back as
 * something else; without that it sees races where there are none. */
#ifdef OS_THREAD_SANITIZER
#include <pthread.h>

OS_INLINE long os_close(int fd)
{
	int before = errno;
	int state;
	long r;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	r = close(fd) < 0 ? -errno : 0;
	(void)pthread_setcancelstate(state, NULL);
	errno = before;
	return r;
}
#else
OS_INLINE long os_close(int fd)
{
	return os_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}
#endif

OS_INLINE long os_fcntl(int fd, int command, void *arg)
{
	return os_syscall(SYS_fcntl, fd, command, (long)arg, 0, 0, 0);
}

OS_INLINE long os_fstat(int fd, struct stat *st)
{
	return os_syscall(SYS_fstat, fd, (long)st, 0, 0, 0, 0);
}

OS_INLINE long os_lseek(int fd, off_t offset, int whence)
{
	return os_syscall(SYS_lseek, fd, offset, whence, 0, 0, 0);
}

OS_INLINE long os_fsync(int fd)
{
	return os_syscall(SYS_fsync, fd, 0, 0, 0, 0, 0);
}

OS_INLINE long os_fdatasync(int fd)
{
	return os_syscall(SYS_fdatasync, fd, 0, 0, 0, 0, 0);
}

OS_INLINE long os_ftruncate(int fd, off_t size)
{
	return os_syscall(SYS_ftruncate, fd, size, 0, 0, 0, 0);
}

OS_INLINE long os_fallocate(int fd, int mode, off_t offset, off_t size)
{
	return os_syscall(SYS_fallocate, fd, mode, offset, size, 0, 0);
}

OS_INLINE long os_flock(int fd, int operation)
{
	return os_syscall(SYS_flock, fd, operation, 0, 0, 0, 0);
}

OS_INLINE long os_sendfile(int out, int in, off_t *offset, size_t n)
{
	return os_syscall(SYS_sendfile, out, in, (long)offset, (long)n, 0, 0);
}

OS_INLINE long os_splice(int in, off_t *in_offset, int out, size_t n, unsigned flags)
{
	return os_syscall(SYS_splice, in, (long)in_offset, out, 0, (long)n, flags);
}

OS_INLINE long os_tee(int in, int out, size_t n, unsigned flags)
{
	return os_syscall(SYS_tee, in, out, (long)n, flags, 0, 0);
}

OS_INLINE long os_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t n)
{
	return os_syscall(SYS_copy_file_range, in, (long)in_offset, out, (long)out_offset, (long)n,
	                  0);
}

OS_INLINE long os_eventfd(void)
{
	return os_syscall(SYS_eventfd2, 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0);
}

OS_INLINE long os_poll(struct pollfd *fds, size_t count, lapse_time now, lapse_time until)
{
	struct timespec ts = os_timespec(until > now ? until - now : 0);

	return os_syscall(SYS_ppoll, (long)fds, (long)count, until == LAPSE_NEVER ? 0 : (long)&ts,
	                  0, 0, 0);
}

OS_INLINE long os_call_now(const struct os_call *call)
{
	const long *a = call->args;

	return os_syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif
