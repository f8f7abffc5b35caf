/* lapse: a deadline for every file descriptor and every blocking call, that any thread may set,
 * move or clear at any moment, without a race.
 *
 * Everything here works from any thread, but not from a signal handler. Unless it says otherwise a
 * call returns what its system call returns, and -1 with errno on failure; none fails with EINTR,
 * and none with EAGAIN unless the caller asked not to wait (MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB,
 * LOCK_NB). None is a pthread cancellation point.
 *
 * Errors that every operation on a handle can give, in the order in which they are looked for:
 *   EBADF          never a handle, closed before or during the call, or inherited across fork
 *   ECANCELED      lapse_cancel, or a scope was cancelled, while it ran; nothing was consumed
 *   LAPSE_EXPIRED  a deadline in force, an idle limit or a scope's deadline passed
 * Of what changes a file any of them is EINPROGRESS once it is under way: it may still happen.
 * A count always beats an error: what the kernel has moved is reported, whatever came meanwhile.
 */
#ifndef LAPSE_H
#define LAPSE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#if !defined(__LP64__)
#error "lapse needs 64-bit pointers and longs (LP64)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct flock;
struct iovec;
struct mmsghdr;
struct stat;

/* major * 10000 + minor * 100 + patch: of this header, and of the library that runs. */
#define LAPSE_VERSION 100
int lapse_version(void);

/* ---- Time ---- */

/* Nanoseconds on CLOCK_MONOTONIC: an instant, never a duration. Any instant at or before now, now
 * itself, zero and negative ones included, has passed. There is no special value but LAPSE_NEVER. */
typedef int64_t lapse_time;

#define LAPSE_NEVER INT64_MAX
#define LAPSE_US INT64_C(1000)
#define LAPSE_MS INT64_C(1000000)
#define LAPSE_S INT64_C(1000000000)

lapse_time lapse_now(void);

/* Now + ns, at most LAPSE_NEVER. ns <= 0 gives an instant that has already passed. */
lapse_time lapse_in(int64_t ns);

/* The instant at which another clock will show ts, converted once: a clock that is set afterwards
 * does not move it. A clock or timespec that does not exist: errno EINVAL, and 0, long passed. */
lapse_time lapse_at(clockid_t clock, const struct timespec *ts);

/* Sleep until the instant. 0 once it has come, -1 with ECANCELED, or with LAPSE_EXPIRED when an
 * enclosing scope ends first. Signals do not shorten it. */
int lapse_sleep_until(lapse_time when);

/* ---- Handles ---- */

/* Slot, generation and a tag of this copy of the library: a number, never a pointer to follow. A
 * handle that was closed answers EBADF for ever, however its slot is used again. */
typedef struct lapse_handle *lapse_fd;

#define LAPSE_NOFD ((lapse_fd)0)

/* The two directions, alone or together. */
#define LAPSE_READ 1
#define LAPSE_WRITE 2

/* errno of an operation whose deadline passed. ETIMEDOUT is what TCP says of a dead peer. */
#define LAPSE_EXPIRED ETIME

/* Take ownership of a descriptor made elsewhere. Its flags stay as they are, O_NONBLOCK above all.
 * LAPSE_NOFD with EBADF, ENOMEM; the descriptor is then still the caller's. */
lapse_fd lapse_adopt(int sysfd);

/* open(2), with O_CLOEXEC. One that blocks, as of a FIFO without a peer or on a server that is silent,
 * is given up when an enclosing scope ends; with O_CREAT or O_TRUNC that is EINPROGRESS. */
lapse_fd lapse_open(const char *path, int flags, mode_t mode);
lapse_fd lapse_openat(int dirfd, const char *path, int flags, mode_t mode);

/* ends[0] reads, ends[1] writes. Close-on-exec; not O_NONBLOCK, so that a child may have an end. */
int lapse_pipe(lapse_fd ends[2]);

/* Close-on-exec; lapse_socket's and what lapse_accept returns are O_NONBLOCK too, pairs are not. */
lapse_fd lapse_socket(int domain, int type, int protocol);
int lapse_socketpair(int domain, int type, int protocol, lapse_fd ends[2]);

