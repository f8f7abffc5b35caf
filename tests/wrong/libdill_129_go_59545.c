/* libdill issue 129, Go issue 59545: an event or a late completion meant for a closed descriptor hit
 * the one that had its number by then. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

/* The old one: deadline passed, cancelled, waited on, and the number free again. */
static int old_number(const struct family *family, lapse_fd *old)
{
	struct where reads = {family, check_operation("read")};
	struct subject s;
	struct call c[2];
	int sysfd;

	subject_open(&s, &reads);
	CHECK(lapse_set_deadline(s.fd, lapse_in(30 * LAPSE_S)) == 0);
	CHECK(lapse_set_idle(s.fd, LAPSE_READ, 30 * LAPSE_S) == 0);
	subject_block(&s, &c[0]);
	operation_block(&c[1], "poll_read", s.fd);
	sysfd = lapse_sysfd(s.fd);
	CHECK(lapse_close(s.fd) == 0);
	CHECK_CALL(&c[0], -1, EBADF);
	CHECK_CALL(&c[1], -1, EBADF);
	*old = s.fd;
	s.fd = LAPSE_NOFD;
	subject_close(&s);
	return sysfd;
}

/* A pipe whose reading end has that number. */
static void pipe_at(int number, lapse_fd ends[2])
{
	int fds[2], moved;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	if (fds[1] == number) {
		fds[1] = dup(fds[1]);
		close(number);
	}
	moved = fds[0] == number ? number : fcntl(fds[0], F_DUPFD_CLOEXEC, number);
	CHECK(moved == number && fds[1] >= 0);
	if (moved != fds[0])
		close(fds[0]);
	ends[0] = lapse_adopt(moved);
	ends[1] = lapse_adopt(fds[1]);
	CHECK(ends[0] != LAPSE_NOFD && ends[1] != LAPSE_NOFD);
}

static void new_owner_of_a_number(void **state)
{
	const struct where *where = *state;
	int rounds = check_count(20);

	for (int i = 0; i < rounds; i++) {
		lapse_fd old, ends[2];
		int number = old_number(where->family, &old);
		struct call c;

		pipe_at(number, ends);
		operation_block(&c, i % 2 == 0 ? "read" : "wait_read", ends[0]);
		CHECK_ERR(lapse_set_read_deadline(old, lapse_in(0)), EBADF);
		CHECK_ERR(lapse_cancel(old, LAPSE_READ), EBADF);
		CHECK_ERR(lapse_close(old), EBADF);
		CHECK_ERR(lapse_read(old, c.own, 1), EBADF);
		call_await_sleep(&c);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK_CALL(&c, 1, 0);
		pair_close(ends);
	}
}

/* While a call runs, or is just being let go, its number is never free. */
struct taker {
	sem_t begun;
	atomic_bool stop;
	int wrong;
};

static void *take_numbers(void *arg)
{
	struct taker *taker = arg;

	while (!atomic_load(&taker->stop)) {
		int fds[2];
		char byte;

		if (pipe2(fds, O_CLOEXEC) != 0)
			continue;
		/* Only this thread writes to it: what is read is what was written. */
		if (write(fds[1], "T", 1) != 1 || read(fds[0], &byte, 1) != 1 || byte != 'T')
			taker->wrong++;
		close(fds[0]);
		close(fds[1]);
		(void)sem_post(&taker->begun);
	}
	return NULL;
}

static void number_is_not_free_too_early(void **state)
{
	struct where reads = {((const struct where *)*state)->family, check_operation("read")};
	int rounds = check_count(100);
	struct taker taker = {0};
	pthread_t thread;

	CHECK(sem_init(&taker.begun, 0, 0) == 0);
	CHECK(pthread_create(&thread, NULL, take_numbers, &taker) == 0);
	CHECK(sem_wait(&taker.begun) == 0);
	for (int i = 0; i < rounds; i++) {
		struct subject s;
		struct call c[2];

		subject_open(&s, &reads);
		for (int k = 0; k < 2; k++) {
			subject_prepare(&s, &c[k]);
			call_start(&c[k], reads.operation->run);
		}
		CHECK(lapse_close(s.fd) == 0);
		CHECK_CALL(&c[0], -1, EBADF);
		CHECK_CALL(&c[1], -1, EBADF);
		s.fd = LAPSE_NOFD;
		subject_close(&s);
	}
	atomic_store(&taker.stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(sem_destroy(&taker.begun) == 0);
	CHECK(taker.wrong == 0);
}

static bool is_any_family(const struct where *where)
{
	return where->family != check_family("tcp_adopted");
}

static const struct check checks[] = {
	{TEST_FITTING(new_owner_of_a_number, is_any_family)},
	{TEST_FITTING(number_is_not_free_too_early, is_any_family)},
};
CHECK_MAIN(checks)
