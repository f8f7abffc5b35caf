/* Scenes of lapse tour about breaking calls off, and about descriptors that are not sockets. */
#include "tour.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const int64_t limit_ns = 200 * LAPSE_MS; /* what a call may take */
static const int64_t late_ns = 500 * LAPSE_MS;  /* when what it waits for comes, if it comes */

static void close_posix(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	blocked_start(&read, read_posix, &ends[0]);
	lapse_time begin = lapse_now();
	close(ends[0]);
	lapse_sleep_until(begin + late_ns);
	ssize_t sent = send(ends[1], "x", 1, MSG_NOSIGNAL);
	blocked_end(&read);
	side->took = read.end - begin;
	if (sent == 1 && read.result == 1)
		side_says(side, "close: the read gets a byte that was sent after it");
	else
		side_says(side, "close: %s",
		          read.result < 0 ? error_name(read.error) : "end of file");
	close(ends[1]);
}

static void close_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	blocked_start(&read, read_lapse, &fd);
	lapse_time begin = lapse_now();
	int closed = lapse_close(fd);
	blocked_end(&read);
	side->took = read.end - begin;
	side->kept = closed == 0 && failed_in_time(&read, EBADF, begin);
	side_says(side, "lapse_close: %s", read.result < 0 ? error_name(read.error) : "a byte");
	close(ends[1]);
}

static void ignore_signal(int number)
{
	(void)number;
}

/* The signal that is to break the read off arrives an instant too early. */
static long signal_then_read(void *arg)
{
	raise(SIGUSR2);
	return read_posix(arg);
}

static void stop_posix(struct side *side)
{
	int ends[2];
	struct blocked read;
	struct sigaction action = {.sa_handler = ignore_signal}; /* not SA_RESTART */

	make_pair(ends);
	need(!sigaction(SIGUSR2, &action, NULL), "a signal handler");
	lapse_time begin = lapse_now();
	blocked_start(&read, signal_then_read, &ends[0]);
	lapse_sleep_until(begin + late_ns);
	need(write(ends[1], "x", 1) == 1, "a byte");
	blocked_end(&read);
	side->took = read.end - begin;
	side_says(side, "a signal: %s",
	          read.result == 1 ? "lost, the read slept until a byte came"
	                           : error_name(read.error));
	close(ends[0]);
	close(ends[1]);
}

static void stop_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_time begin = lapse_now();
	lapse_set_read_deadline(fd, begin);
	blocked_start(&read, read_lapse, &fd);
	blocked_end(&read);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, begin);
	side_says(side, "a deadline that has passed: %s", error_name(read.error));
	lapse_close(fd);
	close(ends[1]);
}

static void break_off_posix(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	blocked_start(&read, read_posix, &ends[0]);
	lapse_time begin = lapse_now();
	shutdown(ends[0], SHUT_RD);
	blocked_end(&read);
	side->took = read.end - begin;
	ssize_t sent = send(ends[1], "x", 1, MSG_NOSIGNAL);
	side_says(side, "shutdown: %s; the peer's next send: %s",
	          read.result == 0 ? "end of file" : error_name(read.error),
	          sent < 0 ? error_name(errno) : "arrives");
	close(ends[0]);
	close(ends[1]);
}

/* A cancel with nothing pending and a deadline that passed and was lifted must leave no trace. */
static void break_off_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_cancel(fd, LAPSE_READ);
	blocked_start(&read, read_lapse, &fd);
	lapse_time begin = lapse_now();
	lapse_cancel(fd, LAPSE_READ);
	blocked_end(&read);
	lapse_set_read_deadline(fd, 0);
	lapse_set_read_deadline(fd, LAPSE_NEVER);
	need(write(ends[1], "x", 1) == 1, "a byte");
	long next = read_lapse(&fd);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, ECANCELED, begin) && next == 1;
	side_says(side, "lapse_cancel: %s; the peer's next send: %s", error_name(read.error),
	          next == 1 ? "arrives" : "lost");
	lapse_close(fd);
	close(ends[1]);
}

static void pipe_posix(struct side *side)
{
	int ends[2];
	struct timeval timeout = {.tv_usec = limit_ns / LAPSE_US};

	need(!pipe2(ends, O_CLOEXEC), "a pipe");
	lapse_time begin = lapse_now();
	int result = setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	int error = errno;
	side->took = lapse_now() - begin;
	side_says(side, "SO_RCVTIMEO: %s", result ? error_name(error) : "accepted");
	close(ends[0]);
	close(ends[1]);
}

static void pipe_lapse(struct side *side)
{
	int ends[2];
	char bytes[4] = "";
	struct blocked read;

	need(!pipe2(ends, O_CLOEXEC), "a pipe");
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_time begin = lapse_now(), deadline = begin + limit_ns;
	lapse_set_read_deadline(fd, deadline);
	blocked_start(&read, read_lapse, &fd);
	blocked_end(&read);
	need(write(ends[1], "abc", 3) == 3, "three bytes");
	bool sticky = read_lapse(&fd) == -1 && errno == LAPSE_EXPIRED;
	lapse_set_read_deadline(fd, LAPSE_NEVER);
	ssize_t later = lapse_read(fd, bytes, sizeof bytes);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, deadline) && sticky && later == 3 &&
	             !memcmp(bytes, "abc", 3);
	side_says(side, "%s; with the deadline moved: %zd of 3 bytes", error_name(read.error),
	          later);
	lapse_close(fd);
	close(ends[1]);
}

