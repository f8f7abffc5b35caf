/* The server of the FUSE fixture: mounts, takes requests from the kernel and commands from the test,
 * and decides when each request is answered. A process of its own with one thread; after the fork it
 * allocates nothing, because the process it was forked from may have had threads.
 * Owns the connection to the kernel, which nobody else has: it ends with this process, and with it
 * whatever was held. What a request does is in files.c. */
#include "server.h"

#include "check.h"
#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	HELD_MAX = 256,
	IN_MAX = SERVER_IO_MAX + 4096,
	PARENT_LOOK_MS = 200, /* how often it is looked whether the parent is about to end */
	LIFE_S =
		40, /* more than a test gets, which may be stuck too deep to be told that it hangs */
	LIFE_WATCHED_S = 400,
};

struct rule {
	uint64_t held_from; /* the first that is held, counted from 1; 0: none */
	int error;
	int64_t delay_ns;
	uint64_t arrived;
};

/* A request that is not answered yet. Whole, as it came, in pages of its own. */
struct held {
	struct fuse_in_header *in; /* NULL: a free entry */
	uint64_t order;
	lapse_time due; /* LAPSE_NEVER: when it is released */
};

static int device, control;
static struct rule rules[SERVER_OPS];
static struct held held[HELD_MAX];
static uint64_t order_last;
static bool heeds;
static struct command awaited; /* a COMMAND_AWAIT that is not answered yet */
static bool is_awaited;

/* ---- Answers to the kernel ---- */

static void reply(const struct fuse_in_header *in, ssize_t result, const void *out)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + (result > 0 ? (size_t)result : 0)),
		.error = result < 0 ? (int)result : 0,
		.unique = in->unique,
	};
	struct iovec parts[2] = {
		{&header, sizeof(header)},
		{(void *)out, header.len - sizeof(header)},
	};

	/* ENOENT: the caller was killed before it was answered. */
	if (writev(device, parts, 2) < 0 && errno != ENOENT)
		check_die("fixture: answer to opcode %u: %s", in->opcode, strerror(errno));
}

static void perform(const struct fuse_in_header *in)
{
	static uint64_t out[SERVER_OUT_MAX / sizeof(uint64_t)];
	ssize_t result = -ENOSYS;

	if (in->opcode < SERVER_OPS && rules[in->opcode].error != 0)
		result = -rules[in->opcode].error;
	else
		result = server_perform(in, in + 1, out);
	reply(in, result, out);
}

/* ---- Held requests ---- */

static void hold(const struct fuse_in_header *in, lapse_time due)
{
	struct held *h = held;

	while (h < held + HELD_MAX && h->in != NULL)
		h++;
	if (h == held + HELD_MAX)
		check_die("fixture: more than %d requests are held", HELD_MAX);
	h->in = mmap(NULL, in->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h->in == MAP_FAILED)
		check_die("fixture: %s", strerror(errno));
	memcpy(h->in, in, in->len);
	h->order = ++order_last;
	h->due = due;
}

static void drop(struct held *h)
{
	munmap(h->in, h->in->len);
	h->in = NULL;
}

/* The one that came first among those of that opcode (SERVER_OPS: of any) that are due by then. */
static struct held *oldest(uint32_t op, lapse_time due)
{
	struct held *first = NULL;

	for (struct held *h = held; h < held + HELD_MAX; h++)
		if (h->in != NULL && (op == SERVER_OPS || h->in->opcode == op) && h->due <= due &&
		    (first == NULL || h->order < first->order))
			first = h;
	return first;
}

static void answer_due(uint32_t op, lapse_time due)
{
	struct held *h;

	while ((h = oldest(op, due)) != NULL) {
		perform(h->in);
		drop(h);
	}
}

static void interrupted(const struct fuse_interrupt_in *arg)
{
	for (struct held *h = held; h < held + HELD_MAX; h++) {
		if (!heeds || h->in == NULL || h->in->unique != arg->unique)
			continue;
		reply(h->in, -EINTR, NULL);
		drop(h);
	}
}

/* ---- Requests ---- */

static void take_request(const struct fuse_in_header *in)
{
	struct rule *rule;

	if (in->opcode >= SERVER_OPS) {
		reply(in, -ENOSYS, NULL);
		return;
	}
	rule = &rules[in->opcode];
	rule->arrived++;
	if (in->opcode == FUSE_INTERRUPT)
		interrupted((const void *)(in + 1));
	else if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
		return; /* not to be answered */
	else if (rule->held_from != 0 && rule->arrived >= rule->held_from)
		hold(in, LAPSE_NEVER);
	else if (rule->delay_ns > 0)
		hold(in, lapse_in(rule->delay_ns));
	else
		perform(in);
}

static void take_requests(void)
{
	static uint64_t in[IN_MAX / sizeof(uint64_t)];

	for (;;) {
		ssize_t n = read(device, in, sizeof(in));

		if (n >= 0)
			take_request((const void *)in);
		else if (errno == ENODEV)
			_exit(0); /* nothing is left that could ask */
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ENOENT) /* its caller was killed */
			check_die("fixture: /dev/fuse: %s", strerror(errno));
	}
}

/* ---- Commands ---- */

