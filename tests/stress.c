/* stress [SECONDS] [SEED]: threads that read, write, wait, poll, set, clear, pulse, cancel, close,
 * release and duplicate at random, on pairs of every kind of stream, while a foreign thread opens
 * and closes plain descriptors, so that numbers are used again all the time.
 *
 * Every byte that goes through a pair tells the pair and its place. A wrong byte, a gap, a verdict
 * that nothing can have caused, or an operation that hangs ends the program with what it takes to
 * run it again. Owns all its handles; nothing else runs in the process.
 */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PAIRS = 6, WORKERS = 6, CHUNK_MAX = 3000, HANG_SECONDS = 30, POLL_MAX = 4 };

static const char *const families[PAIRS] = {"unix_stream", "pipe", "tcp",
                                            "unix_stream", "pipe", "tcp_adopted"};

/* What others may have done to one direction of a handle. Whoever moves its deadline is alone, and
 * counts before and after, so that an operation can tell whether one was moved while it ran. */
struct direction {
	pthread_mutex_t moving;
	_Atomic uint64_t moves; /* odd while one is being moved */
	_Atomic lapse_time in_force;
	_Atomic uint64_t cancels;   /* begun */
	_Atomic uint64_t cancelled; /* returned */
};

/* Bytes from ends[1] to ends[0]. Who reads or writes holds the lock of that side, so that it knows
 * the place of each byte. The other operations do not ask. */
struct pair {
	_Atomic(lapse_fd) ends[2]; /* LAPSE_NOFD from before the close until after the new one */
	pthread_mutex_t remaking;
	struct side {
		pthread_mutex_t lock;
		uint64_t place;
		struct direction direction;
	} side[2]; /* reading, writing */
	_Atomic uint64_t number;
};

struct worker {
	pthread_t thread;
	uint64_t seed;
	_Atomic uint64_t count;
	atomic_bool done;
};

static struct pair pairs[PAIRS];
static struct worker workers[WORKERS];
static atomic_bool stop;
static _Atomic uint64_t numbers;
static char **arguments;
static uint64_t first_seed;
static int seconds = 5;

_Noreturn static void stress_fail(const char *what, const char *where)
{
	check_die("stress: %s in %s, errno %d\nrepeat with: %s %d %llu", what, where, errno,
	          arguments[0], seconds, (unsigned long long)first_seed);
}

/* ---- Bytes that tell where they belong ---- */

static unsigned char byte_of(uint64_t number, uint64_t place)
{
	uint64_t mixed = (place + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned char)((number % 16) << 4 | mixed >> 60);
}

static void bytes_make(unsigned char *buf, size_t n, uint64_t number, uint64_t place)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = byte_of(number, place + i);
}

static void bytes_check(const unsigned char *buf, size_t n, uint64_t number, uint64_t place)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != byte_of(number, place + i))
			stress_fail(buf[i] >> 4 != number % 16 ? "byte of another pair" : "gap",
			            "a stream");
}

/* ---- Verdicts ---- */

/* What could be seen of a direction before an operation began. */
struct before {
	struct pair *pair;
	lapse_fd fd;
	int side;
	uint64_t moves, cancels, cancelled;
	lapse_time in_force, scope;
};

static void before_read(struct before *b, struct pair *pair, int side, lapse_fd fd,
                        lapse_time scope)
{
	struct direction *d = &pair->side[side].direction;

	*b = (struct before){.pair = pair, .fd = fd, .side = side, .scope = scope};
	b->cancelled = atomic_load(&d->cancelled);
	b->cancels = atomic_load(&d->cancels);
	b->moves = atomic_load(&d->moves);
	b->in_force = atomic_load(&d->in_force);
}

static bool may_be_expired(const struct before *b)
{
	const struct direction *d = &b->pair->side[b->side].direction;
	lapse_time now = lapse_now();

	if (b->scope <= now)
		return true;
	return b->moves % 2 == 1 || atomic_load(&d->moves) != b->moves || b->in_force <= now;
}

