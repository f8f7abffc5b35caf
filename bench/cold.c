/* Row "cold": a GiB that is not cached, read from beginning to end: what a deadline costs where data
 * come from the disk. By the clock, since the disk's time is what counts. */
#include "bench.h"

#include <fcntl.h>
#include <lapse.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { CHUNK_MAX = 1 << 20, ROUNDS = 2 };

static const off_t file_size = 1 << 30;
static int file;
static lapse_fd limited;
static char buf[CHUNK_MAX];

/* Why this cannot be measured here, or NULL. */
static const char *unfit(void)
{
	struct statvfs room;
	struct statfs fs;

	must(fstatfs(file, &fs) == 0 && fstatvfs(file, &room) == 0, "fstatfs");
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return "the build folder is in memory";
	if (sysconf(_SC_PAGESIZE) != 4096)
		return "pages are not of 4 KiB";
	if ((off_t)(room.f_bavail * room.f_frsize / 2) < file_size)
		return "less than 2 GiB are free";
	return NULL;
}

/* Bytes that no disk compresses. */
static void fill(void)
{
	uint64_t x = 88172645463325252;

	for (off_t done = 0; done < file_size; done += CHUNK_MAX) {
		for (size_t i = 0; i < sizeof buf; i += sizeof x) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(buf + i, &x, sizeof x);
		}
		must(write(file, buf, CHUNK_MAX) == CHUNK_MAX, "write");
	}
	must(fsync(file) == 0, "fsync");
}

/* How many of its pages are cached. */
static size_t cached(void)
{
	static unsigned char pages[(1 << 30) / 4096];
	void *map = mmap(NULL, (size_t)file_size, PROT_READ, MAP_SHARED, file, 0);
	size_t count = 0;

	must(map != MAP_FAILED && mincore(map, (size_t)file_size, pages) == 0, "mincore");
	must(munmap(map, (size_t)file_size) == 0, "munmap");
	for (size_t i = 0; i < sizeof pages; i++)
		count += pages[i] & 1;
	return count;
}

/* False if more than a little stays cached all the same: what is on its way cannot be dropped. */
static bool forget(void)
{
	must(lseek(file, 0, SEEK_SET) == 0, "lseek");
	for (int i = 0; i < 100; i++) {
		must(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise");
		if (cached() < 1000)
			return true;
		usleep(10000);
	}
	return false;
}

static ssize_t by_read(size_t n)
{
	return read(file, buf, n);
}

static ssize_t by_lapse(size_t n)
{
	return lapse_read(limited, buf, n);
}

static void measure_one(const char *group, const char *name, ssize_t (*by)(size_t n), size_t chunk)
{
	int64_t begin;
	off_t sum = 0;
	ssize_t r;

	if (!forget()) {
		say_skipped(name, "the file stays cached");
		return;
	}
	begin = now_ns();
	while ((r = by(chunk)) > 0)
		sum += r;
	must(r == 0 && sum == file_size, name);
	say("cold", group, name, (double)(now_ns() - begin) / 1e6);
}

int main(void)
{
	static const struct {
		const char *group;
		size_t size;
	} chunks[] = {{"64 KiB at a time", 64 << 10}, {"1 MiB at a time", 1 << 20}};
	const char *why;

	file = open_here();
	why = unfit();
	if (why != NULL) {
		say_skipped("cold", why);
		return 0;
	}
	fill();
	limited = lapse_adopt(dup(file)); /* with the same position */
	must(lapse_set_deadline(limited, lapse_in(3600 * LAPSE_S)) == 0, "lapse_adopt");
	for (int i = 0; i < ROUNDS; i++)
		for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
			measure_one(chunks[k].group, "limit: read", by_read, chunks[k].size);
			measure_one(chunks[k].group, "lapse_read, standing deadline", by_lapse,
			            chunks[k].size);
		}
}
