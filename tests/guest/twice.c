/* Two copies of the library in one process: what the one made the other does not know, and both
 * work at once, with one signal. Threads that have used it may end after it was closed.
 *
 * usage: twice LIBRARY COPY */
#include <dlfcn.h>
#include <lapse.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(condition) ((condition) ? (void)0 : give_up(__LINE__, #condition))

static void give_up(int line, const char *what)
{
	fprintf(stderr, "twice.c:%d: %s: errno %d, %s\n", line, what, errno, dlerror());
	_exit(1);
}

struct library {
	void *handle;
	int (*pipe)(lapse_fd ends[2]);
	ssize_t (*read)(lapse_fd fd, void *buf, size_t n);
	ssize_t (*write)(lapse_fd fd, const void *buf, size_t n);
	int (*set_read_deadline)(lapse_fd fd, lapse_time deadline);
	int (*sysfd)(lapse_fd fd);
	int (*close)(lapse_fd fd);
	lapse_time (*in)(int64_t ns);
	void (*scope_enter)(lapse_scope *scope, lapse_time deadline);
	int (*scope_leave)(lapse_scope *scope);
	long (*call)(long (*fn)(void *arg), void *arg);
	int *(*error)(void); /* a namespace of its own has a libc of its own, with its errno */
	lapse_fd ends[2];
};

static void library_find(struct library *l)
{
	EXPECT(l->handle != NULL);
	*(void **)&l->pipe = dlsym(l->handle, "lapse_pipe");
	*(void **)&l->read = dlsym(l->handle, "lapse_read");
	*(void **)&l->write = dlsym(l->handle, "lapse_write");
	*(void **)&l->set_read_deadline = dlsym(l->handle, "lapse_set_read_deadline");
	*(void **)&l->sysfd = dlsym(l->handle, "lapse_sysfd");
	*(void **)&l->close = dlsym(l->handle, "lapse_close");
	*(void **)&l->in = dlsym(l->handle, "lapse_in");
	*(void **)&l->scope_enter = dlsym(l->handle, "lapse_scope_enter");
	*(void **)&l->scope_leave = dlsym(l->handle, "lapse_scope_leave");
	*(void **)&l->call = dlsym(l->handle, "lapse_call");
	*(void **)&l->error = dlsym(l->handle, "__errno_location");
	EXPECT(l->pipe && l->read && l->write && l->set_read_deadline && l->sysfd && l->close &&
	       l->in && l->scope_enter && l->scope_leave && l->call && l->error);
	EXPECT(l->pipe(l->ends) == 0);
}

static bool fails(const struct library *l, ssize_t result, int error)
{
	bool is_so = result == -1 && *l->error() == error;

	*l->error() = 0;
	return is_so;
}

static void check_stranger(const struct library *l, lapse_fd fd)
{
	char byte;

	EXPECT(fails(l, l->sysfd(fd), EBADF));
	EXPECT(fails(l, l->read(fd, &byte, 1), EBADF));
	EXPECT(fails(l, l->set_read_deadline(fd, 0), EBADF));
	EXPECT(fails(l, l->close(fd), EBADF));
}

/* Expires in this one, then reads what was written. */
static void use(const struct library *l)
{
	char byte;

	EXPECT(l->set_read_deadline(l->ends[0], l->in(LAPSE_MS)) == 0);
	EXPECT(fails(l, l->read(l->ends[0], &byte, 1), LAPSE_EXPIRED));
	EXPECT(l->set_read_deadline(l->ends[0], LAPSE_NEVER) == 0);
	EXPECT(l->write(l->ends[1], "x", 1) == 1);
	EXPECT(l->read(l->ends[0], &byte, 1) == 1 && byte == 'x');
}

static pthread_barrier_t used, closed;

/* Uses both, so that both have something to do when it ends. */
static void *use_both(void *arg)
{
	struct library *l = arg;

	use(&l[0]);
	use(&l[1]);
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&closed);
	return NULL;
}

