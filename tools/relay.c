/* Standard input to a socket and the socket to standard output, a thread for each. Ends when both
 * have come to the end of their input, or one of them fails. Owns struct relay.
 *
 * How --idle is kept: a write has an idle limit of its own, the reads share what quiet.h describes.
 *
 * How a failure ends the other direction: every deadline is moved to the past. They are sticky, so
 * it does not matter whether the other is waiting or only about to. */
#include "relay.h"
#include "quiet.h"

#include <stdio.h>
#include <string.h>

struct relay {
	const struct options *options;
	lapse_fd socket, in, out;
	ssize_t sent, received;
	struct quiet quiet;
	const char *failed; /* what failed first, NULL: nothing has. Read when both have ended. */
	int error;
};

static void fail(struct relay *relay, const char *what, int error)
{
	if (!quiet_end(&relay->quiet, 0))
		return;
	relay->failed = what;
	relay->error = error;
	lapse_set_write_deadline(relay->socket, 0);
	lapse_set_write_deadline(relay->out, 0);
}

/* Until the end of from; 0, or -1 and the relay has failed. */
static int copy(struct relay *relay, lapse_fd from, const char *read_name, lapse_fd to,
                const char *write_name, ssize_t *moved)
{
	char buffer[32 * 1024];
	size_t written;
	ssize_t n;

	while ((n = lapse_read(from, buffer, sizeof buffer)) > 0) {
		quiet_count(&relay->quiet, 1);
		int result = lapse_write_full(to, buffer, (size_t)n, &written);
		*moved += (ssize_t)written;
		if (result) {
			fail(relay, write_name, errno);
			return -1;
		}
		quiet_count(&relay->quiet, -1);
	}
	if (n == 0)
		return 0;
	fail(relay, read_name, errno);
	return -1;
}

static void *send_all(void *arg)
{
	struct relay *relay = arg;

	if (copy(relay, relay->in, "standard input", relay->socket, "sending", &relay->sent))
		return NULL;
	/* ENOTCONN: the peer has left altogether, which is for the other direction to notice. */
	if (lapse_shutdown(relay->socket, SHUT_WR) && errno != ENOTCONN)
		fail(relay, "sending", errno);
	return NULL;
}

static void receive_all(struct relay *relay)
{
	if (copy(relay, relay->socket, "receiving", relay->out, "standard output",
	         &relay->received))
		return;
	/* So that whoever reads our output sees the end, though we may go on sending. */
	if (lapse_close(relay->out))
		fail(relay, "standard output", errno);
}

static int report(const struct relay *relay)
{
	const char *command = relay->options->command;

	if (!relay->failed)
		return STATUS_DONE;
	if (is_time_up(relay->error)) {
		const struct limit *limit = options_reached(relay->options);
		say(command, "time was up (%s %s): %zd bytes sent, %zd received", limit->name,
		    limit->text, relay->sent, relay->received);
		return STATUS_TIME_UP;
	}
	if (!strcmp(relay->failed, "standard output"))
		die_if_broken_pipe(relay->error);
	say(command, "%s: %s: %zd bytes sent, %zd received", relay->failed, strerror(relay->error),
	    relay->sent, relay->received);
	return STATUS_FAILED;
}

int relay_run(const struct options *options, lapse_fd socket, lapse_fd in, lapse_fd out)
{
	struct relay relay = {
		.options = options,
		.socket = socket,
		.in = in,
		.out = out,
	};
	pthread_t sender;

	lapse_set_write_deadline(socket, options->deadline);
	lapse_set_write_deadline(out, options->deadline);
	lapse_set_idle(socket, LAPSE_WRITE, options->idle_ns);
	lapse_set_idle(out, LAPSE_WRITE, options->idle_ns);
	quiet_start(&relay.quiet, options, in, socket);
	int error = pthread_create(&sender, NULL, send_all, &relay);
	if (error) {
		say(options->command, "cannot start a thread: %s", strerror(error));
		return STATUS_FAILED;
	}
	receive_all(&relay);
	pthread_join(sender, NULL);
	return report(&relay);
}
