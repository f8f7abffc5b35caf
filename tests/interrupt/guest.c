/* The interrupting signal in somebody else's process: the application's own handler goes on getting
 * what is its own, and its own system calls see nothing of ours. No child's status is lost.
 *
 * usage: guest [PATTERN]    LAPSE_INTERRUPTS: how many for strays, 10000 unless told otherwise; if it is
 * set, 10000 children, not 500 */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct timespec hour = {3600, 0};

static long sleep_an_hour(void *unused)
{
	(void)unused;
	return nanosleep(&hour, NULL);
}

/* Also in a child, which has no test to fail. */
static void must_expire(void)
{
	lapse_scope scope;
	long r;

	lapse_scope_enter(&scope, lapse_in(LAPSE_MS));
	r = lapse_call(sleep_an_hour, NULL);
	if (r != -1 || errno != LAPSE_EXPIRED)
		check_die("lapse_call: %ld (%s)", r, strerror(errno));
	if (lapse_scope_leave(&scope) != -1)
		check_die("the scope did not end it");
}

static long nothing(void *unused)
{
	(void)unused;
	return 0;
}

/* The library has its signal from here on. A deadline that is near may pass before it needs it. */
static void take_signal(void)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	if (lapse_call(nothing, NULL) != 0 || lapse_scope_leave(&scope) != 0)
		check_die("lapse_call: %s", strerror(errno));
}

static void need(bool holds, const char *what)
{
	if (!holds)
		check_die("%s", what);
}

/* ---- The application's handler ---- */

static atomic_int heard;

static void hear(int signo)
{
	(void)signo;
	atomic_fetch_add(&heard, 1);
}

static struct sigaction above; /* what was there when hear_first was installed */

static void hear_first(int signo, siginfo_t *info, void *context)
{
	atomic_fetch_add(&heard, 1);
	above.sa_sigaction(signo, info, context);
}

