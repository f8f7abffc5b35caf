/* Every door out of plain computation: atomics, clock, futex, threads, memory, system calls.
 *
 * Declares each door once and says what it means. The bodies are in "os_impl.h", which the include
 * path picks; a second one can stand in for the kernel, the scheduler and the memory without any
 * other file knowing. Decides nothing, keeps no state of the library's.
 *
 * System calls return their result or -errno. They are made raw: errno is not touched and they are
 * no pthread cancellation points. None is restarted: -EINTR comes through.
 */
#ifndef LP_OS_H
#define LP_OS_H

#include <fcntl.h>
#include <lapse.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define OS_INLINE static inline __attribute__((always_inline))

OS_INLINE bool os_unlikely(bool x)
{
	return __builtin_expect(x, 0);
}

/* ---- Atomics ----
 * Read-modify-writes and compare-and-swaps are sequentially consistent. There are no fences: a
 * checker of races cannot follow them, and a seq_cst access costs the same. */

enum os_order {
	OS_RELAXED = __ATOMIC_RELAXED,
	OS_ACQUIRE = __ATOMIC_ACQUIRE,
	OS_RELEASE = __ATOMIC_RELEASE,
	OS_SEQ_CST = __ATOMIC_SEQ_CST,
};

typedef struct {
	uint32_t v;
} os_u32;
typedef struct {
	uint64_t v;
} os_u64;
typedef struct {
	int64_t v;
} os_i64;
typedef struct {
	void *v;
} os_ptr;

OS_INLINE uint32_t os_load_u32(const os_u32 *a, enum os_order order);
OS_INLINE uint64_t os_load_u64(const os_u64 *a, enum os_order order);
OS_INLINE int64_t os_load_i64(const os_i64 *a, enum os_order order);
OS_INLINE void *os_load_ptr(const os_ptr *a, enum os_order order);
OS_INLINE void os_store_u32(os_u32 *a, uint32_t v, enum os_order order);
OS_INLINE void os_store_u64(os_u64 *a, uint64_t v, enum os_order order);
OS_INLINE void os_store_i64(os_i64 *a, int64_t v, enum os_order order);
OS_INLINE void os_store_ptr(os_ptr *a, void *v, enum os_order order);
OS_INLINE uint32_t os_swap_u32(os_u32 *a, uint32_t v);
OS_INLINE uint32_t os_add_u32(os_u32 *a, uint32_t v); /* returns the old value, as do all below */
OS_INLINE uint64_t os_add_u64(os_u64 *a, uint64_t v);
OS_INLINE uint64_t os_or_u64(os_u64 *a, uint64_t v);
OS_INLINE uint64_t os_swap_u64(os_u64 *a, uint64_t v);
/* On failure *expected is what was found. May not fail spuriously. */
OS_INLINE bool os_cas_u32(os_u32 *a, uint32_t *expected, uint32_t v);
OS_INLINE bool os_cas_u64(os_u64 *a, uint64_t *expected, uint64_t v);

/* A number that only the caller who knows its owner may change, in one atomic step: what lets a
 * deadline be set through a handle that may be closed and used again at any moment. */
struct os_owned {
	_Alignas(16) uint64_t owner;
	int64_t value;
};

/* value := v if owner is still the one given. Sequentially consistent when it succeeds. */
OS_INLINE bool os_owned_set(struct os_owned *o, uint64_t owner, int64_t v);
/* A new owner and value, whatever was there. Sequentially consistent. */
OS_INLINE void os_owned_reset(struct os_owned *o, uint64_t owner, int64_t v);
/* The same where nobody else can be: in a child, to which the parent may have handed it down in the
 * middle of a change. */
OS_INLINE void os_owned_renew(struct os_owned *o, uint64_t owner, int64_t v);
/* The number alone; seq_cst. */
OS_INLINE int64_t os_owned_get(const struct os_owned *o);

/* ---- Clock ---- */

OS_INLINE lapse_time os_now(void); /* CLOCK_MONOTONIC */
/* Some milliseconds behind os_now() at times, never ahead: for people, not for verdicts. */
OS_INLINE lapse_time os_now_coarse(void);
/* Another clock, in ns, saturating. -EINVAL if there is none. */
int os_clock(clockid_t clock, lapse_time *now);

/* ---- Threads ---- */

