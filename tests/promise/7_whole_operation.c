/* Promise 7: a deadline bounds the whole operation, not each wait inside it. A peer that lets
 * through a byte at a time cannot stretch it; without the bound, each test here would not end. */
#include "check.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BIG = 4 << 20 };

/* The peer: a byte in, or a few bytes out, every half millisecond until it is told to stop. */
struct dripper {
	lapse_fd fd;
	bool gives;
	atomic_bool stop;
	_Atomic size_t count;
};

static void *drip(void *arg)
{
	static const struct timespec pause = {0, 500000};
	struct dripper *d = arg;
	struct pollfd ready = {lapse_sysfd(d->fd), d->gives ? POLLOUT : POLLIN, 0};
	char few[512];

	while (!atomic_load(&d->stop)) {
		ssize_t n = 0;

		/* Nobody else is at this end: what is ready does not block. */
		if (poll(&ready, 1, 0) == 1)
			n = d->gives ? write(ready.fd, "x", 1) : read(ready.fd, few, sizeof(few));
		if (n > 0)
			atomic_fetch_add(&d->count, (size_t)n);
		nanosleep(&pause, NULL); /* the pace is what makes it a drip */
	}
	return NULL;
}

static void drip_start(struct dripper *d, pthread_t *thread, lapse_fd fd, bool gives)
{
	*d = (struct dripper){.fd = fd, .gives = gives};
	atomic_init(&d->stop, false);
	CHECK(pthread_create(thread, NULL, drip, d) == 0);
}