/* In a process of its own: the library takes its signal once. */
static void in_child(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		(void)alarm(20 * (check_is_watched() ? 10 : 1));
		run();
		exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

static void installed_before(void)
{
	struct sigaction action = {.sa_handler = hear};

	need(sigaction(SIGURG, &action, NULL) == 0, "sigaction");
	take_signal();
	must_expire();
	need(atomic_load(&heard) == 0, "the application heard a signal of the library's");
	(void)raise(SIGURG);
	need(atomic_load(&heard) == 1, "the application's signal was lost");
	must_expire();
	need(atomic_load(&heard) == 1, "the application heard a signal of the library's");
}

/* One that stands on ours, and passes on: ours still works. */
static void installed_after(void)
{
	struct sigaction action = {.sa_sigaction = hear_first, .sa_flags = SA_SIGINFO | SA_RESTART};

	take_signal();
	need(sigaction(SIGURG, &action, &above) == 0, "sigaction");
	while (atomic_load(&heard) == 0) /* a deadline may also pass before the call sleeps */
		must_expire();
	must_expire();
}

static void which_signal(void)
{
	need(lapse_use_signal(SIGUSR2) == 0 && lapse_use_signal(SIGUSR1) == 0, "a signal");
	for (int bad = -1; bad <= 65; bad++)
		if (bad < 1 || bad > 64 || bad == SIGKILL || bad == SIGSTOP || bad == 32)
			need(lapse_use_signal(bad) == -1 && errno == EINVAL, "a bad signal");
	take_signal();
	need(lapse_use_signal(SIGURG) == -1 && errno == EBUSY, "too late");
	must_expire();
}

/* ---- Urgent data, which the signal was made for ---- */

static int bell[2]; /* connected TCP sockets; urgent data to the first rings */
static sem_t over;

static void make_bell(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof to;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(bind(listener, (struct sockaddr *)&to, size) == 0 && listen(listener, 1) == 0 &&
	             getsockname(listener, (struct sockaddr *)&to, &size) == 0,
	     "a listener");
	bell[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(connect(bell[1], (struct sockaddr *)&to, size) == 0, "connect");
	bell[0] = accept(listener, NULL, NULL);
	need(bell[0] >= 0 && fcntl(bell[0], F_SETOWN, getpid()) == 0, "F_SETOWN");
	need(sem_init(&over, 0, 0) == 0, "a semaphore");
}

/* One signal after the other has been heard: two that wait would be one. */
static void ring(void)
{
	const struct timespec moment = {0, 10000};
	int before = atomic_load(&heard);
	char byte;

	need(send(bell[1], "x", 1, MSG_OOB) == 1, "send");
	while (atomic_load(&heard) == before)
		(void)nanosleep(&moment, NULL);
	need(atomic_load(&heard) == before + 1, "a signal was heard twice");
	need(recv(bell[0], &byte, 1, MSG_OOB) == 1, "recv");
}

/* Begins again after a handler with SA_RESTART, as a read does; but in a read ThreadSanitizer would put
 * the handler off until that has returned. */
static long await_over(void *unused)
{
	(void)unused;
	return sem_wait(&over);
}

enum { RINGS = 20 };

/* In a thread that does not get the signal itself: it rings in the middle of the other's call, which
 * waits on; and then lets that go on. */
static void *ring_and_post(void *caller)
{
	for (int i = 0; i < RINGS; i++) {
		while (!check_is_asleep(*(int *)caller))
			;
		ring();
	}
	need(sem_post(&over) == 0, "post");
	return NULL;
}

static void ring_in_call(lapse_time deadline)
{
	int caller = getpid(); /* the child's first thread */
	sigset_t set;
	lapse_scope scope;
	pthread_t thread;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGURG);
	need(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, "a mask");
	need(pthread_create(&thread, NULL, ring_and_post, &caller) == 0, "a thread");
	need(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0, "a mask");
	lapse_scope_enter(&scope, deadline);
	need(lapse_call(await_over, NULL) == 0, "a call was broken off by another's signal");
	need(lapse_scope_leave(&scope) == 0, "a scope");
	need(pthread_join(thread, NULL) == 0, "join");
}

static void urgent_data(void)
{
	const struct sigaction action = {.sa_handler = hear};

	need(sigaction(SIGURG, &action, NULL) == 0, "sigaction");
	make_bell();
	ring();
	take_signal();
	ring();
	ring_in_call(lapse_in(3600 * LAPSE_S));
	ring_in_call(LAPSE_NEVER);
	must_expire();
	ring();
	need(atomic_load(&heard) == 2 * RINGS + 3, "a signal was lost, or one too many heard");
}

static void urgent_data_is_heard(void **state)
{
	(void)state;
	in_child(urgent_data);
}

static void applications_handler_goes_on(void **state)
{
	(void)state;
	in_child(installed_before);
	in_child(installed_after);
}

static void signal_is_chosen_once(void **state)
{
	(void)state;
	in_child(which_signal);
}

/* ---- Who interrupts whom ---- */

static _Atomic lapse_scope_id scopes[2];

static void cancel_other(int i)
{
	while (atomic_load(&scopes[!i]) == 0)
		(void)sched_yield();
	(void)lapse_scope_cancel(atomic_load(&scopes[!i]));
}

static long cancel_and_sleep(void *i)
{
	cancel_other(*(int *)i);
	return nanosleep(&hour, NULL);
}

static intptr_t run_cancelling(struct call *c)
{
	int i = (int)c->n;
	lapse_scope scope;
	intptr_t r;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	atomic_store(&scopes[i], lapse_scope_share(&scope));
	r = lapse_call(cancel_and_sleep, &i);
	cancel_other(i); /* fn may not have been called */
	(void)lapse_scope_leave(&scope);
	return r;
}

/* Each stops the other in the middle of being stopped. */
static void two_cancel_each_other(void **state)
{
	(void)state;
	for (int i = check_count(1000); i > 0; i--) {
		struct call c[2] = {{.buf = "", .n = 0}, {.buf = "", .n = 1}};

		atomic_store(&scopes[0], 0);
		atomic_store(&scopes[1], 0);
		call_start(&c[0], run_cancelling);
		call_start(&c[1], run_cancelling);
		CHECK_CALL(&c[0], -1, ECANCELED);
		CHECK_CALL(&c[1], -1, ECANCELED);
	}
}

static long block_all_until(void *end)
{
	sigset_t set;

	(void)sigfillset(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (lapse_now() < *(lapse_time *)end)
		;
	return 0;
}

/* fn blocks it itself: what was sent meanwhile does not wait for the caller. */
static void nothing_is_left_pending(void **state)
{
	sigset_t pending, before;

	(void)state;
	take_signal();
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &before) == 0);
	for (int i = 0; i < 50; i++) {
		lapse_time end = lapse_in(3 * LAPSE_MS);
		lapse_scope scope;
		long r;

		lapse_scope_enter(&scope, lapse_in(LAPSE_MS));
		r = lapse_call(block_all_until, &end);
		CHECK(r == 0 || errno == LAPSE_EXPIRED); /* before it began */
		(void)lapse_scope_leave(&scope);
		CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGURG) == 0);
		CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	}
}

/* ---- Strays ---- */

static atomic_bool is_over;
static _Atomic lapse_scope_id current;

