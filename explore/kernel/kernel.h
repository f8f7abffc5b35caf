/* The simulated kernel: what stands behind the doors of os.h for system calls, threads and memory.
 * Declares the doors under their own names with k_ for os_, so that os/os_impl.h only passes on.
 * Each call is one step of the engine's, or two where the kernel's own window matters. Knows nothing
 * of lapse beyond os.h. */
#ifndef X_KERNEL_H
#define X_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <lapse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

/* ---- The doors ----
 * Same arguments, same results as in os.h; what is not modelled calls x_unfit with the door's name.
 * Outside of runs (in setup) a call that would wait for ever is unfit too. */

lapse_time k_now(void);
lapse_time k_now_coarse(void); /* no step: for people */
int k_clock(clockid_t clock, lapse_time *now);

void *k_self(void); /* zeroed room for a struct os_self of the calling thread */
int k_thread_start(void (*fn)(void *), void *arg);
int k_at_thread_exit(void (*fn)(void *), void *arg);
long k_guarded(long (*fn)(const void *), const void *fn_arg, void (*exits)(void *), void *arg);
int k_thread_id(void);
int k_futex_wait(void *word, uint32_t v, lapse_time until);
void k_futex_wake(void *word);

void *k_map(size_t size);
void k_unmap(void *p, size_t size);
void *k_map_wiped_on_fork(void);
uint64_t k_random(void);

long k_read(int fd, void *buf, size_t n);
long k_write(int fd, const void *buf, size_t n);
long k_readv(int fd, const struct iovec *iov, int count);
long k_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
long k_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
long k_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
                socklen_t *from_size);
long k_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
              socklen_t to_size);
long k_recvmsg(int fd, struct msghdr *msg, int flags);
long k_sendmsg(int fd, const struct msghdr *msg, int flags);
long k_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags);
long k_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags);
long k_accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags);
long k_connect(int fd, const struct sockaddr *to, socklen_t to_size);
long k_shutdown(int fd, int how);
long k_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
long k_getpeername(int fd, struct sockaddr *addr, socklen_t *size);
long k_socket(int domain, int type, int protocol);
long k_socketpair(int domain, int type, int protocol, int fds[2]);
long k_pipe2(int fds[2], int flags);
long k_pipe_held(int fd);
long k_pipe_capacity(int fd);
/* "file", "file1", "file2", "file3": empty regular files, each with its locks. Others: -ENOENT. */
long k_openat(int dirfd, const char *path, int flags, mode_t mode);
long k_close(int fd);
long k_fcntl(int fd, int command, void *arg);
long k_fstat(int fd, struct stat *st);
long k_lseek(int fd, off_t offset, int whence);
long k_fsync(int fd);
long k_fdatasync(int fd);
long k_ftruncate(int fd, off_t size);
long k_fallocate(int fd, int mode, off_t offset, off_t size);
long k_flock(int fd, int operation);
long k_sendfile(int out, int in, off_t *offset, size_t n);
long k_splice(int in, off_t *in_offset, int out, size_t n, unsigned flags);
long k_tee(int in, int out, size_t n, unsigned flags);
long k_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t n);
long k_eventfd(void);
long k_poll(struct pollfd *fds, size_t count, lapse_time now, lapse_time until);

/* Any of those above that may wait, by its number (SYS_...). */
long k_call(long nr, const long args[6]);

/* SIGPIPE of the calling thread: what struct os_sigpipe keeps. */
void k_sigpipe_hold(uint64_t *mask, bool *pending);
void k_sigpipe_drop(uint64_t mask, bool pending);

/* ---- For the oracle: what the kernel did, in the order in which it did it ---- */

enum k_did {
	K_READ,   /* took `count` bytes, first of which was number `first` of its queue */
	K_WROTE,  /* the same, put */
	K_CLOSED, /* the number was given up; `last`: so was the description, and no call in
	            * flight holds it */
	K_OPENED, /* the number now names the description */
	K_POLLED, /* said that it is ready: result is revents, a record for each number */
	K_OTHER,  /* anything else asked of a number: -errno, 0 at the end, poll's "not ready" */
};

struct k_record {
	enum k_did did;
	int thread;      /* -1: in setup */
	uint32_t step;   /* of the engine's */
	uint32_t own;    /* the steps of its thread so far */
	int number;      /* the descriptor's number; -1: none was to be had */
	int description; /* which never comes again in a run; -1: the number named nothing */
	bool last;
	int queue; /* of bytes; -1: none */
	uint64_t first;
	uint64_t count;
	long result;
};

/* The records of this run, setup's first. */
size_t k_log(const struct k_record **records);

/* The description that a number names now, or -1. */
int k_description(int number);
/* The status flags (O_NONBLOCK ...) of what the number names, or -1: for "a good guest". */
int k_flags(int number);
/* How often a thread holds SIGPIPE back without having let go. */
int k_sigpipe_holds(int thread);

/* Byte number i of every queue has this value, so that a reader can tell what it got and a writer
 * what to send; the kernel checks nothing itself. */
static inline unsigned char k_byte(uint64_t i)
{
	return (unsigned char)(i * 31 + 7);
}

/* ---- For the program ---- */

/* Once, before anything else of the kernel. */
void k_start(void);

/* ---- For scenarios ---- */

/* How many bytes each direction of a socket pair or pipe made from here on holds. Before that: 64,
 * at most 1024. A pipe counts in pages of a quarter of it. */
void k_set_capacity(size_t bytes);
/* An older kernel, without RWF_NOSIGNAL. */
void k_set_old(bool is_old);
/* The calling thread ends: what it asked for by os_at_thread_exit is done. Its own last words. */
void k_thread_exit(void);
/* The same wherever it is, as pthread_exit does: those of os_guarded that it is in first. Does not come
 * back. */
__attribute__((noreturn)) void k_thread_leave(void);
/* A signal of somebody else's comes to that thread: `handler` runs there, once for all that come before
 * it does. */
void k_other_signal(int thread, void (*handler)(void));
/* Was one sent to it that has not come? */
bool k_is_interrupt_pending(int thread);
/* Called in a thread that an interrupt has come to, before it is handled. */
void k_on_interrupt(void (*fn)(int thread));
/* The calling thread goes on as a forked child: alone, with its parent's numbers and memory but for
 * the pages that a child finds wiped. */
void k_become_child(void);
/* Who sleeps in the kernel has to be told apart from who waits for a turn: is the thread in poll? */
bool k_in_poll(int thread);

#endif
