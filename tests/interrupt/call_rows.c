/* The rows of call_rows.h: how each kind of call is made, what it waits for, and what lets it go on.
 * Owns the things that they need. */
#include "call_rows.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* What a row needs; made anew for each test of it. */
struct things {
	int file[2];  /* two descriptions of one file; the second is locked */
	int pipe[2];  /* empty */
	int full[2];  /* full */
	int pair[2];  /* empty sockets */
	int jam[2];   /* full ones */
	int listener; /* nobody connects */
	int crowd[2]; /* a listener that is full, and the only connection to it */
	int caller;   /* for which it has no room */
	struct sockaddr_un address;
	socklen_t address_size;
	int terminal[2];
	int event, inotify, epoll;
	int messages, semaphores; /* System V's */
	mqd_t mqueue;
	sem_t sem;
	char fifo[64];
	pid_t child;
};

static struct things t;
static const struct timespec hour = {3600, 0};
static char room[65536];

static struct timespec in_an_hour(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 3600;
	return at;
}

static long do_flock(void)
{
	return flock(t.file[0], LOCK_EX);
}

static long do_lock(int command)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(t.file[0], command, &lock);
}

static long do_ofd_lock(void)
{
	return do_lock(F_OFD_SETLKW);
}

static long do_setlkw(void)
{
	return do_lock(F_SETLKW);
}

static long do_open(void)
{
	return open(t.fifo, O_RDONLY | O_CLOEXEC);
}

static long do_waitpid(void)
{
	int status;

	return waitpid(t.child, &status, 0);
}

static long do_waitid(void)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)t.child, &info, WEXITED | WNOWAIT);
}

static long do_read(void)
{
	return read(t.pipe[0], room, 1);
}

static long do_write(void)
{
	return write(t.full[1], room, 1);
}

static long do_accept(void)
{
	return accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);
}

static long do_connect(void)
{
	return connect(t.caller, (struct sockaddr *)&t.address, t.address_size);
}

static long do_recv(void)
{
	return recv(t.pair[0], room, 1, 0);
}

static long do_send(void)
{
	return send(t.jam[1], room, sizeof room, MSG_NOSIGNAL);
}

static long do_sendfile(void)
{
	off_t from = 0;

	return sendfile(t.full[1], t.file[0], &from, 1);
}

static long do_splice(void)
{
	return splice(t.pipe[0], NULL, t.pair[1], NULL, 1, 0);
}

static long do_recvmmsg(void)
{
	struct iovec iov = {room, 1};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return recvmmsg(t.pair[0], &msg, 1, 0, NULL);
}

static long do_mq_receive(void)
{
	return mq_receive(t.mqueue, room, sizeof room, NULL);
}

static long do_inotify(void)
{
	return read(t.inotify, room, sizeof room);
}

static long do_tty(void)
{
	return read(t.terminal[1], room, 1);
}

/* A terminal's output takes what fits, and then nothing more, not even one byte. */
static long do_tty_write(void)
{
	while (write(t.terminal[1], room, sizeof room) > 0)
		;
	return -1;
}

static long do_eventfd(void)
{
	return read(t.event, room, 8);
}

static long do_eventfd_write(void)
{
	const uint64_t most = UINT64_MAX - 1;

	while (write(t.event, &most, sizeof most) > 0)
		;
	return -1;
}

static long do_sem_wait(void)
{
	return sem_wait(&t.sem);
}

static long do_poll(void)
{
	struct pollfd fd = {.fd = t.pipe[0], .events = POLLIN};

	return poll(&fd, 1, -1);
}

static long do_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(t.pipe[0], &set);
	return select(t.pipe[0] + 1, &set, NULL, NULL, NULL);
}

static long do_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(t.epoll, &event, 1, -1);
}

static long do_nanosleep(void)
{
	return nanosleep(&hour, NULL);
}

static long do_clock_nanosleep(void)
{
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);

	errno = error;
	return error != 0 ? -1 : 0;
}

static long do_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} message;

	return msgrcv(t.messages, &message, sizeof message.text, 0, 0);
}

static long do_semop(void)
{
	struct sembuf down = {0, -1, 0};

	return semop(t.semaphores, &down, 1);
}

static long do_sem_timedwait(void)
{
	struct timespec at = in_an_hour();

	return sem_timedwait(&t.sem, &at);
}

