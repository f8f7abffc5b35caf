/* Promise 9, a good guest: nothing that belongs to the process or to other owners of a description
 * is changed, and nothing is made that was not asked for. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Descriptors ---- */

/* A little of everything, so that whatever could be left behind is. */
static void use(lapse_fd reader, lapse_fd writer)
{
	char byte;

	CHECK(lapse_set_deadline(reader, lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(lapse_read(reader, &byte, 1), LAPSE_EXPIRED);
	CHECK_ERR(lapse_wait(reader, LAPSE_READ), LAPSE_EXPIRED);
	CHECK(lapse_set_deadline(reader, LAPSE_NEVER) == 0);
	CHECK(lapse_write(writer, "x", 1) == 1);
	CHECK(lapse_wait(reader, LAPSE_READ) == LAPSE_READ);
	CHECK(lapse_read(reader, &byte, 1) == 1);
	CHECK(lapse_cancel(reader, LAPSE_READ | LAPSE_WRITE) == 0);
}

static void foreign_flags_stay(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	int sysfd[2], flags[2];

	family_make(where->family, ends);
	for (int i = 0; i < 2; i++)
		sysfd[i] = lapse_release(ends[i]);
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		for (int i = 0; i < 2; i++) {
			flags[i] = fcntl(sysfd[i], F_GETFL) & ~O_NONBLOCK;
			flags[i] |= nonblock ? O_NONBLOCK : 0;
			CHECK(fcntl(sysfd[i], F_SETFL, flags[i]) == 0);
			CHECK(fcntl(sysfd[i], F_SETFD, 0) == 0);
			ends[i] = lapse_adopt(sysfd[i]);
			CHECK(ends[i] != LAPSE_NOFD && lapse_sysfd(ends[i]) == sysfd[i]);
		}
		use(ends[0], ends[1]);
		for (int i = 0; i < 2; i++) {
			CHECK(fcntl(sysfd[i], F_GETFL) == flags[i]);
			CHECK(lapse_release(ends[i]) == sysfd[i]);
			CHECK(fcntl(sysfd[i], F_GETFL) == flags[i]);
			CHECK(fcntl(sysfd[i], F_GETFD) == 0);
		}
	}
	close(sysfd[0]);
	close(sysfd[1]);
}

static void check_flags(lapse_fd fd, bool nonblock)
{
	CHECK(fd != LAPSE_NOFD);
	CHECK(fcntl(lapse_sysfd(fd), F_GETFD) == FD_CLOEXEC);
	CHECK(!(fcntl(lapse_sysfd(fd), F_GETFL) & O_NONBLOCK) == !nonblock);
	CHECK(lapse_close(fd) == 0);
}

static void what_it_makes_closes_on_exec(void **state)
{
	const struct family *tcp = check_family("tcp");
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd ends[2], listener, client, copy;

	(void)state;
	CHECK(lapse_pipe(ends) == 0);
	copy = lapse_dup(ends[0]);
	check_flags(copy, false);
	check_flags(ends[0], false);
	check_flags(ends[1], false);
	CHECK(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	check_flags(ends[0], false);
	check_flags(ends[1], false);
	check_flags(lapse_open("/dev/null", O_RDONLY, 0), false);
	check_flags(lapse_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0), false);
	listener = listener_make(tcp, 1, &address, &size);
	client = lapse_socket(tcp->domain, tcp->type, 0);
	CHECK(lapse_connect(client, (struct sockaddr *)&address, size) == 0);
	check_flags(lapse_accept(listener, NULL, NULL), true);
	check_flags(client, true);
	check_flags(listener, true);
}

static void passed_descriptor_closes_on_exec(void **state)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {&(char){'x'}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	lapse_fd ends[2];
	int passed;

	(void)state;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	pair_make("unix_stream", ends);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &(int){STDIN_FILENO}, sizeof(int));
	CHECK(lapse_sendmsg(ends[1], &msg, 0) == 1);
	memset(&control, 0, sizeof(control));
	CHECK(lapse_recvmsg(ends[0], &msg, 0) == 1);
	CHECK(control.header.cmsg_type == SCM_RIGHTS);
	memcpy(&passed, CMSG_DATA(&control.header), sizeof(int));
	CHECK(fcntl(passed, F_GETFD) == FD_CLOEXEC);
	close(passed);
	pair_close(ends);
}

/* ---- The process ---- */

enum { LIMITS = RLIM_NLIMITS, SIGNALS = 65 };

struct process {
	struct sigaction action[SIGNALS];
	struct rlimit limit[LIMITS];
	sigset_t mask;
	int threads;
};

