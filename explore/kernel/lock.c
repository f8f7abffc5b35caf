/* Locks on whole files, of both sorts that belong to an open file: flock's and F_OFD_SETLK's. Owns
 * who has them. */
#include "kernel/internal.h"

#include <sys/file.h>

static uint64_t bit(const struct k_file *f)
{
	return UINT64_C(1) << k_file_id(f);
}

void k_unlock_all(const struct k_file *f)
{
	struct k_path *p = &k_state.paths[f->path];

	for (int sort = 0; sort < K_LOCKS; sort++) {
		p->readers[sort] &= ~bit(f);
		p->writer[sort] &= ~bit(f);
	}
}

struct locking {
	int number, sort;
	enum { UNLOCK, SHARE, OWN } wanted;
	bool waits;
	struct k_file *held; /* in flight, once it waits */
	bool broken_off;     /* a signal comes */
};

static struct k_file *file_of(const struct locking *l)
{
	return l->held != NULL ? l->held : k_named(l->number);
}

static bool may_have(const struct locking *l, const struct k_file *f)
{
	const struct k_path *p = &k_state.paths[f->path];

	return l->wanted == UNLOCK ||
	       ((p->writer[l->sort] & ~bit(f)) == 0 &&
	        (l->wanted == SHARE || (p->readers[l->sort] & ~bit(f)) == 0));
}

static bool has(const struct locking *l, const struct k_file *f)
{
	const struct k_path *p = &k_state.paths[f->path];

	switch (l->wanted) {
	case SHARE:
		return (p->readers[l->sort] & bit(f)) != 0;
	case OWN:
		return (p->writer[l->sort] & bit(f)) != 0;
	default:
		return ((p->readers[l->sort] | p->writer[l->sort]) & bit(f)) == 0;
	}
}

static void refine_locking(struct x_op *op)
{
	const struct locking *l = op->arg;
	const struct k_file *f = file_of(l);

	op->reads = l->held != NULL ? 0 : k_on_number(l->number);
	op->writes = 0;
	if (f == NULL || f->path < 0)
		return;
	op->reads |= k_on_path(f->path);
	if (l->held != NULL)
		k_on_drop(op, f);
	else if (l->waits)
		op->writes |= k_on_file(f); /* it may hold it */
	if (!has(l, f))
		op->writes |= k_on_path(f->path);
}

static bool may_go_on(const struct x_op *op)
{
	const struct locking *l = op->arg;

	return l->broken_off || may_have(l, l->held);
}

/* flock gives up the lock it has before it asks for another, and does not get it back. */
static long try_lock(const struct locking *l, struct k_file *f)
{
	struct k_path *p = &k_state.paths[f->path];

	if (has(l, f))
		return 0;
	if (l->sort == K_FLOCK || may_have(l, f)) {
		p->readers[l->sort] &= ~bit(f);
		p->writer[l->sort] &= ~bit(f);
	}
	if (!may_have(l, f))
		return -EAGAIN;
	if (l->wanted == SHARE)
		p->readers[l->sort] |= bit(f);
	else if (l->wanted == OWN)
		p->writer[l->sort] |= bit(f);
	return 0;
}

static void refine_leaving(struct x_op *op)
{
	const struct locking *l = op->arg;

	op->reads = op->writes = 0;
	k_on_drop(op, l->held);
}

static void leave(void *arg)
{
	struct locking *l = arg;
	struct x_op op = K_OP("waits no more", l->number, refine_leaving, l);

	(void)x_step(&op);
	(void)k_file_drop(l->held, true);
}

static long wait_for(struct locking *l, const char *name)
{
	struct x_op op = K_OP(name, l->number, refine_locking, l);
	long r;

	op.enabled = may_go_on;
	l->held->calls++;
	l->broken_off = x_fault(2, "lock: waits, EINTR") != 0;
	if ((r = k_wait(&op, leave, l)) != 0)
		return r;
	r = try_lock(l, l->held);
	if (r < 0 && !l->broken_off)
		x_unfit("%s would wait for ever in setup", name);
	(void)k_file_drop(l->held, true);
	return r < 0 ? -EINTR : 0;
}

static long lock(struct locking *l, const char *name)
{
	struct x_op op = K_OP(name, l->number, refine_locking, l);
	struct k_file *f;
	long r;

	l->held = NULL;
	if (!k_enter(&op))
		return k_returns(-EINTR);
	f = k_named(l->number);
	if (f == NULL)
		r = -EBADF;
	else if (f->path < 0)
		r = -EINVAL; /* Linux locks anything; nobody here does */
	else
		r = try_lock(l, f);
	if (r == -EAGAIN && l->waits) {
		l->held = f;
		r = wait_for(l, name);
		if (r == K_RESTART)
			return lock(l, name);
	}
	k_log_call(K_OTHER, l->number, f, r);
	return k_returns(r);
}

long k_flock(int fd, int operation)
{
	struct locking l = {.number = fd, .sort = K_FLOCK, .waits = (operation & LOCK_NB) == 0};

	switch (operation & ~LOCK_NB) {
	case LOCK_SH:
		l.wanted = SHARE;
		break;
	case LOCK_EX:
		l.wanted = OWN;
		break;
	case LOCK_UN:
		l.wanted = UNLOCK;
		break;
	default:
		return -EINVAL;
	}
	return lock(&l, "flock");
}

long k_lock(int fd, const struct flock *wanted, bool waits)
{
	struct locking l = {.number = fd, .sort = K_OFD, .waits = waits};

	if (wanted->l_start != 0 || wanted->l_len != 0)
		x_unfit("locks on parts of files are not modelled");
	l.wanted = wanted->l_type == F_RDLCK ? SHARE : wanted->l_type == F_WRLCK ? OWN : UNLOCK;
	return lock(&l, "F_OFD_SETLK");
}
