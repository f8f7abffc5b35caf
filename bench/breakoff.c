/* Row "breakoff": how long after its deadline a call ends that only a signal ends, or that has to be
 * let go. With networks and mounts of its own, so that a name server of its own can be silent; without
 * the privilege for that, all but the name are measured. */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <lapse.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static const int64_t wait_ns = 20 * LAPSE_MS;
static char folder[] = "/tmp/lapse-bench-XXXXXX";
static char fifos[2][64], resolv_conf[64];

/* A call that nothing ends but its deadline, a handle's or a scope's. */
struct blocker {
	const char *name;
	lapse_fd fd;
	long (*run)(lapse_fd fd);
	lapse_fd (*make)(void); /* a handle for each time; or NULL: fd, or none */
};

/* One sample. */
static void end_late(const struct blocker *b)
{
	lapse_fd fd = b->make != NULL ? b->make() : b->fd;
	lapse_time due = lapse_in(wait_ns);
	lapse_time now;
	lapse_scope scope;
	long r;

	lapse_scope_enter(&scope, fd != LAPSE_NOFD ? LAPSE_NEVER : due);
	if (fd != LAPSE_NOFD)
		must(lapse_set_deadline(fd, due) == 0, "lapse_set_deadline");
	errno = 0;
	r = b->run(fd);
	now = lapse_now();
	if (errno != LAPSE_EXPIRED) {
		fprintf(stderr, "bench: %s: result %ld, ", b->name, r);
		must(false, "not expired");
	}
	lapse_scope_leave(&scope);
	say("breakoff", "", b->name, (double)(now - due) / 1e6);
	if (b->make != NULL)
		lapse_close(fd);
}

/* ---- FIFOs, locks, a child, a sleep ---- */

static long open_to_read(lapse_fd unused)
{
	(void)unused;
	return lapse_open(fifos[0], O_RDONLY, 0) == LAPSE_NOFD ? -1 : 0;
}

static long open_to_write(lapse_fd unused)
{
	(void)unused;
	return lapse_open(fifos[1], O_WRONLY, 0) == LAPSE_NOFD ? -1 : 0;
}

static int locked[2]; /* each held by a description of its own */

static lapse_fd adopt_again(int fd)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	must(fd >= 0, path);
	return lapse_adopt(fd);
}

static long lock_whole(lapse_fd fd)
{
	return lapse_flock(fd, LOCK_EX);
}

static long lock_part(lapse_fd fd)
{
	struct flock lock = {.l_type = F_WRLCK};

	return lapse_lock(fd, &lock);
}

static void hold_locks(void)
{
	struct flock lock = {.l_type = F_WRLCK};

	for (int i = 0; i < 2; i++)
		locked[i] = open_here();
	must(flock(locked[0], LOCK_EX) == 0, "flock");
	must(fcntl(locked[1], F_OFD_SETLK, &lock) == 0, "F_OFD_SETLK");
}

static pid_t child; /* waits to be killed; robs the listener below */

static long wait_child(lapse_fd unused)
{
	int status;

	(void)unused;
	return lapse_waitpid(child, &status, 0);
}

static long sleep_long(void *unused)
{
	struct timespec ts = {30, 0};

	(void)unused;
	return nanosleep(&ts, NULL);
}

static long call_sleep(lapse_fd unused)
{
	(void)unused;
	return lapse_call(sleep_long, NULL);
}

/* ---- Terminals ---- */

static int master;
static char page[64 << 10];

/* A fresh one, so that a write begins before the terminal is full. */
static lapse_fd open_terminal(void)
{
	struct termios raw;
	int slave;

	if (master > 0)
		close(master);
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	must(master > 0 && grantpt(master) == 0 && unlockpt(master) == 0, "posix_openpt");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	must(slave >= 0 && tcgetattr(slave, &raw) == 0, "terminal");
	cfmakeraw(&raw);
	must(tcsetattr(slave, TCSANOW, &raw) == 0, "tcsetattr");
	return lapse_adopt(slave);
}

static long read_byte(lapse_fd fd)
{
	char byte;

	return lapse_read(fd, &byte, 1);
}

static long write_all(lapse_fd fd)
{
	return lapse_write(fd, page, sizeof page);
}

/* ---- Unix sockets made elsewhere, which block ---- */

static const struct sockaddr_un full = {AF_UNIX, "\0lapse-bench-full"};
static const struct sockaddr_un robbed = {AF_UNIX, "\0lapse-bench-robbed"};
static int listener;

static int unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	return fd;
}

static int listen_at(const struct sockaddr_un *at, int backlog)
{
	int fd = unix_socket();

	must(bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 && listen(fd, backlog) == 0,
	     "listen");
	return fd;
}

static void connect_to(int fd, const struct sockaddr_un *to)
{
	must(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "connect");
}

static lapse_fd adopt_socket(void)
{
	return lapse_adopt(unix_socket());
}

static long connect_full(lapse_fd fd)
{
	return lapse_connect(fd, (const struct sockaddr *)&full, sizeof full);
}

/* Another process that accepts, too. It ends with this one. */
static void start_child(void)
{
	listener = listen_at(&robbed, 16);
	child = fork();
	must(child >= 0, "fork");
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		close(accept(listener, NULL, NULL));
}

static atomic_int accepting; /* the thread that calls lapse_accept, while it may */