static long do_sigtimedwait(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &hour);
}

/* ---- What lets them go on ---- */

static void unlock(void)
{
	CHECK(flock(t.file[1], LOCK_UN) == 0);
}

static void unlock_record(void)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	CHECK(fcntl(t.file[1], F_OFD_SETLK, &lock) == 0);
}

static void open_fifo(void)
{
	close(t.full[0]); /* not needed here */
	CHECK((t.full[0] = open(t.fifo, O_WRONLY | O_CLOEXEC)) >= 0);
}

static void kill_child(void)
{
	CHECK(kill(t.child, SIGKILL) == 0);
}

static void feed_pipe(void)
{
	CHECK(write(t.pipe[1], "x", 1) == 1);
}

static void drain_full(void)
{
	char drained[65536]; /* the writer may still be reading its own */

	CHECK(read(t.full[0], drained, sizeof drained) > 0);
}

static void feed_pair(void)
{
	CHECK(send(t.pair[1], "x", 1, 0) == 1);
}

static void feed_mqueue(void)
{
	CHECK(mq_send(t.mqueue, "x", 1, 0) == 0);
}

static void touch(void)
{
	CHECK(close(open(t.fifo, O_RDWR | O_CLOEXEC)) == 0);
}

static void type(void)
{
	CHECK(write(t.terminal[0], "x", 1) == 1);
}

static void feed_event(void)
{
	CHECK(eventfd_write(t.event, 1) == 0);
}

static void post(void)
{
	CHECK(sem_post(&t.sem) == 0);
}

static void feed_messages(void)
{
	struct {
		long type;
		char text[8];
	} message = {1, "x"};

	CHECK(msgsnd(t.messages, &message, 1, 0) == 0);
}

static void up(void)
{
	struct sembuf one = {0, 1, 0};

	CHECK(semop(t.semaphores, &one, 1) == 0);
}

/* send has sent a part by the time it waits, which is its result. */
const struct call_row call_rows[] = {
	{"flock", do_flock, unlock, true, NULL},
	{"F_SETLKW", do_setlkw, unlock_record, true, NULL},
	{"F_OFD_SETLKW", do_ofd_lock, unlock_record, true, NULL},
	{"open of a FIFO", do_open, open_fifo, true, NULL},
	{"waitpid", do_waitpid, kill_child, true, NULL},
	{"waitid", do_waitid, kill_child, true, NULL},
	{"read", do_read, feed_pipe, true, NULL},
	{"write", do_write, drain_full, true, NULL},
	{"accept", do_accept, NULL, true, NULL},
	{"connect", do_connect, NULL, true, NULL},
	{"recv", do_recv, feed_pair, true, NULL},
	{"send", do_send, NULL, true, NULL},
	{"sendfile", do_sendfile, drain_full, true, NULL},
	{"splice", do_splice, feed_pipe, true, NULL},
	{"recvmmsg", do_recvmmsg, feed_pair, true, NULL},
	{"mq_receive", do_mq_receive, feed_mqueue, true, NULL},
	{"inotify", do_inotify, touch, true, NULL},
	{"tty", do_tty, type, true, NULL},
	{"tty write", do_tty_write, NULL, true, NULL},
	{"eventfd", do_eventfd, feed_event, true, NULL},
	{"eventfd write", do_eventfd_write, NULL, true, NULL},
	{"sem_wait", do_sem_wait, post, true, NULL},
	{"poll", do_poll, feed_pipe, false, NULL},
	{"select", do_select, feed_pipe, false, NULL},
	{"epoll_wait", do_epoll_wait, feed_pipe, false, NULL},
	{"nanosleep", do_nanosleep, NULL, false, NULL},
	{"clock_nanosleep", do_clock_nanosleep, NULL, false, NULL},
	{"msgrcv", do_msgrcv, feed_messages, false, NULL},
	{"semop", do_semop, up, false, NULL},
	{"sem_timedwait", do_sem_timedwait, post, false, NULL},
	{"sigtimedwait", do_sigtimedwait, NULL, false, NULL},
};
const size_t call_row_count = sizeof call_rows / sizeof *call_rows;

/* ---- The things ---- */

