/* The simulated kernel and memory behind the doors of os.h: the hot ones, inline. Each passes on to
 * engine/memory.h or kernel/kernel.h. Decides nothing. Included by os.h alone, in place of the one
 * for Linux. */
#ifndef LP_OS_IMPL_H
#define LP_OS_IMPL_H

#include "../engine/memory.h"
#include "../kernel/kernel.h"

#include <sys/syscall.h>

/* Newer than the oldest headers that build this. */
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

/* ---- Atomics ---- */

OS_INLINE uint32_t os_load_u32(const os_u32 *a, enum os_order order)
{
	return (uint32_t)x_load(&a->v, 4, (int)order);
}

OS_INLINE uint64_t os_load_u64(const os_u64 *a, enum os_order order)
{
	return x_load(&a->v, 8, (int)order);
}

OS_INLINE int64_t os_load_i64(const os_i64 *a, enum os_order order)
{
	return (int64_t)x_load(&a->v, 8, (int)order);
}

OS_INLINE void *os_load_ptr(const os_ptr *a, enum os_order order)
{
	return (void *)(uintptr_t)x_load(&a->v, 8, (int)order);
}

OS_INLINE void os_store_u32(os_u32 *a, uint32_t v, enum os_order order)
{
	x_store(&a->v, 4, v, (int)order);
}

OS_INLINE void os_store_u64(os_u64 *a, uint64_t v, enum os_order order)
{
	x_store(&a->v, 8, v, (int)order);
}

OS_INLINE void os_store_i64(os_i64 *a, int64_t v, enum os_order order)
{
	x_store(&a->v, 8, (uint64_t)v, (int)order);
}

OS_INLINE void os_store_ptr(os_ptr *a, void *v, enum os_order order)
{
	x_store(&a->v, 8, (uint64_t)(uintptr_t)v, (int)order);
}

OS_INLINE uint32_t os_swap_u32(os_u32 *a, uint32_t v)
{
	return (uint32_t)x_swap(&a->v, 4, v);
}

OS_INLINE uint64_t os_swap_u64(os_u64 *a, uint64_t v)
{
	return x_swap(&a->v, 8, v);
}

OS_INLINE uint32_t os_add_u32(os_u32 *a, uint32_t v)
{
	return (uint32_t)x_add(&a->v, 4, v);
}

OS_INLINE uint64_t os_add_u64(os_u64 *a, uint64_t v)
{
	return x_add(&a->v, 8, v);
}

OS_INLINE uint64_t os_or_u64(os_u64 *a, uint64_t v)
{
	return x_or(&a->v, 8, v);
}

OS_INLINE bool os_cas_u32(os_u32 *a, uint32_t *expected, uint32_t v)
{
	uint64_t seen = *expected;
	bool done = x_cas(&a->v, 4, &seen, v);

	*expected = (uint32_t)seen;
	return done;
}

OS_INLINE bool os_cas_u64(os_u64 *a, uint64_t *expected, uint64_t v)
{
	return x_cas_round(&a->v, 8, expected, v);
}

OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v)
{
	return x_owned_set(o, owner, v);
}

OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v)
{
	x_owned_reset(o, owner, v);
}

/* One step here too: nobody is left who could come in between. */
OS_INLINE void os_owned_renew(struct os_owned *o, uint64_t owner, int64_t v)
{
	x_owned_reset(o, owner, v);
}

OS_INLINE int64_t os_owned_get(const struct os_owned *o)
{
	return x_owned_get(o);
}

/* ---- Clock ---- */

OS_INLINE lapse_time os_now(void)
{
	return k_now();
}

OS_INLINE lapse_time os_now_coarse(void)
{
	return k_now_coarse();
}

/* ---- Threads ---- */

OS_INLINE struct os_self *os_self(void)
{
	return k_self();
}

OS_INLINE int os_futex_wait(os_u32 *a, uint32_t v, lapse_time until)
{
	return k_futex_wait(&a->v, v, until);
}

OS_INLINE void os_futex_wake(os_u32 *a)
{
	k_futex_wake(&a->v);
}

/* The small lock as one step to take it and one to give it back: who finds it held waits in the engine
 * until it is free. In place of the real one, which has many steps on a futex that nobody
 * outside of it can tell: explore/scenarios/lock.c goes through those, in all orders. What holds with
 * this lock holds with that one if each behaves as this one does:
 *   nobody but one has it; who takes it sees all that its last holder did; who waits for it gets it
 *   once it is free, whatever else its futex is woken for.
 * Its word is touched by nothing else, but for a child, which finds it held by nobody. */
OS_INLINE void os_lock(struct os_lock *lock)
{
	x_lock(&lock->word.v);
}

OS_INLINE void os_unlock(struct os_lock *lock)
{
	(void)x_swap(&lock->word.v, 4, 0);
}

/* ---- System calls ---- */

