/* lapse connect and lapse listen: one TCP connection between standard input and output and a peer.
 * Owns how the peer is found; relay.c does the copying. */
#include "cli.h"
#include "relay.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: lapse connect [--connect DURATION] [--idle DURATION] [--total DURATION] HOST PORT\n"
	"       lapse listen [--connect DURATION] [--idle DURATION] [--total DURATION]\n"
	"                    [--host HOST] PORT\n"
	"Connect to a TCP port, or wait there for one peer. Standard input goes to the peer, and "
	"its\n"
	"end is passed on; what the peer sends goes to standard output. Done when both have "
	"ended.\n"
	"\n"
	"      --connect DURATION  give up when there is no peer after so long. The addresses of\n"
	"                          HOST are tried in turn, each for its share of the time "
	"that\n"
	"                          looking HOST up has left\n"
	"      --idle DURATION     give up when no byte moves in either direction for so long,\n"
	"                          or when a write moves none for so long\n"
	"      --total DURATION    be done within so long from the start\n"
	"      --host HOST         listen on this address only\n"
	"      --help              show this\n"
	"\n"
	"With PORT 0 listen lets the system choose and writes the number to standard error.\n";

enum {
	PORT_MAX = 65535,
};

static lapse_time earlier(lapse_time a, lapse_time b)
{
	return a < b ? a : b;
}

static int report(const struct options *options, const char *what, int error)
{
	if (error != LAPSE_EXPIRED) {
		say(options->command, "%s: %s", what, strerror(error));
		return STATUS_FAILED;
	}
	bool all = options->deadline <= lapse_now();
	const struct limit *limit = all ? &options->whole : &options->connect;
	say(options->command, "time was up (%s %s): no peer", limit->name, limit->text);
	return STATUS_TIME_UP;
}

/* getaddrinfo would take 0 for an empty word, and the lower 16 bits of a number. A word that is not a
 * number is left to it. */
static void check_port(const struct options *options, const char *port, long port_min)
{
	char *end;
	long number = strtol(port, &end, 10);

	if (*end || (end > port && number >= port_min && number <= PORT_MAX))
		return;
	say(options->command, "'%s' is not a port: it is not a number from %ld to %d", port,
	    port_min, PORT_MAX);
	exit_usage(options);
}

struct question {
	const char *host, *port; /* as good as the process */
	struct addrinfo hints, *list;
	int failure, error;
};

static long ask(void *arg)
{
	struct question *q = arg;

	q->failure = getaddrinfo(q->host, q->port, &q->hints, &q->list);
	q->error = errno;
	return 0;
}

static void answered_late(void *arg, long result)
{
	const struct question *q = arg;

	(void)result;
	if (!q->failure)
		freeaddrinfo(q->list);
}

/* Exits if there is none, or none in time. */
static struct addrinfo *look_up(const struct options *options, const char *host, const char *port,
                                int flags, lapse_time deadline)
{
	struct question q = {.host = host, .port = port};
	lapse_scope scope;

	q.hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	lapse_scope_enter(&scope, deadline);
	long r = lapse_call_detached(ask, &q, sizeof q, answered_late);
	int error = errno;
	lapse_scope_leave(&scope);
	if (r < 0)
		exit(report(options, host, error));
	if (!q.failure)
		return q.list;
	if (q.failure == EAI_SERVICE) {
		say(options->command,
		    "'%s' is not a port: it is neither a number nor the name of a TCP service",
		    port);
		exit_usage(options);
	}
	say(options->command, "%s port %s: %s", host, port,
	    q.failure == EAI_SYSTEM ? strerror(q.error) : gai_strerror(q.failure));
	exit(STATUS_FAILED);
}

static void close_keeping_errno(lapse_fd fd)
{
	int error = errno;

	lapse_close(fd);
	errno = error;
}

static lapse_fd connect_one(const struct addrinfo *address, lapse_time deadline)
{
	lapse_fd fd = lapse_socket(address->ai_family, address->ai_socktype, address->ai_protocol);

	if (fd == LAPSE_NOFD)
		return fd;
	lapse_set_write_deadline(fd, deadline);
	if (lapse_connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	close_keeping_errno(fd);
	return LAPSE_NOFD;
}

/* Each address gets an equal share of the time that is left; errno is the last one's. */
static lapse_fd connect_any(const struct addrinfo *list, lapse_time deadline)
{
	lapse_fd fd = LAPSE_NOFD;
	int left = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next)
		left++;
	for (; list && fd == LAPSE_NOFD; list = list->ai_next, left--) {
		lapse_time share = deadline;
		if (left > 1 && deadline != LAPSE_NEVER)
			share = lapse_in((deadline - lapse_now()) / left);
		fd = connect_one(list, share);
	}
	return fd;
}