static bool may_be_cancelled(const struct before *b)
{
	const struct direction *d = &b->pair->side[b->side].direction;

	return b->cancels != b->cancelled || atomic_load(&d->cancels) != b->cancels;
}

/* Each end is taken out of its place before it is closed. */
static bool is_closed(const struct pair *pair, int end, lapse_fd fd)
{
	return atomic_load(&pair->ends[end]) != fd;
}

static void verdict_check(const struct before *b, lapse_fd peer, int error, const char *what)
{
	bool good = false;

	errno = error;
	switch (error) {
	case LAPSE_EXPIRED:
		/* Taken out of its place, it keeps a deadline that is not written down there. */
		good = may_be_expired(b) || is_closed(b->pair, b->side, b->fd);
		break;
	case ECANCELED:
		good = may_be_cancelled(b);
		break;
	case EBADF:
		good = is_closed(b->pair, b->side, b->fd);
		break;
	case EPIPE:
	case ECONNRESET:
		good = is_closed(b->pair, !b->side, peer);
		break;
	default:
		break;
	}
	if (!good)
		stress_fail("impossible verdict", what);
}

/* ---- What the workers do ---- */

static uint64_t random_below(struct worker *w, uint64_t n)
{
	return check_random(&w->seed) % n;
}

/* A scope around most operations; the others are ended by somebody else. */
static lapse_time scope_begin(struct worker *w, lapse_scope *scope)
{
	lapse_time deadline = LAPSE_NEVER;

	if (random_below(w, 4) != 0)
		deadline = lapse_in((int64_t)random_below(w, 2000) * LAPSE_US);
	lapse_scope_enter(scope, deadline);
	return deadline;
}

static ssize_t move_bytes(int side, lapse_fd fd, unsigned char *buf, size_t n, uint64_t choice)
{
	size_t done = 0;

	if (side == 1)
		return lapse_write(fd, buf, n);
	if (choice % 8 != 0)
		return lapse_read(fd, buf, n);
	/* Also when it failed part way. */
	if (lapse_read_full(fd, buf, n % 64 + 1, &done) == -1 && done == 0)
		return -1;
	return (ssize_t)done;
}