/* A new descriptor and a new handle on the same file, without deadlines or idle limits. */
lapse_fd lapse_dup(lapse_fd fd);

/* Borrow the system's number, for setsockopt and the like. Do not close it. Changes nothing. */
int lapse_sysfd(lapse_fd fd);

/* Fail every pending operation with EBADF, wait until the last has left, then close(2), whose
 * result this is. Obeys no scope and no deadline; only the close(2) of a file, which may hang, is let
 * go at the deadline that was in force, but not within 20 ms. Let go or interrupted, it is EINPROGRESS,
 * and handle and number are gone. Of two closers one gets EBADF, at once. EDEADLK: from inside
 * lapse_call_on of this handle. ENOMEM: a thread whose first call this is cannot be made able to wait;
 * nothing was done. */
int lapse_close(lapse_fd fd);

/* The same, but the system's number is returned instead of closed, with its flags as they came.
 * Bytes that a splice left with the handle are lost, as by closing it, and so are POSIX locks
 * (F_SETLK) if calls on a file had deadlines: what they used is closed. If that hangs, it is let go as
 * a close is, after a second at most. */
int lapse_release(lapse_fd fd);

/* ---- Deadlines ---- */

/* From any thread, at any moment; the change governs operations that are pending, running or
 * queued, and all that begin later. Accept and every kind of receive go by the read deadline,
 * connect and every kind of send by the write deadline, fsync, flock, fstat, ftruncate and their
 * like by the earlier of the two. Sticky: once passed, every operation of that direction fails with
 * LAPSE_EXPIRED, without touching the descriptor, until the deadline is moved. Cost: a few
 * nanoseconds; a system call only to wake a sleeper that would otherwise sleep too long. */
int lapse_set_deadline(lapse_fd fd, lapse_time deadline);
int lapse_set_read_deadline(lapse_fd fd, lapse_time deadline);
int lapse_set_write_deadline(lapse_fd fd, lapse_time deadline);

/* The one in force; LAPSE_NEVER at birth. Of something that is no open handle: LAPSE_NEVER, with
 * errno EBADF; otherwise errno stays as it is. */
lapse_time lapse_read_deadline(lapse_fd fd);
lapse_time lapse_write_deadline(lapse_fd fd);

/* An operation in one of the directions that moves no byte for ns nanoseconds expires. Not sticky;
 * 0 turns it off; EINVAL below 0. Costs nothing while data flow. */
int lapse_set_idle(lapse_fd fd, int dirs, int64_t ns);

/* Fail with ECANCELED what is pending now, running and queued; nothing that begins afterwards. */
int lapse_cancel(lapse_fd fd, int dirs);

/* 0, or -1 with the error with which an operation of these directions would begin. */
int lapse_check(lapse_fd fd, int dirs);

/* ---- Streams ---- */

/* One stream read and one stream write run on a handle at a time; others queue, first come first
 * served, and their deadlines count while they queue. */

/* Some bytes; 0 at the end of file. n = 0 returns 0 and consumes nothing. readv: into the first IOV_MAX
 * entries at most. */
ssize_t lapse_read(lapse_fd fd, void *buf, size_t n);
ssize_t lapse_readv(lapse_fd fd, const struct iovec *iov, int count);

/* All of them, together; or, when something stops it part way, the short count with errno saying
 * what: the next call fails with it if it still holds. Never SIGPIPE. writev: any number of
 * entries, not just IOV_MAX. */
ssize_t lapse_write(lapse_fd fd, const void *buf, size_t n);
ssize_t lapse_writev(lapse_fd fd, const struct iovec *iov, int count);

/* 0 or -1; *done is always set. For reading, 0 with *done < n is the end of file; for writing, 0
 * says that all was written. */
int lapse_read_full(lapse_fd fd, void *buf, size_t n, size_t *done);
int lapse_write_full(lapse_fd fd, const void *buf, size_t n, size_t *done);

/* ---- At an offset: in parallel, no queue ---- */

ssize_t lapse_pread(lapse_fd fd, void *buf, size_t n, off_t offset);
ssize_t lapse_pwrite(lapse_fd fd, const void *buf, size_t n, off_t offset);
ssize_t lapse_preadv(lapse_fd fd, const struct iovec *iov, int count, off_t offset);
ssize_t lapse_pwritev(lapse_fd fd, const struct iovec *iov, int count, off_t offset);