/* What the library keeps for each thread. Zero at birth. */
struct os_self {
	/* Owned by park/parker.c: the thread's own, and the first that was put aside, or NULL. */
	struct lp_parker *parker;
	struct lp_parker *aside;
	/* Owned by park/scope.c: the innermost; the one that the last verdict came from, or NULL, and
	 * what it remembered before that. */
	struct lapse_scope *scope;
	struct lapse_scope *blamed;
	int blamed_before;
	/* Owned by wait/interrupt.c: the innermost call; when it was last asked whether interrupts
	 * are blocked, and whether they were. */
	struct lp_open_call *call;
	lapse_time asked;
	bool blocks;
};
OS_INLINE struct os_self *os_self(void);

/* A thread of the library's own: it runs fn(arg) with every signal blocked, the kernel delays its
 * timed sleeps by as little as it can, and nobody joins it. 0 or -errno (EAGAIN, ENOMEM). */
int os_thread_start(void (*fn)(void *), void *arg);

/* Have fn(arg) called when the calling thread ends. 0 or -errno. One fn for the library's life. */
int os_at_thread_exit(void (*fn)(void *), void *arg);
int os_thread_id(void);
/* By how many ns the kernel may delay the calling thread's timed sleeps. */
int64_t os_timer_slack(void);

/* A function to be called: fn(arg), or if that is NULL on_fn(sysfd, arg). */
struct os_fn {
	long (*fn)(void *arg);
	long (*on_fn)(int sysfd, void *arg);
	int sysfd;
	void *arg;
};
OS_INLINE long os_fn_call(const struct os_fn *f)
{
	return f->fn != NULL ? f->fn(f->arg) : f->on_fn(f->sysfd, f->arg);
}

/* Call it. If the thread ends in it (pthread_exit, cancellation), exits(arg) is called first. */
long os_guarded(const struct os_fn *f, void (*exits)(void *), void *arg);

/* Sleep while *a == v, until the instant (LAPSE_NEVER: no limit) or a wake. 0, -EAGAIN (*a != v),
 * -ETIMEDOUT, -EINTR; any of them may be spurious. */
OS_INLINE int os_futex_wait(os_u32 *a, uint32_t v, lapse_time until);
/* Wake one sleeper. The address is only named, never read: it need no longer be what it was. */
OS_INLINE void os_futex_wake(os_u32 *a);

/* A small lock for a few words: held for a handful of instructions, never while its holder sleeps.
 * Knows nothing of deadlines; whoever waits here is about to run. Free when zero. Taking it sees all
 * that its last holder did. In a child, where its holder may not be, its word is stored 0. */
struct os_lock {
	os_u32 word;
};
OS_INLINE void os_lock(struct os_lock *lock);
OS_INLINE void os_unlock(struct os_lock *lock);

#include "os/call.h"

/* ---- Breaking a blocking system call off ----
 * By a signal to the very thread, whose handler is in place from os_interrupt_start on. It calls
 * `look` there, in the thread that was meant, wherever that thread stands; nothing else of the
 * library's may be assumed to be whole at that moment. look says what to do: */
enum os_break {
	OS_GO_ON,       /* nothing; a system call that was cut short begins again if it can */
	OS_BREAK_OURS,  /* break off what os_call_while does */
	OS_BREAK_WHOLE, /* the same, and any system call that waits and allows it */
};

/* Before the first of the others; only the first time counts. missed is called there after look, if
 * that wanted to break something off and there was nothing. 0 or -errno. */
int os_interrupt_start(enum os_break (*look)(void), void (*missed)(void));

/* May an interrupt come where look must not be called, and is not? Then one may never do. */
OS_INLINE bool os_interrupt_may_be_deaf(void);

/* Which signal, before it has been started. 0, -EBUSY, -EINVAL. */
int os_interrupt_signal(int signo);

/* Have look called in that thread, soon. -EAGAIN: not now. */
int os_interrupt(int thread);

/* Let interrupts through to the calling thread: whether they were blocked, which os_interrupt_block
 * makes them again. */
bool os_interrupt_admit(void);
void os_interrupt_block(void);

/* Take what was sent to the calling thread before and has not reached it: afterwards nothing of it is
 * left. Whether there was something. */
bool os_interrupt_drain(void);

/* Make a system call that may wait (call.h), now. */
OS_INLINE long os_call_now(const struct os_call *call);

/* Make the call if *word == expected. From the look at the word on, until the call has begun to wait,
 * and while it waits, an interrupt breaks it off: -EINTR, as when the word was otherwise. What has
 * been done by then is a result, never -EINTR. */
long os_call_while(const os_u32 *word, uint32_t expected, const struct os_call *call);

/* ---- Memory ---- */