/* A terminal, and a second holder of the same open file, as a shell and what it starts have. */
struct terminal {
	int keyboard, mine, others;
};

static void terminal_open(struct terminal *terminal)
{
	char name[64];

	terminal->keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	need(terminal->keyboard >= 0 && !grantpt(terminal->keyboard) &&
	             !unlockpt(terminal->keyboard) &&
	             !ptsname_r(terminal->keyboard, name, sizeof name),
	     "a terminal");
	terminal->mine = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	terminal->others = fcntl(terminal->mine, F_DUPFD_CLOEXEC, 0);
	need(terminal->others >= 0, "a terminal");
}

static bool is_nonblocking(int sysfd)
{
	return fcntl(sysfd, F_GETFL) & O_NONBLOCK;
}

static void terminal_posix(struct side *side)
{
	struct terminal terminal;
	char key;

	terminal_open(&terminal);
	lapse_time begin = lapse_now();
	fcntl(terminal.mine, F_SETFL, fcntl(terminal.mine, F_GETFL) | O_NONBLOCK);
	struct pollfd poll_mine = {.fd = terminal.mine, .events = POLLIN};
	poll(&poll_mine, 1, limit_ns / LAPSE_MS);
	side->took = lapse_now() - begin;
	ssize_t n = read(terminal.others, &key, 1);
	side_says(side, "poll and O_NONBLOCK; another's read: %s",
	          n < 0 ? error_name(errno) : "a key");
	close(terminal.mine);
	close(terminal.others);
	close(terminal.keyboard);
}

static void terminal_lapse(struct side *side)
{
	struct terminal terminal;
	char keys[8];
	struct blocked read;

	terminal_open(&terminal);
	lapse_fd fd = lapse_adopt(terminal.mine);
	lapse_time begin = lapse_now(), deadline = begin + limit_ns;
	lapse_set_read_deadline(fd, deadline);
	blocked_start(&read, read_lapse, &fd);
	bool leaked = is_nonblocking(terminal.others);
	blocked_end(&read);
	leaked |= is_nonblocking(terminal.others);
	lapse_set_read_deadline(fd, LAPSE_NEVER);
	need(write(terminal.keyboard, "k\n", 2) == 2, "a key press");
	ssize_t next = lapse_read(fd, keys, sizeof keys);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, deadline) && !leaked && next == 2 &&
	             keys[0] == 'k';
	side_says(side, "%s; the flags are %s, the next key is %s", error_name(read.error),
	          leaked ? "changed" : "untouched", next == 2 ? "read" : "lost");
	lapse_close(fd);
	close(terminal.others);
	close(terminal.keyboard);
}

/* Two open files on one temporary file; the second has locked it. */
static void lock_file(int files[2])
{
	char path[] = "/tmp/lapse-tour-XXXXXX";

	files[0] = mkostemp(path, O_CLOEXEC);
	need(files[0] >= 0, "a temporary file");
	files[1] = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);
	need(files[1] >= 0 && !flock(files[1], LOCK_EX), "a locked file");
}

static long flock_posix(void *arg)
{
	return flock(*(int *)arg, LOCK_EX);
}

static long flock_lapse(void *arg)
{
	return lapse_flock(*(lapse_fd *)arg, LOCK_EX);
}

static void lock_posix(struct side *side)
{
	int files[2];
	struct blocked lock;

	lock_file(files);
	lapse_time begin = lapse_now();
	blocked_start(&lock, flock_posix, &files[0]);
	lapse_sleep_until(begin + late_ns);
	flock(files[1], LOCK_UN);
	blocked_end(&lock);
	side->took = lock.end - begin;
	side_says(side, "flock, which knows no limit: %s",
	          lock.result ? error_name(lock.error) : "locked");
	close(files[0]);
	close(files[1]);
}

static void lock_lapse(struct side *side)
{
	int files[2];
	struct blocked lock;

	lock_file(files);
	lapse_fd fd = lapse_adopt(files[0]);
	lapse_time begin = lapse_now(), deadline = begin + limit_ns;
	lapse_set_deadline(fd, deadline);
	blocked_start(&lock, flock_lapse, &fd);
	blocked_end(&lock);
	side->took = lock.end - begin;
	side->kept = failed_in_time(&lock, LAPSE_EXPIRED, deadline);
	side_says(side, "lapse_flock: %s", lock.result ? error_name(lock.error) : "locked");
	lapse_close(fd);
	close(files[1]);
}

const struct scene other_scenes[] = {
	{"A descriptor is closed while a read waits on it; the peer sends 500 ms later.",
         close_posix, close_lapse},
	{"A thread is told to stop an instant before it begins to wait.", stop_posix, stop_lapse},
	{"A waiting read is broken off; reading is to go on afterwards.", break_off_posix,
         break_off_lapse},
	{"A pipe is read with a limit of 200 ms.", pipe_posix, pipe_lapse},
	{"A terminal that others use too is read with a limit of 200 ms.", terminal_posix,
         terminal_lapse},
	{"A file's lock is wanted within 200 ms; it comes free after 500.", lock_posix, lock_lapse},
	{0},
};
