/* The rows of call_rows.h that no signal ends: the C library makes these calls anew by itself. */
#include "call_rows.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <resolv.h>
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

/* ---- Names ---- */

static int name_server; /* which says nothing until it is told to */
static struct sockaddr_in name_server_at;

static void start_name_server(void)
{
	struct sockaddr *at = (struct sockaddr *)&name_server_at;
	socklen_t size = sizeof name_server_at;

	name_server_at = (struct sockaddr_in){.sin_family = AF_INET};
	name_server_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name_server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(name_server, at, size) == 0 && getsockname(name_server, at, &size) == 0);
	CHECK(__nss_configure_lookup("hosts", "dns") == 0);
}

/* The thread's resolver asks nobody else. */
static long do_getaddrinfo(void)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	if (res_init() != 0)
		return -1;
	_res.nscount = 1;
	_res.nsaddr_list[0] = name_server_at;
	return getaddrinfo("nowhere.invalid.", NULL, &hints, &found) == EAI_NONAME ? 0 : -1;
}

/* No such name, to whoever asked first. */
static void answer(void)
{
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	unsigned char text[512];
	ssize_t n = recvfrom(name_server, text, sizeof text, 0, (struct sockaddr *)&from, &size);

	CHECK(n > 12);
	text[2] |= 0x80;
	text[3] = 0x83;
	CHECK(sendto(name_server, text, (size_t)n, 0, (struct sockaddr *)&from, size) == n);
	CHECK(close(name_server) == 0);
}

const struct call_row lasting_rows[] = {
	{"pthread_mutex_lock", do_mutex, unlock_mutex, true, lock_mutex},
	{"pthread_rwlock_rdlock", do_rdlock, unlock_rwlock, true, lock_rwlock},
	{"pthread_rwlock_wrlock", do_wrlock, unlock_rwlock, true, lock_rwlock},
	{"pthread_cond_wait", do_cond_wait, say, true, say_nothing},
	{"pthread_join", do_join, post, true, start_thread},
	{"system", do_system, write_fifo, true, make_fifo},
	{"getaddrinfo", do_getaddrinfo, answer, true, start_name_server},
};
const size_t lasting_row_count = sizeof lasting_rows / sizeof *lasting_rows;
