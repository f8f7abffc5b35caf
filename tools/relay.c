/* Standard input to a socket and the socket to standard output, a thread for each. Ends when both
 * have come to the end of their input, or one of them fails. Owns struct relay.
 *
 * How --idle is kept: a write has an idle limit of its own. The reads share one deadline, which is
 * put off while anybody writes and begins anew when the last has written; so a direction that has
 * nothing to say does not end a connection on which the other is busy.
 *
 * How a failure ends the other direction: every deadline is moved to the past. They are sticky, so
 * it does not matter whether the other is waiting or only about to. */
#include "relay.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct relay {
	const struct options *options;
	lapse_fd socket, in, out;
	ssize_t sent, received;

	pthread_mutex_t mutex; /* what follows, and the order in which deadlines are set */
	int writing;           /* directions that are writing */
	const char *failed;    /* what failed first, NULL: nothing has */
	int error;
};

static void set_read_deadlines(struct relay *relay, lapse_time deadline)
{
	lapse_set_read_deadline(relay->in, deadline);
	lapse_set_read_deadline(relay->socket, deadline);
}

/* 1: a write begins. -1: it has ended. 0: the start. */
static void count_writing(struct relay *relay, int change)
{
	const struct options *options = relay->options;
	lapse_time deadline = options->deadline;

	pthread_mutex_lock(&relay->mutex);
	relay->writing += change;
	if (options->idle_ns && !relay->writing) {
		lapse_time quiet = lapse_in(options->idle_ns);
		if (quiet < deadline)
			deadline = quiet;
	}
	if (!relay->failed && (options->idle_ns || change == 0))
		set_read_deadlines(relay, deadline);
	pthread_mutex_unlock(&relay->mutex);
}

static void fail(struct relay *relay, const char *what, int error)
{
	pthread_mutex_lock(&relay->mutex);
	if (!relay->failed) {
		relay->failed = what;
		relay->error = error;
		set_read_deadlines(relay, 0);
		lapse_set_write_deadline(relay->socket, 0);
		lapse_set_write_deadline(relay->out, 0);
	}
	pthread_mutex_unlock(&relay->mutex);
}

/* Until the end of from; 0, or -1 and the relay has failed. */
static int copy(struct relay *relay, lapse_fd from, const char *read_name, lapse_fd to,
                const char *write_name, ssize_t *moved)
{
	char buffer[32 * 1024];
	size_t written;
	ssize_t n;

	while ((n = lapse_read(from, buffer, sizeof buffer)) > 0) {
		count_writing(relay, 1);
		int result = lapse_write_full(to, buffer, (size_t)n, &written);
		*moved += (ssize_t)written;
		if (result) {
			fail(relay, write_name, errno);
			return -1;
		}
		count_writing(relay, -1);
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
	if (relay->error == LAPSE_EXPIRED) {
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
		.mutex = PTHREAD_MUTEX_INITIALIZER,
	};
	pthread_t sender;

	lapse_set_write_deadline(socket, options->deadline);
	lapse_set_write_deadline(out, options->deadline);
	lapse_set_idle(socket, LAPSE_WRITE, options->idle_ns);
	lapse_set_idle(out, LAPSE_WRITE, options->idle_ns);
	count_writing(&relay, 0);
	int error = pthread_create(&sender, NULL, send_all, &relay);
	if (error) {
		say(options->command, "cannot start a thread: %s", strerror(error));
		return STATUS_FAILED;
	}
	receive_all(&relay);
	pthread_join(sender, NULL);
	return report(&relay);
}