/* Read or write at the place that is next. Whoever comes second does something else. */
static void do_bytes(struct worker *w, struct pair *pair, int side)
{
	unsigned char buf[CHUNK_MAX];
	struct side *s = &pair->side[side];
	lapse_fd fd, peer;
	lapse_scope scope;
	struct before before;
	uint64_t number;
	ssize_t moved;

	if (pthread_mutex_trylock(&s->lock) != 0)
		return;
	fd = atomic_load(&pair->ends[side]);
	peer = atomic_load(&pair->ends[!side]);
	number = atomic_load(&pair->number);
	if (fd != LAPSE_NOFD && peer != LAPSE_NOFD) {
		size_t n = 1 + random_below(w, sizeof(buf));

		if (side == 1)
			bytes_make(buf, n, number, s->place);
		before_read(&before, pair, side, fd, scope_begin(w, &scope));
		moved = move_bytes(side, fd, buf, n, random_below(w, 8));
		if (moved == -1 || (side == 1 && (size_t)moved < n))
			verdict_check(&before, peer, errno, side == 0 ? "read" : "write");
		else if (moved == 0 && !is_closed(pair, 1, peer))
			stress_fail("end of file", "read");
		else if (side == 0)
			bytes_check(buf, (size_t)moved, number, s->place);
		if (moved > 0)
			s->place += (uint64_t)moved;
		(void)lapse_scope_leave(&scope);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Through a duplicate, which has no deadlines but its own. */
static void do_duplicate(struct worker *w, struct pair *pair)
{
	unsigned char buf[CHUNK_MAX];
	struct side *s = &pair->side[0];
	uint64_t number;
	lapse_fd copy;
	ssize_t n;

	if (pthread_mutex_trylock(&s->lock) != 0)
		return;
	number = atomic_load(&pair->number);
	copy = lapse_dup(atomic_load(&pair->ends[0]));
	if (copy != LAPSE_NOFD) {
		if (lapse_read_deadline(copy) != LAPSE_NEVER)
			stress_fail("inherited deadline", "dup");
		(void)lapse_set_read_deadline(copy, lapse_in((int64_t)random_below(w, 100000)));
		n = lapse_read(copy, buf, sizeof(buf));
		if (n == -1 && errno != LAPSE_EXPIRED && errno != ECONNRESET)
			stress_fail("impossible verdict", "read of a duplicate");
		if (n > 0) {
			bytes_check(buf, (size_t)n, number, s->place);
			s->place += (uint64_t)n;
		}
		if (lapse_close(copy) != 0)
			stress_fail("close", "duplicate");
	} else if (errno != EBADF) {
		stress_fail("dup", "duplicate");
	}
	pthread_mutex_unlock(&s->lock);
}

/* Takes a turn in the queue, but no bytes. */
static void do_peek(struct worker *w, struct pair *pair)
{
	/* The ends first: a pair that is made anew has its number before them, so this is that of
	 * these ends, or they have been closed. */
	lapse_fd fd = atomic_load(&pair->ends[0]), peer = atomic_load(&pair->ends[1]);
	uint64_t number = atomic_load(&pair->number);
	lapse_scope scope;
	struct before before;
	unsigned char byte;
	ssize_t n;

	if (fd == LAPSE_NOFD || peer == LAPSE_NOFD)
		return;
	before_read(&before, pair, 0, fd, scope_begin(w, &scope));
	n = lapse_recv(fd, &byte, 1, MSG_PEEK);
	if (n == -1 && errno != ENOTSOCK)
		verdict_check(&before, peer, errno, "peek");
	if (n == 1 && byte >> 4 != number % 16 && !is_closed(pair, 0, fd))
		stress_fail("byte of another pair", "peek");
	(void)lapse_scope_leave(&scope);
}

static void do_wait(struct worker *w, struct pair *pair, int side)
{
	lapse_fd fd = atomic_load(&pair->ends[side]);
	lapse_scope scope;
	struct before before;
	int dir = side == 0 ? LAPSE_READ : LAPSE_WRITE, got;

	if (fd == LAPSE_NOFD)
		return;
	before_read(&before, pair, side, fd, scope_begin(w, &scope));
	got = lapse_wait(fd, dir);
	if (got == -1)
		verdict_check(&before, LAPSE_NOFD, errno, "wait");
	else if (got != dir)
		stress_fail("impossible result", "wait");
	(void)lapse_scope_leave(&scope);
}

static void do_poll(struct worker *w)
{
	struct lapse_pollfd fds[POLL_MAX];
	struct before before[POLL_MAX];
	lapse_time deadline;
	lapse_scope scope;
	size_t count = 0;
	int told, seen = 0;

	deadline = scope_begin(w, &scope);
	for (int i = 0; i < POLL_MAX; i++) {
		struct pair *pair = &pairs[random_below(w, PAIRS)];
		int side = (int)random_below(w, 2);
		lapse_fd fd = atomic_load(&pair->ends[side]);

		if (fd == LAPSE_NOFD)
			continue;
		before_read(&before[count], pair, side, fd, LAPSE_NEVER);
		fds[count++] = (struct lapse_pollfd){fd, side == 0 ? LAPSE_READ : LAPSE_WRITE, 0,
		                                     0};
	}
	told = count > 0 ? lapse_poll(fds, count) : 0;
	if (told == -1 && (errno != LAPSE_EXPIRED || deadline > lapse_now()))
		stress_fail("impossible verdict", "poll");
	for (size_t i = 0; told != -1 && i < count; i++) {
		if (fds[i].error != 0)
			verdict_check(&before[i], LAPSE_NOFD, fds[i].error, "poll");
		seen += fds[i].error != 0 || fds[i].got != 0;
	}
	if (told != -1 && told != seen)
		stress_fail("wrong count", "poll");
	(void)lapse_scope_leave(&scope);
}

/* Set, move, clear or pulse. */
static void do_deadline(struct worker *w, struct pair *pair, int side)
{
	struct direction *d = &pair->side[side].direction;
	int (*set)(lapse_fd, lapse_time) = side == 0 ? lapse_set_read_deadline
	                                             : lapse_set_write_deadline;
	int count = 1 + (int)random_below(w, 3);

	if (pthread_mutex_trylock(&d->moving) != 0)
		return;
	for (int i = 0; i < count; i++) {
		lapse_fd fd = atomic_load(&pair->ends[side]);
		lapse_time deadline = LAPSE_NEVER;

		if (i < count - 1 || random_below(w, 2) == 0)
			deadline = lapse_in((int64_t)random_below(w, 500) * LAPSE_US - 50000);
		atomic_fetch_add(&d->moves, 1);
		if (set(fd, deadline) == -1 && (errno != EBADF || !is_closed(pair, side, fd)) &&
		    fd != LAPSE_NOFD)
			stress_fail("impossible verdict", "set");
		atomic_store(&d->in_force, deadline);
		atomic_fetch_add(&d->moves, 1);
	}
	pthread_mutex_unlock(&d->moving);
}

static void do_cancel(struct pair *pair, int side)
{
	struct direction *d = &pair->side[side].direction;

	atomic_fetch_add(&d->cancels, 1);
	(void)lapse_cancel(atomic_load(&pair->ends[side]), side == 0 ? LAPSE_READ : LAPSE_WRITE);
	atomic_fetch_add(&d->cancelled, 1);
}

/* ---- New pairs for old ---- */

static void end_close(lapse_fd fd, bool release)
{
	int sysfd, flags;

	if (!release) {
		if (lapse_close(fd) != 0)
			stress_fail("close failed", "close");
	} else {
		sysfd = lapse_release(fd);
		flags = fcntl(sysfd, F_GETFL);
		if (sysfd < 0 || flags < 0 || close(sysfd) != 0)
			stress_fail("release failed", "release");
	}
	if (lapse_check(fd, LAPSE_READ) != -1 || errno != EBADF)
		stress_fail("not closed", "close");
}

/* The locks are taken only once nothing is left that could hold them for long. */
static void remake(struct worker *w, struct pair *pair, const char *family)
{
	lapse_fd old[2], fresh[2] = {LAPSE_NOFD, LAPSE_NOFD};

	if (pthread_mutex_trylock(&pair->remaking) != 0)
		return;
	for (int i = 0; i < 2; i++)
		old[i] = atomic_exchange(&pair->ends[i], LAPSE_NOFD);
	for (int i = 0; i < 2; i++)
		if (old[i] != LAPSE_NOFD)
			end_close(old[i], random_below(w, 3) == 0);
	if (family != NULL)
		family_make(check_family(family), fresh);
	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&pair->side[i].lock);
		pthread_mutex_lock(&pair->side[i].direction.moving);
		pair->side[i].place = 0;
		atomic_fetch_add(&pair->side[i].direction.moves, 2);
		atomic_store(&pair->side[i].direction.in_force, LAPSE_NEVER);
	}
	atomic_store(&pair->number, atomic_fetch_add(&numbers, 1));
	for (int i = 0; i < 2; i++)
		atomic_store(&pair->ends[i], fresh[i]);
	for (int i = 0; i < 2; i++) {
		pthread_mutex_unlock(&pair->side[i].direction.moving);
		pthread_mutex_unlock(&pair->side[i].lock);
	}
	pthread_mutex_unlock(&pair->remaking);
}

