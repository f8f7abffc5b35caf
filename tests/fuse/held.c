/* Operations of lapse on a file of the FUSE fixture; see held.h. Owns no thread but the calls that it
 * is told to start. */
#include "held.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

/* ---- The operations ---- */

/* The call's buffer in two parts. */
struct parts {
	struct iovec iov[2];
};

static struct parts parts_of(const struct call *c)
{
	char *buf = c->buf;

	return (struct parts){{{buf, c->n / 3}, {buf + c->n / 3, c->n - c->n / 3}}};
}

static intptr_t run_read(struct call *c)
{
	return lapse_read(c->fd, c->buf, c->n);
}

static intptr_t run_readv(struct call *c)
{
	return lapse_readv(c->fd, parts_of(c).iov, 2);
}

static intptr_t run_read_full(struct call *c)
{
	size_t done;
	int result = lapse_read_full(c->fd, c->buf, c->n, &done);

	return result == 0 ? (intptr_t)done : -1;
}

static intptr_t run_pread(struct call *c)
{
	return lapse_pread(c->fd, c->buf, c->n, HELD_OFFSET);
}

static intptr_t run_preadv(struct call *c)
{
	return lapse_preadv(c->fd, parts_of(c).iov, 2, HELD_OFFSET);
}

static intptr_t run_write(struct call *c)
{
	return lapse_write(c->fd, c->buf, c->n);
}

static intptr_t run_writev(struct call *c)
{
	return lapse_writev(c->fd, parts_of(c).iov, 2);
}

static intptr_t run_write_full(struct call *c)
{
	size_t done;
	int result = lapse_write_full(c->fd, c->buf, c->n, &done);

	return result == 0 ? (intptr_t)done : -1;
}

static intptr_t run_pwrite(struct call *c)
{
	return lapse_pwrite(c->fd, c->buf, c->n, HELD_OFFSET);
}

static intptr_t run_pwritev(struct call *c)
{
	return lapse_pwritev(c->fd, parts_of(c).iov, 2, HELD_OFFSET);
}

static intptr_t run_fsync(struct call *c)
{
	return lapse_fsync(c->fd);
}

static intptr_t run_fdatasync(struct call *c)
{
	return lapse_fdatasync(c->fd);
}

static intptr_t run_fstat(struct call *c)
{
	struct stat st = {.st_size = 0};

	if (lapse_fstat(c->fd, &st) != 0)
		return -1;
	return st.st_size == FIXTURE_FILE_SIZE ? 0 : -2;
}

static intptr_t run_seek(struct call *c)
{
	off_t at = lapse_seek(c->fd, -1, SEEK_END);

	if (at == -1)
		return -1;
	return at == FIXTURE_FILE_SIZE - 1 ? 0 : -2;
}

static intptr_t run_ftruncate(struct call *c)
{
	return lapse_ftruncate(c->fd, FIXTURE_FILE_SIZE);
}

static intptr_t run_fallocate(struct call *c)
{
	return lapse_fallocate(c->fd, 0, 0, FIXTURE_FILE_SIZE);
}

static intptr_t run_copy(struct call *c)
{
	off_t from = 0, to = HELD_OFFSET;

	return lapse_copy_file_range(c->fd, &to, c->fd, &from, c->n);
}

static intptr_t run_sendfile(struct call *c)
{
	off_t from = HELD_OFFSET;

	return lapse_sendfile(c->other, c->fd, &from, c->n);
}

static intptr_t run_splice(struct call *c)
{
	return lapse_splice(c->other, c->fd, c->n);
}

/* From the file to itself, elsewhere. */
static intptr_t run_sendfile_to(struct call *c)
{
	off_t from = HELD_OFFSET;

	return lapse_sendfile(c->fd, c->fd, &from, c->n);
}

static intptr_t run_splice_to(struct call *c)
{
	struct held *h = (struct held *)((char *)c - offsetof(struct held, call));

	if (write(lapse_sysfd(h->pipe[1]), c->buf, c->n) != (ssize_t)c->n)
		return -2;
	return lapse_splice(c->fd, h->pipe[0], c->n);
}

const struct held_operation held_operations[] = {
	{"read", FUSE_READ, false, true, run_read},
	{"readv", FUSE_READ, false, true, run_readv},
	{"read_full", FUSE_READ, false, true, run_read_full},
	{"pread", FUSE_READ, false, true, run_pread},
	{"preadv", FUSE_READ, false, true, run_preadv},
	{"write", FUSE_WRITE, true, true, run_write},
	{"writev", FUSE_WRITE, true, true, run_writev},
	{"write_full", FUSE_WRITE, true, true, run_write_full},
	{"pwrite", FUSE_WRITE, true, true, run_pwrite},
	{"pwritev", FUSE_WRITE, true, true, run_pwritev},
	{"fsync", FUSE_FSYNC, false, false, run_fsync},
	{"fdatasync", FUSE_FSYNC, false, false, run_fdatasync},
	{"fstat", FUSE_GETATTR, false, false, run_fstat},
	{"seek", FUSE_GETATTR, false, false, run_seek},
	{"ftruncate", FUSE_SETATTR, true, false, run_ftruncate},
	{"fallocate", FUSE_FALLOCATE, true, false, run_fallocate},
	{"copy_file_range", FUSE_COPY_FILE_RANGE, true, true, run_copy},
	{"sendfile", FUSE_READ, false, true, run_sendfile},
	{"splice", FUSE_READ, false, true, run_splice},
	{"sendfile_to", FUSE_WRITE, true, true, run_sendfile_to},
	{"splice_to", FUSE_WRITE, true, true, run_splice_to},
};
const size_t held_operation_count = sizeof(held_operations) / sizeof(held_operations[0]);

