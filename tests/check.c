/* The shared part of the tests that knows no kind of descriptor: assertions, randomness, calls in
 * threads, and the runner. Owns the time limit of each test; touches nothing of lapse but what
 * lapse.h offers. The kinds of descriptor and operation are in check_kinds.c. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREADS_SANITIZED 1
#else
#define THREADS_SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED THREADS_SANITIZED
#endif

enum { TEST_SECONDS_MAX = 30, WATCHED_FACTOR = 10 };

/* ---- Assertions ---- */

static void fail_at(const char *file, int line, const char *text, intptr_t result, int error,
                    intptr_t expected, int expected_error)
{
	print_error("%s: got %ld", text, (long)result);
	if (result == -1 || error != 0)
		print_error(" (%s)", strerror(error));
	print_error(", expected %ld", (long)expected);
	if (expected_error != 0)
		print_error(" (%s)", strerror(expected_error));
	print_error("\n");
	_fail(file, line);
}

void check_error(intptr_t result, int error, const char *text, const char *file, int line)
{
	int got = errno;

	/* A call that returns a handle says 0 where others say -1. */
	if ((result != -1 && result != 0) || got != error)
		fail_at(file, line, text, result, got, -1, error);
}

void check_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

pid_t check_fork(void (*body)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* A failure must not take the child back into the parent's tests. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		alarm(check_is_watched() ? 100 : 10);
		body(arg);
		_exit(0);
	}
	CHECK(pid > 0);
	return pid;
}