int connect_run(int argc, char **argv)
{
	struct options options;

	options_read(&options, argc, argv, "cit", 2, help);
	check_port(&options, options.operands[1], 1); /* nobody can listen on 0 */
	lapse_fd in = options_adopt(&options, STDIN_FILENO);
	lapse_fd out = options_adopt(&options, STDOUT_FILENO);
	dump_on_signal(&options);
	const char *host = options.operands[0];
	lapse_time deadline = options.deadline;
	if (options.connect.name)
		deadline = earlier(deadline, lapse_in(options.connect_ns));
	struct addrinfo *list = look_up(&options, host, options.operands[1], 0, deadline);
	lapse_fd peer = connect_any(list, deadline);
	int error = errno;
	freeaddrinfo(list);
	if (peer == LAPSE_NOFD)
		return report(&options, host, error);
	return relay_run(&options, peer, in, out);
}

static int listen_at(lapse_fd fd, const struct addrinfo *address)
{
	int sysfd = lapse_sysfd(fd), on = 1, off = 0;

	if (setsockopt(sysfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
		return -1;
	/* The wildcard address is to take IPv4 peers as well, whatever the system's default. */
	if (address->ai_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)address->ai_addr)->sin6_addr) &&
	    setsockopt(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off))
		return -1;
	if (bind(sysfd, address->ai_addr, address->ai_addrlen))
		return -1;
	return listen(sysfd, 1);
}

/* The address asked for, not the word: 00, or the name of a service, may mean 0 as well. */
static bool is_port_left_open(const struct addrinfo *address)
{
	if (address->ai_family == AF_INET6)
		return !((struct sockaddr_in6 *)address->ai_addr)->sin6_port;
	return !((struct sockaddr_in *)address->ai_addr)->sin_port;
}

static void say_chosen_port(lapse_fd listener)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	char port[NI_MAXSERV];

	if (!getsockname(lapse_sysfd(listener), (struct sockaddr *)&address, &size) &&
	    !getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port,
	                 NI_NUMERICSERV))
		fprintf(stderr, "listening on %s\n", port);
}

/* At the first address that can be had. */
static lapse_fd listen_any(const struct addrinfo *list)
{
	for (; list; list = list->ai_next) {
		lapse_fd fd = lapse_socket(list->ai_family, list->ai_socktype, list->ai_protocol);
		if (fd == LAPSE_NOFD)
			continue;
		if (listen_at(fd, list) == 0) {
			if (is_port_left_open(list))
				say_chosen_port(fd);
			return fd;
		}
		close_keeping_errno(fd);
	}
	return LAPSE_NOFD;
}

static lapse_fd listen_on(const struct options *options, const char *host)
{
	struct addrinfo *list = look_up(options, host, options->operands[0], AI_PASSIVE,
	                                options->deadline);
	lapse_fd fd = listen_any(list);

	int error = errno;
	freeaddrinfo(list);
	errno = error;
	return fd;
}

static lapse_fd listen_anywhere(const struct options *options)
{
	lapse_fd fd = listen_on(options, "::");

	if (fd == LAPSE_NOFD && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		fd = listen_on(options, "0.0.0.0");
	return fd;
}

int listen_run(int argc, char **argv)
{
	struct options options;

	options_read(&options, argc, argv, "ciHt", 1, help);
	check_port(&options, options.operands[0], 0);
	lapse_fd in = options_adopt(&options, STDIN_FILENO);
	lapse_fd out = options_adopt(&options, STDOUT_FILENO);
	dump_on_signal(&options);
	const char *port = options.operands[0];
	lapse_fd listener = options.host ? listen_on(&options, options.host)
	                                 : listen_anywhere(&options);
	if (listener == LAPSE_NOFD)
		return report(&options, port, errno);
	lapse_time deadline = options.deadline;
	if (options.connect.name)
		deadline = earlier(deadline, lapse_in(options.connect_ns));
	lapse_set_read_deadline(listener, deadline);
	lapse_fd peer = lapse_accept(listener, NULL, NULL);
	if (peer == LAPSE_NOFD)
		return report(&options, port, errno);
	lapse_close(listener);
	return relay_run(&options, peer, in, out);
}