/* ---- Sockets ---- */

/* Flags are the system call's. MSG_DONTWAIT: fail with EAGAIN instead of waiting. MSG_NOSIGNAL and
 * MSG_CMSG_CLOEXEC are always added. */
ssize_t lapse_recv(lapse_fd fd, void *buf, size_t n, int flags);
ssize_t lapse_send(lapse_fd fd, const void *buf, size_t n, int flags);
ssize_t lapse_recvfrom(lapse_fd fd, void *buf, size_t n, int flags, struct sockaddr *from,
                       socklen_t *from_size);
ssize_t lapse_sendto(lapse_fd fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
                     socklen_t to_size);
ssize_t lapse_recvmsg(lapse_fd fd, struct msghdr *msg, int flags);
ssize_t lapse_sendmsg(lapse_fd fd, const struct msghdr *msg, int flags);

/* How many messages; fewer than asked if something stopped it after the first. recvmmsg waits for
 * all of them unless MSG_WAITFORONE is passed, as the system call does. */
int lapse_recvmmsg(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags);
int lapse_sendmmsg(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags);

/* The next connection, as a handle without deadlines. Goes on after a connection that was aborted
 * before it could be accepted. LAPSE_NOFD on failure; then no connection was lost, unless with EFAULT. */
lapse_fd lapse_accept(lapse_fd fd, struct sockaddr *from, socklen_t *from_size);

/* 0 once the peer is there for certain. A unix socket whose backlog is full is waited for. After
 * LAPSE_EXPIRED or ECANCELED it may be called again, and waits for the same attempt. */
int lapse_connect(lapse_fd fd, const struct sockaddr *to, socklen_t to_size);

int lapse_shutdown(lapse_fd fd, int how);

/* ---- From handle to handle ---- */

/* Each moves n bytes or up to the end of the source, by the earlier of the read deadline of in and
 * the write deadline of out; zero copy where the kernel can. A short count has errno as for write;
 * at the end of the source errno stays as it was.
 * lapse_splice goes through a pipe of its own where neither end is one; bytes that out did not take
 * are kept with in, and the next read of in begins with them. */
ssize_t lapse_sendfile(lapse_fd out, lapse_fd in, off_t *offset, size_t n);
ssize_t lapse_splice(lapse_fd out, lapse_fd in, size_t n);
ssize_t lapse_copy_file_range(lapse_fd out, off_t *out_offset, lapse_fd in, off_t *in_offset,
                              size_t n);

/* ---- Files ---- */

/* A call on a file, reading and writing it too, that was begun with a deadline, an idle limit or a
 * scope in force is let go when it ends: it may go on, in a thread of the library's, on data of its
 * own. What changes the file then fails with EINPROGRESS; a read moves neither bytes nor the position.
 * One that was begun without is the system call itself, and nothing set later ends it. */

int lapse_fsync(lapse_fd fd);
int lapse_fdatasync(lapse_fd fd);
int lapse_ftruncate(lapse_fd fd, off_t size);
int lapse_fallocate(lapse_fd fd, int mode, off_t offset, off_t size);
int lapse_fstat(lapse_fd fd, struct stat *st);
off_t lapse_seek(lapse_fd fd, off_t offset, int whence);

/* flock(2), and fcntl(F_OFD_SETLKW): wait for the lock. LOCK_NB fails with EWOULDBLOCK instead. */
int lapse_flock(lapse_fd fd, int operation);
int lapse_lock(lapse_fd fd, struct flock *lock);

/* ---- Readiness ---- */

/* Wait until the handle can be read and/or written without blocking; returns those of dirs that
 * hold. What a library that does its own I/O on lapse_sysfd needs. Takes no turn in the queue. */
int lapse_wait(lapse_fd fd, int dirs);

/* The same for many handles: waits until at least one has something to say and returns how many.
 * got is the part of dirs that holds; error is 0, or the errno with which that entry ended (EBADF,
 * ECANCELED, LAPSE_EXPIRED). -1 for the enclosing scope's end, EINVAL (directions; more entries than
 * poll(2) takes, the soft limit of descriptors, of which one is the library's), EFAULT, EMFILE, ENOMEM. */
