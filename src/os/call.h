/* System calls that may wait, to be made later: a number and its arguments, as the system wants them.
 * Plain data, whoever makes the call. Included by os.h alone. */
#ifndef LP_OS_CALL_H
#define LP_OS_CALL_H

#include <sys/syscall.h>

struct os_call {
	long nr;
	long args[6];
};

OS_INLINE struct os_call os_call_readv(int fd, const struct iovec *iov, int count)
{
	return (struct os_call){SYS_readv, {fd, (long)iov, count}};
}

OS_INLINE struct os_call os_call_pwritev2(int fd, const struct iovec *iov, int count, int flags)
{
	return (struct os_call){SYS_pwritev2, {fd, (long)iov, count, -1, 0, flags}};
}

OS_INLINE struct os_call os_call_accept4(int fd, struct sockaddr *from, socklen_t *from_size,
                                         int flags)
{
	return (struct os_call){SYS_accept4, {fd, (long)from, (long)from_size, flags}};
}

OS_INLINE struct os_call os_call_connect(int fd, const struct sockaddr *to, socklen_t to_size)
{
	return (struct os_call){SYS_connect, {fd, (long)to, to_size}};
}

OS_INLINE struct os_call os_call_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return (struct os_call){SYS_openat, {dirfd, (long)path, flags, (long)mode}};
}

OS_INLINE struct os_call os_call_flock(int fd, int operation)
{
	return (struct os_call){SYS_flock, {fd, operation}};
}

OS_INLINE struct os_call os_call_fcntl(int fd, int command, void *arg)
{
	return (struct os_call){SYS_fcntl, {fd, command, (long)arg}};
}

OS_INLINE struct os_call os_call_waitpid(pid_t pid, int *status, int options)
{
	return (struct os_call){SYS_wait4, {pid, (long)status, options}};
}

#endif