/* Where that thread stands: in that system call? */
static bool stands_in(long wanted)
{
	char path[64], line[64];
	bool is;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", accepting);
	f = fopen(path, "re");
	is = f != NULL && fgets(line, sizeof line, f) != NULL && strtol(line, NULL, 10) == wanted &&
	     strncmp(line, "running", 7) != 0;
	if (f != NULL)
		fclose(f);
	return is;
}

static bool hangs; /* the tempter's; read once it has been joined */

/* Connect until the child has a connection that lapse_accept was told of, and it hangs in accept. */
static void *tempt(void *unused)
{
	char byte;

	while (accepting != 0 && !(hangs = stands_in(SYS_accept4))) {
		int fd = unix_socket();

		connect_to(fd, &robbed);
		must(read(fd, &byte, 1) == 0, "accepted by someone");
		close(fd);
	}
	return unused;
}

/* False: it was not robbed; it accepted a connection itself, or was told of none. */
static bool accept_robbed(lapse_fd fd, const char *name)
{
	lapse_time due = lapse_in(wait_ns);
	lapse_time now;
	lapse_fd got;
	pthread_t thread;
	bool expired;

	must(lapse_set_read_deadline(fd, due) == 0, "lapse_adopt");
	accepting = (int)syscall(SYS_gettid);
	must(pthread_create(&thread, NULL, tempt, NULL) == 0, "pthread_create");
	got = lapse_accept(fd, NULL, NULL);
	expired = got == LAPSE_NOFD && errno == LAPSE_EXPIRED;
	now = lapse_now();
	accepting = 0;
	if (got != LAPSE_NOFD)
		lapse_close(got);
	pthread_join(thread, NULL);
	if (!expired || !hangs)
		return false;
	say("breakoff", "", name, (double)(now - due) / 1e6);
	return true;
}

static void measure_robbed(const char *name)
{
	lapse_fd fd = lapse_adopt(dup(listener));
	int robbed_count = 0;

	for (int i = 0; robbed_count < ROUNDS && i < 50 * ROUNDS; i++)
		robbed_count += accept_robbed(fd, name);
	if (robbed_count < ROUNDS)
		fprintf(stderr, "bench: %s: only %d times\n", name, robbed_count);
	lapse_close(fd);
}

/* ---- A name server that does not answer ---- */

static void set_up_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "loopback");
	close(fd);
}

static void bind_server(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "name server");
}

/* One question, for a second: what was let go is to end soon. */
static bool name_server(void)
{
	static const char text[] = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0)
		return false;
	set_up_loopback();
	bind_server();
	fd = open(resolv_conf, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	must(fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1, resolv_conf);
	close(fd);
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(resolv_conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
}

struct lookup {
	const char *name; /* static */
	struct addrinfo *found;
};

static long look_up(void *arg)
{
	struct lookup *l = arg;

	return getaddrinfo(l->name, NULL, NULL, &l->found);
}

static void look_up_late(void *arg, long result)
{
	const struct lookup *l = arg;

	if (result == 0)
		freeaddrinfo(l->found);
}

static long resolve(lapse_fd unused)
{
	struct lookup l = {.name = "lapse.invalid"};

	(void)unused;
	return lapse_call_detached(look_up, &l, sizeof l, look_up_late);
}

/* ---- All of it ---- */

static void measure_blockers(bool names)
{
	static struct blocker blockers[] = {
		{.name = "lapse_open of a FIFO, to read", .run = open_to_read},
		{.name = "lapse_open of a FIFO, to write", .run = open_to_write},
		{.name = "lapse_flock", .run = lock_whole},
		{.name = "lapse_lock", .run = lock_part},
		{.name = "lapse_waitpid", .run = wait_child},
		{.name = "lapse_read of a terminal", .run = read_byte, .make = open_terminal},
		{.name = "lapse_write to a terminal", .run = write_all, .make = open_terminal},
		{.name = "lapse_connect, full backlog", .run = connect_full, .make = adopt_socket},
		{.name = "lapse_call of nanosleep", .run = call_sleep},
		{.name = "lapse_call_detached, getaddrinfo", .run = resolve},
	};
	size_t count = sizeof blockers / sizeof *blockers - !names;

	for (size_t i = 0; i < 2; i++)
		blockers[i + 2].fd = adopt_again(locked[i]);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			end_late(&blockers[i]);
	measure_robbed("lapse_accept, robbed");
}

static void clean_up(void)
{
	unlink(fifos[0]);
	unlink(fifos[1]);
	unlink(resolv_conf);
	rmdir(folder);
}

int main(void)
{
	bool names;

	must(mkdtemp(folder) != NULL, folder);
	snprintf(resolv_conf, sizeof resolv_conf, "%s/resolv.conf", folder);
	must(atexit(clean_up) == 0, "atexit");
	for (int i = 0; i < 2; i++) {
		snprintf(fifos[i], sizeof fifos[i], "%s/fifo%d", folder, i);
		must(mkfifo(fifos[i], 0600) == 0, fifos[i]);
	}
	names = name_server();
	if (!names)
		say_skipped("getaddrinfo", "no mounts and networks of one's own");
	hold_locks();
	start_child();
	listen_at(&full, 0);
	connect_to(unix_socket(), &full);
	measure_blockers(names);
	must(kill(child, SIGKILL) == 0, "kill");
}
