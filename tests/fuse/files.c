/* The files of the fixture's server: what each request does and answers. Owns their bytes; knows
 * nothing of holding, nor of the kernel's device. Runs in the server's only thread. */
#include "server.h"

#include "check.h"
#include "fixture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_COUNT = 16, FIRST_NODE = 2 };

/* Nodes FIRST_NODE.. are buffered0.., then direct0... Any name is opened without being cached. */
static struct file {
	bool is_filled;
	uint64_t size;
	unsigned char bytes[FIXTURE_FILE_SIZE];
} files[FILE_COUNT];

static struct file *file_of(uint64_t node)
{
	struct file *file;

	if (node < FIRST_NODE || node >= FIRST_NODE + FILE_COUNT)
		return NULL;
	file = &files[node - FIRST_NODE];
	if (!file->is_filled) {
		stamp_fill(file->bytes, sizeof(file->bytes), 0);
		file->size = sizeof(file->bytes);
		file->is_filled = true;
	}
	return file;
}

static struct fuse_attr attributes(uint64_t node)
{
	struct file *file = file_of(node);
	struct fuse_attr attr = {
		.ino = node,
		.nlink = 1,
		.mode = file != NULL ? S_IFREG | 0600 : S_IFDIR | 0700,
		.size = file != NULL ? file->size : 0,
		.blksize = 4096,
	};

	return attr;
}

static ssize_t lookup(const struct fuse_in_header *in, const char *name, struct fuse_entry_out *out)
{
	unsigned number;
	char end;
	uint64_t node;

	if (in->nodeid != FUSE_ROOT_ID)
		return -ENOTDIR;
	if (sscanf(name, "buffered%1u%c", &number, &end) == 1)
		node = FIRST_NODE + number;
	else if (sscanf(name, "direct%1u%c", &number, &end) == 1)
		node = FIRST_NODE + FILE_COUNT / 2 + number;
	else
		return -ENOENT;
	if (number >= FILE_COUNT / 2)
		return -ENOENT;
	*out = (struct fuse_entry_out){.nodeid = node, .attr = attributes(node)};
	return sizeof(*out);
}

static ssize_t get_attributes(const struct fuse_in_header *in, struct fuse_attr_out *out)
{
	/* Valid for no time at all: each fstat asks again. */
	*out = (struct fuse_attr_out){.attr = attributes(in->nodeid)};
	return sizeof(*out);
}

static int resize(struct file *file, uint64_t size)
{
	if (size > sizeof(file->bytes))
		return -EFBIG;
	if (size > file->size)
		memset(file->bytes + file->size, 0, size - file->size);
	file->size = size;
	return 0;
}

static ssize_t set_attributes(const struct fuse_in_header *in, const struct fuse_setattr_in *arg,
                              struct fuse_attr_out *out)
{
	struct file *file = file_of(in->nodeid);

	if (arg->valid & FATTR_SIZE) {
		int error = file != NULL ? resize(file, arg->size) : -EISDIR;

		if (error != 0)
			return error;
	}
	return get_attributes(in, out);
}

static ssize_t open_file(const struct fuse_in_header *in, struct fuse_open_out *out)
{
	*out = (struct fuse_open_out){
		.open_flags = in->nodeid >= FIRST_NODE + FILE_COUNT / 2 ? FOPEN_DIRECT_IO : 0,
	};
	return sizeof(*out);
}

static ssize_t read_file(struct file *file, const struct fuse_read_in *arg, void *out)
{
	uint64_t n;

	if (arg->offset >= file->size)
		return 0;
	n = file->size - arg->offset;
	if (n > arg->size)
		n = arg->size;
	memcpy(out, file->bytes + arg->offset, n);
	return (ssize_t)n;
}

static ssize_t write_file(struct file *file, const struct fuse_write_in *arg,
                          struct fuse_write_out *out)
{
	uint64_t end = arg->offset + arg->size;
	int error = end > file->size ? resize(file, end) : 0;

	if (error != 0)
		return error;
	memcpy(file->bytes + arg->offset, arg + 1, arg->size);
	*out = (struct fuse_write_out){.size = arg->size};
	return sizeof(*out);
}

static ssize_t copy_range(struct file *from, const struct fuse_copy_file_range_in *arg,
                          struct fuse_write_out *out)
{
	struct file *to = file_of(arg->nodeid_out);
	uint64_t n = arg->len;
	int error;

	if (to == NULL)
		return -EBADF;
	if (arg->off_in >= from->size)
		n = 0;
	else if (n > from->size - arg->off_in)
		n = from->size - arg->off_in;
	error = arg->off_out + n > to->size ? resize(to, arg->off_out + n) : 0;
	if (error != 0)
		return error;
	memmove(to->bytes + arg->off_out, from->bytes + arg->off_in, n);
	*out = (struct fuse_write_out){.size = (uint32_t)n};
	return sizeof(*out);
}

static ssize_t allocate(struct file *file, const struct fuse_fallocate_in *arg)
{
	if (arg->mode != 0)
		return -EOPNOTSUPP;
	if (arg->offset + arg->length > file->size)
		return resize(file, arg->offset + arg->length);
	return 0;
}

/* Nothing can be read from an empty one yet, and nobody is told when that changes. */
static ssize_t poll_file(const struct file *file, struct fuse_poll_out *out)
{
	*out = (struct fuse_poll_out){.revents = POLLOUT | (file->size > 0 ? POLLIN : 0)};
	return sizeof(*out);
}

static ssize_t perform_on_bytes(const struct fuse_in_header *in, const void *arg, void *out)
{
	struct file *file = file_of(in->nodeid);

	if (file == NULL)
		return -EISDIR;
	switch (in->opcode) {
	case FUSE_READ:
		return read_file(file, arg, out);
	case FUSE_WRITE:
		return write_file(file, arg, out);
	case FUSE_COPY_FILE_RANGE:
		return copy_range(file, arg, out);
	case FUSE_POLL:
		return poll_file(file, out);
	default:
		return allocate(file, arg);
	}
}

ssize_t server_perform(const struct fuse_in_header *in, const void *arg, void *out)
{
	switch (in->opcode) {
	case FUSE_INIT:
		/* No reading ahead, and no limit to how many requests may be held. */
		*(struct fuse_init_out *)out = (struct fuse_init_out){
			.major = FUSE_KERNEL_VERSION,
			.minor = FUSE_KERNEL_MINOR_VERSION,
			.flags = FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS,
			.max_background = UINT16_MAX,
			.congestion_threshold = UINT16_MAX,
			.max_write = SERVER_IO_MAX,
		};
		return sizeof(struct fuse_init_out);
	case FUSE_LOOKUP:
		return lookup(in, arg, out);
	case FUSE_GETATTR:
		return get_attributes(in, out);
	case FUSE_SETATTR:
		return set_attributes(in, arg, out);
	case FUSE_OPEN:
		return open_file(in, out);
	case FUSE_STATFS:
		memset(out, 0, sizeof(struct fuse_statfs_out));
		return sizeof(struct fuse_statfs_out);
	case FUSE_FSYNC:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		return 0;
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_FALLOCATE:
	case FUSE_POLL:
		return perform_on_bytes(in, arg, out);
	default:
		return -ENOSYS;
	}
}