/* ---- Threads ---- */

static void work_once(struct worker *w)
{
	int which = (int)random_below(w, PAIRS), side = (int)random_below(w, 2);
	struct pair *pair = &pairs[which];
	uint64_t choice = random_below(w, 100);

	if (choice < 50)
		do_bytes(w, pair, side);
	else if (choice < 55)
		do_duplicate(w, pair);
	else if (choice < 60)
		do_peek(w, pair);
	else if (choice < 70)
		do_wait(w, pair, side);
	else if (choice < 75)
		do_poll(w);
	else if (choice < 92)
		do_deadline(w, pair, side);
	else if (choice < 97)
		do_cancel(pair, side);
	else
		remake(w, pair, families[which]);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&stop)) {
		work_once(w);
		atomic_fetch_add(&w->count, 1);
	}
	atomic_store(&w->done, true);
	return NULL;
}

/* Plain descriptors that come and go, with bytes of their own: nobody else may touch them. */
static void *foreign(void *arg)
{
	uint64_t seed = first_seed + 1000;

	while (!atomic_load(&stop)) {
		enum { COUNT = 8 };
		int fds[COUNT][2], count = 1 + (int)(check_random(&seed) % COUNT);

		for (int i = 0; i < count; i++)
			if (pipe2(fds[i], O_CLOEXEC) != 0 || write(fds[i][1], "foreign", 7) != 7)
				stress_fail("plain pipe", "foreign thread");
		for (int i = 0; i < count; i++) {
			char text[16];
			int waiting = 0;

			if (ioctl(fds[i][0], FIONREAD, &waiting) != 0 || waiting != 7 ||
			    read(fds[i][0], text, sizeof(text)) != 7 ||
			    memcmp(text, "foreign", 7) != 0)
				stress_fail("foreign descriptor touched", "foreign thread");
			if (close(fds[i][0]) != 0 || close(fds[i][1]) != 0)
				stress_fail("foreign descriptor closed", "foreign thread");
		}
	}
	return arg;
}

