/* Scenes of lapse tour about limits of time: what they bound, and what moving them does. */
#include "tour.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t drip_ns = 100 * LAPSE_MS;

/* A peer that sends a byte every drip_ns, the first after that time. */
struct dripper {
	int sysfd;
	int count;
	lapse_time last; /* when it began to send the last one */
	pthread_t thread;
};

static void *drip(void *arg)
{
	struct dripper *dripper = arg;

	for (int i = 0; i < dripper->count; i++) {
		lapse_sleep_until(lapse_in(drip_ns));
		dripper->last = lapse_now();
		if (send(dripper->sysfd, "x", 1, MSG_NOSIGNAL) != 1)
			break; /* the reader has gone */
	}
	return NULL;
}

static void drip_start(struct dripper *dripper, int sysfd, int count)
{
	*dripper = (struct dripper){.sysfd = sysfd, .count = count};
	need(!pthread_create(&dripper->thread, NULL, drip, dripper), "a thread");
}

/* Reads until n have come, the end or an error; how many. */
static size_t read_all(int sysfd, char *buffer, size_t n)
{
	size_t done = 0;
	ssize_t got;

	while (done < n && (got = read(sysfd, buffer + done, n - done)) > 0)
		done += (size_t)got;
	return done;
}

static const int64_t whole_ns = 250 * LAPSE_MS;

static void whole_posix(struct side *side)
{
	int ends[2];
	char buffer[20];
	struct dripper dripper;

	make_pair(ends);
	limit_receive(ends[0], whole_ns);
	drip_start(&dripper, ends[1], sizeof buffer);
	lapse_time begin = lapse_now();
	size_t done = read_all(ends[0], buffer, sizeof buffer);
	side->took = lapse_now() - begin;
	pthread_join(dripper.thread, NULL);
	side_says(side, "SO_RCVTIMEO bounds each wait, not the whole: %zu bytes", done);
	close(ends[0]);
	close(ends[1]);
}

static void whole_lapse(struct side *side)
{
	int ends[2];
	char buffer[20];
	size_t done;
	struct dripper dripper;
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	drip_start(&dripper, ends[1], sizeof buffer);
	lapse_time begin = lapse_now(), deadline = begin + whole_ns;
	lapse_set_read_deadline(fd, deadline);
	read.result = lapse_read_full(fd, buffer, sizeof buffer, &done);
	read.error = errno;
	read.end = lapse_now();
	lapse_close(fd);
	pthread_join(dripper.thread, NULL);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, deadline) && done < sizeof buffer;
	side_says(side, "lapse_read_full: %zu bytes, then %s", done,
	          read.result ? error_name(read.error) : "the end");
	close(ends[1]);
}

static const int64_t shorter_from_ns = 2 * LAPSE_S, shorter_to_ns = 200 * LAPSE_MS;

static void shorter_posix(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	limit_receive(ends[0], shorter_from_ns);
	blocked_start(&read, read_posix, &ends[0]);
	lapse_time begin = lapse_now();
	limit_receive(ends[0], shorter_to_ns);
	blocked_end(&read);
	side->took = read.end - begin;
	side_says(side, "SO_RCVTIMEO: %s, at the %s limit", error_name(read.error),
	          side->took < shorter_from_ns / 2 ? "new" : "old");
	close(ends[0]);
	close(ends[1]);
}

static void shorter_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_time old = lapse_in(shorter_from_ns);
	lapse_set_read_deadline(fd, old);
	blocked_start(&read, read_lapse, &fd);
	lapse_time begin = lapse_now(), deadline = begin + shorter_to_ns;
	lapse_set_read_deadline(fd, deadline);
	blocked_end(&read);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, deadline) && read.end < old;
	side_says(side, "%s, at the %s deadline", error_name(read.error),
	          read.end < old ? "new" : "old");
	lapse_close(fd);
	close(ends[1]);
}

static const int64_t longer_from_ns = 1 * LAPSE_S, longer_to_ns = 1500 * LAPSE_MS;

static void longer_posix(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	limit_receive(ends[0], longer_from_ns);
	lapse_time begin = lapse_now();
	blocked_start(&read, read_posix, &ends[0]);
	limit_receive(ends[0], longer_to_ns);
	blocked_end(&read);
	side->took = read.end - begin;
	side_says(side, "SO_RCVTIMEO: %s, at the %s limit", error_name(read.error),
	          side->took < longer_to_ns ? "old" : "new");
	close(ends[0]);
	close(ends[1]);
}

static void longer_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_time begin = lapse_now(), deadline = begin + longer_to_ns;
	lapse_set_read_deadline(fd, begin + longer_from_ns);
	blocked_start(&read, read_lapse, &fd);
	lapse_set_read_deadline(fd, deadline);
	blocked_end(&read);
	side->took = read.end - begin;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, deadline);
	side_says(side, "%s, at the %s deadline", error_name(read.error),
	          side->took < longer_to_ns ? "old" : "new");
	lapse_close(fd);
	close(ends[1]);
}

static const int64_t lifted_ns = 1 * LAPSE_S, lifted_byte_ns = 1300 * LAPSE_MS;

static void lifted_posix(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	limit_receive(ends[0], lifted_ns);
	lapse_time begin = lapse_now();
	blocked_start(&read, read_posix, &ends[0]);
	limit_receive(ends[0], 0);
	lapse_sleep_until(begin + lifted_byte_ns);
	need(write(ends[1], "x", 1) == 1, "a byte");
	blocked_end(&read);
	side->took = read.end - begin;
	side_says(side, "SO_RCVTIMEO: %s",
	          read.result == 1 ? "the byte was read" : error_name(read.error));
	close(ends[0]);
	close(ends[1]);
}