/* Zeroed memory in whole pages, given back only by os_unmap. NULL: none. */
void *os_map(size_t size);
void os_unmap(void *p, size_t size);
/* Bytes from one place of this process to another, as far as both lists reach, by the kernel where it
 * allows that: how many, or -EFAULT in place of a fault, -EINVAL for a list that no system call takes.
 * Short if what was not the first byte could not be reached. */
long os_copy_memory(const struct iovec *to, size_t to_count, const struct iovec *from,
                    size_t from_count);
/* A page of zeroes that a forked child finds zeroed again, whatever was written. NULL: none. */
void *os_map_wiped_on_fork(void);
/* A number that another copy of the library, or another process, is unlikely to get. */
uint64_t os_random(void);

/* ---- System calls, each as its name says ---- */

OS_INLINE long os_read(int fd, void *buf, size_t n);
OS_INLINE long os_write(int fd, const void *buf, size_t n);
OS_INLINE long os_pread(int fd, void *buf, size_t n, off_t offset);
OS_INLINE long os_pwrite(int fd, const void *buf, size_t n, off_t offset);
OS_INLINE long os_readv(int fd, const struct iovec *iov, int count);
/* offset -1: at the file's own position. flags: RWF_... */
OS_INLINE long os_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
OS_INLINE long os_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags);
OS_INLINE long os_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
                           socklen_t *from_size);
OS_INLINE long os_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
                         socklen_t to_size);
OS_INLINE long os_recvmsg(int fd, struct msghdr *msg, int flags);
OS_INLINE long os_sendmsg(int fd, const struct msghdr *msg, int flags);
OS_INLINE long os_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags);
OS_INLINE long os_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags);
OS_INLINE long os_accept4(int fd, struct sockaddr *from, socklen_t *from_size, int flags);
OS_INLINE long os_connect(int fd, const struct sockaddr *to, socklen_t to_size);
OS_INLINE long os_shutdown(int fd, int how);
OS_INLINE long os_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
OS_INLINE long os_getpeername(int fd, struct sockaddr *addr, socklen_t *size);
OS_INLINE long os_socket(int domain, int type, int protocol);
OS_INLINE long os_socketpair(int domain, int type, int protocol, int fds[2]);
OS_INLINE long os_pipe2(int fds[2], int flags);
OS_INLINE long os_pipe_held(int fd);     /* bytes in a pipe */
OS_INLINE long os_pipe_capacity(int fd); /* and how many an empty one takes */
OS_INLINE long os_openat(int dirfd, const char *path, int flags, mode_t mode);
OS_INLINE long os_close(int fd);
OS_INLINE long os_fcntl(int fd, int command, void *arg);
OS_INLINE long os_fstat(int fd, struct stat *st);
OS_INLINE long os_lseek(int fd, off_t offset, int whence);
OS_INLINE long os_fsync(int fd);
OS_INLINE long os_fdatasync(int fd);
OS_INLINE long os_ftruncate(int fd, off_t size);
OS_INLINE long os_fallocate(int fd, int mode, off_t offset, off_t size);
OS_INLINE long os_flock(int fd, int operation);
OS_INLINE long os_sendfile(int out, int in, off_t *offset, size_t n);
OS_INLINE long os_splice(int in, off_t *in_offset, int out, size_t n, unsigned flags);
OS_INLINE long os_tee(int in, int out, size_t n, unsigned flags);
OS_INLINE long os_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t n);
OS_INLINE long os_eventfd(void); /* counter 0, non-blocking, close-on-exec */
/* Until the instant (LAPSE_NEVER: no limit; one that has passed: look only). Counts what is ready;
 * 0 when the time came, possibly a little early or late. */
OS_INLINE long os_poll(struct pollfd *fds, size_t count, lapse_time now, lapse_time until);

/* Keep SIGPIPE from the calling thread between the two, for calls that have no flag for it. The
 * mask, and a SIGPIPE that was pending before, are afterwards what they were. */
struct os_sigpipe {
	uint64_t mask;
	bool pending;
};
void os_sigpipe_hold(struct os_sigpipe *s);
void os_sigpipe_drop(const struct os_sigpipe *s);

/* For our own promises, never the caller's mistakes. */
#ifdef NDEBUG
#define lp_assert(x) ((void)sizeof(x))
#else
#define lp_assert(x) ((x) ? (void)0 : __builtin_trap())
#endif

/* errno's only writer: results inside are >= 0 or -errno. */
OS_INLINE long lp_ret(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

#include "os_impl.h"

#endif
