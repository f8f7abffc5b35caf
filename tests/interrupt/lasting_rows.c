/* The rows of call_rows.h that no signal ends: the C library makes these calls anew by itself. */
#include "call_rows.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool is_said;     /* under the mutex */
static pthread_t thread; /* until the semaphore is posted */
static sem_t sem;
static char fifo[64];

static long or_error(int error)
{
	errno = error;
	return error == 0 ? 0 : -1;
}

static long do_mutex(void)
{
	(void)pthread_mutex_lock(&mutex);
	return or_error(pthread_mutex_unlock(&mutex));
}

static long do_rdlock(void)
{
	(void)pthread_rwlock_rdlock(&rwlock);
	return or_error(pthread_rwlock_unlock(&rwlock));
}

static long do_wrlock(void)
{
	(void)pthread_rwlock_wrlock(&rwlock);
	return or_error(pthread_rwlock_unlock(&rwlock));
}

/* Once: a wake-up for nothing would be seen. */
static long do_cond_wait(void)
{
	int error;

	(void)pthread_mutex_lock(&mutex);
	error = pthread_cond_wait(&cond, &mutex);
	if (error == 0 && !is_said)
		error = EAGAIN;
	(void)pthread_mutex_unlock(&mutex);
	return or_error(error);
}

static long do_join(void)
{
	return or_error(pthread_join(thread, NULL));
}

static long do_system(void)
{
	char command[96];

	(void)snprintf(command, sizeof command, "read x <%s", fifo);
	return system(command);
}

static void lock_mutex(void)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
}

static void unlock_mutex(void)
{
	CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static void lock_rwlock(void)
{
	CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
}

static void unlock_rwlock(void)
{
	CHECK(pthread_rwlock_unlock(&rwlock) == 0);
}

static void say_nothing(void)
{
	is_said = false;
}

static void say(void)
{
	lock_mutex();
	is_said = true;
	CHECK(pthread_cond_signal(&cond) == 0);
	unlock_mutex();
}

static void *await_post(void *unused)
{
	while (sem_wait(&sem) != 0)
		;
	return unused;
}

static void start_thread(void)
{
	CHECK(sem_init(&sem, 0, 0) == 0);
	CHECK(pthread_create(&thread, NULL, await_post, NULL) == 0);
}

static void post(void)
{
	CHECK(sem_post(&sem) == 0);
}

static void make_fifo(void)
{
	(void)snprintf(fifo, sizeof fifo, "/tmp/lapse_system_%d", getpid());
	CHECK(mkfifo(fifo, 0600) == 0);
}

static void write_fifo(void)
{
	int sysfd = open(fifo, O_WRONLY | O_CLOEXEC);

	CHECK(sysfd >= 0 && unlink(fifo) == 0 && write(sysfd, "x\n", 2) == 2);
	CHECK(close(sysfd) == 0);
}

const struct call_row lasting_rows[] = {
	{"pthread_mutex_lock", do_mutex, unlock_mutex, true, lock_mutex},
	{"pthread_rwlock_rdlock", do_rdlock, unlock_rwlock, true, lock_rwlock},
	{"pthread_rwlock_wrlock", do_wrlock, unlock_rwlock, true, lock_rwlock},
	{"pthread_cond_wait", do_cond_wait, say, true, say_nothing},
	{"pthread_join", do_join, post, true, start_thread},
	{"system", do_system, write_fifo, true, make_fifo},
};
const size_t lasting_row_count = sizeof lasting_rows / sizeof *lasting_rows;
