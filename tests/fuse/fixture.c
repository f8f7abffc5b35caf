/* The test's side of the FUSE fixture: starts the server, and gives it commands. Owns the control
 * socket and the root; touches neither lapse nor the kernel's device. */
#include "fixture.h"

#include "check.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct answer ask(struct fixture *f, int kind, uint32_t op, int64_t value)
{
	struct command command = {.kind = kind, .op = op, .value = value};
	struct answer answer;

	if (send(f->control, &command, sizeof(command), MSG_NOSIGNAL) != sizeof(command) ||
	    recv(f->control, &answer, sizeof(answer), 0) != sizeof(answer))
		check_die("fixture: the server has gone");
	return answer;
}

static void reap(struct fixture *f)
{
	int status;

	while (waitpid(f->server, &status, 0) < 0)
		if (errno != EINTR)
			check_die("fixture: waitpid: %s", strerror(errno));
	f->server = 0;
}

/* The first answer, and the root that comes with it. */
static struct answer receive_root(struct fixture *f)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = {.header = {0}};
	struct answer answer = {.error = EPROTO, .step = "the server"};
	struct iovec part = {&answer, sizeof(answer)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights.room),
	};

	if (recvmsg(f->control, &message, MSG_CMSG_CLOEXEC) == sizeof(answer) &&
	    message.msg_controllen > 0)
		memcpy(&f->root, CMSG_DATA(&rights.header), sizeof(f->root));
	return answer;
}

void fixture_start(struct fixture *f)
{
	char reason[128];
	struct answer first;
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		fail_msg("socketpair: %s", strerror(errno));
	*f = (struct fixture){.root = -1, .control = ends[0], .server = fork()};
	if (f->server < 0)
		fail_msg("fork: %s", strerror(errno));
	if (f->server == 0)
		server_run(ends[1], parent);
	close(ends[1]);
	first = receive_root(f);
	if (first.error == 0)
		return;
	snprintf(reason, sizeof(reason), "no FUSE here: %s: %s", first.step, strerror(first.error));
	fixture_stop(f);
	check_skip(reason);
}

void fixture_stop(struct fixture *f)
{
	if (f->server != 0 && f->root >= 0)
		fixture_release(f);
	if (f->root >= 0)
		close(f->root);
	close(f->control);
	if (f->server != 0)
		reap(f);
}

void fixture_kill(struct fixture *f)
{
	kill(f->server, SIGKILL);
	reap(f);
}

void fixture_hold(struct fixture *f, uint32_t op)
{
	fixture_hold_after(f, op, 0);
}

void fixture_hold_after(struct fixture *f, uint32_t op, uint64_t count)
{
	(void)ask(f, COMMAND_HOLD, op, (int64_t)count);
}

void fixture_delay(struct fixture *f, uint32_t op, int64_t ns)
{
	(void)ask(f, COMMAND_DELAY, op, ns);
}

void fixture_fail(struct fixture *f, uint32_t op, int error)
{
	(void)ask(f, COMMAND_FAIL, op, error);
}

void fixture_heed(struct fixture *f)
{
	(void)ask(f, COMMAND_HEED, 0, 0);
}

void fixture_answer(struct fixture *f, uint32_t op)
{
	if (ask(f, COMMAND_ANSWER, op, 0).error != 0)
		fail_msg("fixture: nothing of opcode %u is held", op);
}

void fixture_release(struct fixture *f)
{
	(void)ask(f, COMMAND_RELEASE, 0, 0);
}

void fixture_await(struct fixture *f, uint32_t op, uint64_t count)
{
	(void)ask(f, COMMAND_AWAIT, op, (int64_t)count);
}

uint64_t fixture_count(struct fixture *f, uint32_t op)
{
	return ask(f, COMMAND_AWAIT, op, 0).arrived;
}

uint64_t fixture_held(struct fixture *f, uint32_t op)
{
	return ask(f, COMMAND_AWAIT, op, 0).held;
}
