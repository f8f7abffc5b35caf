/* A library that sees to MSG_WAITALL itself, since the kernel drops it where it may not wait:
 * descriptors that came after the first bytes were closed unseen, and what comes with every part,
 * credentials or a timestamp, ended the message at its first gap. Here the kernel's own answer is
 * the measure. */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

enum how {
	WITH_FD = 1,  /* with a descriptor */
	BY_CHILD = 2, /* another process writes it */
	AT_ONCE = 4,  /* before the call, as the first part always is */
};

struct part {
	const char *text; /* NULL: no more */
	int how;
};

struct script {
	const char *family;
	int option;    /* of SOL_SOCKET, set on the reader */
	size_t room;   /* for control data */
	size_t wanted; /* bytes; what does not come is the end of file */
	struct part parts[3];
};

/* What a message came to. */
struct got {
	struct call call;
	const struct script *script;
	char text[8];
	int flags;
	int fds, stamps;
	pid_t writer; /* 0: not named */
	int left;     /* bytes in the socket */
	int sent;     /* parts, all told */
};

static int unread(lapse_fd fd)
{
	int n = -1;

	CHECK(ioctl(lapse_sysfd(fd), FIONREAD, &n) == 0);
	return n;
}

/* ---- One end ---- */

static void take_control(struct got *g, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		struct ucred writer;
		int fd;

		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&writer, CMSG_DATA(c), sizeof(writer));
			g->writer = writer.pid;
		} else if (c->cmsg_type == SO_TIMESTAMP) {
			g->stamps++;
		} else {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			g->fds += close(fd) == 0;
		}
	}
}

static intptr_t receive(struct call *c, bool is_bare)
{
	struct got *g = (struct got *)c;
	struct iovec iov[2] = {{g->text, 1}, {g->text + 1, g->script->wanted - 1}};
	char control[128];
	struct msghdr msg = {.msg_iov = iov,
	                     .msg_iovlen = 2,
	                     .msg_control = control,
	                     .msg_controllen = g->script->room};
	ssize_t n = is_bare ? recvmsg(lapse_sysfd(c->fd), &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC)
	                    : lapse_recvmsg(c->fd, &msg, MSG_WAITALL);

	g->flags = msg.msg_flags;
	if (n > 0)
		take_control(g, &msg);
	return n;
}

static intptr_t receive_bare(struct call *c)
{
	return receive(c, true);
}

static intptr_t receive_lapse(struct call *c)
{
	return receive(c, false);
}

/* ---- The other ---- */

struct sending {
	int to;
	const struct part *part;
};

static void send_it(void *arg)
{
	const struct sending *s = arg;
	struct iovec iov = {(char *)s->part->text, strlen(s->part->text)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if ((s->part->how & WITH_FD) != 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control);
		memcpy(CMSG_DATA(&control.header), &s->to, sizeof(s->to));
	}
	CHILD_CHECK(sendmsg(s->to, &msg, 0) == (ssize_t)iov.iov_len);
}

static void send_part(lapse_fd to, const struct part *part)
{
	struct sending sending = {lapse_sysfd(to), part};

	if ((part->how & BY_CHILD) != 0)
		check_child_ends(check_fork(send_it, &sending), 0);
	else
		send_it(&sending);
}

/* It has read what there was and sleeps again, or is done. */
static void await_gap(struct got *g)
{
	while (!call_is_done(&g->call))
		if (unread(g->call.fd) == 0 && check_is_asleep(atomic_load(&g->call.tid)))
			break;
}

static void script_open(struct got *g, const struct script *script, lapse_fd ends[2])
{
	const int on = 1;

	*g = (struct got){.script = script};
	pair_make(script->family, ends);
	g->call.fd = ends[0];
	g->call.buf = g->text;
	/* The bare call waits, and lapse does not care. */
	CHECK(fcntl(lapse_sysfd(ends[0]), F_SETFL, 0) == 0);
	if (script->option != 0)
		CHECK(setsockopt(lapse_sysfd(ends[0]), SOL_SOCKET, script->option, &on,
		                 sizeof(on)) == 0);
	do
		send_part(ends[1], &script->parts[g->sent++]);
	while (g->sent < 3 && (script->parts[g->sent].how & AT_ONCE) != 0);
}

static void play(struct got *g, const struct script *script, intptr_t (*run)(struct call *))
{
	lapse_fd ends[2];

	script_open(g, script, ends);
	call_start(&g->call, run);
	for (; g->sent < 3 && script->parts[g->sent].text != NULL; g->sent++) {
		await_gap(g);
		send_part(ends[1], &script->parts[g->sent]);
	}
	await_gap(g);
	CHECK(lapse_shutdown(ends[1], SHUT_WR) == 0);
	call_join(&g->call);
	g->left = unread(ends[0]);
	pair_close(ends);
}

/* ---- Tests ---- */

static void as_the_kernel(const struct script *script)
{
	struct got bare, ours;

	play(&bare, script, receive_bare);
	play(&ours, script, receive_lapse);
	CHECK(bare.call.result > 0);
	CHECK_CALL(&ours.call, bare.call.result, 0);
	CHECK(memcmp(ours.text, bare.text, sizeof(bare.text)) == 0);
	CHECK(ours.flags == bare.flags);
	CHECK(ours.fds == bare.fds && ours.stamps == bare.stamps);
	CHECK((ours.writer == getpid()) == (bare.writer == getpid()));
	CHECK((ours.writer == 0) == (bare.writer == 0));
	CHECK(ours.left == bare.left);
}

