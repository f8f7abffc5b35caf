/* lapse_wait and lapse_poll: readiness without I/O, for one handle and for many. Pinned, no turn,
 * found through the lists of waiters. Owns nothing.
 *
 * Whether a file is ready may be for its server to say, which may not answer. If anything is in force
 * that could end the call, a thread of the pool asks first, once; nearly all files are ready. Those that
 * are not, such as the kernel's logs, are then polled like everything else. */
#include "fd/letgo.h"
#include "time/time.h"

static short events_of(int dirs)
{
	return (short)((dirs & LAPSE_READ ? POLLIN : 0) | (dirs & LAPSE_WRITE ? POLLOUT : 0));
}

/* What ended, in whatever way, blocks nobody. */
static int holds(int dirs, short revents)
{
	int got = 0;

	if ((revents & (POLLERR | POLLHUP)) != 0)
		return dirs;
	if ((revents & POLLIN) != 0)
		got |= LAPSE_READ;
	if ((revents & POLLOUT) != 0)
		got |= LAPSE_WRITE;
	return got & dirs;
}

/* Bytes that a splice left behind make a handle readable, whatever poll says. */
static int holds_kept(const struct lp_slot *slot, int dirs)
{
	return lp_slot_knows(slot, LP_KEPT) ? dirs & LAPSE_READ : 0;
}

/* As a call on a file: what poll says at once. */
static long make_poll(struct lp_file_call *call, int sysfd, int other)
{
	struct pollfd file = {.fd = sysfd, .events = (short)call->mode};
	long r;

	(void)other;
	do
		r = os_poll(&file, 1, 0, 0);
	while (r == -EINTR);
	return r < 0 ? r : file.revents;
}

static struct lp_file_call call_poll(int dirs)
{
	return (struct lp_file_call){.make = make_poll, .mode = events_of(dirs)};
}

/* ---- One ---- */

/* 0 or -errno; what it said is in op->revents. */
static long ask_file(struct lp_op *op, struct lp_side *side)
{
	struct lp_file_call call = call_poll(side->dirs);
	long r = lp_op_look(op);

	if (r == 0)
		r = lp_file_call(op, side, NULL, &call, NULL);
	if (r > 0)
		op->revents = (short)r;
	return r < 0 ? r : 0;
}

static long wait_for_one(struct lp_op *op, struct lp_side *side)
{
	int got = holds_kept(side->slot, side->dirs);
	long r = 0;

	if (!lp_directions(side->dirs))
		return -EINVAL;
	if (got != 0)
		r = lp_op_look(op);
	else if (side->slot->kind == LP_FILE && !lp_file_is_direct(op, side))
		r = ask_file(op, side);
	while (r == 0 && got == 0 && op->revents == 0)
		r = lp_op_wait(op, side, events_of(side->dirs));
	if (r < 0)
		return r;
	if ((op->revents & POLLNVAL) != 0)
		return -EBADF; /* somebody closed the number behind our back */
	return got != 0 ? got : holds(side->dirs, op->revents);
}

int lapse_wait(lapse_fd fd, int dirs)
{
	struct lp_side side;
	struct lp_op op;
	long r;

	lp_op_start(&op, &side, "wait");
	r = lp_op_pin(&op, fd, dirs);
	if (r == 0)
		r = wait_for_one(&op, &side);
	lp_op_end(&op);
	return (int)lp_ret(r);
}

/* ---- Many ---- */

struct many {
	struct lp_op op; /* its sides are the entries that are waited for */
	struct lapse_pollfd *fds;
	struct pollfd *polled; /* goes with fds, and one more, the parker's */
	size_t count;
	struct lp_side *sides;
	size_t *entry; /* of each side: its place in fds */
	bool has_files;
	bool asks;            /* files have been asked about, by threads */
	struct lp_job **jobs; /* of each side: that one's, until it has answered; NULL: none */
	int job_count;        /* that have not answered yet */
	lapse_time grace_end;
};

/* Takes the answers that have come. How many of these files are ready; the others, and what no thread
 * could be had for, are polled from now on. */