/* ---- Both break calls off, by the same signal ---- */

enum { CALLS = 100 };

static volatile sig_atomic_t heard; /* by the application, in the thread that raises it */

static void hear(int signo)
{
	(void)signo;
	heard++;
}

static long sleep_an_hour(void *unused)
{
	const struct timespec hour = {3600, 0};

	(void)unused;
	return nanosleep(&hour, NULL);
}

static void must_expire(const struct library *l, long (*fn)(void *), void *arg)
{
	lapse_scope scope;

	l->scope_enter(&scope, l->in(LAPSE_MS));
	EXPECT(fails(l, l->call(fn, arg), LAPSE_EXPIRED));
	EXPECT(fails(l, l->scope_leave(&scope), LAPSE_EXPIRED));
}

static void *expire_again_and_again(void *l)
{
	for (int i = 0; i < CALLS; i++)
		must_expire(l, sleep_an_hour, NULL);
	return NULL;
}

/* The inner one's own deadline is far: it is the outer one's signal that ends what it runs, and it has
 * nothing to say to that. */
static long sleep_in_other(void *other)
{
	const struct library *l = other;
	lapse_scope scope;
	long r;

	l->scope_enter(&scope, l->in(3600 * LAPSE_S));
	r = l->call(sleep_an_hour, NULL);
	EXPECT(l->scope_leave(&scope) == 0);
	return r;
}

/* The inner one ends, and the outer one goes on. */
static long expire_in_other(void *other)
{
	must_expire(other, sleep_an_hour, NULL);
	return 1;
}

static void check_nested(const struct library *outer, const struct library *inner)
{
	lapse_scope scope;

	for (int i = 0; i < CALLS / 10; i++) {
		must_expire(outer, sleep_in_other, (void *)(uintptr_t)inner);
		outer->scope_enter(&scope, outer->in(3600 * LAPSE_S));
		EXPECT(outer->call(expire_in_other, (void *)(uintptr_t)inner) == 1);
		EXPECT(outer->scope_leave(&scope) == 0);
	}
}

/* None is lost; and what is neither's reaches the application, once. */
static void check_interrupts(struct library l[2])
{
	pthread_t threads[4];

	heard = 0;
	for (int i = 0; i < 4; i++)
		EXPECT(pthread_create(&threads[i], NULL, expire_again_and_again, &l[i % 2]) == 0);
	for (int i = 0; i < 4; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	check_nested(&l[0], &l[1]);
	check_nested(&l[1], &l[0]);
	EXPECT(heard == 0);
	EXPECT(raise(SIGURG) == 0 && heard == 1);
}

static void check_two(struct library l[2])
{
	pthread_t thread;

	library_find(&l[0]);
	library_find(&l[1]);
	EXPECT(l[0].read != l[1].read);
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			check_stranger(&l[i], l[!i].ends[k]);
	use(&l[0]);
	use(&l[1]);
	check_interrupts(l);
	EXPECT(pthread_barrier_init(&used, NULL, 2) == 0);
	EXPECT(pthread_barrier_init(&closed, NULL, 2) == 0);
	EXPECT(pthread_create(&thread, NULL, use_both, l) == 0);
	pthread_barrier_wait(&used);
	for (int i = 0; i < 2; i++) {
		EXPECT(l[i].close(l[i].ends[0]) == 0 && l[i].close(l[i].ends[1]) == 0);
		EXPECT(dlclose(l[i].handle) == 0);
	}
	pthread_barrier_wait(&closed);
	EXPECT(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = hear};
	struct library l[2];

	EXPECT(argc == 3);
	EXPECT(sigaction(SIGURG, &action, NULL) == 0);
	/* Again and again: a library that was closed can be opened once more. */
	for (int i = 0; i < 3; i++) {
		l[0].handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		l[1].handle = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
		check_two(l);
	}
	l[0].handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	l[1].handle = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW | RTLD_LOCAL);
	check_two(l);
	return 0;
}
