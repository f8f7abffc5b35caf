/* lapse_wait and lapse_poll: readiness without I/O, for one handle and for many. Pinned, no turn,
 * found through the lists of waiters. Owns nothing. */
#include "fd/op.h"

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

static long wait_for_one(struct lp_op *op, struct lp_side *side)
{
	int got = holds_kept(side->slot, side->dirs);
	int r;

	if (!lp_directions(side->dirs))
		return -EINVAL;
	do
		r = got != 0 ? lp_op_look(op) : lp_op_wait(op, side, events_of(side->dirs));
	while (r == 0 && got == 0 && op->revents == 0);
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
	struct pollfd *polled; /* [0] is the parker's; [i + 1] goes with fds[i] */
	size_t count;
	struct lp_side *sides;
	size_t *entry; /* of each side: its place in fds */
};

/* > 0: an entry has ended; each of them is told. Scopes speak for all. */
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
		m->polled[entry + 1].fd = -1;
		count++;
	}
	*earliest = m->op.earliest;
	return count;
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
		m->polled[i + 1] = (struct pollfd){.fd = -1};
		if (!lp_directions(f->dirs))
			return -EINVAL;
		if (r < 0) {
			f->error = -r;
			told++;
			continue;
		}
		m->entry[m->op.side_count - 1] = i;
		slot = m->sides[m->op.side_count - 1].slot;
		m->polled[i + 1].fd = lp_sysfd(slot);
		m->polled[i + 1].events = events_of(f->dirs);
		f->got = holds_kept(slot, f->dirs);
		told += f->got != 0;
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
		short revents = m->polled[i + 1].revents;

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
		r = os_poll(m->polled + 1, m->count, 0, 0);
	while (r == -EINTR);
	return r < 0 ? (int)r : 1;
}

static int wait_for_many(struct many *m)
{
	struct lp_ready ready = {m->polled, m->count + 1};
	struct lp_parker *p;
	lapse_time earliest;
	int r = pin_all(m);

	if (r > 0) {
		r = look_many(m, &earliest);
		r = r < 0 ? r : ask_all(m);
	} else if (r == 0 && (r = lp_parker_pollable(&p)) == 0) {
		lp_op_take_places(&m->op, p);
		r = lp_sleep(p, LAPSE_NEVER, look_many, m, lp_ready_park, &ready);
		if (r > 0 && ended(m))
			r = ask_all(m);
	}
	lp_op_end(&m->op);
	return r < 0 ? r : collect(m);
}

enum { FEW = 8 };

int lapse_poll(struct lapse_pollfd *fds, size_t count)
{
	struct lp_side sides[FEW];
	struct pollfd polled[FEW + 1];
	size_t entry[FEW];
	struct many m = {
		.fds = fds, .polled = polled, .count = count, .sides = sides, .entry = entry};
	size_t each = sizeof *m.sides + sizeof *m.polled + sizeof *m.entry;
	void *room = NULL;
	int r;

	if (fds == NULL && count > 0)
		return (int)lp_ret(-EFAULT);
	if (count > INT_MAX - 1)
		return (int)lp_ret(-EINVAL);
	if (count > FEW) { /* as many as the caller likes: no frame holds them */
		room = os_map((count + 1) * each);
		if (room == NULL)
			return (int)lp_ret(-ENOMEM);
		m.sides = room;
		m.entry = (size_t *)(m.sides + count);
		m.polled = (struct pollfd *)(m.entry + count);
	}
	lp_op_start(&m.op, m.sides, "poll");
	r = wait_for_many(&m);
	if (room != NULL)
		os_unmap(room, (count + 1) * each);
	return (int)lp_ret(r);
}