OS_INLINE long os_read(int fd, void *buf, size_t n)
{
	return k_read(fd, buf, n);
}

OS_INLINE long os_write(int fd, const void *buf, size_t n)
{
	return k_write(fd, buf, n);
}

OS_INLINE long os_pread(int fd, void *buf, size_t n, off_t offset)
{
	return k_preadv2(fd, &(struct iovec){buf, n}, 1, offset, 0);
}

OS_INLINE long os_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	return k_pwritev2(fd, &(struct iovec){(void *)(uintptr_t)buf, n}, 1, offset, 0);
}

OS_INLINE long os_readv(int fd, const struct iovec *iov, int count)
{
	return k_readv(fd, iov, count);
}

OS_INLINE long os_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return k_preadv2(fd, iov, count, offset, flags);
}

OS_INLINE long os_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return k_pwritev2(fd, iov, count, offset, flags);
}

OS_INLINE long os_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
                           socklen_t *from_size)
{
	return k_recvfrom(fd, buf, n, flags, from, from_size);
}

OS_INLINE long os_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
                         socklen_t to_size)
{
	return k_sendto(fd, buf, n, flags, to, to_size);
}

OS_INLINE long os_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return k_recvmsg(fd, msg, flags);
}

OS_INLINE long os_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return k_sendmsg(fd, msg, flags);
}

OS_INLINE long os_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	return k_recvmmsg(fd, msgs, count, flags);
}

OS_INLINE long os_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	return k_sendmmsg(fd, msgs, count, flags);
}

OS_INLINE long os_accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags)
{
	return k_accept4(fd, from, from_size, flags);
}

OS_INLINE long os_connect(int fd, const struct sockaddr *to, socklen_t to_size)
{
	return k_connect(fd, to, to_size);
}

OS_INLINE long os_shutdown(int fd, int how)
{
	return k_shutdown(fd, how);
}

OS_INLINE long os_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return k_getsockopt(fd, level, name, value, size);
}

OS_INLINE long os_getpeername(int fd, struct sockaddr *addr, socklen_t *size)
{
	return k_getpeername(fd, addr, size);
}

OS_INLINE long os_socket(int domain, int type, int protocol)
{
	return k_socket(domain, type, protocol);
}

OS_INLINE long os_socketpair(int domain, int type, int protocol, int fds[2])
{
	return k_socketpair(domain, type, protocol, fds);
}

OS_INLINE long os_pipe2(int fds[2], int flags)
{
	return k_pipe2(fds, flags);
}

OS_INLINE long os_pipe_held(int fd)
{
	return k_pipe_held(fd);
}

OS_INLINE long os_pipe_capacity(int fd)
{
	return k_pipe_capacity(fd);
}

OS_INLINE long os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return k_openat(dirfd, path, flags, mode);
}

OS_INLINE long os_close(int fd)
{
	return k_close(fd);
}

OS_INLINE long os_fcntl(int fd, int command, void *arg)
{
	return k_fcntl(fd, command, arg);
}

OS_INLINE long os_fstat(int fd, struct stat *st)
{
	return k_fstat(fd, st);
}

OS_INLINE long os_lseek(int fd, off_t offset, int whence)
{
	return k_lseek(fd, offset, whence);
}

OS_INLINE long os_fsync(int fd)
{
	return k_fsync(fd);
}

OS_INLINE long os_fdatasync(int fd)
{
	return k_fdatasync(fd);
}

OS_INLINE long os_ftruncate(int fd, off_t size)
{
	return k_ftruncate(fd, size);
}

OS_INLINE long os_fallocate(int fd, int mode, off_t offset, off_t size)
{
	return k_fallocate(fd, mode, offset, size);
}

OS_INLINE long os_flock(int fd, int operation)
{
	return k_flock(fd, operation);
}

OS_INLINE long os_sendfile(int out, int in, off_t *offset, size_t n)
{
	return k_sendfile(out, in, offset, n);
}

OS_INLINE long os_splice(int in, off_t *in_offset, int out, size_t n, unsigned flags)
{
	return k_splice(in, in_offset, out, n, flags);
}

OS_INLINE long os_tee(int in, int out, size_t n, unsigned flags)
{
	return k_tee(in, out, n, flags);
}

OS_INLINE long os_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t n)
{
	return k_copy_file_range(in, in_offset, out, out_offset, n);
}

OS_INLINE long os_eventfd(void)
{
	return k_eventfd();
}

OS_INLINE long os_poll(struct pollfd *fds, size_t count, lapse_time now, lapse_time until)
{
	return k_poll(fds, count, now, until);
}

/* ---- Interrupts ---- */

OS_INLINE bool os_interrupt_may_be_deaf(void)
{
	return false;
}

/* ---- Calls to be made later ---- */

OS_INLINE long os_call_now(const struct os_call *call)
{
	return k_call(call->nr, call->args);
}

#endif
