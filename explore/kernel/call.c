/* System calls by their numbers: those that may wait, for os_call_now and os_call_while. Owns nothing. */
#include "kernel/internal.h"

#include <sys/syscall.h>

long k_call(long nr, const long args[6])
{
	const long *a = args;

	switch (nr) {
	case SYS_readv:
		return k_readv((int)a[0], (const struct iovec *)a[1], (int)a[2]);
	case SYS_pwritev2:
		return k_pwritev2((int)a[0], (const struct iovec *)a[1], (int)a[2], a[3],
		                  (int)a[5]);
	case SYS_accept4:
		return k_accept4((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2], (int)a[3]);
	case SYS_connect:
		return k_connect((int)a[0], (const struct sockaddr *)a[1], (socklen_t)a[2]);
	case SYS_openat:
		return k_openat((int)a[0], (const char *)a[1], (int)a[2], (mode_t)a[3]);
	case SYS_flock:
		return k_flock((int)a[0], (int)a[1]);
	case SYS_fcntl:
		return k_fcntl((int)a[0], (int)a[1], (void *)a[2]);
	default:
		x_unfit("system call %ld is not modelled", nr);
	}
}