static int thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = -2;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* All of it, also where the kernel has no signals. */
static void mask_read(sigset_t *mask)
{
	memset(mask, 0, sizeof(*mask));
	(void)pthread_sigmask(SIG_SETMASK, NULL, mask);
}

static void process_read(struct process *p)
{
	memset(p, 0, sizeof(*p));
	for (int i = 1; i < SIGNALS; i++)
		(void)sigaction(i, NULL, &p->action[i]);
	for (int i = 0; i < LIMITS; i++)
		(void)getrlimit(i, &p->limit[i]);
	mask_read(&p->mask);
	p->threads = thread_count();
}

/* Where calls have to be broken off there is one thread, which ends by itself after a while, and one
 * signal's handler, which stays. ThreadSanitizer adds one of its own to the first. */
static void process_compare(const struct process *a, const struct process *b, bool interrupts)
{
	for (int i = 1; i < SIGNALS; i++)
		CHECK((interrupts && i == SIGURG) ||
		      (a->action[i].sa_handler == b->action[i].sa_handler &&
		       a->action[i].sa_flags == b->action[i].sa_flags));
	CHECK(memcmp(a->limit, b->limit, sizeof(a->limit)) == 0);
	CHECK(memcmp(&a->mask, &b->mask, sizeof(a->mask)) == 0);
	CHECK(b->threads <= a->threads + (interrupts ? 1 + check_threads_are_watched() : 0));
}

static void process_stays_as_it_was(void **state)
{
	const struct where *where = *state;
	bool interrupts = (where->family->traits & FAMILY_TTY) != 0 ||
	                  strcmp(where->family->name, "fifo") == 0;
	struct process before, after;
	lapse_fd ends[2];

	process_read(&before);
	family_make(where->family, ends);
	use(ends[0], ends[1]);
	process_read(&after);
	process_compare(&before, &after, interrupts);
	pair_close(ends);
	process_read(&after);
	process_compare(&before, &after, interrupts);
}

/* Whatever goes wrong for the caller, nothing is printed. */
static void says_nothing(void **state)
{
	int text = memfd_create("output", MFD_CLOEXEC), saved[2] = {dup(1), dup(2)};
	lapse_fd ends[2];
	char byte;
	off_t size;

	(void)state;
	fflush(NULL);
	dup2(text, 1);
	dup2(text, 2);
	pair_make("pipe", ends);
	use(ends[0], ends[1]);
	(void)lapse_read(ends[1], &byte, 1);
	(void)lapse_cancel(ends[0], 99);
	(void)lapse_close(ends[0]);
	(void)lapse_write(ends[1], "x", 1);
	(void)lapse_close(ends[1]);
	(void)lapse_close(ends[1]);
	fflush(NULL);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	size = lseek(text, 0, SEEK_END);
	close(text);
	close(saved[0]);
	close(saved[1]);
	CHECK(size == 0);
}

/* ---- Signals ---- */

static atomic_int handled;

static void on_signal(int signal_number)
{
	(void)signal_number;
	atomic_fetch_add(&handled, 1);
}

static intptr_t write_kind(int kind, lapse_fd out, lapse_fd in)
{
	off_t offset = 0;

	switch (kind) {
	case 0:
		return lapse_write(out, "x", 1);
	case 1:
		return lapse_sendfile(out, in, &offset, 1);
	default:
		return lapse_splice(out, in, 1);
	}
}

/* Neither delivered nor left pending. */
static void no_sigpipe(void **state)
{
	const struct where *where = *state;
	struct sigaction action = {.sa_handler = on_signal}, old;
	sigset_t sigpipe, pending, mask;
	lapse_fd file = lapse_adopt(memfd_create("file", MFD_CLOEXEC));

	CHECK(file != LAPSE_NOFD && lapse_ftruncate(file, 4096) == 0);
	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	CHECK(sigaction(SIGPIPE, &action, &old) == 0);
	atomic_store(&handled, 0);
	for (int i = 0; i < 6; i++) {
		lapse_fd ends[2];

		CHECK(pthread_sigmask(i % 2 == 0 ? SIG_BLOCK : SIG_UNBLOCK, &sigpipe, NULL) == 0);
		family_make(where->family, ends);
		CHECK(lapse_close(ends[0]) == 0);
		/* TCP learns of it only from the answer to the first bytes. */
		while (write_kind(i / 2, ends[1], file) > 0)
			;
		CHECK(errno == EPIPE || errno == ECONNRESET);
		CHECK_ERR(write_kind(i / 2, ends[1], file), EPIPE);
		CHECK(lapse_close(ends[1]) == 0);
		CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
		CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
		CHECK(sigismember(&mask, SIGPIPE) == (i % 2 == 0));
	}
	CHECK(atomic_load(&handled) == 0);
	CHECK(sigaction(SIGPIPE, &old, NULL) == 0);
	CHECK(lapse_close(file) == 0);
}

