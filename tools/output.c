/* A command's output on its way through us, see output.h. Owns nothing beyond struct output. */
#include "output.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void output_open(struct output *output, const struct options *options, int ends[2])
{
	*output = (struct output){0};
	for (int i = 0; i < 2; i++) {
		struct pump *pump = &output->pumps[i];
		int pipe[2];

		pump->quiet = &output->quiet;
		pump->options = options;
		pump->sysfd = STDOUT_FILENO + i;
		pump->to = options_adopt(options, pump->sysfd);
		if (pipe2(pipe, O_CLOEXEC) || (pump->from = lapse_adopt(pipe[0])) == LAPSE_NOFD) {
			say(options->command, "cannot make a pipe: %s", strerror(errno));
			exit(options->failed);
		}
		ends[i] = pipe[1];
	}
}

/* What the pipe holds now. */
static size_t unread(const struct pump *pump)
{
	int n = 0;

	return ioctl(lapse_sysfd(pump->from), FIONREAD, &n) ? 0 : (size_t)n;
}

/* At most so many bytes. False: writing failed. Counted from before the read, so that at any moment
 * what has been written is either still in the pipe or known to be on its way. */
static bool copy(struct pump *pump, size_t most)
{
	char buffer[32 * 1024];
	bool good = true;
	ssize_t n = 1;

	while (most && good && n > 0 && lapse_wait(pump->from, LAPSE_READ) > 0) {
		size_t written = 0;

		quiet_count(pump->quiet, 1);
		n = lapse_read(pump->from, buffer, most < sizeof buffer ? most : sizeof buffer);
		if (n > 0) {
			good = !lapse_write_full(pump->to, buffer, (size_t)n, &written);
			pump->error = good ? 0 : errno;
			most -= (size_t)n;
		}
		quiet_count(pump->quiet, -1);
		pump->moved += written;
	}
	return good;
}

/* Until the command has closed its end, or else for what it had written before output_finish. The
 * command is to see that its output goes nowhere as if it wrote there itself, so the pipe is closed
 * in the end. */
static void *pump_main(void *arg)
{
	struct pump *pump = arg;
	bool good = copy(pump, SIZE_MAX);

	if (good && lapse_check(pump->from, LAPSE_READ)) {
		lapse_set_read_deadline(pump->from, LAPSE_NEVER);
		good = copy(pump, unread(pump));
	}
	lapse_close(pump->from);
	/* Messages are still to go to standard error. */
	if (good && pump->sysfd == STDOUT_FILENO && lapse_close(pump->to))
		pump->error = errno;
	if (pump->error && pump->error != EPIPE && !is_time_up(pump->error))
		say(pump->options->command, "standard %s: %s",
		    pump->sysfd == STDOUT_FILENO ? "output" : "error", strerror(pump->error));
	return NULL;
}

void output_start(struct output *output, const struct options *options, lapse_fd wait)
{
	quiet_start(&output->quiet, options, wait, LAPSE_NOFD);
	for (int i = 0; i < 2; i++) {
		int error = pthread_create(&output->pumps[i].thread, NULL, pump_main,
		                           &output->pumps[i]);
		if (error) {
			say(options->command, "cannot start a thread: %s", strerror(error));
			exit(options->failed);
		}
	}
}

/* In this order: what leaves the pipe has been counted before. */
bool output_is_silent(struct output *output)
{
	if (unread(&output->pumps[0]) || unread(&output->pumps[1]))
		quiet_count(&output->quiet, 0);
	return quiet_has_passed(&output->quiet);
}

int output_finish(struct output *output, lapse_time deadline)
{
	int error = 0;

	for (int i = 0; i < 2; i++) {
		lapse_set_write_deadline(output->pumps[i].to, deadline);
		lapse_set_read_deadline(output->pumps[i].from, 0);
	}
	for (int i = 0; i < 2; i++) {
		struct pump *pump = &output->pumps[i];

		pthread_join(pump->thread, NULL);
		/* Nobody reads: that is between the command and its reader. */
		if (pump->error && pump->error != EPIPE)
			error = pump->error;
	}
	return error;
}

size_t output_moved(const struct output *output)
{
	return output->pumps[0].moved + output->pumps[1].moved;
}