static void drip_stop(struct dripper *d, pthread_t thread)
{
	atomic_store(&d->stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* What was put in and not yet taken out arrives, and nothing else. */
static bool rest_comes(lapse_fd reader, size_t put, size_t taken)
{
	char *rest = malloc(BIG);
	bool good = rest != NULL && taken <= put && pair_take(reader, rest, put - taken) &&
	            pair_drain(reader) == 0;

	free(rest);
	return good;
}

static void drip_cannot_stretch_read(void **state)
{
	const struct where *where = *state;
	char *buf = malloc(BIG);
	lapse_time deadline;
	struct dripper dripper;
	pthread_t thread;
	lapse_fd ends[2];
	size_t done = 0;

	family_make(where->family, ends);
	drip_start(&dripper, &thread, ends[1], true);
	deadline = lapse_in(30 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
	CHECK_ERR(lapse_read_full(ends[0], buf, BIG, &done), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline && done < BIG);
	drip_stop(&dripper, thread);
	CHECK(rest_comes(ends[0], dripper.count, done));
	pair_close(ends);
	free(buf);
}

static void drip_cannot_stretch_scope(void **state)
{
	const struct where *where = *state;
	char *buf = malloc(BIG);
	lapse_scope scope;
	struct dripper dripper;
	pthread_t thread;
	lapse_fd ends[2];
	size_t done = 0;

	family_make(where->family, ends);
	drip_start(&dripper, &thread, ends[1], true);
	lapse_scope_enter(&scope, lapse_in(30 * LAPSE_MS));
	CHECK_ERR(lapse_read_full(ends[0], buf, BIG, &done), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	drip_stop(&dripper, thread);
	CHECK(rest_comes(ends[0], dripper.count, done));
	pair_close(ends);
	free(buf);
}

/* Writes of every kind against a reader that takes a little at a time. */
static ssize_t write_kind(int kind, lapse_fd out, lapse_fd in, char *bytes)
{
	struct iovec iov[2] = {{bytes, BIG / 2}, {bytes + BIG / 2, BIG / 2}};
	off_t offset = 0;

	switch (kind) {
	case 0:
		return lapse_write(out, bytes, BIG);
	case 1:
		return lapse_writev(out, iov, 2);
	case 2:
		return lapse_sendfile(out, in, &offset, BIG);
	default:
		return lapse_splice(out, in, BIG);
	}
}

static void drip_cannot_stretch_write(void **state)
{
	const struct where *where = *state;

	for (int kind = 0; kind < 4; kind++) {
		int sysfd = memfd_create("big", MFD_CLOEXEC);
		char *bytes = calloc(1, BIG);
		struct dripper dripper;
		lapse_time deadline;
		pthread_t thread;
		lapse_fd ends[2], in;
		ssize_t n;

		CHECK(bytes != NULL && ftruncate(sysfd, BIG) == 0);
		in = lapse_adopt(sysfd);
		family_make(where->family, ends);
		drip_start(&dripper, &thread, ends[0], false);
		/* Again with more time where the machine is too slow to begin in so little. */
		for (int64_t ms = 30;; ms *= 2) {
			deadline = lapse_in(ms * LAPSE_MS);
			CHECK(lapse_set_write_deadline(ends[1], deadline) == 0);
			n = write_kind(kind, ends[1], in, bytes);
			if (n != -1)
				break;
			CHECK(errno == LAPSE_EXPIRED);
		}
		CHECK(n > 0 && n < BIG && errno == LAPSE_EXPIRED && lapse_now() >= deadline);
		drip_stop(&dripper, thread);
		CHECK(rest_comes(ends[0], (size_t)n, dripper.count));
		CHECK(lapse_close(in) == 0);
		pair_close(ends);
		free(bytes);
	}
}

/* recvmmsg waits for all its messages; they come one by one, never all. */
static void drip_cannot_stretch_messages(void **state)
{
	enum { COUNT = 100000 };
	const struct where *where = *state;
	struct mmsghdr *msgs = calloc(COUNT, sizeof(*msgs));
	struct dripper dripper;
	pthread_t thread;
	struct iovec iov;
	lapse_fd ends[2];
	char byte;
	int count;

	CHECK(msgs != NULL);
	iov = (struct iovec){&byte, 1};
	for (int i = 0; i < COUNT; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	family_make(where->family, ends);
	drip_start(&dripper, &thread, ends[1], true);
	while (atomic_load(&dripper.count) == 0)
		sched_yield();
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(30 * LAPSE_MS)) == 0);
	count = lapse_recvmmsg(ends[0], msgs, COUNT, 0);
	CHECK(count > 0 && count < COUNT && errno == LAPSE_EXPIRED);
	drip_stop(&dripper, thread);
	pair_close(ends);
	free(msgs);
}

/* ---- An idle limit is the other thing: it counts from the last byte ---- */

static void idle_limit_counts_from_the_last_byte(void **state)
{
	static const int64_t limit = 150 * LAPSE_MS;
	const struct where *where = *state;
	lapse_time last = 0, before = 0, began = lapse_now();
	size_t done = 0;
	struct call c;
	lapse_fd ends[2];
	char buf[64];

	family_make(where->family, ends);
	CHECK(lapse_set_idle(ends[0], LAPSE_READ, limit) == 0);
	c = (struct call){.fd = ends[0], .buf = buf, .n = sizeof(buf)};
	call_start(&c, check_operation("read_full")->run);
	/* Longer than the limit, but never as long without a byte. */
	while (lapse_now() < began + 2 * limit && !call_is_done(&c)) {
		before = last;
		last = lapse_now();
		CHECK(write(lapse_sysfd(ends[1]), "x", 1) == 1);
		done++;
		CHECK(lapse_sleep_until(last + 10 * LAPSE_MS) == 0); /* less than the limit */
	}
	CHECK(done < sizeof(buf));
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	/* If this thread was held up, the last byte came too late to count. */
	if (pair_drain(ends[0]) > 0)
		last = before;
	CHECK(c.ended >= last + limit);
	pair_close(ends);
}

static bool is_message_socket(const struct where *where)
{
	return (where->family->traits & (FAMILY_SOCKET | FAMILY_STREAM)) == FAMILY_SOCKET;
}

static const struct check checks[] = {
	{TEST_FAMILIES(drip_cannot_stretch_read, FAMILY_STREAM)},
	{TEST_FAMILIES(drip_cannot_stretch_scope, FAMILY_STREAM)},
	{TEST_FAMILIES(drip_cannot_stretch_write, FAMILY_STREAM)},
	{TEST_FITTING(drip_cannot_stretch_messages, is_message_socket)},
	{TEST_FAMILIES(idle_limit_counts_from_the_last_byte, FAMILY_STREAM)},
};
CHECK_MAIN(checks)
