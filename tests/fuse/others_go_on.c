/* While a server does not answer, everything else keeps its deadlines: on pipes, on sockets, on other
 * files, on the very same file system. */
#include "held.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STUCK = 8, WORKERS = 8, OPERATIONS = 1000 / WORKERS, SIZE = 512 };

static struct held held;

/* One that works on its own descriptors while others are stuck. */
struct worker {
	struct call call;
	lapse_fd empty[2], full[2]; /* pairs that cannot be read, or written */
	lapse_fd file, fuse;        /* an ordinary one, and one of the stuck file system */
	uint64_t seed;
	const char *wrong; /* what did not go as it should */
	int count, late_count;
	lapse_time late[OPERATIONS];
};

static struct worker workers[WORKERS];

static void expect(struct worker *w, bool is_right, const char *what)
{
	if (!is_right && w->wrong == NULL)
		w->wrong = what;
	w->count++;
}

/* A read of what has nothing to say, or a write to what is full. */
static void expire(struct worker *w, lapse_fd fd, bool reads)
{
	unsigned char byte = 0;
	lapse_time deadline = lapse_in((int64_t)(check_random(&w->seed) % (10 * LAPSE_MS)));
	ssize_t n;
	lapse_time late;

	(void)lapse_set_deadline(fd, deadline);
	n = reads ? lapse_read(fd, &byte, 1) : lapse_write(fd, &byte, 1);
	expect(w, n == -1 && errno == LAPSE_EXPIRED, reads ? "read" : "write");
	late = lapse_now() - deadline;
	expect(w, late >= 0, "early");
	w->count--;
	w->late[w->late_count++] = late;
}

/* The bytes of any file begin with their stamps. */
static void use_file(struct worker *w, lapse_fd fd, bool reads)
{
	unsigned char bytes[SIZE];
	struct stat st;

	(void)lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S));
	if (reads)
		expect(w, lapse_pread(fd, bytes, SIZE, 0) == SIZE && stamp_holds(bytes, SIZE, 0),
		       "pread");
	stamp_fill(bytes, SIZE, 0);
	if (!reads)
		expect(w, lapse_pwrite(fd, bytes, SIZE, 0) == SIZE, "pwrite");
	expect(w, lapse_fstat(fd, &st) == 0 && st.st_size >= SIZE, "fstat");
	expect(w, lapse_fsync(fd) == 0, "fsync");
}

static intptr_t work(struct call *c)
{
	struct worker *w = (struct worker *)c;

	while (w->count < OPERATIONS)
		switch (check_random(&w->seed) % 4) {
		case 0:
			expire(w, w->empty[0], true);
			break;
		case 1:
			expire(w, w->full[1], false);
			break;
		case 2:
			use_file(w, w->file, true);
			break;
		default:
			use_file(w, w->fuse, false);
			break;
		}
	return 0;
}

static void worker_start(struct worker *w, int number)
{
	const char *family = number % 2 == 0 ? "pipe" : "unix_stream";
	unsigned char bytes[SIZE];
	char name[16];

	*w = (struct worker){.seed = 77 + (uint64_t)number};
	pair_make(family, w->empty);
	pair_make(family, w->full);
	CHECK(pair_fill(w->full[1], w->full[0]) > 0);
	w->file = lapse_open("/var/tmp", O_TMPFILE | O_RDWR, 0600);
	CHECK(w->file != LAPSE_NOFD);
	stamp_fill(bytes, SIZE, 0);
	CHECK(lapse_pwrite(w->file, bytes, SIZE, 0) == SIZE);
	snprintf(name, sizeof(name), "direct%d", number % 7 + 1);
	w->fuse = held_open_file(&held, name);
	call_start(&w->call, work);
}

static void worker_end(struct worker *w)
{
	call_join(&w->call);
	if (w->wrong != NULL)
		fail_msg("not as it should be: %s", w->wrong);
	pair_close(w->empty);
	pair_close(w->full);
	CHECK(lapse_close(w->file) == 0 && lapse_close(w->fuse) == 0);
}

static double milliseconds(lapse_time ns)
{
	return (double)ns / (double)LAPSE_MS;
}

static int compare(const void *a, const void *b)
{
	lapse_time x = *(const lapse_time *)a, y = *(const lapse_time *)b;

	return (x > y) - (x < y);
}

static void say_lateness(void)
{
	static lapse_time late[WORKERS * OPERATIONS];
	size_t count = 0;

	for (int i = 0; i < WORKERS; i++)
		for (int k = 0; k < workers[i].late_count; k++)
			late[count++] = workers[i].late[k];
	CHECK(count > 0);
	qsort(late, count, sizeof(late[0]), compare);
	print_message("# %zu deadlines of others: %.2f ms late (median), %.2f ms (most)\n", count,
	              milliseconds(late[count / 2]), milliseconds(late[count - 1]));
}

static intptr_t stuck_read(struct call *c)
{
	return lapse_pread(c->fd, c->buf, c->n, 0);
}

/* Half of the stuck have been let go, half are still waited for. */
static void a_thousand_operations(void **state)
{
	static unsigned char bytes[STUCK][SIZE];
	static struct call stuck[STUCK];

	(void)state;
	held_start(&held);
	held_begin(&held, "direct0", held_operation("pread"));
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < STUCK; i++) {
		stuck[i] = (struct call){.fd = held.fd, .buf = bytes[i], .n = SIZE};
		call_start(&stuck[i], stuck_read);
	}
	fixture_await(&held.fixture, FUSE_READ, STUCK);
	CHECK(lapse_cancel(held.fd, LAPSE_READ) == 0);
	for (int i = 0; i < STUCK; i++)
		CHECK_CALL(&stuck[i], -1, ECANCELED);
	for (int i = 0; i < STUCK; i++)
		call_start(&stuck[i], stuck_read);
	fixture_await(&held.fixture, FUSE_READ, 2 * STUCK);

	for (int i = 0; i < WORKERS; i++)
		worker_start(&workers[i], i);
	for (int i = 0; i < WORKERS; i++)
		worker_end(&workers[i]);
	CHECK(fixture_held(&held.fixture, FUSE_READ) == 2 * STUCK);
	for (int i = 0; i < STUCK; i++)
		CHECK(!call_is_done(&stuck[i]));
	say_lateness();

	fixture_release(&held.fixture);
	for (int i = 0; i < STUCK; i++)
		CHECK_CALL(&stuck[i], SIZE, 0);
	held_end(&held);
	held_stop(&held);
}

static const struct check checks[] = {
	{TEST(a_thousand_operations)},
};
CHECK_MAIN(checks)
