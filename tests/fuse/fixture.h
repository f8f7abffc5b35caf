/* A FUSE file system that holds, delays, fails and answers each kind of request by command. Its
 * server is a process of its own, so that it can be killed: that ends everything it held.
 *
 * Owns the mount, which is attached nowhere: it is reached through the descriptor `root` alone
 * (openat), and is gone with the last descriptor on it. The server ends when the test that started it
 * does, however it does: no process is left stuck.
 *
 * Files: "buffered0".."buffered7", through the page cache, each in whole pages and without reading
 * ahead; "direct0".."direct7", which are not cached. They hold stamp() of check.h to begin with.
 * Opcodes are those of linux/fuse.h: FUSE_READ, FUSE_WRITE, FUSE_FSYNC (fdatasync too), FUSE_GETATTR
 * (fstat), FUSE_SETATTR (ftruncate), FUSE_OPEN, FUSE_LOOKUP, FUSE_FLUSH (every close), FUSE_RELEASE
 * (the last one), FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE, FUSE_STATFS, FUSE_POLL, FUSE_INTERRUPT, ...
 *
 * While a read is held the kernel keeps its pages locked; while a write, fsync or ftruncate is, the
 * inode: another thread that needs them sleeps unkillably until the answer, without asking the server.
 */
#ifndef FUSE_FIXTURE_H
#define FUSE_FIXTURE_H

#include <linux/fuse.h>
#include <stdint.h>
#include <sys/types.h>

enum { FIXTURE_FILE_SIZE = 1 << 20 };

struct fixture {
	int root;
	int control;
	pid_t server;
};

/* Start one, or skip the test, saying why. To be stopped before the test ends. */
void fixture_start(struct fixture *f);

/* Answer what is held, and end the server. */
void fixture_stop(struct fixture *f);

/* End the server as it stands: what it held fails with ECONNABORTED, what comes later with ENOTCONN.
 * fixture_stop is still due. */
void fixture_kill(struct fixture *f);

/* From now on, for that opcode: leave unanswered; answer after so many ns; answer with that errno (0:
 * as it should be). */
void fixture_hold(struct fixture *f, uint32_t op);
void fixture_delay(struct fixture *f, uint32_t op, int64_t ns);
void fixture_fail(struct fixture *f, uint32_t op, int error);

/* Leave unanswered what comes after so many more of that opcode. */
void fixture_hold_after(struct fixture *f, uint32_t op, uint64_t count);

/* Answer a held request with EINTR when the kernel says that its caller was interrupted. */
void fixture_heed(struct fixture *f);

/* Answer the oldest held request of that opcode: there must be one. */
void fixture_answer(struct fixture *f, uint32_t op);

/* Hold, delay and heed nothing any more, and answer all that is held. */
void fixture_release(struct fixture *f);

/* Wait until so many requests of that opcode have come since the start. */
void fixture_await(struct fixture *f, uint32_t op, uint64_t count);

/* How many have come, and how many of them are held or delayed now. */
uint64_t fixture_count(struct fixture *f, uint32_t op);
uint64_t fixture_held(struct fixture *f, uint32_t op);

#endif
