/* Calls that something else has to end, and the signals that do: none may come to a thread that is in
 * no call of lapse's, where it would disturb the caller's own. */
#include "oracle/internal.h"

long o_call(long (*fn)(void *arg), void *arg)
{
	struct o_call *c = o_begin("lapse_call");
	long r;

	c->foreign = true;
	c = o_begun(c);
	r = lapse_call(fn, arg);
	o_return(c, r, 0);
	return r;
}

long o_call_on(lapse_fd fd, int dir, long (*fn)(int sysfd, void *arg), void *arg)
{
	struct o_call *c = o_begin_on("lapse_call_on", fd, dir, dir != 0, 0);
	long r = lapse_call_on(fd, dir, fn, arg);

	o_return(c, r, 0);
	return r;
}

long o_call_detached(long (*fn)(void *arg), void *arg, size_t size,
                     void (*late)(void *arg, long result))
{
	struct o_call *c = o_begin("lapse_call_detached");
	long r;

	c->foreign = true;
	c = o_begun(c);
	r = lapse_call_detached(fn, arg, size, late);
	o_return(c, r, 0);
	return r;
}

int o_fsync(lapse_fd fd)
{
	struct o_call *c = o_begin_on("fsync", fd, LAPSE_WRITE, false, 0);
	int r = lapse_fsync(fd);

	o_return(c, r, 0);
	return r;
}

int o_flock(lapse_fd fd, int operation)
{
	struct o_call *c = o_begin_on("flock", fd, LAPSE_READ | LAPSE_WRITE, false, 0);
	int r = lapse_flock(fd, operation);

	o_return(c, r, 0);
	return r;
}

/* Its calls never return. */
void o_thread_leave(void)
{
	for (int i = 0; i < o_all.call_count; i++)
		if (o_all.calls[i].span.thread == x_self() && o_all.calls[i].span.end == 0)
			o_all.calls[i].gone = true;
	k_thread_leave();
}

void o_grace(int64_t ns)
{
	o_all.grace = ns;
}

void o_interrupted(int thread)
{
	for (int i = 0; i < o_all.call_count; i++)
		if (o_all.calls[i].span.thread == thread && o_all.calls[i].span.end == 0)
			return;
	x_broken("no stray interrupt", "a signal of lapse's comes to thread %d, in no call",
	         thread);
}