static void *disturb(void *unused)
{
	uint64_t seed = 88172645463325252;

	while (!atomic_load(&is_over)) {
		for (uint64_t i = check_random(&seed) % 4000; i > 0; i--)
			__asm__ volatile("" ::: "memory");
		(void)lapse_scope_cancel(atomic_load(&current));
	}
	return unused;
}

/* A call of the library's own or a foreign one. */
static void interrupt_one(lapse_fd locked, int i)
{
	lapse_scope scope;
	long r;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	atomic_store(&current, lapse_scope_share(&scope));
	r = i % 2 == 0 ? lapse_flock(locked, LOCK_EX) : lapse_call(sleep_an_hour, NULL);
	if (r != -1 || errno != ECANCELED)
		check_die("call %d: %ld (%s)", i, r, strerror(errno));
	(void)lapse_scope_leave(&scope);
}

static void foreign_calls_see_no_stray(void **state)
{
	const char *wanted = getenv("LAPSE_INTERRUPTS");
	int count = wanted != NULL ? atoi(wanted) : check_count(10000);
	const struct timespec moment = {0, 1000};
	char path[] = "/tmp/lapse_strays_XXXXXX", byte;
	int holder = mkostemp(path, O_CLOEXEC), ends[2];
	lapse_fd locked = lapse_open(path, O_RDWR, 0);
	pthread_t thread;

	(void)state;
	if (wanted != NULL)
		(void)alarm(0);
	CHECK(holder >= 0 && locked != LAPSE_NOFD && unlink(path) == 0);
	CHECK(flock(holder, LOCK_EX) == 0 && pipe2(ends, O_CLOEXEC) == 0);
	CHECK(pthread_create(&thread, NULL, disturb, NULL) == 0);
	for (int i = 0; i < count; i++) {
		interrupt_one(locked, i);
		CHECK(nanosleep(&moment, NULL) == 0);
		CHECK(poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 0) == 0);
		CHECK(write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1);
	}
	atomic_store(&is_over, true);
	CHECK(pthread_join(thread, NULL) == 0);
	print_message("%d interrupts, no stray\n", count);
	CHECK(close(holder) == 0 && lapse_close(locked) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* ---- Children ---- */

/* A child that ends at about the time when the wait for it does. */
static void no_status_is_lost(void **state)
{
	int count = getenv("LAPSE_INTERRUPTS") != NULL ? 10000 : check_count(500);
	uint64_t seed = 4711;

	(void)state;
	(void)alarm(300);
	for (int i = 0; i < count; i++) {
		int status = -1;
		lapse_scope scope;
		pid_t pid = fork(), got;

		CHECK(pid >= 0);
		if (pid == 0)
			_exit(i % 100);
		lapse_scope_enter(&scope,
		                  lapse_in((int64_t)(check_random(&seed) % 1500) * LAPSE_US));
		got = lapse_waitpid(pid, &status, 0);
		CHECK(got == pid || (got == -1 && errno == LAPSE_EXPIRED));
		(void)lapse_scope_leave(&scope);
		if (got == -1)
			CHECK(lapse_waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i % 100);
		CHECK_ERR(lapse_waitpid(pid, &status, 0), ECHILD);
	}
}

static void waitpid_options(void **state)
{
	lapse_scope scope;
	pid_t pid = fork();
	int status;

	(void)state;
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			(void)pause();
	CHECK(lapse_waitpid(pid, &status, WNOHANG) == 0);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(lapse_waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(lapse_waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	lapse_scope_enter(&scope, lapse_in(LAPSE_MS));
	CHECK_ERR(lapse_waitpid(pid, &status, 0), LAPSE_EXPIRED);
	CHECK_ERR(lapse_waitpid(pid, &status, WNOHANG), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(lapse_waitpid(-1, &status, 0) == pid && WIFSIGNALED(status));
	CHECK_ERR(lapse_waitpid(-1, &status, 0), ECHILD);
	CHECK_ERR(lapse_waitpid(-1, &status, 1 << 20), EINVAL);
	CHECK_ERR(lapse_waitpid(pid, NULL, WNOHANG), ECHILD);
}

/* Those in processes of their own first, while this one has no threads. */
static const struct check checks[] = {
	{TEST(applications_handler_goes_on)},
	{TEST(urgent_data_is_heard)},
	{TEST(signal_is_chosen_once)},
	{TEST(two_cancel_each_other)},
	{TEST(nothing_is_left_pending)},
	{TEST(foreign_calls_see_no_stray)},
	{TEST(no_status_is_lost)},
	{TEST(waitpid_options)},
};
CHECK_MAIN(checks)