static void a_descriptor_ends_it(void **state)
{
	static const struct script scripts[] = {
		{"unix_stream", 0, 128, 4, {{"ab", 0}, {"cd", WITH_FD}}},
		{"unix_stream", 0, 128, 6, {{"ab", 0}, {"cd", WITH_FD}, {"ef", 0}}},
		{"unix_stream", 0, 128, 6, {{"ab", 0}, {"cd", WITH_FD}, {"ef", WITH_FD}}},
		{"unix_stream", 0, 128, 6, {{"ab", 0}, {"cd", 0}, {"ef", WITH_FD}}},
		{"unix_stream", 0, 128, 4, {{"ab", WITH_FD}, {"cd", 0}}},
		{"unix_stream", 0, 128, 4, {{"ab", WITH_FD}, {"cd", AT_ONCE}}},
		{"unix_stream", 0, 128, 4, {{"ab", 0}, {"cd", AT_ONCE | WITH_FD}}},
		{"unix_stream", SO_PASSCRED, 128, 6, {{"ab", 0}, {"cd", WITH_FD}, {"ef", 0}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		as_the_kernel(&scripts[i]);
}

static void without_room_it_is_told(void **state)
{
	static const struct script script = {"unix_stream", 0, 0, 4, {{"ab", 0}, {"cd", WITH_FD}}};

	(void)state;
	as_the_kernel(&script);
}

static void credentials_do_not(void **state)
{
	static const struct script scripts[] = {
		{"unix_stream", SO_PASSCRED, 128, 4, {{"ab", 0}, {"cd", 0}}},
		{"unix_stream", SO_PASSCRED, 128, 6, {{"ab", 0}, {"cd", 0}, {"ef", 0}}},
		{"unix_stream", SO_PASSCRED, 128, 6, {{"ab", 0}, {"cd", 0}}},
		{"unix_stream", SO_PASSCRED, 20, 4, {{"ab", 0}, {"cd", 0}}},
		{"unix_stream", SO_PASSCRED, 0, 4, {{"ab", 0}, {"cd", 0}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		as_the_kernel(&scripts[i]);
}

/* Unless they are another's, who would be taken for the writer of all. */
static void another_writer_does(void **state)
{
	static const struct script scripts[] = {
		{"unix_stream", SO_PASSCRED, 128, 4, {{"ab", 0}, {"cd", BY_CHILD}}},
		{"unix_stream", SO_PASSCRED, 128, 6, {{"ab", BY_CHILD}, {"cd", 0}, {"ef", 0}}},
		{"unix_stream", SO_PASSCRED, 128, 4, {{"ab", 0}, {"cd", AT_ONCE | BY_CHILD}}},
		{"unix_stream", 0, 128, 4, {{"ab", 0}, {"cd", BY_CHILD}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		as_the_kernel(&scripts[i]);
}

static void timestamps_do_not(void **state)
{
	static const struct script scripts[] = {
		{"tcp", SO_TIMESTAMP, 128, 4, {{"ab", 0}, {"cd", 0}}},
		{"tcp", SO_TIMESTAMP, 128, 6, {{"ab", 0}, {"cd", 0}}},
		{"tcp", 0, 128, 6, {{"ab", 0}, {"cd", 0}, {"ef", 0}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		as_the_kernel(&scripts[i]);
}

/* A try that finds nothing would have the kernel write nobody's over them. */
static void a_deadline_leaves_them(void **state)
{
	static const struct script script = {"unix_stream", SO_PASSCRED, 128, 4, {{"ab", 0}}};
	lapse_fd ends[2];
	struct got g;

	(void)state;
	script_open(&g, &script, ends);
	call_block(&g.call, receive_lapse);
	CHECK(lapse_set_read_deadline(ends[0], lapse_now()) == 0);
	CHECK_CALL(&g.call, 2, 0);
	CHECK(g.call.error == LAPSE_EXPIRED && g.writer == getpid());
	pair_close(ends);
}

/* A descriptor of the writer comes with every part: here with the first alone, and none is lost. */
static void a_pidfd_is_not_lost(void **state)
{
	static const struct script script = {
		"unix_stream", SO_PASSPIDFD, 128, 4, {{"ab", 0}, {"cd", 0}}};
	const int on = 1;
	lapse_fd ends[2];
	struct got g;
	bool is_known;

	(void)state;
	pair_make("unix_stream", ends);
	is_known = setsockopt(lapse_sysfd(ends[0]), SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) == 0;
	pair_close(ends);
	if (!is_known)
		check_skip("SO_PASSPIDFD is younger than this kernel");
	play(&g, &script, receive_lapse);
	CHECK(g.fds == 1 && g.call.result + g.left == 4);
}

static const struct check checks[] = {
	{TEST(a_descriptor_ends_it)}, {TEST(without_room_it_is_told)},
	{TEST(credentials_do_not)},   {TEST(another_writer_does)},
	{TEST(timestamps_do_not)},    {TEST(a_deadline_leaves_them)},
	{TEST(a_pidfd_is_not_lost)},
};
CHECK_MAIN(checks)