static void signals_do_not_interrupt(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	struct subject s;
	struct call c;

	CHECK(sigaction(SIGUSR1, &action, &old) == 0);
	subject_open(&s, *state);
	subject_block(&s, &c);
	atomic_store(&handled, 0);
	for (int i = 1; i <= 20; i++) {
		CHECK(pthread_kill(c.thread, SIGUSR1) == 0);
		while (atomic_load(&handled) < i)
			call_await_sleep(&c);
	}
	call_await_sleep(&c);
	subject_finish(&s, &c);
	subject_close(&s);
	CHECK(sigaction(SIGUSR1, &old, NULL) == 0);
}

/* A thread that blocks every signal gets its deadlines, and keeps its mask. */
static intptr_t block_all_signals(struct call *c)
{
	sigset_t all, before, after;
	intptr_t result;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
	mask_read(&before);
	result = c->operation->run(c);
	mask_read(&after);
	return memcmp(&before, &after, sizeof(before)) == 0 ? result : -2;
}

static void works_with_all_signals_blocked(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_prepare(&s, &c);
	call_block(&c, block_all_signals);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

static void no_cancellation_point(void **state)
{
	struct subject s;
	struct call c;

	subject_open(&s, *state);
	subject_block(&s, &c);
	CHECK(pthread_cancel(c.thread) == 0);
	call_await_sleep(&c);
	subject_finish(&s, &c);
	subject_close(&s);
}

/* ---- For people ---- */

static intptr_t dump_to(struct call *c)
{
	return lapse_dump(lapse_sysfd(c->fd));
}

static void dump_tells_of_sleepers(void **state)
{
	int text = memfd_create("dump", MFD_CLOEXEC);
	struct call c;
	lapse_fd ends[2];
	off_t idle, busy;

	(void)state;
	pair_make("pipe", ends);
	CHECK(lapse_dump(text) == 0);
	idle = lseek(text, 0, SEEK_END);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_dump(text) == 0);
	busy = lseek(text, 0, SEEK_END) - idle;
	CHECK(idle > 0 && busy > idle);
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	CHECK_CALL(&c, 1, 0);
	CHECK_ERR(lapse_dump(-1), EBADF);
	close(text);
	pair_close(ends);
}

/* To whoever is slow it waits; to whoever has gone it says so, and raises nothing. */
static void dump_to_a_pipe(void **state)
{
	lapse_fd ends[2], handle[2];
	struct call c = {.buf = c.own, .n = sizeof c.own};
	size_t filled;

	(void)state;
	pair_make("pipe", ends);
	pair_make("pipe", handle);
	CHECK(fcntl(lapse_sysfd(ends[1]), F_SETFL, O_WRONLY | O_NONBLOCK) == 0);
	filled = pair_fill(ends[1], ends[0]);
	c.fd = ends[1];
	call_start(&c, dump_to);
	call_await_sleep(&c);
	while (!call_is_done(&c))
		(void)pair_drain(ends[0]);
	CHECK_CALL(&c, 0, 0);
	CHECK(filled > 0 && lapse_close(ends[0]) == 0);
	CHECK_ERR(lapse_dump(lapse_sysfd(ends[1])), EPIPE);
	CHECK(lapse_close(ends[1]) == 0);
	pair_close(handle);
}

static void version_matches(void **state)
{
	(void)state;
	CHECK(lapse_version() == LAPSE_VERSION);
}

static const struct check checks[] = {
	{TEST_FAMILIES(process_stays_as_it_was, 0)},
	{TEST_FAMILIES(foreign_flags_stay, 0)},
	{TEST(what_it_makes_closes_on_exec)},
	{TEST(passed_descriptor_closes_on_exec)},
	{TEST(says_nothing)},
	{TEST_FAMILIES(no_sigpipe, FAMILY_STREAM | FAMILY_ENDS)},
	{TEST_OPERATIONS(signals_do_not_interrupt, finishes_soon)},
	{TEST_OPERATIONS(works_with_all_signals_blocked, NULL)},
	{TEST_OPERATIONS(no_cancellation_point, finishes_soon)},
	{TEST(dump_tells_of_sleepers)},
	{TEST(dump_to_a_pipe)},
	{TEST(version_matches)},
};
CHECK_MAIN(checks)
