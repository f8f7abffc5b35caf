/* Row "cold": a GiB that is not cached, read from beginning to end: what a deadline costs where data
 * come from the disk. By the clock, since the disk's time is what counts. Disks have moods: the ways take
 * turns at pieces of the file, and get each other's on a second pass. Each piece is a sample. */
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

enum { CHUNK_MAX = 1 << 20, PIECE = 16 << 20, WAYS = 2 };

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

static const struct {
	const char *name;
	ssize_t (*by)(size_t n);
} ways[WAYS] = {{"limit: read", by_read}, {"lapse_read, standing deadline", by_lapse}};

static void read_piece(const char *group, int way, size_t chunk)
{
	int64_t begin = now_ns();
	off_t sum = 0;
	ssize_t r = 1;

	while (sum < PIECE && r > 0) {
		r = ways[way].by(chunk);
		sum += r;
	}
	must(sum == PIECE, ways[way].name);
	say("cold", group, ways[way].name,
	    (double)(now_ns() - begin) / 1e6 * (double)(file_size / PIECE));
}

static void measure_chunks(const char *group, size_t chunk)
{
	for (int pass = 0; pass < WAYS; pass++) {
		if (!forget()) {
			say_skipped("cold", "the file stays cached");
			return;
		}
		for (int i = 0; i < file_size / PIECE; i++)
			read_piece(group, (i + pass) % WAYS, chunk);
	}
}

int main(void)
{
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
	measure_chunks("64 KiB at a time", 64 << 10);
	measure_chunks("1 MiB at a time", 1 << 20);
}
