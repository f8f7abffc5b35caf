/* Row 6: how long after its instant a wait ends. With an argument: that many short deadlines, none
 * of which may end early. */
#include "bench.h"

#include <lapse.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int timerfd, pair[2];
static lapse_fd fd[2];
static char byte;

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ns / LAPSE_S, ns % LAPSE_S};
}

static void by_timerfd(int64_t due)
{
	struct itimerspec timer = {{0, 0}, timespec_of(due)};
	uint64_t count;

	timerfd_settime(timerfd, TFD_TIMER_ABSTIME, &timer, NULL);
	must(read(timerfd, &count, sizeof count) == sizeof count, "timerfd");
}

static void by_nanosleep(int64_t due)
{
	struct timespec ts = timespec_of(due);

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void by_ppoll(int64_t due)
{
	struct pollfd poll_in = {pair[0], POLLIN, 0};
	struct timespec ts = timespec_of(due - now_ns());

	ppoll(&poll_in, 1, &ts, NULL);
}

static void by_lapse_read(int64_t due)
{
	lapse_set_read_deadline(fd[0], due);
	must(lapse_read(fd[0], &byte, 1) == -1 && errno == LAPSE_EXPIRED, "lapse_read");
}

static void by_lapse_sleep(int64_t due)
{
	must(lapse_sleep_until(due) == 0, "lapse_sleep_until");
}

static void all_ways(const char *group, int64_t ns, size_t n)
{
	static const struct {
		const char *name;
		void (*wait)(int64_t due);
	} ways[] = {
		{"limit: timerfd, read", by_timerfd},
		{"clock_nanosleep", by_nanosleep},
		{"ppoll", by_ppoll},
		{"lapse_read", by_lapse_read},
		{"lapse_sleep_until", by_lapse_sleep},
	};
	int64_t late[400];

	for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
		for (size_t i = 0; i < n; i++) {
			int64_t due = now_ns() + ns;

			ways[way].wait(due);
			late[i] = now_ns() - due;
		}
		say_late(group, ways[way].name, late, n);
	}
}

static void none_early(long n)
{
	long early = 0;

	for (long i = 0; i < n; i++) {
		lapse_time due = lapse_in(1 + i % 20000);

		by_lapse_read(due);
		early += lapse_now() < due;
	}
	say("6", "early", "lapse, expiries before their instant", (double)early);
	say("6", "early", "of", (double)n);
}

int main(int argc, char **argv)
{
	pin();
	timerfd = timerfd_create(CLOCK_MONOTONIC, 0);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	must(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "lapse_socketpair");
	if (argc > 1 && strcmp(argv[1], "3s") == 0) {
		all_ways("3 s", 3 * LAPSE_S, 1);
	} else if (argc > 1) {
		none_early(atol(argv[1]));
	} else {
		all_ways("1 ms", LAPSE_MS, 400);
		all_ways("10 ms", 10 * LAPSE_MS, 40);
		all_ways("100 ms", 100 * LAPSE_MS, 5);
	}
}
