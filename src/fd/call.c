/* lapse_call and its like: foreign functions that block, and waitpid, under the causes of an
 * operation. Owns nothing. */
#include "fd/op.h"
#include "wait/interrupt.h"

#include <sys/wait.h>

/* -1 after an interruption: the cause that holds, or held when fn was interrupted; else fn's own
 * affair, as is every other result. */
static long verdict(struct lp_op *op, const struct lp_foreign *f)
{
	int error;
	int r = 0;

	if (f->result != -1)
		return f->result;
	error = errno;
	if (f->open.verdict != 0 || error == EINTR) {
		r = lp_op_look(op);
		if (r == 0) {
			r = f->open.verdict;
			if (r != 0 && f->open.blamed != NULL)
				lp_scope_blame(f->open.blamed, -r);
		}
	}
	errno = error;
	return r < 0 ? lp_ret(r) : -1;
}

/* An operation that has begun, or is within scopes alone. Its sides, if any, hold our place. Armed for
 * what op->earliest and the scopes say: a guess that holds saves the second look. In line for the same
 * reason as lp_sleep_fast. */
OS_INLINE int run(struct lp_op *op, struct lp_foreign *f)
{
	lapse_time guess = lp_time_min(op->earliest, lp_scope_guess());
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	lp_op_take_places_at(op, p, LAPSE_NEVER); /* lp_foreign_begin knows when */
	f->open.look = lp_op_look_asleep;
	f->open.look_ctx = op;
	f->now = &op->now;
	f->child = false;
	r = lp_sleep_fast(p, guess, lp_op_look_asleep, op, lp_interrupt_park_foreign, f);
	return r < 0 ? r : 0;
}

static void nothing(void *unused)
{
	(void)unused;
}

long lapse_call(long (*fn)(void *arg), void *arg)
{
	struct lp_foreign f;
	struct lp_op op;
	int r;

	if (fn == NULL)
		return lp_ret(-EFAULT);
	lp_fork_check();
	if (!lp_scope_any())
		return fn(arg); /* nothing could end it */
	lp_op_start(&op, NULL, "call");
	f.fn = (struct os_fn){.fn = fn, .arg = arg};
	f.leave = nothing;
	f.leave_arg = NULL;
	f.open.on = NULL;
	f.open.dirs = 0;
	r = run(&op, &f);
	return r < 0 ? lp_ret(r) : verdict(&op, &f);
}

/* ---- On a handle ---- */

/* The thread ends in fn: the handle must not wait for it for ever. */
static void leave(void *op)
{
	lp_op_end(op);
}

/* Has no need to look: run does so before it calls fn. */
static int enter_on(struct lp_op *op, struct lp_side *side, lapse_fd fd, int dir)
{
	if (dir != 0)
		return lp_op_enter(op, side, fd, dir, "call_on", &side->slot);
	lp_op_start(op, side, "call_on");
	return lp_op_pin(op, fd, LAPSE_READ | LAPSE_WRITE);
}

long lapse_call_on(lapse_fd fd, int dir, long (*fn)(int sysfd, void *arg), void *arg)
{
	struct lp_foreign f;
	struct lp_side side;
	struct lp_op op;
	long r;

	if (fn == NULL)
		return lp_ret(-EFAULT);
	if (dir != 0 && dir != LAPSE_READ && dir != LAPSE_WRITE)
		return lp_ret(-EINVAL);
	r = enter_on(&op, &side, fd, dir);
	if (r < 0)
		return lp_ret(r);
	op.earliest = lp_slot_deadline(side.slot, side.dirs);
	f.fn = (struct os_fn){.on_fn = fn, .sysfd = lp_sysfd(side.slot), .arg = arg};
	f.leave = leave;
	f.leave_arg = &op;
	f.open.on = side.slot;
	f.open.dirs = dir;
	r = run(&op, &f);
	if (r == 0 && f.child)
		return f.result; /* whatever was held is the parent's */
	r = r < 0 ? lp_ret(r) : verdict(&op, &f);
	lp_op_end_fast(&op);
	return r;
}

/* ---- Children ---- */

/* The first look leaves the child as it is unless it has something to report. */
pid_t lapse_waitpid(pid_t pid, int *status, int options)
{
	struct os_call now = os_call_waitpid(pid, status, options | WNOHANG);
	struct lp_op op;
	long r;

	lp_op_start(&op, NULL, "waitpid");
	lp_fork_check();
	r = lp_op_look(&op);
	if (r == 0)
		r = os_call_now(&now);
	if (r == 0 && (options & WNOHANG) == 0)
		r = lp_op_call(&op, os_call_waitpid(pid, status, options));
	return (pid_t)lp_ret(r);
}

/* ---- Which signal ---- */

int lapse_use_signal(int signo)
{
	return (int)lp_ret(os_interrupt_signal(signo));
}