static int hear_files(struct many *m)
{
	int told = 0;

	for (int i = 0; m->job_count > 0 && i < m->op.side_count; i++) {
		struct lapse_pollfd *f = &m->fds[m->entry[i]];
		struct lp_job *job = m->jobs[i];

		if (job == NULL || !lp_job_is_done(job))
			continue;
		if (job->refused == 0 && job->result > 0)
			f->got |= holds(f->dirs, (short)job->result);
		if (f->got != 0)
			told++;
		else if (f->error == 0)
			m->polled[m->entry[i]].fd = lp_sysfd(m->sides[i].slot);
		lp_file_put(job);
		m->jobs[i] = NULL;
		m->job_count--;
	}
	return told;
}

/* > 0: an entry has ended, or a file is ready; each of them is told. Scopes speak for all. */
static int look_many(void *ctx, lapse_time *earliest)
{
	struct many *m = ctx;
	int count = 0;
	int r;

	m->op.now = LP_UNREAD;
	m->op.earliest = LAPSE_NEVER;
	r = lp_scope_look(&m->op.now, &m->op.earliest);
	if (r < 0)
		return r;
	for (int i = 0; i < m->op.side_count; i++) {
		size_t entry = m->entry[i];

		r = lp_side_look(&m->op, &m->sides[i]);
		if (r == 0)
			continue;
		m->fds[entry].error = -r;
		m->polled[entry].fd = -1;
		count++;
	}
	*earliest = m->op.earliest;
	return m->job_count > 0 ? count + hear_files(m) : count;
}

/* Pins what can be waited for; the rest has its error at once. How many have something to say
 * already, or -EINVAL. */
static int pin_all(struct many *m)
{
	int told = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct lapse_pollfd *f = &m->fds[i];
		int r = lp_op_pin(&m->op, f->fd, f->dirs);
		const struct lp_slot *slot;

		f->got = 0;
		f->error = 0;
		m->polled[i] = (struct pollfd){.fd = -1};
		if (!lp_directions(f->dirs))
			return -EINVAL;
		if (r < 0) {
			f->error = -r;
			told++;
			continue;
		}
		m->entry[m->op.side_count - 1] = i;
		slot = m->sides[m->op.side_count - 1].slot;
		m->polled[i].fd = lp_sysfd(slot);
		m->polled[i].events = events_of(f->dirs);
		f->got = holds_kept(slot, f->dirs);
		told += f->got != 0;
		if (slot->kind == LP_FILE)
			m->has_files = true;
	}
	return told;
}

static bool ended(const struct many *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->fds[i].error != 0)
			return true;
	return false;
}

static int collect(struct many *m)
{
	int told = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct lapse_pollfd *f = &m->fds[i];
		short revents = m->polled[i].revents;

		if (f->error == 0 && (revents & POLLNVAL) != 0)
			f->error = EBADF; /* somebody closed the number behind our back */
		if (f->error == 0)
			f->got |= holds(f->dirs, revents);
		else
			f->got = 0;
		told += f->error != 0 || f->got != 0;
	}
	return told;
}

/* Where one has something to say already, the others are asked as well, once. */
static int ask_all(struct many *m)
{
	long r;

	do
		r = os_poll(m->polled, m->count, 0, 0);
	while (r == -EINTR);
	return r < 0 ? (int)r : 1;
}

/* ---- Files among them ---- */

static int start_jobs(struct many *m, struct lp_parker *p)
{
	for (int i = 0; i < m->op.side_count; i++) {
		const struct lapse_pollfd *f = &m->fds[m->entry[i]];
		struct lp_file_call call = call_poll(f->dirs);
		int r;

		if (f->error != 0 || !lp_file_may_hang(m->sides[i].slot))
			continue;
		r = lp_file_start(&m->sides[i], &call, p, &m->jobs[i]);
		if (r < 0) {
			m->jobs[i] = NULL;
			return r;
		}
		m->job_count++;
		m->polled[m->entry[i]].fd = -1;
	}
	return 0;
}

/* Looks, then has threads ask, each file for itself: one that does not answer hides no other. As
 * look_many. */
