/* Every kind of descriptor as a pair of handles, every blocking operation, and handles on which one
 * blocks. Owns what it opens until pair_close or subject_close. Lets go of what blocks with plain
 * system calls, so that no fault of lapse hides another. */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { SMALL_BUFFER = 65536, LARGE_BUFFER = 3 * SMALL_BUFFER, ONE_PAGE = 4096 };

static void require(bool condition, const char *what)
{
	if (!condition)
		fail_msg("%s: %s", what, strerror(errno));
}

/* ---- Families ---- */

static int adopt_pair(const int fds[2], lapse_fd ends[2])
{
	ends[0] = lapse_adopt(fds[0]);
	ends[1] = lapse_adopt(fds[1]);
	return ends[0] != LAPSE_NOFD && ends[1] != LAPSE_NOFD ? 0 : -1;
}

static void buffer_set(lapse_fd fd, int size)
{
	require(setsockopt(lapse_sysfd(fd), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0,
	        "SO_SNDBUF");
}

static int make_dialed(const struct family *family, lapse_fd ends[2])
{
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(family, 1, &address, &size);

	ends[1] = lapse_socket(family->domain, family->type, 0);
	require(lapse_connect(ends[1], (struct sockaddr *)&address, size) == 0, "lapse_connect");
	ends[0] = lapse_accept(listener, NULL, NULL);
	require(ends[0] != LAPSE_NOFD, "lapse_accept");
	require(lapse_close(listener) == 0, "lapse_close");
	for (int i = 0; i < 2; i++)
		buffer_set(ends[i], family->domain == AF_INET ? LARGE_BUFFER : SMALL_BUFFER);
	return 0;
}

/* The same, made by somebody else, who left it blocking. */
static int make_tcp_adopted(const struct family *family, lapse_fd ends[2])
{
	int fds[2];

	if (make_dialed(family, ends) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		fds[i] = lapse_release(ends[i]);
		require(fcntl(fds[i], F_SETFL, O_RDWR) == 0, "F_SETFL");
	}
	return adopt_pair(fds, ends);
}

static int make_socketpair(const struct family *family, lapse_fd ends[2])
{
	if (lapse_socketpair(family->domain, family->type, 0, ends) != 0)
		return -1;
	buffer_set(ends[0], SMALL_BUFFER);
	buffer_set(ends[1], SMALL_BUFFER);
	return 0;
}

static int make_udp(const struct family *family, lapse_fd ends[2])
{
	struct sockaddr_in address[2];
	socklen_t size = sizeof(address[0]);

	for (int i = 0; i < 2; i++) {
		address[i] = (struct sockaddr_in){.sin_family = AF_INET,
		                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		ends[i] = lapse_socket(family->domain, family->type, 0);
		require(bind(lapse_sysfd(ends[i]), (struct sockaddr *)&address[i], size) == 0,
		        "bind");
		require(getsockname(lapse_sysfd(ends[i]), (struct sockaddr *)&address[i], &size) ==
		                0,
		        "getsockname");
	}
	for (int i = 0; i < 2; i++)
		require(lapse_connect(ends[i], (struct sockaddr *)&address[!i], size) == 0,
		        "lapse_connect");
	return 0;
}

static int make_pipe(const struct family *family, lapse_fd ends[2])
{
	(void)family;
	if (lapse_pipe(ends) != 0)
		return -1;
	return fcntl(lapse_sysfd(ends[0]), F_SETPIPE_SZ, ONE_PAGE) >= 0 ? 0 : -1;
}

static int make_pipe_adopted(const struct family *family, lapse_fd ends[2])
{
	int fds[2];

	(void)family;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0 || fcntl(fds[0], F_SETPIPE_SZ, ONE_PAGE) < 0)
		return -1;
	return adopt_pair(fds, ends);
}

static int make_fifo(const struct family *family, lapse_fd ends[2])
{
	char folder[] = "/tmp/lapse-test-XXXXXX", path[64];
	int fds[2];

	(void)family;
	require(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(path, sizeof(path), "%s/fifo", folder);
	require(mkfifo(path, 0600) == 0, "mkfifo");
	fds[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[1] = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	rmdir(folder);
	if (fds[0] < 0 || fds[1] < 0 || fcntl(fds[0], F_SETFL, O_RDONLY) != 0 ||
	    fcntl(fds[0], F_SETPIPE_SZ, ONE_PAGE) < 0)
		return -1;
	return adopt_pair(fds, ends);
}

static void open_pty(int *master, int *slave)
{
	struct termios raw;

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	require(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0, "posix_openpt");
	*slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	require(*slave >= 0 && tcgetattr(*slave, &raw) == 0, "tcgetattr");
	cfmakeraw(&raw);
	require(tcsetattr(*slave, TCSANOW, &raw) == 0, "tcsetattr");
}

static int make_pty_master(const struct family *family, lapse_fd ends[2])
{
	int fds[2];

	(void)family;
	open_pty(&fds[0], &fds[1]);
	return adopt_pair(fds, ends);
}

static int make_pty_slave(const struct family *family, lapse_fd ends[2])
{
	int fds[2];

	(void)family;
	open_pty(&fds[1], &fds[0]);
	return adopt_pair(fds, ends);
}

enum {
	SOCKET = FAMILY_SOCKET,
	STREAM = FAMILY_STREAM | FAMILY_FILLS,
	LISTENS = FAMILY_LISTENS,
	DUPLEX = FAMILY_DUPLEX,
	ENDS = FAMILY_ENDS,
	EVERY = FAMILY_EVERY,
};

const struct family check_families[] = {
	{"tcp", SOCKET | STREAM | LISTENS | DUPLEX | ENDS | EVERY, make_dialed, AF_INET,
         SOCK_STREAM},
	{"tcp_adopted", SOCKET | STREAM | DUPLEX | ENDS, make_tcp_adopted, AF_INET, SOCK_STREAM},
	{"unix_stream", SOCKET | STREAM | LISTENS | DUPLEX | ENDS, make_socketpair, AF_UNIX,
         SOCK_STREAM},
	{"unix_dialed", SOCKET | STREAM | DUPLEX | ENDS, make_dialed, AF_UNIX, SOCK_STREAM},
	{"unix_packet", SOCKET | FAMILY_FILLS | LISTENS | DUPLEX | ENDS, make_socketpair, AF_UNIX,
         SOCK_SEQPACKET},
	{"unix_datagram", SOCKET | FAMILY_FILLS | DUPLEX | EVERY, make_socketpair, AF_UNIX,
         SOCK_DGRAM},
	{"udp", SOCKET | DUPLEX, make_udp, AF_INET, SOCK_DGRAM},
	{"pipe", STREAM | FAMILY_PIPE | ENDS | EVERY, make_pipe, 0, 0},
	{"pipe_adopted", STREAM | FAMILY_PIPE | ENDS, make_pipe_adopted, 0, 0},
	{"fifo", STREAM | FAMILY_PIPE | ENDS | EVERY, make_fifo, 0, 0},
	{"pty_master", STREAM | FAMILY_TTY | DUPLEX, make_pty_master, 0, 0},
	{"pty_slave", STREAM | FAMILY_TTY | DUPLEX | EVERY, make_pty_slave, 0, 0},
};
const size_t check_family_count = sizeof(check_families) / sizeof(check_families[0]);

const struct family *check_family(const char *name)
{
	for (size_t i = 0; i < check_family_count; i++)
		if (strcmp(check_families[i].name, name) == 0)
			return &check_families[i];
	check_die("no such family: %s", name);
}

void family_make(const struct family *family, lapse_fd ends[2])
{
	require(family->make(family, ends) == 0, family->name);
}

void pair_make(const char *family, lapse_fd ends[2])
{
	family_make(check_family(family), ends);
}

void pair_close(lapse_fd ends[2])
{
	CHECK(lapse_close(ends[0]) == 0);
	CHECK(lapse_close(ends[1]) == 0);
}

lapse_fd listener_make(const struct family *family, int backlog, struct sockaddr_storage *address,
                       socklen_t *address_size)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool is_unix = family->domain == AF_UNIX;
	lapse_fd fd = lapse_socket(family->domain, family->type, 0);
	int sysfd = lapse_sysfd(fd);

	/* A unix address of the family alone: the kernel picks a free abstract name. */
	require(bind(sysfd, is_unix ? (struct sockaddr *)&un : (struct sockaddr *)&in,
	             is_unix ? sizeof(un.sun_family) : sizeof(in)) == 0,
	        "bind");
	require(listen(sysfd, backlog) == 0, "listen");
	*address_size = sizeof(*address);
	require(getsockname(sysfd, (struct sockaddr *)address, address_size) == 0, "getsockname");
	return fd;
}

/* Set O_NONBLOCK. The flags as they were. */
static int flags_nonblock(int sysfd)
{
	int flags = fcntl(sysfd, F_GETFL);

	require(flags >= 0 && fcntl(sysfd, F_SETFL, flags | O_NONBLOCK) == 0, "F_SETFL");
	return flags;
}

/* Terminals carry bytes on in the background, and make room by that, until the reader's own buffer
 * of 4096 is full. */
static bool is_settled(int writer, int reader)
{
	int readable = 0;

	return !isatty(writer) || (ioctl(reader, FIONREAD, &readable) == 0 && readable >= 4095);
}

size_t pair_fill(lapse_fd writer, lapse_fd reader)
{
	static const struct timespec pause = {0, 100000};
	static const char zeros[ONE_PAGE];
	size_t total = 0, size = sizeof(zeros);
	int to = lapse_sysfd(writer), flags = flags_nonblock(to);
	int protocol = 0;
	socklen_t protocol_size = sizeof(protocol);
	bool is_full = false;

	while (!is_full) {
		bool was_settled = is_settled(to, lapse_sysfd(reader));
		ssize_t n = write(to, zeros, size);

		total += n > 0 ? (size_t)n : 0;
		if (n < 0 && size > 1)
			size = 1;
		else if (n < 0 && was_settled)
			is_full = true;
		else if (n < 0)
			nanosleep(&pause, NULL); /* look again */
	}
	require(fcntl(to, F_SETFL, flags) == 0, "F_SETFL");
	/* TCP's peer takes what fits into its window, at its leisure: that must make no room. */
	(void)getsockopt(to, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_size);
	if (protocol == IPPROTO_TCP)
		buffer_set(writer, SMALL_BUFFER);
	return total;
}

size_t pair_drain(lapse_fd reader)
{
	char buf[SMALL_BUFFER];
	int from = lapse_sysfd(reader), flags = flags_nonblock(from);
	size_t total = 0;
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	require(fcntl(from, F_SETFL, flags) == 0, "F_SETFL");
	return total;
}

bool pair_take(lapse_fd reader, void *buf, size_t n)
{
	struct pollfd readable = {lapse_sysfd(reader), POLLIN, 0};

	for (size_t done = 0; done < n;) {
		ssize_t got;

		(void)poll(&readable, 1, -1);
		got = read(readable.fd, (char *)buf + done, n - done);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

unsigned char stamp(size_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

void stamp_fill(void *buf, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		((unsigned char *)buf)[k] = stamp(i + k);
}

bool stamp_holds(const void *buf, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (((const unsigned char *)buf)[k] != stamp(i + k))
			return false;
	return true;
}
