/* Promise 9 on kernels older than RWF_NOSIGNAL: a filter on system calls makes this one of them, for
 * the whole program. Writing where nobody reads is EPIPE all the same, and never SIGPIPE. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOSIGNAL = 0x100 };

static bool is_filtered;

/* pwritev2 with the flag fails as such a kernel has it fail. Flags are the last argument, the low
 * half of them first. */
static bool filter_install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NOSIGNAL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool is_no_socket(const struct where *where)
{
	return (where->family->traits & FAMILY_SOCKET) == 0;
}

static bool is_broken_pipe(const struct where *where)
{
	return is_no_socket(where) && (where->family->traits & FAMILY_ENDS) != 0;
}

static atomic_int handled;

static void on_sigpipe(int signal_number)
{
	(void)signal_number;
	atomic_fetch_add(&handled, 1);
}

static void set_up(void)
{
	static const struct sigaction action = {.sa_handler = on_sigpipe};

	if (!is_filtered)
		check_skip("no system call filters here");
	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
	atomic_store(&handled, 0);
}

/* What the thread had before, with SIGPIPE blocked or not. */
static sigset_t mask_set(bool blocked)
{
	sigset_t sigpipe, mask;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	CHECK(pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &sigpipe, NULL) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	return mask;
}

static void mask_is(const sigset_t *expected)
{
	sigset_t mask;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	for (int i = 1; i < SIGRTMAX; i++)
		CHECK(sigismember(&mask, i) == sigismember(expected, i));
}

static bool is_pending(void)
{
	sigset_t pending;

	CHECK(sigpending(&pending) == 0);
	return sigismember(&pending, SIGPIPE);
}

/* Twice, since the first finds out that there is no flag. */
static void write_to_nobody(const struct where *where)
{
	struct iovec iov[2] = {{(void *)(uintptr_t) "x", 1}, {(void *)(uintptr_t) "y", 1}};
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_ERR(lapse_write(ends[1], "x", 1), EPIPE);
	CHECK_ERR(lapse_writev(ends[1], iov, 2), EPIPE);
	CHECK(lapse_close(ends[1]) == 0);
}

/* Or all that follows shows nothing. */
static void flag_is_refused(void **state)
{
	int fds[2];
	struct iovec iov = {(void *)(uintptr_t) "x", 1};

	(void)state;
	set_up();
	CHECK(pipe(fds) == 0);
	CHECK_ERR(pwritev2(fds[1], &iov, 1, -1, NOSIGNAL), EOPNOTSUPP);
	CHECK(pwritev2(fds[1], &iov, 1, -1, 0) == 1);
	close(fds[0]);
	close(fds[1]);
}

static void no_sigpipe(void **state)
{
	set_up();
	for (int blocked = 0; blocked < 2; blocked++) {
		sigset_t mask = mask_set(blocked);

		write_to_nobody(*state);
		mask_is(&mask);
		CHECK(!is_pending());
	}
	CHECK(atomic_load(&handled) == 0);
}

/* One that came before, from elsewhere, is not taken for the library's own. */
static void pending_sigpipe_stays(void **state)
{
	set_up();
	for (int blocked = 0; blocked < 2; blocked++) {
		sigset_t mask = mask_set(true);

		CHECK(pthread_kill(pthread_self(), SIGPIPE) == 0);
		write_to_nobody(*state);
		mask_is(&mask);
		CHECK(is_pending());
		CHECK(atomic_load(&handled) == blocked);
		(void)mask_set(false);
		CHECK(atomic_load(&handled) == blocked + 1);
	}
}

static void bytes_arrive(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	char buf[4] = "";
	sigset_t mask;

	set_up();
	mask = mask_set(false);
	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "abc", 3) == 3);
	CHECK(pair_take(ends[0], buf, 3) && strcmp(buf, "abc") == 0);
	(void)pair_fill(ends[1], ends[0]);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(lapse_write(ends[1], "x", 1), LAPSE_EXPIRED);
	mask_is(&mask);
	CHECK(!is_pending());
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(flag_is_refused)},
	{TEST_FITTING(no_sigpipe, is_broken_pipe)},
	{TEST_FITTING(pending_sigpipe_stays, is_broken_pipe)},
	{TEST_FITTING(bytes_arrive, is_no_socket)},
};

int main(int argc, char **argv)
{
	is_filtered = filter_install();
	return check_main(argc, argv, checks, sizeof(checks) / sizeof(checks[0]));
}