static int ask_files(struct many *m)
{
	struct lp_parker *p;
	lapse_time earliest;
	int told;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	lp_op_take_places(&m->op, p);
	told = look_many(m, &earliest);
	if (told < 0)
		return told;
	for (int i = 0; i < m->op.side_count; i++)
		m->jobs[i] = NULL;
	r = start_jobs(m, p);
	m->asks = m->job_count > 0;
	return r < 0 ? r : told;
}

static int look_for_answers(void *ctx, lapse_time *earliest)
{
	struct many *m = ctx;

	*earliest = m->grace_end;
	(void)hear_files(m);
	return m->job_count == 0 || os_now() >= m->grace_end;
}

/* Others have something to say: files that can answer get the time for it, or one would never hear of
 * them. */
static int hear_others(struct many *m)
{
	static const int64_t grace = 5 * LAPSE_MS;
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	m->grace_end = lp_time_add(os_now(), grace);
	(void)lp_sleep(p, m->grace_end, look_for_answers, m, lp_park_futex, NULL);
	return 0;
}

/* Those that have not answered are let go. */
static void leave_files(struct many *m)
{
	for (int i = 0; m->job_count > 0 && i < m->op.side_count; i++) {
		if (m->jobs[i] == NULL)
			continue;
		if (lp_job_leave(m->jobs[i], false) != LP_JOB_GONE)
			lp_file_put(m->jobs[i]);
		m->job_count--;
	}
}

/* ---- All of it ---- */

static int sleep_for_many(struct many *m)
{
	struct lp_ready ready = {m->polled, m->count};
	struct lp_parker *p;
	int r = lp_parker_pollable(&p);

	if (r < 0)
		return r;
	lp_op_take_places(&m->op, p);
	return lp_sleep(p, LAPSE_NEVER, look_many, m, lp_ready_park, &ready);
}

static int wait_for_many(struct many *m)
{
	lapse_time earliest;
	int r = pin_all(m);
	bool told = r > 0;

	if (r >= 0 && m->has_files && lp_op_in_force(&m->op)) {
		r = ask_files(m);
		told = told || r > 0;
	}
	if (r >= 0)
		r = told ? look_many(m, &earliest) : sleep_for_many(m);
	if (r >= 0 && m->asks) {
		(void)collect(m);
		r = hear_others(m);
	}
	if (r >= 0 && (told || m->asks || ended(m)))
		r = ask_all(m);
	leave_files(m);
	lp_op_end(&m->op);
	return r < 0 ? r : collect(m);
}

enum { FEW = 8 };

int lapse_poll(struct lapse_pollfd *fds, size_t count)
{
	struct lp_side sides[FEW];
	struct pollfd polled[FEW + 1];
	size_t entry[FEW];
	struct lp_job *jobs[FEW];
	struct many m = {.fds = fds,
	                 .polled = polled,
	                 .count = count,
	                 .sides = sides,
	                 .entry = entry,
	                 .jobs = jobs};
	size_t each = sizeof *m.sides + sizeof *m.polled + sizeof *m.entry + sizeof *m.jobs;
	size_t size = (count + 1) * each;
	struct lp_parker *p = NULL;
	void *room = NULL;
	int r;

	if (fds == NULL && count > 0)
		return (int)lp_ret(-EFAULT);
	if (count > INT_MAX - 1)
		return (int)lp_ret(-EINVAL);
	if (count > FEW) { /* as many as the caller likes: no frame holds them */
		r = lp_parker_mine(&p);
		if (r == 0 && (room = lp_parker_take_room(p, &size)) == NULL)
			r = -ENOMEM;
		if (r < 0)
			return (int)lp_ret(r);
		m.sides = room;
		m.entry = (size_t *)(m.sides + count);
		m.jobs = (struct lp_job **)(m.entry + count);
		m.polled = (struct pollfd *)(m.jobs + count);
	}
	lp_op_start(&m.op, m.sides, "poll");
	r = wait_for_many(&m);
	if (room != NULL)
		lp_parker_leave_room(p, room, size);
	return (int)lp_ret(r);
}
