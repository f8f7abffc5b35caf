/* Operations, one after the other: begin, call, return. Owns no memory but the callers' buffers. */
#include "oracle/internal.h"

/* ---- Streams ---- */

ssize_t o_read(lapse_fd fd, size_t n)
{
	char buf[O_BYTES];
	struct o_call *c = o_begin_on("read", fd, LAPSE_READ, true, n);
	ssize_t r = lapse_read(fd, buf, n);

	o_return(c, r, r > 0 ? (uint64_t)r : 0);
	o_judge_bytes(c, buf);
	return r;
}

int o_read_full(lapse_fd fd, size_t n)
{
	char buf[O_BYTES];
	size_t done = 0;
	struct o_call *c = o_begin_on("read_full", fd, LAPSE_READ, true, n);
	int r = lapse_read_full(fd, buf, n, &done);

	o_return(c, r, done);
	o_judge_bytes(c, buf);
	return r;
}

ssize_t o_write(lapse_fd fd, size_t n)
{
	unsigned char buf[O_BYTES];
	struct o_call *c = o_begin_on("write", fd, LAPSE_WRITE, true, n);
	ssize_t r;

	for (size_t i = 0; i < n; i++)
		buf[i] = o_byte(c, i);
	r = lapse_write(fd, buf, n);
	o_return(c, r, r > 0 ? (uint64_t)r : 0);
	o_judge_bytes(c, NULL);
	return r;
}

/* ---- Readiness ---- */

int o_wait(lapse_fd fd, int dirs)
{
	struct o_call *c = o_begin_on("wait", fd, dirs, false, 0);
	int r = lapse_wait(fd, dirs);

	o_return(c, r, 0);
	if (r >= 0 && (r & dirs) == 0)
		x_broken("readiness", "wait returned %d, nothing that it was asked for", r);
	return r;
}

int o_poll(struct lapse_pollfd *fds, size_t count)
{
	struct o_call *c = o_begin("poll");
	int told = 0;
	int r;

	c->many = true;
	for (size_t i = 0; i < count; i++)
		o_add_side(c, fds[i].fd, fds[i].dirs);
	c = o_begun(c);
	r = lapse_poll(fds, count);
	o_return(c, r, 0);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		o_judge_entry(c, (int)i, fds[i].error, fds[i].got);
		told += fds[i].error != 0 || fds[i].got != 0;
	}
	if (told != r || (count > 0 && r == 0))
		x_broken("readiness", "poll returned %d of %d that have something to say", r, told);
	return r;
}

int o_check(lapse_fd fd, int dirs)
{
	struct o_call *c = o_begin_on("check", fd, dirs, false, 0);
	int r = lapse_check(fd, dirs);

	o_return(c, r, 0);
	return r;
}

static lapse_time deadline_in_force(lapse_fd fd, int dir)
{
	struct o_call *c = o_begin_on("deadline?", fd, 0, false, 0);
	struct o_dial d = {O_SET, c->sides[0].handle, -1, dir};
	lapse_time t = dir == LAPSE_READ ? lapse_read_deadline(fd) : lapse_write_deadline(fd);
	bool known = errno != 0;

	o_return(c, errno == EBADF ? -1 : 0, 0);
	for (int i = 0; i < o_all.change_count; i++)
		known = known || (o_all.changes[i].value == t &&
		                  o_surely_met(&o_all.changes[i].span, &c->span) &&
		                  o_counts(&o_all.changes[i], &d, &c->span));
	if (!known)
		x_broken("1 any time",
		         "the deadline in force is %lld, which nobody set or "
		         "somebody had replaced",
		         (long long)t);
	return t;
}

lapse_time o_read_deadline(lapse_fd fd)
{
	return deadline_in_force(fd, LAPSE_READ);
}

lapse_time o_write_deadline(lapse_fd fd)
{
	return deadline_in_force(fd, LAPSE_WRITE);
}

int o_sleep_until(lapse_time when)
{
	struct o_call *c = o_begin("sleep");
	int r;

	c->when = when;
	c = o_begun(c);
	r = lapse_sleep_until(when);
	o_return(c, r, 0);
	return r;
}

/* ---- The world outside ---- */

ssize_t o_raw_write(int number, size_t n)
{
	unsigned char buf[O_BYTES];
	struct o_call *c = o_begin_on("peer's write", LAPSE_NOFD, 0, false, n);
	ssize_t r;

	for (size_t i = 0; i < n; i++)
		buf[i] = o_byte(c, i);
	r = k_sendto(number, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
	errno = r < 0 ? (int)-r : 0;
	o_return(c, r, r > 0 ? (uint64_t)r : 0);
	o_judge_bytes(c, NULL);
	return r;
}

ssize_t o_raw_read(int number, size_t n)
{
	char buf[O_BYTES];
	struct o_call *c = o_begin_on("peer's read", LAPSE_NOFD, 0, false, n);
	ssize_t r = k_recvfrom(number, buf, n, MSG_DONTWAIT, NULL, NULL);

	errno = r < 0 ? (int)-r : 0;
	o_return(c, r, r > 0 ? (uint64_t)r : 0);
	o_judge_bytes(c, buf);
	return r;
}

int o_raw_open(void)
{
	return (int)k_eventfd();
}

static bool has_come(const struct x_op *op)
{
	return x_time() >= *(const int64_t *)op->arg;
}

void o_until(int64_t when)
{
	struct x_op op = {.name = "until",
	                  .object = x_clock(),
	                  .reads = x_only(x_clock()),
	                  .enabled = has_come,
	                  .arg = &when};

	x_step(&op);
}

/* What others were in the middle of is never heard of again. */
void o_fork(void)
{
	int self = x_self();

	k_become_child();
	o_all.forked = true;
	for (int i = 0; i < o_all.call_count; i++)
		o_all.calls[i].gone = o_all.calls[i].span.end == 0 &&
		                      o_all.calls[i].span.thread != self;
	for (int i = 0; i < o_all.change_count; i++)
		o_all.changes[i].gone = o_all.changes[i].span.end == 0 &&
		                        o_all.changes[i].span.thread != self;
	for (int i = 0; i < o_all.handle_count; i++)
		o_all.handles[i].inherited = true;
}