static void say(uint32_t op, int error)
{
	struct answer answer = {.error = error, .arrived = rules[op].arrived};

	for (int i = 0; i < HELD_MAX; i++)
		answer.held += held[i].in != NULL && held[i].in->opcode == op;
	if (send(control, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void release(void)
{
	for (int op = 0; op < SERVER_OPS; op++) {
		rules[op].held_from = 0;
		rules[op].delay_ns = 0;
	}
	heeds = false;
	answer_due(SERVER_OPS, LAPSE_NEVER);
}

static int answer_one(uint32_t op)
{
	struct held *h = oldest(op, LAPSE_NEVER);

	if (h == NULL)
		return ENOENT;
	perform(h->in);
	drop(h);
	return 0;
}

static void take_command(void)
{
	struct command command;
	int error = 0;

	if (recv(control, &command, sizeof(command), 0) != sizeof(command))
		_exit(0); /* the test has ended */
	if (command.op >= SERVER_OPS)
		check_die("fixture: no opcode: %u", command.op);
	switch (command.kind) {
	case COMMAND_HOLD:
		rules[command.op].held_from = rules[command.op].arrived + (uint64_t)command.value +
		                              1;
		break;
	case COMMAND_DELAY:
		rules[command.op].delay_ns = command.value;
		break;
	case COMMAND_FAIL:
		rules[command.op].error = (int)command.value;
		break;
	case COMMAND_HEED:
		heeds = true;
		break;
	case COMMAND_ANSWER:
		error = answer_one(command.op);
		break;
	case COMMAND_RELEASE:
		release();
		break;
	case COMMAND_AWAIT:
		awaited = command;
		is_awaited = true;
		return;
	}
	say(command.op, error);
}

static void answer_awaited(void)
{
	if (!is_awaited || rules[awaited.op].arrived < (uint64_t)awaited.value)
		return;
	is_awaited = false;
	say(awaited.op, 0);
}

/* ---- The parent's end ----
 * A process that is to die closes nothing while one of its threads sleeps unkillably, as one may
 * whose request is held here. So that the closed control socket would never be seen, it is looked for
 * the signs: the first thread has gone, or has been killed. */

static bool parent_ends(pid_t parent)
{
	char text[4096], *field;
	ssize_t n;
	int fd;

	if (getppid() != parent)
		return true;
	snprintf(text, sizeof(text), "/proc/%d/status", parent);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	field = strstr(text, "\nState:\t");
	if (field != NULL && (field[8] == 'Z' || field[8] == 'X'))
		return true;
	field = strstr(text, "\nSigPnd:\t");
	return field != NULL && (strtoull(field + 9, NULL, 16) >> (SIGKILL - 1) & 1) != 0;
}

/* ---- Start ---- */

/* The root of a new mount that is attached nowhere, or -1 and what failed. */
static int mount_new(const char **step)
{
	const struct {
		const char *key, *value;
	} options[] = {{"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}};
	char number[16];
	int context, root;

	*step = "/dev/fuse";
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (device < 0)
		return -1;
	*step = "fsopen of fuse";
	context = fsopen("fuse", FSOPEN_CLOEXEC);
	if (context < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", device);
	*step = "mounting fuse";
	if (fsconfig(context, FSCONFIG_SET_STRING, "fd", number, 0) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (fsconfig(context, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) !=
		    0)
			return -1;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return -1;
	root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	close(context);
	return root;
}

/* The first answer: the root, or why there is none. */
static void introduce(void)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct answer answer = {.error = 0};
	struct iovec part = {&answer, sizeof(answer)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	const char *step;
	int root = mount_new(&step);

	if (root < 0) {
		answer.error = errno;
		strncpy(answer.step, step, sizeof(answer.step) - 1);
	} else {
		memcpy(CMSG_DATA(&rights.header), &root, sizeof(root));
		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights.room);
	}
	if (sendmsg(control, &message, MSG_NOSIGNAL) < 0 || root < 0)
		_exit(0);
	close(root);
}

/* Nothing of the test's is kept: neither its descriptors, whose ends others wait for, nor what it
 * does on a signal. */
static void shed(int socket)
{
	int null = open("/dev/null", O_RDWR);

	control = 3;
	if (null < 0 || dup2(socket, control) < 0)
		check_die("fixture: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(4, ~0U, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	prctl(PR_SET_NAME, "lapse-fuse");
	alarm(check_is_watched() ? LIFE_WATCHED_S : LIFE_S);
}

_Noreturn void server_run(int socket, pid_t parent)
{
	struct pollfd fds[2];

	shed(socket);
	introduce();
	fds[0] = (struct pollfd){control, POLLIN, 0};
	fds[1] = (struct pollfd){device, POLLIN, 0};
	while (!parent_ends(parent)) {
		lapse_time due = lapse_in(PARENT_LOOK_MS * LAPSE_MS);

		for (int i = 0; i < HELD_MAX; i++)
			if (held[i].in != NULL && held[i].due < due)
				due = held[i].due;
		due -= lapse_now();
		(void)poll(fds, 2, due > 0 ? (int)((due + LAPSE_MS - 1) / LAPSE_MS) : 0);
		if (fds[0].revents != 0)
			take_command();
		take_requests();
		answer_due(SERVER_OPS, lapse_now());
		answer_awaited();
	}
	_exit(0);
}
