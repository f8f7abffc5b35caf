/* Open files: made, shared by numbers and calls in flight, closed by the last of them; their flags,
 * and the calls of regular files, which are empty here. Owns the table; an entry is never used again
 * in a run. */
#include "kernel/internal.h"

#include <string.h>

struct k_file *k_file_make(enum k_kind kind, int flags)
{
	struct k_file *f = &k_state.files[k_state.file_count];
	int mode = flags & O_ACCMODE;

	if (k_state.file_count == K_FILES)
		x_unfit("more than %d files opened in a run", K_FILES);
	k_state.file_count++;
	*f = (struct k_file){.kind = (uint8_t)kind,
	                     .flags = flags & (O_ACCMODE | O_NONBLOCK | O_APPEND),
	                     .may_read = mode != O_WRONLY,
	                     .may_write = mode != O_RDONLY,
	                     .in = -1,
	                     .out = -1,
	                     .path = -1};
	return f;
}

int k_file_id(const struct k_file *f)
{
	return f == NULL ? -1 : (int)(f - k_state.files);
}

/* ---- The last one closes it ---- */

/* The other end of a socket hears that nothing will come nor be taken, and, if bytes were left
 * unread here, that they are lost. A pipe's other end keeps what is in it. */
static void shut_queues(struct k_file *f)
{
	struct k_queue *in = k_queue_at(f->in);
	struct k_queue *out = k_queue_at(f->out);

	if (in != NULL) {
		in->refused = true;
		if (f->kind == K_SOCKET && k_queue_held(in) > 0) {
			out->error = ECONNRESET;
			k_queue_drop(in, k_queue_held(in));
		}
	}
	if (out != NULL)
		out->ended = true;
}

bool k_file_drop(struct k_file *f, bool by_call)
{
	if (by_call)
		f->calls--;
	else
		f->names--;
	if (f->calls + f->names > 0)
		return false;
	shut_queues(f);
	if (f->path >= 0)
		k_unlock_all(f);
	return true;
}

void k_on_drop(struct x_op *op, const struct k_file *f)
{
	op->writes |= k_on_file(f) | k_on_ends(f->in) | k_on_ends(f->out);
	op->reads |= k_on_bytes(f->in);
	if (f->kind == K_SOCKET && k_queue_held(k_queue_at(f->in)) > 0)
		op->writes |= k_on_bytes(f->in);
	if (f->kind == K_EVENT)
		op->writes |= k_on_count(f);
	if (f->path >= 0)
		op->writes |= k_on_path(f->path);
}

/* ---- fcntl ---- */

struct control {
	int number;
	bool changes;
};

static void refine_control(struct x_op *op)
{
	const struct control *c = op->arg;
	const struct k_file *f = k_named(c->number);

	op->reads = k_on_number(c->number);
	op->writes = 0;
	if (f == NULL)
		return;
	op->reads |= k_on_file(f);
	if (c->changes)
		op->writes |= k_on_file(f);
}

static long control(const char *name, int fd, bool changes, struct k_file **f)
{
	struct control c = {fd, changes};
	struct x_op op = K_OP(name, fd, refine_control, &c);

	x_step(&op);
	*f = k_named(fd);
	if (*f == NULL) {
		k_log_call(K_OTHER, fd, NULL, -EBADF);
		return k_returns(-EBADF);
	}
	return 0;
}

static long get_flags(int fd)
{
	struct k_file *f;
	long r = control("F_GETFL", fd, false, &f);

	if (r < 0)
		return r;
	k_log_call(K_OTHER, fd, f, f->flags);
	return k_returns(f->flags);
}

/* Of memfds alone. */
static long get_seals(int fd)
{
	struct k_file *f;
	long r = control("F_GET_SEALS", fd, false, &f);

	return r < 0 ? r : -EINVAL;
}

static long set_flags(int fd, int flags)
{
	enum { CHANGED = O_NONBLOCK | O_APPEND };
	struct k_file *f;
	long r = control("F_SETFL", fd, true, &f);

	if (r < 0)
		return r;
	f->flags = (f->flags & ~CHANGED) | (flags & CHANGED);
	k_log_call(K_OTHER, fd, f, 0);
	return k_returns(0);
}

/* The file, found as the new number is given out, is what the old one names by then: two steps, as
 * in the kernel, with a hold on the file between them. */
static long duplicate(int fd, int from, bool close_on_exec)
{
	struct k_file *f;
	int numbers[2];
	long r = control("dup", fd, true, &f);
	struct x_op dropped = {.name = "dup failed", .object = -1};

	if (r < 0)
		return r;
	if (from < 0 || from >= K_NUMBERS)
		return k_returns(-EINVAL);
	f->calls++;
	r = k_step_numbers("dup to", 1, from, numbers);
	if (r < 0) {
		k_on_drop(&dropped, f);
		x_step(&dropped);
		(void)k_file_drop(f, true);
		return r;
	}
	k_number_give(numbers[0], f, close_on_exec);
	(void)k_file_drop(f, true);
	return numbers[0];
}