static void make_files(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[] = "/tmp/lapse_calls_XXXXXX";

	t.file[0] = mkostemp(path, O_CLOEXEC);
	t.file[1] = open(path, O_RDWR | O_CLOEXEC);
	CHECK(t.file[0] >= 0 && t.file[1] >= 0 && unlink(path) == 0);
	CHECK(write(t.file[0], "x", 1) == 1);
	CHECK(flock(t.file[1], LOCK_EX) == 0 && fcntl(t.file[1], F_OFD_SETLK, &lock) == 0);
	(void)snprintf(t.fifo, sizeof t.fifo, "/tmp/lapse_fifo_%d", getpid());
	CHECK(mkfifo(t.fifo, 0600) == 0);
	t.inotify = inotify_init1(IN_CLOEXEC);
	CHECK(inotify_add_watch(t.inotify, t.fifo, IN_OPEN) >= 0);
}

static int unix_socket(void)
{
	int sysfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(sysfd >= 0);
	return sysfd;
}

static void make_listeners(void)
{
	struct sockaddr *address = (struct sockaddr *)&t.address;

	t.listener = unix_socket();
	CHECK(bind(t.listener, &(struct sockaddr){AF_UNIX, ""}, 2) == 0);
	CHECK(listen(t.listener, 1) == 0);
	t.crowd[0] = unix_socket();
	t.crowd[1] = unix_socket();
	t.caller = unix_socket();
	t.address_size = sizeof t.address;
	CHECK(bind(t.crowd[0], &(struct sockaddr){AF_UNIX, ""}, 2) == 0);
	CHECK(getsockname(t.crowd[0], address, &t.address_size) == 0);
	CHECK(listen(t.crowd[0], 0) == 0);
	CHECK(connect(t.crowd[1], address, t.address_size) == 0);
}

static void make_streams(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct termios raw;
	char name[64];

	CHECK(pipe2(t.pipe, O_CLOEXEC) == 0 && pipe2(t.full, O_CLOEXEC) == 0);
	CHECK(fcntl(t.full[1], F_SETPIPE_SZ, 4096) == 4096);
	CHECK(write(t.full[1], room, 4096) == 4096);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t.pair) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t.jam) == 0);
	while (send(t.jam[1], room, sizeof room, MSG_DONTWAIT) > 0)
		;
	t.terminal[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(grantpt(t.terminal[0]) == 0 && unlockpt(t.terminal[0]) == 0);
	CHECK(ptsname_r(t.terminal[0], name, sizeof name) == 0);
	t.terminal[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(tcgetattr(t.terminal[1], &raw) == 0);
	cfmakeraw(&raw);
	CHECK(tcsetattr(t.terminal[1], TCSANOW, &raw) == 0);
	t.event = eventfd(0, EFD_CLOEXEC);
	t.epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_ctl(t.epoll, EPOLL_CTL_ADD, t.pipe[0], &event) == 0);
}

void call_things_make(void)
{
	char name[64];

	memset(&t, 0, sizeof t);
	make_files();
	make_streams();
	make_listeners();
	t.messages = msgget(IPC_PRIVATE, 0600);
	t.semaphores = semget(IPC_PRIVATE, 1, 0600);
	CHECK(t.messages >= 0 && t.semaphores >= 0 && sem_init(&t.sem, 0, 0) == 0);
	(void)snprintf(name, sizeof name, "/lapse_calls_%d", getpid());
	t.mqueue = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
	CHECK(t.mqueue >= 0 && mq_unlink(name) == 0);
	t.child = fork();
	CHECK(t.child >= 0);
	if (t.child == 0)
		for (;;)
			(void)pause();
}

static void close_two(const int fds[2])
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

void call_things_unmake(void)
{
	int status;

	(void)kill(t.child, SIGKILL);
	(void)waitpid(t.child, &status, 0);
	(void)mq_close(t.mqueue);
	(void)msgctl(t.messages, IPC_RMID, NULL);
	(void)semctl(t.semaphores, 0, IPC_RMID);
	(void)unlink(t.fifo);
	close_two(t.file);
	close_two(t.pipe);
	close_two(t.full);
	close_two(t.pair);
	close_two(t.jam);
	close_two(t.terminal);
	close_two(t.crowd);
	close_two((int[2]){t.listener, t.caller});
	(void)close(t.event);
	close_two((int[2]){t.inotify, t.epoll});
}

void call_row_dispose(const struct call_row *row, long result)
{
	if (row->call == do_open || row->call == do_accept)
		CHECK(close((int)result) == 0);
}