struct lapse_pollfd {
	lapse_fd fd;
	int dirs;
	int got;
	int error;
};
int lapse_poll(struct lapse_pollfd *fds, size_t count);

/* ---- Any blocking call ---- */

/* Run fn(arg), which blocks in system calls, within the enclosing scopes. When they end, the system
 * call that fn is in, or comes to next, is interrupted: it fails with EINTR, and so does every one
 * after it that waits, until fn returns. If fn then returns -1, the call fails with LAPSE_EXPIRED or
 * ECANCELED; any other result of fn's is passed on. If fn returns -1 with EINTR because of an
 * interruption that a deadline's move has made void, it is called again.
 * Not interrupted is what no signal interrupts: lapse_call(3) has the table. */
long lapse_call(long (*fn)(void *arg), void *arg);

/* The same under a handle's lock and deadline: LAPSE_READ or LAPSE_WRITE, one at a time; 0: without
 * a lock, by the earlier of both deadlines. The number is fn's until it returns. */
long lapse_call_on(lapse_fd fd, int dir, long (*fn)(int sysfd, void *arg), void *arg);

/* For what no signal ends: run fn in another thread, on a copy of the size bytes at arg, which are
 * copied back when it ends. If time is up before, fn is let go: the call fails with LAPSE_EXPIRED or
 * ECANCELED, and when fn ends at last, late (which may be NULL) is given the copy and the result, to
 * dispose of what fn made. A fn that had not begun never does. EAGAIN, ENOMEM: no thread, no room. */
long lapse_call_detached(long (*fn)(void *arg), void *arg, size_t size,
                         void (*late)(void *arg, long result));

/* waitpid(2) within the enclosing scopes; the status of a child is never lost. */
pid_t lapse_waitpid(pid_t pid, int *status, int options);

/* Which signal interrupts; SIGURG unless told otherwise. EBUSY once one was needed, EINVAL for one
 * that cannot be caught or that the C library keeps. */
int lapse_use_signal(int signo);

/* How many threads lapse_call_detached and calls on files may keep busy at once; 64 unless told
 * otherwise. EINVAL below 1. Whoever finds all of them busy waits for one, within its deadline. */
int lapse_use_threads(int most);

/* ---- Scopes: a deadline and a cancel switch for everything inside ---- */

/* Lives in the caller's frame from enter to leave; its fields are the library's. Scopes nest within
 * a thread; all that enclose an operation count, the earliest deadline wins. Not sticky on any
 * handle. */
typedef struct lapse_scope {
	struct lapse_scope *outer_; /* the next one out, or NULL */
	void *shared_;              /* what others reach through the id, or NULL */
	lapse_time deadline_;       /* while not shared */
	int shield_;                /* outer scopes do not count */
	int ended_;                 /* errno with which this scope ended an operation, or 0 */
	void *reserved_[3];
} lapse_scope;

/* Slot and generation; 0 is none. */
typedef uint64_t lapse_scope_id;

void lapse_scope_enter(lapse_scope *scope, lapse_time deadline);

/* Enter one inside which the outer scopes do not count, for cleaning up. */
void lapse_scope_shield(lapse_scope *scope);

/* 0; -1 with LAPSE_EXPIRED or ECANCELED if that is how it ended an operation inside; -1 with EINVAL
 * if it is not the innermost, and nothing was done. */
int lapse_scope_leave(lapse_scope *scope);

/* By the thread inside: a number to give to others. 0 with ENOMEM. */
lapse_scope_id lapse_scope_share(lapse_scope *scope);

/* From any thread; ESRCH once the scope was left. Cancelled: what blocks inside, now and later,
 * fails with ECANCELED. */
int lapse_scope_move(lapse_scope_id id, lapse_time deadline);
int lapse_scope_cancel(lapse_scope_id id);

/* ---- For people ---- */

/* Write a line for each handle and each sleeper to a descriptor: its deadlines, what it waits for,
 * since when. A snapshot taken without stopping anybody. */
int lapse_dump(int sysfd);

#ifdef __cplusplus
}
#endif

#endif