static long get_close_on_exec(int fd)
{
	struct k_file *f;
	long r = control("F_GETFD", fd, false, &f);

	return r < 0 ? r : k_returns(k_state.numbers[fd].close_on_exec ? FD_CLOEXEC : 0);
}

static long set_close_on_exec(int fd, bool value)
{
	struct k_file *f;
	long r = control("F_SETFD", fd, true, &f);

	if (r == 0)
		k_state.numbers[fd].close_on_exec = value;
	return r;
}

long k_fcntl(int fd, int command, void *arg)
{
	switch (command) {
	case F_GETFL:
		return get_flags(fd);
	case F_SETFL:
		return set_flags(fd, (int)(intptr_t)arg);
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(fd, (int)(intptr_t)arg, command == F_DUPFD_CLOEXEC);
	case F_GET_SEALS:
		return get_seals(fd);
	case F_GETFD:
		return get_close_on_exec(fd);
	case F_SETFD:
		return set_close_on_exec(fd, ((intptr_t)arg & FD_CLOEXEC) != 0);
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return k_lock(fd, arg, command == F_OFD_SETLKW);
	default:
		x_unfit("fcntl: command %d is not modelled", command);
	}
}

/* ---- Regular files: "file", "file1" to "file3", empty ---- */

long k_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int which = 0;
	int number[2];
	struct k_file *f;
	long r;

	(void)dirfd;
	(void)mode;
	if (strncmp(path, "file", 4) != 0)
		return -ENOENT;
	if (path[4] != '\0')
		which = path[4] - '0';
	if (which < 0 || which >= K_PATHS || (path[4] != '\0' && path[5] != '\0'))
		return -ENOENT;
	r = k_step_numbers("open", 1, 0, number);
	if (r < 0)
		return r;
	f = k_file_make(K_REGULAR, flags);
	f->path = (int8_t)which;
	k_number_give(number[0], f, (flags & O_CLOEXEC) != 0);
	return number[0];
}

long k_fstat(int fd, struct stat *st)
{
	static const mode_t modes[] = {
		[K_SOCKET] = S_IFSOCK | 0777,
		[K_PIPE] = S_IFIFO | 0600,
		[K_EVENT] = 0600,
		[K_REGULAR] = S_IFREG | 0644,
	};
	struct k_file *f;
	long r = control("fstat", fd, false, &f);

	if (r < 0)
		return r;
	k_writes_memory(st, sizeof *st);
	memset(st, 0, sizeof *st);
	st->st_mode = modes[f->kind];
	k_log_call(K_OTHER, fd, f, 0);
	return k_returns(0);
}

/* Where a position would be is nowhere: the file is empty and nobody writes to it. otherwise: what
 * sockets and pipes say; `events`: eventfds. */
static long on_regular(const char *name, int fd, long otherwise, long events)
{
	struct k_file *f;
	long r = control(name, fd, false, &f);

	if (r == 0 && f->kind != K_REGULAR)
		r = f->kind == K_EVENT ? events : otherwise;
	if (f != NULL)
		k_log_call(K_OTHER, fd, f, r);
	return k_returns(r);
}

long k_lseek(int fd, off_t offset, int whence)
{
	long r = on_regular("lseek", fd, -ESPIPE, 0);

	(void)whence;
	return r == 0 && offset < 0 ? -EINVAL : r;
}

long k_fsync(int fd)
{
	return on_regular("fsync", fd, -EINVAL, -EINVAL);
}

long k_fdatasync(int fd)
{
	return on_regular("fdatasync", fd, -EINVAL, -EINVAL);
}

long k_ftruncate(int fd, off_t size)
{
	(void)size;
	return on_regular("ftruncate", fd, -EINVAL, -EINVAL);
}

long k_fallocate(int fd, int mode, off_t offset, off_t size)
{
	(void)mode;
	(void)offset;
	(void)size;
	return on_regular("fallocate", fd, -ESPIPE, -ENODEV);
}

long k_sendfile(int out, int in, off_t *offset, size_t n)
{
	(void)out;
	(void)offset;
	(void)n;
	return on_regular("sendfile", in, -EINVAL, -EINVAL);
}

long k_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t n)
{
	(void)in_offset;
	(void)out;
	(void)out_offset;
	(void)n;
	return on_regular("copy_file_range", in, -EINVAL, -EINVAL);
}