void check_child_ends(pid_t pid, int expected)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		print_error("the child died of signal %d\n", WTERMSIG(status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

void check_skip(const char *reason)
{
	print_message("skipped: %s\n", reason);
	skip();
}

/* ---- How much ---- */

bool check_is_watched(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return SANITIZED || (preload != NULL && strstr(preload, "vgpreload") != NULL);
}

bool check_threads_are_watched(void)
{
	return THREADS_SANITIZED;
}

int check_count(int count)
{
	if (!check_is_watched())
		return count;
	return count > WATCHED_FACTOR ? count / WATCHED_FACTOR : 1;
}

uint64_t check_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

int check_descriptor_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[64];
	int count = 0;

	if (dir == NULL)
		check_die("/proc/self/fd: %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		count += strcmp(target, "anon_inode:[eventfd]") != 0;
	}
	closedir(dir);
	return count - 1; /* the folder itself */
}

/* ---- Calls in a thread of their own ---- */

static void *call_thread(void *arg)
{
	struct call *c = arg;

	atomic_store(&c->tid, (int)syscall(SYS_gettid));
	c->began = lapse_now();
	errno = 0;
	c->result = c->run(c);
	c->error = errno;
	c->ended = lapse_now();
	atomic_store(&c->done, true);
	return NULL;
}

void call_start(struct call *c, intptr_t (*run)(struct call *))
{
	int error;

	c->run = run;
	c->tid = 0;
	c->done = false;
	if (c->buf == NULL) {
		c->buf = c->own;
		c->n = 1;
	}
	error = pthread_create(&c->thread, NULL, call_thread, c);
	if (error != 0)
		check_die("pthread_create: %s", strerror(error));
}

intptr_t call_in_scope(struct call *call)
{
	struct scoped_call *s = (struct scoped_call *)call;
	lapse_scope scope;
	intptr_t result;
	int error;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	atomic_store(&s->id, lapse_scope_share(&scope));
	result = s->run(call);
	error = errno;
	(void)lapse_scope_leave(&scope);
	errno = error;
	return result;
}

bool call_is_done(struct call *c)
{
	return atomic_load(&c->done);
}

/* The letter that the kernel gives the thread: S asleep, R running, ... ? gone. */
static char thread_state(int tid)
{
	char path[64], text[256], *name_end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '?';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	name_end = strrchr(text, ')');
	return name_end != NULL && name_end[1] == ' ' ? name_end[2] : '?';
}

bool check_is_asleep(int tid)
{
	static const struct timespec pause = {0, 100000};

	/* A thread may sleep a moment for the allocator's lock or the like: three looks in a row. */
	for (int i = 0; i < 3; i++) {
		if (thread_state(tid) != 'S')
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

void call_await_sleep(struct call *c)
{
	int tid;

	do {
		if (call_is_done(c))
			fail_msg("the call returned %ld (%s) where it had to block",
			         (long)c->result, strerror(c->error));
		tid = atomic_load(&c->tid);
	} while (tid == 0 || !check_is_asleep(tid));
}

void call_block(struct call *c, intptr_t (*run)(struct call *))
{
	call_start(c, run);
	call_await_sleep(c);
}

void call_join(struct call *c)
{
	int error = pthread_join(c->thread, NULL);

	if (error != 0)
		check_die("pthread_join: %s", strerror(error));
	c->thread = 0;
}

void check_call(struct call *c, intptr_t result, int error, const char *text, const char *file,
                int line)
{
	if (c->thread != 0)
		call_join(c);
	if (c->result != result || (result == -1 && c->error != error))
		fail_at(file, line, text, c->result, c->error, result, error);
}

/* ---- The runner ---- */

static struct CMUnitTest *tests;
static struct where *places;
static size_t test_count, test_room;
static const char *test_name;
static int descriptor_count;

/* The process ends whatever happens, so the dump may be tried although this is a handler. */
static void hang(int signal_number)
{
	(void)signal_number;
	signal(SIGALRM, SIG_DFL);
	alarm(2);
	fprintf(stderr, "hangs: %s\n", test_name);
	(void)lapse_dump(STDERR_FILENO);
	_exit(1);
}

static int test_begin(void **state)
{
	const struct where *place = *state;
	struct sigaction action = {.sa_handler = hang, .sa_flags = SA_NODEFER};

	test_name = tests[place - places].name;
	sigaction(SIGALRM, &action, NULL);
	alarm(TEST_SECONDS_MAX * (check_is_watched() ? WATCHED_FACTOR : 1));
	descriptor_count = check_descriptor_count();
	return 0;
}

static int test_end(void **state)
{
	int count = check_descriptor_count();

	(void)state;
	alarm(0);
	if (count != descriptor_count)
		print_error("%s: %d descriptors before, %d after\n", test_name, descriptor_count,
		            count);
	return count == descriptor_count ? 0 : -1;
}

/* Where a sanitizer or Valgrind makes everything slow, a quarter of the crossings of operations and
 * families, always the same, and the first of each check. */
static bool is_left_out(const struct operation *operation, uint32_t fitting)
{
	return operation != NULL && fitting > 0 && check_is_watched() &&
	       fitting * UINT32_C(2654435761) >> 30 != 0;
}

static uint32_t fitting_count; /* of the check that is being crossed */

static void test_add(const struct check *check, const struct family *family,
                     const struct operation *operation)
{
	struct where where = {family, operation};
	char *name;

	if (family != NULL && (family->traits & check->needs) != check->needs)
		return;
	if (operation != NULL && (family->traits & operation->needs) != operation->needs)
		return;
	if (operation != NULL && !operation->is_plain && !(family->traits & FAMILY_EVERY))
		return;
	if (check->fits != NULL && !check->fits(&where))
		return;
	if (is_left_out(operation, fitting_count++))
		return;
	if (test_count == test_room) {
		test_room = test_room * 2 + 64;
		tests = realloc(tests, test_room * sizeof(*tests));
		places = realloc(places, test_room * sizeof(*places));
	}
	if (tests == NULL || places == NULL ||
	    asprintf(&name, "%s%s%s%s%s", check->name, family != NULL ? "/" : "",
	             family != NULL ? family->name : "", operation != NULL ? "/" : "",
	             operation != NULL ? operation->name : "") < 0)
		check_die("out of memory");
	tests[test_count] = (struct CMUnitTest){name, check->run, test_begin, test_end, NULL};
	places[test_count++] = where;
}

static void test_expand(const struct check *check)
{
	fitting_count = 0;
	if (check->over == CHECK_ONCE) {
		test_add(check, NULL, NULL);
		return;
	}
	for (size_t f = 0; f < check_family_count; f++) {
		if (check->over == CHECK_FAMILIES) {
			test_add(check, &check_families[f], NULL);
			continue;
		}
		for (size_t o = 0; o < check_operation_count; o++)
			test_add(check, &check_families[f], &check_operations[o]);
	}
}

int check_main(int argc, char **argv, const struct check *checks, size_t count)
{
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t i = 0; i < count; i++)
		test_expand(&checks[i]);
	for (size_t i = 0; i < test_count; i++)
		tests[i].initial_state = &places[i];
	failed = _cmocka_run_group_tests(argv[0], tests, test_count, NULL, NULL);
	for (size_t i = 0; i < test_count; i++)
		free((char *)tests[i].name);
	free(tests);
	free(places);
	return failed == 0 ? 0 : 1;
}