/* Whether a worker still runs; it has to get on with its work as long as it does. */
static bool is_running(struct worker *w, uint64_t *last, lapse_time *since)
{
	int patience = HANG_SECONDS * (check_is_watched() ? 10 : 1);
	uint64_t count = atomic_load(&w->count);

	if (count != *last)
		*since = lapse_now();
	*last = count;
	if (!atomic_load(&w->done) && lapse_now() >= *since + patience * LAPSE_S) {
		(void)lapse_dump(STDERR_FILENO);
		stress_fail("hang", "a worker");
	}
	return !atomic_load(&w->done);
}

/* End what nobody else ends, until all of them are done. */
static void watch(lapse_time until)
{
	lapse_time since[WORKERS];
	uint64_t last[WORKERS] = {0};
	bool running = true;

	for (int i = 0; i < WORKERS; i++)
		since[i] = lapse_now();
	while (running) {
		atomic_store(&stop, lapse_now() >= until);
		/* Cancels that came without a pause would end everything. */
		(void)lapse_sleep_until(lapse_in(20 * LAPSE_MS));
		for (int i = 0; i < PAIRS * 2; i++)
			do_cancel(&pairs[i / 2], i % 2);
		running = false;
		for (int i = 0; i < WORKERS; i++)
			running = is_running(&workers[i], &last[i], &since[i]) || running;
	}
}

int main(int argc, char **argv)
{
	int descriptors = check_descriptor_count();
	pthread_t foreigner;
	uint64_t total = 0;

	arguments = argv;
	first_seed = (uint64_t)lapse_now();
	if (argc > 1)
		seconds = atoi(argv[1]);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	for (int i = 0; i < PAIRS; i++) {
		pthread_mutex_init(&pairs[i].remaking, NULL);
		for (int k = 0; k < 2; k++) {
			pthread_mutex_init(&pairs[i].side[k].lock, NULL);
			pthread_mutex_init(&pairs[i].side[k].direction.moving, NULL);
		}
		remake(&(struct worker){.seed = 1}, &pairs[i], families[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		workers[i].seed = first_seed * 31 + (uint64_t)i + 1;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			stress_fail("pthread_create", "main");
	}
	if (pthread_create(&foreigner, NULL, foreign, NULL) != 0)
		stress_fail("pthread_create", "main");
	watch(lapse_in(seconds * LAPSE_S));
	for (int i = 0; i < WORKERS; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		total += atomic_load(&workers[i].count);
	}
	(void)pthread_join(foreigner, NULL);
	for (int i = 0; i < PAIRS; i++)
		remake(&workers[0], &pairs[i], NULL);
	if (check_descriptor_count() != descriptors)
		stress_fail("descriptor leaked", "main");
	printf("%llu operations, %llu pairs, seed %llu: good\n", (unsigned long long)total,
	       (unsigned long long)atomic_load(&numbers), (unsigned long long)first_seed);
	return 0;
}