const struct held_operation *held_operation(const char *name)
{
	for (size_t i = 0; i < held_operation_count; i++)
		if (strcmp(held_operations[i].name, name) == 0)
			return &held_operations[i];
	check_die("no such operation: %s", name);
}

int held_error(const struct held_operation *operation, int error)
{
	return operation->changes ? EINPROGRESS : error;
}

/* ---- On a file of the fixture ---- */

const char *const held_files[2] = {"buffered0", "direct0"};

void held_start(struct held *h)
{
	*h = (struct held){.fd = LAPSE_NOFD};
	fixture_start(&h->fixture);
	h->descriptors = check_descriptor_count();
}

void held_await_closed(struct held *h)
{
	static const struct timespec pause = {0, 100000};

	while (check_descriptor_count() > h->descriptors)
		nanosleep(&pause, NULL); /* no event tells of another thread's close */
}

void held_settle(struct held *h)
{
	if (h->fixture.server != 0)
		fixture_release(&h->fixture);
	held_await_closed(h);
}

void held_stop(struct held *h)
{
	held_settle(h);
	fixture_stop(&h->fixture);
}

lapse_fd held_open_file(struct held *h, const char *file)
{
	lapse_fd fd = lapse_openat(h->fixture.root, file, O_RDWR, 0);

	if (fd == LAPSE_NOFD)
		fail_msg("%s: %s", file, strerror(errno));
	return fd;
}

void held_begin(struct held *h, const char *file, const struct held_operation *operation)
{
	h->file = file;
	h->operation = operation;
	h->fd = held_open_file(h, file);
	CHECK(lapse_pipe(h->pipe) == 0);
	stamp_fill(h->bytes, HELD_SIZE, 1);
	h->call = (struct call){
		.fd = h->fd,
		.other = h->pipe[1],
		.buf = h->bytes,
		.n = HELD_SIZE,
	};
	fixture_hold(&h->fixture, operation->op);
}

void held_end(struct held *h)
{
	bool is_alive = h->fixture.server != 0;

	if (is_alive)
		fixture_release(&h->fixture);
	/* A close within a deadline that has passed would not wait long. */
	(void)lapse_set_deadline(h->fd, LAPSE_NEVER);
	pair_close(h->pipe);
	if (h->fd != LAPSE_NOFD && lapse_close(h->fd) != 0 && is_alive)
		fail_msg("lapse_close: %s", strerror(errno));
	h->fd = LAPSE_NOFD;
}

void held_run(struct held *h)
{
	errno = 0;
	h->call.began = lapse_now();
	h->call.result = h->operation->run(&h->call);
	h->call.error = errno;
	h->call.ended = lapse_now();
}

void held_block(struct held *h)
{
	uint64_t count = fixture_count(&h->fixture, h->operation->op);

	call_start(&h->call, h->operation->run);
	fixture_await(&h->fixture, h->operation->op, count + 1);
}

void held_is_unanswered(struct held *h)
{
	uint64_t count = fixture_held(&h->fixture, h->operation->op);

	if (count != 1)
		fail_msg("%s of %s: %u requests are held, expected 1", h->operation->name, h->file,
		         (unsigned)count);
}

static void came_to(struct held *h, intptr_t result, int error)
{
	if (h->call.thread != 0)
		call_join(&h->call);
	if (h->call.result != result || (result == -1 && h->call.error != error))
		fail_msg("%s of %s: got %ld (%s), expected %ld (%s)", h->operation->name, h->file,
		         (long)h->call.result, strerror(h->call.error), (long)result,
		         strerror(error));
}

void held_was_let_go(struct held *h, int error)
{
	came_to(h, -1, held_error(h->operation, error));
}

void held_was_good(struct held *h)
{
	came_to(h, h->operation->counts ? HELD_SIZE : 0, 0);
}

void held_let_go(struct held *h)
{
	CHECK(lapse_set_deadline(h->fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(h);
	CHECK(lapse_set_deadline(h->fd, lapse_now()) == 0);
	held_was_let_go(h, LAPSE_EXPIRED);
}

int held_thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;

	if (dir == NULL)
		check_die("/proc/self/task: %s", strerror(errno));
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2; /* the folder's own entries */
}