static void lifted_lapse(struct side *side)
{
	int ends[2];
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_time begin = lapse_now();
	lapse_set_read_deadline(fd, begin + lifted_ns);
	blocked_start(&read, read_lapse, &fd);
	lapse_set_read_deadline(fd, LAPSE_NEVER);
	lapse_sleep_until(begin + lifted_byte_ns);
	need(write(ends[1], "x", 1) == 1, "a byte");
	blocked_end(&read);
	side->took = read.end - begin;
	side->kept = read.result == 1 && read.end >= begin + lifted_byte_ns;
	side_says(side, "%s", read.result == 1 ? "the byte was read" : error_name(read.error));
	lapse_close(fd);
	close(ends[1]);
}

static const int64_t two_ns = 1 * LAPSE_S;
enum { TWO_FIRST_BYTES = 3 }; /* what the first of them waits for */

static void two_posix(struct side *side)
{
	int ends[2];
	char bytes[TWO_FIRST_BYTES], byte;
	struct dripper dripper;

	make_pair(ends);
	limit_receive(ends[0], two_ns);
	drip_start(&dripper, ends[1], sizeof bytes);
	lapse_time begin = lapse_now();
	ssize_t first = recv(ends[0], bytes, sizeof bytes, MSG_WAITALL);
	ssize_t second = read(ends[0], &byte, 1);
	int error = errno;
	side->took = lapse_now() - begin;
	side_says(side, "SO_RCVTIMEO on each, which adds up: %zd bytes, then %s", first,
	          second < 0 ? error_name(error) : "more");
	pthread_join(dripper.thread, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void two_lapse(struct side *side)
{
	int ends[2];
	char bytes[TWO_FIRST_BYTES];
	size_t first;
	struct dripper dripper;
	struct blocked read;
	lapse_scope scope;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	drip_start(&dripper, ends[1], sizeof bytes);
	lapse_time begin = lapse_now(), deadline = begin + two_ns;
	lapse_scope_enter(&scope, deadline);
	lapse_read_full(fd, bytes, sizeof bytes, &first);
	read.result = read_lapse(&fd);
	read.error = errno;
	read.end = lapse_now();
	bool told = lapse_scope_leave(&scope) == -1 && errno == LAPSE_EXPIRED;
	side->took = read.end - begin;
	side->kept = first == sizeof bytes && told &&
	             failed_in_time(&read, LAPSE_EXPIRED, deadline);
	side_says(side, "a scope around both: %zu bytes, then %s", first, error_name(read.error));
	pthread_join(dripper.thread, NULL);
	lapse_close(fd);
	close(ends[1]);
}

static const int64_t idle_ns = 500 * LAPSE_MS;
enum { IDLE_BYTES = 8, IDLE_WANTED = 20 };

static void idle_posix(struct side *side)
{
	int ends[2];
	char buffer[IDLE_WANTED];
	struct dripper dripper;

	make_pair(ends);
	limit_receive(ends[0], idle_ns);
	drip_start(&dripper, ends[1], IDLE_BYTES);
	size_t done = read_all(ends[0], buffer, sizeof buffer);
	int error = errno;
	lapse_time end = lapse_now();
	pthread_join(dripper.thread, NULL);
	side->took = end - dripper.last;
	side_says(side, "SO_RCVTIMEO, right for just this: %zu bytes, then %s", done,
	          done < sizeof buffer ? error_name(error) : "more");
	close(ends[0]);
	close(ends[1]);
}

static void idle_lapse(struct side *side)
{
	int ends[2];
	char buffer[IDLE_WANTED];
	size_t done;
	struct dripper dripper;
	struct blocked read;

	make_pair(ends);
	lapse_fd fd = lapse_adopt(ends[0]);
	lapse_set_idle(fd, LAPSE_READ, idle_ns);
	drip_start(&dripper, ends[1], IDLE_BYTES);
	read.result = lapse_read_full(fd, buffer, sizeof buffer, &done);
	read.error = errno;
	read.end = lapse_now();
	pthread_join(dripper.thread, NULL);
	side->took = read.end - dripper.last;
	side->kept = failed_in_time(&read, LAPSE_EXPIRED, dripper.last + idle_ns) &&
	             done == IDLE_BYTES;
	side_says(side, "an idle limit: %zu bytes, then %s", done, error_name(read.error));
	lapse_close(fd);
	close(ends[1]);
}

const struct scene deadline_scenes[] = {
	{"A byte arrives every 100 ms; 20 are wanted within 250 ms.", whole_posix, whole_lapse},
	{"A read waits with a limit of 2 s, which is now moved to 200 ms from now.", shorter_posix,
         shorter_lapse},
	{"A read waits with a limit of 1 s, which is moved to 1.5 s.", longer_posix, longer_lapse},
	{"A read waits with a limit of 1 s, which is lifted; a byte comes after 1.3 s.",
         lifted_posix, lifted_lapse},
	{"Two reads are to take 1 s together; the first ends after 300 ms.", two_posix, two_lapse},
	{"A byte arrives every 100 ms; after 8 the peer is silent. 500 ms of that are enough.",
         idle_posix, idle_lapse},
	{0},
};
